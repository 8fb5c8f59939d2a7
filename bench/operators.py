# SPDX-License-Identifier: MIT
"""The operators between convolutions, in shapes of real networks, for bench.peers --operators.

Speed is counted in bytes: the floating-point inputs read once and the result written once; for
gradients the same, so that both can be compared with a plain copy.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bench.shapes import aligned_zeros

Maker = Callable[[np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Operator:
    """One call of an operator, or its gradient; `inputs` are shapes or make an array."""

    name: str
    family: str
    op: str
    inputs: dict[str, tuple[int, ...] | Maker]
    options: dict[str, Any] = field(default_factory=dict)
    differentiable: tuple[str, ...] = ("input",)
    backward: bool = False

    @property
    def line(self) -> str:
        shapes = " ".join(f"{k}={v}" for k, v in self.inputs.items() if not callable(v))
        options = " ".join(f"{k}={v}" for k, v in self.options.items())
        return f"{self.name} class={self.family} op={self.op} {shapes} {options}"

    def arrays(self) -> tuple[dict[str, np.ndarray]]:
        rng = np.random.default_rng(0)
        made = {}
        for name, what in self.inputs.items():
            values = what(rng) if callable(what) else rng.standard_normal(what)
            if values.dtype.kind == "f":
                made[name] = aligned_zeros(values.shape)
                made[name][...] = values
            else:
                made[name] = values
        return (made,)

    @property
    def amount(self) -> int:
        """Bytes."""
        import ndnn.functional as F  # torch must be loaded first: see contenders.set_up

        (arrays,) = self.arrays()
        results = getattr(F, self.op)(**arrays, **self.options)
        everything = [*arrays.values(), results[0] if isinstance(results, tuple) else results]
        return sum(a.nbytes for a in everything if np.asarray(a).dtype.kind == "f")


def uniform(*shape: int) -> Maker:
    return lambda rng: rng.uniform(0.5, 1.5, shape)


def labels(classes: int, *shape: int) -> Maker:
    return lambda rng: rng.integers(0, classes, shape)


def near_identity(n: int, h: int, w: int) -> Maker:
    """A sampling grid, shaken by a tenth of the image."""

    def make(rng: np.random.Generator) -> np.ndarray:
        y, x = np.meshgrid(np.linspace(-1, 1, h), np.linspace(-1, 1, w), indexing="ij")
        return np.stack((x, y), -1) + rng.uniform(-0.1, 0.1, (n, h, w, 2))

    return make


def winners(n: int, c: int, h: int, w: int) -> Maker:
    """Places in planes twice as large, one in each 2x2 window: what max pooling returns."""

    def make(rng: np.random.Generator) -> np.ndarray:
        y, x = np.ogrid[:h, :w]
        dy, dx = rng.integers(0, 2, (2, n, c, h, w))
        return (2 * y + dy) * 2 * w + 2 * x + dx

    return make


def one(family: str, op: str, shape: Sequence[int], name: str = "", **options: Any) -> Operator:
    text = "x".join(map(str, shape))
    return Operator(
        f"{op}{'.' + name if name else ''}.{text}", family, op, {"input": tuple(shape)}, options
    )


BLOCK, STEM, DEEP, SMALL = (8, 64, 56, 56), (1, 64, 112, 112), (8, 256, 14, 14), (8, 512, 7, 7)
CACHED, MEMORY = (64, 1024), (16, 1024, 1024)  # 256 KB, 64 MB
C = (64,)

POOL = [
    one("pool", "max_pool2d", STEM, "3x3s2", kernel_size=3, stride=2, padding=1),
    one("pool", "max_pool2d", BLOCK, "2x2", kernel_size=2),
    one("pool", "max_pool2d", BLOCK, "3x3s1", kernel_size=3, stride=1, padding=1),
    one("pool", "max_pool2d", DEEP, "2x2", kernel_size=2),
    one("pool", "max_pool2d", (1, 512, 20, 20), "13x13s1", kernel_size=13, stride=1, padding=6),
    one("pool", "max_pool1d", (8, 128, 4096), "4", kernel_size=4),
    one("pool", "max_pool3d", (1, 64, 16, 56, 56), "2x2x2", kernel_size=2),
    one("pool", "adaptive_max_pool2d", BLOCK, "7", output_size=7),
    one("pool", "avg_pool2d", BLOCK, "2x2", kernel_size=2),
    one("pool", "avg_pool2d", (1, 192, 28, 28), "3x3s1", kernel_size=3, stride=1, padding=1),
    one("pool", "avg_pool3d", (1, 64, 16, 56, 56), "2x2x2", kernel_size=2),
    one("pool", "adaptive_avg_pool2d", SMALL, "1", output_size=1),
    one("pool", "adaptive_avg_pool2d", BLOCK, "6", output_size=6),
    Operator(
        "max_unpool2d.2x2.8x64x28x28",
        "pool",
        "max_unpool2d",
        {"input": (8, 64, 28, 28), "indices": winners(8, 64, 28, 28)},
        {"kernel_size": 2},
    ),
]
RESIZE = [
    one("resize", "interpolate", shape, f"{mode}.{name}", mode=mode, **size)
    for mode, shape, name, size in (
        ("bilinear", BLOCK, "x2", {"scale_factor": 2.0}),
        ("bilinear", (1, 19, 64, 64), "x8", {"scale_factor": 8.0}),
        ("bilinear", (1, 3, 1080, 1920), "to224", {"size": (224, 224)}),
        ("bilinear", (1, 256, 33, 33), "corners", {"size": (129, 129), "align_corners": True}),
        ("nearest", (1, 256, 52, 52), "x2", {"scale_factor": 2.0}),
        ("nearest-exact", BLOCK, "x1.5", {"scale_factor": 1.5}),
        ("bicubic", (1, 3, 256, 256), "x2", {"scale_factor": 2.0}),
        ("bilinear", (1, 3, 512, 512), "antialias", {"size": (224, 224), "antialias": True}),
        ("linear", (8, 128, 4096), "x2", {"scale_factor": 2.0}),
        ("trilinear", (1, 32, 16, 32, 32), "x2", {"scale_factor": 2.0}),
        ("area", BLOCK, "to14", {"size": (14, 14)}),
    )
]
FOLD = [
    one("fold", "pad", BLOCK, "reflect1", pad=(1, 1, 1, 1), mode="reflect"),
    one("fold", "pad", (1, 3, 1080, 1920), "constant", pad=(3, 3, 3, 3)),
    one("fold", "pad", BLOCK, "circular", pad=(1, 1, 1, 1), mode="circular"),
    one("fold", "unfold", BLOCK, "3x3", kernel_size=3, padding=1),
    one("fold", "fold", (8, 576, 3136), "3x3", output_size=(56, 56), kernel_size=3, padding=1),
    one("fold", "pixel_shuffle", (1, 256, 128, 128), "2", upscale_factor=2),
    one("fold", "pixel_unshuffle", (1, 3, 1024, 1024), "4", downscale_factor=4),
    one("fold", "channel_shuffle", (8, 240, 28, 28), "3", groups=3),
    *(
        Operator(
            f"grid_sample.{'x'.join(map(str, (n, c, h, w)))}",
            "fold",
            "grid_sample",
            {"input": (n, c, h, w), "grid": near_identity(n, h, w)},
            {"align_corners": False},
            ("input", "grid"),
        )
        for n, c, h, w in ((8, 64, 56, 56), (1, 3, 512, 512))
    ),
]
ACTIVATION = [
    one("activation", op, shape)
    for op in ("relu", "sigmoid", "tanh", "gelu", "silu", "elu", "leaky_relu", "softplus")
    for shape in (CACHED, MEMORY)
] + [
    one("activation", op, CACHED)
    for op in (
        "relu6",
        "selu",
        "celu",
        "mish",
        "hardswish",
        "hardsigmoid",
        "hardtanh",
        "logsigmoid",
    )
]
SOFTMAX = [
    one("softmax", op, shape, f"dim{dim}", dim=dim)
    for op in ("softmax", "log_softmax")
    for shape, dim in (
        ((512, 1000), 1),
        ((64, 50257), 1),
        ((8, 21, 129, 129), 1),
        ((96, 197, 197), 2),
    )
]
NORM = [
    *(
        Operator(
            f"batch_norm.{'training' if training else 'eval'}.{'x'.join(map(str, shape))}",
            "norm",
            "batch_norm",
            {
                "input": shape,
                **(
                    {}
                    if training
                    else {"running_mean": (shape[1],), "running_var": uniform(shape[1])}
                ),
                "weight": (shape[1],),
                "bias": (shape[1],),
            },
            {"training": True, "running_mean": None, "running_var": None} if training else {},
            ("input", "weight", "bias"),
        )
        for shape in ((32, *BLOCK[1:]), DEEP, SMALL, (4096, 256))
        for training in (False, True)
    ),
    *(
        Operator(
            f"{op}.{'x'.join(map(str, shape))}",
            "norm",
            op,
            {"input": shape, **dict.fromkeys(parameters, more)},
            options,
            ("input", *parameters),
        )
        for op, shape, more, parameters, options in (
            (
                "layer_norm",
                (64, 197, 768),
                (768,),
                ("weight", "bias"),
                {"normalized_shape": (768,)},
            ),
            ("rms_norm", (16, 128, 2048), (2048,), ("weight",), {"normalized_shape": (2048,)}),
            ("group_norm", BLOCK, C, ("weight", "bias"), {"num_groups": 32}),
            ("instance_norm", BLOCK, C, ("weight", "bias"), {}),
        )
    ),
    one("norm", "local_response_norm", (8, 96, 27, 27), size=5),
    one("norm", "normalize", (4096, 512), dim=1),
]
LOSS = [
    *(
        Operator(f"{op}.4096x1024", "loss", op, {"input": (4096, 1024), "target": target}, options)
        for op, target, options in (
            ("mse_loss", (4096, 1024), {}),
            ("l1_loss", (4096, 1024), {}),
            ("smooth_l1_loss", (4096, 1024), {}),
            ("huber_loss", (4096, 1024), {}),
            ("binary_cross_entropy_with_logits", uniform(4096, 1024), {}),
        )
    ),
    *(
        Operator(
            f"cross_entropy.{'x'.join(map(str, shape))}",
            "loss",
            "cross_entropy",
            {"input": shape, "target": labels(shape[1], shape[0], *shape[2:])},
        )
        for shape in ((512, 1000), (64, 50257), (4, 21, 129, 129))
    ),
]
OPERATORS = [*POOL, *RESIZE, *FOLD, *ACTIVATION, *SOFTMAX, *NORM, *LOSS]


def load(pattern: str, backward: bool) -> list[Operator]:
    """The rows whose line matches the regular expression."""
    chosen = [row for row in OPERATORS if re.search(pattern, row.line)]
    if not chosen:
        raise SystemExit(f"no operator matches {pattern!r}")
    if backward:
        chosen = [
            replace(row, name=f"{row.name}.grad", family=f"{row.family}.grad", backward=True)
            for row in chosen
        ]
    return chosen
