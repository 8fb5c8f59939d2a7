# SPDX-License-Identifier: MIT
"""A network in a table: shapes, parameters, multiplications, memory, fields, time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ndnn.inspect import receptive
from ndnn.inspect.layers import kind
from ndnn.inspect.table import plain, table, units
from ndnn.inspect.trace import Call, checked_shape, trace
from ndnn.nn.module import Module


@dataclass(frozen=True)
class LayerSummary:
    """One call of a layer. macs: multiplications with weights; bytes: of its output."""

    name: str
    kind: str
    output: tuple[int, ...]
    parameters: int
    macs: int
    bytes: int
    field: tuple[int, ...] | None
    seconds: float | None


@dataclass(frozen=True)
class Summary:
    """All layers in the order they ran, and the sums. `print` it for a table."""

    layers: list[LayerSummary]
    parameters: int
    trainable: int
    parameter_bytes: int

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    @property
    def bytes(self) -> int:
        """Of all outputs, as training keeps them."""
        return sum(layer.bytes for layer in self.layers)

    def to_dict(self) -> dict[str, Any]:
        """The whole summary in numbers and strings, for JSON."""
        return {
            "layers": [plain(vars(layer)) for layer in self.layers],
            "parameters": self.parameters,
            "trainable": self.trainable,
            "parameter_bytes": self.parameter_bytes,
            "macs": self.macs,
            "bytes": self.bytes,
        }

    def __str__(self) -> str:
        timed = any(layer.seconds is not None for layer in self.layers)
        heads = ["layer", "kind", "output", "parameters", "MACs", "bytes", "field"]
        rows = [
            [
                row.name,
                row.kind,
                "x".join(map(str, row.output)),
                f"{row.parameters:,}" if row.parameters else "-",
                units(row.macs) if row.macs else "-",
                units(row.bytes),
                "x".join(map(str, row.field)) if row.field else "-",
                *([f"{1000 * (row.seconds or 0):.2f}"] if timed else []),
            ]
            for row in self.layers
        ]
        lines = [
            table([*heads, "ms"] if timed else heads, rows, left=2),
            f"parameters: {self.parameters:,} ({self.trainable:,} trained), "
            f"{units(self.parameter_bytes)}B",
            f"MACs: {units(self.macs)}; outputs: {units(self.bytes)}B",
        ]
        if timed:
            total = sum(layer.seconds or 0 for layer in self.layers)
            lines.append(f"time in layers: {1000 * total:.1f} ms")
        return "\n".join(lines)

    __repr__ = __str__


def summary(model: Module, input_shape: Sequence[int], time: bool = False) -> Summary:
    """Output shape, parameters, multiplications, memory and receptive field of each layer.

    Shapes: input_shape as the model takes it, with the batch.
    Arguments:
        time: also the seconds of each layer: the least of three runs, recording gradients.
    Raises: TypeError for what is no Module; ValueError for a shape it does not take.
    Accuracy: counts are exact; a layer that multiplies by no weight has 0 MACs.
    Source: the idea: Keras' Model.summary.
    Example:
        >>> from ndnn import nn
        >>> net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Flatten(), nn.Linear(2048, 10))
        >>> found = summary(net, (1, 3, 16, 16))
        >>> found.parameters, found.macs, found.layers[0].output
        (20714, 75776, (1, 8, 16, 16))
    """
    shape = checked_shape("summary", input_shape)
    run = trace("summary", model, shape)
    seconds: list[float | None] = [None] * len(run.calls)
    if time:
        runs = [run, *(trace("summary", model, shape) for _ in range(2))]
        seconds = [min(c.seconds for c in calls) for calls in zip(*(r.calls for r in runs))]  # noqa: B905
    fields = receptive.fields_of_calls(run) if len(shape) > 2 else [None] * len(run.calls)
    counted = set[int]()
    rows = []
    for call, field, duration in zip(run.calls, fields, seconds, strict=True):
        own = {id(p): p for p in call.layer.parameters()}
        new = sum(p.size for key, p in own.items() if key not in counted)
        counted |= own.keys()
        y = call.output
        size = y.size * y.dtype.itemsize
        row = call.name, kind(call.layer), y.shape, new, _macs(call), size, field, duration
        rows.append(LayerSummary(*row))
    parameters = list(model.parameters())
    return Summary(
        rows,
        sum(p.size for p in parameters),
        sum(p.size for p in parameters if p.requires_grad),
        sum(p.size * p.dtype.itemsize for p in parameters),
    )


def _macs(call: Call) -> int:
    """Each weight of a convolution is used once for each output place; transposed: input place."""
    weight = getattr(call.layer, "weight", None)
    if weight is None or not (kind(call.layer) == "Linear" or hasattr(call.layer, "kernel_size")):
        return 0
    if kind(call.layer) == "Linear":
        return int(weight.size) * (call.output.size // call.output.shape[-1])
    places = call.inputs[0] if getattr(call.layer, "transposed", False) else call.output
    rank = len(weight.shape) - 2
    batch = places.shape[0] if places.ndim == rank + 2 else 1
    return int(weight.size) * batch * math.prod(places.shape[-rank:])
