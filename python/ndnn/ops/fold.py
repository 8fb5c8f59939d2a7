# SPDX-License-Identifier: MIT
"""Padding, sliding blocks and shuffles: operators that move values and, backwards, sum them."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from ndnn._checks import IntOrTuple, floats, kept
from ndnn._load import _core
from ndnn.tensor import Array, Operand, arrays, record


def pad(
    input: Operand, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Any:
    """Pad, or with negative numbers crop, the last axes.

    Shapes: input of any shape -> each padded axis is longer by its two numbers. Modes other than
        "constant" pad the last one, two or three axes of (N, C, ...) or (C, ...).
    Arguments:
        pad: the numbers before and after, of the last axis first:
            (left, right, top, bottom, front, back).
        mode: "constant" puts `value` there; "reflect" mirrors at the first and last element
            without repeating it; "replicate" repeats them; "circular" goes round.
        value: of mode "constant"; None is 0.
    Raises: ValueError for sizes that do not fit (a reflection as long as the axis, a circle that
        goes round twice, less than nothing left), TypeError for wrong kinds.
    Accuracy: exact; gradients are sums in the array's dtype, always in one order.
    Source: torch.nn.functional.pad, 2.x. Circular padding of a cropped axis goes round what is
        left.
    Example:
        >>> pad(np.array([[1.0, 2.0, 3.0]]), (2, 1), "reflect").tolist()
        [[3.0, 2.0, 1.0, 2.0, 3.0, 2.0]]
    """
    (x,) = arrays(input, name="pad")
    (widths,) = kept(pad)
    y = _core.pad(x, widths, mode, value)

    def vjp(g: Array) -> Array:
        if mode == "constant":
            return _core.pad(g, [-index(n) for n in widths], mode, None)
        return _core.pad_gradient(g, x.shape, widths, mode)

    return record("pad", y, (input, vjp), saved=())


def unfold(
    input: Operand,
    kernel_size: IntOrTuple,
    dilation: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    stride: IntOrTuple = 1,
) -> Any:
    """The blocks that a sliding window sees, as columns.

    Shapes: input (N, C, H, W) or (C, H, W) -> (N, C*KH*KW, L) or (C*KH*KW, L), with
        L = OH * OW, out = floor((size + 2*padding - dilation*(kernel - 1) - 1) / stride) + 1.
    Arguments: each an int or one per axis; padding is zeros.
    Raises: ValueError for sizes that do not fit, TypeError for wrong kinds.
    Accuracy: exact; the gradient is `fold`.
    Source: torch.nn.functional.unfold, 2.x.
    Example:
        >>> unfold(np.arange(6.0).reshape(1, 2, 3), 2).tolist()
        [[0.0, 1.0], [1.0, 2.0], [3.0, 4.0], [4.0, 5.0]]
    """
    (x,) = arrays(input, name="unfold")
    where = kept(kernel_size, dilation, padding, stride)
    y = _core.unfold(x, *where)
    return record("unfold", y, (input, lambda g: _core.fold(g, x.shape[-2:], *where)), saved=())


def fold(
    input: Operand,
    output_size: IntOrTuple,
    kernel_size: IntOrTuple,
    dilation: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    stride: IntOrTuple = 1,
) -> Any:
    """Blocks, as `unfold` gives them, back to where they were, and summed where they overlap.

    Shapes: input (N, C*KH*KW, L) or (C*KH*KW, L) -> (N, C, OH, OW) or (C, OH, OW), with
        (OH, OW) = output_size and L the number of blocks that `unfold` of that size has.
    Raises: ValueError for sizes that do not fit, TypeError for wrong kinds.
    Accuracy: sums in the array's dtype in the order of the taps: at most KH*KW - 1 roundings.
    Source: torch.nn.functional.fold, 2.x.
    Example:
        >>> fold(np.ones((4, 2)), (2, 3), 2).tolist()
        [[[1.0, 2.0, 1.0], [1.0, 2.0, 1.0]]]
    """
    (x,) = arrays(input, name="fold")
    where = kept(kernel_size, dilation, padding, stride)
    y = _core.fold(x, output_size, *where)
    return record("fold", y, (input, lambda g: _core.unfold(g, *where)), saved=())


def pixel_shuffle(input: Operand, upscale_factor: int) -> Any:
    """Channels to pixels: each r*r channels become one of r times the height and width.

    Shapes: input (..., C*r*r, H, W) -> (..., C, H*r, W*r).
    Raises: ValueError for sizes that do not fit, TypeError for wrong kinds.
    Accuracy: exact.
    Source: torch.nn.functional.pixel_shuffle, 2.x.
    Example:
        >>> pixel_shuffle(np.arange(4.0).reshape(4, 1, 1), 2).tolist()
        [[[0.0, 1.0], [2.0, 3.0]]]
    """
    (x,) = arrays(input, name="pixel_shuffle")
    y = _core.pixel_shuffle(x, upscale_factor)
    vjp = lambda g: _core.pixel_unshuffle(g, upscale_factor)  # noqa: E731
    return record("pixel_shuffle", y, (input, vjp), saved=())


def pixel_unshuffle(input: Operand, downscale_factor: int) -> Any:
    """Pixels to channels: the inverse of `pixel_shuffle`.

    Shapes: input (..., C, H*r, W*r) -> (..., C*r*r, H, W).
    Raises: ValueError for sizes that do not fit, TypeError for wrong kinds.
    Accuracy: exact.
    Source: torch.nn.functional.pixel_unshuffle, 2.x.
    Example:
        >>> pixel_unshuffle(np.arange(4.0).reshape(1, 2, 2), 2).ravel().tolist()
        [0.0, 1.0, 2.0, 3.0]
    """
    (x,) = arrays(input, name="pixel_unshuffle")
    y = _core.pixel_unshuffle(x, downscale_factor)
    vjp = lambda g: _core.pixel_shuffle(g, downscale_factor)  # noqa: E731
    return record("pixel_unshuffle", y, (input, vjp), saved=())


def channel_shuffle(input: Operand, groups: int) -> Any:
    """Deal the channels of each group to all groups in turn.

    Shapes: input (N, C, ...) with at least three axes -> the same.
    Raises: ValueError for sizes that do not fit, TypeError for wrong kinds.
    Accuracy: exact.
    Source: torch.nn.functional.channel_shuffle, 2.x. NumPy copies the planes at the memory's speed.
    Example:
        >>> channel_shuffle(np.arange(4.0).reshape(1, 4, 1), 2).ravel().tolist()
        [0.0, 2.0, 1.0, 3.0]
    """
    (x,) = floats("channel_shuffle", input=input)
    if isinstance(groups, bool) or not isinstance(groups, (int, np.integer)):
        raise TypeError(f"channel_shuffle: groups must be an int, but got {groups!r}")
    if x.ndim < 3:
        raise ValueError(
            f"channel_shuffle: input must have at least 3 axes, but got input.shape={x.shape}"
        )
    if groups < 1 or x.shape[1] % groups:
        raise ValueError(
            "channel_shuffle: groups must be at least 1 and divide the channels, "
            f"but got groups={groups} and input.shape={x.shape}"
        )
    per_group = x.shape[1] // int(groups)
    return record(
        "channel_shuffle",
        _dealt(x, int(groups), per_group),
        (input, lambda g: _dealt(g, per_group, int(groups))),
        saved=(),
    )


def _dealt(x: Array, groups: int, per_group: int) -> Array:
    n, _, *rest = x.shape
    y = np.empty(x.shape, x.dtype)  # no view: as a gradient it need not be copied again
    y.reshape(n, per_group, groups, *rest)[...] = x.reshape(n, groups, per_group, *rest).swapaxes(
        1, 2
    )
    return y
