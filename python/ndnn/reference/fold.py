# SPDX-License-Identifier: MIT
"""Padding, sliding blocks and shuffles, written to be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


def pad(
    input: ArrayLike, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Array:
    """Axis by axis, the last one first: an index for each place, -1 where there is nothing."""
    x = np.asarray(input, np.float64)
    for i in range(len(pad) // 2):
        axis = x.ndim - 1 - i
        size, before, after = x.shape[axis], pad[2 * i], pad[2 * i + 1]
        places = np.arange(-before, size + after)
        if mode == "reflect":
            places = np.abs(places)
            places = np.where(places < size, places, 2 * (size - 1) - places)
        elif mode == "replicate":
            places = np.clip(places, 0, size - 1)
        elif mode == "circular":
            begin, end = max(-before, 0), size + min(after, 0)
            places = begin + (places - begin) % max(end - begin, 1)
        outside = (places < 0) | (places >= size)
        shape = [1] * x.ndim
        shape[axis] = len(places)
        x = np.where(
            outside.reshape(shape),
            value or 0.0,
            np.take(x, np.where(outside, 0, places), axis)
            if size
            else np.zeros((*x.shape[:axis], len(places), *x.shape[axis + 1 :])),
        )
    return x


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


def unfold(
    input: ArrayLike, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Array:
    """Every tap sees a slice of the padded input."""
    (kh, kw), (dh, dw), (ph, pw), (sh, sw) = map(_pair, (kernel_size, dilation, padding, stride))
    x = np.asarray(input, np.float64)
    x = np.pad(x, [(0, 0)] * (x.ndim - 2) + [(ph, ph), (pw, pw)])
    rows, columns = x.shape[-2] - dh * (kh - 1), x.shape[-1] - dw * (kw - 1)
    taps = [
        x[..., i * dh : i * dh + rows : sh, j * dw : j * dw + columns : sw]
        for i in range(kh)
        for j in range(kw)
    ]
    blocks = np.stack(taps, axis=-3)  # (..., C, taps, OH, OW)
    return blocks.reshape(*x.shape[:-3], x.shape[-3] * kh * kw, blocks.shape[-2] * blocks.shape[-1])


def fold(
    input: ArrayLike,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Array:
    """Every tap adds its blocks to the slice it sees."""
    (kh, kw), (dh, dw), (ph, pw), (sh, sw) = map(_pair, (kernel_size, dilation, padding, stride))
    h, w = _pair(output_size)
    y = np.asarray(input, np.float64)
    x = np.zeros((*y.shape[:-2], y.shape[-2] // (kh * kw), h + 2 * ph, w + 2 * pw))
    rows, columns = x.shape[-2] - dh * (kh - 1), x.shape[-1] - dw * (kw - 1)
    y = y.reshape(*x.shape[:-2], kh, kw, -(-rows // sh), -(-columns // sw))
    for i, j in np.ndindex(kh, kw):
        x[..., i * dh : i * dh + rows : sh, j * dw : j * dw + columns : sw] += y[..., i, j, :, :]
    return x[..., ph : ph + h, pw : pw + w]


def pixel_shuffle(input: ArrayLike, upscale_factor: int) -> Array:
    x, r = np.asarray(input, np.float64), upscale_factor
    *lead, c, h, w = x.shape
    blocks = x.reshape(*lead, c // r**2, r, r, h, w)  # (..., C, i, j, H, W) -> (..., C, H, i, W, j)
    n = len(lead)
    order = *range(n + 1), n + 3, n + 1, n + 4, n + 2
    return blocks.transpose(order).reshape(*lead, c // r**2, h * r, w * r)


def pixel_unshuffle(input: ArrayLike, downscale_factor: int) -> Array:
    x, r = np.asarray(input, np.float64), downscale_factor
    *lead, c, h, w = x.shape
    blocks = x.reshape(
        *lead, c, h // r, r, w // r, r
    )  # (..., C, H, i, W, j) -> (..., C, i, j, H, W)
    n = len(lead)
    order = *range(n + 1), n + 2, n + 4, n + 1, n + 3
    return blocks.transpose(order).reshape(*lead, c * r**2, h // r, w // r)


def channel_shuffle(input: ArrayLike, groups: int) -> Array:
    x = np.asarray(input, np.float64)
    n, c = x.shape[:2]
    order = np.arange(c).reshape(groups, -1).T.ravel()
    return x[:, order].reshape(n, c, *x.shape[2:])
