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
def force_weight_gradient_algorithm(name: str, /) -> None: ...
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
