# SPDX-License-Identifier: MIT
"""Contenders for one piece of work: they must agree, then they race; ratios, table and means."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench import report
from bench.timing import Call, Neighbours, race

TOLERANCE = 1e-3  # of the largest output: finds other work, not rounding
Ratio = tuple[str, tuple[str, ...]]  # ndnn's way of calling, the peers of which the best counts


def parts(result: Any) -> list[np.ndarray]:
    """Copies of what a call returned: an array, or a tuple of them."""
    return [np.array(a) for a in (result if isinstance(result, tuple) else (result,))]


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """The largest, as a share of the largest value."""
    return float(np.abs(a - b).max() / np.abs(b).max())


def compete(
    row: report.Row,
    make: Callable[[str], Call | None],
    names: list[str],
    threads: int,
    seconds: float,
    yardsticks: dict[str, Call],
) -> None:
    """Time all contenders into `row`; one that fails or computes something else is left out.

    The yardsticks do other work, and are timed beside them.
    """
    calls, results, row["failed"] = {}, {}, {}
    for name in names:
        try:
            call = make(name)
            if call is not None:
                results[name] = parts(call())
                calls[name] = call
        except Exception as error:  # a peer may refuse work with any type
            row["failed"][name] = f"{type(error).__name__}: {error}"
    judge = (
        "torch" if "torch" in results else next((n for n in reversed(names) if n in results), "")
    )
    if not judge:
        raise SystemExit(f"{row['name']}: no contender ran: {row['failed']}")
    expected = results[judge]
    row["judge"], row["difference"] = judge, {}
    for name, result in results.items():
        shapes, wanted = ([a.shape for a in arrays] for arrays in (result, expected))
        if shapes != wanted:
            row["failed"][name] = f"shapes {shapes}, but {judge} has {wanted}"
            del calls[name]
            continue
        row["difference"][name] = max(map(difference, result, expected))
        if not row["difference"][name] <= TOLERANCE:
            row["failed"][name] = f"differs from {judge} by {row['difference'][name]:.1e} of max"
            del calls[name]
    neighbours = Neighbours()
    row["seconds"] = race({**calls, **yardsticks}, seconds)
    row["disturbed"] = neighbours.disturb(threads)


@dataclass
class Table:
    """How rows are printed: `unit` of work per second, and the ratios, above 1 where ndnn wins."""

    unit: str
    names: list[str]
    ratios: dict[str, Ratio]
    targets: dict[str, float] = field(default_factory=dict)  # of "vs best" as mean of a class
    share: str = ""  # the yardstick that ndnn's speed is given as a share of
    width: int = 26  # of names
    family_width: int = 10

    def add_ratios(self, row: report.Row) -> None:
        """Label: (time of the best peer / time of ndnn, name of that peer), where both ran."""
        row["ratios"], seconds = {}, row["seconds"]
        for label, (own, peers) in self.ratios.items():
            timed = [name for name in peers if name in seconds]
            if own in seconds and timed:
                best = min(timed, key=seconds.__getitem__)
                row["ratios"][label] = seconds[best] / seconds[own], best

    def head(self) -> str:
        titles = "".join(f"{name:>12s}" for name in self.names)
        labels = "".join(f"  {label:15s}" for label in self.ratios)
        share = f"  of {self.share}" if self.share else ""
        return f"{self._start(self.unit, 'class')}{titles}{labels}{share}".rstrip()

    def _start(self, name: str, family: str) -> str:
        return f"{name:{self.width}s} {family:{self.family_width}s}"

    def line(self, row: report.Row) -> str:
        cells = ""
        for name in self.names:
            seconds = row["seconds"].get(name)
            cells += f"{row['work'] / seconds / 1e9:12.1f}" if seconds else f"{'-':>12s}"
        for label in self.ratios:
            ratio, peer = row["ratios"].get(label, (None, "-"))
            cells += f"  {ratio:6.2f} {peer:8s}" if ratio else f"  {'-':15s}"
        if self.share and {"ndnn", self.share} <= row["seconds"].keys():
            cells += f"  {row['seconds'][self.share] / row['seconds']['ndnn']:.2f}"
        return f"{self._start(report.label(row), row['family'])}{cells}".rstrip()

    def print_summary(self, rows: list[report.Row]) -> None:
        """Geometric means for each class and of all, then every row that is behind."""
        titles = "".join(f"{label:>11s}" for label in self.ratios)
        print(f"\n{'geometric mean':16s}{'rows':>5s}{titles}  target")
        families = [*dict.fromkeys(row["family"] for row in rows), "all"]
        for family in families:
            chosen = [row for row in rows if family in (row["family"], "all")]
            title = family + " ~" * any(row["disturbed"] for row in chosen)
            cells = ""
            for label in self.ratios:
                known = [row["ratios"][label][0] for row in chosen if label in row["ratios"]]
                cells += f"{report.geometric_mean(known):11.2f}" if known else f"{'-':>11s}"
            print(f"{title:16s}{len(chosen):5d}{cells}  {self.targets.get(family, '-')}")
        for label in self.ratios:
            behind = [
                f"{report.label(row)} {row['ratios'][label][0]:.2f} ({row['ratios'][label][1]})"
                for row in rows
                if label in row["ratios"] and row["ratios"][label][0] < 1
            ]
            print(f"below 1.0 {label}: {', '.join(behind) or 'none'}")
        report.say_disturbed(rows)
