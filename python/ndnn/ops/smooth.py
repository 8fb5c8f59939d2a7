# SPDX-License-Identifier: MIT
"""Smooth activations. `inplace` and `out`: see ndnn._maps."""

from __future__ import annotations

from typing import Any

import numpy as np

from ndnn._checks import axis, number
from ndnn._load import _core
from ndnn._maps import mapped
from ndnn.tensor import Array, Operand, arrays, record

# The fixed point of mean 0 and variance 1 of normal inputs.
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848, 1.0507009873554804934


def sigmoid(input: Operand, *, out: Array | None = None) -> Any:
    """1 / (1 + e^-input).

    Shapes: any.
    Raises: TypeError for what is no floating-point array.
    Accuracy: 4 ulp where e^-|input| is normal; no overflow for any input.
    Source: torch.nn.functional.sigmoid, 2.x.
    Example:
        >>> sigmoid(np.array([0.0])).tolist()
        [0.5]
    """
    return mapped("sigmoid", input, out=out)


def tanh(input: Operand, *, out: Array | None = None) -> Any:
    """The hyperbolic tangent.

    Shapes: any.
    Raises: TypeError for what is no floating-point array.
    Accuracy: 4 ulp.
    Source: torch.nn.functional.tanh, 2.x.
    Example:
        >>> tanh(np.array([0.0])).tolist()
        [0.0]
    """
    return mapped("tanh", input, out=out)


def logsigmoid(input: Operand, *, out: Array | None = None) -> Any:
    """log(sigmoid(input)), without the loss of small ones.

    Shapes: any.
    Raises: TypeError for what is no floating-point array.
    Accuracy: 2 ulp where e^-|input| is normal.
    Source: torch.nn.functional.logsigmoid, 2.x.
    Example:
        >>> logsigmoid(np.array([-1000.0])).tolist()
        [-1000.0]
    """
    return mapped("logsigmoid", input, out=out)


def softplus(
    input: Operand,
    beta: float = 1.0,
    threshold: float = 20.0,
    *,
    out: Array | None = None,
) -> Any:
    """log(1 + e^(beta * input)) / beta; input where beta * input is above the threshold.

    Shapes: any.
    Raises: ValueError for a beta of 0, TypeError for wrong kinds.
    Accuracy: 4 ulp where e^-|beta * input| is normal.
    Source: torch.nn.functional.softplus, 2.x.
    Example:
        >>> softplus(np.array([100.0])).tolist()
        [100.0]
    """
    number("softplus", beta=beta, threshold=threshold)
    if beta == 0:
        raise ValueError(f"softplus: beta must not be 0, but got beta={beta}")
    return mapped("softplus", input, (beta, threshold, 1 / beta), out=out)


def softsign(input: Operand, *, out: Array | None = None) -> Any:
    """input / (1 + |input|).

    Shapes: any.
    Raises: TypeError for what is no floating-point array.
    Accuracy: two roundings.
    Source: torch.nn.functional.softsign, 2.x.
    Example:
        >>> softsign(np.array([-1.0, 0.0, 1.0])).tolist()
        [-0.5, 0.0, 0.5]
    """
    return mapped("softsign", input, out=out)


def tanhshrink(input: Operand, *, out: Array | None = None) -> Any:
    """input - tanh(input).

    Shapes: any.
    Raises: TypeError for what is no floating-point array.
    Accuracy: 4 ulp of the input.
    Source: torch.nn.functional.tanhshrink, 2.x.
    Example:
        >>> tanhshrink(np.array([0.0])).tolist()
        [0.0]
    """
    return mapped("tanhshrink", input, out=out)


def elu(
    input: Operand,
    alpha: float = 1.0,
    inplace: bool = False,
    *,
    out: Array | None = None,
) -> Any:
    """input where it is above 0, else alpha * (e^input - 1).

    Shapes: any.
    Raises: TypeError for what is no floating-point array.
    Accuracy: 4 ulp.
    Source: torch.nn.functional.elu, 2.x.
    Example:
        >>> elu(np.array([-100.0, 2.0])).tolist()
        [-1.0, 2.0]
    """
    return mapped("elu", input, (alpha, 1.0, 1.0), inplace, out)


