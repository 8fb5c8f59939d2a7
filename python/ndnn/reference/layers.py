# SPDX-License-Identifier: MIT
"""The layers between convolutions, written to be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ndnn.reference.fused import sigmoid as _sigmoid

Array = NDArray[Any]


def _real(x: ArrayLike) -> Array:
    return np.asarray(x, np.float64)


def relu(input: ArrayLike) -> Array:
    return np.maximum(_real(input), 0)


def leaky_relu(input: ArrayLike, negative_slope: float = 0.01) -> Array:
    x = _real(input)
    return np.where(x > 0, x, negative_slope * x)


def sigmoid(input: ArrayLike) -> Array:
    return _sigmoid(_real(input))


def tanh(input: ArrayLike) -> Array:
    return np.tanh(_real(input))


def softmax(input: ArrayLike, dim: int = -1) -> Array:
    powers = np.exp(_real(input) - np.max(input, dim, keepdims=True))
    return np.asarray(powers / powers.sum(dim, keepdims=True))


def log_softmax(input: ArrayLike, dim: int = -1) -> Array:
    return np.log(softmax(input, dim))


def dropout(input: ArrayLike, p: float = 0.5, training: bool = True) -> Array:
    """Where nothing is random."""
    if training and 0 < p < 1:
        raise ValueError(f"dropout: only p of 0 or 1 has one result, but got p={p}")
    return _real(input) * (not (training and p == 1))


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


def _windows(
    x: Array,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Iterator[tuple[tuple[int, int], list[tuple[int, int]]]]:
    """Each output place with the places of its taps, also those in the padding."""
    kernel, steps = _pair(kernel_size), _pair(kernel_size if stride is None else stride)
    pads, gaps = _pair(padding), _pair(dilation)
    out = []
    for n, k, s, p, d in zip(x.shape[-2:], kernel, steps, pads, gaps, strict=True):
        exact = (n + 2 * p - d * (k - 1) - 1) / s
        o = (ceil(exact) if ceil_mode else int(exact)) + 1
        out.append(o - 1 if (o - 1) * s >= n + p else o)
    for oh, ow in np.ndindex(*out):
        rows = [oh * steps[0] - pads[0] + i * gaps[0] for i in range(kernel[0])]
        columns = [ow * steps[1] - pads[1] + i * gaps[1] for i in range(kernel[1])]
        yield (oh, ow), [(r, c) for r in rows for c in columns]


def _each_window(x: Array, windows: Any, value: Callable[[list[tuple[int, int]]], Array]) -> Array:
    results = {place: value(taps) for place, taps in windows}
    size = max(results)
    y = np.array(list(results.values()))  # (outputs, ...)
    return np.moveaxis(y, 0, -1).reshape(*x.shape[:-2], size[0] + 1, size[1] + 1)


def _inside(x: Array, taps: list[tuple[int, int]], pad: Any = 0) -> list[tuple[int, int]]:
    h, w = (n + p for n, p in zip(x.shape[-2:], _pair(pad), strict=True))
    low = [-p for p in _pair(pad)]
    return [(r, c) for r, c in taps if low[0] <= r < h and low[1] <= c < w]


def avg_pool2d(
    input: ArrayLike,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    x = _real(input)

    def mean(taps: list[tuple[int, int]]) -> Array:
        total = sum((x[..., r, c] for r, c in _inside(x, taps)), np.zeros(x.shape[:-2]))
        counted = len(_inside(x, taps, padding if count_include_pad else 0))
        return np.asarray(total / (divisor_override or counted))

    return _each_window(x, _windows(x, kernel_size, stride, padding, 1, ceil_mode), mean)


def adaptive_avg_pool2d(input: ArrayLike, output_size: Any) -> Array:
    x = _real(input)
    h, w = x.shape[-2:]
    oh, ow = (o or n for o, n in zip(_pair(output_size), (h, w), strict=True))
    y = np.empty((*x.shape[:-2], oh, ow))
    for i, j in np.ndindex(oh, ow):
        rows = slice(i * h // oh, ceil((i + 1) * h / oh))
        columns = slice(j * w // ow, ceil((j + 1) * w / ow))
        y[..., i, j] = x[..., rows, columns].mean((-2, -1))
    return y
