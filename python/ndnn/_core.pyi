# SPDX-License-Identifier: MIT
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any, SupportsIndex

from numpy.typing import ArrayLike, DTypeLike, NDArray

__version__: str
context_limit: ContextVar[int | None]

GRADIENT_FROM_RESULT: frozenset[str]

class PackedWeight:
    def __init__(self, array: ArrayLike) -> None: ...
    @property
    def array(self) -> NDArray[Any]: ...
    @property
    def forms(self) -> int: ...
    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> NDArray[Any]: ...

def conv(
    rank: int,
    flip: bool,
    input: ArrayLike,
    weight: ArrayLike | PackedWeight,
    bias: ArrayLike | None,
    stride: SupportsIndex | Sequence[SupportsIndex],
    padding: SupportsIndex | Sequence[SupportsIndex] | str,
    dilation: SupportsIndex | Sequence[SupportsIndex],
    groups: SupportsIndex,
    /,
) -> NDArray[Any]: ...
def fused_conv(
    rank: int,
    input: ArrayLike,
    weight: ArrayLike | PackedWeight,
    bias: ArrayLike | None,
    stride: SupportsIndex | Sequence[SupportsIndex],
    padding: SupportsIndex | Sequence[SupportsIndex] | str,
    dilation: SupportsIndex | Sequence[SupportsIndex],
    groups: SupportsIndex,
    activation: str | None,
    residual: ArrayLike | None,
    negative_slope: float,
    /,
) -> NDArray[Any]: ...
def plan_conv(
    rank: int,
    x_shape: Sequence[int],
    w_shape: Sequence[int],
    stride: SupportsIndex | Sequence[SupportsIndex],
    padding: SupportsIndex | Sequence[SupportsIndex] | str,
    dilation: SupportsIndex | Sequence[SupportsIndex],
    groups: SupportsIndex,
    item_bytes: int,
    packed: bool,
    /,
) -> dict[str, Any]: ...
def conv_transpose(
    rank: int,
    input: ArrayLike,
    weight: ArrayLike | PackedWeight,
    bias: ArrayLike | None,
    stride: SupportsIndex | Sequence[SupportsIndex],
    padding: SupportsIndex | Sequence[SupportsIndex],
    output_padding: SupportsIndex | Sequence[SupportsIndex],
    groups: SupportsIndex,
    dilation: SupportsIndex | Sequence[SupportsIndex],
    /,
) -> NDArray[Any]: ...
def plan_conv_transpose(
    rank: int,
    x_shape: Sequence[int],
    w_shape: Sequence[int],
    stride: SupportsIndex | Sequence[SupportsIndex],
    padding: SupportsIndex | Sequence[SupportsIndex],
    output_padding: SupportsIndex | Sequence[SupportsIndex],
    groups: SupportsIndex,
    dilation: SupportsIndex | Sequence[SupportsIndex],
    item_bytes: int,
    packed: bool,
    /,
) -> dict[str, Any]: ...
def conv_input_gradient(
    rank: int,
    flipped: bool,
    input_size: Sequence[int],
    weight: ArrayLike | PackedWeight,
    grad_output: ArrayLike,
    stride: SupportsIndex | Sequence[SupportsIndex],
    padding: SupportsIndex | Sequence[SupportsIndex] | str,
    dilation: SupportsIndex | Sequence[SupportsIndex],
    groups: SupportsIndex,
    /,
) -> NDArray[Any]: ...
def conv_transpose_input_gradient(
    rank: int,
    input_size: Sequence[int],
    weight: ArrayLike | PackedWeight,
    grad_output: ArrayLike,
    stride: SupportsIndex | Sequence[SupportsIndex],
    padding: SupportsIndex | Sequence[SupportsIndex],
    output_padding: SupportsIndex | Sequence[SupportsIndex],
    groups: SupportsIndex,
    dilation: SupportsIndex | Sequence[SupportsIndex],
    /,
) -> NDArray[Any]: ...
def conv_weight_gradient(
    rank: int,
    flipped: bool,
    input: ArrayLike,
    weight_size: Sequence[SupportsIndex],
    grad_output: ArrayLike,
    stride: SupportsIndex | Sequence[SupportsIndex],
    padding: SupportsIndex | Sequence[SupportsIndex] | str,
    dilation: SupportsIndex | Sequence[SupportsIndex],
    groups: SupportsIndex,
    transposed: bool = False,
) -> NDArray[Any]: ...
def conv_bias_gradient(rank: int, grad_output: ArrayLike, /) -> NDArray[Any]: ...
def plan_conv_weight_gradient(
    rank: int,
    input_size: Sequence[SupportsIndex],
    weight_size: Sequence[SupportsIndex],
    stride: SupportsIndex | Sequence[SupportsIndex],
    padding: SupportsIndex | Sequence[SupportsIndex] | str,
    dilation: SupportsIndex | Sequence[SupportsIndex],
    groups: SupportsIndex,
    item_bytes: int,
    /,
) -> dict[str, Any]: ...
def pad(
    input: ArrayLike, pad: Sequence[SupportsIndex], mode: str, value: float | None, /
) -> NDArray[Any]: ...
def pad_gradient(
    grad_output: ArrayLike,
    input_size: Sequence[SupportsIndex],
    pad: Sequence[SupportsIndex],
    mode: str,
    /,
) -> NDArray[Any]: ...
def unfold(
    input: ArrayLike,
    kernel_size: SupportsIndex | Sequence[SupportsIndex],
    dilation: SupportsIndex | Sequence[SupportsIndex],
    padding: SupportsIndex | Sequence[SupportsIndex],
    stride: SupportsIndex | Sequence[SupportsIndex],
    /,
) -> NDArray[Any]: ...
def fold(
    input: ArrayLike,
    output_size: SupportsIndex | Sequence[SupportsIndex],
    kernel_size: SupportsIndex | Sequence[SupportsIndex],
    dilation: SupportsIndex | Sequence[SupportsIndex],
    padding: SupportsIndex | Sequence[SupportsIndex],
    stride: SupportsIndex | Sequence[SupportsIndex],
    /,
) -> NDArray[Any]: ...
def pixel_shuffle(input: ArrayLike, upscale_factor: SupportsIndex, /) -> NDArray[Any]: ...
def pixel_unshuffle(input: ArrayLike, downscale_factor: SupportsIndex, /) -> NDArray[Any]: ...
def grid_sample(
    input: ArrayLike,
    grid: ArrayLike,
    mode: str,
    padding_mode: str,
    align_corners: bool | None,
    /,
) -> NDArray[Any]: ...
def grid_sample_gradient(
    of_grid: bool,
    grad_output: ArrayLike,
    input: ArrayLike,
    grid: ArrayLike,
    mode: str,
    padding_mode: str,
    align_corners: bool | None,
    /,
) -> NDArray[Any]: ...
def norm_channels(
    name: str,
    kind: int,
    num_groups: SupportsIndex,
    input: ArrayLike,
    mean: ArrayLike | None,
    var: ArrayLike | None,
    weight: ArrayLike | None,
    bias: ArrayLike | None,
    eps: float,
    own: bool,
    /,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]: ...
