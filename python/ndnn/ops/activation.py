# SPDX-License-Identifier: MIT
"""Activations: elementwise, and softmax along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from ndnn import arithmetic
from ndnn._checks import axis, floats, number
from ndnn.tensor import Array, Operand, Tensor, record


def relu(input: Operand) -> Any:
    """max(input, 0).

    Shapes: any.
    Raises: TypeError for what is no floating-point array.
    Accuracy: exact. The gradient at 0 is 0.
    Source: torch.nn.functional.relu, 2.x.
    Example:
        >>> relu(np.array([-1.0, 0.0, 2.0])).tolist()
        [0.0, 0.0, 2.0]
    """
    return arithmetic.relu(_checked("relu", input))


def leaky_relu(input: Operand, negative_slope: float = 0.01) -> Any:
    """input where it is above 0, else input * negative_slope.

    Shapes: any.
    Raises: TypeError for what is no floating-point array.
    Accuracy: one rounding.
    Source: torch.nn.functional.leaky_relu, 2.x.
    Example:
        >>> leaky_relu(np.array([-1.0, 0.0, 2.0])).tolist()
        [-0.01, 0.0, 2.0]
    """
    (x,) = floats("leaky_relu", input=input)
    slope = x.dtype.type(negative_slope)
    y = np.minimum(x, 0) * slope  # np.where takes 5 times as long on mixed signs, 9 in the vjp
    y += np.maximum(x, 0)

    def vjp(g: Array) -> Array:
        above = x > 0
        d = np.multiply(~above, slope, dtype=x.dtype)
        d += above
        d *= g
        return d

    return record("leaky_relu", y, (input, vjp))


def sigmoid(input: Operand) -> Any:
    """1 / (1 + e^-input).

    Shapes: any.
    Raises: TypeError for what is no floating-point array.
    Accuracy: a few ulp; no overflow for any input.
    Source: torch.nn.functional.sigmoid, 2.x.
    Example:
        >>> sigmoid(np.array([0.0])).tolist()
        [0.5]
    """
    return arithmetic.sigmoid(_checked("sigmoid", input))


def tanh(input: Operand) -> Any:
    """The hyperbolic tangent.

    Shapes: any.
    Raises: TypeError for what is no floating-point array.
    Accuracy: NumPy's, a few ulp.
    Source: torch.nn.functional.tanh, 2.x.
    Example:
        >>> tanh(np.array([0.0])).tolist()
        [0.0]
    """
    return arithmetic.tanh(_checked("tanh", input))


def _checked(name: str, input: Operand) -> Operand:
    (x,) = floats(name, input=input)
    return input if isinstance(input, Tensor) else x


def softmax(input: Operand, dim: int = -1) -> Any:
    """e^input / sum of e^input along an axis.

    Shapes: any; `dim` is one of its axes.
    Raises: ValueError for an axis that does not exist, TypeError for what is no floating-point
        array.
    Accuracy: relative error of a few eps times the length of the axis; no overflow.
    Source: torch.nn.functional.softmax, 2.x, whose `dim` has no default.
    Example:
        >>> softmax(np.array([1.0, 1.0])).tolist()
        [0.5, 0.5]
    """
    (x,) = floats("softmax", input=input)
    dim = axis("softmax", x, dim)
    y = np.asarray(np.exp(x - _peak(x, dim)))
    y /= y.sum(dim, keepdims=True)

    def vjp(g: Array) -> Array:
        d = g * y
        d -= y * d.sum(dim, keepdims=True)
        return d

    return record("softmax", y, (input, vjp), saved=())


def log_softmax(input: Operand, dim: int = -1) -> Any:
    """log(softmax(input, dim)), without the loss of small probabilities.

    Shapes: any; `dim` is one of its axes.
    Raises: ValueError for an axis that does not exist, TypeError for what is no floating-point
        array.
    Accuracy: absolute error of a few eps times (1 + |input - max|); no overflow.
    Source: torch.nn.functional.log_softmax, 2.x, whose `dim` has no default.
    Example:
        >>> np.exp(log_softmax(np.array([1.0, 1.0]))).round(15).tolist()
        [0.5, 0.5]
    """
    (x,) = floats("log_softmax", input=input)
    dim = axis("log_softmax", x, dim)
    y = np.asarray(x - _peak(x, dim))
    y -= np.log(np.exp(y).sum(dim, keepdims=True))
    return record(
        "log_softmax",
        y,
        (input, lambda g: g - np.exp(y) * g.sum(dim, keepdims=True)),
        saved=(),
    )


def _peak(x: Array, dim: int) -> Array:
    """The largest along an axis; 0 where that is not finite or there is nothing."""
    peak = np.max(x, dim, keepdims=True, initial=-np.inf)
    return np.where(np.isfinite(peak), peak, 0).astype(x.dtype)


def dropout(
    input: Operand,
    p: float = 0.5,
    training: bool = True,
    *,
    generator: np.random.Generator | None = None,
) -> Any:
    """Zeros with probability p, the rest times 1 / (1 - p); the input itself when not training.

    Shapes: any.
    Arguments:
        generator: where the numbers come from; None: ndnn.manual_seed's.
    Raises: ValueError for p outside [0, 1].
    Accuracy: one rounding.
    Source: torch.nn.functional.dropout, 2.x (other random numbers).
    Example:
        >>> dropout(np.ones(3), training=False).tolist()
        [1.0, 1.0, 1.0]
    """
    from ndnn import random

    (x,) = floats("dropout", input=input)
    number("dropout", p=p)
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p must be between 0 and 1, but got p={p}")
    if not training or p == 0:
        return record("dropout", x, (input, lambda g: g), saved=(), view_of=input)
    keep = (generator or random.generator()).random(x.shape, np.float32) >= p
    scale = keep * x.dtype.type(0 if p == 1 else 1 / (1 - p))
    return record("dropout", x * scale, (input, lambda g: g * scale), saved=())
