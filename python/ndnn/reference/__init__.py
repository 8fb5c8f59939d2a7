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
from ndnn.reference.conv_transpose import (
    conv1d_input,
    conv2d_input,
    conv3d_input,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from ndnn.reference.fold import (
    channel_shuffle,
    fold,
    pad,
    pixel_shuffle,
    pixel_unshuffle,
    unfold,
)
from ndnn.reference.grid_sample import affine_grid, grid_sample
from ndnn.reference.layers import (
    adaptive_avg_pool2d,
    avg_pool2d,
    batch_norm,
    cross_entropy,
    dropout,
    leaky_relu,
    linear,
    log_softmax,
    max_pool2d,
    max_unpool2d,
    mse_loss,
    nll_loss,
    relu,
    sigmoid,
    softmax,
    tanh,
)
from ndnn.reference.winograd import winograd_conv1d, winograd_matrices

__all__ = [
    "adaptive_avg_pool2d",
    "affine_grid",
    "avg_pool2d",
    "batch_norm",
    "channel_shuffle",
    "conv1d",
    "conv1d_input",
    "conv2d",
    "conv2d_input",
    "conv3d",
    "conv3d_input",
    "conv_bias",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "conv_weight",
    "cross_entropy",
    "dropout",
    "fold",
    "fused",
    "grid_sample",
    "leaky_relu",
    "linear",
    "log_softmax",
    "max_pool2d",
    "max_unpool2d",
    "mse_loss",
    "nll_loss",
    "pad",
    "pixel_shuffle",
    "pixel_unshuffle",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
    "true_conv1d",
    "true_conv2d",
    "true_conv3d",
    "unfold",
    "winograd_conv1d",
    "winograd_matrices",
]
