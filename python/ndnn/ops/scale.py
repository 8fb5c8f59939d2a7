# SPDX-License-Identifier: MIT
"""Division by a norm: of the vector along an axis, or of the neighbouring channels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ndnn._checks import axis, floats, number, wide
from ndnn._load import _core
from ndnn.tensor import Array, Operand, arrays, record


def normalize(
    input: Operand, p: float = 2.0, dim: int | Sequence[int] = 1, eps: float = 1e-12
) -> Any:
    """input / max(norm, eps), where norm is the p-norm along `dim`.

    Shapes: any.
    Arguments:
        p: any number, inf and -inf; 0 counts what is not 0.
    Raises: ValueError for axes that do not exist, are given twice, or p=nan.
    Accuracy: for p=2 the result within 150 eps, mostly below 2; otherwise as NumPy's power.
    Source: torch.nn.functional.normalize, 2.x.
    Example:
        >>> normalize(np.array([[3.0, 4.0]])).round(15).tolist()
        [[0.6, 0.8]]
    """
    (x,) = floats("normalize", input=input)
    number("normalize", p=p, eps=eps)
    if math.isnan(p):
        raise ValueError("normalize: p must be a number, but got p=nan")
    dims = tuple(dim) if isinstance(dim, Sequence) else (dim,)
    axes = tuple(sorted(axis("normalize", x, d) for d in dims))
    if len(set(axes)) < len(axes):
        raise ValueError(f"normalize: axes must differ, but got dim={dims}")
    if x.ndim == 0:
        x = x.reshape(1)
    y, vjp = _by_length(x, axes, eps) if p == 2 and axes else _by_norm(x, p, axes, eps)
    shape = np.shape(input)
    return record(
        "normalize", y.reshape(shape), (input, lambda g: vjp(g.reshape(x.shape)).reshape(shape))
    )


Vjp = Callable[[Array], Array]


def _by_length(x: Array, axes: tuple[int, ...], eps: float) -> tuple[Array, Vjp]:
    """For p=2, compiled: along axes that are neighbours, or are made so."""
    first, count = axes[0], len(axes)
    if axes[-1] - first >= count:
        last = range(-count, 0)
        y, vjp = _by_length(np.moveaxis(x, axes, last), tuple(range(x.ndim))[-count:], eps)
        return np.moveaxis(y, last, axes), lambda g: np.moveaxis(
            vjp(np.moveaxis(g, axes, last)), last, axes
        )
    y, norm = _core.normalize(x, first, count, float(eps))
    return y, lambda g: _core.normalize_gradient(g, x, norm, first, count, float(eps))


def _by_norm(x: Array, p: float, axes: tuple[int, ...], eps: float) -> tuple[Array, Vjp]:
    """For any p."""
    values = wide(x)
    norm = _norm(values, p, axes)
    divisor = np.maximum(norm, values.dtype.type(eps))

    def vjp(g: Array) -> Array:
        through = np.where(norm >= eps, _sum_of_products(g, values, axes) / divisor**2, 0)
        return np.asarray(g / divisor - through * _norm_gradient(values, norm, p, axes))

    return (values / divisor).astype(x.dtype, copy=False), vjp


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
    Accuracy: within (4 + beta * size / 2) eps for beta=0.5, 0.75 and 1, where the power is square
        roots; otherwise |beta * log(k + ...)| eps more.
    Source: torch.nn.functional.local_response_norm, 2.x.
    Example:
        >>> local_response_norm(np.array([[[3.0], [4.0]]]), 1, alpha=1.0, beta=0.5, k=0.0).tolist()
        [[[1.0], [1.0]]]
    """
    (x,) = arrays(input, name="local_response_norm")
    number("local_response_norm", alpha=alpha, beta=beta, k=k)
    options = size, float(alpha), float(beta), float(k)
    y = _core.local_response_norm(x, *options)
    return record(
        "local_response_norm",
        y,
        (input, lambda g: _core.local_response_norm_gradient(g, x, *options)),
    )
