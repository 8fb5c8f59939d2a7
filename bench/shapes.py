# SPDX-License-Identifier: MIT
"""Named shapes of real networks, read from shapes/*.txt (the C++ runner reads the same files)."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent / "shapes"


@dataclass(frozen=True)
class Shape:
    """One forward convolution; tuples hold one value per spatial axis."""

    line: str  # the whole line of the file: what -k searches
    name: str
    family: str  # the token class=
    op: str
    n: int
    c: int
    oc: int
    groups: int
    size: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (self.n, self.c, *self.size)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return (self.oc, self.c // self.groups, *self.kernel)

    @property
    def output_shape(self) -> tuple[int, ...]:
        axes = zip(self.size, self.kernel, self.stride, self.padding, self.dilation, strict=True)
        outputs = ((i + 2 * p - d * (k - 1) - 1) // s + 1 for i, k, s, p, d in axes)
        return (self.n, self.oc, *outputs)

    @property
    def flops(self) -> int:
        """Two per multiply-add of the plain sum; taps in the padding count, however it is done."""
        return 2 * math.prod(self.output_shape) * math.prod(self.weight_shape[1:])

    @property
    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of F.conv*, here and in torch."""
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Input and weight in float32, the same at every call, outputs of about unit size."""
        rng = np.random.default_rng(0)
        x, weight = aligned_zeros(self.input_shape), aligned_zeros(self.weight_shape)
        x[...] = rng.standard_normal(x.shape, dtype=np.float32)
        weight[...] = rng.standard_normal(weight.shape, dtype=np.float32)
        weight /= math.sqrt(math.prod(weight.shape[1:]))
        return x, weight


def aligned_zeros(shape: tuple[int, ...]) -> np.ndarray:
    """float32 zeros on a cache line: malloc's chance alignment would differ from run to run."""
    size = math.prod(shape)
    buffer = np.zeros(size + 16, np.float32)
    start = -buffer.ctypes.data % 64 // 4
    return buffer[start : start + size].reshape(shape)


def parse(line: str) -> Shape:
    name, *tokens = line.split()
    values = dict(token.split("=", 1) for token in tokens)

    def axes(key: str) -> tuple[int, ...]:
        return tuple(int(v) for v in values[key].split("x"))

    shape = Shape(
        line=line,
        name=name,
        family=values["class"],
        op=values["op"],
        n=int(values["n"]),
        c=int(values["c"]),
        oc=int(values["oc"]),
        groups=int(values["g"]),
        size=axes("in"),
        kernel=axes("k"),
        stride=axes("s"),
        padding=axes("p"),
        dilation=axes("d"),
    )
    if shape.op != f"conv{len(shape.size)}d" or min(shape.output_shape) < 1:
        raise ValueError("op, sizes and kernel do not belong together")
    return shape


def load(pattern: str = "", file: str = "conv.txt") -> list[Shape]:
    """The shapes whose line matches the regular expression, in the order of the file."""
    shapes = []
    for number, text in enumerate((FOLDER / file).read_text().splitlines(), 1):
        line = " ".join(text.split("#", 1)[0].split())
        if not line:
            continue
        try:
            shape = parse(line)
        except (KeyError, ValueError) as error:
            raise ValueError(f"{file}:{number}: {error!r} in: {line}") from error
        if re.search(pattern, line):
            shapes.append(shape)
    if not shapes:
        raise SystemExit(f"no line of {file} matches {pattern!r}")
    return shapes
