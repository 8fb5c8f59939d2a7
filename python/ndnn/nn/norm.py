# SPDX-License-Identifier: MIT
"""Layers of normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

import ndnn.functional as F
from ndnn.nn.module import Module, Parameter
from ndnn.tensor import as_tensor


class _Affine(Module):
    """weight of ones and bias of zeros, or None where they are not wanted."""

    def _add_affine(self, shape: Any, weight: bool, bias: bool, dtype: DTypeLike) -> None:
        self.register_parameter("weight", Parameter(np.ones(shape, dtype)) if weight else None)
        self.register_parameter("bias", Parameter(np.zeros(shape, dtype)) if bias else None)


class _Running(_Affine):
    """One weight a channel, and running statistics."""

    ndims: ClassVar[tuple[int, ...]]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        dtype: DTypeLike = np.float32,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self._add_affine(num_features, affine, affine and bias, dtype)
        tracked = track_running_stats
        self.register_buffer("running_mean", np.zeros(num_features, dtype) if tracked else None)
        self.register_buffer("running_var", np.ones(num_features, dtype) if tracked else None)
        self.register_buffer("num_batches_tracked", np.array(0) if tracked else None)

    def _checked(self, input: Any) -> Any:
        input = as_tensor(input)
        if input.ndim not in self.ndims:
            raise ValueError(
                f"{type(self).__name__}: input must have {' or '.join(map(str, self.ndims))} axes, "
                f"but got shape={input.shape}"
            )
        return input

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_Running):
    def forward(self, input: Any) -> Any:
        input = self._checked(input)
        momentum = self.momentum or 0.0
        if self.training and self.track_running_stats:
            self.num_batches_tracked += 1
            if self.momentum is None:  # the plain average of all batches
                momentum = 1 / int(self.num_batches_tracked)
        return F.batch_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            momentum,
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    """F.batch_norm of (N, C) or (N, C, L); arguments as torch.nn.BatchNorm1d."""

    ndims = 2, 3


class BatchNorm2d(_BatchNorm):
    """F.batch_norm of (N, C, H, W); arguments as torch.nn.BatchNorm2d."""

    ndims = (4,)


class BatchNorm3d(_BatchNorm):
    """F.batch_norm of (N, C, D, H, W); arguments as torch.nn.BatchNorm3d."""

    ndims = (5,)


class _InstanceNorm(_Running):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        dtype: DTypeLike = np.float32,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, dtype, bias=bias)

    def forward(self, input: Any) -> Any:
        input = self._checked(input)
        batched = input.ndim == max(self.ndims)
        y = F.instance_norm(
            input if batched else input.reshape(1, *input.shape),
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum or 0.0,
            self.eps,
        )
        return y if batched else y.reshape(input.shape)


class InstanceNorm1d(_InstanceNorm):
    """F.instance_norm of (N, C, L) or (C, L); arguments as torch.nn.InstanceNorm1d."""

    ndims = 2, 3


class InstanceNorm2d(_InstanceNorm):
    """F.instance_norm of (N, C, H, W) or (C, H, W); arguments as torch.nn.InstanceNorm2d."""

    ndims = 3, 4


class InstanceNorm3d(_InstanceNorm):
    """F.instance_norm of (N, C, D, H, W), N or not; arguments as torch.nn.InstanceNorm3d."""

    ndims = 4, 5


class GroupNorm(_Affine):
    """F.group_norm; arguments as torch.nn.GroupNorm."""

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        dtype: DTypeLike = np.float32,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_groups < 1 or num_channels % num_groups:
            raise ValueError(
                "GroupNorm: num_groups must divide num_channels, "
                f"but got num_groups={num_groups}, num_channels={num_channels}"
            )
        self.num_groups, self.num_channels = num_groups, num_channels
        self.eps, self.affine = eps, affine
        self._add_affine(num_channels, affine, affine and bias, dtype)

    def forward(self, input: Any) -> Any:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"


class LayerNorm(_Affine):
    """F.layer_norm; arguments as torch.nn.LayerNorm."""

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__()
        self.normalized_shape, self.eps = _shape(normalized_shape), eps
        self.elementwise_affine = elementwise_affine
        affine = elementwise_affine
        self._add_affine(self.normalized_shape, affine, affine and bias, dtype)

    def forward(self, input: Any) -> Any:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        affine = self.elementwise_affine
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={affine}"


class RMSNorm(_Affine):
    """F.rms_norm; arguments as torch.nn.RMSNorm."""

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__()
        self.normalized_shape, self.eps = _shape(normalized_shape), eps
        self.elementwise_affine = elementwise_affine
        weight = Parameter(np.ones(self.normalized_shape, dtype)) if elementwise_affine else None
        self.register_parameter("weight", weight)

    def forward(self, input: Any) -> Any:
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        affine = self.elementwise_affine
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={affine}"


class LocalResponseNorm(Module):
    """F.local_response_norm; arguments as torch.nn.LocalResponseNorm."""

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Any) -> Any:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


def _shape(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    one = not isinstance(normalized_shape, Sequence)
    return (normalized_shape,) if one else tuple(normalized_shape)  # type: ignore[arg-type, return-value]
