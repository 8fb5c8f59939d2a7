# SPDX-License-Identifier: MIT
"""Losses: how far predictions are from targets."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from ndnn._checks import floats, number
from ndnn.ops.softmax import log_softmax
from ndnn.tensor import Array, Operand, Tensor, arrays, record

Reduction = Literal["none", "mean", "sum"]


def mse_loss(input: Operand, target: Operand, reduction: Reduction = "mean") -> Any:
    """(input - target)^2, elementwise, its mean or its sum.

    Shapes: input and target of one shape -> that shape ("none") or ().
    Raises: ValueError for different shapes and an unknown reduction.
    Accuracy: float64 sums, rounded once to the dtype of the input.
    Source: torch.nn.functional.mse_loss, 2.x, which also broadcasts, with a warning.
    Example:
        >>> float(mse_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
        2.0
    """
    _check_reduction("mse_loss", reduction)
    x, t = floats("mse_loss", input=input, target=target)
    if x.shape != t.shape:
        raise ValueError(
            "mse_loss: input and target must have one shape, "
            f"but got input {x.shape}, target {t.shape}"
        )
    difference = x - t
    scale = difference.dtype.type(2 / (max(x.size, 1) if reduction == "mean" else 1))
    y = np.asarray(_reduce(difference * difference, reduction), difference.dtype)
    return record(
        "mse_loss",
        y,
        (input, lambda g: difference * (g * scale)),
        (target, lambda g: difference * (g * -scale)),
        saved=(),
    )


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
    Raises: ValueError for shapes that do not fit, for targets outside 0 ... C-1 and an unknown
        reduction, TypeError for targets that are not integers.
    Accuracy: float64 sums, rounded once to the dtype of the input.
    Source: torch.nn.functional.nll_loss, 2.x.
    Example:
        >>> float(nll_loss(np.array([[-1.0, -2.0]]), np.array([1])))
        2.0
    """
    return _nll("nll_loss", input, target, weight, ignore_index, reduction)


def _nll(
    name: str,
    input: Operand,
    target: Operand,
    weight: Operand,
    ignore_index: int,
    reduction: Reduction,
) -> Any:
    _check_reduction(name, reduction)
    x, w = floats(name, ("weight",), input=input, weight=weight)
    (t,) = arrays(target, name=name)
    classes = 0 if x.ndim == 1 else 1
    if x.ndim == 0 or t.shape != x.shape[:classes] + x.shape[classes + 1 :]:
        raise ValueError(
            f"{name}: target must have the shape of input without its classes, "
            f"but got input {x.shape}, target {t.shape}"
        )
    if t.dtype.kind not in "iu":
        raise TypeError(f"{name}: target must hold integers, but got dtype={t.dtype}")
    count = x.shape[classes]
    if w is not None and w.shape != (count,):
        raise ValueError(f"{name}: weight must have the shape {(count,)}, but got {w.shape}")
    used = t != ignore_index
    bad = t[used & ((t < 0) | (t >= count))]
    if bad.size:
        raise ValueError(
            f"{name}: target must be between 0 and {count - 1} or ignore_index={ignore_index}, "
            f"but got {bad.flat[0]}"
        )

    places = np.expand_dims(np.where(used, t, 0), classes)
    weights = (
        np.asarray(used, x.dtype) if w is None else np.where(used, w[places.squeeze(classes)], 0)
    )
    picked = np.take_along_axis(x, places, classes).squeeze(classes) if count else np.zeros_like(t)
    losses = np.where(used, -weights * picked, 0)
    # The mean over no target is nan, as torch's.
    total = np.float64(weights.sum(dtype=np.float64)) if reduction == "mean" else np.float64(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        y = losses if reduction == "none" else losses.sum(dtype=np.float64) / total
        scale = np.asarray(-weights / total, x.dtype)

    def vjp(g: Array) -> Array:
        d = np.zeros_like(x)
        np.put_along_axis(d, places, np.expand_dims(g * scale, classes), classes)
        return d

    links = (input, vjp), (target, None), (weight, None)
    return record(name, np.asarray(y, x.dtype), *links, saved=())


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
        The others: as nll_loss; ignore_index is for class numbers only.
    Raises: as nll_loss, and ValueError for label_smoothing outside [0, 1].
    Accuracy: as log_softmax, with float64 sums, rounded once to the dtype of the input.
    Source: torch.nn.functional.cross_entropy, 2.x.
    Example:
        >>> round(float(cross_entropy(np.array([[0.0, 0.0]]), np.array([1]))), 4)
        0.6931
    """
    number("cross_entropy", label_smoothing=label_smoothing)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(
            f"cross_entropy: label_smoothing must be between 0 and 1, but got {label_smoothing}"
        )
    _check_reduction("cross_entropy", reduction)
    x, w = floats("cross_entropy", ("weight",), input=input, weight=weight)
    (t,) = arrays(target, name="cross_entropy")
    if x.ndim == 0:
        raise ValueError(f"cross_entropy: input must have a class axis, but got shape={x.shape}")
    classes = 0 if x.ndim == 1 else 1
    logs = log_softmax(input, classes)
    if t.shape == x.shape and t.dtype.kind == "f":
        return _soft_targets(logs, target, t, w, classes, reduction, label_smoothing)
    loss = _nll("cross_entropy", logs, target, weight, ignore_index, reduction)
    if label_smoothing == 0:
        return loss
    # The even part: each target counts with the mean over all classes of weight * log.
    used = np.expand_dims(t != ignore_index, classes)
    by_class = np.ones(x.shape[classes], x.dtype) if w is None else w
    spread = used * _along(by_class, x.ndim, classes) / x.dtype.type(x.shape[classes])
    total: Any = 1
    if reduction == "mean":
        safe = np.where(t == ignore_index, 0, t)
        total = (by_class[safe] * (t != ignore_index)).sum(dtype=np.float64)
    even = _weighted_logs(logs, spread, classes, reduction, total)
    return loss * (1 - label_smoothing) + even * label_smoothing


def _soft_targets(
    logs: Operand,
    target: Operand,
    t: Array,
    w: Array | None,
    classes: int,
    reduction: Reduction,
    smoothing: float,
) -> Any:
    if isinstance(target, Tensor) and target.requires_grad:
        raise ValueError("cross_entropy: target must not require a gradient, but got one that does")
    count = t.shape[classes]
    spread = t * (1 - smoothing) + smoothing / count
    if w is not None:
        spread = spread * _along(w, t.ndim, classes)
    return _weighted_logs(logs, spread, classes, reduction, max(t.size // max(count, 1), 1))


def _weighted_logs(
    logs: Operand, spread: Array, classes: int, reduction: Reduction, total: Any
) -> Any:
    """-sum over classes of spread * logs; "mean" divides the sum by `total`."""
    (x,) = arrays(logs)
    spread = np.asarray(spread, x.dtype)
    y = -(spread * x).sum(classes, dtype=np.float64)
    scale = x.dtype.type(-1)
    if reduction != "none":
        total = total if reduction == "mean" else 1
        y = y.sum() / total
        scale = x.dtype.type(-1 / np.float64(total))

    def vjp(g: Array) -> Array:
        return spread * (scale * (g if reduction != "none" else np.expand_dims(g, classes)))

    return record("cross_entropy", np.asarray(y, x.dtype), (logs, vjp), saved=())


def _along(values: Array, ndim: int, axis: int) -> Array:
    return values.reshape([-1 if i == axis else 1 for i in range(ndim)])


def _reduce(values: Array, reduction: Reduction) -> Any:
    if reduction == "none":
        return values
    total = values.sum(dtype=np.float64)
    if reduction == "sum":
        return total
    return total / values.size if values.size else math.nan


def _check_reduction(name: str, reduction: str) -> None:
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(
            f'{name}: reduction must be "none", "mean" or "sum", but got {reduction!r}'
        )
