# SPDX-License-Identifier: MIT
"""Distances and similarities of vectors, and the losses made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ndnn import arithmetic as a
from ndnn._checks import axis, floats, number, wide
from ndnn.ops.loss import Reduction, _check_reduction, _reduce
from ndnn.tensor import Array, Operand, arrays, record


def _pair(name: str, names: tuple[str, str], one: Operand, two: Operand) -> tuple[Array, Array]:
    x, y = floats(name, (), **dict(zip(names, (one, two), strict=True)))
    try:
        np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        raise ValueError(
            f"{name}: {names[0]} and {names[1]} must broadcast, but got {x.shape} and {y.shape}"
        ) from None
    return x, y


def pairwise_distance(
    x1: Operand, x2: Operand, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Any:
    """The p-norm of x1 - x2 + eps along the last axis.

    Shapes: x1 and x2 (..., D), which broadcast -> (...), or (..., 1) with keepdim.
    Arguments:
        p: from 0 (the number of elements that are not 0) to inf.
    Raises: ValueError for shapes that do not broadcast and a negative p.
    Accuracy: sums in float64, each power within 2 ulp, rounded once.
    Source: torch.nn.functional.pairwise_distance, 2.x.
    Example:
        >>> pairwise_distance(np.array([[3.0, 4.0]]), np.zeros((1, 2)), eps=0.0).tolist()
        [5.0]
    """
    name = "pairwise_distance"
    number(name, p=p, eps=eps)
    if not p >= 0:
        raise ValueError(f"{name}: p must not be negative, but got p={p}")
    one, two = _pair(name, ("x1", "x2"), x1, x2)
    d = np.asarray(wide(one) - wide(two)) + wide(one).dtype.type(eps)
    if d.ndim == 0:
        d = d[None]
    size = np.abs(d)
    if p == np.inf:
        y = size.max(-1, initial=0)
    elif p == 0:
        y = (size != 0).sum(-1)
    else:
        y = (size.astype(np.float64) ** p).sum(-1) ** (1 / p)
    norm = np.asarray(y, d.dtype)[..., None]

    def of_first(g: Array) -> Array:
        g = g if keepdim else g[..., None]
        if p == 0:
            return np.zeros_like(d)
        if p == np.inf:
            hits = size == norm
            return np.sign(d) * hits * (g / hits.sum(-1, keepdims=True))
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = np.where(norm == 0, 0, np.sign(d) * (size / norm) ** (p - 1))
        return np.asarray(np.where(d == 0, 0, slope) * g)

    y = np.asarray(norm if keepdim else norm[..., 0], np.result_type(one, two))
    links = (x1, of_first), (x2, lambda g: -of_first(g))
    return record(name, y, *links, saved=())


def cosine_similarity(x1: Operand, x2: Operand, dim: int = 1, eps: float = 1e-8) -> Any:
    """x1 . x2 / (max(|x1|, eps) * max(|x2|, eps)) along an axis.

    Shapes: x1 and x2, which broadcast -> their shape without the axis.
    Raises: ValueError for shapes that do not broadcast and an axis that they lack.
    Accuracy: sums in float64, rounded once.
    Source: torch.nn.functional.cosine_similarity, 2.x.
    Example:
        >>> cosine_similarity(np.array([[3.0, 4.0]]), np.array([[4.0, 3.0]])).round(2).tolist()
        [0.96]
    """
    name = "cosine_similarity"
    number(name, eps=eps)
    one, two = _pair(name, ("x1", "x2"), x1, x2)
    x, y = np.broadcast_arrays(one.astype(np.float64), two.astype(np.float64))
    along = axis(name, x, dim)
    lengths = [np.sqrt((v * v).sum(along, keepdims=True)) for v in (x, y)]
    safe = [np.maximum(n, eps) for n in lengths]
    cosine = (x * y).sum(along, keepdims=True) / (safe[0] * safe[1])

    def vjp(mine: Array, other: Array, i: int) -> Any:
        def of(g: Array) -> Array:
            # Where the length is raised to eps it is a constant.
            pull = np.where(lengths[i] > eps, cosine * mine / safe[i] ** 2, 0)
            return np.expand_dims(g, along) * (other / (safe[0] * safe[1]) - pull)

        return of

    result = np.asarray(cosine.squeeze(along), np.result_type(one, two))
    return record(name, result, (x1, vjp(x, y, 0)), (x2, vjp(y, x, 1)), saved=())


def cosine_embedding_loss(
    input1: Operand,
    input2: Operand,
    target: Operand,
    margin: float = 0,
    reduction: Reduction = "mean",
) -> Any:
    """1 - cos where target is 1, max(0, cos - margin) where it is -1; cos as cosine_similarity.

    Shapes: input1 and input2 (N, D) or (D,), target (N,) or () -> (N,) or () ("none") or ().
    Raises: ValueError for shapes that do not fit and an unknown reduction.
    Accuracy: as cosine_similarity.
    Source: torch.nn.functional.cosine_embedding_loss, 2.x.
    Example:
        >>> x = np.array([[3.0, 4.0]])
        >>> cosine_embedding_loss(x, 2 * x, np.array([1])).round(6).tolist()
        0.0
    """
    name = "cosine_embedding_loss"
    _check_reduction(name, reduction)
    number(name, margin=margin)
    one, two = floats(name, input1=input1, input2=input2)
    (t,) = arrays(target, name=name)
    if one.shape != two.shape or one.ndim not in (1, 2) or t.shape != one.shape[:-1]:
        raise ValueError(
            f"{name}: input1 and input2 must both be (N, D) or (D,) and target be without D, "
            f"but got {one.shape}, {two.shape} and {t.shape}"
        )
    cosine = cosine_similarity(input1, input2, -1, 1e-12)
    above = a.where(arrays(cosine)[0] >= margin, a.subtract(cosine, float(margin)), 0.0)
    losses = a.where(t == 1, a.subtract(1.0, cosine), a.where(t == -1, above, 0.0))
    return _reduce(losses, reduction)


def triplet_margin_loss(
    anchor: Operand,
    positive: Operand,
    negative: Operand,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: Reduction = "mean",
) -> Any:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d as pairwise_distance.

    Shapes: three (N, D) or (D,), which broadcast -> (N,) or () ("none") or ().
    Arguments:
        swap: d(positive, negative) stands for d(anchor, negative) where it is less.
    Raises: ValueError for shapes that do not fit, a margin of 0 or less and an unknown reduction.
    Accuracy: as pairwise_distance.
    Source: torch.nn.functional.triplet_margin_loss, 2.x.
    Example:
        >>> near, far = np.zeros((1, 2)), np.array([[3.0, 4.0]])
        >>> round(float(triplet_margin_loss(near, far, near)), 4)
        6.0
    """

    def distance(one: Operand, two: Operand) -> Any:
        return pairwise_distance(one, two, p, eps)

    shapes = [x.ndim for x in floats("triplet_margin_loss", a=anchor, p=positive, n=negative)]
    if len(set(shapes)) > 1:
        raise ValueError(
            "triplet_margin_loss: anchor, positive and negative must have as many axes, "
            f"but got {shapes}"
        )
    return _triplet(
        "triplet_margin_loss", distance, anchor, positive, negative, margin, swap, reduction
    )


