# SPDX-License-Identifier: MIT
"""Elementwise functions and matmul of Tensors and arrays; each gradient stands in its `record`.

NumPy's rules: broadcasting, and a Python number takes the dtype of the array beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ndnn import _maps
from ndnn._load import _core
from ndnn.tensor import Array, Operand, Tensor, arrays, record


def value(x: Any) -> Any:
    """The array of a Tensor; anything else as it is."""
    return x._array if isinstance(x, Tensor) else x


def _pair(a: Operand, b: Operand) -> list[Any]:
    """Two operands as arrays, a Python number in the dtype of the other."""
    x, y = arrays(a, b)
    if isinstance(a, (int, float)):
        x = x.astype(_scalar_dtype(a, y))
    if isinstance(b, (int, float)):
        y = y.astype(_scalar_dtype(b, x))
    return [x, y]


def _scalar_dtype(number: float, other: Array) -> Any:
    """NumPy 2's rule, also under 1.26 and beside arrays without axes."""
    if other.dtype.kind == "f" or (other.dtype.kind in "iu" and not isinstance(number, float)):
        return other.dtype
    return np.asarray(number).dtype


def add(a: Operand, b: Operand) -> Any:
    x, y = _pair(a, b)
    return record("add", x + y, (a, lambda g: g), (b, lambda g: g), saved=())


def subtract(a: Operand, b: Operand) -> Any:
    x, y = _pair(a, b)
    return record("subtract", x - y, (a, lambda g: g), (b, np.negative), saved=())


def multiply(a: Operand, b: Operand) -> Any:
    x, y = _pair(a, b)
    return record("multiply", x * y, (a, lambda g: g * y), (b, lambda g: g * x))


def divide(a: Operand, b: Operand) -> Any:
    x, y = _pair(a, b)
    return record("divide", x / y, (a, lambda g: g / y), (b, lambda g: -(g / y) * (x / y)))


def power(a: Operand, b: Operand) -> Any:
    x, y = _pair(a, b)
    z = x**y

    def of_base(g: Array) -> Array:  # exponent 0: a constant, also where the base is 0
        return g * np.where(y == 0, 0, y * x ** np.where(y == 0, 1, y - 1)).astype(z.dtype)

    def of_exponent(g: Array) -> Array:  # 0**b is 0 for every b > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(g * np.where((x == 0) & (y >= 0), 0, z * np.log(x)))

    return record("power", z, (a, of_base), (b, of_exponent))


def matmul(a: Operand, b: Operand) -> Any:
    x, w = arrays(a, b)
    y = x @ w
    # Vectors are rows or columns for the time of the products.
    x2, w2 = (x[None, :] if x.ndim == 1 else x), (w[:, None] if w.ndim == 1 else w)

    def full(g: Array) -> Array:
        if w.ndim == 1:
            g = g[..., None]
        return g[..., None, :] if x.ndim == 1 else g

    def of_left(g: Array) -> Array:
        d = full(g) @ w2.swapaxes(-1, -2)
        return d[..., 0, :] if x.ndim == 1 else d

    def of_right(g: Array) -> Array:
        d = x2.swapaxes(-1, -2) @ full(g)
        return d[..., 0] if w.ndim == 1 else d

    return record("matmul", y, (a, of_left), (b, of_right))


def negative(a: Operand) -> Any:
    (x,) = arrays(a)
    return record("negative", -x, (a, np.negative), saved=())


def absolute(a: Operand) -> Any:
    (x,) = arrays(a)
    return record("abs", np.abs(x), (a, lambda g: g * np.sign(x)))


def abs(a: Operand) -> Any:
    return absolute(a)


def exp(a: Operand) -> Any:
    (x,) = arrays(a)
    y = np.exp(x)
    return record("exp", y, (a, lambda g: g * y), saved=())


def log(a: Operand) -> Any:
    (x,) = arrays(a)
    return record("log", np.log(x), (a, lambda g: g / x))


def sqrt(a: Operand) -> Any:
    (x,) = arrays(a)
    y = np.sqrt(x)
    return record("sqrt", y, (a, lambda g: g / (2 * y)), saved=())


def sin(a: Operand) -> Any:
    (x,) = arrays(a)
    return record("sin", np.sin(x), (a, lambda g: g * np.cos(x)))


def cos(a: Operand) -> Any:
    (x,) = arrays(a)
    return record("cos", np.cos(x), (a, lambda g: g * -np.sin(x)))


def _activated(name: str, a: Operand) -> Any:
    """A kernel's; whole numbers become floats as in NumPy's functions."""
    (x,) = arrays(a)
    if x.dtype.kind == "f":
        return _maps.mapped(name, a if isinstance(a, Tensor) else x)
    y = _core.activation(name, x.astype(np.exp(np.empty(0, x.dtype)).dtype), None)
    return record(name, y, (a, None))


def tanh(a: Operand) -> Any:
    return _activated("tanh", a)


def sigmoid(a: Operand) -> Any:
    return _activated("sigmoid", a)


def relu(a: Operand) -> Any:
    (x,) = arrays(a)
    if x.dtype.kind == "f":
        return _activated("relu", a)
    return record("relu", np.maximum(x, x.dtype.type(0)), (a, None))


def maximum(a: Operand, b: Operand) -> Any:
    """Elementwise; where both are equal, each gets half of the gradient."""
    x, y = _pair(a, b)
    return record("maximum", np.maximum(x, y), (a, _share(x, y)), (b, _share(y, x)))


def minimum(a: Operand, b: Operand) -> Any:
    """Elementwise; where both are equal, each gets half of the gradient."""
    x, y = _pair(a, b)
    return record("minimum", np.minimum(x, y), (a, _share(-x, -y)), (b, _share(-y, -x)))


def _share(mine: Array, other: Array) -> Any:
    return lambda g: g * ((mine > other) + (mine == other) / 2).astype(g.dtype)


def clip(a: Operand, min: float | Array | None = None, max: float | Array | None = None) -> Any:
    """Values between min and max; outside, the gradient is 0."""
    (x,) = arrays(a)
    low, high = (
        bound if bound is None else np.array(value(bound)).astype(x.dtype) for bound in (min, max)
    )

    def inside(g: Array) -> Array:
        above = True if low is None else x >= low
        return _chosen(above & (True if high is None else x <= high), g)

    return record("clip", np.clip(x, low, high), (a, inside))


def where(condition: Operand, a: Operand, b: Operand) -> Any:
    (chosen,) = arrays(condition)
    chosen = chosen.astype(bool)  # a copy
    x, y = _pair(a, b)
    return record(
        "where",
        np.where(chosen, x, y),
        (a, lambda g: _chosen(chosen, g)),
        (b, lambda g: _chosen(~chosen, g)),
        saved=(),
    )


def _chosen(where: Any, g: Array) -> Array:
    """g or 0. A product would make nan of inf where it is not chosen; masks of bits take 1.1 times
    its time, np.where 17 times (4 MB)."""
    bits, d = f"i{g.itemsize}", np.empty(g.shape, g.dtype)
    ones = np.negative(np.asarray(where, bool).view(np.int8), dtype=bits)  # -1 is all ones
    np.bitwise_and(ones, g.view(bits), out=d.view(bits))
    return d


# What Tensor has as methods, by these names.
METHODS: list[Callable[..., Any]] = [
    abs, exp, log, sqrt, sin, cos, tanh, sigmoid, relu, clip, matmul,
]  # fmt: skip
