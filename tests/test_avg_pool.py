# SPDX-License-Identifier: MIT
"""Means over windows: random geometry against torch, large arrays, hostile arguments."""

import os
from typing import Any

import numpy as np
import pytest

import ndnn
import ndnn.functional as F
from ndnn import Tensor, nn
from oracle import forced

RANDOM_CASES = int(os.environ.get("NDNN_RANDOM_CASES", "10000"))
X = np.ones((1, 2, 4, 5), np.float32)


def random_case(rng: np.random.Generator) -> tuple[str, tuple[int, ...], dict[str, Any]]:
    rank = int(rng.integers(1, 4))
    largest = (200, 40, 9)[rank - 1]
    size = rng.integers(1, largest, rank)
    shape = (int(rng.integers(1, 3)), int(rng.integers(1, 4)), *map(int, size))
    if rng.random() < 0.3:
        out = [None if rng.random() < 0.2 else int(rng.integers(1, largest)) for _ in range(rank)]
        if rank == 1:
            out = [n or 3 for n in out]
        return f"adaptive_avg_pool{rank}d", shape, {"output_size": tuple(out)}
    kernel = rng.integers(1, 9 if rng.random() < 0.7 else 40, rank)
    kwargs: dict[str, Any] = {
        "kernel_size": tuple(map(int, kernel)),
        "stride": None if rng.random() < 0.3 else tuple(map(int, rng.integers(1, 6, rank))),
        "ceil_mode": bool(rng.integers(2)),
    }
    if rng.random() < 0.2:
        if rank == 1:  # torch takes no tuple here
            kwargs["kernel_size"] = int(kernel[0])
        return f"lp_pool{rank}d", shape, {"norm_type": float(rng.choice([1, 2, 3])), **kwargs}
    kwargs["padding"] = tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel)
    kwargs["count_include_pad"] = bool(rng.integers(2))
    if rank > 1 and rng.random() < 0.2:
        kwargs["divisor_override"] = int(rng.integers(1, 9))
    return f"avg_pool{rank}d", shape, kwargs


