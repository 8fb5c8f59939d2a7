# SPDX-License-Identifier: MIT
"""Normalisation over the batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from ndnn._checks import floats, number
from ndnn.tensor import Array, Operand, Tensor, record, shared


def batch_norm(
    input: Operand,
    running_mean: Operand,
    running_var: Operand,
    weight: Operand = None,
    bias: Operand = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """(input - mean) / sqrt(var + eps) * weight + bias, per channel.

    Shapes: input (N, C) or (N, C, d1, ...), all others (C,).
    Arguments:
        running_mean, running_var: used when not training. When training, mean and variance are
            the batch's, and these arrays, unless None, are moved towards them in place (the
            variance divided by n - 1) by `momentum`.
    Raises: ValueError for shapes that do not fit, for one value per channel in training, and
        for no running statistics without training.
    Accuracy: mean and variance of sums over float64 partial sums, the variance in a second pass.
    Source: torch.nn.functional.batch_norm, 2.x.
    Example:
        >>> x = np.array([[1.0], [3.0]])
        >>> batch_norm(x, None, None, training=True, eps=0.0).tolist()
        [[-1.0], [1.0]]
    """
    x, w, b = floats("batch_norm", ("weight", "bias"), input=input, weight=weight, bias=bias)
    number("batch_norm", momentum=momentum, eps=eps)
    kept = {"running_mean": running_mean, "running_var": running_var}
    running = floats("batch_norm", tuple(kept), **kept)
    mean, var = running
    _check(x, mean, var, w, b, training)
    if training:
        _check_in_place(kept)
    planes = x.reshape(*x.shape[:2], -1)
    if training:
        count = planes.shape[0] * planes.shape[2]
        mean = _sums(planes) / count
        centred = planes - _column(mean, x)
        var = _sums_of_products(centred, centred) / count
        _move(running_mean, mean, momentum)
        _move(running_var, var * (count / (count - 1)), momentum)
    else:
        mean, var = (np.asarray(r, np.float64) for r in running)
        centred = planes - _column(mean, x)
    inverse = 1 / np.sqrt(var + eps)
    scale = _column(inverse if w is None else inverse * w, x)
    y = centred * scale
    if b is not None:
        y += _column(b, x)

    @shared
    def sums(g: Array) -> tuple[Array, Array, Array]:
        g = g.reshape(planes.shape)
        return g, _sums(g), _sums_of_products(g, centred)

    def of_input(g: Array) -> Array:
        g, total, products = sums(g)
        d = g * scale
        if training:  # mean and variance depend on the input too
            d -= centred * (scale * _column(products * inverse**2 / count, x))
            d -= scale * _column(total / count, x)
        return d if d.shape == x.shape else d.reshape(x.shape)

    def of_weight(g: Array) -> Array:
        return np.asarray(sums(g)[2] * inverse)

    def of_bias(g: Array) -> Array:
        return np.asarray(sums(g)[1])

    links = (input, of_input), (weight, of_weight), (bias, of_bias)
    return record("batch_norm", y.reshape(x.shape), *links, saved=(weight,))


def _column(values: Array, x: Array) -> Array:
    """One value per channel, beside (N, C, L)."""
    return values.astype(x.dtype)[:, None]


def _sums(planes: Array) -> Array:
    """(N, C, L) -> (C,): pairwise along L, then float64."""
    return np.asarray(planes.sum(2).sum(0, dtype=np.float64))


def _sums_of_products(a: Array, b: Array) -> Array:
    # One pass, no array of products.
    return np.asarray(np.einsum("ncl,ncl->nc", a, b).sum(0, dtype=np.float64))


def _move(running: Operand, value: Array, momentum: float) -> None:
    if running is None:
        return
    array = running._array if isinstance(running, Tensor) else running
    array += (momentum * (value - array)).astype(array.dtype)
    if isinstance(running, Tensor):
        running._changed()


def _check_in_place(running: dict[str, Operand]) -> None:
    for name, values in running.items():
        if not (values is None or isinstance(values, (np.ndarray, Tensor))):
            raise TypeError(
                f"batch_norm: {name} must be an array, which training changes, "
                f"but got {type(values).__name__}"
            )


def _check(x: Array, mean: Operand, var: Operand, w: Any, b: Any, training: bool) -> None:
    if x.ndim < 2:
        raise ValueError(f"batch_norm: input must be (N, C, ...), but got shape={x.shape}")
    if not training and (mean is None or var is None):
        raise ValueError("batch_norm: needs running_mean and running_var without training")
    named = {"running_mean": mean, "running_var": var, "weight": w, "bias": b}
    for name, values in named.items():
        if values is not None and tuple(values.shape) != (x.shape[1],):
            raise ValueError(
                f"batch_norm: {name} must have the shape {(x.shape[1],)}, but got {values.shape}"
            )
    if training and x.size < 2 * max(x.shape[1], 1):
        raise ValueError(
            f"batch_norm: training needs more than one value per channel, but got input {x.shape}"
        )
