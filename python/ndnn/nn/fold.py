# SPDX-License-Identifier: MIT
"""Layers that move values: padding, sliding blocks, shuffles."""

from __future__ import annotations

from typing import Any, ClassVar

from ndnn import functional as F
from ndnn._checks import IntOrTuple
from ndnn.nn.module import Module
from ndnn.tensor import as_tensor


class _Blocks(Module):
    def __init__(
        self,
        kernel_size: IntOrTuple,
        dilation: IntOrTuple,
        padding: IntOrTuple,
        stride: IntOrTuple,
    ) -> None:
        super().__init__()
        self.kernel_size, self.dilation = kernel_size, dilation
        self.padding, self.stride = padding, stride

    def extra_repr(self) -> str:
        text = f"kernel_size={self.kernel_size}, dilation={self.dilation}"
        return f"{text}, padding={self.padding}, stride={self.stride}"


class Unfold(_Blocks):
    """F.unfold; arguments as torch.nn.Unfold."""

    def __init__(
        self,
        kernel_size: IntOrTuple,
        dilation: IntOrTuple = 1,
        padding: IntOrTuple = 0,
        stride: IntOrTuple = 1,
    ) -> None:
        super().__init__(kernel_size, dilation, padding, stride)

    def forward(self, input: Any) -> Any:
        where = self.kernel_size, self.dilation, self.padding, self.stride
        return F.unfold(as_tensor(input), *where)


class Fold(_Blocks):
    """F.fold; arguments as torch.nn.Fold."""

    def __init__(
        self,
        output_size: IntOrTuple,
        kernel_size: IntOrTuple,
        dilation: IntOrTuple = 1,
        padding: IntOrTuple = 0,
        stride: IntOrTuple = 1,
    ) -> None:
        super().__init__(kernel_size, dilation, padding, stride)
        self.output_size = output_size

    def forward(self, input: Any) -> Any:
        where = self.kernel_size, self.dilation, self.padding, self.stride
        return F.fold(as_tensor(input), self.output_size, *where)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}, {super().extra_repr()}"


class PixelShuffle(Module):
    """F.pixel_shuffle."""

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Any) -> Any:
        return F.pixel_shuffle(as_tensor(input), self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """F.pixel_unshuffle."""

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Any) -> Any:
        return F.pixel_unshuffle(as_tensor(input), self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """F.channel_shuffle."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Any) -> Any:
        return F.channel_shuffle(as_tensor(input), self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"


class _Pad(Module):
    rank: ClassVar[int]
    mode: ClassVar[str]

    def __init__(self, padding: IntOrTuple) -> None:
        super().__init__()
        self.padding = (padding,) * (2 * self.rank) if isinstance(padding, int) else tuple(padding)
        if len(self.padding) != 2 * self.rank:
            raise ValueError(
                f"{type(self).__name__}: padding must be an int or {2 * self.rank} ints, "
                f"but got padding={padding}"
            )

    def forward(self, input: Any) -> Any:
        return F.pad(as_tensor(input), self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    mode = "constant"

    def __init__(self, padding: IntOrTuple, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Any) -> Any:
        return F.pad(as_tensor(input), self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: IntOrTuple) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ReflectionPad(_Pad):
    mode = "reflect"


class _ReplicationPad(_Pad):
    mode = "replicate"


class _CircularPad(_Pad):
    mode = "circular"


class ConstantPad1d(_ConstantPad):
    """F.pad of the last axis: `value` around the input."""

    rank = 1


class ConstantPad2d(_ConstantPad):
    """F.pad of the last two axes: `value` around the input."""

    rank = 2


class ConstantPad3d(_ConstantPad):
    """F.pad of the last three axes: `value` around the input."""

    rank = 3


class ZeroPad1d(_ZeroPad):
    """F.pad of the last axis: zeros around the input."""

    rank = 1


class ZeroPad2d(_ZeroPad):
    """F.pad of the last two axes: zeros around the input."""

    rank = 2


class ZeroPad3d(_ZeroPad):
    """F.pad of the last three axes: zeros around the input."""

    rank = 3


class ReflectionPad1d(_ReflectionPad):
    """F.pad of the last axis: the input mirrored at its ends."""

    rank = 1


class ReflectionPad2d(_ReflectionPad):
    """F.pad of the last two axes: the input mirrored at its ends."""

    rank = 2


class ReflectionPad3d(_ReflectionPad):
    """F.pad of the last three axes: the input mirrored at its ends."""

    rank = 3


class ReplicationPad1d(_ReplicationPad):
    """F.pad of the last axis: the ends of the input repeated."""

    rank = 1


class ReplicationPad2d(_ReplicationPad):
    """F.pad of the last two axes: the ends of the input repeated."""

    rank = 2


class ReplicationPad3d(_ReplicationPad):
    """F.pad of the last three axes: the ends of the input repeated."""

    rank = 3


class CircularPad1d(_CircularPad):
    """F.pad of the last axis: the input going round."""

    rank = 1


class CircularPad2d(_CircularPad):
    """F.pad of the last two axes: the input going round."""

    rank = 2


class CircularPad3d(_CircularPad):
    """F.pad of the last three axes: the input going round."""

    rank = 3
