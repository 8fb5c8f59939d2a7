# SPDX-License-Identifier: MIT
"""The worked example of vanishing gradients: one deep network, five ways to build it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import ndnn
from ndnn import functional as F
from ndnn import init, nn, optim
from ndnn.inspect.flow import GradientFlow, gradient_flow

FEATURES, CLASSES = 64, 10


class Residual(nn.Module):
    """x + f(x)."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Any) -> Any:
        return x + self.layers(x)


def _block(kind: str, width: int) -> nn.Module:
    linear = nn.Linear(width, width)
    if kind == "sigmoid":
        return nn.Sequential(linear, nn.Sigmoid())
    if kind == "zero-centred":
        init.xavier_normal_(linear.weight)
        return nn.Sequential(linear, nn.Tanh())
    if kind == "BatchNorm":
        return nn.Sequential(linear, nn.BatchNorm1d(width), nn.ReLU())
    init.kaiming_normal_(linear.weight, nonlinearity="relu")
    if kind == "residual":
        linear.weight.data = linear.weight.data / 4  # or 2^depth would be the sum of all ways
        return Residual(linear, nn.ReLU())
    return nn.Sequential(linear, nn.ReLU())


KINDS = "sigmoid", "zero-centred", "He", "BatchNorm", "residual"


def networks(depth: int = 20, width: int = 64, seed: int = 0) -> dict[str, nn.Module]:
    """The same `depth` layers: with sigmoids; with tanh, whose results lie around 0; with ReLU and
    He's initial weights; with batch norm; and with a way around each layer."""
    ndnn.manual_seed(seed)
    return {
        kind: nn.Sequential(
            nn.Linear(FEATURES, width),
            *(_block(kind, width) for _ in range(depth)),
            nn.Linear(width, CLASSES),
        )
        for kind in KINDS
    }


def examples(count: int = 256, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Points around ten centres, and the number of each one's centre."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, count)
    centres = rng.standard_normal((CLASSES, FEATURES))
    points = centres[labels] + 0.7 * rng.standard_normal((count, FEATURES))
    return points.astype(np.float32), labels


def loss_of(points: Any, labels: Any) -> Callable[[nn.Module], Any]:
    return lambda net: F.cross_entropy(net(points), labels)


def flows(depth: int = 20, seed: int = 0) -> dict[str, GradientFlow]:
    """The gradient flow of each, before training."""
    loss = loss_of(*examples(seed=seed))
    return {kind: gradient_flow(net, loss) for kind, net in networks(depth, seed=seed).items()}


def train(net: nn.Module, steps: int = 100, seed: int = 0, observe: Any = None) -> list[float]:
    """The loss at each step of plain gradient descent with momentum; observe: called after each
    backward."""
    loss_function = loss_of(*examples(seed=seed))
    optimizer = optim.SGD(net.parameters(), lr=0.005, momentum=0.9)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_function(net)
        loss.backward()
        if observe is not None:
            observe()
        optimizer.step()
        losses.append(float(loss.item()))
    return losses
