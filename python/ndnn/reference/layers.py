# SPDX-License-Identifier: MIT
"""The layers between convolutions, written to be read."""

from __future__ import annotations

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
