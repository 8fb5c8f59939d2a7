# SPDX-License-Identifier: MIT
"""Activations of straight pieces. `inplace` and `out`: see ndnn._maps."""

from __future__ import annotations

from typing import Any

import numpy as np

from ndnn._checks import number
from ndnn._load import _core
from ndnn._maps import drawn, mapped
from ndnn.tensor import Array, Operand, arrays, record


def relu(input: Operand, inplace: bool = False, *, out: Array | None = None) -> Any:
    """max(input, 0).

    Shapes: any.
    Raises: TypeError for what is no floating-point array.
    Accuracy: exact. The gradient at 0 is 0.
    Source: torch.nn.functional.relu, 2.x.
    Example:
        >>> relu(np.array([-1.0, 0.0, 2.0])).tolist()
        [0.0, 0.0, 2.0]
    """
    return mapped("relu", input, (), inplace, out)


def relu6(input: Operand, inplace: bool = False, *, out: Array | None = None) -> Any:
    """input between 0 and 6.

    Shapes: any.
    Raises: TypeError for what is no floating-point array.
    Accuracy: exact. The gradient at 0 and 6 is 0.
    Source: torch.nn.functional.relu6, 2.x.
    Example:
        >>> relu6(np.array([-1.0, 3.0, 7.0])).tolist()
        [0.0, 3.0, 6.0]
    """
    return mapped("relu6", input, (0.0, 6.0), inplace, out)


def leaky_relu(
    input: Operand,
    negative_slope: float = 0.01,
    inplace: bool = False,
    *,
    out: Array | None = None,
) -> Any:
    """input where it is above 0, else input * negative_slope.

    Shapes: any.
    Raises: TypeError for what is no floating-point array.
    Accuracy: one rounding.
    Source: torch.nn.functional.leaky_relu, 2.x.
    Example:
        >>> leaky_relu(np.array([-1.0, 0.0, 2.0])).tolist()
        [-0.01, 0.0, 2.0]
    """
    return mapped("leaky_relu", input, (negative_slope,), inplace, out)


def prelu(input: Operand, weight: Operand) -> Any:
    """input where it is above 0, else input * weight.

    Shapes: any.
    Arguments:
        weight: one number, or one for each channel, which is axis 1.
    Raises: ValueError for a weight that does not fit, TypeError for wrong kinds.
    Accuracy: one rounding; the weight's gradient a sum in float64.
    Source: torch.nn.functional.prelu, 2.x.
    Example:
        >>> prelu(np.array([[-1.0, -2.0]]), np.array([0.5, 0.25])).tolist()
        [[-0.5, -0.5]]
    """
    x, w = arrays(input, weight, name="prelu")
    slope = _along_channels(x, w)
    y = _core.map("prelu", (x, slope))
    return record(
        "prelu",
        y,
        (input, lambda g: _core.map("prelu_gradient", (g, x, slope))),
        (weight, lambda g: _core.prelu_weight_gradient(g, x, w.size == 1).reshape(w.shape)),
    )


def rrelu(
    input: Operand,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
    *,
    generator: np.random.Generator | None = None,
    out: Array | None = None,
) -> Any:
    """leaky_relu with slopes drawn between lower and upper while training, else of their mean.

    Shapes: any.
    Arguments:
        generator: where the slopes come from; None: ndnn.manual_seed's.
    Raises: ValueError for lower above upper, TypeError for wrong kinds.
    Accuracy: one rounding.
    Source: torch.nn.functional.rrelu (other random numbers), 2.x.
    Example:
        >>> rrelu(np.array([-1.0, 2.0]), 0.25, 0.75).tolist()
        [-0.5, 2.0]
    """
    number("rrelu", lower=lower, upper=upper)
    if not lower <= upper:
        raise ValueError(
            f"rrelu: lower must be at most upper, but got lower={lower}, upper={upper}"
        )
    if not training:
        return mapped("rrelu", input, ((lower + upper) / 2,), inplace, out)
    slopes = lower, upper

    def gradient(g: Array, x: Array, key: int) -> Array:
        return _core.map("random_rrelu_gradient", (g, x), slopes, key)

    return drawn("random_rrelu", input, slopes, gradient, generator, inplace, out)


