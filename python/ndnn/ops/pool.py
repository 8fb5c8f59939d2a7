# SPDX-License-Identifier: MIT
"""Pooling over windows: each tap of the window is one view of the whole input.

Planes lie along the last axis while taps are compared or summed, so that NumPy's loops are long:
max_pool2d of 16x64 planes of 32x32 takes 5 ms, 15 with rows of 16 outputs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from ndnn._checks import IntOrTuple, floats, pair, planes
from ndnn.tensor import Array, Operand, record, records

Sizes = tuple[int, ...]


def max_pool2d(
    input: Operand,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    dilation: IntOrTuple = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest value of each window.

    Shapes: input (N, C, H, W) or (C, H, W) -> (N, C, OH, OW) or (C, OH, OW), with
        out = floor((size + 2*padding - dilation*(kernel - 1) - 1) / stride) + 1 on each axis.
    Arguments:
        stride: None is kernel_size.
        padding: at most half the kernel; padding is never the largest.
        ceil_mode: ceil instead of floor, but no window begins in the padding on the far side.
        return_indices: also the place of each in its plane, oh * W + ow, int64.
    Raises: ValueError for sizes and values that do not fit, TypeError for wrong kinds.
    Accuracy: exact; nan is larger than all.
    Source: torch.nn.functional.max_pool2d, 2.x.
    Example:
        >>> max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2).tolist()
        [[[[5.0, 7.0], [13.0, 15.0]]]]
    """
    (x,) = floats("max_pool2d", input=input)
    window = _Window("max_pool2d", x, kernel_size, stride, padding, dilation, ceil_mode)
    taps = window.taps(window.padded(x, -np.inf))
    y = next(taps).copy()
    kind = np.min_scalar_type(window.count)
    number = np.zeros(y.shape, kind)  # of the winning tap: the last to be larger than all before
    with_numbers = return_indices or records(input)
    with_nan = with_numbers and bool(np.isnan(x.max(initial=-np.inf)))
    for n, values in enumerate(taps, 1):
        if with_numbers:
            wins = values > y
            if with_nan:
                wins |= values != values
            np.maximum(number, np.multiply(wins, kind.type(n), dtype=kind), out=number)
        np.maximum(y, values, out=y)

    def vjp(g: Array) -> Array:
        last = window.planes_last(g)
        return window.scatter(x, (last * (number == n) for n in range(window.count)))

    result = record("max_pool2d", window.planes_first(y, x), (input, vjp), saved=())
    return (result, window.places(number, x)) if return_indices else result


def _transposed(x: Array) -> Array:
    """The transpose of a matrix, a cache line of rows at a time: 1024x1024 in 0.5 ms, not 3.7."""
    out = np.empty(x.shape[::-1], x.dtype)
    for i in range(0, len(x), 16):
        out[:, i : i + 16] = x[i : i + 16].T
    return out


