# SPDX-License-Identifier: MIT
"""One run of a model with every layer watched, and the graph of what was computed from what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from ndnn._grad_mode import recording
from ndnn.inspect.layers import Reaches, Sizes, by_shapes, is_known, kind, reaches
from ndnn.nn.module import Module
from ndnn.tensor import Node, Tensor

# Functions whose window only their arguments tell, which the tape does not keep.
_WINDOWED = re.compile(r"(^|_)(conv|pool|unpool|interpolate|upsample|unfold|fold|pad|grid|pixel)")

# Functions that may mix places without changing their number.
_MIXING = re.compile(r"(matmul|linear|softm|cumsum|normalize|(layer|rms)_norm)")


@dataclass
class Call:
    """One call of a layer."""

    name: str
    layer: Module
    inputs: list[Tensor]
    output: Tensor
    seconds: float


@dataclass
class Trace:
    """What ran, in order; input and output of the whole."""

    input: Tensor
    output: Tensor
    calls: list[Call] = field(default_factory=list)


@contextmanager
def unchanged(
    model: Module, training: bool | None = None, gradients: bool = True
) -> Iterator[None]:
    """Runs in training or evaluation mode, recording; modes, buffers and gradients come back.

    training: None leaves the modes as they are. gradients: parameters get theirs meanwhile.
    """
    modes = [(m, m.training) for m in model.modules()]
    buffers = [
        (m, name, array, array.copy())
        for m in model.modules()
        for name, array in m._buffers.items()
        if array is not None
    ]
    grads = [(p, p._grad, p.requires_grad) for p in model.parameters()]
    token = recording.set(True)
    try:
        if training is not None:
            model.train(training)
        for parameter, *_ in grads:
            parameter.zero_grad()
            parameter.requires_grad = parameter.requires_grad and gradients
        yield
    finally:
        recording.reset(token)
        for module, mode in modes:
            module.training = mode
        for module, name, array, values in buffers:
            array[...] = values
            module._buffers[name] = array
        for parameter, grad, required in grads:
            parameter.requires_grad = required
            parameter._grad = grad


def watched(model: Module) -> Iterator[tuple[str, Module]]:
    """The layers of a model: what has no modules in it."""
    for name, module in model.named_modules():
        if not any(True for _ in module.children()):
            yield name or kind(module), module


def trace(function: str, model: Module, shape: Sequence[int], seed: int = 0) -> Trace:
    """Runs the model on random numbers of this shape, in evaluation mode."""
    if not isinstance(model, Module):
        raise TypeError(f"{function}: model must be an ndnn.nn.Module, but got {kind(model)}")
    calls: list[Call] = []
    starts: list[float] = []

    def begin(module: Module, args: Any) -> None:
        starts.append(perf_counter())

    with ExitStack() as stack:
        stack.enter_context(unchanged(model, training=False))
        for name, module in watched(model):

            def end(module: Module, args: Any, output: Any, name: str = name) -> None:
                seconds = perf_counter() - starts.pop()
                if found := tensors(output):
                    calls.append(Call(name, module, tensors(args), found[0], seconds))

            stack.enter_context(module.register_forward_pre_hook(begin))
            stack.enter_context(module.register_forward_hook(end))
        values = np.random.default_rng(seed).standard_normal(checked_shape(function, shape))
        x = Tensor(values.astype(dtype_of(model)), requires_grad=True)
        outputs = tensors(model(x))
    if not outputs:
        raise TypeError(f"{function}: model must return a Tensor, but got none")
    return Trace(x, outputs[0], calls)


def dtype_of(model: Module) -> Any:
    """That of its parameters; float32 where it has none."""
    return next((p.dtype for p in model.parameters()), np.dtype(np.float32))


def checked_shape(function: str, shape: Any) -> tuple[int, ...]:
    """A shape with batch and channels that can be run."""
    if not isinstance(shape, Sequence) or isinstance(shape, str):
        raise TypeError(f"{function}: input_shape must be a tuple of integers, but got {shape!r}")
    if any(isinstance(n, bool) or not isinstance(n, (int, np.integer)) for n in shape):
        raise TypeError(f"{function}: input_shape must hold integers, but got {shape!r}")
    elements = 1
    for n in shape:
        elements *= max(int(n), 0)
    if not 2 <= len(shape) <= 5 or not 0 < elements < 2**31:
        raise ValueError(
            f"{function}: input_shape must be (N, C, ...) of 2 to 5 sizes of at least 1 and less "
            f"than 2^31 elements, but got {tuple(shape)}"
        )
    return tuple(int(n) for n in shape)


def tensors(value: Any) -> list[Tensor]:
    """The Tensors in arguments or results."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return []
    return [tensor for part in value for tensor in tensors(part)]


@dataclass
class Step:
    """One node of the graph: spatial sizes, and where its values come from; -1 is the input."""

    name: str
    sizes: Sizes
    sources: list[tuple[int, Reaches]]


@dataclass
class Graph:
    """The steps from the input to the output, in order, and the step of each call (-1: none)."""

    input: Sizes
    steps: list[Step]
    calls: list[tuple[Call, int]]


def graph(run: Trace) -> Graph:
    """Who reads whom, from the tape; layers are read as such, what stands between by shape."""
    rank = run.input.ndim - 2
    made: dict[Node, Call] = {}
    for call in run.calls:
        node = call.output._node
        if is_known(call.layer) and node and all(node is not x._node for x in call.inputs):
            made[node] = call

    def before(node: Node) -> list[Any]:
        if node in made:
            return [x._node or x for x in made[node].inputs]
        return [target for target, _ in node.checked_links()]

    nodes, todo = set[Node](), [run.output._node]
    while todo:
        node = todo.pop()
        if node is not None and node not in nodes:
            nodes.add(node)
            todo += [x for x in before(node) if isinstance(x, Node)]
    place: dict[Any, int] = {run.input: -1}
    steps: list[Step] = []
    for node in sorted(nodes, key=lambda n: n.number):
        sources = [x for x in before(node) if x in place]
        if not sources:  # computed from parameters alone
            continue
        sizes = _spatial(node.shape, rank)
        name = made[node].name if node in made else node.name
        links = []
        for x in sources:
            inner = _spatial(x.shape, rank)
            links.append((place[x], _reaches(made.get(node), node, inner, sizes, rank)))
        place[node] = len(steps)
        steps.append(Step(name, sizes, links))
    calls = [(call, place.get(call.output._node or call.output, -2)) for call in run.calls]
    return Graph(_spatial(run.input.shape, rank), steps, [c for c in calls if c[1] > -2])


def _reaches(call: Call | None, node: Node, before: Sizes, after: Sizes, rank: int) -> Reaches:
    if call is not None:
        return reaches(call.layer, before, after, rank)
    if _WINDOWED.search(node.name) and after != (1,) * rank:
        raise ValueError(
            "receptive_field: windows must be those of layers of ndnn.nn, "
            f"but got {node.name} called in a forward"
        )
    if _MIXING.search(node.name) and len(node.shape) >= rank + 2 and after != (1,) * rank:
        raise ValueError(
            "receptive_field: which inputs an output reads must be known, "
            f"but got {node.name} called in a forward"
        )
    if node.name == "transpose" and len(node.shape) == rank + 2:
        raise ValueError("receptive_field: axes must keep their places, but got transpose")
    return by_shapes(node.name, before, after)


def _spatial(shape: Sizes, rank: int) -> Sizes:
    """The last axes; after flattening, one place that holds all."""
    return shape[len(shape) - rank :] if len(shape) >= rank + 2 else (1,) * rank
