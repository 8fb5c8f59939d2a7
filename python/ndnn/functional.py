# SPDX-License-Identifier: MIT
"""The operators: torch.nn.functional's names, arguments and semantics on NumPy arrays.

Any of them called with an ndnn.Tensor returns a Tensor.
"""

from ndnn.ops.activation import (
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    prelu,
    relu,
    relu6,
    rrelu,
    softshrink,
    threshold,
)
from ndnn.ops.conv import conv1d, conv2d, conv3d, true_conv1d, true_conv2d, true_conv3d
from ndnn.ops.conv_transpose import conv_transpose1d, conv_transpose2d, conv_transpose3d
from ndnn.ops.dropout import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from ndnn.ops.linear import linear
from ndnn.ops.loss import cross_entropy, mse_loss, nll_loss
from ndnn.ops.norm import batch_norm
from ndnn.ops.pool import adaptive_avg_pool2d, avg_pool2d, max_pool2d
from ndnn.ops.smooth import (
    celu,
    elu,
    gelu,
    glu,
    logsigmoid,
    mish,
    selu,
    sigmoid,
    silu,
    softplus,
    softsign,
    tanh,
    tanhshrink,
)
from ndnn.ops.softmax import (
    gumbel_softmax,
    log_softmax,
    softmax,
    softmin,
)
from ndnn.ops.unpool import max_unpool2d

__all__ = [
    "adaptive_avg_pool2d",
    "alpha_dropout",
    "avg_pool2d",
    "batch_norm",
    "celu",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cross_entropy",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "feature_alpha_dropout",
    "gelu",
    "glu",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "max_pool2d",
    "max_unpool2d",
    "mish",
    "mse_loss",
    "nll_loss",
    "prelu",
    "relu",
    "relu6",
    "rrelu",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "true_conv1d",
    "true_conv2d",
    "true_conv3d",
]
