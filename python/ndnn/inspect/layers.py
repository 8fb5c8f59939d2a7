# SPDX-License-Identifier: MIT
"""What a layer reads, from its class name and attributes: torch's names, so torch's layers too."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from ndnn.inspect import reach
from ndnn.inspect.geometry import output_size, per_axis
from ndnn.inspect.reach import Reach

Sizes = tuple[int, ...]
Reaches = tuple[Reach | None, ...]  # of each axis; None: output i reads input i

_EDGES = {"zeros": "drop", "reflect": "reflect", "replicate": "clamp", "circular": "wrap"}
_PADS = {"Reflection": "reflect", "Replication": "clamp", "Circular": "wrap"}
_UNREADABLE = re.compile(r"^(Unfold|Fold|FractionalMaxPool\dd|MultiheadAttention|RNN|LSTM|GRU)$")


def kind(layer: Any) -> str:
    return type(layer).__name__


def rank_of(layer: Any) -> int | None:
    """The number of spatial axes a layer's class or kernel tells of."""
    if found := re.search(r"(\d)d$", kind(layer)):
        return int(found[1])
    size = getattr(layer, "kernel_size", None)
    return len(size) if isinstance(size, Sequence) else None


def is_known(layer: Any) -> bool:
    """Is this a layer to be read as one, rather than a module to look into?"""
    if any(True for _ in getattr(layer, "children", tuple)()):
        return False
    home = f"{type(layer).__module__}."
    return home.startswith(("ndnn.nn.", "torch.nn.")) or _rule(layer) is not None


def reaches(layer: Any, before: Sizes | None, after: Sizes | None, rank: int) -> Reaches:
    """What the outputs of a layer read, on each spatial axis.

    before, after: sizes of input and output, if they are known.
    """
    name = kind(layer)
    if _UNREADABLE.match(name):
        raise ValueError(
            f"receptive_field: must be of layers with one window for all outputs, but got {name}"
        )
    if rule := _rule(layer):
        found: Reaches = rule(layer, before, after, rank)
        return found
    if name == "Linear" and before is not None and before != (1,) * rank:
        return (None,) * (rank - 1) + (reach.whole(before[-1]),)
    if name == "Flatten" and before is None:
        raise _needs_sizes(name)
    return (None,) * rank if before is None else by_shapes(name, before, after or before)


def by_shapes(name: str, before: Sizes, after: Sizes) -> Reaches:
    """What an operation without a window does: each for itself, all to one, or one to all."""
    found: list[Reach | None] = []
    for n, out in zip(before, after, strict=True):
        if n == out:
            found.append(None)
        elif out == 1:
            found.append(reach.whole(n))
        elif n == 1:
            found.append(reach.broadcast())
        else:
            raise ValueError(
                f"receptive_field: must know which inputs an output reads, but got {name} "
                f"from spatial sizes {before} to {after}"
            )
    return tuple(found)


