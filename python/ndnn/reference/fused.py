# SPDX-License-Identifier: MIT
"""Convolution with an epilogue, written to be read: activation(conv + bias + residual)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ndnn.reference import conv as _conv

Array = NDArray[Any]


def sigmoid(x: Array) -> Array:
    small = np.exp(-np.abs(x))  # never overflows
    y: Array = np.where(x < 0, small, 1) / (1 + small)
    return y


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "silu": lambda x: x * sigmoid(x),
    "hardswish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "hardsigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
}


def activate(x: Array, activation: str | None, negative_slope: float = 0.01) -> Array:
    """One activation by its name; None changes nothing."""
    if activation is None:
        return x
    if activation == "leaky_relu":
        return np.where(x > 0, x, x * negative_slope)
    return ACTIVATIONS[activation](x)


def _named(rank: int) -> Callable[..., Array]:
    plain = getattr(_conv, f"conv{rank}d")

    def conv(
        *args: Any,
        activation: str | None = None,
        residual: ArrayLike | None = None,
        negative_slope: float = 0.01,
        **kwargs: Any,
    ) -> Array:
        y = plain(*args, **kwargs)
        if residual is not None:
            y = y + np.asarray(residual, np.float64)
        return activate(y, activation, negative_slope)

    conv.__name__ = conv.__qualname__ = f"conv{rank}d"
    conv.__doc__ = f"ndnn.fused.conv{rank}d in float64; see this module."
    return conv


conv1d, conv2d, conv3d = (_named(rank) for rank in (1, 2, 3))
