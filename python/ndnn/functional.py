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
from ndnn.ops.avg_pool import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
)
from ndnn.ops.conv import conv1d, conv2d, conv3d, true_conv1d, true_conv2d, true_conv3d
from ndnn.ops.conv_transpose import conv_transpose1d, conv_transpose2d, conv_transpose3d
from ndnn.ops.linear import linear
from ndnn.ops.loss import cross_entropy, mse_loss, nll_loss
from ndnn.ops.norm import batch_norm
from ndnn.ops.pool import max_pool2d
from ndnn.ops.resize import interpolate, upsample
from ndnn.ops.unpool import max_unpool2d

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cross_entropy",
    "dropout",
    "interpolate",
    "leaky_relu",
    "linear",
    "log_softmax",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool2d",
    "max_unpool2d",
    "mse_loss",
    "nll_loss",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
    "true_conv1d",
    "true_conv2d",
    "true_conv3d",
    "upsample",
]
