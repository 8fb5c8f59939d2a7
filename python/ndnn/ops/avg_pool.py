# SPDX-License-Identifier: MIT
"""Pooling by means: over sliding windows, over an even cut of the input, and of powers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ndnn._checks import IntOrTuple, OutputSize, floats, kept, number
from ndnn._load import _core
from ndnn.tensor import Array, Operand, Tensor, arrays, record

_AVG = """The mean of each window over {rank} spatial {axes}.

    Shapes: input (N, C, {size}) or (C, {size}) -> (N, C, {out}) or (C, {out}), with
        out = floor((size + 2*padding - kernel) / stride) + 1 on each axis.
    Arguments:
        stride: None is kernel_size.
        padding: zeros on both sides, at most half the kernel.
        ceil_mode: ceil instead of floor, but no window begins in the padding on the far side.
        count_include_pad: the zeros of the padding count.{divisor}
    Units: pixels (array elements).
    Raises: ValueError for sizes and values that do not fit, TypeError for wrong kinds.
    Accuracy: sums in the input's dtype (float16 in float32) over one axis after the other: within
        (sum of the kernel's sizes + 3) * eps/2 of the mean of |input|. Large windows of which
        each row is added anew cost as many additions as kernel_size has rows and columns.
    Source: torch.nn.functional.avg_pool{rank}d, 2.x.
    Example:
        >>> avg_pool{rank}d(np.arange({count}.0).reshape({shape}), 2).ravel().tolist()
        {means}
    """
_DIVISOR = """
        divisor_override: divide the sums by this instead."""
_ADAPTIVE = """The means of an even cut of the input into output_size windows.

    Shapes: input (N, C, {size}) or (C, {size}) -> (N, C, {out}) or (C, {out}). Window i of an axis
        goes from floor(i * size / out) up to ceil((i + 1) * size / out).
    Arguments:
        output_size: a number or one per axis; None keeps the size of an axis.
    Raises: ValueError for sizes that do not fit, TypeError for wrong kinds.
    Accuracy: as avg_pool{rank}d.
    Source: torch.nn.functional.adaptive_avg_pool{rank}d, 2.x.
    Example:
        >>> adaptive_avg_pool{rank}d(np.arange({count}.0).reshape({shape}), 1).ravel().tolist()
        [{mean}]
    """
_LP = """The p-norm of each window: (sum of input**p) ** (1/p), p = norm_type.

    Where that sum is 0, so is the gradient. An infinite p gives the largest of |input|.

    Shapes: as avg_pool{rank}d, without padding.
    Arguments:
        norm_type: any number but 0; negative sums have no root and give nan.
        The others: as avg_pool{rank}d; a window that ceil_mode cuts off is scaled up to a whole.
    Raises: as avg_pool{rank}d; ValueError where norm_type is 0.
    Accuracy: powers are NumPy's; sums as avg_pool{rank}d.
    Source: torch.nn.functional.lp_pool{rank}d, 2.x.
    Example:
        >>> lp_pool{rank}d(np.full({shape}, 3.0), 1, 2).ravel().tolist()
        {norms}
    """


def avg_pool1d(
    input: Operand,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    return _avg(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Operand,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    rest = ceil_mode, count_include_pad, divisor_override
    return _avg(2, input, kernel_size, stride, padding, *rest)


def avg_pool3d(
    input: Operand,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    rest = ceil_mode, count_include_pad, divisor_override
    return _avg(3, input, kernel_size, stride, padding, *rest)


def _avg(rank: int, input: Operand, *args: Any) -> Any:
    name = f"avg_pool{rank}d"
    if not isinstance(input, Tensor):
        return _core.avg_pool(name, rank, input, *args)
    (x,) = arrays(input)
    args = kept(*args)

    def vjp(g: Array) -> Array:
        return _core.avg_pool_gradient(name, rank, g, x.shape, *args)

    return record(name, _core.avg_pool(name, rank, x, *args), (input, vjp), saved=())


def adaptive_avg_pool1d(input: Operand, output_size: OutputSize) -> Any:
    return _adaptive(1, input, output_size)


def adaptive_avg_pool2d(input: Operand, output_size: OutputSize) -> Any:
    return _adaptive(2, input, output_size)


def adaptive_avg_pool3d(input: Operand, output_size: OutputSize) -> Any:
    return _adaptive(3, input, output_size)


def _adaptive(rank: int, input: Operand, size: Any) -> Any:
    if not isinstance(input, Tensor):
        return _core.adaptive_avg_pool(rank, input, size)
    (x,) = arrays(input)
    y = _core.adaptive_avg_pool(rank, x, size)

    def vjp(g: Array) -> Array:
        return _core.adaptive_avg_pool_gradient(rank, g, x.shape, y.shape[-rank:])

    return record(f"adaptive_avg_pool{rank}d", y, (input, vjp), saved=())


def lp_pool1d(
    input: Operand,
    norm_type: float,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    ceil_mode: bool = False,
) -> Any:
    return _lp(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Operand,
    norm_type: float,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    ceil_mode: bool = False,
) -> Any:
    return _lp(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Operand,
    norm_type: float,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    ceil_mode: bool = False,
) -> Any:
    return _lp(3, input, norm_type, kernel_size, stride, ceil_mode)


def _lp(
    rank: int,
    input: Operand,
    p: float,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None,
    ceil_mode: bool,
) -> Any:
    name = f"lp_pool{rank}d"
    number(name, norm_type=p)
    if p == 0 or math.isnan(p):
        raise ValueError(f"{name}: norm_type must not be 0 or nan, but got norm_type={p}")
    if math.isinf(p):
        return _largest(rank, input, p, kernel_size, stride, ceil_mode)
    (x,) = floats(name, input=input)
    dtype = x.dtype
    if dtype == np.float16:
        x = x.astype(np.float32)
    where = kept(kernel_size, stride, 0, ceil_mode, True, None)
    with np.errstate(all="ignore"):  # 0 to a negative power, roots of negative sums
        mean = _core.avg_pool(name, rank, x**p, *where)
        taps = math.prod(np.broadcast_to(kernel_size, rank).tolist())
        total = mean * taps
        y = (total ** (1 / p)).astype(dtype)

    def vjp(g: Array) -> Array:
        with np.errstate(all="ignore"):
            root = np.where(total == 0, 0, g * taps / p * total ** (1 / p - 1)).astype(x.dtype)
            return _core.avg_pool_gradient(name, rank, root, x.shape, *where) * (p * x ** (p - 1))

    return record(name, y, (input, vjp))


def _largest(
    rank: int,
    input: Operand,
    p: float,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None,
    ceil_mode: bool,
) -> Any:
    """The largest of |input|, or for p = -inf the smallest."""
    from ndnn.ops import max_pool

    pool = getattr(max_pool, f"max_pool{rank}d")
    sign = 1.0 if p > 0 else -1.0
    x = input if isinstance(input, Tensor) else floats(f"lp_pool{rank}d", input=input)[0]
    return sign * pool(sign * abs(x), kernel_size, stride, 0, 1, ceil_mode)


def _document() -> None:
    means = {1: [0.5], 2: [1.5], 3: [3.5]}
    for rank in (1, 2, 3):
        text = {
            "rank": rank,
            "axes": "axis" if rank == 1 else "axes",
            "size": ", ".join("DHW"[3 - rank :]),
            "out": ", ".join(["OD", "OH", "OW"][3 - rank :]),
            "divisor": _DIVISOR if rank > 1 else "",
            "count": 2**rank,
            "shape": (1, 1, *(2,) * rank),
            "means": means[rank],
            "mean": means[rank][0],
            "norms": [3.0 * 2**rank],
        }
        for name, doc in ((f"avg_pool{rank}d", _AVG), (f"adaptive_avg_pool{rank}d", _ADAPTIVE)):
            globals()[name].__doc__ = doc.format(**text)
        globals()[f"lp_pool{rank}d"].__doc__ = _LP.format(**text)


_document()
