# SPDX-License-Identifier: MIT
"""Connectionist temporal classification: labels whose places in time are not known."""

from __future__ import annotations

from typing import Any

import numpy as np

from ndnn._checks import floats, labels
from ndnn.ops.loss import Reduction, _check_reduction
from ndnn.tensor import Array, Operand, arrays, record

_NAME = "ctc_loss"


def ctc_loss(
    log_probs: Operand,
    targets: Operand,
    input_lengths: Operand,
    target_lengths: Operand,
    blank: int = 0,
    reduction: Reduction = "mean",
    zero_infinity: bool = False,
) -> Any:
    """-log of the probability of all paths that spell the targets, repeats and blanks removed.

    Shapes: log_probs (T, N, C) or (T, C), targets (N, S) or (S,), or all targets in one row;
        input_lengths and target_lengths (N,) or () -> (N,) or () ("none") or ().
    Arguments:
        reduction: "mean" divides each loss by its target's length (at least 1) before the mean.
        zero_infinity: targets that do not fit into their input add 0 instead of inf.
    Raises: ValueError for shapes and lengths that do not fit, targets that are no class or blank,
        and an unknown reduction, TypeError for targets and lengths that are not integers.
    Accuracy: float64 throughout, rounded once.
    Source: torch.nn.functional.ctc_loss, 2.x. Its gradient for log_probs is that of the scores
        whose log_softmax they are; this one is the derivative. Behind log_softmax they are equal.
    Example:
        >>> logs = np.log(np.full((2, 1, 2), 0.5))
        >>> round(float(ctc_loss(logs, np.array([[1]]), np.array([2]), np.array([1]))), 4)
        0.2877
    """
    _check_reduction(_NAME, reduction)
    (x,) = floats(_NAME, log_probs=log_probs)
    t, frames, lengths = arrays(targets, input_lengths, target_lengths, name=_NAME)
    if x.ndim not in (2, 3) or 0 in x.shape:
        raise ValueError(
            f"{_NAME}: log_probs must be (T, N, C) or (T, C) and not empty, but got {x.shape}"
        )
    batched = x.ndim == 3
    logs = np.asarray(x if batched else x[:, None], np.float64)
    if not 0 <= blank < logs.shape[2]:
        raise ValueError(
            f"{_NAME}: blank must be from 0 to {logs.shape[2] - 1}, but got blank={blank}"
        )
    frames = _lengths("input_lengths", frames, logs.shape[1], len(logs))
    padded, lengths = _padded(t, lengths, logs.shape[1], batched)
    used = np.arange(padded.shape[1]) < lengths[:, None]
    labels(_NAME, np.where(used, padded, blank), logs.shape[2])
    if (padded[used] == blank).any():
        raise ValueError(f"{_NAME}: targets must not hold blank, but got blank={blank}")
    paths = _Paths(logs, np.where(used, padded, blank), frames, lengths, blank)
    losses = paths.losses
    infinite = zero_infinity & np.isinf(losses)
    losses = np.where(infinite, 0, losses)
    scale = np.ones(len(losses))
    if reduction == "mean":
        scale = 1 / (np.maximum(lengths, 1) * len(losses))
    y = losses if batched else losses[0]
    if reduction != "none":
        y = (losses * scale).sum()

    def vjp(g: Array) -> Array:
        each = np.where(infinite, 0, scale * g)
        d = paths.gradient() * each[:, None]
        d[:, infinite] = 0
        return (d if batched else d[:, 0]).astype(x.dtype)

    links = (log_probs, vjp), (targets, None)
    return record(_NAME, np.asarray(y, x.dtype), *links, saved=())


def _lengths(name: str, values: Array, count: int, most: int) -> Array:
    if values.dtype.kind not in "iu":
        raise TypeError(f"{_NAME}: {name} must hold integers, but got dtype={values.dtype}")
    flat = values.reshape(-1)
    if flat.size != count or values.ndim > 1:
        raise ValueError(
            f"{_NAME}: {name} must have the shape {(count,)}, but got shape={values.shape}"
        )
    bad = np.flatnonzero((flat < 0) | (flat > most))
    if bad.size:
        raise ValueError(
            f"{_NAME}: {name} must be between 0 and {most}, but got {flat[bad[0]]} at {bad[0]}"
        )
    return flat.astype(np.int64)


