# SPDX-License-Identifier: MIT
"""Reductions, shapes, indexing and joining of Tensors and arrays; NumPy's names and rules."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from operator import index
from typing import Any, SupportsIndex

import numpy as np

from ndnn.tensor import Array, Operand, Tensor, arrays, record

Axis = int | Sequence[int] | None


def _axes(x: Array, axis: Axis) -> tuple[int, ...]:
    """The axes from 0 on: all for None."""
    if axis is None:
        return tuple(range(x.ndim))
    given = (axis,) if isinstance(axis, SupportsIndex) else tuple(axis)
    axes = tuple(index(a) + x.ndim * (index(a) < 0) for a in given)
    if any(not 0 <= a < x.ndim for a in axes) or len(set(axes)) < len(axes):
        raise ValueError(f"axis: must be different axes of {x.ndim}, but got {axis}")
    return axes


def _keep(y: Array, x: Array, axes: tuple[int, ...]) -> Array:
    """A reduced array with its axes back, of length 1."""
    return y.reshape([1 if i in axes else n for i, n in enumerate(x.shape)])


def _sum(x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    """In float64: NumPy adds float32 in chains of the whole length along all axes but the last."""
    if x.dtype.kind != "f":
        return np.asarray(x.sum(axes, keepdims=keepdims))
    return np.asarray(x.sum(axes, dtype=np.float64, keepdims=keepdims)).astype(x.dtype, copy=False)


def sum(a: Operand, axis: Axis = None, keepdims: bool = False) -> Any:
    (x,) = arrays(a)
    axes = _axes(x, axis)
    vjp = lambda g: np.broadcast_to(_keep(g, x, axes), x.shape)  # noqa: E731
    return record("sum", _sum(x, axes, keepdims), (a, vjp), saved=())


def mean(a: Operand, axis: Axis = None, keepdims: bool = False) -> Any:
    (x,) = arrays(a)
    axes = _axes(x, axis)
    n = math.prod(x.shape[i] for i in axes)
    vjp = lambda g: np.broadcast_to(_keep(g, x, axes) / g.dtype.type(n), x.shape)  # noqa: E731
    with np.errstate(invalid="ignore"):  # the mean of nothing is nan
        y = _sum(x, axes, keepdims) / x.dtype.type(n)
    return record("mean", y, (a, vjp), saved=())


def var(a: Operand, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> Any:
    """The variance, divided by n - ddof (NumPy's default 0; torch's is 1)."""
    (x,) = arrays(a)
    axes = _axes(x, axis)
    n = x.dtype.type(math.prod(x.shape[i] for i in axes) - ddof)
    centred = x - _sum(x, axes, True) / (n + x.dtype.type(ddof))
    y = _sum(centred * centred, axes, keepdims) / n
    return record("var", y, (a, lambda g: _keep(g, x, axes) * (2 / n) * centred), saved=())


def std(a: Operand, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> Any:
    """The square root of `var`."""
    variance = var(a, axis, ddof, keepdims)
    return variance.sqrt() if isinstance(variance, Tensor) else np.sqrt(variance)


def max(a: Operand, axis: Axis = None, keepdims: bool = False) -> Any:
    """The largest; where several are equal, they share the gradient."""
    (x,) = arrays(a)
    return _extreme("max", a, x, np.max(x, _axes(x, axis), keepdims=keepdims), axis)


def min(a: Operand, axis: Axis = None, keepdims: bool = False) -> Any:
    """The smallest; where several are equal, they share the gradient."""
    (x,) = arrays(a)
    return _extreme("min", a, x, np.min(x, _axes(x, axis), keepdims=keepdims), axis)


def _extreme(name: str, a: Operand, x: Array, y: Array, axis: Axis) -> Any:
    axes = _axes(x, axis)
    y = np.asarray(y)

    def vjp(g: Array) -> Array:
        hits = x == _keep(y, x, axes)
        return np.asarray(hits * (_keep(g, x, axes) / hits.sum(axes, keepdims=True, dtype=g.dtype)))

    return record(name, y, (a, vjp))


def reshape(a: Operand, *shape: Any) -> Any:
    (x,) = arrays(a)
    return _reshaped("reshape", a, x, x.reshape(*shape))


def _reshaped(name: str, a: Operand, x: Array, y: Array) -> Any:
    return record(name, y, (a, lambda g: g.reshape(x.shape)), saved=(), view_of=a)


def flatten(a: Operand, start_dim: int = 0, end_dim: int = -1) -> Any:
    """The axes from start_dim to end_dim as one."""
    (x,) = arrays(a)
    if x.ndim == 0:
        return _reshaped("flatten", a, x, x.reshape(1))
    (first,), (last,) = _axes(x, start_dim), _axes(x, end_dim)
    if first > last:
        raise ValueError(
            "flatten: start_dim must not come after end_dim, "
            f"but got start_dim={start_dim}, end_dim={end_dim}"
        )
    length = math.prod(x.shape[first : last + 1])
    return _reshaped("flatten", a, x, x.reshape(*x.shape[:first], length, *x.shape[last + 1 :]))


def squeeze(a: Operand, axis: Axis = None) -> Any:
    (x,) = arrays(a)
    return _reshaped("squeeze", a, x, np.squeeze(x, axis))


def unsqueeze(a: Operand, axis: int) -> Any:
    (x,) = arrays(a)
    return _reshaped("unsqueeze", a, x, np.expand_dims(x, axis))


def transpose(a: Operand, *axes: Any) -> Any:
    """The axes in another order, reversed if none is given, as NumPy's method."""
    (x,) = arrays(a)
    if len(axes) == 1 and not isinstance(axes[0], int):
        axes = () if axes[0] is None else tuple(axes[0])
    order = _axes(x, axes or range(x.ndim)[::-1])
    back = np.argsort(order)
    y = x.transpose(order)
    return record("transpose", y, (a, lambda g: g.transpose(back)), saved=(), view_of=a)