def sizes_after(layer: Any, before: Sizes) -> Sizes:
    """The spatial sizes a layer gives, by the formulas."""
    name, rank = kind(layer), len(before)
    if name == "Flatten":
        return (1,) * rank
    if name.startswith("Adaptive"):
        return _adaptive_sizes(layer, before)
    if name.startswith("Upsample") or hasattr(layer, "scale_factor"):
        return tuple(
            n if f is None else int(n * f) if want is None else want
            for n, f, want in zip(before, *_scale(layer, rank), strict=True)
        )
    if found := re.match(r"Pixel(Uns|S)huffle$", name):
        factor = layer.downscale_factor if found[1] == "Uns" else layer.upscale_factor
        return tuple(n // factor if found[1] == "Uns" else n * factor for n in before)
    if name.endswith(("Pad1d", "Pad2d", "Pad3d")):
        return tuple(n + sum(ends) for n, ends in zip(before, _ends(layer, rank), strict=True))
    if not hasattr(layer, "kernel_size"):
        return before
    kernel, stride, padding, dilation = geometry(layer, rank)
    if getattr(layer, "padding", 0) == "same":
        return before
    found_size: Sizes = output_size(
        before,
        kernel,
        stride,
        padding,
        dilation,
        output_padding=getattr(layer, "output_padding", 0),
        transposed=_is_transposed(layer),
        ceil_mode=bool(getattr(layer, "ceil_mode", False)),
    )
    return found_size


def geometry(layer: Any, rank: int) -> tuple[Sizes, Sizes, Sizes, Sizes]:
    """kernel_size, stride, padding (before) and dilation of each axis."""

    def axes(name: str, value: Any, least: int) -> Sizes:
        return per_axis("receptive_field", f"{name} of {kind(layer)}", value, rank, least)

    kernel = axes("kernel_size", layer.kernel_size, 1)
    stride = getattr(layer, "stride", None)
    dilation = axes("dilation", getattr(layer, "dilation", 1), 1)
    padding = getattr(layer, "padding", 0)
    if padding == "same":
        padding = tuple(d * (k - 1) // 2 for k, d in zip(kernel, dilation, strict=True))
    elif padding == "valid":
        padding = 0
    strides = kernel if stride is None else axes("stride", stride, 1)
    return kernel, strides, axes("padding", padding, 0), dilation


def _rule(layer: Any) -> Any:
    """The function that reads this layer, or None: it has no window."""
    name = kind(layer)
    if name.startswith("Adaptive"):
        return _adaptive
    if name.startswith("Upsample") or hasattr(layer, "scale_factor"):
        return _resized
    if re.match(r"Pixel(Uns|S)huffle$", name):
        return _shuffled
    if re.search(r"Pad\dd$", name):
        return _padded
    if hasattr(layer, "kernel_size"):
        return _windowed
    return None


def _is_transposed(layer: Any) -> bool:
    return kind(layer).startswith("MaxUnpool") or bool(getattr(layer, "transposed", False))


def _windowed(layer: Any, before: Any, after: Any, rank: int) -> Reaches:
    axes = list(zip(*geometry(layer, rank), strict=True))
    if _is_transposed(layer):
        return tuple(reach.transposed(*axis) for axis in axes)
    edge = _EDGES[getattr(layer, "padding_mode", "zeros")]
    return tuple(reach.window(*axis, edge) for axis in axes)


def _adaptive(layer: Any, before: Sizes | None, after: Any, rank: int) -> Reaches:
    if before is None:
        raise _needs_sizes(kind(layer))
    outputs = _adaptive_sizes(layer, before)
    return tuple(reach.adaptive(n, out) for n, out in zip(before, outputs, strict=True))


def _adaptive_sizes(layer: Any, before: Sizes) -> Sizes:
    wanted = layer.output_size
    wanted = tuple(wanted) if isinstance(wanted, Sequence) else (wanted,) * len(before)
    return tuple(n if out is None else out for n, out in zip(before, wanted, strict=True))


def _scale(layer: Any, rank: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Factor and wanted size of each axis of an Upsample: one of them, the other is None."""
    found = []
    for value in (getattr(layer, "scale_factor", None), getattr(layer, "size", None)):
        found.append(tuple(value) if isinstance(value, Sequence) else (value,) * rank)
    factors, sizes = found
    return tuple(1 if f is None else f for f in factors), sizes


def _resized(layer: Any, before: Sizes | None, after: Sizes | None, rank: int) -> Reaches:
    mode = getattr(layer, "mode", None) or "nearest"
    align = bool(getattr(layer, "align_corners", False))
    factors, sizes = _scale(layer, rank)
    if before is None and (align or mode == "area" or sizes != (None,) * rank):
        raise _needs_sizes(kind(layer))
    if before is None:
        inverse = [1 / Fraction(f).limit_denominator(1000) for f in factors]
        return tuple(reach.resized(mode, ratio, None) for ratio in inverse)
    after = after or sizes_after(layer, before)
    found = []
    for n, out, factor, size in zip(before, after, factors, sizes, strict=True):
        if mode == "area":
            found.append(reach.adaptive(n, out))
            continue
        exact = size is not None or getattr(layer, "recompute_scale_factor", None)
        ratio = Fraction(n, out) if exact else 1 / Fraction(factor).limit_denominator(1000)
        if align:
            ratio = Fraction(n - 1, out - 1) if out > 1 and n > 1 else Fraction(0)
        found.append(reach.resized(mode, ratio, out, align))
    return tuple(found)


def _shuffled(layer: Any, before: Any, after: Any, rank: int) -> Reaches:
    """The last two axes; the blocks' pixels become channels, or come from them."""
    if kind(layer) == "PixelUnshuffle":
        factor = layer.downscale_factor
        one = reach.window(factor, factor, 0, 1)
    else:
        one = reach.resized("nearest", Fraction(1, layer.upscale_factor), None)
    return (one,) * rank


def _ends(layer: Any, rank: int) -> list[tuple[int, int]]:
    """(before, after) of each axis; torch's padding begins with the last one."""
    value = layer.padding
    flat = tuple(value) if isinstance(value, Sequence) else (value,) * (2 * rank)
    return [(flat[2 * i], flat[2 * i + 1]) for i in reversed(range(rank))]


def _padded(layer: Any, before: Any, after: Any, rank: int) -> Reaches:
    edge = next((e for start, e in _PADS.items() if kind(layer).startswith(start)), "drop")
    return tuple(Reach(1, 1, ((-first,),), edge) for first, _ in _ends(layer, rank))


def _needs_sizes(name: str) -> ValueError:
    return ValueError(f"receptive_field: input_shape must be given, but got None and {name}")
