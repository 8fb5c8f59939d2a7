# SPDX-License-Identifier: MIT
"""softmax and its family beyond their cases: random cases beside torch, odd and long rows."""

import os

import numpy as np
import pytest

import ndnn.functional as F
from ndnn import Tensor, config
from oracle import forced
from test_activation import random_array

RANDOM_CASES = int(os.environ.get("NDNN_RANDOM_CASES", "10000")) // 10
RNG = np.random.default_rng(0)


def test_random_softmax_is_torchs() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    for _ in range(RANDOM_CASES):
        op, dtype = (
            str(rng.choice(["softmax", "log_softmax", "softmin"])),
            str(rng.choice(["float32", "float64"])),
        )
        x = random_array(rng, dtype)
        dim = int(rng.integers(-max(1, x.ndim), max(1, x.ndim)))
        if rng.random() < 0.2 and x.size:
            x = np.where(rng.random(x.shape) < 0.3, x.dtype.type(-np.inf), x)
        with forced(str(rng.choice(config.supported_isas()))):
            ours, theirs = Tensor(x, requires_grad=True), torch.tensor(x.copy(), requires_grad=True)
            got, want = getattr(F, op)(ours, dim), getattr(torch.nn.functional, op)(theirs, dim)
            g = rng.standard_normal(x.shape).astype(dtype)
            got.backward(g)
            want.backward(torch.tensor(g))
        eps = float(np.finfo(dtype).eps)
        size = np.where(np.isfinite(x), np.abs(x), 0).max(initial=1)
        np.testing.assert_allclose(
            got.data,
            want.detach().numpy(),
            rtol=50 * eps,
            atol=32 * eps * size,
            err_msg=f"{op} {dim} {x}",
        )
        np.testing.assert_allclose(
            ours.grad, theirs.grad.numpy(), rtol=0, atol=200 * eps * size, err_msg=f"{op} {dim} {x}"
        )


def test_softmax_of_odd_rows_is_torchs(isa: str, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    rows = np.array(
        [[-np.inf] * 3, [0, np.nan, 1], [0, np.inf, 1], [0, -np.inf, 1], [1e30, 0, 0]], dtype
    )
    for x, dim in ((rows, 1), (rows.T.copy(), 0)):
        with forced(isa):
            for op in ("softmax", "log_softmax", "softmin"):
                got = getattr(F, op)(x, dim)
                want = getattr(torch.nn.functional, op)(torch.tensor(x), dim).numpy()
                np.testing.assert_allclose(got, want, rtol=16 * np.finfo(dtype).eps)


def test_long_rows_are_accurate(isa: str) -> None:
    x = RNG.standard_normal((2, 50_000)).astype(np.float32)
    exact = np.exp(x.astype(np.float64))
    exact /= exact.sum(1, keepdims=True)
    with forced(isa):
        for got in (F.softmax(x, 1), F.softmax(x.T, 0).T, F.softmax(x.T.copy(), 0).T):
            assert np.abs(got / exact - 1).max() < 58 * np.finfo(np.float32).eps
            assert np.abs(F.log_softmax(x, 1) - np.log(exact)).max() < 1e-5


def test_gumbel_softmax_draws_as_softmax() -> None:
    logits = np.log(np.array([0.1, 0.2, 0.7]))
    x = Tensor(np.tile(logits, (20_000, 1)), requires_grad=True)
    y = F.gumbel_softmax(x, hard=True, generator=np.random.default_rng(1))
    np.testing.assert_allclose(y.data.mean(0), [0.1, 0.2, 0.7], atol=0.02)
    assert set(np.unique(y.data)) == {0, 1}
    soft = F.gumbel_softmax(x.data, generator=np.random.default_rng(1))
    np.testing.assert_array_equal(soft.argmax(1), y.data.argmax(1))
    g = RNG.standard_normal(x.shape)
    y.backward(g)
    np.testing.assert_allclose(x.grad, soft * (g - (g * soft).sum(1, keepdims=True)), atol=1e-12)
