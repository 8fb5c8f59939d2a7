# SPDX-License-Identifier: MIT
"""Division by a norm: of the vector along an axis, or of the neighbouring channels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from ndnn._checks import axis, floats, number
from ndnn.tensor import Array, Operand, record


def normalize(
    input: Operand, p: float = 2.0, dim: int | Sequence[int] = 1, eps: float = 1e-12
) -> Any:
    """input / max(norm, eps), where norm is the p-norm along `dim`.

    Shapes: any.
    Arguments:
        p: any number, inf and -inf; 0 counts what is not 0.
    Raises: ValueError for axes that do not exist, are given twice, or p=nan.
    Accuracy: for p=2 the norm within half the number of summands eps; otherwise as NumPy's power.
    Source: torch.nn.functional.normalize, 2.x.
    Example:
        >>> normalize(np.array([[3.0, 4.0]])).tolist()
        [[0.6, 0.8]]
    """
    (x,) = floats("normalize", input=input)
    number("normalize", p=p, eps=eps)
    if math.isnan(p):
        raise ValueError("normalize: p must be a number, but got p=nan")
    dims = tuple(dim) if isinstance(dim, Sequence) else (dim,)
    axes = tuple(axis("normalize", x, d) for d in dims)
    if len(set(axes)) < len(axes):
        raise ValueError(f"normalize: axes must differ, but got dim={dims}")
    if x.ndim == 0:
        x = x.reshape(1)
    values = x.astype(np.float32) if x.dtype == np.float16 else x
    norm = _norm(values, p, axes)
    divisor = np.maximum(norm, values.dtype.type(eps))
    y = (values / divisor).astype(x.dtype, copy=False).reshape(np.shape(input))

    def vjp(g: Array) -> Array:
        g = g.reshape(x.shape)
        through = np.where(norm >= eps, _sum_of_products(g, values, axes) / divisor**2, 0)
        if p == 2:  # fewer passes; a norm of 0 has the gradient 0
            through = np.divide(through, norm, out=np.zeros_like(norm), where=norm != 0)
            d = g / divisor - through * values
        else:
            d = g / divisor - through * _norm_gradient(values, norm, p, axes)
        return d.reshape(np.shape(y))

    return record("normalize", y, (input, vjp))


def _sum_of_products(a: Array, b: Array, axes: tuple[int, ...]) -> Array:
    if axes == (a.ndim - 1,):  # no array of products
        return np.asarray(np.einsum("...i,...i->...", a, b)[..., None])
    return np.asarray(np.sum(a * b, axes, keepdims=True))


def _norm(x: Array, p: float, axes: tuple[int, ...]) -> Array:
    if p == 0:
        return np.count_nonzero(x, axes, keepdims=True).astype(x.dtype)
    if math.isinf(p):
        largest = np.max if p > 0 else np.min
        none = 0 if p > 0 else math.inf
        return np.asarray(largest(np.abs(x), axes, keepdims=True, initial=none))
    if p == 2:
        return np.asarray(np.sqrt(_sum_of_products(x, x, axes)))
    with np.errstate(divide="ignore"):  # 0 to a negative power is inf, and the norm 0
        return np.asarray(np.sum(np.abs(x) ** p, axes, keepdims=True) ** (1 / p))


def _norm_gradient(x: Array, norm: Array, p: float, axes: tuple[int, ...]) -> Array:
    """Of the norm for each element; 0 where it has none."""
    if p == 0:
        return np.zeros_like(x)
    with np.errstate(divide="ignore", invalid="ignore"):
        if math.isinf(p):
            chosen = np.abs(x) == norm
            d = np.sign(x) * chosen / np.sum(chosen, axes, keepdims=True)
        else:
            d = np.sign(x) * (np.abs(x) / norm) ** (p - 1)
        return np.where((x == 0) | (norm == 0), 0, d)


def local_response_norm(
    input: Operand, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Any:
    """input / (k + alpha * mean of input^2 over `size` channels around)^beta.

    Shapes: (N, C, d1, ...). Channels beyond the first and the last count as 0.
    Raises: ValueError for fewer than three axes and for size below 1.
    Accuracy: the sum's roundings, at most twice the logarithm of size, and those of a power.
    Source: torch.nn.functional.local_response_norm, 2.x.
    Example:
        >>> local_response_norm(np.array([[[3.0], [4.0]]]), 1, alpha=1.0, beta=0.5, k=0.0).tolist()
        [[[1.0], [1.0]]]
    """
    (x,) = floats("local_response_norm", input=input)
    number("local_response_norm", alpha=alpha, beta=beta, k=k)
    if x.ndim < 3:
        raise ValueError(
            f"local_response_norm: input must be (N, C, ...), at least three axes, "
            f"but got shape={x.shape}"
        )
    try:
        count = index(size)
    except TypeError:
        raise TypeError(f"local_response_norm: size must be an int, but got {size!r}") from None
    if count < 1:
        raise ValueError(f"local_response_norm: size must be at least 1, but got size={count}")
    before, after = (min(n, x.shape[1]) for n in (count // 2, (count - 1) // 2))
    values = x.astype(np.float32) if x.dtype == np.float16 else x
    base = _window_sums(values * values, before, after) * (alpha / count) + k
    factor = base**-beta
    y = (values * factor).astype(x.dtype, copy=False)

    def vjp(g: Array) -> Array:
        through = _window_sums(g * values * factor / base, after, before)
        return np.asarray(g * factor - through * values * (2 * alpha * beta / count))

    return record("local_response_norm", y, (input, vjp))


def _window_sums(a: Array, before: int, after: int) -> Array:
    """Sums over the channels from c - before to c + after: of windows of 1, 2, 4, ... channels."""
    widths = [(0, 0), (before, after), *[(0, 0)] * (a.ndim - 2)]
    power, width, begin = np.pad(a, widths), 1, 0
    total = np.zeros_like(a)
    left = before + 1 + after
    while left:
        if left & 1:
            total += power[:, begin : begin + a.shape[1]]
            begin += width
        left >>= 1
        if left:
            power = power[:, :-width] + power[:, width:]
            width *= 2
    return total
