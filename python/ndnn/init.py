# SPDX-License-Identifier: MIT
"""First values of parameters: torch.nn.init's functions. They write to a Tensor or an array.

`generator`: where random numbers come from; None: ndnn.manual_seed's.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from ndnn import random
from ndnn.tensor import Tensor

Target = Any  # Tensor | Array
Generator = np.random.Generator
Mode = Literal["fan_in", "fan_out"]


def _fill(target: Target, values: Any) -> Target:
    if isinstance(target, Tensor):
        if not target.is_leaf:
            raise ValueError("init: must be given a leaf, but got a recorded result")
        target._array[...] = values
        target._changed()
    else:
        target[...] = values
    return target


def _draws(target: Target, generator: Generator | None) -> tuple[Generator, Any]:
    """The generator, and the dtype to draw in: float32 has its own, faster numbers."""
    single = np.dtype(target.dtype) == np.float32
    return generator or random.generator(), np.float32 if single else np.float64


def constant_(tensor: Target, val: float) -> Target:
    """All elements val."""
    return _fill(tensor, val)


def zeros_(tensor: Target) -> Target:
    """All elements 0."""
    return _fill(tensor, 0)


def ones_(tensor: Target) -> Target:
    """All elements 1."""
    return _fill(tensor, 1)


def uniform_(
    tensor: Target, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Target:
    """Uniform in [a, b)."""
    source, dtype = _draws(tensor, generator)
    return _fill(tensor, source.random(tensor.shape, dtype) * (b - a) + a)


def normal_(
    tensor: Target, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Target:
    """Normal with this mean and standard deviation."""
    source, dtype = _draws(tensor, generator)
    return _fill(tensor, source.standard_normal(tensor.shape, dtype) * std + mean)


def trunc_normal_(
    tensor: Target,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Target:
    """Normal, but only what falls into [a, b]."""
    if not (std > 0 and a < b):
        raise ValueError(
            f"trunc_normal_: std must be above 0 and a below b, but got std={std}, a={a}, b={b}"
        )
    source = generator or random.generator()
    low, high = (a - mean) / std, (b - mean) / std
    # Uniform draws, kept with the probability of the density relative to its peak in [a, b]. Within
    # `reach` of the peak the density falls to e^-40, so some percent are kept for any a and b.
    peak = min(max(0.0, low), high)
    reach = min(9.0, 40 / abs(peak) if peak else 9.0)
    low, high = max(low, peak - reach), min(high, peak + reach)
    values = np.empty(int(np.prod(tensor.shape)))
    todo = np.arange(values.size)
    while todo.size:
        draw = source.uniform(low, high, todo.size)
        kept = source.random(todo.size) < np.exp((peak - draw) * (peak + draw) / 2)
        values[todo[kept]] = draw[kept]
        todo = todo[~kept]
    return _fill(tensor, (values * std + mean).clip(a, b).reshape(tensor.shape))


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps the variance through this function; param: leaky_relu's slope."""
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    convolutions = {f"conv{t}{d}d": 1.0 for t in ("", "_transpose") for d in (1, 2, 3)}
    gains = {
        **convolutions,
        "linear": 1.0,
        "sigmoid": 1.0,
        "tanh": 5 / 3,
        "relu": math.sqrt(2),
        "selu": 0.75,
    }
    if nonlinearity not in gains:
        known = ", ".join([*gains, "leaky_relu"])
        raise ValueError(
            f"calculate_gain: nonlinearity must be one of {known}, but got {nonlinearity!r}"
        )
    return gains[nonlinearity]


def _fans(name: str, tensor: Target) -> tuple[int, int]:
    if tensor.ndim < 2:
        raise ValueError(f"{name}: must have at least 2 axes, but got shape={tensor.shape}")
    taps = math.prod(tensor.shape[2:])
    return tensor.shape[1] * taps, tensor.shape[0] * taps


def xavier_uniform_(
    tensor: Target, gain: float = 1.0, generator: Generator | None = None
) -> Target:
    """Uniform with the variance gain^2 * 2 / (fan_in + fan_out)."""
    bound = gain * math.sqrt(6 / max(sum(_fans("xavier_uniform_", tensor)), 1))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Target, gain: float = 1.0, generator: Generator | None = None) -> Target:
    """Normal with the variance gain^2 * 2 / (fan_in + fan_out)."""
    std = gain * math.sqrt(2 / max(sum(_fans("xavier_normal_", tensor)), 1))
    return normal_(tensor, 0, std, generator)


def _kaiming_std(name: str, tensor: Target, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f'{name}: mode must be "fan_in" or "fan_out", but got {mode!r}')
    fan = _fans(name, tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fan, 1))


def kaiming_uniform_(
    tensor: Target,
    a: float = 0.0,
    mode: Mode = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Target:
    """Uniform with the variance gain^2 / fan; a: the slope of leaky_relu."""
    bound = math.sqrt(3) * _kaiming_std("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Target,
    a: float = 0.0,
    mode: Mode = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Target:
    """Normal with the variance gain^2 / fan; a: the slope of leaky_relu."""
    std = _kaiming_std("kaiming_normal_", tensor, a, mode, nonlinearity)
    return normal_(tensor, 0, std, generator)


def default_(weight: Target, bias: Target | None, generator: Generator | None = None) -> None:
    """What torch's linear and convolution layers start with."""
    kaiming_uniform_(weight, math.sqrt(5), generator=generator)
    if bias is not None:
        fan_in = max(_fans("default_", weight)[0], 1)
        uniform_(bias, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in), generator)
