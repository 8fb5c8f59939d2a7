# SPDX-License-Identifier: MIT
"""The guide's pictures: each function draws one, with what ndnn computes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import cbook, image
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.style import context

import ndnn
import ndnn.functional as F
from ndnn import Tensor, examples, nn
from ndnn.inspect import Window, five, plot

INK, RED, BLUE, GOLD, GREEN = plot.INK, *plot.LINES[:4]
PICTURES: dict[str, Callable[[], Figure]] = {}


def picture(draw: Callable[[], Figure]) -> Callable[[], Figure]:
    PICTURES[draw.__name__] = draw
    return draw


def draw_all(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    with context("default"):
        for name, draw in PICTURES.items():
            draw().savefig(folder / f"{name}.png")


def panels(columns: int, width: float = 8.0, height: float = 3.0, rows: int = 1) -> Any:
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False).ravel()


def derivative(function: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
    """By the tape."""
    t = Tensor(x, requires_grad=True)
    function(t).sum().backward()
    return t.grad


def photograph(height: int, width: int) -> np.ndarray:
    """A part of matplotlib's sample photograph, (H, W), 0 to 1."""
    with cbook.get_sample_data("grace_hopper.jpg") as file:
        full = image.imread(file, format="jpg").mean(2).astype(np.float32) / 255
    small = F.avg_pool2d(full[None, None], 2)[0, 0]
    return np.ascontiguousarray(small[10 : 10 + height, 10 : 10 + width])


@picture
def inputs() -> Figure:
    """Gradient descent on raw and on normalised inputs of two features."""
    rng = np.random.default_rng(0)
    raw = rng.standard_normal((200, 2)) * (4, 0.6) + (0, 0)
    figure, axes = panels(2)
    for ax, x, title, rate in (
        (axes[0], raw, "raw: features of different size", 0.11),
        (axes[1], (raw - raw.mean(0)) / raw.std(0), "normalised", 0.8),
    ):
        target = x @ (1.0, 1.0)
        w, path = Tensor(np.array([-1.5, -1.2]), requires_grad=True), []
        for _ in range(12):
            path.append(w.data.copy())
            w.zero_grad()
            ((ndnn.Tensor(x) @ w - target) ** 2).mean().backward()
            w.data = w.data - rate / 2 * w.grad
        a, b = np.meshgrid(np.linspace(-2.5, 4.5, 80), np.linspace(-2, 3.6, 80))
        loss = ((a[..., None] * x[:, 0] + b[..., None] * x[:, 1] - target) ** 2).mean(-1)
        ax.contour(a, b, np.log1p(loss), 14, cmap="Blues_r", linewidths=0.8)
        ax.plot(*np.array(path).T, "o-", color=RED, ms=3, lw=1.2)
        ax.plot(1, 1, "+", color=INK, ms=10)
        ax.set_title(title, fontsize=10, color=INK)
    return figure


@picture
def batch_norm() -> Figure:
    """The spread of results along a deep network, without and with batch norm."""
    figure, axes = panels(2, height=2.8)
    x = np.random.default_rng(0).standard_normal((256, 64)).astype(np.float32)
    for ax, norm in zip(axes, (False, True), strict=True):
        ndnn.manual_seed(1)
        y: Any = Tensor(x)
        spreads = []
        for _ in range(10):
            y = nn.Linear(64, 64)(y)
            y = nn.BatchNorm1d(64)(y) if norm else y
            spreads.append(y.data.ravel())
            y = F.tanh(y)
        ax.violinplot(spreads, showextrema=False, widths=0.9)
        ax.set_ylim(-3, 3)
        ax.set_title("with BatchNorm" if norm else "without", fontsize=10, color=INK)
        ax.set_xlabel("layer")
    return figure


@picture
def activations() -> Figure:
    """Functions and, by the tape, their derivatives."""
    x = np.linspace(-4, 4, 401)
    functions = {
        "sigmoid": F.sigmoid,
        "tanh": F.tanh,
        "relu": F.relu,
        "leaky_relu": lambda t: F.leaky_relu(t, 0.1),
        "elu": F.elu,
        "gelu": F.gelu,
        "silu": F.silu,
        "softplus": F.softplus,
    }
    figure, axes = panels(4, width=9, height=4.6, rows=2)
    for ax, (name, function) in zip(axes, functions.items(), strict=True):
        ax.axhline(0, color="#cccccc", lw=0.8)
        ax.axvline(0, color="#cccccc", lw=0.8)
        ax.plot(x, function(x), color=BLUE, label="f")
        ax.plot(x, derivative(function, x), color=RED, lw=1.2, label="f'")
        ax.set_ylim(-1.3, 2)
        ax.set_title(name, fontsize=10, color=INK)
    axes[0].legend(fontsize=8)
    return figure


@picture
def losses() -> Figure:
    """Regression by error; classification by the score of the right class."""
    figure, (left, right) = panels(2)
    error = np.linspace(-3, 3, 201)
    for loss, colour in ((F.mse_loss, BLUE), (F.l1_loss, RED), (F.huber_loss, GOLD)):
        values = loss(error, np.zeros(201), reduction="none")
        left.plot(error, values, color=colour, label=loss.__name__)
    left.set_ylim(0, 4)
    left.set_xlabel("error")
    score = np.linspace(-3, 3, 201)
    logits = np.stack([score, np.zeros_like(score)], 1)
    entropy = F.cross_entropy(logits, np.zeros(201, int), reduction="none")
    ones = np.ones(201)
    steps = F.zero_one_loss(score, ones, "none")
    right.step(score, steps, color="#999999", label="0-1", where="mid")
    right.plot(score, F.perceptron_loss(score, ones, "none"), color=GREEN, label="perceptron")
    right.plot(score, F.hinge_loss(score, ones, "none"), color=RED, label="hinge")
    right.plot(score, entropy / np.log(2), color=BLUE, label="cross entropy / ln 2")
    right.set_ylim(0, 4)
    right.set_xlabel("score of the right class less the other's")
    for ax in (left, right):
        ax.legend(fontsize=8)
    return figure


