# SPDX-License-Identifier: MIT
"""Batch norm, activations, pools, dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ndnn import functional as F
from ndnn.nn.module import Module

IntOrTuple = int | Sequence[int]


class ReLU(Module):
    """F.relu."""

    def forward(self, input: Any) -> Any:
        return F.relu(input)


class LeakyReLU(Module):
    """F.leaky_relu."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, input: Any) -> Any:
        return F.leaky_relu(input, self.negative_slope)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}"


class Sigmoid(Module):
    """F.sigmoid."""

    def forward(self, input: Any) -> Any:
        return F.sigmoid(input)


class Tanh(Module):
    """F.tanh."""

    def forward(self, input: Any) -> Any:
        return F.tanh(input)


class Softmax(Module):
    """F.softmax along `dim`."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Any) -> Any:
        return F.softmax(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Dropout(Module):
    """F.dropout while training; `generator` (None: ndnn.manual_seed's) makes it repeatable."""

    def __init__(self, p: float = 0.5, generator: np.random.Generator | None = None) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: p must be between 0 and 1, but got p={p}")
        self.p, self.generator = p, generator

    def forward(self, input: Any) -> Any:
        return F.dropout(input, self.p, self.training, generator=self.generator)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace=False"
