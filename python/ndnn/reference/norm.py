# SPDX-License-Identifier: MIT
"""Norms, written to be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


def _real(x: ArrayLike) -> Array:
    return np.asarray(x, np.float64)


def _scaled(x: Array, mean: Array, var: Array, eps: float, weight: Any, bias: Any) -> Array:
    y = (x - mean) / np.sqrt(var + eps)
    y = y if weight is None else y * weight
    return np.asarray(y if bias is None else y + bias)


def _by_channel(values: ArrayLike | None, x: Array) -> Any:
    """One value a channel, beside (N, C, ...)."""
    return None if values is None else _real(values).reshape(-1, *(1,) * (x.ndim - 2))


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
    if training:
        mean, var = x.mean(others, keepdims=True), x.var(others, keepdims=True)
    else:
        mean, var = _by_channel(running_mean, x), _by_channel(running_var, x)
    return _scaled(x, mean, var, eps, _by_channel(weight, x), _by_channel(bias, x))


def instance_norm(
    input: ArrayLike,
    running_mean: ArrayLike | None = None,
    running_var: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Array:
    """The result; the running statistics are not moved."""
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, eps=eps)
    return group_norm(input, _real(input).shape[1], weight, bias, eps)


def group_norm(
    input: ArrayLike,
    num_groups: int,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    eps: float = 1e-5,
) -> Array:
    x = _real(input)
    groups = x.reshape(x.shape[0], num_groups, -1)
    y = _scaled(groups, groups.mean(2)[..., None], groups.var(2)[..., None], eps, None, None)
    y = y.reshape(x.shape)
    y = y if weight is None else y * _by_channel(weight, x)
    return y if bias is None else np.asarray(y + _by_channel(bias, x))


def layer_norm(
    input: ArrayLike,
    normalized_shape: Sequence[int],
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    eps: float = 1e-5,
) -> Array:
    x, axes = _real(input), tuple(range(-len(normalized_shape), 0))
    return _scaled(x, x.mean(axes, keepdims=True), x.var(axes, keepdims=True), eps, weight, bias)


def rms_norm(
    input: ArrayLike,
    normalized_shape: Sequence[int],
    weight: ArrayLike | None = None,
    eps: float = float(np.finfo(np.float64).eps),
) -> Array:
    x, axes = _real(input), tuple(range(-len(normalized_shape), 0))
    return _scaled(x, np.zeros(1), (x**2).mean(axes, keepdims=True), eps, weight, None)


def normalize(
    input: ArrayLike, p: float = 2.0, dim: int | tuple[int, ...] = 1, eps: float = 1e-12
) -> Array:
    x = _real(input)
    if p == 0:
        norm = np.sum(x != 0, dim, keepdims=True)
    elif np.isinf(p):
        norm = (np.max if p > 0 else np.min)(np.abs(x), dim, keepdims=True)
    else:
        norm = np.sum(np.abs(x) ** p, dim, keepdims=True) ** (1 / p)
    return np.asarray(x / np.maximum(norm, eps))


def local_response_norm(
    input: ArrayLike, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Array:
    x = _real(input)
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        around = x[:, max(c - size // 2, 0) : c + (size - 1) // 2 + 1]
        y[:, c] = x[:, c] / (k + alpha / size * (around**2).sum(1)) ** beta
    return y
