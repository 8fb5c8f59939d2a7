# SPDX-License-Identifier: MIT
"""The fully connected layer."""

from __future__ import annotations

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
        rows = x.reshape(-1, x.shape[-1])
        return g.reshape(-1, *w.shape[:-1]).T @ rows

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
