# SPDX-License-Identifier: MIT
"""Convolution of one, two and three spatial axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike, NDArray

from ndnn._checks import kept
from ndnn._load import _core
from ndnn.tensor import Operand, Tensor, arrays, record

IntOrTuple = int | Sequence[int]
Weight = ArrayLike | _core.PackedWeight
Array = NDArray[Any]

_conv = _core.conv

# One docstring serves the six functions: rank names are one-liners over the same operator.
_DOC = """{summary}

    Shapes:
        input (N, C, {size}) or (C, {size}), weight (OC, C/groups, {kernel}), bias (OC,)
        -> (N, OC, {out}) or (OC, {out}), with
        out = floor((size + 2*padding - dilation*(kernel - 1) - 1) / stride) + 1 on each axis.
    Arguments:
        weight: an array, or an ndnn.PackedWeight for repeated use.
        stride, dilation: an int or one per axis, at least 1.
        padding: zeros added on both sides, an int or one per axis; "valid" is 0, "same" keeps the
            size (stride 1; an odd zero goes to the far side).
        groups: input and output channels are cut into this many groups that do not see each other;
            groups = C is a depthwise convolution.
    Units: pixels (array elements).
    Raises: ValueError for sizes and values that do not fit, TypeError for wrong kinds and dtypes.
    Accuracy: sums in the arrays' dtype (float16 in float32); with K = C/groups * taps + 2,
        |error| <= 1.01 * K * eps/2 * (|bias| + sum of |input * weight|).
        Where `ndnn.config.explain` says winograd4 or winograd6, one or two axes are transformed.
        Then, with X the largest |input| in the output's window and 8 taps (times stride and
        dilation) around it,
        |error| <= A * (128 + K/32) * eps/2 * (|bias| + X * sum of |weight|),
        A = 4 (winograd4) or 14 (winograd6) for each of these axes. On random data it is 1 to 3
        times that of the plain sum. `ndnn.config.set_winograd(False)` or NDNN_WINOGRAD=0 switch
        it off. Results that hold an inf or nan are always plain sums.
        Equal bit for bit for every number of threads. Taps in the padding may be left out, so an
        inf or nan weight need not show where it meets nothing but padding.
    Source: torch.nn.functional.{torch}, 2.x. {note}
    Example:
        >>> import numpy as np
        >>> x = np.arange({count}, dtype=np.float32).reshape({shape})
        >>> {name}(x, np.ones({ones}, np.float32), padding="same").shape
        {shape}
    """


def _document(rank: int, flipped: bool) -> str:
    axes, outs = "DHW"[3 - rank :], ["OD", "OH", "OW"][3 - rank :]
    shape = (1, 1, *(4,) * rank)
    return _DOC.format(
        summary=f"True convolution over {rank} spatial axes: the kernel is rotated by 180 degrees."
        if flipped
        else f"Convolution (as networks call it: cross-correlation) over {rank} spatial axes.",
        size=", ".join(axes),
        kernel=", ".join("K" + a for a in axes),
        out=", ".join(outs),
        torch=f"conv{rank}d",
        note="torch has no true convolution; scipy.signal.convolve is one." if flipped else "",
        count=4**rank,
        shape=shape,
        ones=(1, 1, *(3,) * rank),
        name=("true_" if flipped else "") + f"conv{rank}d",
    )


def conv1d(
    input: ArrayLike | Tensor,
    weight: Weight | Tensor,
    bias: ArrayLike | Tensor | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple | str = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
) -> Any:
    if isinstance(input, Tensor) or isinstance(weight, Tensor) or isinstance(bias, Tensor):
        return _record(1, False, input, weight, bias, stride, padding, dilation, groups)
    return _conv(1, False, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: ArrayLike | Tensor,
    weight: Weight | Tensor,
    bias: ArrayLike | Tensor | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple | str = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
) -> Any:
    if isinstance(input, Tensor) or isinstance(weight, Tensor) or isinstance(bias, Tensor):
        return _record(2, False, input, weight, bias, stride, padding, dilation, groups)
    return _conv(2, False, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: ArrayLike | Tensor,
    weight: Weight | Tensor,
    bias: ArrayLike | Tensor | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple | str = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
) -> Any:
    if isinstance(input, Tensor) or isinstance(weight, Tensor) or isinstance(bias, Tensor):
        return _record(3, False, input, weight, bias, stride, padding, dilation, groups)
    return _conv(3, False, input, weight, bias, stride, padding, dilation, groups)


def true_conv1d(
    input: ArrayLike | Tensor,
    weight: Weight | Tensor,
    bias: ArrayLike | Tensor | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple | str = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
) -> Any:
    if isinstance(input, Tensor) or isinstance(weight, Tensor) or isinstance(bias, Tensor):
        return _record(1, True, input, weight, bias, stride, padding, dilation, groups)
    return _conv(1, True, input, weight, bias, stride, padding, dilation, groups)


def true_conv2d(
    input: ArrayLike | Tensor,
    weight: Weight | Tensor,
    bias: ArrayLike | Tensor | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple | str = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
) -> Any:
    if isinstance(input, Tensor) or isinstance(weight, Tensor) or isinstance(bias, Tensor):
        return _record(2, True, input, weight, bias, stride, padding, dilation, groups)
    return _conv(2, True, input, weight, bias, stride, padding, dilation, groups)


def true_conv3d(
    input: ArrayLike | Tensor,
    weight: Weight | Tensor,
    bias: ArrayLike | Tensor | None = None,
    stride: IntOrTuple = 1,
    padding: IntOrTuple | str = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
) -> Any:
    if isinstance(input, Tensor) or isinstance(weight, Tensor) or isinstance(bias, Tensor):
        return _record(3, True, input, weight, bias, stride, padding, dilation, groups)
    return _conv(3, True, input, weight, bias, stride, padding, dilation, groups)


def _record(
    rank: int,
    flipped: bool,
    input: Operand,
    weight: Operand,
    bias: Operand,
    stride: IntOrTuple,
    padding: IntOrTuple | str,
    dilation: IntOrTuple,
    groups: int,
) -> Any:
    """Convolution with a Tensor among its operands, and its gradients."""
    name = f"{'true_' if flipped else ''}conv{rank}d"
    x, w, b = arrays(input, weight, bias, name=name)
    where = kept(stride, padding, dilation, groups)
    y = _conv(rank, flipped, x, w, b, *where)
    return record(
        name,
        y,
        (input, lambda g: _core.conv_input_gradient(rank, flipped, x.shape, w, g, *where)),
        (weight, lambda g: _core.conv_weight_gradient(rank, flipped, x, w.shape, g, *where)),
        (bias, lambda g: _core.conv_bias_gradient(rank, g)),
        saved=(input, weight),
    )


for _rank, _plain, _true in (
    (1, conv1d, true_conv1d),
    (2, conv2d, true_conv2d),
    (3, conv3d, true_conv3d),
):
    _plain.__doc__ = _document(_rank, False)
    _true.__doc__ = _document(_rank, True)
