# SPDX-License-Identifier: MIT
"""Winograd's convolution in one dimension: m outputs of an r-tap kernel from m + r - 1 products.

A kernel of r taps and a signal are polynomials, their convolution a product of polynomials. A
product of degree n - 1 is known from its values at n points, so n multiplications do for it (Toom
and Cook); turned around (Winograd), n = m + r - 1 multiplications give the m values of a sliding
kernel:

    y = A [(G g) * (B d)]        g: r taps, d: n inputs, y: m outputs, *: element by element

In two dimensions the transforms are applied along one axis and then the other: a 3x3 kernel needs
36 multiplications for 4x4 outputs, the plain sum 144.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]

# By the number of products n; the last point is infinity. Of all symmetric sets these amplify
# rounding errors least.
POINTS: dict[int, tuple[float, ...]] = {
    4: (0.0, 1.0, -1.0),
    6: (0.0, 0.625, -0.625, 1.5, -1.5),
}


def winograd_matrices(points: Sequence[float], outputs: int) -> tuple[Array, Array, Array]:
    """A (m, n), G (n, r) and B (n, n) of these finite points and infinity."""
    n = len(points) + 1
    taps = n - outputs + 1
    a, g, b = np.zeros((outputs, n)), np.zeros((n, taps)), np.zeros((n, n))
    for j, p in enumerate(points):
        others = [q for q in points if q != p]
        a[:, j] = p ** np.arange(outputs)
        g[j] = p ** np.arange(taps) / np.prod([p - q for q in others])
        b[j, : n - 1] = np.poly(others)[::-1]  # coefficients of the product of (x - q)
    a[-1, -1] = g[-1, -1] = 1
    b[-1] = np.poly(points)[::-1]
    return a, g, b


def winograd_conv1d(input: ArrayLike, weight: ArrayLike, products: int = 6) -> Array:
    """conv1d of one channel, tile by tile.

    >>> winograd_conv1d([0.0, 1.0, 2.0, 4.0, 8.0, 16.0], [1.0, -2.0, 1.0]).round(12)
    array([0., 1., 2., 4.])
    """
    x, w = np.asarray(input, np.float64), np.asarray(weight, np.float64)
    outputs = products - len(w) + 1
    a, g, b = winograd_matrices(POINTS[products], outputs)
    wanted = len(x) - len(w) + 1
    tiles = -(-wanted // outputs)
    x = np.pad(x, (0, tiles * outputs + len(w) - 1 - len(x)))
    y = [
        a @ ((g @ w) * (b @ x[start : start + products]))
        for start in range(0, tiles * outputs, outputs)
    ]
    return np.concatenate(y)[:wanted]


def amplification(products: int, outputs: int) -> float:
    """How much larger than max |d| * sum |g| the numbers on the way to an output can be."""
    a, g, b = map(np.abs, winograd_matrices(POINTS[products], outputs))
    return float(((a[:, :, None] * g) * b.sum(1)[:, None]).sum(1).max())
