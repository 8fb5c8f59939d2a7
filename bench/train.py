# SPDX-License-Identifier: MIT
"""A training step (forward, backward, Adam) of two networks, ndnn beside torch.

The digits network of ``python -m ndnn demo`` at batch 32, and a ResNet-18 on 64x64 pixels at batch
16: the same layers, the same weights, the same batch. Losses of a first step must agree. "torch" is
its default Adam, "fused" the one kernel of Adam(fused=True).
"""

import argparse
import copy
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.timing import Call, keep_memory, race

TARGET = 1.2


def digits(nn: Any) -> Any:
    from ndnn.demo.digits import network  # after torch, as in contenders.set_up

    return network(nn)


def resnet18(nn: Any) -> Any:
    """torchvision's ResNet-18 with ten classes."""

    class Block(nn.Module):
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(outputs)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(outputs)
            self.relu = nn.ReLU()
            self.downsample = nn.Identity()
            if stride > 1 or inputs != outputs:
                self.downsample = nn.Sequential(
                    nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False),
                    nn.BatchNorm2d(outputs),
                )

        def forward(self, x: Any) -> Any:
            y = self.relu(self.bn1(self.conv1(x)))
            return self.relu(self.bn2(self.conv2(y)) + self.downsample(x))

    blocks = []
    for inputs, outputs, stride in ((64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)):
        blocks += [Block(inputs, outputs, stride), Block(outputs, outputs, 1)]
    return nn.Sequential(
        nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
        nn.MaxPool2d(3, stride=2, padding=1), *blocks,
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10),
    )  # fmt: skip


NETWORKS: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "digits, batch 32": (digits, (32, 1, 8, 8)),
    "resnet18 64x64, batch 16": (resnet18, (16, 3, 64, 64)),
}


def step_of(net: Any, optimizer: Any, loss_of: Any, x: Any, labels: Any) -> Callable[[], float]:
    def step() -> float:
        optimizer.zero_grad()
        loss = loss_of(net(x), labels)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


def steps(name: str) -> dict[str, Call]:
    """A step of each contender, from the same weights."""
    import torch

    import ndnn

    make, shape = NETWORKS[name]
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape, dtype=np.float32)
    labels = rng.integers(0, 10, shape[0])
    theirs = make(torch.nn)
    ours = make(ndnn.nn)
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    adam, loss = ndnn.optim.Adam(ours.parameters()), ndnn.functional.cross_entropy
    calls: dict[str, Call] = {"ndnn": step_of(ours, adam, loss, x, labels)}
    tensors = torch.from_numpy(x), torch.from_numpy(labels)
    for contender, net in (("torch", theirs), ("fused", copy.deepcopy(theirs))):
        adam = torch.optim.Adam(net.parameters(), fused=contender == "fused")
        calls[contender] = step_of(net, adam, torch.nn.functional.cross_entropy, *tensors)
    losses = {contender: call() for contender, call in calls.items()}
    if not np.allclose(list(losses.values()), losses["torch"], rtol=1e-4):
        raise SystemExit(f"{name}: the losses differ: {losses}")
    return calls


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each network and library")
    options = parser.parse_args()
    import torch
    from threadpoolctl import threadpool_limits

    import ndnn

    keep_memory()
    torch.set_num_threads(options.threads)
    print(f"ndnn {ndnn.__version__}, torch {torch.__version__}, threads={options.threads}")
    print(f"{'ms a step':<26}{'ndnn':>9}{'torch':>9}{'fused':>9}   torch / ndnn, target {TARGET}")
    with threadpool_limits(options.threads, "blas"), ndnn.num_threads(options.threads):
        for name in NETWORKS:
            best = race(steps(name), options.seconds)
            times = "".join(f"{1e3 * best[c]:9.2f}" for c in ("ndnn", "torch", "fused"))
            ratios = ", fused ".join(f"{best[c] / best['ndnn']:.2f}" for c in ("torch", "fused"))
            print(f"{name:<26}{times}   {ratios}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
