# SPDX-License-Identifier: MIT
"""Elementwise operators: one pass of a kernel forward, one for the gradient.

`inplace=True` writes the result to the input, `out=` to another array of its shape and dtype; both
are for plain arrays, as a Tensor's values must stay what its history says. Results lie in memory as
the input does, like NumPy's; an `out` that overlaps the input otherwise gets a copy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ndnn import random
from ndnn._load import _core
from ndnn.tensor import Array, Operand, Tensor, record

_activation = _core.activation
_gradient = _core.activation_gradient
_FROM_RESULT = _core.GRADIENT_FROM_RESULT


def mapped(
    name: str,
    input: Operand,
    parameters: tuple[float, ...] = (),
    inplace: bool = False,
    out: Array | None = None,
) -> Any:
    """The function of this name in the kernels' table, and its gradient."""
    if not isinstance(input, Tensor):
        return _activation(name, input, input if inplace else out, *parameters)
    refuse_to_write(name, inplace, out)
    x = input._array
    y = _activation(name, x, None, *parameters)
    from_result = name in _FROM_RESULT
    saved = y if from_result else x
    return record(
        name,
        y,
        (input, lambda g: _gradient(name, g, saved, *parameters)),
        saved=() if from_result else None,
    )


def refuse_to_write(name: str, inplace: bool, out: Array | None = None) -> None:
    """Of Tensors."""
    if inplace:
        raise NotImplementedError(
            f"{name}: inplace must be False for a Tensor, whose value its history needs, "
            f"but got inplace={inplace}"
        )
    if out is not None:
        raise TypeError(f"{name}: out must be None where the input is a Tensor, but got an array")


def drawn(
    name: str,
    input: Operand,
    parameters: tuple[float, ...],
    gradient: Callable[[Array, Array, int], Array],
    generator: np.random.Generator | None,
    inplace: bool = False,
    out: Array | None = None,
) -> Any:
    """A function with random numbers, drawn again for its gradient(g, input, key).

    Element i of an array gets the i-th number of the key, so neither strides nor threads matter.
    """
    key = int((generator or random.generator()).integers(1, 2**63))
    if not isinstance(input, Tensor):
        return _core.map(name, (input,), parameters, key, input if inplace else out)
    refuse_to_write(name, inplace, out)
    x = input._array
    y = _core.map(name, (x,), parameters, key)
    return record(name, y, (input, lambda g: gradient(g, x, key)))
