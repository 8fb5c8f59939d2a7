# SPDX-License-Identifier: MIT
"""What the benchmarks share in their output: progress, means, the JSON file."""

import json
import math
import os
import platform
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

try:
    from tqdm import tqdm
except ImportError:
    tqdm = None

T = TypeVar("T")
Row = dict[str, Any]  # one shape in the JSON file


def progress(items: list[T]) -> Iterator[T]:
    """The items, with a bar on stderr if tqdm is installed and stderr is a terminal."""
    if tqdm is None:
        return iter(items)
    return iter(tqdm(items, file=sys.stderr, disable=None, leave=False))


def say(line: str) -> None:
    """print() that leaves the bar whole."""
    if tqdm is None:
        print(line, flush=True)
    else:
        tqdm.write(line, file=sys.stdout)
        sys.stdout.flush()


def label(row: Row) -> str:
    """The row's name, with a mark if other processes took a core it needed."""
    return f"{row['name']} ~" if row["disturbed"] else f"{row['name']}"


def say_disturbed(rows: list[Row]) -> None:
    count = sum(row["disturbed"] for row in rows)
    if count:
        print(f"~ {count} rows are not to be trusted: other processes took a core; run them again")


def geometric_mean(values: Iterable[float]) -> float:
    logs = [math.log(v) for v in values]
    return math.exp(sum(logs) / len(logs)) if logs else math.nan


def describe(threads: int, isa: str, versions: dict[str, str]) -> dict[str, Any]:
    """Where and how the numbers came about; belongs beside every number."""
    return {
        "machine": platform.machine(),
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "threads": threads,
        "isa": isa,
        "versions": {"python": platform.python_version(), **versions},
    }


def cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else ():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def write_json(path: str | None, setting: dict[str, Any], rows: list[Row]) -> None:
    """{"setting": {...}, "rows": [{"name", "work", "seconds": {contender: s}, ...}, ...]}"""
    if path:
        Path(path).write_text(json.dumps({"setting": setting, "rows": rows}, indent=1) + "\n")
