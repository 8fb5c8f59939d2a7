# SPDX-License-Identifier: MIT
"""Instruments to look inside a network: receptive field, gradient flow, summary.

>>> import ndnn
>>> from ndnn import nn
>>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3))
>>> field = ndnn.receptive_field(net)
>>> field.size, field.jump, field.start
((8, 8), (2, 2), (0, 0))
"""

from ndnn.inspect.effective import central_box, effective_receptive_field
from ndnn.inspect.flow import GradientFlow, gradient_flow
from ndnn.inspect.geometry import output_size, same_padding
from ndnn.inspect.receptive import ReceptiveField, Window, receptive_field
from ndnn.inspect.recorder import GradientRecorder
from ndnn.inspect.summaries import Summary, summary

__all__ = [
    "GradientFlow",
    "GradientRecorder",
    "ReceptiveField",
    "Summary",
    "Window",
    "central_box",
    "effective_receptive_field",
    "gradient_flow",
    "output_size",
    "receptive_field",
    "same_padding",
    "summary",
]
