# SPDX-License-Identifier: MIT
"""The figure of the photograph demo: nine panels on a dark sheet, written as a PNG by Matplotlib.

Lengths are inches, measured from the upper left corner of the sheet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ndnn import __version__, config
from ndnn.demo import filters
from ndnn.demo.filters import ORIENTATIONS, FloatArray
from ndnn.demo.measure import Report, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ndnn.demo.photo import Gallery

SHEET, INK, FAINT, ACCENT = "#0d1017", "#f1f3f7", "#8e97a9", "#3ce1b9"
PANEL_AREA = 10.7  # square inches of one panel
MARGIN, GAP, HEADER, CAPTION = 0.55, 0.35, 1.35, 0.78
COLUMNS, ROWS = 4, 3
DPI = 120


@dataclass(frozen=True)
class Sheet:
    """A figure with a grid of equal panels and room for a caption below each."""

    figure: Figure
    width: float  # of one panel
    height: float

    @property
    def scale(self) -> float:
        """Factor for font sizes, 1 for the standard photograph."""
        return self.width / 4

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Bare axes at a place in inches."""
        w, h = self.figure.get_size_inches()
        axes = self.figure.add_axes((left / w, 1 - (top + height) / h, width / w, height / h))
        axes.set_axis_off()
        return axes

    def place(self, column: int, row: int, span: int = 1) -> tuple[float, float, float, float]:
        """Left, top, width, height of a panel that spans `span` rows and columns."""
        left = MARGIN + column * (self.width + GAP)
        top = HEADER + row * (self.height + CAPTION)
        width = span * self.width + (span - 1) * GAP
        return left, top, width, span * self.height + (span - 1) * CAPTION

    def text(self, left: float, top: float, words: str, size: float, **style: Any) -> None:
        """Words with their upper edge at `top`."""
        w, h = self.figure.get_size_inches()
        style = {"color": INK, "va": "top", **style}
        self.figure.text(left / w, 1 - top / h, words, fontsize=size * self.scale, **style)


def draw(gallery: Gallery, path: str) -> None:
    """Write the whole figure as a PNG.

    Raises:
        OSError: the file cannot be written.
    """
    import matplotlib.style
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with matplotlib.style.context("default"):  # the reader's own matplotlibrc stays out
        sheet = new_sheet(gallery.pictures["photo"].shape)
        draw_header(sheet, gallery)
        draw_pictures(sheet, gallery)
        aspect = sheet.height / sheet.width
        draw_bank(sheet.axes(*sheet.place(0, 1)), columns=8 if aspect < 1.1 else 4)
        dots = cover(gallery.pictures["strided"], aspect)
        draw_dots(sheet.axes(*sheet.place(0, 2)), dots)
        draw_times(sheet, gallery)
        draw_captions(sheet, gallery)
        canvas = FigureCanvasAgg(sheet.figure)
        canvas.print_figure(path, format="png", dpi=DPI, facecolor=SHEET)


def new_sheet(photo_shape: tuple[int, ...]) -> Sheet:
    """An empty figure whose panels have the photograph's shape, within reason."""
    from matplotlib.figure import Figure

    aspect = float(np.clip(photo_shape[0] / photo_shape[1], 0.5, 1.6))
    width = max(3.3, (PANEL_AREA / aspect) ** 0.5)
    height = width * aspect
    size = (
        2 * MARGIN + COLUMNS * width + (COLUMNS - 1) * GAP,
        HEADER + ROWS * (height + CAPTION) + 0.2,
    )
    return Sheet(Figure(figsize=size, facecolor=SHEET), width, height)


