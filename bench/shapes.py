# SPDX-License-Identifier: MIT
"""Named shapes of real networks, read from shapes/*.txt (the C++ runner reads the same files)."""

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent / "shapes"


@dataclass(frozen=True)
class Shape:
    """One convolution or one of its gradients; tuples hold one value per spatial axis."""

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
    output_padding: tuple[int, ...]
    work: str = "forward"  # or the gradient for the "input" or the "weight"

    @property
    def transposed(self) -> bool:
        return self.op.startswith("conv_transpose")

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (self.n, self.c, *self.size)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        if self.transposed:
            return (self.c, self.oc // self.groups, *self.kernel)
        return (self.oc, self.c // self.groups, *self.kernel)

    @property
    def output_shape(self) -> tuple[int, ...]:
        axes = zip(self.size, self.kernel, self.stride, self.padding, self.dilation, strict=True)
        outputs = ((i + 2 * p - d * (k - 1) - 1) // s + 1 for i, k, s, p, d in axes)
        if self.transposed:
            outputs = (
                (i - 1) * s - 2 * p + d * (k - 1) + o + 1
                for (i, k, s, p, d), o in zip(axes, self.output_padding, strict=True)
            )
        return (self.n, self.oc, *outputs)

    @property
    def amount(self) -> int:
        """What its speed counts."""
        return self.flops

    @property
    def flops(self) -> int:
        """Two per multiply-add of the plain sum; taps in the padding count, however it is done."""
        pixels = self.input_shape if self.transposed else self.output_shape
        return 2 * math.prod(pixels) * math.prod(self.weight_shape[1:])

    @property
    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of F.conv*, here and in torch."""
        own = {"output_padding": self.output_padding} if self.transposed else {}
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
            **own,
        }

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """The two operands in float32, the same at every call, results of about unit size.

        Input and weight; for gradients grad_output stands in the place of what is sought.
        """
        rng = np.random.default_rng(0)
        shapes = {
            "forward": (self.input_shape, self.weight_shape),
            "input": (self.output_shape, self.weight_shape),
            "weight": (self.input_shape, self.output_shape),
        }[self.work]
        x, weight = (aligned_zeros(shape) for shape in shapes)
        x[...] = rng.standard_normal(x.shape, dtype=np.float32)
        weight[...] = rng.standard_normal(weight.shape, dtype=np.float32)
        weight /= math.sqrt(math.prod(weight.shape[1:]))
        return x, weight

    def gradient(self, work: str) -> "Shape":
        return replace(self, name=f"{self.name}.{work}", family=f"{self.family}.{work}", work=work)


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
        output_padding=axes("a") if "a" in values else (0,) * len(axes("in")),
    )
    rank = len(shape.size)
    if shape.op not in (f"conv{rank}d", f"conv_transpose{rank}d") or min(shape.output_shape) < 1:
        raise ValueError("op, sizes and kernel do not belong together")
    return shape


def load(pattern: str = "", *files: str) -> list[Shape]:
    """The shapes whose line matches the regular expression, in the order of the files."""
    files = files or ("conv.txt",)
    shapes = [
        shape for file in files for shape in load_file(file) if re.search(pattern, shape.line)
    ]
    if not shapes:
        raise SystemExit(f"no line of {' or '.join(files)} matches {pattern!r}")
    return shapes


def load_file(file: str) -> list[Shape]:
    shapes = []
    for number, text in enumerate((FOLDER / file).read_text().splitlines(), 1):
        line = " ".join(text.split("#", 1)[0].split())
        if not line:
            continue
        try:
            shapes.append(parse(line))
        except (KeyError, ValueError) as error:
            raise ValueError(f"{file}:{number}: {error!r} in: {line}") from error
    return shapes
