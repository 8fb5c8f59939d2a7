# SPDX-License-Identifier: MIT
"""Interpolation of signals, images and volumes to other sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from ndnn._checks import kept
from ndnn._load import _core
from ndnn.tensor import Array, Operand, Tensor, arrays, record

Size = int | Sequence[int]
Scale = float | Sequence[float]
Mode = Literal[
    "nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear", "area", "lanczos"
]


def interpolate(
    input: Operand,
    size: Size | None = None,
    scale_factor: Scale | None = None,
    mode: Mode = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    """The input at another size: every output is a weighted mean of inputs around its place.

    Shapes: input (N, C, L), (N, C, H, W) or (N, C, D, H, W) -> the same with other sizes:
        `size`, or floor(size of the input * scale_factor).
    Arguments:
        size, scale_factor: one of them, a number or one per axis.
        mode: "nearest"; "nearest-exact", which measures from the middle of pixels; "linear",
            "bilinear" and "trilinear" for one, two and three axes; "bicubic" and "lanczos" (with
            antialias) for two; "area", the mean of the inputs an output covers.
        align_corners: the first and last outputs of an axis lie on the first and last inputs. Else
            pixels are squares, and the edges of both images meet. Linear and cubic modes only.
        recompute_scale_factor: places follow from the rounded sizes, not from scale_factor.
        antialias: where the result is smaller, weigh all inputs that an output covers.
    Units: pixels (array elements).
    Raises: ValueError for sizes and values that do not fit, TypeError for wrong kinds.
    Accuracy: weights are computed in the dtype of the input, as in torch. Their sums over one axis
        after the other are within (sum of all taps + 3) * eps/2 of the sum of |weight * input|.
        Taps beyond an edge count as one with the edge's: an inf there stays one.
        Where the rounding of a place decides which element is the nearest, one rule holds for all
        ranks: torch's of 1-D and 3-D. Its own of 2-D depends on dtype and memory layout.
    Source: torch.nn.functional.interpolate, 2.x.
    Example:
        >>> import numpy as np
        >>> interpolate(np.array([[[1.0, 2.0]]]), scale_factor=2, mode="linear").tolist()
        [[[1.0, 1.25, 1.75, 2.0]]]
    """
    args = size, scale_factor, mode, align_corners, recompute_scale_factor, antialias
    if not isinstance(input, Tensor):
        return _core.interpolate(input, *args)
    (x,) = arrays(input)
    args = kept(*args)

    def vjp(g: Array) -> Array:
        return _core.interpolate_gradient(g, x.shape, *args)

    return record("interpolate", _core.interpolate(x, *args), (input, vjp), saved=())


def upsample(
    input: Operand,
    size: Size | None = None,
    scale_factor: Scale | None = None,
    mode: Mode = "nearest",
    align_corners: bool | None = None,
) -> Any:
    """The older name of `interpolate`.

    Shapes: as interpolate.
    Raises: as interpolate.
    Accuracy: as interpolate.
    Source: torch.nn.functional.upsample, 2.x.
    Example:
        >>> import numpy as np
        >>> upsample(np.array([[[1.0, 2.0]]]), scale_factor=2).tolist()
        [[[1.0, 1.0, 2.0, 2.0]]]
    """
    return interpolate(input, size, scale_factor, mode, align_corners)
