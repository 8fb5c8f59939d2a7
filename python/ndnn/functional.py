# SPDX-License-Identifier: MIT
"""The operators: torch.nn.functional's names, arguments and semantics on NumPy arrays."""

from ndnn.ops.conv import conv1d, conv2d, conv3d, true_conv1d, true_conv2d, true_conv3d
from ndnn.ops.conv_transpose import conv_transpose1d, conv_transpose2d, conv_transpose3d

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "true_conv1d",
    "true_conv2d",
    "true_conv3d",
]
