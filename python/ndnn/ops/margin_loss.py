# SPDX-License-Identifier: MIT
"""Losses of signs and margins: targets are -1 and 1, or class numbers of scores."""

from __future__ import annotations

from typing import Any

import numpy as np

from ndnn._checks import floats, labels, number, wide
from ndnn.ops.loss import (
    Reduction,
    _check_reduction,
    _elementwise,
    _reduce,
)
from ndnn.shaping import mean
from ndnn.tensor import Array, Operand, arrays, record


def hinge_loss(input: Operand, target: Operand, reduction: Reduction = "mean") -> Any:
    """max(0, 1 - target * input), the loss of support vector machines.

    Shapes: input and target (-1 or 1, also as integers) of one shape -> that shape ("none") or ().
    Raises: ValueError for different shapes, an unknown reduction and the first target that is
        neither -1 nor 1.
    Accuracy: each term within an ulp; added in float64 and rounded once.
    Source: no function of torch; sklearn.metrics.hinge_loss for two classes.
    Example:
        >>> hinge_loss(np.array([2.0, 0.5, 0.5]), np.array([1, 1, -1]), "none").tolist()
        [0.0, 0.5, 1.5]
    """
    return _elementwise("hinge_loss", "hinge", reduction, (), input, target, gradients=1)


def perceptron_loss(input: Operand, target: Operand, reduction: Reduction = "mean") -> Any:
    """max(0, -target * input). At 0 its gradient is -target, so that learning can start from 0.

    Shapes: input and target (-1 or 1, also as integers) of one shape -> that shape ("none") or ().
    Raises: ValueError for different shapes, an unknown reduction and the first target that is
        neither -1 nor 1.
    Accuracy: terms are exact; added in float64 and rounded once.
    Source: no function of torch; Rosenblatt's perceptron, as sklearn.linear_model.Perceptron.
    Example:
        >>> perceptron_loss(np.array([2.0, 0.5, 0.5]), np.array([1, 1, -1]), "none").tolist()
        [0.0, 0.0, 0.5]
    """
    return _elementwise("perceptron_loss", "perceptron", reduction, (), input, target, gradients=1)


def zero_one_loss(input: Operand, target: Operand, reduction: Reduction = "mean") -> Any:
    """1 where the sign of input is not target, else 0; an input of 0 is wrong.

    It has no gradient: it is constant wherever it is differentiable. The result of a Tensor does
    not require one.
    Shapes: input and target (-1 or 1, also as integers) of one shape -> that shape ("none") or ().
    Raises: ValueError for different shapes, an unknown reduction and the first target that is
        neither -1 nor 1.
    Accuracy: exact but for the rounding of a mean.
    Source: no function of torch; sklearn.metrics.zero_one_loss.
    Example:
        >>> float(zero_one_loss(np.array([2.0, 0.5, 0.5, -1.0]), np.array([1, 1, -1, -1])))
        0.25
    """
    return _elementwise("zero_one_loss", "zero_one", reduction, (), input, target, gradients=0)


def soft_margin_loss(input: Operand, target: Operand, reduction: Reduction = "mean") -> Any:
    """log(1 + exp(-target * input)).

    Shapes: input and target (of -1 and 1) of one shape -> that shape ("none") or ().
    Raises: ValueError for different shapes and an unknown reduction.
    Accuracy: each term within 4 ulp, without overflow; added in float64 and rounded once.
    Source: torch.nn.functional.soft_margin_loss, 2.x.
    Example:
        >>> soft_margin_loss(np.array([0.0, 1000.0]), np.array([1, -1]), "none").round(4).tolist()
        [0.6931, 1000.0]
    """
    return _elementwise(
        "soft_margin_loss", "soft_margin", reduction, (), input, target, gradients=1
    )


def hinge_embedding_loss(
    input: Operand, target: Operand, margin: float = 1.0, reduction: Reduction = "mean"
) -> Any:
    """input where target is 1, max(0, margin - input) where it is -1.

    Shapes: input and target of one shape -> that shape ("none") or ().
    Raises: ValueError for different shapes and an unknown reduction.
    Accuracy: each term within half an ulp; added in float64 and rounded once.
    Source: torch.nn.functional.hinge_embedding_loss, 2.x (another target gets both terms).
    Example:
        >>> hinge_embedding_loss(np.array([0.25, 0.25]), np.array([1, -1])).tolist()
        0.5
    """
    return _elementwise(
        "hinge_embedding_loss", "hinge_embedding", reduction, (margin,), input, target, gradients=1
    )


def margin_ranking_loss(
    input1: Operand,
    input2: Operand,
    target: Operand,
    margin: float = 0,
    reduction: Reduction = "mean",
) -> Any:
    """max(0, margin - target * (input1 - input2)): target 1 wants input1 larger, -1 input2.

    Shapes: input1, input2 and target of one shape -> that shape ("none") or ().
    Raises: ValueError for different shapes and an unknown reduction.
    Accuracy: each term within 1.5 ulp of its larger part; added in float64 and rounded once.
    Source: torch.nn.functional.margin_ranking_loss, 2.x, which also broadcasts.
    Example:
        >>> float(margin_ranking_loss(np.array([1.0]), np.array([3.0]), np.array([1])))
        2.0
    """
    return _elementwise(
        "margin_ranking_loss", "margin_ranking", reduction, (margin,), input1, input2, target
    )


def _rows(name: str, x: Array, t: Array, shape: tuple[int, ...], rule: str) -> None:
    if x.ndim not in (1, 2) or t.shape != shape:
        raise ValueError(
            f"{name}: input must be (N, C) or (C,) and target {rule}, "
            f"but got input.shape={x.shape} and target.shape={t.shape}"
        )