@pytest.mark.parametrize("seed", range(4))
def test_values_and_gradients_are_torchs(isa: str, seed: int) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    computed = 0
    with forced(isa):
        for _ in range(RANDOM_CASES // 40):
            op, shape, kwargs = random_case(rng)
            dtype = rng.choice(["float32", "float64"])
            x = rng.standard_normal(shape).astype(dtype)
            x = Tensor(abs(x) if op.startswith("lp") else x, requires_grad=True)
            t = torch.tensor(x.data, requires_grad=True)
            try:
                want = getattr(torch.nn.functional, op)(t, **kwargs)
            except RuntimeError as error:
                if "smaller than kernel size" in str(error):
                    continue  # in 3-D torch refuses kernels larger than the input, padded or not
                with pytest.raises(ValueError, match=op):
                    getattr(F, op)(x, **kwargs)
                continue
            computed += 1
            got = getattr(F, op)(x, **kwargs)
            bound = 300 * np.finfo(dtype).eps
            np.testing.assert_allclose(
                got.data,
                want.detach().numpy(),
                rtol=bound,
                atol=bound,
                err_msg=str((op, shape, kwargs)),
            )
            g = rng.standard_normal(got.shape).astype(dtype)
            got.backward(g)
            want.backward(torch.tensor(g))
            scale = abs(t.grad.numpy()).max(initial=1)
            np.testing.assert_allclose(
                x.grad,
                t.grad.numpy(),
                rtol=bound,
                atol=bound * scale,
                err_msg=str((op, shape, kwargs)),
            )
    assert computed > RANDOM_CASES // 200


def test_windows_far_larger_than_the_input_take_no_time() -> None:
    x = np.arange(16.0).reshape(1, 1, 4, 4)
    y = F.avg_pool2d(x, 2**40, 1, 2**39, divisor_override=120)
    np.testing.assert_allclose(y, np.ones((1, 1, 5, 5)))
    y = F.avg_pool2d(x, 2**40, 1, 2**39, count_include_pad=False)
    np.testing.assert_allclose(y, np.full((1, 1, 5, 5), 7.5))


def test_many_different_large_windows() -> None:
    """The gradient of windows that the edges cut off to many sizes, too many for weights."""
    n, k = 2100, 1400
    x = Tensor(np.zeros((1, 2, n)), requires_grad=True)
    y = F.avg_pool1d(x, k, 1, k // 2, count_include_pad=False)
    g = np.random.default_rng(0).standard_normal(y.shape)
    y.backward(g)
    begin = np.arange(y.shape[-1]) - k // 2
    counts = np.minimum(begin + k, n) - np.maximum(begin, 0)
    sums = np.cumsum(np.concatenate([np.zeros((1, 2, 1)), g / counts], -1), -1)
    low = np.clip(np.arange(n) + k // 2 - k + 1, 0, None)
    high = np.minimum(np.arange(n) + k // 2 + 1, y.shape[-1])
    np.testing.assert_allclose(x.grad, sums[..., high] - sums[..., low], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(2, 2, 0), (3, 1, 1), (3, 2, 1), (200, 1, 100)]
)
def test_threads_change_no_bit(kernel: int, stride: int, padding: int) -> None:
    x = Tensor(
        np.random.default_rng(0).standard_normal((2, 3, 300, 400)).astype(np.float32),
        requires_grad=True,
    )
    results = []
    for threads in (1, 2, 3):
        with ndnn.num_threads(threads):
            x.zero_grad()
            y = F.avg_pool2d(x, kernel, stride, padding)
            y.sum().backward()
            results.append((y.data, x.grad))
    for y, grad in results[1:]:
        np.testing.assert_array_equal(y, results[0][0])
        np.testing.assert_array_equal(grad, results[0][1])


def test_infinities_stay_in_their_windows(isa: str) -> None:
    x = np.ones((1, 1, 9, 70))
    x[0, 0, 4, 33] = np.inf
    with forced(isa):
        for size, stride in ((2, 2), (3, 1), (3, 2), (5, 3), (40, 40)):
            kernel = (1, size)
            seen = F.avg_pool2d(np.isinf(x).astype(float), kernel, stride) != 0
            np.testing.assert_array_equal(np.isinf(F.avg_pool2d(x, kernel, stride)), seen)
        y = F.adaptive_avg_pool2d(x, (9, 33))
        assert np.isfinite(y).sum() == y.size - np.isinf(y).sum()
        assert np.isinf(y).any()


def test_lp_pool_of_an_infinite_norm_is_the_largest() -> None:
    x = np.random.default_rng(0).standard_normal((1, 2, 6, 8))
    np.testing.assert_array_equal(F.lp_pool2d(x, float("inf"), 2), F.max_pool2d(abs(x), 2))
    np.testing.assert_array_equal(F.lp_pool2d(x, -float("inf"), 2), -F.max_pool2d(-abs(x), 2))


def test_lp_pool_has_no_gradient_where_the_norm_is_zero() -> None:
    x = Tensor(np.zeros((1, 1, 4)), requires_grad=True)
    F.lp_pool1d(x, 2, 2).sum().backward()
    np.testing.assert_array_equal(x.grad, 0)


@pytest.mark.parametrize(
    ("op", "args", "error", "words"),
    [
        ("avg_pool2d", (X, 0), ValueError, "kernel_size must be at least 1"),
        ("avg_pool2d", (X, (2, 2, 2)), ValueError, "kernel_size .*but got 3 values"),
        ("avg_pool2d", (X, 2, 0), ValueError, "stride must be at least 1"),
        ("avg_pool2d", (X, 3, 1, 2), ValueError, "half of kernel_size, but got padding="),
        ("avg_pool2d", (X, 3, 1, -1), ValueError, "padding must be between 0"),
        ("avg_pool2d", (X, 6), ValueError, "kernel must fit"),
        ("avg_pool2d", (X, 2**62, 2**62, 2**61), ValueError, "but got input size"),
        ("avg_pool2d", (X, 2**63), ValueError, "64-bit"),
        ("avg_pool2d", (X, 2.0), TypeError, "kernel_size must be an int"),
        ("avg_pool2d", (X, 2, 2, 0, 1), TypeError, "ceil_mode must be True or False"),
        ("avg_pool2d", (X, 2, 2, 0, False, None), TypeError, "count_include_pad must be True"),
        ("avg_pool2d", (X, 2, 2, 0, False, True, 0), ValueError, "divisor_override must not be 0"),
        ("avg_pool2d", (X[:, :0], 2), ValueError, "no empty axis"),
        ("avg_pool2d", (X[:, :, :0], 2), ValueError, "no empty axis"),
        ("avg_pool1d", (X, 2), ValueError, r"3 axes \(N, C, size\)"),
        ("adaptive_avg_pool2d", (X, -1), ValueError, "output_size must be at least 0"),
        ("adaptive_avg_pool2d", (X, None), TypeError, "output_size must be an int"),
        ("adaptive_avg_pool2d", (X, (1, 2, 3)), ValueError, "output_size .*but got 3 values"),
        ("adaptive_avg_pool2d", (X[..., :0], 2), ValueError, "no empty axis"),
        ("adaptive_avg_pool2d", (X, (2, "3")), TypeError, "output_size must be an int"),
        ("lp_pool2d", (X, 0, 2), ValueError, "norm_type must not be 0"),
        ("lp_pool2d", (X, float("nan"), 2), ValueError, "norm_type"),
        ("lp_pool2d", (X, "2", 2), TypeError, "norm_type"),
    ],
)
def test_errors(op: str, args: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=f"^{op}: .*{words}"):
        getattr(F, op)(*args)


def test_outputs_beyond_memory_are_refused_at_once() -> None:
    for size in (2**40, 2**61):
        with pytest.raises((ValueError, MemoryError)):
            F.adaptive_avg_pool2d(X, size)
    assert F.adaptive_avg_pool2d(X, (0, 3)).shape == (1, 2, 0, 3)


def test_arrays_without_channels() -> None:
    x = Tensor(X[:, :0], requires_grad=True)
    y = F.adaptive_avg_pool2d(x, 3)
    assert y.shape == (1, 0, 3, 3)
    y.sum().backward()
    assert x.grad.shape == x.shape


def test_gradients_check_their_shape() -> None:
    with pytest.raises(ValueError, match="avg_pool2d: grad_output must have"):
        ndnn._core.avg_pool_gradient(
            "avg_pool2d", 2, np.ones((1, 2, 3, 3)), (1, 2, 4, 5), 2, None, 0, False, True, None
        )


def test_layers() -> None:
    x = np.random.default_rng(0).random((2, 3, 6, 8, 4)).astype(np.float32)
    for rank in (1, 2, 3):
        input = x[(..., *(0,) * (3 - rank))]
        pool = getattr(nn, f"AvgPool{rank}d")(3, 2, 1, count_include_pad=False)
        want = getattr(F, f"avg_pool{rank}d")(input, 3, 2, 1, False, False)
        np.testing.assert_array_equal(pool(input), want)
        assert repr(pool) == f"AvgPool{rank}d(kernel_size=3, stride=2, padding=1)"
        adaptive = getattr(nn, f"AdaptiveAvgPool{rank}d")(2)
        assert adaptive(input).shape == (2, 3, *(2,) * rank)
        norm = getattr(nn, f"LPPool{rank}d")(2, 2)
        np.testing.assert_array_equal(norm(input), getattr(F, f"lp_pool{rank}d")(input, 2, 2))
