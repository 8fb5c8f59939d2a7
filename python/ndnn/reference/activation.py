# SPDX-License-Identifier: MIT
"""Activations, softmax and, where nothing is random, dropout: written to be read."""

from __future__ import annotations

from math import erf, pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ndnn.reference.fused import sigmoid as _sigmoid

Array = NDArray[Any]

_erf = np.vectorize(erf, otypes=[float])


def _real(x: ArrayLike) -> Array:
    return np.asarray(x, np.float64)


def threshold(input: ArrayLike, threshold: float, value: float) -> Array:
    x = _real(input)
    return np.where(x > threshold, x, value)


def relu(input: ArrayLike) -> Array:
    return np.maximum(_real(input), 0)


def hardtanh(input: ArrayLike, min_val: float = -1.0, max_val: float = 1.0) -> Array:
    return np.clip(_real(input), min_val, max_val)


def relu6(input: ArrayLike) -> Array:
    return hardtanh(input, 0, 6)


def leaky_relu(input: ArrayLike, negative_slope: float = 0.01) -> Array:
    x = _real(input)
    return np.where(x > 0, x, negative_slope * x)


def prelu(input: ArrayLike, weight: ArrayLike) -> Array:
    """The weight's elements, if several, are those of axis 1."""
    x, w = _real(input), _real(weight)
    return np.where(x > 0, x, x * (w.reshape(-1, *(1,) * (x.ndim - 2)) if w.size > 1 else w))


def rrelu(
    input: ArrayLike, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False
) -> Array:
    """Where nothing is random."""
    if training and lower != upper:
        raise ValueError("rrelu: only equal slopes have one result while training")
    return leaky_relu(input, (lower + upper) / 2)


def elu(input: ArrayLike, alpha: float = 1.0) -> Array:
    x = _real(input)
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def selu(input: ArrayLike) -> Array:
    return 1.0507009873554805 * elu(input, 1.6732632423543772)


def celu(input: ArrayLike, alpha: float = 1.0) -> Array:
    return alpha * elu(_real(input) / alpha)


def sigmoid(input: ArrayLike) -> Array:
    return _sigmoid(_real(input))


def tanh(input: ArrayLike) -> Array:
    return np.tanh(_real(input))


def logsigmoid(input: ArrayLike) -> Array:
    return -softplus(-_real(input), threshold=np.inf)


def softplus(input: ArrayLike, beta: float = 1.0, threshold: float = 20.0) -> Array:
    x = _real(input)
    return np.where(beta * x > threshold, x, np.logaddexp(0, beta * x) / beta)


def softsign(input: ArrayLike) -> Array:
    x = _real(input)
    return np.asarray(x / (1 + np.abs(x)))


def tanhshrink(input: ArrayLike) -> Array:
    return _real(input) - tanh(input)


def hardshrink(input: ArrayLike, lambd: float = 0.5) -> Array:
    x = _real(input)
    return np.where((x >= -lambd) & (x <= lambd), 0, x)


def softshrink(input: ArrayLike, lambd: float = 0.5) -> Array:
    x = _real(input)
    return np.asarray(x - np.clip(x, -lambd, lambd))


def hardsigmoid(input: ArrayLike) -> Array:
    return np.asarray(np.clip(_real(input) + 3, 0, 6) / 6)


def hardswish(input: ArrayLike) -> Array:
    return _real(input) * hardsigmoid(input)


def silu(input: ArrayLike) -> Array:
    return _real(input) * sigmoid(input)


def mish(input: ArrayLike) -> Array:
    return _real(input) * np.tanh(softplus(input, threshold=np.inf))


def gelu(input: ArrayLike, approximate: str = "none") -> Array:
    x = _real(input)
    if approximate == "tanh":
        return np.asarray(x / 2 * (1 + np.tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))))
    return np.asarray(x / 2 * (1 + _erf(x / sqrt(2))))


def glu(input: ArrayLike, dim: int = -1) -> Array:
    a, b = np.split(_real(input), 2, dim)
    return a * sigmoid(b)


def softmax(input: ArrayLike, dim: int | None = None, dtype: Any = None) -> Array:
    """Without an axis: torch's old rule."""
    x = _real(input)
    if dim is None:
        dim = 0 if x.ndim in (0, 1, 3) else 1
    powers = np.exp(x - np.max(x, dim, keepdims=True))
    return np.asarray(powers / powers.sum(dim, keepdims=True))


def log_softmax(input: ArrayLike, dim: int | None = None, dtype: Any = None) -> Array:
    return np.log(softmax(input, dim))


def softmin(input: ArrayLike, dim: int | None = None, dtype: Any = None) -> Array:
    return softmax(-_real(input), dim)


def gumbel_softmax(
    logits: ArrayLike, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Array:
    """Of the noise that ndnn.manual_seed's generator gives."""
    from ndnn import random

    noise = random.generator().gumbel(size=np.shape(logits))
    soft = softmax((_real(logits) + noise) / tau, dim)
    return np.asarray(soft == soft.max(dim, keepdims=True), np.float64) if hard else soft


def dropout(input: ArrayLike, p: float = 0.5, training: bool = True) -> Array:
    """Where nothing is random."""
    if training and 0 < p < 1:
        raise ValueError(f"dropout: only p of 0 or 1 has one result, but got p={p}")
    return _real(input) * (not (training and p == 1))


dropout1d = dropout2d = dropout3d = dropout


def alpha_dropout(input: ArrayLike, p: float = 0.5, training: bool = False) -> Array:
    """Where nothing is random; with p = 1 it is zero, as in torch."""
    return dropout(input, p, training)


feature_alpha_dropout = alpha_dropout
