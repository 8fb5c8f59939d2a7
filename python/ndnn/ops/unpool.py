# SPDX-License-Identifier: MIT
"""Unpooling: values back to where the maxima of a pooling were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ndnn._checks import IntOrTuple
from ndnn._load import _core
from ndnn.tensor import Operand, Tensor, arrays, record, records

_max_unpool = _core.max_unpool

_DOC = """Put each value where `max_pool{rank}d` found it, by its index; zeros elsewhere.

    Shapes:
        input and indices (N, C, {size}) or (C, {size}) -> (N, C, {out}) or (C, {out}), with
        out = (size - 1)*stride - 2*padding + kernel on each axis.
    Arguments:
        indices: integers, {place}. Where several in a {space} are equal, the last value in memory
            order stays, for every number of threads; as in torch, the gradient of each of them
            is that of the element they share.
        kernel_size, stride, padding: those of the pooling; a stride of None is kernel_size.
        output_size: {out}, or a whole shape that ends with them, each less than a stride from the
            formula: pooling maps several sizes to one.
    Units: pixels (array elements).
    Raises: ValueError for sizes that do not fit and for an index outside the {space}, of which the
        first is named; TypeError for wrong kinds and dtypes.
    Accuracy: exact.
    Source: torch.nn.functional.max_unpool{rank}d, 2.x.
    Example:
        >>> import numpy as np
        >>> x, places = np.full({ones}, 5.0), np.full({ones}, 1)
        >>> max_unpool{rank}d(x, places, 2).ravel().tolist()
        {result}
    """


def _document(rank: int) -> str:
    axes, outs = "DHW"[3 - rank :], ["OD", "OH", "OW"][3 - rank :]
    return _DOC.format(
        rank=rank,
        size=", ".join(axes),
        out=", ".join(outs),
        space={1: "row", 2: "plane", 3: "volume"}[rank],
        place={1: "ow", 2: "oh * OW + ow", 3: "(od * OH + oh) * OW + ow"}[rank],
        ones=(1, 1, *(1,) * rank),
        result=[0.0, 5.0, *[0.0] * (2**rank - 2)],
    )


def max_unpool1d(
    input: Operand,
    indices: ArrayLike,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    output_size: Sequence[int] | None = None,
) -> Any:
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Operand,
    indices: ArrayLike,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    output_size: Sequence[int] | None = None,
) -> Any:
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Operand,
    indices: ArrayLike,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    output_size: Sequence[int] | None = None,
) -> Any:
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)


def _unpool(rank: int, input: Operand, indices: ArrayLike, *where: Any) -> Any:
    if not isinstance(input, Tensor):
        return _max_unpool(rank, input, indices, *where)
    name = f"max_unpool{rank}d"
    (x,) = arrays(input, name=name)
    y = _max_unpool(rank, x, indices, *where)
    places = np.array(indices) if records(input) else indices  # the caller may write to his
    return record(name, y, (input, lambda g: _core.max_unpool_gradient(rank, g, places)), saved=())


for _rank, _function in ((1, max_unpool1d), (2, max_unpool2d), (3, max_unpool3d)):
    _function.__doc__ = _document(_rank)
