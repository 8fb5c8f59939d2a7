# SPDX-License-Identifier: MIT
"""The operators: torch.nn.functional's names, arguments and semantics on NumPy arrays.

Any of them called with an ndnn.Tensor returns a Tensor.
"""

from ndnn.ops.activation import (
    dropout,
    leaky_relu,
    log_softmax,
    relu,
    sigmoid,
    softmax,
    tanh,
)
from ndnn.ops.conv import conv1d, conv2d, conv3d, true_conv1d, true_conv2d, true_conv3d
from ndnn.ops.conv_transpose import conv_transpose1d, conv_transpose2d, conv_transpose3d
from ndnn.ops.fold import channel_shuffle, fold, pad, pixel_shuffle, pixel_unshuffle, unfold
from ndnn.ops.grid_sample import affine_grid, grid_sample
from ndnn.ops.linear import linear
from ndnn.ops.loss import cross_entropy, mse_loss, nll_loss
from ndnn.ops.norm import batch_norm
from ndnn.ops.pool import adaptive_avg_pool2d, avg_pool2d, max_pool2d
from ndnn.ops.unpool import max_unpool2d

__all__ = [
    "adaptive_avg_pool2d",
    "affine_grid",
    "avg_pool2d",
    "batch_norm",
    "channel_shuffle",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cross_entropy",
    "dropout",
    "fold",
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
]
