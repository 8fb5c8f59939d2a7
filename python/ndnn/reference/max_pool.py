# SPDX-License-Identifier: MIT
"""Maximum pooling and unpooling, window by window."""

from __future__ import annotations

from itertools import product
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]
Windows = list[list[list[int]]]  # of each axis, of each output: the positions of its taps


def _per_axis(value: Any, rank: int) -> tuple[Any, ...]:
    sizes = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    return sizes * rank if len(sizes) == 1 else sizes


def _pooled(input: ArrayLike, windows: Windows) -> tuple[Array, Array]:
    """The maxima and their indices; the windows are the same for all planes.

    A window that lies in the padding but for gaps has no maximum: -inf, and the index of its first
    tap that is not negative.
    """
    x = np.asarray(input, np.float64)
    size = x.shape[-len(windows) :]
    outputs = [len(axis) for axis in windows]
    y = np.full((*x.shape[: -len(windows)], *outputs), -np.inf)
    places = np.zeros(y.shape, np.int64)
    weights = [int(np.prod(size[a + 1 :])) for a in range(len(size))]
    for at in np.ndindex(*outputs):
        taps = [[i for i in axis[o] if i >= 0] for axis, o in zip(windows, at, strict=True)]
        places[(..., *at)] = sum(t[0] * w for t, w in zip(taps, weights, strict=True))
        for tap in product(*taps):
            if all(i < n for i, n in zip(tap, size, strict=True)):
                values = x[(..., *tap)]
                wins = (values > y[(..., *at)]) | np.isnan(values)
                y[(..., *at)] = np.where(wins, values, y[(..., *at)])
                index = sum(i * w for i, w in zip(tap, weights, strict=True))
                places[(..., *at)] = np.where(wins, index, places[(..., *at)])
    return y, places


def _max_pool(
    rank: int,
    input: ArrayLike,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
) -> Any:
    kernel, steps, pads, gaps = (
        _per_axis(v, rank)
        for v in (kernel_size, kernel_size if stride is None else stride, padding, dilation)
    )
    windows = []
    for n, k, s, p, d in zip(np.shape(input)[-rank:], kernel, steps, pads, gaps, strict=True):
        exact = (n + 2 * p - d * (k - 1) - 1) / s
        out = (ceil(exact) if ceil_mode else int(exact)) + 1
        out -= (out - 1) * s >= n + p
        windows.append([[o * s - p + i * d for i in range(k)] for o in range(out)])
    found = _pooled(input, windows)
    return found if return_indices else found[0]


def max_pool1d(
    input: ArrayLike,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: ArrayLike,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input: ArrayLike,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _adaptive_max_pool(rank: int, input: ArrayLike, output_size: Any, return_indices: bool) -> Any:
    windows = []
    for n, wanted in zip(np.shape(input)[-rank:], _per_axis(output_size, rank), strict=True):
        out = n if wanted is None else wanted
        windows.append([list(range(o * n // out, ceil((o + 1) * n / out))) for o in range(out)])
    found = _pooled(input, windows)
    return found if return_indices else found[0]


def adaptive_max_pool1d(input: ArrayLike, output_size: Any, return_indices: bool = False) -> Any:
    return _adaptive_max_pool(1, input, output_size, return_indices)


def adaptive_max_pool2d(input: ArrayLike, output_size: Any, return_indices: bool = False) -> Any:
    return _adaptive_max_pool(2, input, output_size, return_indices)


def adaptive_max_pool3d(input: ArrayLike, output_size: Any, return_indices: bool = False) -> Any:
    return _adaptive_max_pool(3, input, output_size, return_indices)


def _fractional_max_pool(
    rank: int,
    input: ArrayLike,
    kernel_size: Any,
    output_size: Any,
    output_ratio: Any,
    return_indices: bool,
    samples: Any,
) -> Any:
    """Windows of each plane by its samples, computed in the input's dtype."""
    x, kernel = np.asarray(input), _per_axis(kernel_size, rank)
    size = x.shape[-rank:]
    if output_size is None:
        ratios = _per_axis(output_ratio, rank)
        output_size = tuple(int(n * r) for n, r in zip(size, ratios, strict=True))
    outputs = _per_axis(output_size, rank)
    planes = x.reshape(-1, *size)
    real = np.float64 if x.dtype == np.float64 else np.float32
    y = np.empty((len(planes), *outputs))
    places = np.empty(y.shape, np.int64)
    for i, own in enumerate(np.asarray(samples, real).reshape(-1, rank)):
        windows = []
        for a, (n, k, out) in enumerate(zip(size, kernel, outputs, strict=True)):
            u = own[1 - a] if rank == 2 else own[a]  # in a plane the first is that of the columns
            step = real(n - k) / real(max(out - 1, 1))
            starts = [int((real(o) + u) * step) - int(u * step) for o in range(out - 1)]
            windows.append([list(range(s, s + k)) for s in (*starts, n - k)[:out]])
        y[i], places[i] = _pooled(planes[i], windows)
    shape = (*x.shape[:-rank], *outputs)
    found = y.reshape(shape), places.reshape(shape)
    return found if return_indices else found[0]


def fractional_max_pool2d(
    input: ArrayLike,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:
    where = kernel_size, output_size, output_ratio, return_indices
    return _fractional_max_pool(2, input, *where, _random_samples)


def fractional_max_pool3d(
    input: ArrayLike,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:
    where = kernel_size, output_size, output_ratio, return_indices
    return _fractional_max_pool(3, input, *where, _random_samples)


def _max_unpool(
    rank: int,
    input: ArrayLike,
    indices: ArrayLike,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    output_size: Any,
) -> Array:
    """In memory order, so that the last of several values for one place stays."""
    x, places = np.asarray(input, np.float64), np.asarray(indices)
    kernel, pads = _per_axis(kernel_size, rank), _per_axis(padding, rank)
    steps = kernel if stride is None else _per_axis(stride, rank)
    size = output_size or tuple(
        (n - 1) * s + k - 2 * p
        for n, s, k, p in zip(x.shape[-rank:], steps, kernel, pads, strict=True)
    )
    y = np.zeros((*x.shape[:-rank], *size[-rank:]))
    for at in np.ndindex(x.shape):
        y[at[:-rank]].flat[places[at]] = x[at]
    return y


def max_unpool1d(
    input: ArrayLike,
    indices: ArrayLike,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Array:
    return _max_unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: ArrayLike,
    indices: ArrayLike,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Array:
    return _max_unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: ArrayLike,
    indices: ArrayLike,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Array:
    return _max_unpool(3, input, indices, kernel_size, stride, padding, output_size)
