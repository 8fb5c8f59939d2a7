# SPDX-License-Identifier: MIT
"""The calculators: output sizes and 'same' padding, the formulas of f, p, s and d."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

IntOrTuple = int | Sequence[int]


def output_size(
    input_size: IntOrTuple,
    kernel_size: IntOrTuple,
    stride: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    dilation: IntOrTuple = 1,
    *,
    output_padding: IntOrTuple = 0,
    transposed: bool = False,
    ceil_mode: bool = False,
) -> Any:
    """The size of what a convolution or pool gives: floor((n + 2p - d(f - 1) - 1) / s) + 1.

    Arguments:
        transposed: of a transposed convolution: (n - 1)s - 2p + d(f - 1) + output_padding + 1.
        ceil_mode: of a pool: ceil, but no window begins in the padding on the far side.
    Returns: an int, or a tuple where an argument is one.
    Raises: ValueError for sizes below their least and windows larger than the padded input;
        TypeError for what is no integer.
    Source: Dumoulin and Visin, A guide to convolution arithmetic for deep learning, 2016.
    Example:
        >>> output_size((224, 224), 7, stride=2, padding=3)
        (112, 112)
        >>> output_size(112, 4, stride=2, padding=1, transposed=True)
        224
    """

    def one(n: int, f: int, s: int, p: int, d: int, extra: int) -> int:
        if transposed:
            out = (n - 1) * s - 2 * p + d * (f - 1) + extra + 1
        else:
            room = n + 2 * p - d * (f - 1) - 1
            out = (-(-room // s) if ceil_mode else room // s) + 1
            if ceil_mode and (out - 1) * s >= n + p:
                out -= 1
        if out < 1:
            raise ValueError(
                "output_size: must be at least 1, but got "
                f"{out} of input_size={n}, kernel_size={f}, stride={s}, padding={p}, dilation={d}"
            )
        return out

    return _each(
        "output_size",
        one,
        input_size=(input_size, 1),
        kernel_size=(kernel_size, 1),
        stride=(stride, 1),
        padding=(padding, 0),
        dilation=(dilation, 1),
        output_padding=(output_padding, 0),
    )


def same_padding(
    kernel_size: IntOrTuple,
    stride: IntOrTuple = 1,
    dilation: IntOrTuple = 1,
    input_size: IntOrTuple | None = None,
) -> Any:
    """The padding (before, after) that gives ceil(n / s) outputs: as many as inputs with stride 1.

    The total is max((ceil(n / s) - 1)s + d(f - 1) + 1 - n, 0); with stride 1, d(f - 1). An odd one
    is larger behind, as in padding="same" of the convolutions.

    Arguments:
        input_size: needed where the stride is not 1.
    Returns: (before, after), or one for each axis where an argument is a tuple.
    Raises: ValueError for sizes below 1, and a stride without input_size; TypeError for what is
        no integer.
    Source: torch.nn.functional.conv2d for stride 1; TensorFlow's "SAME" for others.
    Example:
        >>> same_padding(3), same_padding(4), same_padding((3, 5), dilation=2)
        ((1, 1), (1, 2), ((2, 2), (4, 4)))
        >>> same_padding(7, stride=2, input_size=224)
        (2, 3)
    """

    def one(f: int, s: int, d: int, n: int) -> tuple[int, int]:
        if s != 1 and input_size is None:
            raise ValueError(f"same_padding: input_size must be given, but got None, stride={s}")
        total = max((-(-n // s) - 1) * s + d * (f - 1) + 1 - n, 0)
        return total // 2, total - total // 2

    return _each(
        "same_padding",
        one,
        kernel_size=(kernel_size, 1),
        stride=(stride, 1),
        dilation=(dilation, 1),
        input_size=(1 if input_size is None else input_size, 1),
    )


def per_axis(function: str, name: str, value: Any, rank: int, least: int) -> tuple[int, ...]:
    """One integer for each axis."""
    values = tuple(value) if isinstance(value, (Sequence, np.ndarray)) else (value,)
    if isinstance(value, str) or any(
        isinstance(v, bool) or not isinstance(v, (int, np.integer)) for v in values
    ):
        raise TypeError(f"{function}: {name} must hold integers, but got {value!r}")
    if len(values) == 1:
        values *= rank
    if len(values) != rank or any(v < least for v in values):
        raise ValueError(
            f"{function}: {name} must be one integer or {rank}, at least {least}, but got {value!r}"
        )
    return tuple(int(v) for v in values)


def _each(function: str, one: Callable[..., Any], **values: tuple[Any, int]) -> Any:
    """`one` of plain integers; or of each axis, where a value has several."""
    ranks = {len(v) for v, _ in values.values() if isinstance(v, (Sequence, np.ndarray))}
    several = ranks - {1}
    if len(several) > 1:
        raise ValueError(f"{function}: must have as many axes everywhere, but got {sorted(ranks)}")
    rank = max(ranks, default=1)
    axes = [per_axis(function, name, v, rank, least) for name, (v, least) in values.items()]
    found = tuple(one(*numbers) for numbers in zip(*axes, strict=True))
    return found if ranks else found[0]