def _padded(t: Array, lengths: Array, count: int, batched: bool) -> tuple[Array, Array]:
    """The targets as (N, S), and their lengths."""
    if t.dtype.kind not in "iu":
        raise TypeError(f"{_NAME}: targets must hold integers, but got dtype={t.dtype}")
    if t.ndim == 2 and len(t) == count:
        return t.astype(np.int64), _lengths("target_lengths", lengths, count, t.shape[1])
    if t.ndim != 1:
        raise ValueError(
            f"{_NAME}: targets must be (N, S) or one row of all, but got targets.shape={t.shape}"
        )
    lengths = _lengths("target_lengths", lengths, count, t.size)
    ends = np.cumsum(lengths)
    if (ends[-1] != t.size) if batched else (ends[-1] > t.size):
        raise ValueError(
            f"{_NAME}: targets must hold the sum of target_lengths, "
            f"but got {t.size} targets and a sum of {ends[-1]}"
        )
    longest = int(lengths.max())
    padded = np.zeros((count, longest), np.int64)
    for row, end, n in zip(padded, ends, lengths, strict=True):
        row[:n] = t[end - n : end]
    return padded, lengths


class _Paths:
    """The states of a target are blank, label, blank, ..., blank; all rows of a batch at once."""

    def __init__(self, logs: Array, t: Array, frames: Array, lengths: Array, blank: int) -> None:
        n, longest = t.shape
        self.logs, self.frames, self.last = logs, frames, 2 * lengths
        self.states = np.full((n, 2 * longest + 1), blank)
        self.states[:, 1::2] = t
        # A label may follow another one without a blank between, but not itself.
        self.skips = np.zeros(self.states.shape, bool)
        self.skips[:, 3::2] = t[:, 1:] != t[:, :-1]
        self.scores = np.take_along_axis(
            logs, np.broadcast_to(self.states, (len(logs), *self.states.shape)), 2
        )
        self.alpha = self._forward()
        rows = np.arange(n)
        end = self.alpha[frames, rows]
        label = np.where(self.last > 0, end[rows, self.last - 1], -np.inf)
        self.losses = -np.logaddexp(end[rows, self.last], label)

    def _forward(self) -> Array:
        """[t, n, s]: the log probability of all beginnings of t frames that end in state s.

        Without frames, only a virtual state before the first holds anything.
        """
        frames, shape = len(self.scores), self.states.shape
        alpha = np.full((frames + 1, *shape), -np.inf)
        alpha[0, :, 0] = 0  # nothing read yet; the first frame starts in state 0 or 1
        for i in range(frames):
            before = alpha[i]
            if i == 0:
                step = np.full(shape, -np.inf)
                step[:, :2] = 0
            else:
                step = before.copy()
                step[:, 1:] = np.logaddexp(step[:, 1:], before[:, :-1])
                two = np.where(self.skips[:, 2:], before[:, :-2], -np.inf)
                step[:, 2:] = np.logaddexp(step[:, 2:], two)
            alpha[i + 1] = step + self.scores[i]
        return alpha

    def gradient(self) -> Array:
        """Of the losses for the log probabilities: minus how likely each state is in a frame."""
        n, count = self.states.shape
        d, rows, places = np.zeros(self.logs.shape), np.arange(n), np.arange(count)
        ends = (places == self.last[:, None]) | (places == self.last[:, None] - 1)
        beta = np.full((n, count), -np.inf)  # of all continuations after frame i, from state s
        for i in range(len(self.logs) - 1, -1, -1):
            if i + 1 < len(self.logs):
                after = beta + self.scores[i + 1]
                beta = after.copy()
                beta[:, :-1] = np.logaddexp(beta[:, :-1], after[:, 1:])
                two = np.where(self.skips[:, 2:], after[:, 2:], -np.inf)
                beta[:, :-2] = np.logaddexp(beta[:, :-2], two)
            final = (self.frames == i + 1)[:, None]
            beta = np.where(final, np.where(ends, 0.0, -np.inf), beta)
            with np.errstate(invalid="ignore"):
                likely = np.exp(self.alpha[i + 1] + beta + self.losses[:, None])
            np.subtract.at(d[i], (rows[:, None], self.states), likely)
        return d
