# SPDX-License-Identifier: MIT
"""The ratios of bench.peers as bars: one group a shape, shapes grouped by class."""

from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from bench.report import Row

SERIES = {  # ratio: (legend, colour)
    "vs torch": ("one-shot / best torch layout", "#d9822b"),
    "vs best": ("packed weights / best of all peers", "#2b6cb0"),
}


def plot_ratios(rows: list[Row], setting: dict[str, Any], path: str) -> None:
    """One picture: right of the line at 1.0 ndnn is faster."""
    figure, axes = plt.subplots(figsize=(9, 1.6 + 0.27 * len(rows)), layout="constrained")
    largest = max((r["ratios"][s][0] for r in rows for s in SERIES if s in r["ratios"]), default=1)
    smallest = min((r["ratios"][s][0] for r in rows for s in SERIES if s in r["ratios"]), default=1)
    for place, row in enumerate(rows):
        for offset, (label, (_, colour)) in zip((-0.19, 0.19), SERIES.items(), strict=True):
            if label not in row["ratios"]:
                continue
            ratio, peer = row["ratios"][label]
            axes.barh(place + offset, ratio - 1, 0.38, left=1, color=colour, zorder=2)
            text = f" {ratio:.2f} {peer} "
            side = "left" if ratio >= 1 else "right"
            axes.text(ratio, place + offset, text, ha=side, va="center", fontsize=6)
    mark_families(axes, [row["family"] for row in rows])
    axes.axvline(1, color="black", linewidth=1.2, zorder=3)
    axes.set_xscale("log")
    ticks = [t for t in (0.25, 0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 32) if t <= largest * 1.5]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlim(min(0.85, smallest / 1.8), max(1.5, largest * 1.8))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [row["name"] for row in rows], fontsize=7)
    axes.grid(axis="x", color="0.85", zorder=0)
    axes.set_xlabel("time of the best peer / time of ndnn (above 1: ndnn is faster)")
    versions = ", ".join(f"{k} {v}" for k, v in setting["versions"].items() if k != "python")
    title = f"{setting['cpu']}, {setting['threads']} thread(s), float32\n{versions}"
    axes.set_title(title, fontsize=8)
    handles = [Patch(color=colour) for _, colour in SERIES.values()]
    names = [text for text, _ in SERIES.values()]
    figure.legend(handles, names, loc="outside lower center", ncols=2)
    figure.savefig(path, dpi=150)


def mark_families(axes: Axes, families: list[str]) -> None:
    """A band of background and a name for each run of rows of one class."""
    start, shade = 0, 1.0
    for place in range(1, len(families) + 1):
        if place < len(families) and families[place] == families[start]:
            continue
        axes.axhspan(start - 0.5, place - 0.5, color=str(shade), zorder=0)
        middle = (start + place - 1) / 2
        axes.text(1.01, middle, families[start], transform=axes.get_yaxis_transform(), va="center")
        start, shade = place, 1.95 - shade
