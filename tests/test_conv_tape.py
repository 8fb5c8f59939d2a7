# SPDX-License-Identifier: MIT
"""Convolutions on the tape: the gradients that reach the leaves, in every case of the tables."""

import math
from typing import Any

import numpy as np
import pytest

import ndnn
import ndnn.functional as F
from cases import Case, all_cases
from ndnn import Tensor, nn
from oracle import normals

CASES = [pytest.param(case, id=str(case)) for case in all_cases()]
SMALL = [c for c in CASES if sum(math.prod(s) for s in c.values[0].shapes if s is not None) <= 1500]
# torch has no true convolution, and no output channels without input channels.
TORCH = [c for c in CASES if not (c.values[0].op.startswith("true_") or 0 in c.values[0].shapes[1])]


def leaves(case: Case, dtype: str) -> list[Any]:
    return [None if x is None else Tensor(x, requires_grad=True) for x in normals(case, dtype)]


def test_there_are_small_cases_of_every_operator() -> None:
    assert {c.values[0].op for c in SMALL} == {c.values[0].op for c in CASES}


@pytest.mark.parametrize("case", SMALL)
def test_central_differences(case: Case) -> None:
    inputs = leaves(case, "float64")
    assert ndnn.gradcheck(lambda *xs: getattr(F, case.op)(*xs, **case.kwargs), inputs)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("case", TORCH)
def test_torchs_gradients(case: Case, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    ours = leaves(case, dtype)
    theirs = [None if x is None else torch.tensor(x.data, dtype=torch.float64) for x in ours]
    for t in theirs:
        if t is not None:
            t.requires_grad = True
    try:
        want = getattr(torch.nn.functional, case.op)(*theirs, **case.kwargs)
    except RuntimeError:
        pytest.skip("torch refuses it")
    got = getattr(F, case.op)(*ours, **case.kwargs)
    g = np.random.default_rng(1).standard_normal(got.shape).astype(dtype)
    got.backward(g)
    want.backward(torch.tensor(g, dtype=torch.float64))
    eps = np.finfo(dtype).eps
    for x, t in zip(ours, theirs, strict=True):
        if x is not None:
            assert x.grad.dtype == dtype
            # Sums of standard normal products: their size is the root of their number, and the
            # error of Winograd's transforms at most some hundred eps of it.
            scale = max(1.0, float(abs(t.grad).max()) if t.grad.numel() else 0)
            np.testing.assert_allclose(x.grad, t.grad.numpy(), rtol=0, atol=300 * eps * scale)


def test_only_the_gradients_asked_for_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("nobody asked for the gradient of the input")

    monkeypatch.setattr(ndnn._core, "conv_input_gradient", refuse)
    monkeypatch.setattr(ndnn._core, "conv_transpose_input_gradient", refuse)
    x = np.ones((2, 3, 6, 6), np.float32)
    for layer in (nn.Conv2d(3, 4, 3), nn.ConvTranspose2d(3, 4, 3, stride=2)):
        layer(x).sum().backward()
        assert layer.weight.grad.shape == layer.weight.shape
        np.testing.assert_allclose(layer.bias.grad, layer(x).size / 4)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_layers_of_transposed_convolution_are_torchs(rank: int) -> None:
    torch = pytest.importorskip("torch")
    name = f"ConvTranspose{rank}d"
    settings = {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2, "dilation": 2}
    ours = getattr(nn, name)(4, 6, 3, **settings)
    theirs = getattr(torch.nn, name)(4, 6, 3, **settings)
    assert repr(ours) == repr(theirs)
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    x = np.random.default_rng(0).standard_normal((2, 4, *(5, 4, 3)[:rank])).astype(np.float32)
    got, want = ours(x), theirs(torch.tensor(x))
    np.testing.assert_allclose(got.data, want.detach().numpy(), atol=1e-5)
    g = np.random.default_rng(1).standard_normal(got.shape).astype(np.float32)
    got.backward(g)
    want.backward(torch.tensor(g))
    for p, t in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(p.grad, t.grad.numpy(), atol=1e-4)
    sizes = [n - 1 for n in got.shape[2:]]
    assert ours(x, output_size=sizes).shape == theirs(torch.tensor(x), output_size=sizes).shape
