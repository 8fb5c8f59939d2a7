# SPDX-License-Identifier: MIT
"""Transposed convolution, written to be read: every input element adds its kernel to the output.

output[n, o, i*stride + k*dilation - padding] += weight[c, o, k] * input[n, c, i]

for all input channels c of o's group, all positions i and all taps k; what falls outside of the
output is dropped. That is also the gradient of a convolution with respect to its input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ndnn.reference.conv import IntOrTuple, padding_of, per_axis

Array = NDArray[Any]


def spread(
    x: Array,
    w: Array,
    out: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Array:
    """x (N, C, size...) and w (C, OC/groups, kernel...) in float64 -> (N, OC, out...)."""
    kernel, size = w.shape[2:], x.shape[2:]
    # All that any element reaches; the output is a part of it, and may go on beyond with zeros.
    reach = [
        max((i - 1) * s + d * (k - 1) + 1, p + o)
        for i, s, d, k, p, o in zip(size, stride, dilation, kernel, padding, out, strict=True)
    ]
    y = np.zeros((x.shape[0], w.shape[1] * groups, *reach))
    for tap in product(*map(range, kernel)):
        one_tap = np.moveaxis(w, (0, 1), (-2, -1))[tap]
        every = tuple(
            slice(k * d, k * d + (i - 1) * s + 1, s)
            for k, d, i, s in zip(tap, dilation, size, stride, strict=True)
        )
        parts = [
            np.einsum("nc...,co->no...", x_group, w_group)
            for x_group, w_group in zip(
                np.split(x, groups, axis=1),
                np.split(one_tap, groups, axis=0),
                strict=True,
            )
        ]
        y[:, :, *every] += np.concatenate(parts, axis=1)
    inside = tuple(slice(p, p + o) for p, o in zip(padding, out, strict=True))
    return y[:, :, *inside]


def _conv_transpose(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    output_padding: IntOrTuple = 0,
    groups: int = 1,
    dilation: IntOrTuple = 1,
) -> Array:
    x, w = np.asarray(input, np.float64), np.asarray(weight, np.float64)
    rank = w.ndim - 2
    if x.ndim == rank + 1:
        one: Array = _conv_transpose(
            x[None], w, bias, stride, padding, output_padding, groups, dilation
        )[0]
        return one
    stride, padding, output_padding, dilation = (
        per_axis(v, rank) for v in (stride, padding, output_padding, dilation)
    )
    out = [
        (i - 1) * s - 2 * p + d * (k - 1) + o + 1
        for i, s, p, d, k, o in zip(
            x.shape[2:], stride, padding, dilation, w.shape[2:], output_padding, strict=True
        )
    ]
    y = spread(x, w, out, stride, padding, dilation, groups)
    return y if bias is None else y + np.reshape(bias, (-1, *(1,) * rank))


def _conv_input(
    input_size: Sequence[int],
    weight: ArrayLike,
    grad_output: ArrayLike,
    stride: IntOrTuple = 1,
    padding: IntOrTuple | str = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
) -> Array:
    g, w = np.asarray(grad_output, np.float64), np.asarray(weight, np.float64)
    rank = w.ndim - 2
    if g.ndim == rank + 1:
        one: Array = _conv_input((1, *input_size), w, g[None], stride, padding, dilation, groups)[0]
        return one
    stride, dilation = per_axis(stride, rank), per_axis(dilation, rank)
    before = [p for p, _ in padding_of(padding, w.shape[2:], dilation)]
    return spread(g, w, input_size[2:], stride, before, dilation, groups)


def _named(name: str, rank: int, function: Callable[..., Array]) -> Callable[..., Array]:
    def named(*args: Any, **kwargs: Any) -> Array:
        return function(*args, **kwargs)

    named.__name__ = named.__qualname__ = name.format(rank)
    named.__doc__ = f"{named.__name__} in float64; see this module's first lines."
    return named


conv_transpose1d, conv_transpose2d, conv_transpose3d = (
    _named("conv_transpose{}d", rank, _conv_transpose) for rank in (1, 2, 3)
)
conv1d_input, conv2d_input, conv3d_input = (
    _named("conv{}d_input", rank, _conv_input) for rank in (1, 2, 3)
)
