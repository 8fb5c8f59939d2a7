# SPDX-License-Identifier: MIT
"""Losses, written to be read."""

from __future__ import annotations

from itertools import groupby, product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ndnn.reference.distance import cosine_similarity, pairwise_distance
from ndnn.reference.fused import sigmoid

Array = NDArray[Any]


def _real(x: ArrayLike) -> Array:
    return np.asarray(x, np.float64)


def _reduced(losses: Array, reduction: str, weights: Array | None = None) -> Array:
    if reduction == "none":
        return losses
    count = losses.size if weights is None else weights.sum()
    return np.asarray(losses.sum() / (count if reduction == "mean" else 1))


def mse_loss(input: ArrayLike, target: ArrayLike, reduction: str = "mean") -> Array:
    return _reduced((_real(input) - _real(target)) ** 2, reduction)


def l1_loss(input: ArrayLike, target: ArrayLike, reduction: str = "mean") -> Array:
    return _reduced(np.abs(_real(input) - _real(target)), reduction)


def huber_loss(
    input: ArrayLike, target: ArrayLike, reduction: str = "mean", delta: float = 1.0
) -> Array:
    d = np.abs(_real(input) - _real(target))
    return _reduced(np.where(d < delta, d**2 / 2, delta * (d - delta / 2)), reduction)


def smooth_l1_loss(
    input: ArrayLike, target: ArrayLike, reduction: str = "mean", beta: float = 1.0
) -> Array:
    if beta == 0:
        return l1_loss(input, target, reduction)
    return huber_loss(input, target, reduction, beta) / beta


def binary_cross_entropy(
    input: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None, reduction: str = "mean"
) -> Array:
    x, t = _real(input), _real(target)
    with np.errstate(divide="ignore"):
        yes, no = (np.maximum(np.log(p), -100) for p in (x, 1 - x))
    return _reduced(-(t * yes + (1 - t) * no) * (1 if weight is None else _real(weight)), reduction)


def binary_cross_entropy_with_logits(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    reduction: str = "mean",
    pos_weight: ArrayLike | None = None,
) -> Array:
    x, t = _real(input), _real(target)
    positive = t if pos_weight is None else t * _real(pos_weight)
    losses = positive * np.logaddexp(0, -x) + (1 - t) * np.logaddexp(0, x)
    return _reduced(losses * (1 if weight is None else _real(weight)), reduction)


def sigmoid_focal_loss(
    inputs: ArrayLike,
    targets: ArrayLike,
    alpha: float = 0.25,
    gamma: float = 2,
    reduction: str = "none",
) -> Array:
    t = _real(targets)
    p = sigmoid(_real(inputs))
    of_target = p * t + (1 - p) * (1 - t)
    losses = binary_cross_entropy_with_logits(inputs, t, None, "none") * (1 - of_target) ** gamma
    return _reduced(losses * (alpha * t + (1 - alpha) * (1 - t) if alpha >= 0 else 1), reduction)


def kl_div(
    input: ArrayLike, target: ArrayLike, reduction: str = "mean", log_target: bool = False
) -> Array:
    logs = _real(target) if log_target else np.log(_real(target))
    losses = np.exp(logs) * (logs - _real(input))
    if reduction == "batchmean":
        return np.asarray(losses.sum() / len(losses))
    return _reduced(losses, reduction)


