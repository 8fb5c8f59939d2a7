# SPDX-License-Identifier: MIT
"""Layers of convolution and transposed convolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from ndnn import functional as F
from ndnn import init
from ndnn._checks import IntOrTuple
from ndnn._load import _core
from ndnn.nn.module import Module, Parameter
from ndnn.tensor import Array, as_tensor, is_grad_enabled


def _per_axis(value: IntOrTuple, rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(value)


class _Conv(Module):
    rank: ClassVar[int]
    transposed: ClassVar[bool] = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrTuple,
        stride: IntOrTuple,
        padding: IntOrTuple | str,
        output_padding: IntOrTuple,
        dilation: IntOrTuple,
        groups: int,
        bias: bool,
        padding_mode: str,
        dtype: DTypeLike,
        generator: np.random.Generator | None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        modes = ("zeros",) if self.transposed else ("zeros", "reflect", "replicate", "circular")
        if padding_mode not in modes:
            raise ValueError(
                f"{name}: padding_mode must be one of {modes}, "
                f"but got padding_mode={padding_mode!r}"
            )
        self.padding_mode = padding_mode
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{name}: groups must divide in_channels and out_channels, but got "
                f"groups={groups}, in_channels={in_channels}, out_channels={out_channels}"
            )
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = _per_axis(kernel_size, self.rank)
        self.stride = _per_axis(stride, self.rank)
        self.padding = padding if isinstance(padding, str) else _per_axis(padding, self.rank)
        self.output_padding = _per_axis(output_padding, self.rank)
        self.dilation = _per_axis(dilation, self.rank)
        ends = in_channels, out_channels
        first, second = ends if self.transposed else ends[::-1]
        shape = first, second // groups, *self.kernel_size
        self.weight = Parameter(np.empty(shape, dtype))
        self.register_parameter("bias", Parameter(np.empty(out_channels, dtype)) if bias else None)
        self._packed: tuple[Array, int, _core.PackedWeight] | None = None
        self.reset_parameters(generator)

    def reset_parameters(self, generator: np.random.Generator | None = None) -> None:
        """torch's default: uniform within 1 / sqrt(fan_in)."""
        init.default_(self.weight, self.bias, generator)

    def _kernel(self) -> Parameter | _core.PackedWeight:
        """The weight; where nothing is recorded, packed and kept until it changes."""
        if is_grad_enabled():
            return self.weight
        array, version = self.weight._array, self.weight._version[0]
        if self._packed is None or self._packed[0] is not array or self._packed[1] != version:
            self._packed = array, version, _core.PackedWeight(array)
        return self._packed[2]

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        text += f", stride={self.stride}"
        if self.padding != (0,) * self.rank:
            text += f", padding={self.padding}"
        if self.dilation != (1,) * self.rank:
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * self.rank:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        return (
            text if self.padding_mode == "zeros" else text + f", padding_mode={self.padding_mode}"
        )


class _Forward(_Conv):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrTuple,
        stride: IntOrTuple = 1,
        padding: IntOrTuple | str = 0,
        dilation: IntOrTuple = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        dtype: DTypeLike = np.float32,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, 0, dilation, groups, bias,
            padding_mode, dtype, generator,
        )  # fmt: skip

    def forward(self, input: Any) -> Any:
        function = getattr(F, f"conv{self.rank}d")
        input = as_tensor(input)
        padding: IntOrTuple | str = self.padding
        if self.padding_mode != "zeros":
            input, padding = F.pad(input, self._widths(), self.padding_mode), 0
        where = self.stride, padding, self.dilation, self.groups
        return function(input, self._kernel(), self.bias, *where)

    def _widths(self) -> list[int]:
        """The padding as F.pad takes it: the last axis first, before and after."""
        if self.padding == "same" and any(s != 1 for s in self.stride):
            raise ValueError(
                f"{type(self).__name__}: padding='same' needs stride 1, "
                f"but got stride={self.stride}"
            )
        widths: list[int] = []
        for axis in reversed(range(self.rank)):
            if isinstance(self.padding, str):
                total = self.dilation[axis] * (self.kernel_size[axis] - 1)
                total *= self.padding == "same"
                widths += [total // 2, total - total // 2]
            else:
                widths += [self.padding[axis]] * 2
        return widths


class Conv1d(_Forward):
    """F.conv1d with its own weight and bias; arguments as torch.nn.Conv1d."""

    rank = 1


class Conv2d(_Forward):
    """F.conv2d with its own weight and bias; arguments as torch.nn.Conv2d."""

    rank = 2


class Conv3d(_Forward):
    """F.conv3d with its own weight and bias; arguments as torch.nn.Conv3d."""

    rank = 3


class _Transposed(_Conv):
    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: IntOrTuple,
        stride: IntOrTuple = 1,
        padding: IntOrTuple = 0,
        output_padding: IntOrTuple = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: IntOrTuple = 1,
        padding_mode: str = "zeros",
        dtype: DTypeLike = np.float32,
        generator: np.random.Generator | None = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, output_padding, dilation,
            groups, bias, padding_mode, dtype, generator,
        )  # fmt: skip

    def forward(self, input: Any, output_size: Sequence[int] | None = None) -> Any:
        """output_size: the spatial sizes wanted; the output_padding follows from them."""
        input = as_tensor(input)
        extra = self.output_padding
        if output_size is not None:
            extra = self._extra(input.shape[-self.rank :], tuple(output_size)[-self.rank :])
        function = getattr(F, f"conv_transpose{self.rank}d")
        where = self.stride, self.padding, extra, self.groups, self.dilation
        return function(input, self._kernel(), self.bias, *where)

    def _extra(self, sizes: tuple[int, ...], wanted: tuple[int, ...]) -> tuple[int, ...]:
        padding: Any = self.padding
        least = [
            (n - 1) * s - 2 * p + d * (k - 1) + 1
            for n, s, p, d, k in zip(
                sizes, self.stride, padding, self.dilation, self.kernel_size, strict=True
            )
        ]
        if len(wanted) != self.rank or any(
            not low <= want < low + s
            for low, want, s in zip(least, wanted, self.stride, strict=True)
        ):
            raise ValueError(
                f"{type(self).__name__}: output_size must be from {tuple(least)} on and less than "
                f"a stride {self.stride} above, but got {wanted}"
            )
        return tuple(want - low for low, want in zip(least, wanted, strict=True))


class ConvTranspose1d(_Transposed):
    """F.conv_transpose1d with its own weight and bias; arguments as torch.nn.ConvTranspose1d."""

    rank = 1


class ConvTranspose2d(_Transposed):
    """F.conv_transpose2d with its own weight and bias; arguments as torch.nn.ConvTranspose2d."""

    rank = 2


class ConvTranspose3d(_Transposed):
    """F.conv_transpose3d with its own weight and bias; arguments as torch.nn.ConvTranspose3d."""

    rank = 3
