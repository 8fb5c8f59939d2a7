# SPDX-License-Identifier: MIT
"""The convolution weights of the demo, each in the layout (OC, C / groups, KH, KW)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

ORIENTATIONS = 16  # of the Gabor bank, evenly spread over half a turn
GABOR_SIZE = 11  # pixels a side
REC_709 = (0.2126, 0.7152, 0.0722)  # share of red, green and blue in the luminance
# Rose, amber, mint, blue, and back to rose: the hues of 0, 45, 90 and 135 degrees.
HUES = np.array([[255, 84, 130], [255, 190, 70], [60, 225, 185], [96, 125, 255]]) / 255


def luminance() -> FloatArray:
    """Weight (1, 3, 1, 1): colour to brightness."""
    return np.array(REC_709, dtype=np.float32).reshape(1, 3, 1, 1)


def gaussian(size: int, sigma: float, channels: int) -> FloatArray:
    """Weight (channels, 1, size, size): a depthwise Gaussian blur of unit sum."""
    plane = _gaussian_plane(size, sigma)
    return np.tile(plane, (channels, 1, 1, 1)).astype(np.float32)


def difference_of_gaussians(size: int, channels: int) -> FloatArray:
    """Weight (channels, 1, size, size): narrow minus wide Gaussian, zero on flat areas."""
    plane = _gaussian_plane(size, 0.7) - _gaussian_plane(size, 1.6)
    return np.tile(plane, (channels, 1, 1, 1)).astype(np.float32)


def sobel() -> FloatArray:
    """Weight (2, 1, 3, 3): brightness gradient towards the right and downwards."""
    right = np.outer([1, 2, 1], [-1, 0, 1]) / 8
    return np.stack([right, right.T])[:, None].astype(np.float32)


def gabor_bank() -> FloatArray:
    """Weight (2 * ORIENTATIONS, 1, 11, 11): waves under a Gaussian window.

    The first half are the even (cosine) filters, the second half the odd (sine) ones of the same
    orientations. Filter k responds most to brightness that changes along the direction
    k * 180 / ORIENTATIONS degrees (0 = rightwards, growing clockwise in the picture).
    """
    reach = np.arange(GABOR_SIZE) - GABOR_SIZE // 2
    y, x = np.meshgrid(reach, reach, indexing="ij")
    angle = orientations()[:, None, None]
    across = x * np.cos(angle) + y * np.sin(angle)
    along = y * np.cos(angle) - x * np.sin(angle)
    window = np.exp(-(across**2 + (0.7 * along) ** 2) / (2 * 2.1**2))
    phase = 2 * np.pi * across / 6.5
    even, odd = window * np.cos(phase), window * np.sin(phase)
    even -= window * even.sum((1, 2), keepdims=True) / window.sum((1, 2), keepdims=True)
    bank = np.concatenate([even, odd])
    bank /= np.abs(bank).sum((1, 2), keepdims=True)
    return bank[:, None].astype(np.float32)


def mixing() -> FloatArray:
    """Weight (3, ORIENTATIONS + 6, 1, 1): light of each orientation's hue over a dimmed picture.

    Input channels: the orientations, then red, green, blue of the blurred picture, then of its
    difference of Gaussians.
    """
    glow = 1.6 * hue(orientations()).T - 0.5  # below zero where a hue should take colour away
    picture, detail = 0.4 * np.eye(3), 0.1 * np.eye(3)
    return np.hstack([glow, picture, detail])[:, :, None, None].astype(np.float32)


def orientations() -> npt.NDArray[np.float64]:
    """The directions of the Gabor bank in radians, from 0 up to (not including) pi."""
    return np.arange(ORIENTATIONS) * np.pi / ORIENTATIONS


def hue(angle: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """RGB colour (..., 3) in 0 ... 1 of a direction in radians; period 180 degrees, no jumps."""
    turn = np.mod(np.asarray(angle) / np.pi, 1) * len(HUES)
    closed = np.vstack([HUES, HUES[:1]])
    stops = np.arange(len(closed))
    return np.stack([np.interp(turn, stops, closed[:, c]) for c in range(3)], axis=-1)


def _gaussian_plane(size: int, sigma: float) -> npt.NDArray[np.float64]:
    reach = np.arange(size) - (size - 1) / 2
    line = np.exp(-(reach**2) / (2 * sigma**2))
    line /= line.sum()
    return np.outer(line, line)
