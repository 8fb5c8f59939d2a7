# SPDX-License-Identifier: MIT
"""What a call costs before any work: conv2d of one pixel, ndnn beside torch; and `import ndnn`."""

import argparse
import subprocess
import sys
from collections.abc import Callable
from itertools import repeat

from bench import contenders, report
from bench.shapes import parse
from bench.timing import race

PIXEL = parse("pixel class=overhead op=conv2d n=1 c=1 oc=1 in=1x1 k=1x1 s=1x1 p=0x0 d=1x1 g=1")
BATCH = 1000  # calls between two looks at the clock
IMPORT = """
import time, numpy
start = time.perf_counter()
import ndnn
print(time.perf_counter() - start)
"""


def in_batches(call: Callable[[], object]) -> Callable[[], None]:
    def batch() -> None:
        for _ in repeat(None, BATCH):
            call()

    return batch


def import_seconds(runs: int) -> float:
    """Time of `import ndnn` after numpy, the least of several fresh processes."""
    command = [sys.executable, "-c", IMPORT]
    outputs = [subprocess.run(command, capture_output=True, text=True, check=True).stdout]
    outputs += [subprocess.check_output(command, text=True) for _ in range(runs)]
    return min(float(text) for text in outputs)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.overhead", description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each contender")
    parser.add_argument("--json", metavar="FILE", help="write the numbers")
    options = parser.parse_args()

    names, versions = contenders.set_up(options.threads)
    x, weight = PIXEL.arrays()
    with contenders.inference_mode():
        calls = {
            name: in_batches(contenders.BUILDERS[name](PIXEL, x, weight, options.threads))
            for name in names
            if name in ("ndnn", "ndnn_packed", "torch")
        }
        empty = {"(empty call)": in_batches(lambda: None)}
        seconds = {k: s / BATCH for k, s in race({**calls, **empty}, options.seconds).items()}
    print(f"conv2d of one pixel, threads={options.threads}: microseconds a call")
    for name, value in seconds.items():
        print(f"  {name:14s} {value * 1e6:7.3f}")
    if "torch" in seconds:
        print(f"  torch / ndnn   {seconds['torch'] / seconds['ndnn']:7.2f}  (target: 1 and more)")
    imported = import_seconds(7)
    print(f"import ndnn beyond numpy: {imported * 1e3:.1f} ms (target: at most 15)")
    import ndnn

    setting = report.describe(options.threads, ndnn.config.active_isa(), versions)
    row = {"name": PIXEL.name, "family": "overhead", "work": PIXEL.flops, "seconds": seconds}
    report.write_json(options.json, {**setting, "import_seconds": imported}, [row])


if __name__ == "__main__":
    main()
