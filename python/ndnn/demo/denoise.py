# SPDX-License-Identifier: MIT
"""The second demo: a network learns on one photograph to take the noise from another.

``python -m ndnn denoise`` runs it. The encoder is depthwise-separable convolutions and max
pooling, the decoder a transposed convolution and unpooling to where the maxima were.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import Any

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

NOISE = 0.1  # standard deviation; light is 0 ... 1
CROP, BATCH, STEPS_OF_EPOCH = 64, 8, 40
LEARNING_RATE = 3e-3


def separable(inputs: int, outputs: int) -> nn.Sequential:
    """A 3x3 filter for each channel, then 1x1 over channels."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs),
        nn.Conv2d(inputs, outputs, 1),
        nn.ReLU(),
    )


class Denoiser(nn.Module):
    """Noisy picture (N, 3, H, W) to clean one; H and W are multiples of 4."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), nn.ReLU())
        self.fine = separable(32, 32)
        self.pool = nn.MaxPool2d(2, return_indices=True)
        self.coarse = separable(32, 64)
        self.shrink = nn.MaxPool2d(2)
        self.bottom = separable(64, 64)
        self.grow = nn.ConvTranspose2d(64, 64, 4, stride=2, padding=1)
        self.merge = separable(64, 32)
        self.unpool = nn.MaxUnpool2d(2)
        self.out = nn.Conv2d(32, 3, 3, padding=1)

    def forward(self, noisy: Any) -> Any:
        fine = self.fine(self.stem(noisy))
        pooled, where = self.pool(fine)
        coarse = self.coarse(pooled)
        wide = F.relu(self.grow(self.bottom(self.shrink(coarse))) + coarse)
        back = self.unpool(self.merge(wide), where)
        return noisy - self.out(back + fine)


def run(output: str, weights: str, seed: int, epochs: int, threads: int | None = None) -> None:
    """Train, save, load again, clean the other photograph, and draw.

    Raises:
        DemoError: a missing package or place (exit code 2), or weights that come back changed (1).
    """
    require("matplotlib")
    check_output(output)
    check_weights(weights)
    with ndnn.num_threads(threads) if threads else nullcontext():
        ndnn.manual_seed(seed)
        net, rng = Denoiser(), np.random.default_rng(seed)
        losses, seconds = train(net, photograph("china.jpg"), epochs, rng)
        clean = photograph("flower.jpg")
        noisy = with_noise(clean, rng)
        result = denoised(net, noisy)
        again = saved_and_loaded(net, Denoiser(), weights)
        must_agree(denoised(again, noisy), result)
        with writing(output):
            draw(noisy, result, clean, losses, output)
    print(
        f"{len(losses)} steps in {seconds:.1f} s. A photograph it never saw: noisy "
        f"{psnr(noisy, clean):.1f} dB, cleaned {psnr(result, clean):.1f} dB.\n"
        f"The same from the saved weights: {weights}. The picture: {output}"
    )


def train(
    net: Denoiser, photo: FloatArray, epochs: int, rng: np.random.Generator
) -> tuple[list[float], float]:
    """Adam on the squared error of random crops; the losses and the seconds."""
    steps = epochs * STEPS_OF_EPOCH
    optimizer = optim.Adam(net.parameters(), lr=LEARNING_RATE)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    losses: list[float] = []
    begin = time.perf_counter()
    with progress(steps, "learning", "step") as bar:
        for _ in range(steps):
            clean = crops(photo, rng)
            optimizer.zero_grad()
            loss = F.mse_loss(net(with_noise(clean, rng)), clean)
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(float(loss.item()))
            bar.update()
            rate = BATCH * len(losses) / (time.perf_counter() - begin)
            bar.set_postfix(
                PSNR=f"{-10 * np.log10(losses[-1]):.1f} dB", crops=f"{rate:.0f}/s", refresh=False
            )
    return losses, time.perf_counter() - begin


def photograph(name: str) -> FloatArray:
    """One of scikit-learn's photographs as (1, 3, H, W) in 0 ... 1, cut to multiples of 4."""
    pixels = require("sklearn.datasets").load_sample_image(name)
    height, width = pixels.shape[0] // 4 * 4, pixels.shape[1] // 4 * 4
    scaled = pixels[:height, :width].astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])


def crops(photo: FloatArray, rng: np.random.Generator) -> FloatArray:
    """BATCH random squares, half of them mirrored."""
    height, width = photo.shape[2:]
    parts = []
    for _ in range(BATCH):
        top, left = rng.integers(0, (height - CROP, width - CROP))
        part = photo[0, :, top : top + CROP, left : left + CROP]
        parts.append(part[:, :, ::-1] if rng.random() < 0.5 else part)
    return np.stack(parts)


def with_noise(clean: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Gaussian noise added to each value."""
    return clean + np.float32(NOISE) * rng.standard_normal(clean.shape, dtype=np.float32)


def denoised(net: nn.Module, noisy: FloatArray) -> FloatArray:
    """What the network makes of a picture, without recording gradients."""
    with ndnn.no_grad():
        result: FloatArray = np.asarray(net(noisy))
    return result


def psnr(picture: FloatArray, clean: FloatArray) -> float:
    """Peak signal-to-noise ratio in decibels."""
    return float(-10 * np.log10(np.mean((picture - clean) ** 2, dtype=np.float64)))


def draw(
    noisy: FloatArray, result: FloatArray, clean: FloatArray, losses: list[float], path: str
) -> None:
    """Noisy, cleaned and original picture, and the course of learning, as a PNG.

    Raises:
        OSError: the file cannot be written.
    """
    import matplotlib.style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sheet, ink, accent = "#0d1017", "#f1f3f7", "#3ce1b9"
    with matplotlib.style.context("default"):  # the reader's own matplotlibrc stays out
        figure = Figure(figsize=(15, 10.4), facecolor=sheet, layout="constrained")
        panels = figure.subplots(2, 2)
        shown = {
            f"noisy, {psnr(noisy, clean):.1f} dB": noisy,
            f"cleaned, {psnr(result, clean):.1f} dB": result,
            "the photograph": clean,
        }
        for axes, (title, picture) in zip(panels.flat, shown.items(), strict=False):
            axes.imshow(np.clip(picture[0].transpose(1, 2, 0), 0, 1))
            axes.set_title(title, color=ink, fontsize=15)
            axes.set_axis_off()
        axes = panels[1, 1]
        axes.set_facecolor(sheet)
        axes.plot(-10 * np.log10(losses), color=accent, linewidth=1)
        axes.set_title("learning: PSNR of each step's crops, dB", color=ink, fontsize=15)
        axes.tick_params(colors=ink)
        axes.spines[:].set_color("#2b3244")
        FigureCanvasAgg(figure).print_figure(path, format="png", dpi=110, facecolor=sheet)
