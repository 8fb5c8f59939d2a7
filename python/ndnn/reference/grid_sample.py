# SPDX-License-Identifier: MIT
"""Images at points between their pixels, written to be read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import floor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


def grid_sample(
    input: ArrayLike,
    grid: ArrayLike,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Array:
    """At every point: the taps of each axis and their weights; then all products of taps."""
    x, points = np.asarray(input, np.float64), np.asarray(grid, np.float64)
    sizes = x.shape[2:]
    y = np.zeros((*points.shape[:1], x.shape[1], *points.shape[1:-1]))
    for place in np.ndindex(points.shape[:-1]):
        axes = [
            _taps(float(g), n, mode, padding_mode, bool(align_corners))
            for g, n in zip(points[place][::-1], sizes, strict=True)
        ]
        for taps in product(*axes):
            at = tuple(i for i, _ in taps)
            if all(0 <= i < n for i, n in zip(at, sizes, strict=True)):
                weight = np.prod([w for _, w in taps])
                y[(place[0], slice(None), *place[1:])] += weight * x[(place[0], slice(None), *at)]
    return y


def _taps(g: float, n: int, mode: str, padding: str, align: bool) -> list[tuple[int, float]]:
    p = (g + 1) / 2 * (n - 1) if align else ((g + 1) * n - 1) / 2
    if mode == "bicubic":
        t = p - floor(p)
        return [
            (round(_inside(floor(p) + i, n, padding, align)), _cubic(abs(t - i)))
            for i in (-1, 0, 1, 2)
        ]
    p = _inside(p, n, padding, align)
    if mode == "nearest":
        return [(round(p), 1.0)]  # halves to the even
    return [(floor(p), 1 - p + floor(p)), (floor(p) + 1, p - floor(p))]


def _inside(p: float, n: int, padding: str, align: bool) -> float:
    """The position whose value stands for that at p."""
    if padding == "reflection":
        low, high = (0.0, n - 1.0) if align else (-0.5, n - 0.5)
        if low == high:
            return 0.0
        p = (p - low) % (2 * (high - low))
        p = min(p, 2 * (high - low) - p) + low
    return p if padding == "zeros" else min(max(p, 0.0), n - 1.0)


def _cubic(d: float) -> float:
    """Keys' kernel with a = -3/4."""
    a = -0.75
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


def affine_grid(theta: ArrayLike, size: Sequence[int], align_corners: bool | None = None) -> Array:
    """Every pixel's coordinates (x, y, ..., 1), mapped."""
    m, sizes = np.asarray(theta, np.float64), size[2:]
    axes = []
    for n in sizes:
        steps = np.arange(n) - (n - 1) / 2
        axes.append(steps * 2 / (max(n - 1, 1) if align_corners else n))
    places = np.stack([*np.meshgrid(*axes, indexing="ij")[::-1], np.ones(sizes)], axis=-1)
    return np.stack([places @ matrix.T for matrix in m])
