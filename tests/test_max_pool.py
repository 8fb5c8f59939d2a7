# SPDX-License-Identifier: MIT
"""Maximum pooling and unpooling: random windows beside torch, indices, odd and hostile input."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ndnn
import ndnn.functional as F
from cases.max_pool import CASES
from ndnn import Tensor, nn, reference
from oracle import forced

RANDOM_CASES = int(os.environ.get("NDNN_RANDOM_CASES", "10000"))
X = np.arange(32.0).reshape(1, 2, 4, 4)
PLACES = np.array([[[[0, 1], [2, 3]]]])


class Evil:
    """An index whose conversion fails."""

    def __index__(self) -> int:
        raise RuntimeError("evil")


def numbers(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Many equal, some nan or -inf, in various memory."""
    x = rng.integers(-3, 3, shape).astype(dtype)
    if rng.random() < 0.5:
        x += rng.standard_normal(shape).astype(dtype)
    if rng.random() < 0.3:
        x[rng.random(shape) < 0.1] = np.nan
    if rng.random() < 0.3:
        x[rng.random(shape) < 0.5] = -np.inf
    if rng.random() < 0.3:
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    return x[..., ::-1] if rng.random() < 0.3 else x


def random_call(rng: np.random.Generator, dtype: str) -> tuple[str, np.ndarray, dict[str, Any]]:
    rank = int(rng.integers(1, 4))
    size = rng.integers(1, (150, 40, 12)[rank - 1], rank).tolist()
    x = numbers(rng, (*rng.integers(1, 4, 2).tolist(), *size), dtype)
    kind = rng.choice(["max", "max", "adaptive", "fractional"])
    if kind == "adaptive":
        wanted = tuple(rng.integers(1, 9, rank).tolist())
        return f"adaptive_max_pool{rank}d", x, {"output_size": wanted}
    kernel = tuple(rng.integers(1, 8, rank).tolist())
    if kind == "max" or rank == 1:
        dilation = int(rng.integers(1, 3))
        return (
            f"max_pool{rank}d",
            x,
            {
                "kernel_size": kernel,
                "stride": tuple(rng.integers(1, (11, 5, 5)[rank - 1], rank).tolist()),
                "padding": tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel),
                "dilation": tuple(dilation if rng.random() < 0.5 else 1 for _ in range(rank)),
                "ceil_mode": bool(rng.integers(2)),
            },
        )
    kernel = tuple(int(rng.integers(1, n + 1)) for n in size)
    outputs = tuple(int(rng.integers(1, n - k + 2)) for n, k in zip(size, kernel, strict=True))
    samples = rng.random((*x.shape[:2], rank)).astype(dtype)
    return (
        f"fractional_max_pool{rank}d",
        x,
        {"kernel_size": kernel, "output_size": outputs, "_random_samples": samples},
    )


