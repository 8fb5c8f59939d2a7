# SPDX-License-Identifier: MIT
"""Transposed convolution of one, two and three spatial axes."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from ndnn._checks import kept
from ndnn._load import _core
from ndnn.ops.conv import IntOrTuple, Weight
from ndnn.tensor import Operand, Tensor, arrays, record

_conv_transpose = _core.conv_transpose

_DOC = """Transposed convolution over {rank} spatial axes: what conv{rank}d does to gradients.

    Every element of the input adds the kernel, times itself, to the output around
    index*stride - padding.

    Shapes:
        input (N, C, {size}) or (C, {size}), weight (C, OC/groups, {kernel}), bias (OC,)
        -> (N, OC, {out}) or (OC, {out}), with
        out = (size - 1)*stride - 2*padding + dilation*(kernel - 1) + output_padding + 1
        on each axis.
    Arguments:
        weight: an array, or an ndnn.PackedWeight for repeated use.
        stride, dilation: an int or one per axis, at least 1.
        padding: outputs left out on both sides, an int or one per axis.
        output_padding: outputs added at the far side, fewer than stride or dilation. conv{rank}d
            maps several sizes to one; this says which of them comes back.
        groups: input and output channels are cut into this many groups that do not see each other.
    Units: pixels (array elements).
    Raises: ValueError for sizes and values that do not fit, TypeError for wrong kinds and dtypes.
    Accuracy: as conv{rank}d, of which each output is one: with the taps that meet it, the algorithm
        that `ndnn.config.explain` names for them, and K = C/groups * those taps + 2. Equal bit for
        bit for every number of threads.
    Source: torch.nn.functional.conv_transpose{rank}d, 2.x.
    Example:
        >>> import numpy as np
        >>> x, w = np.ones({shape}, np.float32), np.ones({ones}, np.float32)
        >>> conv_transpose{rank}d(x, w, stride=2).shape
        {doubled}
    """


def conv_transpose1d(
    input: ArrayLike | Tensor,
    weight: Weight | Tensor,
    bias: ArrayLike | Tensor | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    output_padding: IntOrTuple = 0,
    groups: int = 1,
    dilation: IntOrTuple = 1,
) -> Any:
    sizes = stride, padding, output_padding, groups, dilation
    if isinstance(input, Tensor) or isinstance(weight, Tensor) or isinstance(bias, Tensor):
        return _record(1, input, weight, bias, *sizes)
    return _conv_transpose(1, input, weight, bias, *sizes)


def conv_transpose2d(
    input: ArrayLike | Tensor,
    weight: Weight | Tensor,
    bias: ArrayLike | Tensor | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    output_padding: IntOrTuple = 0,
    groups: int = 1,
    dilation: IntOrTuple = 1,
) -> Any:
    sizes = stride, padding, output_padding, groups, dilation
    if isinstance(input, Tensor) or isinstance(weight, Tensor) or isinstance(bias, Tensor):
        return _record(2, input, weight, bias, *sizes)
    return _conv_transpose(2, input, weight, bias, *sizes)


def conv_transpose3d(
    input: ArrayLike | Tensor,
    weight: Weight | Tensor,
    bias: ArrayLike | Tensor | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    output_padding: IntOrTuple = 0,
    groups: int = 1,
    dilation: IntOrTuple = 1,
) -> Any:
    sizes = stride, padding, output_padding, groups, dilation
    if isinstance(input, Tensor) or isinstance(weight, Tensor) or isinstance(bias, Tensor):
        return _record(3, input, weight, bias, *sizes)
    return _conv_transpose(3, input, weight, bias, *sizes)


def _record(
    rank: int,
    input: Operand,
    weight: Operand,
    bias: Operand,
    stride: IntOrTuple,
    padding: IntOrTuple,
    output_padding: IntOrTuple,
    groups: int,
    dilation: IntOrTuple,
) -> Any:
    """Transposed convolution with a Tensor among its operands, and its gradients.

    Towards the weight, input and gradient of a convolution exchange their roles.
    """
    x, w, b = arrays(input, weight, bias)
    sizes = stride, padding, output_padding, groups, dilation = kept(
        stride, padding, output_padding, groups, dilation
    )
    y = _conv_transpose(rank, x, w, b, *sizes)

    def of_input(g: Any) -> Any:
        return _core.conv_transpose_input_gradient(rank, x.shape, w, g, *sizes)

    def of_weight(g: Any) -> Any:
        where = stride, padding, dilation, groups
        return _core.conv_weight_gradient(rank, False, g, w.shape, x, *where, transposed=True)

    return record(
        f"conv_transpose{rank}d",
        y,
        (input, of_input),
        (weight, of_weight),
        (bias, lambda g: _core.conv_bias_gradient(rank, g)),
        saved=(input, weight),
    )


for _rank, _function in enumerate((conv_transpose1d, conv_transpose2d, conv_transpose3d), 1):
    _axes = "DHW"[3 - _rank :]
    _function.__doc__ = _DOC.format(
        rank=_rank,
        size=", ".join(_axes),
        kernel=", ".join("K" + a for a in _axes),
        out=", ".join("O" + a for a in _axes),
        shape=(1, 1, *(4,) * _rank),
        ones=(1, 1, *(2,) * _rank),
        doubled=(1, 1, *(8,) * _rank),
    )
