# SPDX-License-Identifier: MIT
"""Losses of scores or log probabilities and class numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ndnn import arithmetic
from ndnn._checks import floats, labels, number, wide
from ndnn._load import _core
from ndnn.ops.loss import Reduction, _check_reduction, _reduce
from ndnn.shaping import sum as total_of
from ndnn.tensor import Array, Operand, arrays, record


def _checked(
    name: str, input: Operand, target: Operand, weight: Operand, ignore_index: int
) -> tuple[Array, Array, Array, int]:
    """Input, checked targets, the weight of each target (0 if ignored), and the class axis."""
    x, w = floats(name, ("weight",), input=input, weight=weight)
    (t,) = arrays(target, name=name)
    classes = 0 if x.ndim == 1 else 1
    if x.ndim == 0 or t.shape != x.shape[:classes] + x.shape[classes + 1 :]:
        raise ValueError(
            f"{name}: target must have the shape of input without its classes, "
            f"but got input {x.shape}, target {t.shape}"
        )
    count = x.shape[classes]
    if w is not None and w.shape != (count,):
        raise ValueError(f"{name}: weight must have the shape {(count,)}, but got {w.shape}")
    t = labels(name, t, count, ignore_index)
    used = t != ignore_index
    t = np.where(used, t, 0)
    each = used.astype(wide(x).dtype)
    if w is not None and count:
        each *= w[t]
    return x, t, each, classes


def nll_loss(
    input: Operand,
    target: Operand,
    weight: Operand = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
) -> Any:
    """-weight[target] * input[target], the negative log likelihood, of log probabilities.

    Shapes: input (N, C), (C,) or (N, C, d1, ...), target (N,), () or (N, d1, ...) of class
        numbers, weight (C,) -> the shape of target ("none") or ().
    Arguments:
        ignore_index: targets of this number add nothing, and do not count in the mean.
        reduction: "mean" divides by the sum of the weights of the targets.
    Raises: ValueError for shapes that do not fit, for the first target outside 0 ... C-1 and an
        unknown reduction, TypeError for targets that are not integers.
    Accuracy: float64 sums, rounded once to the dtype of the input.
    Source: torch.nn.functional.nll_loss, 2.x.
    Example:
        >>> float(nll_loss(np.array([[-1.0, -2.0]]), np.array([1])))
        2.0
    """
    _check_reduction("nll_loss", reduction)
    x, t, weights, classes = _checked("nll_loss", input, target, weight, ignore_index)
    places = np.expand_dims(t, classes)
    picked = np.zeros(t.shape, x.dtype)
    if x.shape[classes]:
        picked = np.take_along_axis(x, places, classes).squeeze(classes)
    losses = -weights * np.where(weights == 0, 0, picked)
    # The mean over no target is nan, as torch's.
    total = np.float64(weights.sum(dtype=np.float64)) if reduction == "mean" else np.float64(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        y = losses if reduction == "none" else losses.sum(dtype=np.float64) / total
        scale = np.asarray(-weights / total, x.dtype)

    def vjp(g: Array) -> Array:
        d = np.zeros_like(x)
        if x.shape[classes]:
            np.put_along_axis(d, places, np.expand_dims(g * scale, classes), classes)
        return d

    links = (input, vjp), (target, None), (weight, None)
    return record("nll_loss", np.asarray(y, x.dtype), *links, saved=())


def cross_entropy(
    input: Operand,
    target: Operand,
    weight: Operand = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """The cross entropy between the softmax of scores and class numbers or probabilities.

    Shapes: as nll_loss, of scores; or target of the shape of input, holding probabilities.
    Arguments:
        label_smoothing: this part of the target is spread evenly over all classes.
        The others: as nll_loss; ignore_index is for class numbers only, and the mean over
        probabilities divides by the number of distributions.
    Raises: as nll_loss, and ValueError for label_smoothing outside [0, 1].
    Accuracy: exp within 1.25 ulp, their sum over C classes within (32 + C/32) * eps/2; the losses
        are added in float64 and rounded once. Equal bit for bit for every number of threads.
    Source: torch.nn.functional.cross_entropy, 2.x.
    Example:
        >>> round(float(cross_entropy(np.array([[0.0, 0.0]]), np.array([1]))), 4)
        0.6931
    """
    name = "cross_entropy"
    x, t, w = arrays(input, target, weight, name=name)
    if all(a is None or a.dtype.kind == "f" for a in (x, t, w)) and x is not None is not t:
        x, t, w = _of_one_dtype(x, t, w)
    elif w is not None and x is not None and x.dtype.kind == w.dtype.kind == "f":
        x, w = _of_one_dtype(x, w)
    y, statistics, divisor = _core.cross_entropy(x, t, w, ignore_index, reduction, label_smoothing)

    def of_input(g: Array) -> Array:
        return _core.cross_entropy_gradient(
            x, t, w, ignore_index, label_smoothing, statistics, divisor, g
        )

    def of_target(g: Array) -> Array:
        """-weight * log of the softmax, where the target is a distribution."""
        classes = 0 if x.ndim == 1 else 1
        shape = x.shape[:classes] + x.shape[classes + 1 :]
        largest, total = (np.expand_dims(s.reshape(shape), classes) for s in statistics[:2])
        d = x - largest - np.log(total)
        if w is not None:
            d *= w.reshape([-1 if i == classes else 1 for i in range(x.ndim)])
        return d * (np.expand_dims(g, classes) if g.ndim else g) * ((label_smoothing - 1) / divisor)

    links = (input, of_input), (target, of_target if t.dtype.kind == "f" else None), (weight, None)
    return record(name, y, *links)


def _of_one_dtype(*given: Array | None) -> list[Any]:
    common = np.result_type(*(a.dtype for a in given if a is not None))
    return [a if a is None or a.dtype == common else a.astype(common) for a in given]


def focal_loss(
    input: Operand,
    target: Operand,
    gamma: float = 2.0,
    weight: Operand = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
) -> Any:
    """weight[target] * (1 - p)^gamma * -log(p), p the softmax's probability of the target.

    Shapes: as nll_loss, of scores.
    Arguments:
        The others: as cross_entropy; gamma 0 is that. "mean" divides by the sum of the weights of
        the targets.
    Raises: as nll_loss, and ValueError for a negative gamma.
    Accuracy: as cross_entropy, each term within gamma + 8 ulp of (1 + log) more.
    Source: no function of torch; Lin et al., 2017, Focal Loss for Dense Object Detection, of
        several classes.
    Example:
        >>> round(float(focal_loss(np.array([[0.0, 0.0]]), np.array([1]))), 4)
        0.1733
    """
    name = "focal_loss"
    _check_reduction(name, reduction)
    number(name, gamma=gamma)
    if not gamma >= 0:
        raise ValueError(f"{name}: gamma must not be negative, but got gamma={gamma}")
    x, _, weights, _ = _checked(name, input, target, weight, ignore_index)
    entropy = cross_entropy(input, target, None, ignore_index, "none")
    (ce,) = arrays(entropy)
    ce = wide(ce)
    miss = -np.expm1(-ce)
    power = miss**gamma
    y = np.asarray(weights * (power * ce), x.dtype)

    def vjp(g: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            inner = np.where(miss > 0, gamma * miss ** (gamma - 1) * np.exp(-ce) * ce, 0)
        return g * np.asarray(weights * (power + inner), x.dtype)

    losses = record(name, y, (entropy, vjp), saved=())
    if reduction != "mean":
        return _reduce(losses, reduction)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = 1 / np.float64(weights.sum(dtype=np.float64))
    return arithmetic.multiply(total_of(losses), float(share))