def draw_header(sheet: Sheet, gallery: Gallery) -> None:
    """The title on the left, what ran where on the right."""
    total = 1e3 * sum(report.seconds for report in gallery.reports.values())
    right = float(sheet.figure.get_size_inches()[0]) - MARGIN
    threads = f"{gallery.threads} thread{'s' if gallery.threads > 1 else ''}"
    sheet.text(MARGIN, 0.42, "ndnn", 30, weight="bold", color=ACCENT)
    title = "one photograph, seven convolutions"
    sheet.text(MARGIN + 1.55 * sheet.scale, 0.52, title, 22)
    setting = f"{config.active_isa()}, {threads}, float32, ndnn {__version__}"
    sheet.text(right, 0.44, f"all seven in {total:.1f} ms", 16, ha="right", weight="bold")
    sheet.text(right, 0.80, setting, 11, ha="right", color=FAINT)


def draw_pictures(sheet: Sheet, gallery: Gallery) -> None:
    """The panels that are simply pictures."""
    aspect = sheet.height / sheet.width
    answers = tiled_answers(gallery.pictures["gabor"], aspect)
    pictures = {**gallery.pictures, "gabor": answers}
    places = {
        "photo": sheet.place(0, 0),
        "blur": sheet.place(1, 0),
        "sobel": sheet.place(2, 0),
        "dilated": sheet.place(3, 0),
        "gabor": sheet.place(1, 1),
        "mixing": sheet.place(2, 1, span=2),
    }
    for name, (left, top, width, height) in places.items():
        axes = sheet.axes(left, top, width, height)
        axes.imshow(cover(pictures[name], height / width), interpolation="lanczos")
        axes.set_aspect("auto")
    left, top, width, height = places["sobel"]
    side = 0.14 * width
    wheel = sheet.axes(left + width - 1.2 * side, top + height - 1.2 * side, side, side)
    wheel.imshow(hue_wheel(120))