class _Window:
    """Where the windows lie. `padded` holds every tap of every window; its `taps` are views."""

    def __init__(
        self,
        name: str,
        x: Array,
        kernel: IntOrTuple,
        stride: IntOrTuple | None,
        padding: IntOrTuple,
        dilation: IntOrTuple,
        ceil_mode: bool,
    ) -> None:
        planes(name, x)
        self.kernel = pair(name, "kernel_size", kernel, 1)
        self.stride = self.kernel if stride is None else pair(name, "stride", stride, 1)
        self.padding = pair(name, "padding", padding, 0)
        self.dilation = pair(name, "dilation", dilation, 1)
        if any(2 * p > k for p, k in zip(self.padding, self.kernel, strict=True)):
            raise ValueError(
                f"{name}: padding must be at most half of kernel_size, "
                f"but got padding={padding}, kernel_size={kernel}"
            )
        self.size = x.shape[-2:]
        self.reach = tuple(d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel, strict=True))
        self.out = tuple(self._out(axis, ceil_mode) for axis in (0, 1))
        if any(n < 1 for n in self.out):
            raise ValueError(
                f"{name}: the window must fit into the padded input, "
                f"but got input {x.shape}, kernel_size={kernel}, padding={padding}"
            )
        self.counted = self.kernel, self.padding
        self._leave_out_padding()
        self.count = self.kernel[0] * self.kernel[1]

    def _leave_out_padding(self) -> None:
        """Taps that are in the padding of every window: a kernel may be far larger than the input.

        The window then begins `first` taps later and ends with tap `last`.
        """
        kernel, padding, reach = [], [], []
        for n, o, s, d, k, p in zip(
            self.size, self.out, self.stride, self.dilation, self.kernel, self.padding, strict=True
        ):
            first = min(max(0, -(((o - 1) * s - p) // d)), p // d)
            last = min(k - 1, (p + n - 1) // d)
            kernel.append(last - first + 1)
            padding.append(p - first * d)
            reach.append(d * (last - first) + 1)
        self.kernel, self.padding, self.reach = tuple(kernel), tuple(padding), tuple(reach)

    def _out(self, axis: int, ceil_mode: bool) -> int:
        size, stride, pad = self.size[axis], self.stride[axis], self.padding[axis]
        slack = size + 2 * pad - self.reach[axis]
        out = (-(-slack // stride) if ceil_mode else slack // stride) + 1
        return out - 1 if (out - 1) * stride >= size + pad else out

    def _extent(self) -> Sizes:
        """Size of an array that holds all windows."""
        return tuple(
            max((o - 1) * s + r, n + p)
            for o, s, r, n, p in zip(
                self.out, self.stride, self.reach, self.size, self.padding, strict=True
            )
        )

    def _inside(self) -> Any:
        """The input within `padded`."""
        return tuple(slice(p, p + n) for p, n in zip(self.padding, self.size, strict=True))

    @staticmethod
    def planes_last(x: Array) -> Array:
        count, (height, width) = math.prod(x.shape[:-2]), x.shape[-2:]
        return _transposed(x.reshape(count, height * width)).reshape(height, width, count)

    @staticmethod
    def planes_first(y: Array, x: Array) -> Array:
        """With the leading axes of x."""
        height, width, count = y.shape
        first = _transposed(y.reshape(height * width, count))
        return first.reshape(*x.shape[:-2], height, width)

    def padded(self, x: Array, fill: float) -> Array:
        """(H, W, planes), with what the windows need around it."""
        if self._extent() == self.size:
            return self.planes_last(x)
        padded = np.full((*self._extent(), math.prod(x.shape[:-2])), fill, x.dtype)
        padded[self._inside()] = self.planes_last(x)
        return padded

    def _offsets(self) -> Iterator[Sizes]:
        return product(*(range(0, r, d) for r, d in zip(self.reach, self.dilation, strict=True)))

    def taps(self, padded: Array) -> Iterator[Array]:
        """For each tap of the window, in order, its value in every window."""
        for offset in self._offsets():
            steps = zip(offset, self.out, self.stride, strict=True)
            yield padded[tuple(slice(i, i + (o - 1) * s + 1, s) for i, o, s in steps)]

    def scatter(self, x: Array, parts: Iterator[Array]) -> Array:
        """The reverse: adds, for each tap, a part for every window to where it was read."""
        padded = np.zeros((*self._extent(), math.prod(x.shape[:-2])), x.dtype)
        for place, part in zip(self.taps(padded), parts, strict=True):
            place += part
        return self.planes_first(padded[self._inside()], x)

    def places(self, number: Array, x: Array) -> Array:
        """The winning taps' places in their planes; torch's indices."""
        taps = self.planes_first(number, x).astype(np.int64)
        tap = np.divmod(taps, self.kernel[1])
        place = []
        for axis, (o, s, p, d) in enumerate(
            zip(self.out, self.stride, self.padding, self.dilation, strict=True)
        ):
            start = (np.arange(o) * s - p).reshape(-1, *(1,) * (1 - axis))
            # Tap 0 also stands for a window of nothing but -inf, whose first tap inside is meant.
            inside = start + d * (-(start // d)).clip(0)
            place.append(np.maximum(start + d * tap[axis], inside))
        return np.asarray(place[0] * x.shape[-1] + place[1])