def norm_channels_gradient(
    name: str,
    kind: int,
    num_groups: SupportsIndex,
    grad: ArrayLike,
    input: ArrayLike,
    mean: ArrayLike,
    var: ArrayLike,
    weight: ArrayLike | None,
    eps: float,
    constant: bool,
    parameters: bool,
    /,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]: ...
def norm_rows(
    name: str,
    centred: bool,
    input: ArrayLike,
    normalized_shape: Sequence[SupportsIndex],
    weight: ArrayLike | None,
    bias: ArrayLike | None,
    eps: float,
    /,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]: ...
def norm_rows_gradient(
    name: str,
    centred: bool,
    grad: ArrayLike,
    input: ArrayLike,
    normalized_shape: Sequence[SupportsIndex],
    mean: ArrayLike,
    var: ArrayLike,
    weight: ArrayLike | None,
    eps: float,
    parameters: bool,
    /,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]: ...
def normalize(
    input: ArrayLike, axis: int, axes: int, eps: float, /
) -> tuple[NDArray[Any], NDArray[Any]]: ...
def normalize_gradient(
    grad: ArrayLike, input: ArrayLike, norm: ArrayLike, axis: int, axes: int, eps: float, /
) -> NDArray[Any]: ...
def local_response_norm(
    input: ArrayLike, size: SupportsIndex, alpha: float, beta: float, k: float, /
) -> NDArray[Any]: ...
def local_response_norm_gradient(
    grad: ArrayLike,
    input: ArrayLike,
    size: SupportsIndex,
    alpha: float,
    beta: float,
    k: float,
    /,
) -> NDArray[Any]: ...
def sgd_step(
    parameters: list[tuple[Any, ...]],
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
    /,
) -> None: ...
def adam_step(
    parameters: list[tuple[Any, ...]],
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
    /,
) -> None: ...
def loss(
    name: str,
    kind: str,
    reduction: str,
    parameters: tuple[float, ...],
    /,
    *operands: ArrayLike,
) -> NDArray[Any]: ...
def loss_gradient(
    name: str,
    kind: str,
    reduction: str,
    parameters: tuple[float, ...],
    of: int,
    grad: ArrayLike,
    /,
    *operands: ArrayLike,
) -> NDArray[Any]: ...
def labels(
    function: str, name: str, target: NDArray[Any], count: int, ignore_index: int | None, /
) -> NDArray[Any]: ...
def cross_entropy(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None,
    ignore_index: SupportsIndex,
    reduction: str,
    label_smoothing: float,
    /,
) -> tuple[NDArray[Any], NDArray[Any], float]: ...
def cross_entropy_gradient(
    input: ArrayLike,
    target: ArrayLike,
    weight: ArrayLike | None,
    ignore_index: SupportsIndex,
    label_smoothing: float,
    statistics: NDArray[Any],
    divisor: float,
    grad: ArrayLike,
    /,
) -> NDArray[Any]: ...
def row_sums(
    function: str,
    table: ArrayLike,
    rows: ArrayLike,
    weight: ArrayLike | None,
    offsets: ArrayLike | None,
    count: int,
    transpose: bool,
    /,
) -> NDArray[Any]: ...