def poisson_nll_loss(
    input: ArrayLike,
    target: ArrayLike,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Array:
    x, t = _real(input), _real(target)
    losses = np.exp(x) - t * x if log_input else x - t * np.log(x + eps)
    if full:
        large = np.where(t > 1, t, 1)  # Stirling's approximation of log(t!)
        stirling = large * np.log(large) - large + np.log(2 * np.pi * large) / 2
        losses = losses + np.where(t > 1, stirling, 0)
    return _reduced(losses, reduction)


def gaussian_nll_loss(
    input: ArrayLike,
    target: ArrayLike,
    var: ArrayLike,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Array:
    x, v = _real(input), _real(var)
    if v.ndim and v.ndim < x.ndim:
        v = v[..., None]
    v = np.maximum(v, eps)
    losses = (np.log(v) + (x - _real(target)) ** 2 / v) / 2
    return _reduced(losses + full * np.log(2 * np.pi) / 2, reduction)


def hinge_loss(input: ArrayLike, target: ArrayLike, reduction: str = "mean") -> Array:
    return _reduced(np.maximum(0, 1 - _real(target) * _real(input)), reduction)


def perceptron_loss(input: ArrayLike, target: ArrayLike, reduction: str = "mean") -> Array:
    return _reduced(np.maximum(0, -_real(target) * _real(input)), reduction)


def zero_one_loss(input: ArrayLike, target: ArrayLike, reduction: str = "mean") -> Array:
    return _reduced(_real(np.sign(_real(input)) != _real(target)), reduction)


def soft_margin_loss(input: ArrayLike, target: ArrayLike, reduction: str = "mean") -> Array:
    return _reduced(np.logaddexp(0, -_real(target) * _real(input)), reduction)


def hinge_embedding_loss(
    input: ArrayLike, target: ArrayLike, margin: float = 1.0, reduction: str = "mean"
) -> Array:
    x = _real(input)
    return _reduced(np.where(np.asarray(target) == 1, x, np.maximum(0, margin - x)), reduction)


def margin_ranking_loss(
    input1: ArrayLike,
    input2: ArrayLike,
    target: ArrayLike,
    margin: float = 0,
    reduction: str = "mean",
) -> Array:
    difference = _real(input1) - _real(input2)
    return _reduced(np.maximum(0, margin - _real(target) * difference), reduction)


def multi_margin_loss(
    input: ArrayLike,
    target: ArrayLike,
    p: int = 1,
    margin: float = 1.0,
    weight: ArrayLike | None = None,
    reduction: str = "mean",
) -> Array:
    x, t = _real(input), np.asarray(target)
    losses = np.zeros(t.shape)
    for row in np.ndindex(t.shape):
        chosen, count = t[row], x.shape[-1]
        w = 1 if weight is None else _real(weight)[chosen]
        others = [i for i in range(count) if i != chosen]
        losses[row] = sum(
            w * max(0, margin - x[row][chosen] + x[row][i]) ** p / count for i in others
        )
    return _reduced(losses, reduction)


def multilabel_margin_loss(input: ArrayLike, target: ArrayLike, reduction: str = "mean") -> Array:
    x, t = _real(input), np.asarray(target)
    losses = np.zeros(x.shape[:-1])
    for row in np.ndindex(losses.shape):
        labels = t[row][: np.argmax(t[row] < 0)] if (t[row] < 0).any() else t[row]
        others = [i for i in range(x.shape[-1]) if i not in labels]
        pairs = product(labels, others)
        losses[row] = sum(max(0, 1 - x[row][a] + x[row][b]) for a, b in pairs) / x.shape[-1]
    return _reduced(losses, reduction)


def multilabel_soft_margin_loss(
    input: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None, reduction: str = "mean"
) -> Array:
    losses = binary_cross_entropy_with_logits(input, target, weight, "none")
    return _reduced(losses.mean(-1), reduction)


def nll_loss(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Array:
    """Each target picks minus its class's input; the mean is weighted."""
    x, t = np.moveaxis(_real(input), min(1, np.ndim(input) - 1), -1), np.asarray(target)
    by_class = np.ones(x.shape[-1]) if weight is None else _real(weight)
    losses, weights = np.zeros(t.shape), np.zeros(t.shape)
    for place in np.ndindex(t.shape):
        if t[place] != ignore_index:
            weights[place] = by_class[t[place]]
            losses[place] = -weights[place] * x[place][t[place]]
    return _reduced(losses, reduction, weights)


def _log_softmax(input: ArrayLike, axis: int) -> Array:
    x = _real(input)
    return x - np.logaddexp.reduce(x, axis, keepdims=True)


def cross_entropy(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Array:
    """With probabilities of every class as the target, or class numbers, which are made such."""
    classes = min(1, np.ndim(input) - 1)
    logs = np.moveaxis(_log_softmax(input, classes), classes, -1)
    count = logs.shape[-1]
    by_class = np.ones(count) if weight is None else _real(weight)
    t = np.asarray(target)
    if t.dtype.kind == "f":
        likely, weights = np.moveaxis(t, classes, -1), np.ones(logs.shape[:-1])
    else:
        used = t != ignore_index
        chosen = np.where(used, t, 0)
        likely, weights = np.eye(count)[chosen] * used[..., None], by_class[chosen] * used
    smooth = likely * (1 - label_smoothing) + label_smoothing / count
    if t.dtype.kind != "f":
        smooth = smooth * used[..., None]
    return _reduced(-(smooth * by_class * logs).sum(-1), reduction, weights)


def focal_loss(
    input: ArrayLike,
    target: ArrayLike,
    gamma: float = 2.0,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Array:
    classes = min(1, np.ndim(input) - 1)
    logs = _log_softmax(input, classes)
    scaled = (1 - np.exp(logs)) ** gamma * logs
    return nll_loss(scaled, target, weight, ignore_index, reduction)


def ctc_loss(
    log_probs: ArrayLike,
    targets: ArrayLike,
    input_lengths: ArrayLike,
    target_lengths: ArrayLike,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Array:
    """Tries every path: so few frames and classes only."""
    logs, t = _real(log_probs), np.asarray(targets)
    batched = logs.ndim == 3
    logs = logs if batched else logs[:, None]
    frames, lengths = (np.reshape(n, -1).tolist() for n in (input_lengths, target_lengths))
    starts = np.cumsum([0, *lengths])
    losses = []
    for i, (duration, length) in enumerate(zip(frames, lengths, strict=True)):
        wanted = (t[i, :length] if t.ndim == 2 else t[starts[i] : starts[i + 1]]).tolist()
        probability = 0.0
        for path in product(range(logs.shape[2]), repeat=duration):
            if [label for label, _ in groupby(path) if label != blank] == wanted:
                probability += np.exp(sum(logs[f, i, c] for f, c in enumerate(path)))
        fits = probability > 0
        losses.append(-np.log(probability) if fits else 0.0 if zero_infinity else np.inf)
    if reduction == "mean":
        return np.asarray(np.mean(np.array(losses) / np.maximum(lengths, 1)))
    return _reduced(np.array(losses) if batched else np.array(losses[0]), reduction)


def cosine_embedding_loss(
    input1: ArrayLike,
    input2: ArrayLike,
    target: ArrayLike,
    margin: float = 0,
    reduction: str = "mean",
) -> Array:
    cosine = cosine_similarity(input1, input2, -1, 1e-12)
    losses = np.where(np.asarray(target) == 1, 1 - cosine, np.maximum(0, cosine - margin))
    return _reduced(losses, reduction)


def triplet_margin_loss(
    anchor: ArrayLike,
    positive: ArrayLike,
    negative: ArrayLike,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Array:
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = np.minimum(far, pairwise_distance(positive, negative, p, eps))
    near = pairwise_distance(anchor, positive, p, eps)
    return _reduced(np.maximum(0, near - far + margin), reduction)


def triplet_margin_with_distance_loss(
    anchor: ArrayLike,
    positive: ArrayLike,
    negative: ArrayLike,
    *,
    distance_function: None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Array:
    """With pairwise_distance."""
    return triplet_margin_loss(anchor, positive, negative, margin, swap=swap, reduction=reduction)
