# SPDX-License-Identifier: MIT
"""ndnn beside torch, ONNX Runtime and OpenVINO: same shapes, same threads, one process, float32.

With --backward: the gradients for input and weight, beside torch's.

Three ratios, all above 1 where ndnn is faster:
  vs torch    best torch layout / ndnn, both given a plain weight at every call
  vs packed   best of ONNX Runtime and OpenVINO / ndnn with a PackedWeight: weights packed before
  vs best     the best of all peers / ndnn with a PackedWeight
"""

import argparse
import sys

import numpy as np

from bench import contenders, report
from bench.shapes import Shape, load
from bench.timing import Neighbours, race

RATIOS = {  # label: (ndnn's way of calling, the peers of which the best counts)
    "vs torch": ("ndnn", ("torch", "torch_cl")),
    "vs packed": ("ndnn_packed", ("ort", "openvino")),
    "vs best": ("ndnn_packed", ("torch", "torch_cl", "ort", "openvino")),
}
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
}
GRADIENTS = ("input", "weight")
TOLERANCE = 1e-3  # of the largest output: finds other work, not rounding


def measure(shape: Shape, names: list[str], threads: int, seconds: float) -> report.Row:
    """Time all contenders of one shape; one that fails or computes something else is left out."""
    x, weight = shape.arrays()
    row: report.Row = {"name": shape.name, "family": shape.family, "flops": shape.flops}
    calls, results, row["failed"] = {}, {}, {}
    for name in names:
        try:
            call = contenders.BUILDERS[name](shape, x, weight, threads)
            if call is not None:
                results[name] = np.asarray(call()).copy()
                calls[name] = call
        except Exception as error:  # a peer may refuse a shape with any type
            row["failed"][name] = f"{type(error).__name__}: {error}"
    judge = "torch" if "torch" in results else next(n for n in reversed(names) if n in results)
    expected = results[judge]
    limit = np.abs(expected).max()
    row["judge"], row["difference"] = judge, {}
    for name, result in results.items():
        if result.shape != expected.shape:
            row["failed"][name] = f"shape {result.shape}, but {judge} has {expected.shape}"
            del calls[name]
            continue
        row["difference"][name] = float(np.abs(result - expected).max() / limit)
        if not row["difference"][name] <= TOLERANCE:
            row["failed"][name] = f"differs from {judge} by {row['difference'][name]:.1e} of max"
            del calls[name]
    neighbours = Neighbours()
    row["seconds"] = race(calls, seconds)
    row["disturbed"] = neighbours.disturb(threads)
    row["ratios"] = ratios(row["seconds"])
    return row


def ratios(seconds: dict[str, float]) -> dict[str, tuple[float, str]]:
    """Label: (time of the best peer / time of ndnn, name of that peer), where both were timed."""
    found = {}
    for label, (own, peers) in RATIOS.items():
        timed = [name for name in peers if name in seconds]
        if own in seconds and timed:
            best = min(timed, key=seconds.__getitem__)
            found[label] = (seconds[best] / seconds[own], best)
    return found


def table_head(names: list[str]) -> str:
    titles = "".join(f"{name:>12s}" for name in names)
    labels = "".join(f"  {label:15s}" for label in RATIOS)
    return f"{'GFLOP/s':26s} {'class':10s}{titles}{labels}".rstrip()


def table_row(row: report.Row, names: list[str]) -> str:
    cells = ""
    for name in names:
        seconds = row["seconds"].get(name)
        cells += f"{row['flops'] / seconds / 1e9:12.1f}" if seconds else f"{'-':>12s}"
    for label in RATIOS:
        ratio, peer = row["ratios"].get(label, (None, "-"))
        cells += f"  {ratio:6.2f} {peer:8s}" if ratio else f"  {'-':15s}"
    return f"{report.label(row):26s} {row['family']:10s}{cells}".rstrip()


def print_summary(rows: list[report.Row]) -> None:
    """Geometric means for each class and of all, then every row that is behind."""
    titles = "".join(f"{label:>11s}" for label in RATIOS)
    print(f"\n{'geometric mean':16s}{'rows':>5s}{titles}  target")
    families = [*dict.fromkeys(row["family"] for row in rows), "all"]
    for family in families:
        chosen = [row for row in rows if family in (row["family"], "all")]
        title = family + " ~" * any(row["disturbed"] for row in chosen)
        cells = ""
        for label in RATIOS:
            known = [row["ratios"][label][0] for row in chosen if label in row["ratios"]]
            cells += f"{report.geometric_mean(known):11.2f}" if known else f"{'-':>11s}"
        print(f"{title:16s}{len(chosen):5d}{cells}  {TARGETS.get(family, '-')}")
    for label in RATIOS:
        behind = [
            f"{report.label(row)} {row['ratios'][label][0]:.2f} ({row['ratios'][label][1]})"
            for row in rows
            if label in row["ratios"] and row["ratios"][label][0] < 1
        ]
        print(f"below 1.0 {label}: {', '.join(behind) or 'none'}")
    report.say_disturbed(rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "-k", default="", metavar="REGEX", help="only lines of shapes/*.txt with this"
    )
    parser.add_argument("--backward", action="store_true", help="gradients of backward.txt")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each row and contender")
    parser.add_argument("--json", metavar="FILE", help="write the numbers")
    parser.add_argument("--plot", metavar="FILE.png", help="draw the ratios")
    options = parser.parse_args()

    names, versions = contenders.set_up(options.threads)
    if options.backward:
        shapes = [s.gradient(w) for s in load(options.k, "backward.txt") for w in GRADIENTS]
        names = [name for name in names if name not in ("ort", "openvino")]
    else:
        shapes = load(options.k, "conv.txt", "conv_transpose.txt")
    import ndnn  # after torch: see set_up

    setting = report.describe(options.threads, ndnn.config.active_isa(), versions)
    listed = ", ".join(f"{package} {version}" for package, version in versions.items())
    print(f"{listed}; isa={setting['isa']}, threads={options.threads}, {setting['cpu']}")
    print(table_head(names))
    rows = []
    with contenders.inference_mode():
        for shape in report.progress(shapes):
            rows.append(measure(shape, names, options.threads, options.seconds))
            report.say(table_row(rows[-1], names))
    print_summary(rows)
    report.write_json(options.json, setting, rows)
    if options.plot:
        from bench.plot import plot_ratios

        plot_ratios(rows, setting, options.plot)
    failed = [f"{row['name']}: {n}: {text}" for row in rows for n, text in row["failed"].items()]
    if failed:
        sys.exit("left out:\n  " + "\n  ".join(failed))


if __name__ == "__main__":
    main()
