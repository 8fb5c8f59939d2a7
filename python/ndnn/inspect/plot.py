# SPDX-License-Identifier: MIT
"""Pictures of what the instruments find. Each draws on `ax` (None: of a new figure) and returns it.

Nothing is shown or written: `ax.figure.savefig("field.png")` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ndnn.inspect.flow import GradientFlow
    from ndnn.inspect.receptive import ReceptiveField
    from ndnn.inspect.recorder import GradientRecorder

INK, FIELD, EFFECT = "#26303d", "#d1495b", "#00798c"
LINES = ("#d1495b", "#00798c", "#edae49", "#66a182", "#2e4057", "#8d6cab")
FLOOR = 1e-30  # what a logarithm of nothing is drawn as


def new_axes(width: float = 6.4, height: float = 4.0) -> Any:
    """Axes of a new figure, outside of pyplot, so that nothing has to be closed.

    Raises: ImportError that names the extra where matplotlib is missing.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            'plotting needs matplotlib; install it with: pip install "ndnn[plot]"'
        ) from error
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    return figure.add_subplot()


def receptive_field(
    field: ReceptiveField,
    image: Any = None,
    index: Any = None,
    *,
    layer: int | str = -1,
    effective: Any = None,
    ax: Any = None,
) -> Any:
    """The pixels that one output sees (red), and how much each counts (blue), on the input.

    Arguments:
        field: of a model with input_shape, of 1 or 2 spatial axes.
        image: (H, W), (H, W, 3) or (3, H, W), behind it.
        index: place of the output (default: the middle one).
        layer: place or name of a layer (default: the last).
        effective: what effective_receptive_field gives for this output.
    """
    mask = field.mask(index, layer)
    if mask.ndim > 2:
        raise ValueError(f"plot: needs 1 or 2 spatial axes, but got {mask.ndim}")
    named = field[layer]
    title = f"{named.name}: field {'x'.join(map(str, named.size))}"
    seen, box = field.covered(layer)
    if seen < box:
        title += f", {100 * seen / box:.0f} % of it seen"
    if mask.ndim == 1:
        ax = ax or new_axes(7, 2.4)
        ax.fill_between(np.arange(mask.size), mask, step="mid", color=FIELD, alpha=0.35, lw=0)
        if effective is not None:
            ax.plot(np.asarray(effective) / np.max(effective), color=EFFECT)
        ax.set_yticks([])
    else:
        ax = ax or new_axes(5, 5)
        _behind(ax, image, mask.shape)
        _overlay(ax, mask, FIELD, 0.22 if image is None else 0.3)
        _frame(ax, field.slices(index, layer), FIELD)
        if effective is not None:
            title += _effect(ax, np.asarray(effective))
    ax.set_title(title, color=INK, fontsize=10)
    return ax


def _behind(ax: Any, image: Any, shape: tuple[int, ...]) -> None:
    if image is None:
        picture = np.full((*shape, 3), 0.96)
    else:
        picture = np.asarray(image)
        if picture.ndim == 3 and picture.shape[0] in (1, 3):
            picture = np.moveaxis(picture, 0, 2)
        picture = picture[..., 0] if picture.ndim == 3 and picture.shape[2] == 1 else picture
        if picture.shape[:2] != shape:
            raise ValueError(f"plot: image must be of {shape} pixels, but got {picture.shape}")
    ax.imshow(picture, cmap="gray", interpolation="nearest")


def _overlay(ax: Any, weights: Any, colour: str, strength: float) -> None:
    """One colour, as opaque as the weights (0 to 1) say."""
    from matplotlib.colors import to_rgb

    layer = np.empty((*weights.shape, 4))
    layer[..., :3] = to_rgb(colour)
    layer[..., 3] = strength * weights
    ax.imshow(layer, interpolation="nearest")


def _frame(ax: Any, box: tuple[slice, ...], colour: str) -> None:
    from matplotlib.patches import Rectangle

    rows, columns = box
    height, width = rows.stop - rows.start, columns.stop - columns.start
    corner = columns.start - 0.5, rows.start - 0.5
    ax.add_patch(Rectangle(corner, width, height, fill=False, color=colour, lw=1.5))


def _effect(ax: Any, effective: Any) -> str:
    from ndnn.inspect.effective import central_box

    box = central_box(effective)
    _overlay(ax, np.sqrt(effective / (effective.max() or 1)), EFFECT, 0.85)
    _frame(ax, box, EFFECT)
    sides = "x".join(str(part.stop - part.start) for part in box)
    return f"; 95 % of the gradient in {sides}"


def flow(flows: Mapping[str, GradientFlow], ax: Any = None) -> Any:
    """The norm of the gradient at each layer, from the input to the loss, of several networks."""
    ax = ax or new_axes()
    for (name, found), colour in zip(flows.items(), LINES * len(flows), strict=False):
        norms = np.array([max(layer.norm, FLOOR) for layer in found])
        share = np.linspace(0, 1, len(norms))
        ax.plot(share, norms, color=colour, label=name, lw=1.8)
        for finding in found.findings:
            places = [i for i, layer in enumerate(found) if layer.name == finding.layer]
            if places and finding.what in ("vanishing", "exploding"):
                at = share[places[-1]], norms[places[-1]]
                ax.plot(*at, "o", color=colour, ms=6)
                style = {"fontsize": 8, "color": colour, "ha": "right"}
                text = f"{finding.what}: {finding.layer}"
                ax.annotate(text, at, (-8, 6), textcoords="offset points", **style)
    ax.set_yscale("log")
    ax.set_xlabel("from the input to the loss", color=INK)
    ax.set_ylabel("norm of the gradient", color=INK)
    ax.grid(alpha=0.25)
    ax.legend(fontsize=8)
    return ax


def recorder(recorded: GradientRecorder, ax: Any = None) -> Any:
    """The norms of the gradients of matrices and kernels over training, first layers darkest."""
    import matplotlib

    ax = ax or new_axes()
    shown = [i for i, p in enumerate(recorded._parameters) if p.ndim > 1] or [
        *range(len(recorded.names))
    ]
    norms = np.maximum(recorded.norms, FLOOR)
    colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.92, len(shown)))
    for i, colour in zip(shown, colours, strict=True):
        ax.plot(recorded.steps, norms[:, i], color=colour, lw=1, label=recorded.names[i])
    ax.set_yscale("log")
    ax.set_xlabel("step", color=INK)
    ax.set_ylabel("norm of the gradient", color=INK)
    ax.grid(alpha=0.25)
    if len(shown) <= 12:
        ax.legend(fontsize=7, ncols=2)
    return ax
