# SPDX-License-Identifier: MIT
"""Distances and similarities of vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


def pairwise_distance(
    x1: ArrayLike, x2: ArrayLike, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Array:
    d = np.asarray(x1, np.float64) - np.asarray(x2, np.float64) + eps
    return np.asarray(np.linalg.norm(d, p, axis=-1, keepdims=keepdim))


def cosine_similarity(x1: ArrayLike, x2: ArrayLike, dim: int = 1, eps: float = 1e-8) -> Array:
    a, b = np.broadcast_arrays(np.asarray(x1, np.float64), np.asarray(x2, np.float64))
    lengths = (np.maximum(np.linalg.norm(v, axis=dim), eps) for v in (a, b))
    return np.asarray((a * b).sum(dim) / np.prod(list(lengths), axis=0))
