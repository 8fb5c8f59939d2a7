# SPDX-License-Identifier: MIT
"""Images at points between their pixels, and grids of such points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from ndnn._checks import floats
from ndnn._load import _core
from ndnn.tensor import Array, Operand, arrays, record


def grid_sample(
    input: Operand,
    grid: Operand,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Any:
    """The values of images at the points of a grid.

    Shapes: input (N, C, H, W) and grid (N, OH, OW, 2) -> (N, C, OH, OW), or input (N, C, D, H, W)
        and grid (N, OD, OH, OW, 3) -> (N, C, OD, OH, OW).
    Arguments:
        grid: coordinates x, y (and z) of the points, of which -1 and 1 are the ends of the image.
        mode: "bilinear" (of volumes: trilinear), "nearest", or for images "bicubic" (Keys' cubic
            with a = -0.75).
        padding_mode: outside the image are "zeros", the pixels of its "border", or its
            "reflection".
        align_corners: whether -1 and 1 are the centres of the outermost pixels (True) or their
            outer edges (False, None).
    Raises: ValueError for sizes that do not fit, TypeError for wrong kinds and dtypes.
    Accuracy: positions and weights in the arrays' dtype (float16 in float32): coordinates move by
        at most 2 eps of the image's size; sums of at most 16 products. The gradient of input sums
        over the points in their order, that of grid over the channels, for every number of
        threads. Coordinates that are nan lie outside: zeros, or the first pixel.
    Source: torch.nn.functional.grid_sample, 2.x, which leaves some such results nan.
    Example:
        >>> image = np.arange(4.0).reshape(1, 1, 2, 2)
        >>> grid_sample(image, np.zeros((1, 1, 1, 2))).item()
        1.5
    """
    x, points = arrays(input, grid, name="grid_sample")
    where = mode, padding_mode, align_corners
    y = _core.grid_sample(x, points, *where)
    return record(
        "grid_sample",
        y,
        (input, lambda g: _core.grid_sample_gradient(False, g, x, points, *where)),
        (grid, lambda g: _core.grid_sample_gradient(True, g, x, points, *where)),
        saved=(input, grid),
    )


def affine_grid(theta: Operand, size: Sequence[int], align_corners: bool | None = None) -> Any:
    """The grid that `grid_sample` needs to see an image through an affine map.

    Shapes: theta (N, 2, 3) and size (N, C, H, W) -> (N, H, W, 2), or theta (N, 3, 4) and size
        (N, C, D, H, W) -> (N, D, H, W, 3).
    Arguments:
        theta: rows are the outputs x, y (and z), columns their factors of x, y (and z), and 1.
        align_corners: as in `grid_sample`.
    Raises: ValueError for sizes that do not fit, TypeError for wrong kinds.
    Accuracy: sums of at most four products in theta's dtype.
    Source: torch.nn.functional.affine_grid, 2.x.
    Example:
        >>> affine_grid(np.eye(2, 3)[None], (1, 1, 1, 2)).tolist()
        [[[[-0.5, 0.0], [0.5, 0.0]]]]
    """
    (m,) = floats("affine_grid", theta=theta)
    sizes = _sizes(m, size)
    n, rank, given = sizes[0], len(sizes) - 2, m.dtype
    dtype = np.dtype(np.float32) if given == np.float16 else given
    m = m.astype(dtype, copy=False)
    # Of x, y, z: the coordinates of the outputs along their own axis of the grid.
    places = [_places(count, bool(align_corners), dtype) for count in sizes[:1:-1]]

    grid = np.empty((n, *sizes[2:], rank), dtype)
    for row in range(rank):
        column = [m[:, row, i].reshape(n, *(1,) * rank) for i in range(rank + 1)]
        terms = column[rank]
        for axis in range(rank - 1, 0, -1):  # slow axes first: all sums but the last are small
            terms = terms + column[axis] * places[axis].reshape(-1, *(1,) * axis)
        np.add(terms, column[0] * places[0], out=grid[..., row])

    def vjp(g: Array) -> Array:
        g = g.astype(dtype, copy=False)
        columns = []
        for axis in range(rank):
            others = tuple(rank - a for a in range(rank) if a != axis)
            columns.append(np.tensordot(g.sum(others), places[axis], (1, 0)))
        columns.append(g.sum(tuple(range(1, 1 + rank))))
        return np.stack(columns, axis=-1)  # (N, rank, rank + 1)

    return record("affine_grid", grid.astype(given, copy=False), (theta, vjp), saved=())


def _places(count: int, align_corners: bool, dtype: Any) -> Array:
    """Coordinates of the pixels of an axis; of a single one 0."""
    if align_corners:
        return np.linspace(-1, 1, count, dtype=dtype) if count > 1 else np.zeros(1, dtype)
    return ((2 * np.arange(count) + 1) / count - 1).astype(dtype)


def _sizes(theta: Array, size: Sequence[int]) -> tuple[int, ...]:
    name = "affine_grid"
    if not isinstance(size, Sequence) or isinstance(size, (str, bytes)):
        raise TypeError(f"{name}: size must be a tuple of ints, but got {type(size).__name__}")
    if any(isinstance(s, bool) for s in size):
        raise TypeError(f"{name}: size must hold ints, but got size={size!r}")
    try:
        sizes = tuple(map(index, size))
    except TypeError:
        raise TypeError(f"{name}: size must hold ints, but got size={size!r}") from None
    rank = len(sizes) - 2
    if rank not in (2, 3) or not all(1 <= s < 2**31 for s in sizes):
        raise ValueError(
            f"{name}: size must be (N, C, H, W) or (N, C, D, H, W), each at least 1, "
            f"but got size={sizes}"
        )
    if theta.shape != (sizes[0], rank, rank + 1):
        raise ValueError(
            f"{name}: theta must have the shape {(sizes[0], rank, rank + 1)} for size={sizes}, "
            f"but got theta.shape={theta.shape}"
        )
    if math.prod(sizes) // sizes[1] * rank >= 2**47:
        raise ValueError(
            f"{name}: the grid would have more elements than memory can address, "
            f"but got size={sizes}"
        )
    return sizes