def permute(a: Operand, *axes: Any) -> Any:
    """torch's name of `transpose` with all axes given."""
    return transpose(a, *axes)


def expand(a: Operand, *shape: Any) -> Any:
    """Broadcast to a shape; -1 keeps a length."""
    (x,) = arrays(a)
    wanted = tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else shape
    have = (1,) * (len(wanted) - x.ndim) + x.shape
    fit = (n == h or h == 1 or n == -1 for n, h in zip(wanted, have, strict=False))
    if len(have) != len(wanted) or not all(fit):
        raise ValueError(f"expand: {x.shape} must broadcast to the shape, but got {wanted}")
    full = tuple(h if n == -1 else n for n, h in zip(wanted, have, strict=True))
    return record("expand", np.broadcast_to(x, full), (a, lambda g: g), saved=(), view_of=a)


def getitem(a: Operand, key: Any) -> Any:
    """Basic, boolean and integer-array indexing. Elements taken twice get both gradients."""
    (x,) = arrays(a)
    parts = key if isinstance(key, tuple) else (key,)
    parts = tuple(_index(part) for part in parts)
    repeats = any(isinstance(part, np.ndarray) and part.dtype != bool for part in parts)
    masks = any(isinstance(part, np.ndarray) for part in parts)

    def vjp(g: Array) -> Array:
        d = np.zeros(x.shape, g.dtype)
        if repeats:
            np.add.at(d, parts, g)
        else:
            d[parts] = g
        return d

    view_of = None if masks else a
    return record("getitem", np.asarray(x[parts]), (a, vjp), saved=(), view_of=view_of)


def _index(part: Any) -> Any:
    """What is not basic is copied: the caller may write to it before backward."""
    if not isinstance(part, (Tensor, list, np.ndarray)):
        return part
    copy = np.array(part._array if isinstance(part, Tensor) else part)
    return copy.astype(np.intp) if isinstance(part, list) and copy.size == 0 else copy


def concatenate(tensors: Sequence[Operand], axis: int = 0) -> Any:
    """Joined along an axis that exists."""
    parts = arrays(*tensors)
    y = np.concatenate(parts, axis)
    (along,) = _axes(y, axis)
    ends = np.cumsum([part.shape[along] for part in parts])

    def slice_of(part: Array, end: int) -> Any:
        where = (slice(None),) * along + (slice(end - part.shape[along], end),)
        return lambda g: g[where]

    vjps = [slice_of(part, end) for part, end in zip(parts, ends, strict=True)]
    return record("concatenate", y, *zip(tensors, vjps, strict=True), saved=())


def stack(tensors: Sequence[Operand], axis: int = 0) -> Any:
    """Joined along a new axis."""
    parts = arrays(*tensors)
    y = np.stack(parts, axis)
    (along,) = _axes(y, axis)
    vjps = [(lambda g, i=i: g.take(i, along)) for i in range(len(parts))]
    return record("stack", y, *zip(tensors, vjps, strict=True), saved=())


METHODS: list[Callable[..., Any]] = [
    sum, mean, var, std, max, min, reshape, flatten, squeeze, unsqueeze, transpose, permute, expand,
]  # fmt: skip
