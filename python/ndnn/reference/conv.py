# SPDX-License-Identifier: MIT
"""Convolution, written to be read: pad, look at every window, multiply and sum.

output[n, o, i] = bias[o] + sum over c and k of
    weight[o, c, k] * padded[n, c, i*stride + k*dilation]

where i and k run over all spatial axes, and c over the input channels of o's group.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]
IntOrTuple = int | Sequence[int]


def per_axis(value: IntOrTuple, rank: int) -> tuple[int, ...]:
    """3 -> (3, 3) for two axes; a tuple stays, one of length 1 is repeated."""
    values = (value,) if isinstance(value, int | np.integer) else tuple(value)
    return values * rank if len(values) == 1 else values


def padding_of(
    padding: IntOrTuple | str, kernel: Sequence[int], dilation: Sequence[int]
) -> list[tuple[int, int]]:
    """Zeros before and after each axis."""
    if padding == "valid":
        return [(0, 0)] * len(kernel)
    if padding == "same":
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return [(total // 2, total - total // 2) for total in totals]
    assert not isinstance(padding, str)
    return [(p, p) for p in per_axis(padding, len(kernel))]


def windows(
    padded: Array, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> Array:
    """A view (N, C, out..., kernel...) of every window of (N, C, size...); nothing is copied."""
    rank = len(kernel)
    extent = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    every = sliding_window_view(padded, extent, axis=tuple(range(2, 2 + rank)))
    steps = tuple(slice(None, None, s) for s in stride)
    taps = tuple(slice(None, None, d) for d in dilation)
    return every[(slice(None), slice(None), *steps, *taps)]


def _conv(
    input: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple | str = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
) -> Array:
    x, w = np.asarray(input, np.float64), np.asarray(weight, np.float64)
    rank = w.ndim - 2
    if x.ndim == rank + 1:
        one: Array = _conv(x[None], w, bias, stride, padding, dilation, groups)[0]
        return one
    kernel, stride, dilation = w.shape[2:], per_axis(stride, rank), per_axis(dilation, rank)
    padded = np.pad(x, [(0, 0), (0, 0), *padding_of(padding, kernel, dilation)])

    outputs = []
    for x_group, w_group in zip(
        np.split(padded, groups, axis=1), np.split(w, groups, axis=0), strict=True
    ):
        seen = windows(x_group, kernel, stride, dilation)
        # Sum over the channel (axis 1 of both) and the kernel (the last axes).
        axes = [1, *range(2 + rank, 2 + 2 * rank)], [1, *range(2, 2 + rank)]
        outputs.append(np.moveaxis(np.tensordot(seen, w_group, axes), -1, 1))
    y: Array = np.concatenate(outputs, axis=1)
    if bias is not None:
        y += np.reshape(bias, (-1, *(1,) * rank))
    return y


def _named(rank: int, flipped: bool) -> Callable[..., Array]:
    """The definition under the name of one rank; flipped rotates the kernel by 180 degrees."""

    def conv(input: ArrayLike, weight: ArrayLike, *args: Any, **kwargs: Any) -> Array:
        w = np.asarray(weight)
        if w.ndim != rank + 2:
            raise ValueError(f"weight must have {rank + 2} axes, but got weight.shape={w.shape}")
        if flipped:
            w = np.flip(w, axis=tuple(range(2, 2 + rank)))
        return _conv(input, w, *args, **kwargs)

    conv.__name__ = conv.__qualname__ = f"{'true_' if flipped else ''}conv{rank}d"
    conv.__doc__ = f"ndnn.functional.{conv.__name__} in float64; see this module's first lines."
    return conv


conv1d, conv2d, conv3d = (_named(rank, False) for rank in (1, 2, 3))
true_conv1d, true_conv2d, true_conv3d = (_named(rank, True) for rank in (1, 2, 3))
