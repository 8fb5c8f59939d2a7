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
from ndnn.ops.linear import linear
from ndnn.ops.loss import cross_entropy, mse_loss, nll_loss
from ndnn.ops.max_pool import (
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    fractional_max_pool2d,
    fractional_max_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from ndnn.ops.norm import batch_norm
from ndnn.ops.pool import adaptive_avg_pool2d, avg_pool2d
from ndnn.ops.unpool import max_unpool1d, max_unpool2d, max_unpool3d

__all__ = [
    "adaptive_avg_pool2d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "avg_pool2d",
    "batch_norm",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cross_entropy",
    "dropout",
    "fractional_max_pool2d",
    "fractional_max_pool3d",
    "leaky_relu",
    "linear",
    "log_softmax",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
    "mse_loss",
    "nll_loss",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
    "true_conv1d",
    "true_conv2d",
    "true_conv3d",
]
