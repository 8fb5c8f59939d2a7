# SPDX-License-Identifier: MIT
"""Convolution with what follows it in networks: activation(conv(input, weight) + bias + residual).

One pass: a residual is added and the activation applied while a tile of the result is in the cache.
"""

from __future__ import annotations

from typing import Literal

from numpy.typing import ArrayLike

from ndnn._load import _core
from ndnn.ops.conv import Array, IntOrTuple, Weight

__all__ = ["conv1d", "conv2d", "conv3d"]

Activation = Literal[
    "relu",
    "relu6",
    "leaky_relu",
    "sigmoid",
    "tanh",
    "silu",
    "hardswish",
    "hardsigmoid",
    "elu",
]

_fused_conv = _core.fused_conv

_DOC = """activation(conv{rank}d(input, weight) + bias + residual) in one pass.

    Shapes: as ndnn.functional.conv{rank}d; residual has the shape of the output.
    Arguments:
        activation: None, "relu", "relu6", "leaky_relu", "sigmoid", "tanh", "silu", "hardswish",
            "hardsigmoid" or "elu" (alpha 1).
        residual: an array of the output's shape, or None; it may be the input.
        negative_slope: of leaky_relu.
        The others: as ndnn.functional.conv{rank}d.
    Raises: ValueError for sizes and values that do not fit, TypeError for wrong kinds and dtypes.
    Accuracy: sums as ndnn.functional.conv{rank}d, the residual being one more term. The activation
        of such a sum is within 4 ulp; sigmoid and silu, where e^x is subnormal, within 4 + |x|
        times the smallest number. nan gives nan. Equal bit for bit for every number of threads.
    Source: torch.nn.functional.conv{rank}d and .relu etc., 2.x, one after the other.
    Example:
        >>> import numpy as np
        >>> x = np.arange(-4, 4, dtype=np.float32).reshape({shape})
        >>> w = np.ones({ones}, np.float32)
        >>> conv{rank}d(x, w, activation="relu", residual=x).ravel().tolist()
        [0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 4.0, 6.0]
    """


def conv1d(
    input: ArrayLike,
    weight: Weight,
    bias: ArrayLike | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple | str = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
    *,
    activation: Activation | None = None,
    residual: ArrayLike | None = None,
    negative_slope: float = 0.01,
) -> Array:
    epilogue = activation, residual, negative_slope
    return _fused_conv(1, input, weight, bias, stride, padding, dilation, groups, *epilogue)


def conv2d(
    input: ArrayLike,
    weight: Weight,
    bias: ArrayLike | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple | str = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
    *,
    activation: Activation | None = None,
    residual: ArrayLike | None = None,
    negative_slope: float = 0.01,
) -> Array:
    epilogue = activation, residual, negative_slope
    return _fused_conv(2, input, weight, bias, stride, padding, dilation, groups, *epilogue)


def conv3d(
    input: ArrayLike,
    weight: Weight,
    bias: ArrayLike | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple | str = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
    *,
    activation: Activation | None = None,
    residual: ArrayLike | None = None,
    negative_slope: float = 0.01,
) -> Array:
    epilogue = activation, residual, negative_slope
    return _fused_conv(3, input, weight, bias, stride, padding, dilation, groups, *epilogue)


for _rank, _function in enumerate((conv1d, conv2d, conv3d), 1):
    _function.__doc__ = _DOC.format(
        rank=_rank, shape=(1, 1, *(1,) * (_rank - 1), 8), ones=(1,) * (_rank + 2)
    )
