# SPDX-License-Identifier: MIT
"""Interpolation, written to be read: a matrix of weights for each axis."""

from __future__ import annotations

from collections.abc import Callable
from math import floor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ndnn.reference.avg_pool import adaptive_windows

Array = NDArray[Any]


def cubic(x: float, a: float) -> float:
    x = abs(x)
    if x < 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0.0


KERNELS: dict[str, Callable[[float], float]] = {
    "linear": lambda x: max(0.0, 1 - abs(x)),
    "cubic": lambda x: cubic(x, -0.75),
    "cubic_antialias": lambda x: cubic(x, -0.5),
    "lanczos_antialias": lambda x: float(np.sinc(x) * np.sinc(x / 3)) if abs(x) < 3 else 0.0,
    "linear_antialias": lambda x: max(0.0, 1 - abs(x)),
}
REACH = {"linear": 1, "cubic": 2, "lanczos": 3}


def axis_weights(
    n: int,
    out: int,
    scale: float | None,
    kind: str,
    align_corners: bool,
    antialias: bool,
    real: type[np.floating[Any]],
) -> Array:
    """(out, n): row o: the weights of output o. Places are rounded to `real`, as torch's."""
    step = float(real(1 / scale) if scale else real(n) / real(out))
    if align_corners:
        step = float(real(n - 1) / real(out - 1)) if out > 1 else 0.0
    weights = np.zeros((out, n))
    for o in range(out):
        corners = align_corners and not antialias
        place = float(real(step * o if corners else step * (o + 0.5) - 0.5))
        if kind == "nearest":
            weights[o, min(floor(real(step * o)), n - 1)] = 1
        elif kind == "nearest-exact":
            weights[o, min(floor(place + 0.5), n - 1)] = 1
        elif kind == "area":
            begin, end = adaptive_windows(n, out)[o]
            weights[o, begin:end] = 1 / (end - begin)
        elif antialias:
            wide = max(step, 1.0)
            place = float(o) if n == out else place
            for i in range(n):
                if abs(i - place) < wide * REACH[kind]:
                    weights[o, i] = KERNELS[kind + "_antialias"]((i - place) / wide)
            weights[o] /= weights[o].sum()
        else:
            if kind == "linear":
                place = float(o) if n == out else max(place, 0.0)
            for i in range(floor(place) - 1, floor(place) + 3):
                weights[o, min(max(i, 0), n - 1)] += KERNELS[kind](i - place)
    return weights


def interpolate(
    input: ArrayLike,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Array:
    x = np.asarray(input, np.float64)
    real = np.asarray(input).dtype.type
    rank = x.ndim - 2
    kind = {"bilinear": "linear", "trilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    scales, sizes = (
        [v] * rank if v is None or isinstance(v, (int, float)) else list(v)
        for v in (scale_factor, size)
    )
    for axis, (scale, out) in enumerate(zip(scales, sizes, strict=True), 2):
        n = x.shape[axis]
        known = None if recompute_scale_factor else scale
        weights = axis_weights(
            n, out or int(n * scale), known, kind, bool(align_corners), antialias, real
        )
        x = np.moveaxis(np.tensordot(weights, x, (1, axis)), 0, axis)
    return x


def upsample(
    input: ArrayLike,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Array:
    return interpolate(input, size, scale_factor, mode, align_corners)
