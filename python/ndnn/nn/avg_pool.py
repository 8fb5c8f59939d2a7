# SPDX-License-Identifier: MIT
"""Layers of pooling by means and powers."""

from __future__ import annotations

from typing import Any, ClassVar

from ndnn import functional as F
from ndnn._checks import IntOrTuple, OutputSize
from ndnn.nn.module import Module


class _AvgPool(Module):
    rank: ClassVar[int]

    def __init__(
        self,
        kernel_size: IntOrTuple,
        stride: IntOrTuple | None = None,
        padding: IntOrTuple = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size, self.padding = kernel_size, padding
        self.stride = kernel_size if stride is None else stride
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Any) -> Any:
        where = self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad
        if self.rank == 1:
            return F.avg_pool1d(input, *where)
        pool = F.avg_pool2d if self.rank == 2 else F.avg_pool3d
        return pool(input, *where, self.divisor_override)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    """F.avg_pool1d; arguments as torch.nn.AvgPool1d."""

    rank = 1

    def __init__(
        self,
        kernel_size: IntOrTuple,
        stride: IntOrTuple | None = None,
        padding: IntOrTuple = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)


class AvgPool2d(_AvgPool):
    """F.avg_pool2d; arguments as torch.nn.AvgPool2d."""

    rank = 2


class AvgPool3d(_AvgPool):
    """F.avg_pool3d; arguments as torch.nn.AvgPool3d."""

    rank = 3


class _AdaptiveAvgPool(Module):
    rank: ClassVar[int]

    def __init__(self, output_size: OutputSize) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Any) -> Any:
        pools = F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d
        return pools[self.rank - 1](input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """F.adaptive_avg_pool1d."""

    rank = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """F.adaptive_avg_pool2d."""

    rank = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """F.adaptive_avg_pool3d."""

    rank = 3


class _LPPool(Module):
    rank: ClassVar[int]

    def __init__(
        self,
        norm_type: float,
        kernel_size: IntOrTuple,
        stride: IntOrTuple | None = None,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.norm_type, self.kernel_size = norm_type, kernel_size
        self.stride, self.ceil_mode = stride, ceil_mode

    def forward(self, input: Any) -> Any:
        pools = F.lp_pool1d, F.lp_pool2d, F.lp_pool3d
        where = self.kernel_size, self.stride, self.ceil_mode
        return pools[self.rank - 1](input, float(self.norm_type), *where)

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """F.lp_pool1d; arguments as torch.nn.LPPool1d."""

    rank = 1


class LPPool2d(_LPPool):
    """F.lp_pool2d; arguments as torch.nn.LPPool2d."""

    rank = 2


class LPPool3d(_LPPool):
    """F.lp_pool3d; arguments as torch.nn.LPPool3d."""

    rank = 3