def triplet_margin_with_distance_loss(
    anchor: Operand,
    positive: Operand,
    negative: Operand,
    *,
    distance_function: Callable[[Operand, Operand], Any] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: Reduction = "mean",
) -> Any:
    """triplet_margin_loss with a distance of one's own; None: pairwise_distance.

    Shapes: whatever distance_function takes -> the shape of distances ("none") or ().
    Raises: ValueError for a margin of 0 or less and an unknown reduction.
    Accuracy: as the distances.
    Source: torch.nn.functional.triplet_margin_with_distance_loss, 2.x.
    Example:
        >>> x = np.zeros((1, 2))
        >>> float(triplet_margin_with_distance_loss(x, x, x))
        1.0
    """
    distance = distance_function or pairwise_distance
    name = "triplet_margin_with_distance_loss"
    return _triplet(name, distance, anchor, positive, negative, margin, swap, reduction)


def _triplet(
    name: str,
    distance: Callable[[Operand, Operand], Any],
    anchor: Operand,
    positive: Operand,
    negative: Operand,
    margin: float,
    swap: bool,
    reduction: Reduction,
) -> Any:
    _check_reduction(name, reduction)
    number(name, margin=margin)
    if not margin > 0:
        raise ValueError(f"{name}: margin must be above 0, but got margin={margin}")
    far = distance(anchor, negative)
    if swap:
        far = a.minimum(far, distance(positive, negative))
    difference = a.add(a.subtract(distance(anchor, positive), far), float(margin))
    return _reduce(a.clip(difference, min=0.0), reduction)
