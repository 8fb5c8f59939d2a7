# SPDX-License-Identifier: MIT
"""Every case of the operators of one algorithm: values, gradients, dtypes, memory, and torch's."""

from typing import Any

import numpy as np
import pytest

import ndnn
import ndnn.functional as F
from cases import Case, array_cases
from ndnn import Tensor, reference
from oracle import forced, normals, strided

CASES = [pytest.param(case, id=str(case)) for case in array_cases()]
SMOOTH = [case for case in CASES if case.values[0].gradient]


def split(case: Case) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arrays among the kwargs, fresh for each call as batch norm writes to two; and the others."""
    arrays = {k: v.copy() for k, v in case.kwargs.items() if isinstance(v, np.ndarray)}
    return arrays, {k: v for k, v in case.kwargs.items() if k not in arrays}


def call(case: Case, inputs: list[Any], dtype: Any = None) -> Any:
    """The operator; by their names, as batch norm's weight stands behind its statistics."""
    arrays, others = split(case)
    if dtype is not None:
        arrays = {k: v.astype(dtype) if v.dtype.kind == "f" else v for k, v in arrays.items()}
    return getattr(F, case.op)(**named(case, inputs), **arrays, **others)


def named(case: Case, inputs: list[Any]) -> dict[str, Any]:
    return dict(zip(case.inputs, inputs, strict=False))


@pytest.mark.parametrize("case", CASES)
def test_values(case: Case, isa: str, dtype: str) -> None:
    inputs = normals(case, dtype)
    kept = [x.copy() for x in inputs]
    with forced(isa):
        got = np.asarray(call(case, inputs, dtype))
    want = getattr(reference, case.op)(**named(case, inputs), **case.kwargs)
    assert got.dtype == (want.dtype if want.dtype.kind == "i" else dtype)
    assert got.shape == want.shape
    # At most some 300 terms near 1 in each sum, several functions of a few ulp.
    np.testing.assert_allclose(
        got, want, rtol=1e3 * np.finfo(dtype).eps, atol=50 * np.finfo(dtype).eps
    )
    for before, after in zip(kept, inputs, strict=True):
        np.testing.assert_array_equal(before, after, "an input was written")


@pytest.mark.parametrize("case", SMOOTH)
def test_threads_change_no_bit(case: Case, dtype: str) -> None:
    inputs = normals(case, dtype)
    want, gradients = backward(case, inputs, dtype)
    for count in (1, 2, 3):
        with ndnn.num_threads(count):
            got, theirs = backward(case, inputs, dtype)
        np.testing.assert_array_equal(got, want)
        for ours, other in zip(gradients, theirs, strict=True):
            np.testing.assert_array_equal(ours, other)


def backward(case: Case, inputs: list[Any], dtype: str) -> tuple[Any, list[Any]]:
    """The result and the gradients of the inputs."""
    tensors = [Tensor(x, requires_grad=True) for x in inputs]
    y = call(case, tensors, dtype)
    y.backward(np.random.default_rng(1).standard_normal(y.shape).astype(dtype))
    return y.data, [t.grad for t in tensors]


@pytest.mark.parametrize("case", SMOOTH)
def test_gradients(case: Case) -> None:
    inputs = [Tensor(x, requires_grad=True) for x in normals(case, "float64")]
    assert ndnn.gradcheck(lambda *xs: call(case, list(xs)), inputs)


@pytest.mark.parametrize("case", SMOOTH)
def test_tensors_give_what_arrays_give(case: Case, dtype: str) -> None:
    inputs = normals(case, dtype)
    got = call(case, [Tensor(x, requires_grad=True) for x in inputs], dtype)
    assert isinstance(got, Tensor)
    assert got.requires_grad
    assert got.dtype == dtype
    np.testing.assert_array_equal(got.data, call(case, inputs, dtype))


@pytest.mark.parametrize("case", [c for c in SMOOTH if c.values[0].shapes[0]])
def test_strides_do_not_matter(case: Case) -> None:
    inputs = normals(case, "float64")
    want = call(case, inputs)
    for x in strided(inputs[0]):
        # BLAS and NumPy's sums go other ways through other memory.
        np.testing.assert_allclose(call(case, [x, *inputs[1:]]), want, rtol=1e-12, atol=1e-13)


# torch's gradients of these round a constant to float32.
FLOAT32_IN_TORCH = {"hardsigmoid": 1e-7, "celu": 1e-7}


@pytest.mark.parametrize("case", [c for c in SMOOTH if c.values[0].torch])
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")  # of kl_div
@pytest.mark.filterwarnings("ignore:.*upsample. is deprecated")
def test_torch_has_the_same_values_and_gradients(case: Case) -> None:
    torch = pytest.importorskip("torch")
    inputs = normals(case, "float64")
    ours = [Tensor(x, requires_grad=True) for x in inputs]
    theirs = [torch.tensor(x, requires_grad=True) for x in inputs]
    arrays, others = split(case)
    arrays = {k: torch.tensor(v) for k, v in arrays.items()}
    if "weight" not in case.kwargs:
        others = {k: v for k, v in others.items() if k != "weight"}
    want = getattr(torch.nn.functional, case.op)(**named(case, theirs), **arrays, **others)
    got = call(case, ours)
    np.testing.assert_allclose(got.data, want.detach().numpy(), rtol=1e-10, atol=1e-12)
    weights = np.random.default_rng(1).standard_normal(got.shape)
    got.backward(weights)
    want.backward(torch.tensor(weights))
    for x, t in zip(ours, theirs, strict=True):
        rtol = FLOAT32_IN_TORCH.get(case.op, 1e-9)
        np.testing.assert_allclose(x.grad, t.grad.numpy(), rtol=rtol, atol=1e-11)


def test_dropout_keeps_the_mean_and_repeats() -> None:
    x = Tensor(np.ones(100_000), requires_grad=True)
    first, second = (F.dropout(x, 0.25, generator=np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first.data, second.data)
    assert set(np.unique(first.data)) == {0, 1 / 0.75}
    assert abs(first.data.mean() - 1) < 0.01
    first.sum().backward()
    np.testing.assert_array_equal(x.grad, first.data)


@pytest.mark.parametrize(
    ("op", "args", "error", "words"),
    [
        ("avg_pool2d", (np.ones((4, 4)), 2), ValueError, r"shape=\(4, 4\)"),
        ("avg_pool2d", (np.ones((1, 1, 4, 4), int), 2), TypeError, "int64"),
        ("adaptive_avg_pool2d", (np.ones((1, 1, 4, 4)), (1, 2, 3)), ValueError, "output_size"),
        ("dropout", (np.ones(2), 1.5), ValueError, "p=1.5"),
    ],
)
def test_errors_name_function_and_values(op: str, args: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=rf"{op}: .*{words}"):
        getattr(F, op)(*args)