def hardtanh(
    input: Operand,
    min_val: float = -1.0,
    max_val: float = 1.0,
    inplace: bool = False,
    *,
    out: Array | None = None,
) -> Any:
    """input between min_val and max_val.

    Shapes: any.
    Raises: ValueError for min_val above max_val, TypeError for wrong kinds.
    Accuracy: exact. The gradient at both bounds is 0.
    Source: torch.nn.functional.hardtanh, 2.x.
    Example:
        >>> hardtanh(np.array([-1.0, 0.0, 2.0])).tolist()
        [-1.0, 0.0, 1.0]
    """
    number("hardtanh", min_val=min_val, max_val=max_val)
    if min_val > max_val:
        raise ValueError(
            f"hardtanh: min_val must be at most max_val, but got min_val={min_val}, "
            f"max_val={max_val}"
        )
    return mapped("hardtanh", input, (min_val, max_val), inplace, out)


def threshold(
    input: Operand,
    threshold: float,
    value: float,
    inplace: bool = False,
    *,
    out: Array | None = None,
) -> Any:
    """input where it is above the threshold, else value.

    Shapes: any.
    Raises: TypeError for what is no floating-point array.
    Accuracy: exact.
    Source: torch.nn.functional.threshold, 2.x.
    Example:
        >>> threshold(np.array([-1.0, 0.0, 2.0]), 1.0, 5.0).tolist()
        [5.0, 5.0, 2.0]
    """
    return mapped("threshold", input, (threshold, value), inplace, out)


def hardshrink(input: Operand, lambd: float = 0.5, *, out: Array | None = None) -> Any:
    """0 where input is between -lambd and lambd, else input.

    Shapes: any.
    Raises: TypeError for what is no floating-point array.
    Accuracy: exact.
    Source: torch.nn.functional.hardshrink, 2.x.
    Example:
        >>> hardshrink(np.array([-0.5, 0.25, 2.0])).tolist()
        [0.0, 0.0, 2.0]
    """
    return mapped("hardshrink", input, (lambd,), out=out)


def softshrink(input: Operand, lambd: float = 0.5, *, out: Array | None = None) -> Any:
    """input moved towards 0 by lambd, and 0 where it is less than that away.

    Shapes: any.
    Raises: ValueError for lambd below 0, TypeError for wrong kinds.
    Accuracy: one rounding.
    Source: torch.nn.functional.softshrink, 2.x.
    Example:
        >>> softshrink(np.array([-1.5, 0.25, 2.0])).tolist()
        [-1.0, 0.0, 1.5]
    """
    number("softshrink", lambd=lambd)
    if not lambd >= 0:
        raise ValueError(f"softshrink: lambd must be at least 0, but got lambd={lambd}")
    return mapped("softshrink", input, (lambd,), out=out)


def hardsigmoid(input: Operand, inplace: bool = False, *, out: Array | None = None) -> Any:
    """input / 6 + 1 / 2 between 0 and 1.

    Shapes: any.
    Raises: TypeError for what is no floating-point array.
    Accuracy: 4 ulp.
    Source: torch.nn.functional.hardsigmoid, 2.x.
    Example:
        >>> hardsigmoid(np.array([-4.0, 0.0, 4.0])).tolist()
        [0.0, 0.5, 1.0]
    """
    return mapped("hardsigmoid", input, (), inplace, out)


def hardswish(input: Operand, inplace: bool = False, *, out: Array | None = None) -> Any:
    """input * hardsigmoid(input).

    Shapes: any.
    Raises: TypeError for what is no floating-point array.
    Accuracy: 4 ulp.
    Source: torch.nn.functional.hardswish, 2.x.
    Example:
        >>> hardswish(np.array([-4.0, 0.0, 4.0])).tolist()
        [-0.0, 0.0, 4.0]
    """
    return mapped("hardswish", input, (), inplace, out)


def _along_channels(x: Array, weight: Array) -> Array:
    """prelu's weight, so that it repeats along all axes of x but the channels."""
    channels = x.shape[1] if x.ndim > 1 else 1
    if weight.ndim > 1 or weight.size not in (1, channels):
        raise ValueError(
            f"prelu: weight must have one element or one for each of the {channels} channels, "
            f"but got weight.shape={weight.shape}"
        )
    return weight.reshape(()) if weight.size == 1 else weight.reshape(-1, *(1,) * (x.ndim - 2))