def draw_bank(axes: Axes, columns: int) -> None:
    """The filters of the Gabor bank, in the hue of their direction where they are positive."""
    pad, size = 2, filters.GABOR_SIZE
    bank = filters.gabor_bank()[:, 0]
    bank = bank / np.abs(bank).max((1, 2), keepdims=True)
    colours = np.tile(filters.hue(filters.orientations()), (2, 1))[:, None, None]
    plus, minus = np.maximum(bank, 0)[..., None], np.maximum(-bank, 0)[..., None]
    tiles = 0.13 + 0.87 * plus * colours + minus * (0.75 * (1 - colours) - 0.1)
    background = np.array([int(SHEET[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    rows = len(bank) // columns
    sheet = np.tile(background, (rows * (size + pad) - pad, columns * (size + pad) - pad, 1))
    for i, tile in enumerate(tiles):
        y, x = (i // columns) * (size + pad), (i % columns) * (size + pad)
        sheet[y : y + size, x : x + size] = tile
    axes.imshow(np.clip(sheet, 0, 1), interpolation="nearest")


def draw_dots(axes: Axes, picture: FloatArray) -> None:
    """One disc for each pixel of the strided result."""
    from matplotlib.collections import EllipseCollection

    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width]
    colours = picture.reshape(-1, 3)
    diameter = 0.55 + 0.45 * colours.max(axis=1)
    places = np.column_stack([x.ravel(), y.ravel()])
    discs = EllipseCollection(
        diameter, diameter, np.zeros(len(places)), units="x", offsets=places,
        offset_transform=axes.transData, facecolors=colours, edgecolors="none",
    )  # fmt: skip
    axes.add_collection(discs)
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), aspect="equal")


def draw_times(sheet: Sheet, gallery: Gallery) -> None:
    """Bars of time on a logarithmic axis: the NumPy reference and ndnn."""
    reports = list(gallery.reports.values())
    left, top, width, height = sheet.place(1, 2)
    label = 0.24 * width
    axes = sheet.axes(left + label, top, width - label, height)
    rows = np.arange(len(reports))
    fast = np.array([1e3 * report.seconds for report in reports])
    slow = np.array([1e3 * report.reference_seconds for report in reports])
    start = 0.4 * fast.min()
    axes.barh(rows, slow - start, left=start, height=0.62, color="#2b3244")
    axes.barh(rows, fast - start, left=start, height=0.62, color=ACCENT)
    axes.set(xscale="log", xlim=(start, 1.1 * slow.max()), ylim=(len(reports) - 0.5, -0.5))
    size = 9.5 * sheet.scale
    for row, report in enumerate(reports):
        axes.annotate(
            report.name, (start, row), (-8, 0), textcoords="offset points",
            ha="right", va="center", fontsize=size, color=INK,
        )  # fmt: skip
        axes.annotate(
            report.speedup, (report.seconds * 1e3, row), (7, 0),
            textcoords="offset points", va="center", fontsize=size, color=INK,
        )  # fmt: skip


def draw_captions(sheet: Sheet, gallery: Gallery) -> None:
    """A title, a line of explanation and the time below each panel."""
    height, width = gallery.pictures["photo"].shape[:2]
    captions = [
        (0, 0, 1, "", "Photograph", f"{width} x {height} pixels"),
        (1, 0, 1, "blur", "Blur", "depthwise, a 13x13 Gaussian for each colour"),
        (2, 0, 1, "sobel", "Edges", "two 3x3 Sobel filters; the hue is the direction"),
        (3, 0, 1, "dilated", "Detail", "5x5 at dilation 4, narrow minus wide Gaussian"),
        (0, 1, 1, "", "Gabor bank", "32 filters of 11x11: 16 directions, even and odd"),
        (1, 1, 1, "gabor", "Answers of the bank", "strength of each of the 16 directions"),
        (0, 2, 1, "strided", "Dots", "16x16 Gaussian at stride 12, one disc a pixel"),
        (1, 2, 1, "", "Time", "ndnn (green) and plain NumPy (grey), logarithmic"),
        (2, 1, 2, "mixing", "Light by direction", mixing_words()),
    ]
    for column, row, span, step, title, words in captions:
        left, top, wide, high = sheet.place(column, row, span)
        below = top + high + 0.1
        sheet.text(left, below, title, 12.5, weight="bold")
        sheet.text(left, below + 0.25 * sheet.scale, words, 9.5, color=FAINT)
        if step:
            when = spell_time(gallery.reports[step])
            sheet.text(left + wide, below, when, 11.5, ha="right", color=ACCENT)


def mixing_words() -> str:
    """The caption of the last step."""
    channels = filters.mixing().shape[1]
    return f"1x1 convolution of {channels} channels: light of 16 hues on the blurred picture"


def spell_time(report: Report) -> str:
    """Time and rate of a step for its caption."""
    return f"{1e3 * report.seconds:.2f} ms, {short(report.gflops)} GFLOP/s"


def tiled_answers(strength: FloatArray, aspect: float) -> FloatArray:
    """The answers of the bank (ORIENTATIONS, H, W), each in its hue, as one 4 by 4 picture."""
    colours = filters.hue(filters.orientations()).astype(np.float32)
    tiles = [
        cover(answer, aspect)[..., None] * colour
        for answer, colour in zip(strength, colours, strict=True)
    ]
    rows = [np.concatenate(tiles[i : i + 4], axis=1) for i in range(0, ORIENTATIONS, 4)]
    return np.concatenate(rows)


def hue_wheel(size: int) -> FloatArray:
    """A ring (size, size, 4) that shows which hue stands for which direction."""
    axis = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = axis[None, :], axis[:, None]
    radius = np.hypot(x, y)
    inside = np.clip((1 - radius) * size / 4, 0, 1) * np.clip((radius - 0.55) * size / 4, 0, 1)
    colours = filters.hue(np.arctan2(y, x))
    return np.concatenate([colours, inside[..., None]], axis=-1).astype(np.float32)


def cover(picture: FloatArray, aspect: float) -> FloatArray:
    """The largest central part of a picture with the given height / width."""
    height, width = picture.shape[:2]
    high, wide = min(height, round(width * aspect)), min(width, round(height / aspect))
    top, left = (height - high) // 2, (width - wide) // 2
    return picture[top : top + high, left : left + wide]
