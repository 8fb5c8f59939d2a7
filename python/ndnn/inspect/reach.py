# SPDX-License-Identifier: MIT
"""Which inputs an output is computed from, along one axis: of one layer, and of many.

A convolution, a pool, a transposed convolution, an interpolation: along one axis each is a `Reach`,
outputs that read some taps, periodically. Composed from the input on, a `Field`: the pixels of
the network's input that each output sees, as sets, so that holes show.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import gcd, lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]

MOST = 2**20  # pixels of all sets of an axis, and those that one union is made of: 8 MB

PHASES = 2**14  # outputs that each have a set of their own: 0.2 s to compute


@dataclass(frozen=True)
class Reach:
    """Output `i` reads the inputs taps[i % period], moved on by `shift` for each period before it.

    The axis has no ends: where they are, and what `edge` says is there, matters to `inside` only.
    """

    period: int
    shift: int
    taps: tuple[Sequence[int], ...]
    edge: str = "drop"

    def __post_init__(self) -> None:
        _limited_phases(self.period, self.shift)

    def at(self, i: int) -> Indices:
        """The inputs that output i reads, on an axis without ends."""
        return np.asarray(self.taps[i % self.period], np.int64) + i // self.period * self.shift

    def inside(self, i: int, n: int) -> Indices:
        """Those among n inputs; what lies outside is dropped, or read from inside."""
        found = self.at(i)
        if self.edge == "clamp":
            return np.clip(found, 0, n - 1)
        if self.edge == "wrap":
            return found % n
        if self.edge == "reflect":
            found = np.abs(found) % max(2 * n - 2, 1)
            return np.minimum(found, 2 * n - 2 - found)
        return found[(found >= 0) & (found < n)]


def window(kernel: int, stride: int, padding: int, dilation: int, edge: str = "drop") -> Reach:
    """A convolution or pool."""
    _limited(kernel * max(dilation, 1) + padding + stride)
    return Reach(1, stride, (range(-padding, dilation * kernel - padding, dilation),), edge)


def transposed(kernel: int, stride: int, padding: int, dilation: int) -> Reach:
    """Output o reads input i where o = i*stride - padding + dilation*tap."""
    _limited(kernel * dilation + padding + stride)
    _limited_phases(stride, 1)
    places = [range(o + padding - dilation * (kernel - 1), o + padding + 1, dilation)
              for o in range(stride)]  # fmt: skip
    return Reach(stride, 1, tuple([i // stride for i in row if i % stride == 0] for row in places))


def whole(n: int) -> Reach:
    """One output that reads all n inputs."""
    return window(n, n, 0, 1)


def broadcast() -> Reach:
    """All outputs read the one input there is."""
    return Reach(1, 0, ((0,),))


def adaptive(n: int, outputs: int) -> Reach:
    """n inputs cut evenly into windows, which may overlap by one."""
    period = outputs // gcd(n, outputs)
    _limited(n)
    _limited_phases(period, n)
    taps = [range(i * n // outputs, -(-(i + 1) * n // outputs)) for i in range(period)]
    return Reach(period, n // gcd(n, outputs), tuple(taps))


def resized(mode: str, ratio: Fraction, outputs: int | None, align_corners: bool = False) -> Reach:
    """An interpolation; ratio: inputs an output."""
    period, shift = ratio.denominator, ratio.numerator
    if outputs is not None and period > outputs:  # then no output repeats the phase of another
        period, shift = outputs, -(-outputs * shift // period)
    _limited_phases(period, shift)
    half = Fraction(1, 2)

    def taps(i: int) -> list[int]:
        if mode == "nearest":
            return [int(i * ratio // 1)]
        if mode == "nearest-exact":
            return [int((i + half) * ratio // 1)]
        place = i * ratio if align_corners else (i + half) * ratio - half
        first = int(place // 1)
        if place == first:
            return [first]
        return [*range(first - 1, first + 3)] if mode == "bicubic" else [first, first + 1]

    return Reach(period, shift, tuple(taps(i) for i in range(period)), "clamp")


def _limited(pixels: int) -> None:
    if pixels > MOST:
        raise ValueError(f"receptive_field: must be at most {MOST} pixels, but got {pixels}")


def _limited_phases(period: int, shift: int) -> None:
    if period > PHASES or shift > 2**40:  # int64 holds any sum of such shifts
        raise ValueError(
            f"receptive_field: must repeat after at most {PHASES} outputs and 2^40 pixels, "
            f"but got {period} and {shift}"
        )


@dataclass(frozen=True)
class Field:
    """The input's pixels that output i sees: seen[i % period], moved on by `shift` a period."""

    period: int
    shift: int
    seen: tuple[Indices, ...]

    @staticmethod
    def of_input() -> Field:
        return Field(1, 1, (np.zeros(1, np.int64),))

    @cached_property
    def size(self) -> int:
        """From the first pixel to the last; of the output that has most."""
        return max((int(s[-1] - s[0]) + 1 for s in self.seen if s.size), default=0)

    @property
    def jump(self) -> int | Fraction:
        """Pixels from one output's field to the next one's."""
        jump = Fraction(self.shift, self.period)
        return jump.numerator if jump.denominator == 1 else jump

    @property
    def start(self) -> int:
        """The first pixel of output 0; negative: in the padding. An output that sees nothing: 0."""
        return int(self.seen[0][0]) if self.seen[0].size else 0

    @property
    def share(self) -> float:
        """The share of its own extent that an output sees at least."""
        return min(s.size / int(s[-1] - s[0] + 1) if s.size else 0.0 for s in self.seen)

    def at(self, i: int) -> Indices:
        return self.seen[i % self.period] + i // self.period * self.shift

    def through(self, reach: Reach) -> Field:
        """The field of what a layer computes from this."""
        repeats = self.period // gcd(self.period, reach.shift)
        period = reach.period * repeats
        shift = reach.shift * repeats * self.shift // self.period
        _limited_phases(period, shift)
        _limited(period * self.size)
        _limited(max(map(len, reach.taps)) * max(s.size for s in self.seen))
        return Field(
            period,
            shift,
            tuple(_union(self.at(int(i)) for i in reach.at(o)) for o in range(period)),
        )

    def joined(self, other: Field, outputs: int) -> Field:
        """The field of a sum, or of channels side by side."""
        if self == other:
            return self
        period = lcm(self.period, other.period)
        shift = period * self.shift // self.period
        if self.jump != other.jump:  # one of them is the same for all: each output for itself
            period, shift = outputs, int(outputs * max(self.jump, other.jump))
        _limited_phases(period, shift)
        return Field(period, shift, tuple(_union((self.at(o), other.at(o))) for o in range(period)))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Field)
            and (self.period, self.shift) == (other.period, other.shift)
            and all(np.array_equal(a, b) for a, b in zip(self.seen, other.seen, strict=True))
        )

    __hash__ = object.__hash__


