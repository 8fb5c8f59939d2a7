# SPDX-License-Identifier: MIT
"""What the benchmarks share in their output: progress, means, the JSON file."""

import json
import math
import os
import platform
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

try:
    from tqdm import tqdm
except ImportError:
    tqdm = None

T = TypeVar("T")


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


def geometric_mean(values: Iterable[float]) -> float:
    logs = [math.log(v) for v in values]
    return math.exp(sum(logs) / len(logs)) if logs else math.nan


def describe(threads: int, isa: str, versions: dict[str, str]) -> dict[str, object]:
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


def write_json(path: str | None, setting: dict[str, object], rows: list[dict]) -> None:
    """{"setting": {...}, "rows": [{"name", "family", "flops", "seconds": {contender: s}}, ...]}"""
    if path:
        Path(path).write_text(json.dumps({"setting": setting, "rows": rows}, indent=1) + "\n")
