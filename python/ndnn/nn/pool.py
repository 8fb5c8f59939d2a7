# SPDX-License-Identifier: MIT
"""Layers of maximum pooling and unpooling: torch.nn's names and arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from numpy.typing import ArrayLike

from ndnn import functional as F
from ndnn._checks import IntOrTuple, OutputSize
from ndnn.nn.module import Module


class _MaxPool(Module):
    pool: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        kernel_size: IntOrTuple,
        stride: IntOrTuple | None = None,
        padding: IntOrTuple = 0,
        dilation: IntOrTuple = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size, self.padding, self.dilation = kernel_size, padding, dilation
        self.stride = kernel_size if stride is None else stride
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, input: Any) -> Any:
        where = self.kernel_size, self.stride, self.padding, self.dilation
        return type(self).pool(input, *where, self.ceil_mode, self.return_indices)

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """F.max_pool1d; arguments as torch.nn.MaxPool1d."""

    pool = F.max_pool1d


class MaxPool2d(_MaxPool):
    """F.max_pool2d; arguments as torch.nn.MaxPool2d."""

    pool = F.max_pool2d


class MaxPool3d(_MaxPool):
    """F.max_pool3d; arguments as torch.nn.MaxPool3d."""

    pool = F.max_pool3d


class _AdaptiveMaxPool(Module):
    pool: ClassVar[Callable[..., Any]]

    def __init__(self, output_size: OutputSize, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size, self.return_indices = output_size, return_indices

    def forward(self, input: Any) -> Any:
        return type(self).pool(input, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """F.adaptive_max_pool1d; arguments as torch.nn.AdaptiveMaxPool1d."""

    pool = F.adaptive_max_pool1d


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """F.adaptive_max_pool2d; arguments as torch.nn.AdaptiveMaxPool2d."""

    pool = F.adaptive_max_pool2d


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """F.adaptive_max_pool3d; arguments as torch.nn.AdaptiveMaxPool3d."""

    pool = F.adaptive_max_pool3d


class _FractionalMaxPool(Module):
    pool: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        kernel_size: IntOrTuple,
        output_size: IntOrTuple | None = None,
        output_ratio: float | Sequence[float] | None = None,
        return_indices: bool = False,
        _random_samples: ArrayLike | None = None,
    ) -> None:
        super().__init__()
        if (output_size is None) == (output_ratio is None):
            raise ValueError(
                f"{type(self).__name__}: one of output_size and output_ratio must be given, "
                f"but got output_size={output_size}, output_ratio={output_ratio}"
            )
        self.kernel_size, self.return_indices = kernel_size, return_indices
        self.output_size, self.output_ratio = output_size, output_ratio
        self.register_buffer("_random_samples", _random_samples)

    def forward(self, input: Any) -> Any:
        size = self.output_size, self.output_ratio
        samples = self._random_samples
        return type(self).pool(input, self.kernel_size, *size, self.return_indices, samples)


class FractionalMaxPool2d(_FractionalMaxPool):
    """F.fractional_max_pool2d; arguments as torch.nn.FractionalMaxPool2d."""

    pool = F.fractional_max_pool2d


class FractionalMaxPool3d(_FractionalMaxPool):
    """F.fractional_max_pool3d; arguments as torch.nn.FractionalMaxPool3d."""

    pool = F.fractional_max_pool3d


class _MaxUnpool(Module):
    unpool: ClassVar[Callable[..., Any]]

    def __init__(
        self, kernel_size: IntOrTuple, stride: IntOrTuple | None = None, padding: IntOrTuple = 0
    ) -> None:
        super().__init__()
        self.kernel_size, self.padding = kernel_size, padding
        self.stride = kernel_size if stride is None else stride

    def forward(self, input: Any, indices: Any, output_size: Any = None) -> Any:
        where = self.kernel_size, self.stride, self.padding
        return type(self).unpool(input, indices, *where, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """F.max_unpool1d; arguments as torch.nn.MaxUnpool1d."""

    unpool = F.max_unpool1d


class MaxUnpool2d(_MaxUnpool):
    """F.max_unpool2d; arguments as torch.nn.MaxUnpool2d."""

    unpool = F.max_unpool2d


class MaxUnpool3d(_MaxUnpool):
    """F.max_unpool3d; arguments as torch.nn.MaxUnpool3d."""

    unpool = F.max_unpool3d
