# SPDX-License-Identifier: MIT
"""Maximum pooling: over windows of one size, over an even cut, over windows at random places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ndnn import random
from ndnn._checks import IntOrTuple, OutputSize
from ndnn._load import _core
from ndnn.tensor import Operand, Tensor, arrays, record, records

_max_pool, _adaptive, _fractional = (
    _core.max_pool,
    _core.adaptive_max_pool,
    _core.fractional_max_pool,
)

_DOC = """The largest value of each window, over {rank} spatial axes.

    Shapes:
        input (N, C, {size}) or (C, {size}) -> (N, C, {out}) or (C, {out}), with
        out = floor((size + 2*padding - dilation*(kernel - 1) - 1) / stride) + 1 on each axis.
    Arguments:
        kernel_size, stride, dilation: an int or one per axis; a stride of None is kernel_size.
        padding: at most half of kernel_size; padding is never the largest.
        ceil_mode: ceil instead of floor, but no window begins in the padding on the far side.
        return_indices: also the place of each in its {space}, {place}, int64.
    Units: pixels (array elements).
    Raises: ValueError for sizes and values that do not fit, TypeError for wrong kinds and dtypes.
    Accuracy: exact. nan is larger than all; of equal values the first is meant, of nans the last.
        Without return_indices and without a gradient to come, no indices are computed.
    Source: torch.nn.functional.max_pool{rank}d, 2.x.
    Example:
        >>> import numpy as np
        >>> x = np.arange({count}.0).reshape({shape})
        >>> y, places = max_pool{rank}d(x, 2, return_indices=True)
        >>> y.ravel().tolist(), places.ravel().tolist()
        {result}
    """

_ADAPTIVE_DOC = """The largest values of an even cut of the input into output_size windows.

    Shapes:
        input (N, C, {size}) or (C, {size}) -> (N, C, {out}) or (C, {out}). Window i of an axis goes
        from floor(i * size / out) up to ceil((i + 1) * size / out).
    Arguments:
        output_size: an int or one per axis; None keeps the size of the axis.
        return_indices: also the place of each in its {space}, {place}, int64.
    Units: pixels (array elements).
    Raises: ValueError for sizes that do not fit, TypeError for wrong kinds and dtypes.
    Accuracy: exact; nan and equal values as in max_pool{rank}d.
    Source: torch.nn.functional.adaptive_max_pool{rank}d, 2.x.
    Example:
        >>> import numpy as np
        >>> adaptive_max_pool{rank}d(np.arange({count}.0).reshape({shape}), 1).ravel().tolist()
        [{last}]
    """

_FRACTIONAL_DOC = """The largest values of windows of one size, spread with a random shift.

    Shapes:
        input (N, C, {size}) or (C, {size}) -> (N, C, {out}) or (C, {out}).
    Arguments:
        kernel_size: an int or one per axis.
        output_size: an int or one per axis; output_size + kernel_size{less} is at most the size.
        output_ratio: in place of output_size, a part of the size: a float or one per axis,
            between 0 and 1.
        return_indices: also the place of each in its {space}, {place}, int64.
        _random_samples: (N, C, {rank}) numbers from 0 to 1 that fix the windows; None draws them
            from ndnn.random's generator.
    Units: pixels (array elements).
    Raises: ValueError for sizes and values that do not fit, TypeError for wrong kinds and dtypes.
    Accuracy: exact; nan and equal values as in max_pool{rank}d.
    Source: torch.nn.functional.fractional_max_pool{rank}d, 2.x (other random numbers).
    Example:
        >>> import numpy as np
        >>> x = np.arange({count}.0).reshape({shape})
        >>> fractional_max_pool{rank}d(x, 2, output_size=1).ravel().tolist()
        [{last}]
    """


def _document(doc: str, rank: int) -> str:
    axes, outs = "DHW"[3 - rank :], ["OD", "OH", "OW"][3 - rank :]
    count = 4**rank
    place = {1: "w", 2: "h * W + w", 3: "(d * H + h) * W + w"}[rank]
    places = np.arange(count).reshape((4,) * rank)[(slice(1, None, 2),) * rank].ravel()
    return doc.format(
        rank=rank,
        size=", ".join(axes),
        out=", ".join(outs),
        space={1: "row", 2: "plane", 3: "volume"}[rank],
        place=place,
        count=count,
        shape=(1, 1, *(4,) * rank),
        result=(places.astype(float).tolist(), places.tolist()),
        last=float(count - 1),
        less=" - 1" if rank == 2 else "",
    )


def max_pool1d(
    input: Operand,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    dilation: IntOrTuple = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    where = kernel_size, stride, padding, dilation, ceil_mode, return_indices
    if isinstance(input, Tensor):
        return _record("max_pool1d", _max_pool, 1, input, where)
    return _max_pool(1, input, *where, False)


def max_pool2d(
    input: Operand,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    dilation: IntOrTuple = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    where = kernel_size, stride, padding, dilation, ceil_mode, return_indices
    if isinstance(input, Tensor):
        return _record("max_pool2d", _max_pool, 2, input, where)
    return _max_pool(2, input, *where, False)


def max_pool3d(
    input: Operand,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    dilation: IntOrTuple = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    where = kernel_size, stride, padding, dilation, ceil_mode, return_indices
    if isinstance(input, Tensor):
        return _record("max_pool3d", _max_pool, 3, input, where)
    return _max_pool(3, input, *where, False)


def adaptive_max_pool1d(
    input: Operand, output_size: OutputSize, return_indices: bool = False
) -> Any:
    if isinstance(input, Tensor):
        return _record("adaptive_max_pool1d", _adaptive, 1, input, (output_size, return_indices))
    return _adaptive(1, input, output_size, return_indices, False)


def adaptive_max_pool2d(
    input: Operand, output_size: OutputSize, return_indices: bool = False
) -> Any:
    if isinstance(input, Tensor):
        return _record("adaptive_max_pool2d", _adaptive, 2, input, (output_size, return_indices))
    return _adaptive(2, input, output_size, return_indices, False)


def adaptive_max_pool3d(
    input: Operand, output_size: OutputSize, return_indices: bool = False
) -> Any:
    if isinstance(input, Tensor):
        return _record("adaptive_max_pool3d", _adaptive, 3, input, (output_size, return_indices))
    return _adaptive(3, input, output_size, return_indices, False)


def fractional_max_pool2d(
    input: Operand,
    kernel_size: IntOrTuple,
    output_size: IntOrTuple | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: ArrayLike | None = None,
) -> Any:
    return _fractional_max_pool(
        2, input, kernel_size, output_size, output_ratio, return_indices, _random_samples
    )


def fractional_max_pool3d(
    input: Operand,
    kernel_size: IntOrTuple,
    output_size: IntOrTuple | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: ArrayLike | None = None,
) -> Any:
    return _fractional_max_pool(
        3, input, kernel_size, output_size, output_ratio, return_indices, _random_samples
    )


def _fractional_max_pool(
    rank: int,
    input: Operand,
    kernel_size: IntOrTuple,
    output_size: IntOrTuple | None,
    output_ratio: float | Sequence[float] | None,
    return_indices: bool,
    samples: ArrayLike | None,
) -> Any:
    name = f"fractional_max_pool{rank}d"
    (x,) = arrays(input, name=name)
    if output_size is None:
        output_size = _part_of(name, x.shape[-rank:], output_ratio)
    if samples is None:
        lead = x.shape[:2] if x.ndim == rank + 2 else (1, *x.shape[:1])
        samples = random.generator().random((*lead, rank)).astype(x.dtype)
    where = kernel_size, output_size, samples, return_indices
    if isinstance(input, Tensor):
        return _record(name, _fractional, rank, input, where)
    return _fractional(rank, input, *where, False)


def _part_of(name: str, size: tuple[int, ...], ratio: float | Sequence[float] | None) -> list[int]:
    """The output size that `output_ratio` means."""
    if ratio is None:
        raise ValueError(
            f"{name}: output_size or output_ratio must be given, but got output_size=None, "
            "output_ratio=None"
        )
    ratios = list(ratio) if isinstance(ratio, Sequence) else [ratio] * len(size)
    if len(ratios) != len(size) or not all(0 < r < 1 for r in ratios):
        raise ValueError(
            f"{name}: output_ratio must be between 0 and 1, one for each axis, "
            f"but got output_ratio={ratio!r}"
        )
    return [int(n * r) for n, r in zip(size, ratios, strict=True)]


def _record(
    name: str, pool: Callable[..., Any], rank: int, input: Tensor, where: tuple[Any, ...]
) -> Any:
    """Pooling of a Tensor, and its gradient; the last of `where` is return_indices."""
    (x,) = arrays(input, name=name)
    if not records(input):
        found = pool(rank, x, *where, False)
        y, indices = found if where[-1] else (found, None)
        y = record(name, y, (input, None))
    else:
        y, indices, trace = pool(rank, x, *where, True)
        y = record(name, y, (input, trace.gradient), saved=())
    return (y, indices) if where[-1] else y


for _rank, _functions in (
    (1, (max_pool1d, adaptive_max_pool1d, None)),
    (2, (max_pool2d, adaptive_max_pool2d, fractional_max_pool2d)),
    (3, (max_pool3d, adaptive_max_pool3d, fractional_max_pool3d)),
):
    for _function, _text in zip(_functions, (_DOC, _ADAPTIVE_DOC, _FRACTIONAL_DOC), strict=True):
        if _function is not None:
            _function.__doc__ = _document(_text, _rank)
