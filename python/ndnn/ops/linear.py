# SPDX-License-Identifier: MIT
"""The fully connected layer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ndnn._checks import floats
from ndnn.tensor import Array, Operand, record


def linear(input: Operand, weight: Operand, bias: Operand = None) -> Any:
    """input times the transposed weight, plus bias.

    Shapes: input (..., I), weight (O, I) or (I,), bias (O,) or () -> (..., O) or (...).
    Raises: ValueError for sizes that do not fit, TypeError for what is no floating-point array.
    Accuracy: sums of NumPy's BLAS in the arrays' dtype.
    Source: torch.nn.functional.linear, 2.x.
    Example:
        >>> linear(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), np.array([5.0])).tolist()
        [[16.0]]
    """
    x, w, b = floats("linear", ("bias",), input=input, weight=weight, bias=bias)
    w = np.asarray(w)  # of a PackedWeight
    if w.ndim not in (1, 2) or x.ndim == 0 or x.shape[-1] != w.shape[-1]:
        raise ValueError(
            "linear: the last axes of input and weight must be equal and weight have 1 or 2 axes, "
            f"but got input {x.shape}, weight {w.shape}"
        )
    if b is not None and b.shape != w.shape[:-1]:
        raise ValueError(f"linear: bias must have the shape {w.shape[:-1]}, but got {b.shape}")
    y = x @ w.T
    if b is not None:
        y += b

    def of_weight(g: Array) -> Array:
        count = math.prod(x.shape[:-1])
        return g.reshape(count, *w.shape[:-1]).T @ x.reshape(count, x.shape[-1])

    def of_input(g: Array) -> Array:
        return g @ w if w.ndim == 2 else g[..., None] * w

    return record(
        "linear",
        y,
        (input, of_input),
        (weight, of_weight),
        (bias, lambda g: g),
        saved=(input, weight),
    )


def bilinear(input1: Operand, input2: Operand, weight: Operand, bias: Operand = None) -> Any:
    """input1 times weight[o] times input2 for every output o, plus bias.

    Shapes: input1 (..., I), input2 (..., J), weight (O, I, J), bias (O,) -> (..., O).
    Raises: ValueError for sizes that do not fit, TypeError for what is no floating-point array.
    Accuracy: sums of NumPy's BLAS in the arrays' dtype.
    Source: torch.nn.functional.bilinear, 2.x.
    Example:
        >>> bilinear(np.array([[1.0, 2.0]]), np.array([[3.0]]), np.ones((1, 2, 1))).tolist()
        [[9.0]]
    """
    x, y, w, b = floats(
        "bilinear", ("bias",), input1=input1, input2=input2, weight=weight, bias=bias
    )
    fits = w.ndim == 3 and x.ndim > 0 and x.shape[:-1] == y.shape[:-1]
    if not fits or (x.shape[-1], y.shape[-1]) != w.shape[1:]:
        raise ValueError(
            "bilinear: input1 and input2 must agree but for their last axes, which are weight's, "
            f"but got input1 {x.shape}, input2 {y.shape}, weight {w.shape}"
        )
    if b is not None and b.shape != w.shape[:1]:
        raise ValueError(f"bilinear: bias must have the shape {w.shape[:1]}, but got {b.shape}")
    outputs, inner, outer = w.shape
    count = math.prod(x.shape[:-1])
    rows, columns = x.reshape(count, inner), y.reshape(count, outer)
    # (rows, O, J): the form of weight that every row of input1 makes
    forms = (rows @ w.transpose(1, 0, 2).reshape(inner, outputs * outer)).reshape(
        count, outputs, outer
    )
    z = (forms @ columns[:, :, None]).reshape(*x.shape[:-1], outputs)
    if b is not None:
        z = z + b

    def of_first(g: Array) -> Array:
        forms = (columns @ w.reshape(outputs * inner, outer).T).reshape(count, outputs, inner)
        return (g.reshape(count, 1, outputs) @ forms).reshape(x.shape)

    def of_second(g: Array) -> Array:
        return (g.reshape(count, 1, outputs) @ forms).reshape(y.shape)

    def of_weight(g: Array) -> Array:
        left = g.reshape(count, outputs, 1) * rows[:, None]  # (rows, O, I)
        return (left.reshape(count, outputs * inner).T @ columns).reshape(w.shape)

    links = (input1, of_first), (input2, of_second), (weight, of_weight), (bias, lambda g: g)
    return record("bilinear", z, *links, saved=(input1, input2, weight))