def _union(sets: Iterable[Any]) -> Indices:
    found = [s for s in sets if s.size]
    return np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)


@dataclass(frozen=True)
class Seen:
    """A set of pixels of several axes: a mask, and where its corner lies."""

    origin: tuple[int, ...]
    mask: NDArray[np.bool_]

    def back(self, reaches: Sequence[Reach | None], sizes: Sequence[int] | None) -> Seen:
        """What of its input a layer reads for these outputs; sizes None: of one without ends."""
        origin, mask = list(self.origin), self.mask
        for axis, reach in enumerate(reaches):
            if reach is None or 0 in mask.shape:
                continue
            outputs = range(origin[axis], origin[axis] + mask.shape[axis])
            if sizes is None:
                rows = [reach.at(o) for o in outputs]
            else:
                rows = [reach.inside(o, sizes[axis]) for o in outputs]
            every = _union(rows)
            low, high = (int(every[0]), int(every[-1]) + 1) if every.size else (0, 0)
            reads = np.zeros((high - low, len(rows)), np.float32)
            for o, row in enumerate(rows):
                reads[row - low, o] = 1
            product = np.tensordot(reads, mask.astype(np.float32), (1, axis))
            mask, origin[axis] = np.moveaxis(product, 0, axis) > 0, low
        return Seen(tuple(origin), mask)

    def joined(self, other: Seen | None) -> Seen:
        if other is None or 0 in other.mask.shape:
            return self
        if 0 in self.mask.shape:
            return other
        parts = (self, other)
        low = [min(ends) for ends in zip(self.origin, other.origin, strict=True)]
        ends = [[a + n for a, n in zip(p.origin, p.mask.shape, strict=True)] for p in parts]
        shape = [max(two) - first for *two, first in zip(*ends, low, strict=True)]
        mask = np.zeros(shape, bool)
        for part in parts:
            at = [a - first for a, first in zip(part.origin, low, strict=True)]
            place = [slice(a, a + n) for a, n in zip(at, part.mask.shape, strict=True)]
            mask[tuple(place)] |= part.mask
        return Seen(tuple(low), mask)

    def cut(self) -> Seen:
        """Without rows that hold nothing at its ends."""
        if not self.mask.any():
            return Seen(self.origin, np.zeros((0,) * self.mask.ndim, bool))
        places = np.nonzero(self.mask)
        box = [slice(int(p.min()), int(p.max()) + 1) for p in places]
        origin = [first + part.start for first, part in zip(self.origin, box, strict=True)]
        return Seen(tuple(origin), self.mask[tuple(box)])