class MaxPoolTrace:
    def gradient(self, grad_output: ArrayLike, /) -> NDArray[Any]: ...

def max_pool(
    rank: int,
    input: ArrayLike,
    kernel_size: SupportsIndex | Sequence[SupportsIndex],
    stride: SupportsIndex | Sequence[SupportsIndex] | None,
    padding: SupportsIndex | Sequence[SupportsIndex],
    dilation: SupportsIndex | Sequence[SupportsIndex],
    ceil_mode: bool,
    return_indices: bool,
    trace: bool,
    /,
) -> Any: ...
def adaptive_max_pool(
    rank: int,
    input: ArrayLike,
    output_size: SupportsIndex | Sequence[SupportsIndex | None] | None,
    return_indices: bool,
    trace: bool,
    /,
) -> Any: ...
def fractional_max_pool(
    rank: int,
    input: ArrayLike,
    kernel_size: SupportsIndex | Sequence[SupportsIndex],
    output_size: SupportsIndex | Sequence[SupportsIndex],
    random_samples: ArrayLike,
    return_indices: bool,
    trace: bool,
    /,
) -> Any: ...
def max_unpool(
    rank: int,
    input: ArrayLike,
    indices: ArrayLike,
    kernel_size: SupportsIndex | Sequence[SupportsIndex],
    stride: SupportsIndex | Sequence[SupportsIndex] | None,
    padding: SupportsIndex | Sequence[SupportsIndex],
    output_size: Sequence[SupportsIndex] | None,
    /,
) -> NDArray[Any]: ...
def max_unpool_gradient(
    rank: int, grad_output: ArrayLike, indices: ArrayLike, /
) -> NDArray[Any]: ...
def interpolate(
    input: ArrayLike,
    size: SupportsIndex | Sequence[SupportsIndex] | None,
    scale_factor: float | Sequence[float] | None,
    mode: str,
    align_corners: bool | None,
    recompute_scale_factor: bool | None,
    antialias: bool,
    /,
) -> NDArray[Any]: ...
def interpolate_gradient(
    grad_output: ArrayLike,
    input_size: Sequence[int],
    size: SupportsIndex | Sequence[SupportsIndex] | None,
    scale_factor: float | Sequence[float] | None,
    mode: str,
    align_corners: bool | None,
    recompute_scale_factor: bool | None,
    antialias: bool,
    /,
) -> NDArray[Any]: ...
def avg_pool(
    name: str,
    rank: int,
    input: ArrayLike,
    kernel_size: SupportsIndex | Sequence[SupportsIndex],
    stride: SupportsIndex | Sequence[SupportsIndex] | None,
    padding: SupportsIndex | Sequence[SupportsIndex],
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: SupportsIndex | None,
    /,
) -> NDArray[Any]: ...
def avg_pool_gradient(
    name: str,
    rank: int,
    grad_output: ArrayLike,
    input_size: Sequence[int],
    kernel_size: SupportsIndex | Sequence[SupportsIndex],
    stride: SupportsIndex | Sequence[SupportsIndex] | None,
    padding: SupportsIndex | Sequence[SupportsIndex],
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: SupportsIndex | None,
    /,
) -> NDArray[Any]: ...
def adaptive_avg_pool(
    rank: int, input: ArrayLike, output_size: int | Sequence[int | None], /
) -> NDArray[Any]: ...
def adaptive_avg_pool_gradient(
    rank: int,
    grad_output: ArrayLike,
    input_size: Sequence[int],
    output_size: int | Sequence[int | None],
    /,
) -> NDArray[Any]: ...
def activation(
    name: str, input: ArrayLike, out: ArrayLike | None, /, *parameters: float
) -> NDArray[Any]: ...
def activation_gradient(
    name: str, grad: ArrayLike, saved: ArrayLike, /, *parameters: float
) -> NDArray[Any]: ...
def map(
    name: str,
    operands: tuple[ArrayLike, ...],
    parameters: tuple[float, ...] = (),
    key: int = 0,
    out: ArrayLike | None = None,
) -> NDArray[Any]: ...
def prelu_weight_gradient(
    grad: ArrayLike, input: ArrayLike, one_weight: bool, /
) -> NDArray[Any]: ...
def softmax(
    function: str, input: ArrayLike, dim: SupportsIndex, log: bool, scale: float, /
) -> NDArray[Any]: ...
def softmax_gradient(
    function: str,
    grad: ArrayLike,
    result: ArrayLike,
    dim: SupportsIndex,
    log: bool,
    scale: float,
    /,
) -> NDArray[Any]: ...
def force_weight_gradient_algorithm(name: str, /) -> None: ...
def force_conv_algorithm(name: str, /) -> None: ...
def set_winograd(on: bool, /) -> None: ...
def winograd_enabled() -> bool: ...
def set_num_threads(n: SupportsIndex, /) -> None: ...
def get_num_threads() -> int: ...
def check_num_threads(n: SupportsIndex, /) -> int: ...
def thread_limit() -> int: ...
def usable_cpus() -> int: ...
def worker_count() -> int: ...
def after_fork() -> bool: ...
def openmp_name() -> str: ...
def active_isa() -> str: ...
def force_isa(name: str, /) -> None: ...
def supported_isas() -> list[str]: ...
