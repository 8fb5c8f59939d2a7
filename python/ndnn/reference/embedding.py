# SPDX-License-Identifier: MIT
"""Rows of a table by their numbers, and the layers that are products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


def linear(input: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None) -> Array:
    y = np.tensordot(np.asarray(input, np.float64), np.asarray(weight, np.float64), (-1, -1))
    return np.asarray(y if bias is None else y + np.asarray(bias))


def bilinear(
    input1: ArrayLike, input2: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None
) -> Array:
    operands = (np.asarray(x, np.float64) for x in (input1, weight, input2))
    y = np.einsum("...i,oij,...j->...o", *operands)
    return np.asarray(y if bias is None else y + np.asarray(bias))


def one_hot(tensor: ArrayLike, num_classes: int = -1) -> Array:
    t = np.asarray(tensor)
    count = int(t.max()) + 1 if num_classes == -1 else num_classes
    return np.asarray(np.eye(count, dtype=np.int64)[t])


def embedding(
    input: ArrayLike,
    weight: ArrayLike,
    padding_idx: int | None = None,
    scale_grad_by_freq: bool = False,
) -> Array:
    """padding_idx and scale_grad_by_freq change gradients alone."""
    return np.asarray(np.asarray(weight, np.float64)[np.asarray(input)])


def embedding_bag(
    input: ArrayLike,
    weight: ArrayLike,
    offsets: ArrayLike | None = None,
    mode: str = "mean",
    per_sample_weights: ArrayLike | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
    scale_grad_by_freq: bool = False,
) -> Array:
    table, places = np.asarray(weight, np.float64), np.asarray(input)
    factors = np.ones(places.shape) if per_sample_weights is None else per_sample_weights
    factors = np.asarray(factors, np.float64).reshape(-1)
    if places.ndim == 2:
        begins = np.arange(len(places)) * places.shape[1]
    else:
        begins = np.asarray(offsets)[: -1 if include_last_offset else None]
    functions: dict[str, Callable[[Array], Array]] = {
        "sum": lambda rows: rows.sum(0),
        "mean": lambda rows: rows.mean(0),
        "max": lambda rows: rows.max(0),
    }
    y = np.zeros((len(begins), table.shape[1]))
    for bag, (begin, end) in enumerate(zip(begins, [*begins[1:], places.size], strict=True)):
        kept = [j for j in range(begin, end) if places.reshape(-1)[j] != padding_idx]
        if kept:
            rows = table[places.reshape(-1)[kept]] * factors[kept][:, None]
            y[bag] = functions[mode](rows)
    return y
