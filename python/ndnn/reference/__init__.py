# SPDX-License-Identifier: MIT
"""Every operator in plain NumPy and float64: its definition to read, and the tests' oracle."""

from ndnn.reference import fused
from ndnn.reference.conv import (
    conv1d,
    conv2d,
    conv3d,
    true_conv1d,
    true_conv2d,
    true_conv3d,
)
from ndnn.reference.conv_grad import conv_bias, conv_weight
from ndnn.reference.winograd import winograd_conv1d, winograd_matrices

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_bias",
    "conv_weight",
    "fused",
    "true_conv1d",
    "true_conv2d",
    "true_conv3d",
    "winograd_conv1d",
    "winograd_matrices",
]