def selu(input: Operand, inplace: bool = False, *, out: Array | None = None) -> Any:
    """elu with an alpha and a scale that keep mean 0 and variance 1.

    Shapes: any.
    Raises: TypeError for what is no floating-point array.
    Accuracy: 4 ulp.
    Source: torch.nn.functional.selu, 2.x.
    Example:
        >>> selu(np.array([0.0, 1.0])).round(4).tolist()
        [0.0, 1.0507]
    """
    return mapped("selu", input, (_SELU_SCALE * _SELU_ALPHA, _SELU_SCALE, 1.0), inplace, out)


def celu(
    input: Operand,
    alpha: float = 1.0,
    inplace: bool = False,
    *,
    out: Array | None = None,
) -> Any:
    """input where it is above 0, else alpha * (e^(input / alpha) - 1).

    Shapes: any.
    Raises: ValueError for an alpha of 0 or below, TypeError for wrong kinds.
    Accuracy: 4 ulp, and the rounding of input / alpha.
    Source: torch.nn.functional.celu, 2.x.
    Example:
        >>> celu(np.array([-100.0, 2.0]), 0.5).tolist()
        [-0.5, 2.0]
    """
    number("celu", alpha=alpha)
    if not alpha > 0:
        raise ValueError(f"celu: alpha must be above 0, but got alpha={alpha}")
    return mapped("celu", input, (alpha, 1.0, 1 / alpha), inplace, out)


def silu(input: Operand, inplace: bool = False, *, out: Array | None = None) -> Any:
    """input * sigmoid(input).

    Shapes: any.
    Raises: TypeError for what is no floating-point array.
    Accuracy: 4 ulp where e^-|input| is normal.
    Source: torch.nn.functional.silu, 2.x.
    Example:
        >>> silu(np.array([0.0])).tolist()
        [0.0]
    """
    return mapped("silu", input, (), inplace, out)


def mish(input: Operand, inplace: bool = False, *, out: Array | None = None) -> Any:
    """input * tanh(softplus(input)).

    Shapes: any.
    Raises: TypeError for what is no floating-point array.
    Accuracy: 6 ulp where e^-|input| is normal.
    Source: torch.nn.functional.mish, 2.x.
    Example:
        >>> mish(np.array([0.0])).tolist()
        [0.0]
    """
    return mapped("mish", input, (), inplace, out)


def gelu(input: Operand, approximate: str = "none", *, out: Array | None = None) -> Any:
    """input times the normal distribution's share below it.

    Shapes: any.
    Arguments:
        approximate: "none", or "tanh" for input * sigmoid(1.5958 * (input + 0.044715 * input^3)).
    Raises: ValueError for another approximation, TypeError for wrong kinds.
    Accuracy: 8 ulp where e^(-input^2 / 2) is normal, also of the small results far below 0; with
        "tanh", as many more as the exponent in e^z is large.
    Source: torch.nn.functional.gelu, 2.x.
    Example:
        >>> gelu(np.array([0.0, 100.0])).tolist()
        [0.0, 100.0]
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(
            f"gelu: approximate must be 'none' or 'tanh', but got approximate={approximate!r}"
        )
    return mapped("gelu" if approximate == "none" else "gelu_tanh", input, out=out)


def glu(input: Operand, dim: int = -1) -> Any:
    """The first half of an axis times the sigmoid of the second.

    Shapes: any.
    Arguments:
        dim: the axis, of even length.
    Raises: ValueError for an axis that does not exist or is odd, TypeError for wrong kinds.
    Accuracy: 4 ulp.
    Source: torch.nn.functional.glu, 2.x.
    Example:
        >>> glu(np.array([3.0, 0.0])).tolist()
        [1.5]
    """
    (x,) = arrays(input, name="glu")
    a, b = _halves(x, dim)
    y = _core.map("glu", (a, b))

    def vjp(g: Array) -> Array:
        d = np.empty_like(x)
        of_a, of_b = _halves(d, dim)
        _core.map("glu", (g, b), out=of_a)
        _core.map("glu_gate_gradient", (g, a, b), out=of_b)
        return d

    return record("glu", y, (input, vjp))


def _halves(x: Array, dim: int) -> tuple[Array, Array]:
    if x.ndim == 0:
        raise ValueError("glu: input must have an axis to halve, but got shape=()")
    dim = axis("glu", x, dim)
    half, odd = divmod(x.shape[dim], 2)
    if odd:
        raise ValueError(f"glu: axis {dim} must be of even length, but got input.shape={x.shape}")
    before = (slice(None),) * dim
    return x[(*before, slice(half))], x[(*before, slice(half, None))]
