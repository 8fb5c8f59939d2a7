# SPDX-License-Identifier: MIT
"""Checks of arguments for operators in plain NumPy; those with kernels are checked in C++."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from ndnn._load import _core
from ndnn.tensor import Array, Operand, PackedWeight, arrays

IntOrTuple = int | Sequence[int]
OutputSize = int | Sequence[int | None]  # None: the size of the input


def floats(function: str, optional: Sequence[str] = (), **operands: Operand) -> list[Any]:
    """The arrays of operands that must be floating-point, in native byte order."""
    found = arrays(*operands.values(), name=function)
    for i, (name, x) in enumerate(zip(operands, found, strict=True)):
        if x is None and name not in optional:
            raise TypeError(f"{function}: {name} must be an array, but got None")
        if x is None or isinstance(x, PackedWeight):
            continue
        if x.dtype.kind != "f" or x.dtype.itemsize > 8:
            raise TypeError(
                f"{function}: {name} must be a float32, float64 or float16 array, "
                f"but got dtype={x.dtype}"
            )
        if not x.dtype.isnative:
            found[i] = x.astype(x.dtype.newbyteorder("="))
    return found


def kept(*arguments: Any) -> Any:
    """Arguments as they are now: the caller may change a list before backward."""
    return tuple(tuple(a) if isinstance(a, list) else a for a in arguments)


def axis(function: str, x: Array, dim: Any) -> int:
    """An axis of x (an array without axes has one, as in torch), counted from 0."""
    count = max(x.ndim, 1)
    try:
        found = index(dim)
    except TypeError:
        raise TypeError(f"{function}: dim must be an integer, but got {dim!r}") from None
    if not -count <= found < count:
        raise ValueError(f"{function}: dim must be from {-count} to {count - 1}, but got {found}")
    return found % count


def number(function: str, **values: Any) -> None:
    """A ValueError or TypeError for what is no real number."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
            raise TypeError(f"{function}: {name} must be a number, but got {value!r}")


def labels(function: str, t: Array, count: int, ignore_index: int | None = None) -> Array:
    """Class numbers as contiguous int64; a ValueError names the first that is none."""
    return _core.labels(function, "target", t, count, ignore_index)


def wide(x: Array) -> Array:
    """float16 as float32, to compute in."""
    return x.astype(np.float32) if x.dtype == np.float16 else x
