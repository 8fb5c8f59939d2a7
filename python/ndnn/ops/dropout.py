# SPDX-License-Identifier: MIT
"""The dropout family. No mask is kept: the gradient draws the same numbers again.

`inplace`: see ndnn._maps.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from ndnn import random
from ndnn._checks import floats, number
from ndnn._load import _core
from ndnn._maps import drawn, refuse_to_write
from ndnn.tensor import Array, Operand, Tensor, record

Generator: TypeAlias = "np.random.Generator | None"  # numpy.random is imported when it is needed

# What elu's relative selu tends to far below 0: there go the elements that alpha_dropout takes.
_SELU_FLOOR = -1.7580993408473766


def dropout(
    input: Operand,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Generator = None,
) -> Any:
    """Zeros with probability p, the rest times 1 / (1 - p); the input itself when not training.

    Shapes: any.
    Arguments:
        generator: where the numbers come from; None: ndnn.manual_seed's.
    Raises: ValueError for p outside [0, 1].
    Accuracy: one rounding; p to 2^-23.
    Source: torch.nn.functional.dropout, 2.x (other random numbers).
    Example:
        >>> dropout(np.ones(3), training=False).tolist()
        [1.0, 1.0, 1.0]
    """
    return _elements("dropout", input, p, training, inplace, generator, 0.0)


def alpha_dropout(
    input: Operand,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,
    *,
    generator: Generator = None,
) -> Any:
    """dropout to selu's lowest value, scaled and shifted so that mean 0 and variance 1 stay.

    Shapes: any.
    Arguments:
        generator: where the numbers come from; None: ndnn.manual_seed's.
    Raises: ValueError for p outside [0, 1].
    Accuracy: two roundings; p to 2^-23.
    Source: torch.nn.functional.alpha_dropout, 2.x (other random numbers).
    Example:
        >>> alpha_dropout(np.ones(3)).tolist()
        [1.0, 1.0, 1.0]
    """
    return _elements("alpha_dropout", input, p, training, inplace, generator, _SELU_FLOOR)


def dropout1d(
    input: Operand,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Generator = None,
) -> Any:
    """dropout of whole channels.

    Shapes: (N, C, L) or (C, L).
    Arguments:
        generator: where the numbers come from; None: ndnn.manual_seed's.
    Raises: ValueError for p outside [0, 1] and other numbers of axes.
    Accuracy: one rounding.
    Source: torch.nn.functional.dropout1d, 2.x (other random numbers).
    Example:
        >>> dropout1d(np.ones((1, 3)), training=False).tolist()
        [[1.0, 1.0, 1.0]]
    """
    return _channels("dropout1d", input, p, training, inplace, generator, (2, 3))


def dropout2d(
    input: Operand,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Generator = None,
) -> Any:
    """dropout of whole channels.

    Shapes: (N, C, H, W); (N, C, L), as in torch: three axes are not (C, H, W).
    Arguments:
        generator: where the numbers come from; None: ndnn.manual_seed's.
    Raises: ValueError for p outside [0, 1] and other numbers of axes.
    Accuracy: one rounding.
    Source: torch.nn.functional.dropout2d, 2.x (other random numbers).
    Example:
        >>> dropout2d(np.ones((1, 1, 1, 3)), training=False).tolist()
        [[[[1.0, 1.0, 1.0]]]]
    """
    return _channels("dropout2d", input, p, training, inplace, generator, (3, 4))


def dropout3d(
    input: Operand,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: Generator = None,
) -> Any:
    """dropout of whole channels.

    Shapes: (N, C, D, H, W) or (C, D, H, W).
    Arguments:
        generator: where the numbers come from; None: ndnn.manual_seed's.
    Raises: ValueError for p outside [0, 1] and other numbers of axes.
    Accuracy: one rounding.
    Source: torch.nn.functional.dropout3d, 2.x (other random numbers).
    Example:
        >>> dropout3d(np.ones((1, 1, 1, 3)), training=False).tolist()
        [[[[1.0, 1.0, 1.0]]]]
    """
    return _channels("dropout3d", input, p, training, inplace, generator, (4, 5))


def feature_alpha_dropout(
    input: Operand,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,
    *,
    generator: Generator = None,
) -> Any:
    """alpha_dropout of whole channels.

    Shapes: (N, C, any).
    Arguments:
        generator: where the numbers come from; None: ndnn.manual_seed's.
    Raises: ValueError for p outside [0, 1] and fewer than two axes.
    Accuracy: two roundings.
    Source: torch.nn.functional.feature_alpha_dropout, 2.x (other random numbers).
    Example:
        >>> feature_alpha_dropout(np.ones((1, 3))).tolist()
        [[1.0, 1.0, 1.0]]
    """
    name, axes = "feature_alpha_dropout", range(2, 65)
    return _channels(name, input, p, training, inplace, generator, axes, _SELU_FLOOR)


def _scale_and_shifts(p: float, floor: float) -> tuple[float, float, float]:
    """Of what stays: scale and shift; the shift of what goes, which is scaled by 0.

    Those that bring p parts of `floor` and the rest of mean 0 and variance 1 back to these.
    """
    if p == 1:
        return 0.0, 0.0, 0.0
    if floor == 0:
        return 1 / (1 - p), 0.0, 0.0
    scale = float(((floor**2 * p + 1) * (1 - p)) ** -0.5)
    return scale, -floor * scale * p, floor * scale * (1 - p)


def _probability(name: str, p: float) -> None:
    number(name, p=p)
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: p must be between 0 and 1, but got p={p}")


def _unchanged(name: str, input: Operand, inplace: bool) -> Any:
    (x,) = floats(name, input=input)
    if isinstance(input, Tensor):
        refuse_to_write(name, inplace)
    return record(name, x, (input, lambda g: g), saved=(), view_of=input)


def _elements(
    name: str,
    input: Operand,
    p: float,
    training: bool,
    inplace: bool,
    generator: Generator,
    floor: float,
) -> Any:
    _probability(name, p)
    if not training or p == 0:
        return _unchanged(name, input, inplace)
    scale, kept, gone = _scale_and_shifts(p, floor)

    def gradient(g: Array, x: Array, key: int) -> Array:
        return _core.map(name, (g,), (p, scale, 0.0, 0.0), key)

    return drawn(name, input, (p, scale, kept, gone), gradient, generator, inplace)


def _channels(
    name: str,
    input: Operand,
    p: float,
    training: bool,
    inplace: bool,
    generator: Generator,
    axes: tuple[int, ...] | range,
    floor: float = 0.0,
) -> Any:
    _probability(name, p)
    (x,) = floats(name, input=input)
    if x.ndim not in axes:
        least, most = axes[0], axes[-1]
        raise ValueError(
            f"{name}: input must have from {least} to {most} axes, but got shape={x.shape}"
        )
    if not training or p == 0:
        return _unchanged(name, input, inplace)
    batched = name == "feature_alpha_dropout" or name == "dropout2d" or x.ndim == axes[-1]
    planes = (*x.shape[: 1 + batched], *(1,) * (x.ndim - 1 - batched))
    stays = (generator or random.generator()).random(planes) >= p
    scale, kept, gone = _scale_and_shifts(p, floor)
    factor = (stays * scale).astype(x.dtype)
    shift = np.where(stays, kept, gone).astype(x.dtype)
    if isinstance(input, Tensor):
        refuse_to_write(name, inplace)
    y = _core.map("scale_shift", (x, factor, shift), out=input if inplace else None)
    return record(name, y, (input, lambda g: _core.map("product", (g, factor))), saved=())
