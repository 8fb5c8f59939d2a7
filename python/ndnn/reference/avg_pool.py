# SPDX-License-Identifier: MIT
"""Pooling by means, written to be read: sums over windows of one axis after the other."""

from __future__ import annotations

from math import ceil, prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]
Windows = list[tuple[int, int]]  # begin and end of each, on one axis


def _windows(n: int, k: int, s: int, p: int, ceil_mode: bool) -> Windows:
    """Where windows lie on an axis, padding included."""
    exact = (n + 2 * p - k) / s
    out = (ceil(exact) if ceil_mode else int(exact)) + 1
    if (out - 1) * s >= n + p:  # it would begin in the padding on the far side
        out -= 1
    return [(o * s - p, min(o * s - p + k, n + p)) for o in range(out)]


def adaptive_windows(n: int, out: int) -> Windows:
    return [(i * n // out, ceil((i + 1) * n / out)) for i in range(out)]


def _sums(x: Array, windows: list[Windows]) -> Array:
    for axis, of_axis in enumerate(windows, x.ndim - len(windows)):
        x = np.stack(
            [x.take(range(max(b, 0), min(e, x.shape[axis])), axis).sum(axis) for b, e in of_axis],
            axis,
        )
    return x


def _counts(windows: list[Windows]) -> Array:
    counts = np.ones(())
    for of_axis in windows:
        counts = counts[..., None] * np.array([e - b for b, e in of_axis])
    return counts


def avg_pool(
    rank: int,
    input: ArrayLike,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    x = np.asarray(input, np.float64)
    sizes = x.shape[-rank:]
    steps = kernel_size if stride is None else stride
    kernel, steps, pads = (np.broadcast_to(v, rank).tolist() for v in (kernel_size, steps, padding))
    windows = [
        _windows(n, k, s, p, ceil_mode)
        for n, k, s, p in zip(sizes, kernel, steps, pads, strict=True)
    ]
    counted = windows
    if not count_include_pad:
        counted = [
            [(max(b, 0), min(e, n)) for b, e in w] for w, n in zip(windows, sizes, strict=True)
        ]
    return np.asarray(_sums(x, windows) / (divisor_override or _counts(counted)))


def avg_pool1d(input: ArrayLike, kernel_size: Any, *args: Any, **kwargs: Any) -> Array:
    return avg_pool(1, input, kernel_size, *args, **kwargs)


def avg_pool2d(input: ArrayLike, kernel_size: Any, *args: Any, **kwargs: Any) -> Array:
    return avg_pool(2, input, kernel_size, *args, **kwargs)


def avg_pool3d(input: ArrayLike, kernel_size: Any, *args: Any, **kwargs: Any) -> Array:
    return avg_pool(3, input, kernel_size, *args, **kwargs)


def adaptive_avg_pool(rank: int, input: ArrayLike, output_size: Any) -> Array:
    x = np.asarray(input, np.float64)
    sizes = [output_size] * rank if isinstance(output_size, int) else list(output_size)
    kept = [n if out is None else out for out, n in zip(sizes, x.shape[-rank:], strict=True)]
    windows = [adaptive_windows(n, out) for n, out in zip(x.shape[-rank:], kept, strict=True)]
    return np.asarray(_sums(x, windows) / _counts(windows))


def adaptive_avg_pool1d(input: ArrayLike, output_size: Any) -> Array:
    return adaptive_avg_pool(1, input, output_size)


def adaptive_avg_pool2d(input: ArrayLike, output_size: Any) -> Array:
    return adaptive_avg_pool(2, input, output_size)


def adaptive_avg_pool3d(input: ArrayLike, output_size: Any) -> Array:
    return adaptive_avg_pool(3, input, output_size)


def lp_pool(
    rank: int,
    input: ArrayLike,
    norm_type: float,
    kernel_size: Any,
    stride: Any = None,
    ceil_mode: bool = False,
) -> Array:
    x = np.asarray(input, np.float64)
    taps = prod(np.broadcast_to(kernel_size, rank).tolist())
    mean = avg_pool(rank, x**norm_type, kernel_size, stride, 0, ceil_mode)
    return np.asarray((mean * taps) ** (1 / norm_type))


def lp_pool1d(
    input: ArrayLike, norm_type: float, kernel_size: Any, *args: Any, **kwargs: Any
) -> Array:
    return lp_pool(1, input, norm_type, kernel_size, *args, **kwargs)


def lp_pool2d(
    input: ArrayLike, norm_type: float, kernel_size: Any, *args: Any, **kwargs: Any
) -> Array:
    return lp_pool(2, input, norm_type, kernel_size, *args, **kwargs)


def lp_pool3d(
    input: ArrayLike, norm_type: float, kernel_size: Any, *args: Any, **kwargs: Any
) -> Array:
    return lp_pool(3, input, norm_type, kernel_size, *args, **kwargs)
