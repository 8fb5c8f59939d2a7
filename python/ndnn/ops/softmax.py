# SPDX-License-Identifier: MIT
"""softmax and its family, along any axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ndnn import random
from ndnn._checks import number
from ndnn._load import _core
from ndnn.tensor import Array, Operand, Tensor, arrays, record


def softmax(
    input: Operand,
    dim: int | None = None,
    _stacklevel: int = 3,
    dtype: DTypeLike | None = None,
) -> Any:
    """e^input / sum of e^input along an axis.

    Shapes: any; `dim` is one of its axes.
    Arguments:
        dim: the axis; None: torch's old rule, 0 for 0, 1 or 3 axes, else 1.
        dtype: what the input becomes before anything is computed.
    Raises: ValueError for an axis that does not exist, TypeError for what is no floating-point
        array.
    Accuracy: relative error of at most 8 + n / 1000 eps for rows of n up to 64 000; no overflow.
        A row with a nan or inf, or of -inf alone, gives nan.
    Source: torch.nn.functional.softmax, 2.x.
    Example:
        >>> softmax(np.array([1.0, 1.0]), 0).tolist()
        [0.5, 0.5]
    """
    return _softmax("softmax", input, dim, dtype)


def log_softmax(
    input: Operand,
    dim: int | None = None,
    _stacklevel: int = 3,
    dtype: DTypeLike | None = None,
) -> Any:
    """log(softmax(input, dim)), without the loss of small probabilities.

    Shapes: any; `dim` is one of its axes.
    Arguments:
        dim: the axis; None: torch's old rule, 0 for 0, 1 or 3 axes, else 1.
        dtype: what the input becomes before anything is computed.
    Raises: ValueError for an axis that does not exist, TypeError for what is no floating-point
        array.
    Accuracy: absolute error of a few eps times (1 + |input - max|); no overflow.
    Source: torch.nn.functional.log_softmax, 2.x.
    Example:
        >>> np.exp(log_softmax(np.array([1.0, 1.0]), 0)).round(15).tolist()
        [0.5, 0.5]
    """
    return _softmax("log_softmax", input, dim, dtype, log=True)


def softmin(
    input: Operand,
    dim: int | None = None,
    _stacklevel: int = 3,
    dtype: DTypeLike | None = None,
) -> Any:
    """softmax(-input, dim).

    Shapes: any; `dim` is one of its axes.
    Arguments:
        dim: the axis; None: torch's old rule, 0 for 0, 1 or 3 axes, else 1.
        dtype: what the input becomes before anything is computed.
    Raises: ValueError for an axis that does not exist, TypeError for what is no floating-point
        array.
    Accuracy: as softmax.
    Source: torch.nn.functional.softmin, 2.x.
    Example:
        >>> softmin(np.array([1.0, 1.0]), 0).tolist()
        [0.5, 0.5]
    """
    return _softmax("softmin", input, dim, dtype, scale=-1.0)


def gumbel_softmax(
    logits: Operand,
    tau: float = 1,
    hard: bool = False,
    eps: float = 1e-10,
    dim: int = -1,
    *,
    generator: np.random.Generator | None = None,
) -> Any:
    """softmax((logits + noise) / tau), whose largest elements are distributed as softmax(logits).

    Shapes: any; `dim` is one of its axes.
    Arguments:
        tau: the temperature; the smaller, the closer to ones and zeros.
        hard: ones and zeros, with the gradient of what they were before.
        eps: without effect, as in torch.
        generator: where the noise comes from; None: ndnn.manual_seed's.
    Raises: ValueError for a tau of 0 and an axis that does not exist, TypeError for wrong kinds.
    Accuracy: as softmax.
    Source: torch.nn.functional.gumbel_softmax, 2.x (other random numbers).
    Example:
        >>> gumbel_softmax(np.array([0.0, 100.0]), hard=True).tolist()
        [0.0, 1.0]
    """
    number("gumbel_softmax", tau=tau)
    if tau == 0:
        raise ValueError(f"gumbel_softmax: tau must not be 0, but got tau={tau}")
    (x,) = arrays(logits, name="gumbel_softmax")
    noise = (generator or random.generator()).gumbel(size=x.shape)
    noise += x
    noisy, scale = noise.astype(x.dtype, copy=False), 1 / tau
    y = _core.softmax("gumbel_softmax", noisy, dim, False, scale)
    result = y
    if hard:
        result = np.zeros_like(y)
        rows = np.atleast_1d(result)
        np.put_along_axis(rows, np.atleast_1d(y).argmax(dim, keepdims=True), 1, dim)
    return record(
        "gumbel_softmax", result, (logits, _vjp("gumbel_softmax", y, dim, False, scale)), saved=()
    )


def _softmax(
    name: str,
    input: Operand,
    dim: int | None,
    dtype: DTypeLike | None,
    log: bool = False,
    scale: float = 1.0,
) -> Any:
    x = input._array if isinstance(input, Tensor) else input
    if dtype is not None:
        x = np.asarray(x).astype(dtype, copy=False)
    if dim is None:
        dim = 0 if np.ndim(x) in (0, 1, 3) else 1
    y = _core.softmax(name, x, dim, log, scale)
    if not isinstance(input, Tensor):
        return y
    return record(name, y, (input, _vjp(name, y, dim, log, scale)), saved=())


def _vjp(name: str, y: Array, dim: int, log: bool, scale: float) -> Any:
    return lambda g: _core.softmax_gradient(name, g, y, dim, log, scale)
