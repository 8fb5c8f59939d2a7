# SPDX-License-Identifier: MIT
"""Unpooling: values back to where the maxima of a pooling were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ndnn._checks import IntOrTuple, floats, pair, planes
from ndnn.tensor import Array, Operand, record


def max_unpool2d(
    input: Operand,
    indices: ArrayLike,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    output_size: Sequence[int] | None = None,
) -> Any:
    """Put each value where `max_pool2d` with `return_indices=True` found it; zeros elsewhere.

    Shapes: input and indices (N, C, H, W) or (C, H, W) -> (N, C, OH, OW) or (C, OH, OW), with
        out = (size - 1)*stride - 2*padding + kernel on each axis.
    Arguments:
        indices: integers, oh * OW + ow. Of equal ones in a plane the last value stays.
        kernel_size, stride, padding: those of the pooling; a stride of None is kernel_size.
        output_size: OH and OW, or the whole shape, less than a stride from the formula: pooling
            maps several sizes to one.
    Raises: ValueError for sizes that do not fit and for an index outside the plane, of which the
        first is named; TypeError for wrong kinds.
    Accuracy: exact.
    Source: torch.nn.functional.max_unpool2d, 2.x.
    Example:
        >>> max_unpool2d(np.array([[[5.0]]]), np.array([[[3]]]), 2).tolist()
        [[[0.0, 0.0], [0.0, 5.0]]]
    """
    (x,) = floats("max_unpool2d", input=input)
    planes("max_unpool2d", x)
    places = np.array(indices)
    if places.dtype.kind not in "iu":
        raise TypeError(f"max_unpool2d: indices must be integers, but got {places.dtype}")
    if places.shape != x.shape:
        raise ValueError(
            "max_unpool2d: indices must have the input's shape, "
            f"but got indices {places.shape}, input {x.shape}"
        )
    size = _output_size(x.shape, kernel_size, stride, padding, output_size)
    wrong = np.flatnonzero((places < 0) | (places >= size[0] * size[1]))
    if wrong.size:
        raise ValueError(
            f"max_unpool2d: indices must lie in a plane of {size[0]} x {size[1]}, "
            f"but got {places.flat[wrong[0]]} at {np.unravel_index(wrong[0], x.shape)}"
        )
    lead, cells = x.shape[:-2], size[0] * size[1]
    flat = places.reshape(*lead, x.shape[-2] * x.shape[-1])
    y = np.zeros((*lead, cells), x.dtype)
    np.put_along_axis(y, flat, x.reshape(flat.shape), -1)

    def vjp(g: Array) -> Array:
        return np.take_along_axis(g.reshape(*lead, cells), flat, -1).reshape(x.shape)

    return record("max_unpool2d", y.reshape(*lead, *size), (input, vjp), saved=())


def _output_size(
    shape: tuple[int, ...],
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None,
    padding: IntOrTuple,
    wanted: Sequence[int] | None,
) -> tuple[int, int]:
    name = "max_unpool2d"
    kernel = pair(name, "kernel_size", kernel_size, 1)
    steps = kernel if stride is None else pair(name, "stride", stride, 1)
    pad = pair(name, "padding", padding, 0)
    usual = [
        (n - 1) * s - 2 * p + k for n, s, p, k in zip(shape[-2:], steps, pad, kernel, strict=True)
    ]
    size = usual if wanted is None else [int(n) for n in wanted]
    if len(size) == len(shape):
        size = size[-2:]
    if len(size) != 2 or (
        wanted is not None
        and any(abs(n - u) >= s for n, u, s in zip(size, usual, steps, strict=True))
    ):
        raise ValueError(
            f"{name}: output_size must be two sizes less than stride={steps} "
            f"from {tuple(usual)}, but got output_size={wanted}"
        )
    if min(size) < 1:
        raise ValueError(
            f"{name}: the output must not be empty, but got the size {tuple(size)} "
            f"from input {shape}, kernel_size={kernel_size}, padding={padding}"
        )
    return size[0], size[1]
