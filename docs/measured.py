# SPDX-License-Identifier: MIT
"""The table of the performance page, from files of bench.peers.

python -m bench.peers --json 1.json; python -m bench.peers --backward --json 2.json
python -m bench.peers --operators --json 3.json
python -m bench.peers --operators --backward --json 4.json
python docs/measured.py 1.json 2.json 3.json 4.json
"""

import json
import math
import sys
from pathlib import Path

MEASURED = Path(__file__).with_name("measured.json")
RATIOS = "vs torch", "vs packed", "vs best"


def condense(files: list[str]) -> dict[str, object]:
    """The geometric mean of each ratio in each class; rows that others disturbed are left out."""
    runs = [json.loads(Path(file).read_text()) for file in files]
    rows = [row for run in runs for row in run["rows"] if not row["disturbed"]]
    classes = {}
    for name in sorted({row["family"] for row in rows}):
        own = [row["ratios"] for row in rows if row["family"] == name]
        classes[name] = {"rows": len(own)}
        for ratio in RATIOS:
            logs = [math.log(r[ratio][0]) for r in own if r.get(ratio)]
            classes[name][ratio] = round(math.exp(sum(logs) / len(logs)), 2) if logs else None
    setting = runs[0]["setting"]
    kept = {key: setting[key] for key in ("cpu", "isa", "threads", "versions")}
    return {"setting": kept, "classes": classes}


def table() -> str:
    """The page's table, in Markdown."""
    found = json.loads(MEASURED.read_text())
    setting = found["setting"]
    versions = ", ".join(f"{name} {version}" for name, version in setting["versions"].items())
    lines = [
        f"{setting['cpu']}, {setting['isa']}, threads: {setting['threads']}; {versions}.",
        "",
        "| class | rows | vs torch | vs packed | vs best |",
        "|---|---|---|---|---|",
    ]
    for name, row in found["classes"].items():
        cells = [f"{row[ratio]:.2f}" if row[ratio] else "-" for ratio in RATIOS]
        lines.append(f"| {name} | {row['rows']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    MEASURED.write_text(json.dumps(condense(sys.argv[1:]), indent=1) + "\n")
