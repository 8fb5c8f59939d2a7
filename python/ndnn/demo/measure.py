# SPDX-License-Identifier: MIT
"""How the demo checks one convolution against the reference, times it, and tells of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ndnn import PackedWeight, config, reference
from ndnn import functional as F
from ndnn.demo import DemoError
from ndnn.demo.filters import FloatArray

TIME_BUDGET = 0.4  # seconds of repeated runs for each step


@dataclass(frozen=True)
class Report:
    """What one step did, how fast, and how exactly."""

    name: str
    input_shape: tuple[int, ...]
    weight_shape: tuple[int, ...]
    algorithm: str
    seconds: float
    reference_seconds: float
    flops: int
    error: float  # largest error in units of its bound; at most 1 is right

    @property
    def gflops(self) -> float:
        """Billions of multiplications and additions per second."""
        return self.flops / self.seconds / 1e9

    @property
    def speedup(self) -> str:
        """How many times faster than the NumPy reference, as a word like 8.4x or 120x."""
        return f"{short(self.reference_seconds / self.seconds)}x"


def measured_conv(
    name: str, x: FloatArray, weight: FloatArray, **options: int
) -> tuple[FloatArray, Report]:
    """One `F.conv2d`, checked against the float64 reference and timed.

    Raises:
        DemoError: (exit code 1) the result is further from the reference than rounding explains.
    """
    packed = PackedWeight(weight)
    y = F.conv2d(x, packed, **options)
    start = time.perf_counter()
    expected = reference.conv2d(x, weight, **options)
    reference_seconds = time.perf_counter() - start
    error = relative_error(y, expected, x, weight)
    if not error <= 1:  # also true for NaN
        raise DemoError(f"{name}: the result is wrong, {error:.3g} times the error bound", 1)
    dtype = x.dtype.name
    plan = config.plan_conv("conv2d", x.shape, weight.shape, dtype=dtype, packed=True, **options)
    report = Report(
        name=name,
        input_shape=x.shape,
        weight_shape=weight.shape,
        algorithm=str(plan["algorithm"]),
        seconds=fastest(lambda: F.conv2d(x, packed, **options)),
        reference_seconds=reference_seconds,
        flops=2 * y.size * int(np.prod(weight.shape[1:])),
        error=error,
    )
    return y, report


def relative_error(y: FloatArray, expected: Any, x: FloatArray, weight: FloatArray) -> float:
    """Largest error of y, divided by its bound.

    A sum of K products in floating point is off by at most about K * eps * sum(|x * w|), in
    whatever order it is taken; the sum is at most max(|x|) * sum(|w|) over the output channel.
    """
    if y.shape != expected.shape:
        return float("inf")
    terms = int(np.prod(weight.shape[1:]))
    size = np.abs(x).max() * np.abs(weight.astype(np.float64)).sum(axis=(1, 2, 3))
    bound = (terms + 1) * float(np.finfo(y.dtype).eps) * size
    error = np.abs(y - expected).max(axis=(0, 2, 3))
    return float((error / np.maximum(bound, np.finfo(np.float64).tiny)).max())


def fastest(call: Callable[[], object]) -> float:
    """Seconds of the fastest of at least 3 calls, after a warm-up, within TIME_BUDGET."""
    call()
    best = float("inf")
    end = time.perf_counter() + TIME_BUDGET
    runs = 0
    while runs < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
        runs += 1
    return best


def short(number: float) -> str:
    """A positive number, with one decimal below ten and none above."""
    return f"{number:.{0 if number >= 9.95 else 1}f}"


def table(reports: list[Report]) -> str:
    """The reports as plain text, one line a step."""
    head = ["step", "input", "weight", "algorithm", "ms", "GFLOP/s", "NumPy ms", "speed-up"]
    rows = [[*head, "error/bound"]]
    for r in reports:
        shapes = ["x".join(map(str, shape)) for shape in (r.input_shape, r.weight_shape)]
        ms, reference_ms = f"{1e3 * r.seconds:.3f}", f"{1e3 * r.reference_seconds:.1f}"
        numbers = [ms, f"{r.gflops:.1f}", reference_ms, r.speedup, f"{r.error:.4f}"]
        rows.append([r.name, *shapes, r.algorithm, *numbers])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ["-" * width for width in widths])
    words = 4  # the first columns are text and stand left, the others are numbers
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < words else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
