# SPDX-License-Identifier: MIT
"""The main demo: a small convolutional network learns to read handwritten digits.

``python -m ndnn demo`` runs it: 1797 scanned digits of 8x8 pixels (scikit-learn's bundled set),
four fifths to learn from, one fifth to be tested on. It ends with a picture and a file of weights.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import ndnn
from ndnn import functional as F
from ndnn import nn, optim
from ndnn.demo import (
    check_output,
    check_weights,
    must_agree,
    progress,
    require,
    saved_and_loaded,
    writing,
)

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

BATCH = 32
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 1e-2
CLASSES = 10


class Digits(NamedTuple):
    """Images (N, 1, 8, 8) in 0 ... 1 and their labels (N,)."""

    images: FloatArray
    labels: IntArray


@dataclass
class Course:
    """What happened in training: the loss of each step, the test accuracy after each epoch."""

    losses: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    seconds: float = 0.0
    images: int = 0


def run(output: str, weights: str, seed: int, epochs: int, threads: int | None = None) -> None:
    """Train, test, save, load again, and draw.

    Raises:
        DemoError: a missing package or place (exit code 2), or weights that come back changed (1).
    """
    require("matplotlib")
    check_output(output)
    check_weights(weights)
    with ndnn.num_threads(threads) if threads else nullcontext():
        train_set, test_set = load_digits(np.random.default_rng(seed))
        ndnn.manual_seed(seed)
        net = network()
        course = train(net, train_set, test_set, epochs, np.random.default_rng(seed + 1))
        answers = predict(net, test_set.images)
        again = saved_and_loaded(net, network(), weights)
        must_agree(predict(again, test_set.images), answers)
        from ndnn.demo import digits_picture

        with writing(output):
            digits_picture.draw(net, test_set, answers, course, output)
    right = int((answers.argmax(1) == test_set.labels).sum())
    total = len(test_set.labels)
    rate = course.images / course.seconds
    print(
        f"{course.images} images in {course.seconds:.1f} s ({rate:.0f}/s); "
        f"{right} of {total} unseen digits right: {100 * right / total:.1f} %.\n"
        f"The same from the saved weights: {weights}. The picture: {output}"
    )


def network(layers: Any = nn) -> Any:
    """Two convolutions, a pool, one more of each, and a linear layer: 58 000 parameters.

    layers: ndnn.nn, or torch.nn to compare.
    """
    return layers.Sequential(
        layers.Conv2d(1, 32, 3, padding=1),
        layers.ReLU(),
        layers.Conv2d(32, 64, 3, padding=1),
        layers.ReLU(),
        layers.MaxPool2d(2),
        layers.Conv2d(64, 64, 3, padding=1),
        layers.ReLU(),
        layers.MaxPool2d(2),
        layers.Flatten(),
        layers.Linear(256, CLASSES),
    )


def load_digits(rng: np.random.Generator) -> tuple[Digits, Digits]:
    """The digits in random order: four fifths to learn from, one fifth to test."""
    data = require("sklearn.datasets").load_digits()
    order = rng.permutation(len(data.target))
    images = (data.images[order, None] / 16).astype(np.float32)
    labels = data.target[order].astype(np.int64)
    test = len(order) // 5
    return Digits(images[test:], labels[test:]), Digits(images[:test], labels[:test])


def train(
    net: nn.Sequential, train_set: Digits, test_set: Digits, epochs: int, rng: np.random.Generator
) -> Course:
    """AdamW on cross-entropy, its rate falling along a cosine; a bar shows how it goes."""
    course = Course()
    steps = epochs * -(-len(train_set.labels) // BATCH)
    optimizer = optim.AdamW(net.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    begin = time.perf_counter()
    with progress(steps, "learning", "step") as bar:
        for _ in range(epochs):
            order = rng.permutation(len(train_set.labels))
            for at in range(0, len(order), BATCH):
                chosen = order[at : at + BATCH]
                images = shifted(train_set.images[chosen], rng)
                loss = train_step(net, optimizer, images, train_set.labels[chosen])
                schedule.step()
                course.losses.append(loss)
                course.images += len(chosen)
                course.seconds = time.perf_counter() - begin
                bar.update()
                bar.set_postfix(
                    loss=f"{loss:.3f}",
                    accuracy=f"{100 * course.accuracies[-1]:.1f} %" if course.accuracies else "-",
                    images=f"{course.images / course.seconds:.0f}/s",
                    refresh=False,
                )
            right = predict(net, test_set.images).argmax(1) == test_set.labels
            course.accuracies.append(float(right.mean()))
    return course


def train_step(net: nn.Module, optimizer: Any, images: FloatArray, labels: IntArray) -> float:
    """Forward, backward, update; the loss before it."""
    optimizer.zero_grad()
    loss = F.cross_entropy(net(images), labels)
    loss.backward()
    optimizer.step()
    return float(loss.item())


def shifted(images: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Each image moved by at most a pixel along both axes: the network learns to bear it."""
    n, _, height, width = images.shape
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    top, left = rng.integers(0, 3, (2, n, 1, 1))
    rows, columns = np.arange(height)[:, None] + top, np.arange(width) + left
    moved: FloatArray = padded[np.arange(n)[:, None, None], 0, rows, columns][:, None]
    return moved


def predict(net: nn.Module, images: FloatArray) -> FloatArray:
    """Scores (N, CLASSES) of the network, without recording gradients."""
    net.eval()
    with ndnn.no_grad():
        scores: FloatArray = np.asarray(net(images))
    net.train()
    return scores