@pytest.mark.parametrize("seed", range(4))
def test_equal_to_torch(isa: str, seed: int) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    with forced(isa):
        for i in range(RANDOM_CASES // 24):
            name, x, kwargs = random_call(rng, ["float32", "float64"][i % 2])
            with ndnn.num_threads(1 + i % 3 % 2):
                _compare(torch, rng, name, x, kwargs)


def _compare(torch: Any, rng: Any, name: str, x: np.ndarray, kwargs: dict[str, Any]) -> None:
    theirs = torch.tensor(x.copy("C"), requires_grad=True)
    tensors = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in kwargs.items()}
    what = str((name, x.shape, x.strides, x.dtype, kwargs))
    pool = getattr(F, name)
    try:
        want, places = getattr(torch.nn.functional, name)(theirs, **tensors, return_indices=True)
    except RuntimeError:
        with pytest.raises(ValueError, match=f"^{name}: .*, but got"):
            pool(x, **kwargs)
        return
    y, indices = pool(x, **kwargs, return_indices=True)
    ours = Tensor(x, requires_grad=True)
    recorded, again = pool(ours, **kwargs, return_indices=True)
    np.testing.assert_array_equal(y, want.detach().numpy(), what)
    np.testing.assert_array_equal(indices, places.numpy(), what)
    np.testing.assert_array_equal(pool(x, **kwargs), y, what)
    np.testing.assert_array_equal(recorded.data, y, what)
    np.testing.assert_array_equal(again, indices, what)
    dilated = max(np.ravel(kwargs.get("dilation", 1)))
    if dilated > 1 and max(np.ravel(kwargs["padding"])) and np.isneginf(y).any():
        return  # a window without any input: its index lies outside, where torch writes
    dy = rng.standard_normal(y.shape).astype(x.dtype)
    recorded.backward(dy)
    want.backward(torch.tensor(dy))
    close = {"rtol": 100 * np.finfo(x.dtype).eps, "atol": 100 * np.finfo(x.dtype).eps}
    np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), **close, err_msg=what)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_unpooling_is_torchs(rank: int) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(rank)
    name = f"max_unpool{rank}d"
    for _ in range(RANDOM_CASES // 50):
        shape = (*rng.integers(1, 4, 2), *rng.integers(1, (20, 7, 4)[rank - 1], rank))
        kernel, stride = (tuple(rng.integers(1, 4, rank).tolist()) for _ in range(2))
        size = [(n - 1) * s + k for n, s, k in zip(shape[2:], stride, kernel, strict=True)]
        wanted = [int(n + rng.integers(0, s)) for n, s in zip(size, stride, strict=True)]
        cells = int(np.prod(wanted))
        x = rng.standard_normal(shape)
        indices = rng.integers(0, cells, shape)
        distinct = rng.random() < 0.5 and cells >= np.prod(shape[2:])
        if distinct:  # no two of a plane equal
            rows = [
                rng.permutation(cells)[: int(np.prod(shape[2:]))]
                for _ in range(shape[0] * shape[1])
            ]
            indices = np.array(rows).reshape(shape)
        ours, theirs = Tensor(x, True), torch.tensor(x, requires_grad=True)
        y = getattr(F, name)(ours, indices, kernel, stride, 0, wanted)
        want = getattr(torch.nn.functional, name)(
            theirs, torch.tensor(indices), kernel, stride, 0, tuple(wanted)
        )
        np.testing.assert_array_equal(
            y.data, getattr(reference, name)(x, indices, kernel, stride, 0, wanted)
        )
        if distinct:  # which of equal ones stays depends on torch's threads
            np.testing.assert_array_equal(y.data, want.detach().numpy())
        dy = rng.standard_normal(y.shape)
        y.backward(dy)
        want.backward(torch.tensor(dy))
        np.testing.assert_array_equal(ours.grad, theirs.grad.numpy())


@pytest.mark.parametrize(
    "case", [pytest.param(c, id=str(c)) for c in CASES if "unpool" not in c.op]
)
def test_indices_are_the_references(case: Any, isa: str, dtype: str) -> None:
    x = numbers(np.random.default_rng(5), case.shapes[0], dtype)
    kwargs = {
        k: v.astype(dtype) if isinstance(v, np.ndarray) else v for k, v in case.kwargs.items()
    }
    with forced(isa):
        got = getattr(F, case.op)(x, **kwargs, return_indices=True)
    want = getattr(reference, case.op)(x, **kwargs, return_indices=True)
    np.testing.assert_array_equal(got[0], want[0])
    np.testing.assert_array_equal(got[1], want[1], strict=True)


@pytest.mark.parametrize("where", [{}, {"kernel_size": 3, "stride": 2, "padding": 1}])
@pytest.mark.parametrize("shape", [(3, 5, 70, 90), (1, 1, 300, 517), (2, 40, 7, 7)])
def test_threads_change_no_bit_of_large_arrays(
    shape: tuple[int, ...], where: dict[str, Any], isa: str, dtype: str
) -> None:
    rng = np.random.default_rng(0)
    x, where = rng.standard_normal(shape).astype(dtype), where or {"kernel_size": 2}
    results = []
    with forced(isa):
        for count in (1, 2, 5):
            with ndnn.num_threads(count):
                t = Tensor(x, requires_grad=True)
                y, places = F.max_pool2d(t, **where, return_indices=True)
                back = F.max_unpool2d(y, places, **where, output_size=shape[2:])
                (back * back).sum().backward()
                results.append((F.max_pool2d(x, **where), y.data, places, back.data, t.grad))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_last_of_equal_indices_stays() -> None:
    x, indices = np.array([[[1.0, 2.0, 3.0, 4.0]]]), np.array([[[5, 0, 5, 5]]])
    t = Tensor(x, requires_grad=True)
    y = F.max_unpool1d(t, indices, 2)
    np.testing.assert_array_equal(y.data, [[[2, 0, 0, 0, 0, 4, 0, 0]]])
    y.backward(np.arange(8.0).reshape(1, 1, 8))
    np.testing.assert_array_equal(t.grad, [[[5, 0, 5, 5]]])


def test_indices_changed_later_do_not_change_the_gradient() -> None:
    t = Tensor(X, requires_grad=True)
    y, places = F.max_pool2d(t, 2, return_indices=True)
    kept = places.copy()
    back = F.max_unpool2d(y, places, 2)
    places[:] = -(2**62)
    back.sum().backward()
    want = np.zeros(X.shape)
    np.put_along_axis(want.reshape(1, 2, 16), kept.reshape(1, 2, 4), 1.0, -1)
    np.testing.assert_array_equal(t.grad, want)


def test_nan_and_ties() -> None:
    nan, inf = np.nan, np.inf
    x = np.array([[[nan, 1.0, 2.0, 2.0, -inf, -inf, nan, nan]]])
    y, places = F.max_pool1d(x, 2, return_indices=True)
    np.testing.assert_array_equal(y, [[[nan, 2.0, -inf, nan]]])
    np.testing.assert_array_equal(places, [[[0, 2, 4, 7]]])
    np.testing.assert_array_equal(F.max_pool1d(x, 8), [[[nan]]])
    np.testing.assert_array_equal(
        F.max_pool1d(-x[..., 4:6], 2, return_indices=True), [[[[inf]]], [[[0]]]]
    )


def test_windows_far_larger_than_the_input_take_no_time() -> None:
    y, places = F.max_pool2d(X, 2**30, 1, 2**29, return_indices=True)
    assert y.shape == (1, 2, 5, 5)
    np.testing.assert_array_equal(places, 15)
    huge = 2**60
    y, places = F.max_pool2d(X, huge, huge, huge // 2, return_indices=True)
    np.testing.assert_array_equal(places, np.full((1, 2, 1, 1), 15))
    t = Tensor(X, requires_grad=True)
    F.max_pool2d(t, huge, huge, huge // 2).sum().backward()
    np.testing.assert_array_equal(t.grad, X % 16 == 15)


def test_repeated_memory_is_read_in_place() -> None:
    x = np.broadcast_to(np.float32([[[3.0]]]), (1, 1, 2**20))
    y, places = F.max_pool1d(x, 2**10, return_indices=True)
    np.testing.assert_array_equal(y, np.full((1, 1, 2**10), 3.0))
    np.testing.assert_array_equal(places[0, 0], np.arange(2**10) * 2**10)


def test_nothing_comes_of_nothing() -> None:
    t = Tensor(np.ones((2, 3, 4, 4), np.float32), requires_grad=True)
    y = F.adaptive_max_pool2d(t, (0, 2))
    assert y.shape == (2, 3, 0, 2)
    y.sum().backward()
    np.testing.assert_array_equal(t.grad, np.zeros(t.shape))
    empty = Tensor(np.ones((0, 3, 4, 4)), requires_grad=True)
    y, places = F.max_pool2d(empty, 2, return_indices=True)
    F.max_unpool2d(y, places, 2).sum().backward()
    assert places.shape == (0, 3, 2, 2)
    assert empty.grad is not None
    assert empty.grad.shape == (0, 3, 4, 4)


def test_float16_keeps_its_dtype() -> None:
    t = Tensor(X.astype(np.float16), requires_grad=True)
    y, places = F.max_pool2d(t, 2, return_indices=True)
    F.max_unpool2d(y, places, 2).sum().backward()
    assert y.dtype == t.grad.dtype == np.float16  # type: ignore[union-attr]
    assert t.grad.sum() == 8  # type: ignore[union-attr]


def test_fractional_samples_repeat_with_the_seed() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 20, 20))
    results = []
    for _ in range(2):
        ndnn.manual_seed(3)
        results.append(F.fractional_max_pool2d(x, 2, output_ratio=0.6, return_indices=True))
    np.testing.assert_array_equal(results[0][1], results[1][1])
    ndnn.manual_seed(4)
    assert (F.fractional_max_pool2d(x, 2, output_ratio=0.6) != results[0][0]).any()
    assert F.fractional_max_pool3d(x, 2, 1).shape == (2, 1, 1, 1)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: F.max_pool2d(X, 5), ValueError, r"kernel must fit .*size=\(4, 4\)"),
        (lambda: F.max_pool2d(X, 2, 1, 2), ValueError, r"padding=\(2, 2\), kernel_size=\(2, 2\)"),
        (lambda: F.max_pool2d(X, 2, 1, -1), ValueError, r"padding=\(-1, -1\)"),
        (lambda: F.max_pool2d(X, 2.5), TypeError, "kernel_size must be an int"),
        (lambda: F.max_pool2d(X, 0), ValueError, r"at least 1, but got kernel_size=\(0, 0\)"),
        (lambda: F.max_pool2d(X, 2, 0), ValueError, "stride must be at least 1"),
        (lambda: F.max_pool2d(X, 2, dilation=0), ValueError, "dilation must be at least 1"),
        (lambda: F.max_pool2d(X, (2, 2, 2)), ValueError, "got 3 values"),
        (lambda: F.max_pool2d(X, 2**64), ValueError, "64-bit"),
        (lambda: F.max_pool2d(X, 2**63 - 1), ValueError, "kernel must fit"),
        (lambda: F.max_pool2d(X, 2, dilation=2**63 - 1), ValueError, "kernel must fit"),
        (lambda: F.max_pool2d(X, 2**62, 1, 2**61, 4), ValueError, "64-bit|fit|2\\*\\*62"),
        (lambda: F.max_pool2d(X[0, 0], 2), ValueError, r"shape=\(4, 4\)"),
        (lambda: F.max_pool2d(X[:, :0], 2), ValueError, "must not be empty but for N"),
        (lambda: F.max_pool2d(X[:, :, :0], 2), ValueError, "must not be empty but for N"),
        (lambda: F.max_pool2d(X.astype(int), 2), TypeError, "int64"),
        (lambda: F.max_pool1d(X, 2), ValueError, "max_pool1d: input must have 3 axes"),
        (lambda: F.adaptive_max_pool2d(X, (1, 2, 3)), ValueError, "output_size"),
        (lambda: F.adaptive_max_pool2d(X, -1), ValueError, "at least 0, but got output_size=-1"),
        (lambda: F.adaptive_max_pool2d(X, (2, -1)), ValueError, "at least 0"),
        (lambda: F.adaptive_max_pool2d(X, 1.5), TypeError, "output_size"),
        (lambda: F.adaptive_max_pool2d(X, 2**62), ValueError, "output_size"),
        (lambda: F.adaptive_max_pool2d(X, 2**40), ValueError, "64-bit sizes"),
        (lambda: F.fractional_max_pool2d(X, 2), ValueError, "output_size or output_ratio"),
        (lambda: F.fractional_max_pool2d(X, 2, 4), ValueError, "at most the input's size"),
        (lambda: F.fractional_max_pool2d(X, 2, 2**63 - 1), ValueError, "at most the input's size"),
        (lambda: F.fractional_max_pool2d(X, 0, 2), ValueError, "kernel_size must be at least 1"),
        (lambda: F.fractional_max_pool2d(X, 2, output_ratio=1.5), ValueError, "ratio=1.5"),
        (lambda: F.fractional_max_pool2d(X, 2, output_ratio=np.nan), ValueError, "ratio=nan"),
        (
            lambda: F.fractional_max_pool2d(X, 2, 2, _random_samples=np.ones((1, 2, 3))),
            ValueError,
            r"shape \(N, C, 2\)",
        ),
        (
            lambda: F.fractional_max_pool2d(X, 2, 2, _random_samples=np.full((1, 2, 2), np.nan)),
            ValueError,
            "from 0 to 1, but got nan",
        ),
        (
            lambda: F.fractional_max_pool2d(X, 2, 2, _random_samples=np.ones((1, 2, 2), "f4")),
            TypeError,
            "one dtype",
        ),
        (lambda: F.max_unpool2d(PLACES * 1.0, PLACES * 1.0, 2), TypeError, "indices must be"),
        (lambda: F.max_unpool2d(PLACES * 1.0, PLACES[0], 2), ValueError, "the input's shape"),
        (
            lambda: F.max_unpool2d(PLACES * 1.0, np.array([[[[0, 1], [16, -1]]]]), 2),
            ValueError,
            r"plane of \(4, 4\), but got indices\[\(0, 0, 1, 0\)\]=16",
        ),
        (
            lambda: F.max_unpool2d(PLACES * 1.0, PLACES - 2**62, 2),
            ValueError,
            f"={-(2**62)}",
        ),
        (
            lambda: F.max_unpool2d(PLACES * 1.0, PLACES, 2, output_size=(6, 4)),
            ValueError,
            "less than stride",
        ),
        (
            lambda: F.max_unpool2d(PLACES * 1.0, PLACES, 2, output_size=(1, 1, 1, 4, 4)),
            ValueError,
            "output_size",
        ),
        (
            lambda: F.max_unpool2d(np.ones((1, 1, 1)), np.zeros((1, 1, 1), int), 2, 2, 1),
            ValueError,
            "must not be empty",
        ),
        (lambda: F.max_unpool2d(PLACES * 1.0, PLACES, 2**62), ValueError, "64-bit"),
        (lambda: F.max_unpool2d(PLACES * 1.0, PLACES, 2, 0), ValueError, "stride"),
        (lambda: F.max_unpool2d(X[:, :0], X[:, :0].astype(int), 2), ValueError, "not be empty"),
        (
            lambda: F.max_unpool2d(PLACES * 1.0, np.ma.masked_array(PLACES), 2),
            TypeError,
            "masked",
        ),
        (lambda: F.max_unpool2d(PLACES * 1.0, None, 2), TypeError, "indices must be an array"),
    ],
)
def test_errors_name_function_and_values(
    call: Callable[[], Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=rf"_(un)?pool\dd: .*({words.split(': ')[-1]})"):
        call()


def test_an_evil_index_raises_its_own_error() -> None:
    for call in (
        lambda: F.max_pool2d(X, Evil()),  # type: ignore[arg-type]
        lambda: F.max_pool2d(X, 2, (Evil(), 1)),  # type: ignore[arg-type]
        lambda: F.adaptive_max_pool2d(X, (Evil(), 1)),  # type: ignore[arg-type]
        lambda: F.max_unpool2d(PLACES * 1.0, PLACES, 2, output_size=(Evil(), 4)),  # type: ignore[arg-type]
    ):
        with pytest.raises(RuntimeError, match="evil"):
            call()


def test_layers_pass_their_arguments() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8))
    y, places = nn.MaxPool2d(3, 2, 1, return_indices=True)(x)
    want = F.max_pool2d(x, 3, 2, 1, return_indices=True)
    np.testing.assert_array_equal(y, want[0])
    np.testing.assert_array_equal(
        nn.MaxUnpool2d(3, 2, 1)(y, places, (8, 8)), F.max_unpool2d(*want, 3, 2, 1, (8, 8))
    )
    assert nn.MaxPool1d(2, ceil_mode=True)(x[0, :, :, 0]).shape == (3, 4)
    assert nn.MaxPool3d(2)(x).shape == (2, 1, 4, 4)
    assert nn.AdaptiveMaxPool2d((None, 2))(x).shape == (2, 3, 8, 2)
    assert nn.FractionalMaxPool2d(2, output_ratio=0.5)(x).shape == (2, 3, 4, 4)
    with pytest.raises(ValueError, match="FractionalMaxPool2d: one of"):
        nn.FractionalMaxPool2d(2)
