# SPDX-License-Identifier: MIT
"""Layers of activations, softmax and dropout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from ndnn import functional as F
from ndnn.nn.module import Module, Parameter
from ndnn.tensor import as_tensor


class _Function(Module):
    """A layer that is one operator with arguments of its own, kept as attributes."""

    function: ClassVar[Callable[..., Any]]

    def __init__(self, **arguments: Any) -> None:
        super().__init__()
        self._arguments = tuple(arguments)
        for name, value in arguments.items():
            setattr(self, name, value)

    def forward(self, input: Any) -> Any:
        return self.function(input, **{name: getattr(self, name) for name in self._arguments})

    def extra_repr(self) -> str:
        shown = {name: getattr(self, name) for name in self._arguments}
        if not shown.get("inplace"):
            shown.pop("inplace", None)
        return ", ".join(f"{name}={value!r}" for name, value in shown.items())


class _InPlace(_Function):
    """One that has no other argument."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace=inplace)


class _Plain(_Function):
    """One that has no argument."""

    def __init__(self) -> None:
        super().__init__()


class _Shrink(_Function):
    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__(lambd=lambd)


class _Alpha(_Function):
    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(alpha=alpha, inplace=inplace)


class _AlongAxis(_Function):
    def __init__(self, dim: int | None = None) -> None:
        super().__init__(dim=dim)


class ReLU(_InPlace):
    """F.relu."""

    function = staticmethod(F.relu)


class ReLU6(_InPlace):
    """F.relu6."""

    function = staticmethod(F.relu6)


class SELU(_InPlace):
    """F.selu."""

    function = staticmethod(F.selu)


class SiLU(_InPlace):
    """F.silu."""

    function = staticmethod(F.silu)


class Mish(_InPlace):
    """F.mish."""

    function = staticmethod(F.mish)


class Hardswish(_InPlace):
    """F.hardswish."""

    function = staticmethod(F.hardswish)


class Hardsigmoid(_InPlace):
    """F.hardsigmoid."""

    function = staticmethod(F.hardsigmoid)


class Sigmoid(_Plain):
    """F.sigmoid."""

    function = staticmethod(F.sigmoid)


class Tanh(_Plain):
    """F.tanh."""

    function = staticmethod(F.tanh)


class LogSigmoid(_Plain):
    """F.logsigmoid."""

    function = staticmethod(F.logsigmoid)


class Softsign(_Plain):
    """F.softsign."""

    function = staticmethod(F.softsign)


class Tanhshrink(_Plain):
    """F.tanhshrink."""

    function = staticmethod(F.tanhshrink)


class Hardshrink(_Shrink):
    """F.hardshrink."""

    function = staticmethod(F.hardshrink)


class Softshrink(_Shrink):
    """F.softshrink."""

    function = staticmethod(F.softshrink)


class ELU(_Alpha):
    """F.elu."""

    function = staticmethod(F.elu)


class CELU(_Alpha):
    """F.celu."""

    function = staticmethod(F.celu)


class Softmax(_AlongAxis):
    """F.softmax along `dim`."""

    function = staticmethod(F.softmax)


class LogSoftmax(_AlongAxis):
    """F.log_softmax along `dim`."""

    function = staticmethod(F.log_softmax)


class Softmin(_AlongAxis):
    """F.softmin along `dim`."""

    function = staticmethod(F.softmin)


class LeakyReLU(_Function):
    """F.leaky_relu."""

    function = staticmethod(F.leaky_relu)

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(negative_slope=negative_slope, inplace=inplace)


class Hardtanh(_Function):
    """F.hardtanh."""

    function = staticmethod(F.hardtanh)

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__(min_val=min_val, max_val=max_val, inplace=inplace)


class Threshold(_Function):
    """F.threshold."""

    function = staticmethod(F.threshold)

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(threshold=threshold, value=value, inplace=inplace)


class Softplus(_Function):
    """F.softplus."""

    function = staticmethod(F.softplus)

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__(beta=beta, threshold=threshold)


class GELU(_Function):
    """F.gelu."""

    function = staticmethod(F.gelu)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__(approximate=approximate)


class GLU(_Function):
    """F.glu along `dim`."""

    function = staticmethod(F.glu)

    def __init__(self, dim: int = -1) -> None:
        super().__init__(dim=dim)


class Softmax2d(Module):
    """F.softmax over the channels of (N, C, H, W) or (C, H, W)."""

    def forward(self, input: Any) -> Any:
        shape = as_tensor(input).shape
        if len(shape) not in (3, 4):
            raise ValueError(f"Softmax2d: input must have 3 or 4 axes, but got shape={shape}")
        return F.softmax(input, -3)


class PReLU(Module):
    """F.prelu with its own weight; arguments as torch.nn.PReLU."""

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, dtype: DTypeLike = np.float32
    ) -> None:
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(np.full(num_parameters, init, dtype))

    def forward(self, input: Any) -> Any:
        return F.prelu(as_tensor(input), self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class RReLU(_Function):
    """F.rrelu, random while training."""

    function = staticmethod(F.rrelu)

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False) -> None:
        super().__init__(lower=lower, upper=upper, inplace=inplace)

    def forward(self, input: Any) -> Any:
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)


class _Dropout(_Function):
    """One of the dropout family while training.

    `generator` (None: ndnn.manual_seed's) makes it repeatable.
    """

    def __init__(
        self,
        p: float = 0.5,
        inplace: bool = False,
        *,
        generator: np.random.Generator | None = None,
    ) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"{type(self).__name__}: p must be between 0 and 1, but got p={p}")
        super().__init__(p=p, inplace=inplace)
        self.generator = generator

    def forward(self, input: Any) -> Any:
        return self.function(input, self.p, self.training, self.inplace, generator=self.generator)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """F.dropout while training."""

    function = staticmethod(F.dropout)


class Dropout1d(_Dropout):
    """F.dropout1d while training."""

    function = staticmethod(F.dropout1d)


class Dropout2d(_Dropout):
    """F.dropout2d while training."""

    function = staticmethod(F.dropout2d)


class Dropout3d(_Dropout):
    """F.dropout3d while training."""

    function = staticmethod(F.dropout3d)


class AlphaDropout(_Dropout):
    """F.alpha_dropout while training."""

    function = staticmethod(F.alpha_dropout)


class FeatureAlphaDropout(_Dropout):
    """F.feature_alpha_dropout while training."""

    function = staticmethod(F.feature_alpha_dropout)
