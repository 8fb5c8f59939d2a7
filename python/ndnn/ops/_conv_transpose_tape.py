# SPDX-License-Identifier: MIT
"""Transposed convolution with a Tensor among its operands, and its gradients."""

from __future__ import annotations

from typing import Any

from ndnn._load import _core
from ndnn.tensor import Operand, arrays, record


def _record_conv_transpose(
    rank: int,
    input: Operand,
    weight: Operand,
    bias: Operand,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
) -> Any:
    """Towards the weight, input and gradient of a convolution exchange their roles."""
    x, w, b = arrays(input, weight, bias)
    where = stride, padding, output_padding, groups, dilation

    def of_input(g: Any) -> Any:
        return _core.conv_transpose_input_gradient(rank, x.shape, w, g, *where)

    def of_weight(g: Any) -> Any:
        places = stride, padding, dilation, groups
        return _core.conv_weight_gradient(rank, False, g, w.shape, x, *places, transposed=True)

    return record(
        f"conv_transpose{rank}d",
        _core.conv_transpose(rank, x, w, b, *where),
        (input, of_input),
        (weight, of_weight),
        (bias, lambda g: _core.conv_bias_gradient(rank, g)),
        saved=(input, weight),
    )
