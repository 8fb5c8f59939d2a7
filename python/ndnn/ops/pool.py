# SPDX-License-Identifier: MIT
"""Pooling over windows: each tap of the window is one view of the whole input.

Planes lie along the last axis while taps are compared or summed, so that NumPy's loops are long:
a pool of 16x64 planes of 32x32 takes 5 ms, 15 with rows of 16 outputs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

from ndnn._checks import IntOrTuple, floats, number, pair, planes
from ndnn.tensor import Array, Operand, record

Sizes = tuple[int, ...]


def avg_pool2d(
    input: Operand,
    kernel_size: IntOrTuple,
    stride: IntOrTuple | None = None,
    padding: IntOrTuple = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """The mean of each window.

    Shapes: input (N, C, H, W) or (C, H, W) -> (N, C, OH, OW) or (C, OH, OW), with
        out = floor((size + 2*padding - kernel) / stride) + 1 on each axis.
    Arguments:
        count_include_pad: the zeros of the padding count.
        divisor_override: divide the sums by this instead.
        The others: as max_pool2d.
    Raises: ValueError for sizes and values that do not fit, TypeError for wrong kinds.
    Accuracy: sums in the dtype of the input: relative error of the sum of |values| below eps/2
        times the taps of the window.
    Source: torch.nn.functional.avg_pool2d, 2.x.
    Example:
        >>> avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2).tolist()
        [[[[2.5, 4.5], [10.5, 12.5]]]]
    """
    (x,) = floats("avg_pool2d", input=input)
    window = _Window("avg_pool2d", x, kernel_size, stride, padding, 1, ceil_mode)
    if divisor_override is not None:
        number("avg_pool2d", divisor_override=divisor_override)
        if divisor_override == 0:
            raise ValueError("avg_pool2d: divisor_override must not be 0, but got 0")
    taps = window.taps(window.padded(x, 0))
    y = next(taps).copy()
    for values in taps:
        y += values
    divisor = np.asarray(divisor_override or window.counts(count_include_pad), x.dtype)
    y /= divisor

    def vjp(g: Array) -> Array:
        part = window.planes_last(g) / divisor
        return window.scatter(x, (part for _ in range(window.count)))

    return record("avg_pool2d", window.planes_first(y, x), (input, vjp), saved=())


def adaptive_avg_pool2d(input: Operand, output_size: int | Sequence[int | None]) -> Any:
    """The means of an even cut of the input into output_size windows.

    Shapes: input (N, C, H, W) or (C, H, W) -> (N, C, OH, OW) or (C, OH, OW). Window i of an axis
        goes from floor(i * size / out) up to ceil((i + 1) * size / out).
    Arguments:
        output_size: one or two numbers; None keeps the size of the axis.
    Raises: ValueError for sizes that do not fit.
    Accuracy: the sum of one row, then of the rows, in the dtype of the input.
    Source: torch.nn.functional.adaptive_avg_pool2d, 2.x.
    Example:
        >>> adaptive_avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 1).tolist()
        [[[[7.5]]]]
    """
    (x,) = floats("adaptive_avg_pool2d", input=input)
    planes("adaptive_avg_pool2d", x)
    sizes = output_size if isinstance(output_size, Sequence) else (output_size,)
    sizes = tuple(sizes) * 2 if len(sizes) == 1 else sizes
    kept = [h if n is None else n for n, h in zip(sizes, x.shape[-2:])]  # noqa: B905  checked next
    oh, ow = pair("adaptive_avg_pool2d", "output_size", kept + list(sizes[2:]), 0)
    if (oh, ow) == (1, 1):  # 512 products of 2x2 matrices cost 20 times this
        plane = x.dtype.type(x.shape[-2] * x.shape[-1])
        y = (x.reshape(*x.shape[:-2], -1).sum(-1) / plane)[..., None, None]
        return record(
            "adaptive_avg_pool2d",
            y,
            (input, lambda g: np.broadcast_to(g / plane, x.shape)),
            saved=(),
        )
    rows, columns = _averages(oh, x.shape[-2], x.dtype), _averages(ow, x.shape[-1], x.dtype)
    return record(
        "adaptive_avg_pool2d",
        rows @ x @ columns.T,
        (input, lambda g: rows.T @ g @ columns),
        saved=(),
    )


def _transposed(x: Array) -> Array:
    """The transpose of a matrix, a cache line of rows at a time: 1024x1024 in 0.5 ms, not 3.7."""
    out = np.empty(x.shape[::-1], x.dtype)
    for i in range(0, len(x), 16):
        out[:, i : i + 16] = x[i : i + 16].T
    return out


def _averages(out: int, size: int, dtype: Any) -> Array:
    """(out, size): row i averages window i."""
    matrix = np.zeros((out, size), dtype)
    for i in range(out):
        begin, end = i * size // out, -(-(i + 1) * size // out)
        matrix[i, begin:end] = 1 / (end - begin)
    return matrix


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

    def counts(self, with_padding: bool) -> Array:
        """(OH, OW, 1): how many elements each window has; beyond the padding there are none."""
        lengths = []
        for o, s, n, k, p in zip(self.out, self.stride, self.size, *self.counted, strict=True):
            begin = np.arange(o) * s - p
            end = np.minimum(begin + k, n + p)
            lengths.append(end - begin if with_padding else end.clip(0, n) - begin.clip(0, n))
        return np.asarray(lengths[0][:, None, None] * lengths[1][:, None])
