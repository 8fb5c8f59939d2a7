# SPDX-License-Identifier: MIT
"""The gradients of a convolution's weight and bias, written to be read.

With g the gradient of the output,

weight_gradient[o, c, k] = sum over n and i of g[n, o, i] * padded[n, c, i*stride + k*dilation]
bias_gradient[o] = sum over n and i of g[n, o, i]

where i and k run over all spatial axes, and c over the input channels of o's group.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ndnn.reference.conv import Array, IntOrTuple, padding_of, per_axis, windows


def conv_weight(
    input: ArrayLike,
    weight_size: Sequence[int],
    grad_output: ArrayLike,
    stride: IntOrTuple = 1,
    padding: IntOrTuple | str = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
    flipped: bool = False,
) -> Array:
    """The gradient of the weight, of any rank; flipped: of a true convolution."""
    x, g = np.asarray(input, np.float64), np.asarray(grad_output, np.float64)
    rank, kernel = len(weight_size) - 2, weight_size[2:]
    if x.ndim == rank + 1:
        x, g = x[None], g[None]
    stride, dilation = per_axis(stride, rank), per_axis(dilation, rank)
    padded = np.pad(x, [(0, 0), (0, 0), *padding_of(padding, kernel, dilation)])
    parts = []
    for x_group, g_group in zip(
        np.split(padded, groups, axis=1), np.split(g, groups, axis=1), strict=True
    ):
        seen = windows(x_group, kernel, stride, dilation)
        # A transposed convolution may have left the last outputs without a value of its input.
        seen = seen[(slice(None), slice(None), *(slice(n) for n in g.shape[2:]))]
        # Sum over the images (axis 0 of both) and the outputs.
        axes = [0, *range(2, 2 + rank)]
        parts.append(np.tensordot(g_group, seen, (axes, axes)))
    dw: Array = np.concatenate(parts, axis=0)
    return np.flip(dw, axis=tuple(range(2, 2 + rank))) if flipped else dw


def conv_bias(rank: int, grad_output: ArrayLike) -> Array:
    """The gradient of the bias: the sum over all axes but the channels."""
    g = np.asarray(grad_output, np.float64)
    channels = g.ndim - rank - 1
    total: Array = g.sum(axis=tuple(a for a in range(g.ndim) if a != channels))
    return total
