# SPDX-License-Identifier: MIT
"""The receptive field: which pixels of the input an output is computed from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndnn.inspect import layers
from ndnn.inspect.geometry import IntOrTuple, per_axis
from ndnn.inspect.layers import Sizes
from ndnn.inspect.reach import Field, Seen
from ndnn.inspect.table import plain, table
from ndnn.inspect.trace import Graph, Step, Trace, checked_shape, graph, trace
from ndnn.nn.module import Module

Jump = tuple[Any, ...]  # integers, or Fractions behind layers that enlarge


@dataclass(frozen=True)
class Window:
    """A layer's window alone, for lists of layers that need no weights.

    >>> receptive_field([Window(7, 2, 3), Window(3, 2, 1), Window(3)]).size
    (19,)
    """

    kernel_size: IntOrTuple
    stride: IntOrTuple | None = 1
    padding: IntOrTuple | str = 0
    dilation: IntOrTuple = 1
    transposed: bool = False


@dataclass(frozen=True)
class LayerField:
    """The receptive field behind one layer, along each axis.

    size: pixels from the first to the last that one output sees. jump: pixels from the field of
    one output to that of the next, on average where outputs share one. start: the first pixel
    that output 0 sees; negative where it reaches into the padding. padding: the layer's own.
    share: of its size, what an output sees.
    """

    name: str
    kind: str
    output: Sizes | None
    size: Sizes
    jump: Jump
    start: Sizes
    padding: Sizes | None
    share: tuple[float, ...]


class ReceptiveField(Sequence[LayerField]):
    """The fields behind each layer of a network, in order; `size`, `jump`, `start` of the last.

    `print` it for a table.
    """

    def __init__(self, layers: list[LayerField], steps: list[int], graph: Graph, known: bool):
        self.layers = layers
        self._steps, self._graph = steps, graph
        self.input_size = graph.input if known else None

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, key: Any) -> Any:
        """A layer by its place or name; with a slice, a list of them."""
        return self.layers[key if isinstance(key, slice) else self._place(key)]

    @property
    def size(self) -> Sizes:
        return self.layers[-1].size

    @property
    def jump(self) -> Jump:
        return self.layers[-1].jump

    @property
    def start(self) -> Sizes:
        return self.layers[-1].start

    def slices(self, index: IntOrTuple | None = None, layer: int | str = -1) -> tuple[slice, ...]:
        """The smallest part of the input that holds all an output sees: input[..., *slices].

        Arguments:
            index: place of the output element on each axis (default: the middle one).
            layer: place or name of a layer (default: the last).
        Without the sizes of the input the slices are not cut at its ends, and may begin below 0.
        """
        seen = self._seen(index, layer, bounded=self.input_size is not None)
        return tuple(
            slice(first, first + n) for first, n in zip(seen.origin, seen.mask.shape, strict=True)
        )

    def mask(self, index: IntOrTuple | None = None, layer: int | str = -1) -> NDArray[np.bool_]:
        """The pixels an output element sees, holes left out: bools in the input's sizes."""
        if self.input_size is None:
            raise ValueError("mask: needs the input's sizes, but got receptive_field(..., None)")
        full = np.zeros(self.input_size, bool)
        seen = self._seen(index, layer, bounded=True)
        place = zip(seen.origin, seen.mask.shape, strict=True)
        full[tuple(slice(first, first + n) for first, n in place)] = seen.mask
        return full

    def covered(self, layer: int | str = -1) -> tuple[int, int]:
        """(pixels seen, pixels of the box around them) of one output, of an input without ends."""
        mask = self._seen(None, layer, bounded=False).mask
        return int(mask.sum()), mask.size

    @property
    def warnings(self) -> list[str]:
        """What should be known before the network is trained: holes in the fields."""
        poor = [i for i, f in enumerate(self.layers) if min(f.share) < 1]
        found: list[str] = []
        if not poor:
            return found
        worst = min(poor, key=lambda i: np.prod(self.layers[i].share))
        for place in dict.fromkeys((worst, len(self.layers) - 1)):
            layer = self.layers[place]
            if 0 in layer.share:
                found.append(f"checkerboard: some outputs of {layer.name} see nothing")
                continue
            seen, box = self.covered(place)
            if seen < box and not (found and self.covered(worst) == (seen, box)):
                found.append(
                    f"gridding: an output of {layer.name} ({layer.kind}) sees {seen} of the {box} "
                    f"pixels of its field ({100 * seen / box:.0f} %)"
                )
        if found and found[0].startswith("gridding"):
            found.append(
                "layers of dilation d skip the pixels between their taps; dilations without a "
                "common factor, such as 1, 2, 3, or one plain layer more fill the holes"
            )
        return found

    def to_dict(self) -> dict[str, Any]:
        """The whole report in numbers and strings, for JSON."""
        rows = [{k: plain(v) for k, v in vars(layer).items()} for layer in self.layers]
        return {"input": plain(self.input_size), "layers": rows, "warnings": self.warnings}

    def plot(self, image: Any = None, index: Any = None, **options: Any) -> Any:
        """Draws field and effective field on the input; see ndnn.inspect.plot.receptive_field."""
        from ndnn.inspect import plot

        return plot.receptive_field(self, image, index, **options)

    def __str__(self) -> str:
        heads = ["layer", "kind", "output", "size", "jump", "start", "padding"]
        rows = [
            [f.name, f.kind, *map(_axes, (f.output, f.size, f.jump, f.start, f.padding))]
            for f in self.layers
        ]
        return "\n".join([table(heads, rows, left=2), *self.warnings])

    __repr__ = __str__

    def _place(self, key: int | str) -> int:
        if isinstance(key, str):
            found = [i for i, layer in enumerate(self.layers) if layer.name == key]
            if not found:
                raise KeyError(f"receptive_field: no layer is named {key!r}")
            return found[-1]
        return range(len(self.layers))[key]

    def _seen(self, index: IntOrTuple | None, layer: int | str, bounded: bool) -> Seen:
        place = self._place(layer)
        step, rank = self._steps[place], len(self._graph.input)
        sizes = self.layers[place].output
        if index is None:
            index = tuple(n // 2 for n in sizes) if sizes else 0
        at = per_axis("receptive_field", "index", index, rank, -(2**31))
        if sizes is not None:
            if any(not -n <= i < n for i, n in zip(at, sizes, strict=True)):
                raise ValueError(f"receptive_field: index must be within {sizes}, but got {at}")
            at = tuple(i % n for i, n in zip(at, sizes, strict=True))
        found: dict[int, Seen] = {step: Seen(at, np.ones((1,) * rank, bool))}
        for number in range(step, -1, -1):
            if (seen := found.pop(number, None)) is None:
                continue
            for source, reaches in self._graph.steps[number].sources:
                steps = self._graph.steps
                inner = self._graph.input if source < 0 else steps[source].sizes
                found[source] = seen.back(reaches, inner if bounded else None).joined(
                    found.get(source)
                )
        return found[-1].cut()


def receptive_field(
    model: Module | Iterable[Any], input_shape: Sequence[int] | None = None
) -> ReceptiveField:
    """Size, jump, start and padding of the receptive field behind each layer.

    Shapes: input_shape (N, C, L), (N, C, H, W) or (N, C, D, H, W), as the model takes it.
    Arguments:
        model: a Module; or a list of layers (of ndnn.nn, of torch.nn, or Window), one after the
            other.
        input_shape: without it only a list or a Sequential of layers can be read, whose field does
            not depend on it. With it a Module is run once on random numbers, and branches are
            followed on the tape; layers are read from their class and attributes, what a forward
            does between them from the shapes.
    Raises: ValueError for what has no field that can be told: functions with windows called in a
        forward, fractional pools, fields of more than a million pixels along an axis; TypeError
        for what is no layer.
    Accuracy: exact, as the set of pixels whose change can reach the output. What a normalisation
        computes over a whole image (InstanceNorm, GroupNorm) is not counted.
    Source: Araujo, Norris and Sim, Computing receptive fields of convolutional neural networks,
        Distill, 2019; here for sets of pixels instead of intervals.
    Example:
        >>> from ndnn import nn
        >>> net = nn.Sequential(nn.Conv2d(3, 8, 7, 2, 3), nn.ReLU(), nn.Conv2d(8, 8, 3, dilation=2))
        >>> field = receptive_field(net, (1, 3, 64, 64))
        >>> field.size, field.jump, field.slices((0, 13))
        ((15, 15), (2, 2), (slice(0, 12, None), slice(23, 38, None)))
    """
    if input_shape is not None:
        shape = checked_shape("receptive_field", input_shape)
        if len(shape) < 3:
            raise ValueError(
                f"receptive_field: input_shape must have spatial axes, but got {shape}"
            )
        if isinstance(model, Module):
            return _of_run(model, shape)
        return _of_list(_flat(model), shape)
    return _of_list(_flat(model), None)


def _of_run(model: Module, shape: tuple[int, ...]) -> ReceptiveField:
    found = graph(trace("receptive_field", model, shape))
    fields = _fields(found)
    rows, steps = [], []
    for call, step in found.calls:
        sizes = found.steps[step].sizes if step >= 0 else found.input
        rows.append(_row(call.name, call.layer, sizes, fields[step]))
        steps.append(step)
    last = len(found.steps) - 1
    if steps and steps[-1] != last:  # branches that meet behind the last layer
        rows.append(_row("output", found.steps[last].name, found.steps[last].sizes, fields[last]))
        steps.append(last)
    if not rows:
        raise ValueError("receptive_field: must see a layer between input and output, but got none")
    return ReceptiveField(rows, steps, found, known=True)


def fields_of_calls(run: Trace) -> list[Sizes | None]:
    """The sizes behind each call; None where they cannot be told."""
    try:
        found = graph(run)
        fields = _fields(found)
    except ValueError:
        return [None] * len(run.calls)
    known = {id(call): tuple(f.size for f in fields[step]) for call, step in found.calls}
    return [known.get(id(call)) for call in run.calls]


def _of_list(named: list[tuple[str, Any]], shape: tuple[int, ...] | None) -> ReceptiveField:
    """One layer after the other, by the formulas alone."""
    ranks = [r for _, layer in named if (r := layers.rank_of(layer))]
    rank = len(shape) - 2 if shape else max(ranks, default=1)
    sizes = tuple(shape[2:]) if shape else None
    steps: list[Step] = []
    for i, (name, layer) in enumerate(named):
        after = None if sizes is None else layers.sizes_after(layer, sizes)
        reaches = layers.reaches(layer, sizes, after, rank)
        steps.append(Step(name, after or (0,) * rank, [(i - 1, reaches)]))
        sizes = after
    if not steps:
        raise ValueError("receptive_field: must be of at least one layer, but got none")
    found = Graph(tuple(shape[2:]) if shape else (0,) * rank, steps, [])
    fields = _fields(found)
    rows = [
        _row(name, layer, steps[i].sizes if shape else None, fields[i])
        for i, (name, layer) in enumerate(named)
    ]
    return ReceptiveField(rows, list(range(len(rows))), found, known=shape is not None)


def _flat(model: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """The layers of a Sequential or list, inner ones in their place."""
    if layers.kind(model) == "Sequential":  # torch's too
        parts = [(n, m) for n, m in model._modules.items() if m is not None]  # one may occur twice
    elif isinstance(model, Iterable):
        parts = [(str(i), layer) for i, layer in enumerate(model)]
    else:
        parts = [("", model)]
    found = []
    for name, part in parts:
        path = f"{prefix}.{name}" if prefix and name else prefix or name or layers.kind(part)
        name = layers.kind(part)
        if name == "Sequential" or isinstance(part, (list, tuple)):
            found += _flat(part, path)
        elif layers.is_known(part):
            found.append((path, part))
        elif isinstance(part, Module):
            raise ValueError(
                "receptive_field: input_shape must be given, and the model itself, where a module "
                f"has a forward of its own, but got {name} without"
            )
        else:
            raise TypeError(
                "receptive_field: layers must be of ndnn.nn, of torch.nn, or Window, "
                f"but got {name}"
            )
    return found


def _fields(graph: Graph) -> dict[int, list[Field]]:
    """The field of each step along each axis."""
    rank = len(graph.input)
    fields = {-1: [Field.of_input()] * rank}
    for number, step in enumerate(graph.steps):
        own: list[Field] | None = None
        for source, reaches in step.sources:
            branch = [
                field if reach is None else field.through(reach)
                for field, reach in zip(fields[source], reaches, strict=True)
            ]
            both = zip(own or branch, branch, step.sizes, strict=True)
            own = [a.joined(b, n) for a, b, n in both]
        fields[number] = own or fields[-1]
    return fields


def _row(name: str, layer: Any, sizes: Sizes | None, fields: list[Field]) -> LayerField:
    return LayerField(
        name,
        layer if isinstance(layer, str) else layers.kind(layer),
        sizes,
        tuple(f.size for f in fields),
        tuple(f.jump for f in fields),
        tuple(f.start for f in fields),
        layers.geometry(layer, len(fields))[2] if hasattr(layer, "kernel_size") else None,
        tuple(f.share for f in fields),
    )


def _axes(values: Sequence[Any] | None) -> str:
    """One number where all axes agree."""
    if values is None:
        return "-"
    texts = [str(v) for v in values]
    return texts[0] if len(set(texts)) == 1 else "x".join(texts)
