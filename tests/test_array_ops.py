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
    assert got.dtype == dtype
    assert got.shape == want.shape
    # At most some 300 terms near 1 in each sum, several functions of a few ulp.
    np.testing.assert_allclose(
        got, want, rtol=1e3 * np.finfo(dtype).eps, atol=50 * np.finfo(dtype).eps
    )
    for before, after in zip(kept, inputs, strict=True):
        np.testing.assert_array_equal(before, after, "an input was written")


@pytest.mark.parametrize("case", CASES)
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


@pytest.mark.parametrize("case", CASES)
def test_gradients(case: Case) -> None:
    inputs = [Tensor(x, requires_grad=True) for x in normals(case, "float64")]
    assert ndnn.gradcheck(lambda *xs: call(case, list(xs)), inputs)


@pytest.mark.parametrize("case", CASES)
def test_tensors_give_what_arrays_give(case: Case, dtype: str) -> None:
    inputs = normals(case, dtype)
    got = call(case, [Tensor(x, requires_grad=True) for x in inputs], dtype)
    assert isinstance(got, Tensor)
    assert got.requires_grad
    assert got.dtype == dtype
    np.testing.assert_array_equal(got.data, call(case, inputs, dtype))


@pytest.mark.parametrize("case", [c for c in CASES if c.values[0].shapes[0]])
def test_strides_do_not_matter(case: Case) -> None:
    inputs = normals(case, "float64")
    want = call(case, inputs)
    for x in strided(inputs[0]):
        # BLAS and NumPy's sums go other ways through other memory.
        np.testing.assert_allclose(call(case, [x, *inputs[1:]]), want, rtol=1e-12, atol=1e-13)


# torch's gradients of these round a constant to float32.
FLOAT32_IN_TORCH = {"hardsigmoid": 1e-7, "celu": 1e-7}


@pytest.mark.parametrize("case", CASES)
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


def test_batch_norm_moves_running_statistics() -> None:
    x = np.random.default_rng(0).standard_normal((4, 3, 5))
    mean, var = np.zeros(3), np.ones(3)
    F.batch_norm(x, mean, var, training=True, momentum=0.25)
    np.testing.assert_allclose(mean, 0.25 * x.mean((0, 2)))
    np.testing.assert_allclose(var, 0.75 + 0.25 * x.var((0, 2), ddof=1))


def test_max_pool_indices_are_torchs() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x = rng.integers(0, 4, (2, 3, 9, 8)).astype(np.float64)  # many are equal
    x[rng.random(x.shape) < 0.1] = np.nan
    for args in ((3, 2, 1), (2, 2), (3, 1, 1, 2)):
        y, places = F.max_pool2d(x, *args, return_indices=True)
        want = torch.nn.functional.max_pool2d(torch.tensor(x), *args, return_indices=True)
        np.testing.assert_array_equal(y, want[0].numpy())
        np.testing.assert_array_equal(places, want[1].numpy())


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
        ("max_pool2d", (np.ones((1, 1, 4, 4)), 5), ValueError, "window must fit"),
        ("max_pool2d", (np.ones((1, 1, 4, 4)), 2, 1, 2), ValueError, "padding=2, kernel_size=2"),
        ("max_unpool2d", (np.ones((1, 2, 2)), np.ones((1, 2, 2)), 2), TypeError, "indices must be"),
        (
            "max_unpool2d",
            (np.ones((1, 2, 2)), np.ones((1, 2), int), 2),
            ValueError,
            "input's shape",
        ),
        (
            "max_unpool2d",
            (np.ones((1, 2, 2)), np.array([[[0, 1], [16, -1]]]), 2),
            ValueError,
            "4 x 4, but got 16 at",
        ),
        (
            "max_unpool2d",
            (np.ones((1, 2, 2)), np.full((1, 2, 2), 3), 2, None, 0, (6, 4)),
            ValueError,
            "less than stride",
        ),
        (
            "max_unpool2d",
            (np.ones((1, 1, 1)), np.zeros((1, 1, 1), int), 2, 2, 1),
            ValueError,
            "empty",
        ),
        ("max_pool2d", (np.ones((1, 1, 4, 4)), 2.5), TypeError, "kernel_size"),
        ("max_pool2d", (np.ones((1, 1, 4, 4)), 0), ValueError, "at least 1, but got 0"),
        ("avg_pool2d", (np.ones((4, 4)), 2), ValueError, r"shape=\(4, 4\)"),
        ("avg_pool2d", (np.ones((1, 1, 4, 4), int), 2), TypeError, "int64"),
        ("adaptive_avg_pool2d", (np.ones((1, 1, 4, 4)), (1, 2, 3)), ValueError, "output_size"),
        ("linear", (np.ones((2, 3)), np.ones((4, 5))), ValueError, r"input \(2, 3\)"),
        ("linear", (np.ones((2, 3)), np.ones((4, 3)), np.ones(3)), ValueError, r"\(4,\)"),
        ("batch_norm", (np.ones((1, 3)), None, None, None, None, True), ValueError, "one value"),
        ("batch_norm", (np.ones((2, 3)), None, None), ValueError, "running_mean"),
        ("nll_loss", (np.ones((2, 3)), np.array([0, 3])), ValueError, "between 0 and 2"),
        ("nll_loss", (np.ones((2, 3)), np.array([0.0, 1.0])), TypeError, "float64"),
        ("cross_entropy", (np.ones((2, 3)), np.array([0])), ValueError, r"target \(1,\)"),
        ("mse_loss", (np.ones(2), np.ones(3)), ValueError, r"target \(3,\)"),
        ("mse_loss", (np.ones(2), np.ones(2), "max"), ValueError, "'max'"),
        ("dropout", (np.ones(2), 1.5), ValueError, "p=1.5"),
    ],
)
def test_errors_name_function_and_values(op: str, args: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=rf"{op}: .*{words}"):
        getattr(F, op)(*args)