def multi_margin_loss(
    input: Operand,
    target: Operand,
    p: int = 1,
    margin: float = 1.0,
    weight: Operand = None,
    reduction: Reduction = "mean",
) -> Any:
    """The mean over the classes of max(0, margin - input[target] + input[class])^p, but the target.

    Shapes: input (N, C) or (C,), target (N,) or () of class numbers, weight (C,) -> (N,) or ()
        ("none") or ().
    Arguments:
        p: 1 or 2.
        weight: of the target's class; "mean" divides by N all the same.
    Raises: ValueError for shapes that do not fit, another p, targets outside 0 ... C-1 and an
        unknown reduction, TypeError for targets that are not integers.
    Accuracy: each term within 2 ulp of its largest part; added in float64 and rounded once.
    Source: torch.nn.functional.multi_margin_loss, 2.x.
    Example:
        >>> float(multi_margin_loss(np.array([[1.0, 0.5]]), np.array([0])))
        0.25
    """
    name = "multi_margin_loss"
    _check_reduction(name, reduction)
    number(name, margin=margin)
    if p not in (1, 2):
        raise ValueError(f"{name}: p must be 1 or 2, but got p={p}")
    x, w = floats(name, ("weight",), input=input, weight=weight)
    (t,) = arrays(target, name=name)
    _rows(name, x, t, x.shape[:-1], "the shape of its rows")
    count = x.shape[-1]
    if w is not None and w.shape != (count,):
        raise ValueError(f"{name}: weight must have the shape {(count,)}, but got {w.shape}")
    dtype, x = x.dtype, wide(x)
    places = labels(name, t, count)[..., None]
    missing = x.dtype.type(margin) - np.take_along_axis(x, places, -1) + x
    np.put_along_axis(missing, places, -1, -1)
    scale = np.full(t.shape, 1 / count) if w is None else np.asarray(w, np.float64)[t] / count
    parts = np.maximum(missing, 0) ** p
    y = parts.sum(-1, dtype=np.float64) * scale

    def vjp(g: Array) -> Array:
        d = np.where(missing > 0, p * np.maximum(missing, 0) ** (p - 1), 0) * scale[..., None]
        np.put_along_axis(d, places, 0, -1)
        np.put_along_axis(d, places, -d.sum(-1, keepdims=True), -1)
        return d * g[..., None]

    links = (input, vjp), (target, None), (weight, None)
    return _reduce(record(name, np.asarray(y, dtype), *links, saved=()), reduction)


def multilabel_margin_loss(input: Operand, target: Operand, reduction: Reduction = "mean") -> Any:
    """The sum of max(0, 1 - input[label] + input[class]) over labels and other classes, over C.

    Shapes: input and target (N, C) or (C,) -> (N,) or () ("none") or (). The labels of a row stand
        first in the target, up to the first -1.
    Raises: ValueError for different shapes, labels outside -1 ... C-1 and an unknown reduction,
        TypeError for targets that are not integers.
    Accuracy: each term within 2 ulp of its largest part; added in float64 and rounded once.
    Source: torch.nn.functional.multilabel_margin_loss, 2.x.
    Example:
        >>> float(multilabel_margin_loss(np.array([1.0, 0.5]), np.array([0, -1])))
        0.25
    """
    name = "multilabel_margin_loss"
    _check_reduction(name, reduction)
    (x,) = floats(name, input=input)
    (t,) = arrays(target, name=name)
    _rows(name, x, t, x.shape, "of its shape")
    dtype, x = x.dtype, wide(x)
    t = labels(name, t, x.shape[-1], -1)
    used = np.cumprod(t >= 0, -1).astype(bool)  # up to the first -1
    chosen = np.zeros(x.shape, bool)
    rows = np.nonzero(used)[:-1]
    chosen[(*rows, t[used])] = True
    label = np.where(used, t, 0)
    # [..., label, class]: how far the class is from being the margin below the label
    missing = 1 - np.take_along_axis(x, label, -1)[..., None] + x[..., None, :]
    counted = used[..., None] & ~chosen[..., None, :] & (missing > 0)
    parts = np.where(counted, missing, 0)
    y = parts.sum((-1, -2), dtype=np.float64) / max(x.shape[-1], 1)

    def vjp(g: Array) -> Array:
        d = counted.sum(-2).astype(x.dtype)
        flat, per_label = d.reshape(-1, x.shape[-1]), counted.sum(-1).reshape(-1, x.shape[-1])
        places = label.reshape(-1, x.shape[-1])
        np.subtract.at(flat, (np.arange(len(flat))[:, None], places), per_label)
        return d * (g / x.dtype.type(x.shape[-1]))[..., None]

    links = (input, vjp), (target, None)
    return _reduce(record(name, np.asarray(y, dtype), *links, saved=()), reduction)


def multilabel_soft_margin_loss(
    input: Operand, target: Operand, weight: Operand = None, reduction: Reduction = "mean"
) -> Any:
    """The mean over the classes of binary_cross_entropy_with_logits.

    Shapes: input and target (..., C), weight one that broadcasts to it -> (...) ("none") or ().
    Raises: ValueError for different shapes and an unknown reduction.
    Accuracy: as binary_cross_entropy_with_logits.
    Source: torch.nn.functional.multilabel_soft_margin_loss, 2.x.
    Example:
        >>> x, t = np.zeros((1, 2)), np.array([[1.0, 0.0]])
        >>> round(float(multilabel_soft_margin_loss(x, t)), 4)
        0.6931
    """
    name = "multilabel_soft_margin_loss"
    _check_reduction(name, reduction)
    kind = "bce_logits" if weight is None else "bce_logits_weighted"
    weights = () if weight is None else (weight, 1)
    losses = _elementwise(name, kind, "none", (), input, target, *weights)
    return _reduce(mean(losses, -1), reduction)
