# SPDX-License-Identifier: MIT
"""Convolution + residual + ReLU in one pass (ndnn.fused), beside the three steps one by one."""

import argparse
import importlib

import numpy as np

import ndnn
import ndnn.functional as F
from bench import contenders, report
from bench.shapes import Shape, load
from bench.timing import Call, Neighbours, race


def build(shape: Shape, with_torch: bool) -> dict[str, Call]:
    x, weight = shape.arrays()
    kept, how = ndnn.PackedWeight(weight), shape.arguments
    plain, fused = getattr(F, shape.op), getattr(ndnn.fused, shape.op)
    residual = plain(x, kept, **how)

    def separate() -> np.ndarray:
        y = plain(x, kept, **how)
        y += residual
        return np.maximum(y, 0, out=y)

    calls: dict[str, Call] = {
        "conv": lambda: plain(x, kept, **how),
        "fused": lambda: fused(x, kept, **how, residual=residual, activation="relu"),
        "silu": lambda: fused(x, kept, **how, activation="silu"),
        "separate": separate,
    }
    if with_torch:
        torch = importlib.import_module("torch")
        conv = getattr(torch.nn.functional, shape.op)
        tx, tw, tr = map(torch.from_numpy, (x, weight, residual))
        calls["torch"] = lambda: conv(tx, tw, **how).add_(tr).relu_()
    return calls


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.fused", description=__doc__)
    parser.add_argument("-k", default="resnet50|class=depthwise", metavar="REGEX")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each row and way")
    options = parser.parse_args()

    names, _ = contenders.set_up(options.threads)
    print(
        f"ndnn's weights packed; time / that of ndnn's convolution alone; threads={options.threads}"
    )
    print(
        f"{'shape':26s} {'conv us':>8s} {'fused':>8s} {'silu':>8s} {'separate':>8s} {'torch':>8s}"
    )
    rows = []
    for shape in report.progress(load(options.k)):
        neighbours = Neighbours()
        with contenders.inference_mode():
            seconds = race(build(shape, "torch" in names), options.seconds)
        conv = seconds.pop("conv")
        rows.append({"name": shape.name, "disturbed": neighbours.disturb(options.threads)})
        ratios = " ".join(f"{value / conv:8.2f}" for value in seconds.values())
        report.say(f"{report.label(rows[-1]):26s} {conv * 1e6:8.0f} {ratios}")
    report.say_disturbed(rows)


if __name__ == "__main__":
    main()
