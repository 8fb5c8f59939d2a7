# SPDX-License-Identifier: MIT
"""GFLOP/s of ndnn alone, and the algorithm it chose, for the named shapes."""

import argparse

import ndnn
from bench import report
from bench.contenders import build_ndnn, build_ndnn_packed
from bench.shapes import Shape, load
from bench.timing import Neighbours, keep_memory, race


def measure(shape: Shape, threads: int, seconds: float) -> report.Row:
    plan = ndnn.config.plan_conv(
        shape.op, shape.input_shape, shape.weight_shape, dtype="float32", **shape.arguments
    )
    x, weight = shape.arrays()
    calls = {
        "ndnn": build_ndnn(shape, x, weight, threads),
        "ndnn_packed": build_ndnn_packed(shape, x, weight, threads),
    }
    neighbours = Neighbours()
    seconds_of = race(calls, seconds)
    return {
        "name": shape.name,
        "family": shape.family,
        "work": shape.flops,
        "algorithm": plan["algorithm"],
        "seconds": seconds_of,
        "disturbed": neighbours.disturb(threads),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    parser.add_argument("-k", default="", metavar="REGEX", help="only lines of conv.txt with this")
    parser.add_argument("--isa", help="force one instruction set, such as avx2")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each row and way")
    parser.add_argument("--json", metavar="FILE", help="write the numbers, for bench.compare")
    options = parser.parse_args()

    shapes = load(options.k)
    keep_memory()
    ndnn.set_num_threads(options.threads)
    if options.isa:
        ndnn.config.force_isa(options.isa)
    isa = ndnn.config.active_isa()
    setting = report.describe(options.threads, isa, {"ndnn": ndnn.__version__})
    print(f"ndnn {ndnn.__version__}, isa={isa}, threads={options.threads}, {setting['cpu']}")
    print(f"{'shape':26s} {'class':10s} {'GFLOP':>7s} {'GF/s':>8s} {'packed':>8s}  algorithm")
    rows = []
    for shape in report.progress(shapes):
        row = measure(shape, options.threads, options.seconds)
        rows.append(row)
        once, packed = (shape.flops / s / 1e9 for s in row["seconds"].values())
        report.say(
            f"{report.label(row):26s} {shape.family:10s} {shape.flops / 1e9:7.3f} {once:8.1f} "
            f"{packed:8.1f}  {row['algorithm']}"
        )
    report.say_disturbed(rows)
    report.write_json(options.json, setting, rows)


if __name__ == "__main__":
    main()