@picture
def convolutions() -> Figure:
    """The inputs that one output reads (blue), and the next one (framed), by kind."""
    kinds = {
        "3x3": (Window((3, 3), 1, 1), (4, 4)),
        "stride 2": (Window((3, 3), 2, 1), (2, 2)),
        "dilation 2": (Window((3, 3), 1, 2, 2), (4, 4)),
        "1x1": (Window((1, 1)), (4, 4)),
        "transposed, stride 2": (Window((4, 4), 2, 1, 1, True), (9, 9)),
    }
    figure, axes = panels(5, width=9.5, height=2.2)
    for ax, (name, (layer, at)) in zip(axes, kinds.items(), strict=True):
        field = ndnn.receptive_field([layer], (1, 1, 9, 9))
        ax.pcolormesh(field.mask(at), cmap="Blues", vmin=-0.15, vmax=1.4, edgecolors="w", lw=1)
        for y, x in np.argwhere(field.mask((at[0], at[1] + 1))):
            ax.plot(x + 0.5, y + 0.5, "s", mfc="none", mec=RED, ms=7, mew=1.1)
        ax.set_aspect("equal")
        ax.set_axis_off()
        ax.set_title(name, fontsize=10, color=INK)
    return figure


@picture
def receptive_field() -> Figure:
    """ResNet-18 on a photograph: what an output can see, and what moves it."""
    net, photo = examples.resnet18(), photograph(224, 224)
    figure, axes = panels(3, width=10, height=4.0)
    figure.suptitle("ResNet-18, middle outputs", fontsize=10, color=INK)
    for ax, layer in zip(axes, ("layer2.1.relu", "layer3.1.relu", "layer4.1.relu"), strict=True):
        field = ndnn.receptive_field(net, (1, 3, 224, 224))
        effective = ndnn.effective_receptive_field(net, (1, 3, 224, 224), samples=2, layer=layer)
        field.plot(photo, layer=layer, effective=effective, ax=ax)
        ax.set_title(ax.get_title().replace("; ", "\n"), fontsize=9, color=INK)
        ax.set_axis_off()
    return figure


@picture
def gridding() -> Figure:
    """Dilations that share a factor leave holes."""
    figure, axes = panels(2, width=7, height=3.4)
    for ax, dilations in zip(axes, ((2, 4, 8), (1, 2, 5)), strict=True):
        layers = [Window((3, 3), 1, d, d) for d in dilations]
        field = ndnn.receptive_field(layers, (1, 1, 33, 33))
        field.plot(ax=ax)
        seen, box = field.covered()
        name = ", ".join(map(str, dilations))
        ax.set_title(f"dilations {name}: {100 * seen / box:.0f} % seen", fontsize=10, color=INK)
        ax.set_axis_off()
    return figure


@picture
def resampling() -> Figure:
    """Down by pooling, up again by unpooling, a transposed convolution and interpolation."""
    photo = photograph(96, 96)[None, None]
    small, places = F.max_pool2d(photo, 4, return_indices=True)
    mean = F.avg_pool2d(photo, 4)
    tent = np.convolve(np.ones(4), np.ones(4)).astype(np.float32) / 4
    bilinear = np.outer(tent, tent)[None, None]
    parts = {
        "input": photo,
        "max_pool2d(4)": small,
        "avg_pool2d(4)": mean,
        "max_unpool2d(4)": F.max_unpool2d(small, places, 4),
        "conv_transpose2d, tent": F.conv_transpose2d(mean, bilinear, stride=4, padding=2)[
            ..., :95, :95
        ],
        "nearest": F.interpolate(mean, scale_factor=4),
        "bilinear": F.interpolate(mean, scale_factor=4, mode="bilinear"),
        "bicubic": F.interpolate(mean, scale_factor=4, mode="bicubic"),
    }
    figure, axes = panels(4, width=9, height=4.9, rows=2)
    for ax, (name, picture) in zip(axes, parts.items(), strict=True):
        ax.imshow(picture[0, 0], cmap="gray", vmin=0, vmax=1)
        ax.set_title(name, fontsize=9, color=INK)
        ax.set_axis_off()
    return figure


@picture
def gradients() -> Figure:
    """One deep network, five ways to build it: gradients before training, and the loss in it."""
    figure, (left, right) = panels(2, width=9.5, height=3.6)
    plot.flow(five.flows(), left)
    for (name, net), colour in zip(five.networks().items(), plot.LINES, strict=False):
        right.plot(five.train(net, 60), color=colour, label=name)
    right.set_xlabel("step", color=INK)
    right.set_ylabel("loss", color=INK)
    right.set_ylim(0, 3)
    right.legend(fontsize=8)
    return figure


@picture
def recorder() -> Figure:
    """The gradients of a network over training."""
    net = five.networks(8)["He"]
    recorded = ndnn.GradientRecorder(net, every=1)
    five.train(net, 60, observe=recorded.step)
    figure, (ax,) = panels(1, width=7, height=3)
    plot.recorder(recorded, ax)
    return figure
