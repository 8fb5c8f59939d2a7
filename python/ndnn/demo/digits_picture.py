# SPDX-License-Identifier: MIT
"""The figure of the digits demo: filters, the course of learning, and answers, as a PNG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ndnn import __version__, config

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

    from ndnn import nn
    from ndnn.demo.digits import Course, Digits, FloatArray

SHEET, INK, FAINT, ACCENT, WRONG = "#0d1017", "#f1f3f7", "#8e97a9", "#3ce1b9", "#ff6b6b"
SHOWN = 40  # digits, the wrongly read ones first
COLUMNS = 10
DPI = 120


def draw(
    net: nn.Sequential, test_set: Digits, answers: FloatArray, course: Course, path: str
) -> None:
    """Write the whole figure as a PNG.

    Raises:
        OSError: the file cannot be written.
    """
    import matplotlib.style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.style.context("default"):  # the reader's own matplotlibrc stays out
        figure = Figure(figsize=(15, 9.4), facecolor=SHEET, layout="constrained")
        top, bottom = parts(figure, (2, 1), height_ratios=(1, 1.25), hspace=0.04)
        filters, curve = parts(top, (1, 2), width_ratios=(1, 1.5), wspace=0.04)
        draw_title(figure, test_set, answers)
        draw_filters(filters, np.asarray(net.state_dict()["0.weight"]))
        draw_course(curve, course)
        draw_answers(bottom, test_set, answers)
        FigureCanvasAgg(figure).print_figure(path, format="png", dpi=DPI, facecolor=SHEET)


def parts(
    figure: Figure | SubFigure, grid: tuple[int, int], **layout: Any
) -> tuple[SubFigure, SubFigure]:
    """Two parts of a figure, below or beside each other."""
    both: Any = figure.subfigures(*grid, **layout)
    return both[0], both[1]


def draw_title(figure: Figure, test_set: Digits, answers: FloatArray) -> None:
    """What was reached, and where."""
    right = (answers.argmax(1) == test_set.labels).mean()
    setting = f"{config.active_isa()}, ndnn {__version__}"
    figure.suptitle(
        f"Handwritten digits: {100 * right:.1f} % of {len(answers)} unseen ones right ({setting})",
        color=INK, fontsize=18, weight="bold", x=0.01, ha="left",
    )  # fmt: skip


def draw_filters(part: SubFigure, weight: FloatArray) -> None:
    """The 3x3 filters of the first layer: green adds light, red takes it away."""
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("signed", [WRONG, "#1a2030", ACCENT])
    largest = np.abs(weight).max()
    part.suptitle("First layer: 32 filters of 3x3", color=FAINT, fontsize=12)
    for axes, kernel in zip(part.subplots(4, 8).flat, weight[:, 0], strict=True):
        axes.imshow(kernel, cmap=colours, vmin=-largest, vmax=largest)
        axes.set_axis_off()


def draw_course(part: SubFigure, course: Course) -> None:
    """Loss of each step and its running mean; accuracy on unseen digits after each epoch."""
    axes = part.subplots()
    axes.set_facecolor(SHEET)
    steps = np.arange(1, len(course.losses) + 1)
    axes.plot(steps, course.losses, color="#2b3244", linewidth=1)
    width = min(25, len(steps))
    mean = np.convolve(course.losses, np.ones(width) / width, mode="valid")
    axes.plot(steps[width - 1 :], mean, color=ACCENT, linewidth=2)
    axes.set_yscale("log")
    axes.set_xlabel("step", color=FAINT)
    axes.set_ylabel("cross-entropy", color=ACCENT)
    other = axes.twinx()
    epochs = np.linspace(0, len(steps), len(course.accuracies) + 1)[1:]
    other.plot(epochs, 100 * np.array(course.accuracies), "o-", color=INK, markersize=4)
    other.set_ylabel("% of unseen digits right", color=INK)
    for side in (axes, other):
        side.tick_params(colors=FAINT, which="both")
        side.spines[:].set_color("#2b3244")
    part.suptitle("Learning", color=FAINT, fontsize=12)


def draw_answers(part: SubFigure, test_set: Digits, answers: FloatArray) -> None:
    """Some digits with what the network reads, and how sure it is; the mistakes first."""
    scores = answers - answers.max(1, keepdims=True)
    sure = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    read, confidence = answers.argmax(1), sure.max(1)
    wrong = read != test_set.labels
    order = np.lexsort((confidence, ~wrong))[:SHOWN]
    part.suptitle(
        "Unseen digits: the mistakes, then those it was least sure of", color=FAINT, fontsize=12
    )
    panels = part.subplots(-(-len(order) // COLUMNS), COLUMNS)
    for axes, i in zip(panels.flat, order, strict=False):
        axes.imshow(test_set.images[i, 0], cmap="bone", vmin=0, vmax=1, interpolation="bilinear")
        truth = f", is {test_set.labels[i]}" if wrong[i] else ""
        axes.set_title(
            f"{read[i]}  {100 * confidence[i]:.0f} %{truth}",
            color=WRONG if wrong[i] else INK, fontsize=10,
        )  # fmt: skip
        axes.set_axis_off()
