# SPDX-License-Identifier: MIT
"""The gradients of convolutions as functions of arrays, with torch.nn.grad's names.

``convNd_input`` is the gradient of a loss for the input of ``convNd``, ``convNd_weight`` that for
its weight, each from the gradient for the output.
"""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike

from ndnn._load import _core
from ndnn.ops.conv import Array, IntOrTuple, Weight

__all__ = [
    "conv1d_input",
    "conv1d_weight",
    "conv2d_input",
    "conv2d_weight",
    "conv3d_input",
    "conv3d_weight",
]

_DOC_INPUT = """The gradient of conv{rank}d for its input.

    Shapes: input_size is (N, C, size...) or (C, size...), weight (OC, C/groups, kernel...),
        grad_output the output's -> input_size.
    Arguments: those of conv{rank}d; padding may be "same" or "valid", weight an ndnn.PackedWeight.
    Raises: ValueError for sizes and values that do not fit, TypeError for wrong kinds and dtypes.
    Accuracy: as conv_transpose{rank}d, which computes it.
    Source: torch.nn.grad.conv{rank}d_input, 2.x.
    Example:
        >>> import numpy as np
        >>> w, g = np.ones({ones}, np.float32), np.ones({out}, np.float32)
        >>> conv{rank}d_input({size}, w, g).ravel()[:3].tolist()
        [1.0, 2.0, 3.0]
    """
_DOC_WEIGHT = """The gradient of conv{rank}d for its weight.

    Shapes: input (N, C, size...) or (C, size...), weight_size is (OC, C/groups, kernel...),
        grad_output the output's -> weight_size.
    Arguments: those of conv{rank}d; padding may be "same" or "valid".
    Raises: ValueError for sizes and values that do not fit, TypeError for wrong kinds and dtypes.
    Source: torch.nn.grad.conv{rank}d_weight, 2.x.
    """


def conv1d_input(
    input_size: Sequence[int],
    weight: Weight,
    grad_output: ArrayLike,
    stride: IntOrTuple = 1,
    padding: IntOrTuple | str = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
) -> Array:
    arrays = input_size, weight, grad_output
    return _core.conv_input_gradient(1, False, *arrays, stride, padding, dilation, groups)


def conv2d_input(
    input_size: Sequence[int],
    weight: Weight,
    grad_output: ArrayLike,
    stride: IntOrTuple = 1,
    padding: IntOrTuple | str = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
) -> Array:
    arrays = input_size, weight, grad_output
    return _core.conv_input_gradient(2, False, *arrays, stride, padding, dilation, groups)


def conv3d_input(
    input_size: Sequence[int],
    weight: Weight,
    grad_output: ArrayLike,
    stride: IntOrTuple = 1,
    padding: IntOrTuple | str = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
) -> Array:
    arrays = input_size, weight, grad_output
    return _core.conv_input_gradient(3, False, *arrays, stride, padding, dilation, groups)


def conv1d_weight(
    input: ArrayLike,
    weight_size: Sequence[int],
    grad_output: ArrayLike,
    stride: IntOrTuple = 1,
    padding: IntOrTuple | str = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
) -> Array:
    arrays = input, weight_size, grad_output
    return _core.conv_weight_gradient(1, False, *arrays, stride, padding, dilation, groups)


def conv2d_weight(
    input: ArrayLike,
    weight_size: Sequence[int],
    grad_output: ArrayLike,
    stride: IntOrTuple = 1,
    padding: IntOrTuple | str = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
) -> Array:
    arrays = input, weight_size, grad_output
    return _core.conv_weight_gradient(2, False, *arrays, stride, padding, dilation, groups)


def conv3d_weight(
    input: ArrayLike,
    weight_size: Sequence[int],
    grad_output: ArrayLike,
    stride: IntOrTuple = 1,
    padding: IntOrTuple | str = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
) -> Array:
    arrays = input, weight_size, grad_output
    return _core.conv_weight_gradient(3, False, *arrays, stride, padding, dilation, groups)


for _rank, _input, _weight in (
    (1, conv1d_input, conv1d_weight),
    (2, conv2d_input, conv2d_weight),
    (3, conv3d_input, conv3d_weight),
):
    _input.__doc__ = _DOC_INPUT.format(
        rank=_rank,
        ones=(1, 1, *(1,) * (_rank - 1), 3),
        out=(1, 1, *(1,) * (_rank - 1), 4),
        size=(1, 1, *(1,) * (_rank - 1), 6),
    )
    _weight.__doc__ = _DOC_WEIGHT.format(rank=_rank)
