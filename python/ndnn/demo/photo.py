# SPDX-License-Identifier: MIT
"""The demo: a photograph goes through seven convolutions, each one checked, timed and drawn.

``python -m ndnn demo photo`` runs it. The convolutions are the kinds that networks use: 1x1, small
dense, a bank of large filters, depthwise, dilated, strided, and a 1x1 that mixes channels.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ndnn import get_num_threads, num_threads
from ndnn.demo import DemoError, check_output, filters, require, steps_bar, writing
from ndnn.demo.filters import ORIENTATIONS, FloatArray
from ndnn.demo.measure import Report, measured_conv, table

LARGEST_SIDE = 720  # pixels; the reference copies every window, 700 MB for a square of this side
SMALLEST_SIDE = 32
STEPS = 7


@dataclass
class Gallery:
    """Everything the figure shows; pictures are (H, W, 3) in 0 ... 1."""

    pictures: dict[str, FloatArray] = field(default_factory=dict)
    reports: dict[str, Report] = field(default_factory=dict)
    threads: int = 1


def run(image: str | None, output: str, threads: int | None = None) -> None:
    """Run the whole demo: print the table and write the picture to `output`.

    Raises:
        DemoError: a missing or unreadable file or package (exit code 2), a wrong result (1).
    """
    require("matplotlib")
    check_output(output)
    photo = load_photo(image)
    with num_threads(threads) if threads else nullcontext(), steps_bar(STEPS + 1) as tick:
        gallery = run_pipeline(photo, tick)
        from ndnn.demo import photo_picture

        with writing(output):
            photo_picture.draw(gallery, output)
        tick("done")
    print(table(list(gallery.reports.values())))
    print(f"\nEvery result agrees with the float64 reference. The picture: {output}")


def run_pipeline(photo: FloatArray, tick: Callable[[str], None]) -> Gallery:
    """Send a photograph (1, 3, H, W) through the seven convolutions."""
    gallery = Gallery(threads=get_num_threads())

    def conv(name: str, x: FloatArray, weight: FloatArray, **options: int) -> FloatArray:
        tick(name)
        y, gallery.reports[name] = measured_conv(name, x, weight, **options)
        return y

    grey = conv("luminance", photo, filters.luminance())
    blur = conv("blur", mirror(photo, 6), filters.gaussian(13, 2.8, 3), groups=3)
    gradient = conv("sobel", mirror(grey, 1), filters.sobel())
    waves = conv("gabor", mirror(grey, 5), filters.gabor_bank())
    band = filters.difference_of_gaussians(5, 3)
    detail = conv("dilated", mirror(blur, 8), band, dilation=4, groups=3)
    detail /= scale_of(detail)
    dots = conv("strided", photo, filters.gaussian(16, 4.0, 3), stride=12, groups=3)
    strength = orientation_strength(waves)
    glow = strongest_first(strength)
    layers = np.concatenate([glow, blur, detail], axis=1)
    final = conv("mixing", layers, filters.mixing())

    gallery.pictures = {
        "photo": as_picture(photo),
        "blur": as_picture(blur),
        "sobel": coloured_edges(gradient),
        "gabor": np.clip(strength[0], 0, 1),  # (ORIENTATIONS, H, W), tiled by the figure
        "dilated": as_picture(0.35 + 0.45 * detail),
        "strided": as_picture(dots),
        "mixing": as_picture(final),
    }
    tick("drawing the picture")
    return gallery


def mirror(x: FloatArray, margin: int) -> FloatArray:
    """Extend a picture by its mirror image: zeros would draw a false edge around it."""
    return np.pad(x, ((0, 0), (0, 0), (margin, margin), (margin, margin)), mode="reflect")


def orientation_strength(waves: FloatArray) -> FloatArray:
    """Strength (1, ORIENTATIONS, H, W) of each orientation in the responses of the Gabor bank.

    The even and the odd response ripple along a line; their root of squares does not.
    """
    strength = np.hypot(waves[:, :ORIENTATIONS], waves[:, ORIENTATIONS:])
    strength /= scale_of(strength)
    return strength


def strongest_first(strength: FloatArray) -> FloatArray:
    """Light of each orientation; the strongest one of a pixel takes most, so hues stay pure."""
    cube = strength**3
    share = cube / np.maximum(cube.sum(axis=1, keepdims=True), np.float32(1e-12))
    light: FloatArray = share * np.tanh(1.2 * strength.max(axis=1, keepdims=True))
    return light


def coloured_edges(gradient: FloatArray) -> FloatArray:
    """Picture of a gradient (1, 2, H, W): hue is the direction, brightness the strength."""
    right, down = gradient[0]
    strength = np.hypot(right, down)
    light = np.tanh(1.4 * strength / scale_of(strength))
    colour = filters.hue(np.arctan2(down, right)).astype(np.float32)
    picture: FloatArray = light[..., None] * colour
    return picture


def scale_of(x: FloatArray) -> np.float32:
    """A robust largest magnitude: the 99th percentile, never zero."""
    return np.float32(max(np.percentile(np.abs(x), 99), 1e-6))


def as_picture(x: FloatArray) -> FloatArray:
    """(1, 3, H, W) to (H, W, 3), clipped to what a screen shows."""
    picture: FloatArray = np.clip(x[0].transpose(1, 2, 0), 0, 1)
    return picture


def load_photo(path: str | None) -> FloatArray:
    """Read an image file, or scikit-learn's photograph of a dahlia, as (1, 3, H, W) in 0 ... 1.

    Raises:
        DemoError: the file is missing, unreadable or too small, or a package is missing.
    """
    if path is None:
        pixels = require("sklearn.datasets").load_sample_image("flower.jpg")
    else:
        pixels = _read_pixels(path)
    height, width = pixels.shape[:2]
    if min(height, width) < SMALLEST_SIDE:
        least = f"{SMALLEST_SIDE} x {SMALLEST_SIDE}"
        raise DemoError(f"{path}: at least {least} pixels are needed, but got {width} x {height}")
    scaled = pixels.astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])


def _read_pixels(path: str) -> Any:
    """An image file as (H, W, 3) uint8, upright, at most LARGEST_SIDE a side."""
    pil, upright = require("PIL.Image"), require("PIL.ImageOps").exif_transpose
    try:
        with pil.open(path) as file:
            image = upright(file).convert("RGB")
            image.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
            return np.asarray(image)
    # Pillow's decoders raise SyntaxError, EOFError and ValueError, too, on damaged files.
    except (OSError, SyntaxError, EOFError, ValueError, pil.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DemoError(f"cannot read the image {path}: {reason}") from error
