# SPDX-License-Identifier: MIT
"""ndnn beside torch, ONNX Runtime and OpenVINO: same work, same threads, one process, float32.

Convolutions; with --operators pooling, resizing, norms, activations, losses, as GB/s of inputs
and results. With --backward: the gradients, beside torch's.

Ratios, all above 1 where ndnn is faster:
  vs torch    best torch layout (operators: torch's own, NCHW) / ndnn, given a plain weight
  vs packed   best of ONNX Runtime and OpenVINO / ndnn with a PackedWeight: weights packed before
  vs best     the best of all peers / ndnn, with a PackedWeight where there are weights
"""

import argparse
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from bench import contenders, operator_calls, report
from bench.contest import Ratio, Table, compete
from bench.operators import load as load_operators
from bench.shapes import load
from bench.timing import Call

PEERS = ("torch", "torch_cl", "ort", "openvino")
CONVOLUTIONS: dict[str, Ratio] = {
    "vs torch": ("ndnn", ("torch", "torch_cl")),
    "vs packed": ("ndnn_packed", ("ort", "openvino")),
    "vs best": ("ndnn_packed", PEERS),
}
OPERATORS: dict[str, Ratio] = {"vs torch": ("ndnn", ("torch",)), "vs best": ("ndnn", PEERS)}
GRADIENTS = ("input", "weight")
TARGETS = {  # "vs best" as geometric mean of a class
    "dense3x3": 2.0,
    "small3x3": 1.1,
    "conv1x1": 1.05,
    "strided": 1.05,
    "depthwise": 1.5,
    "grouped": 2.0,
    "dilated": 1.1,
    "conv1d": 1.1,
    "conv3d": 1.1,
    "transposed": 1.2,
    **{f"{c}.{w}": 1.2 for c in ("1x1", "strided", "conv1d", "conv3d") for w in GRADIENTS},
    **{f"depthwise.{w}": 3.0 for w in GRADIENTS},
    "3x3.input": 2.0,
    "3x3.weight": 1.2,
    **{f"{c}{g}": 1.5 for c in ("pool", "resize", "fold") for g in ("", ".grad")},
    **{f"{c}{g}": 1.2 for c in ("activation", "softmax", "norm", "loss") for g in ("", ".grad")},
}


@dataclass
class Programme:
    table: Table
    work: list[Any]
    builders: dict[str, Any]
    yardsticks: Callable[[Any], dict[str, Call]]


def convolutions(pattern: str, backward: bool, names: list[str]) -> Programme:
    if backward:
        shapes = [s.gradient(w) for s in load(pattern, "backward.txt") for w in GRADIENTS]
        names = [name for name in names if name not in ("ort", "openvino")]
    else:
        shapes = load(pattern, "conv.txt", "conv_transpose.txt")
    table = Table("GFLOP/s", names, CONVOLUTIONS, TARGETS)
    return Programme(table, shapes, contenders.BUILDERS, lambda shape: {})


def operators(pattern: str, backward: bool, names: list[str]) -> Programme:
    left_out = ("ndnn_packed", "ort", "openvino") if backward else ("ndnn_packed",)
    names = [name for name in names if name not in left_out]
    work = load_operators(pattern, backward)
    width = max(len(row.name) for row in work) + 3
    table = Table("GB/s", names, OPERATORS, TARGETS, "copy", width, 16)
    return Programme(table, work, operator_calls.BUILDERS, operator_calls.yardsticks)


def measure(work: Any, programme: Programme, threads: int, seconds: float) -> report.Row:
    arrays = work.arrays()
    row: report.Row = {"name": work.name, "family": work.family, "work": work.amount}
    compete(
        row,
        lambda name: programme.builders[name](work, *arrays, threads),
        programme.table.names,
        threads,
        seconds,
        programme.yardsticks(work),
    )
    programme.table.add_ratios(row)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("-k", default="", metavar="REGEX", help="only lines of the table with this")
    parser.add_argument("--operators", action="store_true", help="the rows of operators.py")
    parser.add_argument("--backward", action="store_true", help="gradients")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each row and contender")
    parser.add_argument("--json", metavar="FILE", help="write the numbers")
    parser.add_argument("--plot", metavar="FILE.png", help="draw the ratios")
    options = parser.parse_args()

    names, versions = contenders.set_up(options.threads)
    prepare = operators if options.operators else convolutions
    programme = prepare(options.k, options.backward, names)
    import ndnn  # after torch: see set_up

    setting = report.describe(options.threads, ndnn.config.active_isa(), versions)
    listed = ", ".join(f"{package} {version}" for package, version in versions.items())
    print(f"{listed}; isa={setting['isa']}, threads={options.threads}, {setting['cpu']}")
    print(programme.table.head())
    rows = []
    with nullcontext() if options.backward else contenders.inference_mode():
        for work in report.progress(programme.work):
            rows.append(measure(work, programme, options.threads, options.seconds))
            report.say(programme.table.line(rows[-1]))
    programme.table.print_summary(rows)
    report.write_json(options.json, setting, rows)
    if options.plot:
        from bench.plot import plot_ratios

        plot_ratios(rows, setting, options.plot)
    failed = [f"{row['name']}: {n}: {text}" for row in rows for n, text in row["failed"].items()]
    if failed:
        sys.exit("left out:\n  " + "\n  ".join(failed))


if __name__ == "__main__":
    main()
