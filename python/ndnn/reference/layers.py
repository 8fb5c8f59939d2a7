# SPDX-License-Identifier: MIT
"""The layers between convolutions, written to be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ndnn.reference.activation import log_softmax

Array = NDArray[Any]


def _real(x: ArrayLike) -> Array:
    return np.asarray(x, np.float64)


def linear(input: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None) -> Array:
    y = np.tensordot(_real(input), _real(weight), (-1, -1))
    return np.asarray(y if bias is None else y + bias)


def batch_norm(
    input: ArrayLike,
    running_mean: ArrayLike | None,
    running_var: ArrayLike | None,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Array:
    """The result; the running statistics are not moved."""
    x = _real(input)
    others = (0, *range(2, x.ndim))
    column = (-1, *(1,) * (x.ndim - 2))
    mean = x.mean(others) if training else _real(running_mean)  # type: ignore[arg-type]
    var = x.var(others) if training else _real(running_var)  # type: ignore[arg-type]
    y = (x - mean.reshape(column)) / np.sqrt(var.reshape(column) + eps)
    if weight is not None:
        y = y * _real(weight).reshape(column)
    return y if bias is None else y + _real(bias).reshape(column)


def mse_loss(input: ArrayLike, target: ArrayLike, reduction: str = "mean") -> Array:
    return _reduced((_real(input) - _real(target)) ** 2, np.ones(np.shape(input)), reduction)


def nll_loss(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Array:
    """Each target picks minus its class's input; the mean is weighted."""
    x, t = np.moveaxis(_real(input), min(1, np.ndim(input) - 1), -1), np.asarray(target)
    by_class = np.ones(x.shape[-1]) if weight is None else _real(weight)
    losses, weights = np.zeros(t.shape), np.zeros(t.shape)
    for place in np.ndindex(t.shape):
        if t[place] != ignore_index:
            weights[place] = by_class[t[place]]
            losses[place] = -weights[place] * x[place][t[place]]
    return _reduced(losses, weights, reduction)


def cross_entropy(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Array:
    """With probabilities of every class as the target, or class numbers, which are made such."""
    classes = min(1, np.ndim(input) - 1)
    logs = np.moveaxis(log_softmax(input, classes), classes, -1)
    count = logs.shape[-1]
    by_class = np.ones(count) if weight is None else _real(weight)
    t = np.asarray(target)
    if t.dtype.kind == "f":
        likely, weights = np.moveaxis(t, classes, -1), np.ones(logs.shape[:-1])
    else:
        used = t != ignore_index
        chosen = np.where(used, t, 0)
        likely, weights = np.eye(count)[chosen] * used[..., None], by_class[chosen] * used
    smooth = likely * (1 - label_smoothing) + label_smoothing / count
    if t.dtype.kind != "f":
        smooth = smooth * used[..., None]
    return _reduced(-(smooth * by_class * logs).sum(-1), weights, reduction)


def _reduced(losses: Array, weights: Array, reduction: str) -> Array:
    if reduction == "none":
        return losses
    return np.asarray(losses.sum() / (weights.sum() if reduction == "mean" else 1))


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


def max_pool2d(
    input: ArrayLike,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Array:
    x = _real(input)
    windows = _windows(x, kernel_size, stride, padding, dilation, ceil_mode)
    return _each_window(
        x, windows, lambda taps: np.max([x[..., r, c] for r, c in _inside(x, taps)], axis=0)
    )


def max_unpool2d(
    input: ArrayLike,
    indices: ArrayLike,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Array:
    x, places = _real(input), np.asarray(indices)
    k, p = (np.broadcast_to(value, 2) for value in (kernel_size, padding))
    s = k if stride is None else np.broadcast_to(stride, 2)
    size = output_size or tuple(
        (n - 1) * s + k - 2 * p for n, s, k, p in zip(x.shape[-2:], s, k, p, strict=True)
    )
    y = np.zeros((*x.shape[:-2], *size[-2:]))
    for at in np.ndindex(x.shape):
        y[(*at[:-2], *divmod(int(places[at]), size[-1]))] = x[at]
    return y


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
