# SPDX-License-Identifier: MIT
"""Limits of gradients."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from ndnn.tensor import Array, Tensor


def _grads(parameters: Tensor | Iterable[Tensor]) -> list[Array]:
    tensors = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [t._grad for t in tensors if t._grad is not None]


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> float:
    """Scales all gradients so that their norm together is at most max_norm; returns the norm."""
    grads = _grads(parameters)
    if not norm_type > 0:
        raise ValueError(f"clip_grad_norm_: norm_type must be above 0, but got {norm_type}")
    norms = [_norm(g, norm_type) for g in grads]
    total = _norm(np.array(norms), norm_type)
    if error_if_nonfinite and not math.isfinite(total):
        raise RuntimeError(f"clip_grad_norm_: the norm must be finite, but got {total}")
    scale = min(max_norm / (total + 1e-6), 1.0)
    if scale < 1 or math.isnan(scale):
        for g in grads:
            g *= scale
    return total


def _norm(values: Array, kind: float) -> float:
    if values.size == 0:
        return 0.0
    if kind == math.inf:
        return float(np.abs(values).max())
    if kind == 2:  # no array of squares; float64 partial sums
        flat = values.reshape(-1)
        parts = np.array_split(flat, -(-flat.size // 4096))
        return math.sqrt(math.fsum(float(np.dot(part, part)) for part in parts))
    return float(np.sum(np.abs(values) ** kind, dtype=np.float64) ** (1 / kind))


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Cuts every element of every gradient to between -clip_value and clip_value."""
    if not clip_value >= 0:
        raise ValueError(f"clip_grad_value_: clip_value must not be negative, but got {clip_value}")
    for g in _grads(parameters):
        np.clip(g, -clip_value, clip_value, out=g)
