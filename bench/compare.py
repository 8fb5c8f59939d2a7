# SPDX-License-Identifier: MIT
"""Two JSON files of bench.run (or bench.peers) side by side: time before / time after of ndnn."""

import argparse
import json
from pathlib import Path

from bench.report import geometric_mean

WAYS = ("ndnn", "ndnn_packed")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("before")
    parser.add_argument("after")
    options = parser.parse_args()

    before, after = (json.loads(Path(p).read_text()) for p in (options.before, options.after))
    for key in ("cpu", "threads", "isa"):
        values = before["setting"][key], after["setting"][key]
        if values[0] != values[1]:
            print(f"beware: {key} differs: {values[0]} and {values[1]}")
    old_rows = {row["name"]: row for row in before["rows"]}
    ratios: dict[str, list[float]] = {way: [] for way in WAYS}
    print(f"{'above 1: faster now':26s} {'one-shot':>9s} {'packed':>9s}  algorithm")
    for row in after["rows"]:
        old = old_rows.pop(row["name"], None)
        if old is None:
            print(f"{row['name']:26s} only in {options.after}")
            continue
        cells = []
        for way in WAYS:
            if way in old["seconds"] and way in row["seconds"]:
                ratios[way].append(old["seconds"][way] / row["seconds"][way])
                cells.append(f"{ratios[way][-1]:9.3f}")
            else:
                cells.append(f"{'-':>9s}")
        algorithms = dict.fromkeys(r.get("algorithm", "-") for r in (old, row))
        print(f"{row['name']:26s} {' '.join(cells)}  {' -> '.join(algorithms)}")
    for name in old_rows:
        print(f"{name:26s} only in {options.before}")
    print(f"{'geometric mean':26s}", *(f"{geometric_mean(ratios[way]):9.3f}" for way in WAYS))


if __name__ == "__main__":
    main()
