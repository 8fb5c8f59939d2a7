# SPDX-License-Identifier: MIT
"""Gradient flow: how large gradients and activations are in each layer, and where they are lost."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from ndnn.inspect.layers import kind
from ndnn.inspect.table import plain, table
from ndnn.inspect.trace import unchanged, watched
from ndnn.nn.module import Module
from ndnn.tensor import Array, Tensor, record

VANISHED, EXPLODED = 1e-3, 1e3  # of the gradient's norm behind the last layer
MOST = 0.9  # share of units dead or saturated that is worth a word

# The derivative in terms of the result, as a share of its largest.
_SLOPES: dict[str, Callable[[Array], Array]] = {
    "Sigmoid": lambda y: 4 * y * (1 - y),
    "Tanh": lambda y: 1 - y * y,
}


@dataclass(frozen=True)
class LayerFlow:
    """One call of a layer. Gradients are those of the loss for the layer's output.

    mean, max: of magnitudes; norm: Euclidean. ratio: norm over that of the layer above, nearer to
    the loss. dead: share of channels of a ReLU that are 0 for all inputs. saturated: share of
    results where a sigmoid or tanh has less than 5 % of its largest slope. weight: norm of the
    gradient of the weights over that of the weights.
    """

    name: str
    kind: str
    mean: float
    max: float
    norm: float
    ratio: float | None
    output_mean: float
    output_max: float
    output_norm: float
    dead: float | None
    saturated: float | None
    weight: float | None


@dataclass(frozen=True)
class Finding:
    """What is wrong (vanishing, exploding, not finite, dead, saturated), where, and what helps."""

    what: str
    layer: str
    text: str

    def __str__(self) -> str:
        return f"{self.what}: {self.text}"


class GradientFlow(Sequence[LayerFlow]):
    """The layers in the order they ran, and what is wrong. `print` it for a table."""

    def __init__(self, layers: list[LayerFlow]) -> None:
        self.layers = layers
        self.findings = _findings(layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, key: Any) -> Any:
        """A layer by its place or name."""
        if isinstance(key, str):
            found = [layer for layer in self.layers if layer.name == key]
            if not found:
                raise KeyError(f"gradient_flow: no layer is named {key!r}")
            return found[-1]
        return self.layers[key]

    @property
    def healthy(self) -> bool:
        return not self.findings

    @property
    def vanishing(self) -> str | None:
        """The layer where gradients vanish."""
        return next((f.layer for f in self.findings if f.what == "vanishing"), None)

    @property
    def exploding(self) -> str | None:
        """The layer where gradients explode."""
        return next((f.layer for f in self.findings if f.what == "exploding"), None)

    def to_dict(self) -> dict[str, Any]:
        """The whole report in numbers and strings, for JSON."""
        return {
            "layers": [plain(vars(layer)) for layer in self.layers],
            "findings": [vars(finding) for finding in self.findings],
        }

    def plot(self, ax: Any = None, label: str | None = None) -> Any:
        """Draws the gradients along the layers; see ndnn.inspect.plot.flow."""
        from ndnn.inspect import plot

        return plot.flow({label or "gradient": self}, ax)

    def __str__(self) -> str:
        heads = ["layer", "kind", "|gradient|", "largest", "norm", "/ above", "|output|", "dead",
                 "saturated", "weights"]  # fmt: skip
        rows = [
            [
                layer.name,
                layer.kind,
                *map(_short, (layer.mean, layer.max, layer.norm, layer.ratio, layer.output_mean)),
                *map(_percent, (layer.dead, layer.saturated)),
                _short(layer.weight),
            ]
            for layer in self.layers
        ]
        return "\n".join([table(heads, rows, left=2), *map(str, self.findings)])

    __repr__ = __str__


def gradient_flow(model: Module, loss: Callable[[Any], Tensor]) -> GradientFlow:
    """Runs a model forward and back once, and tells how gradients fare in each layer.

    Arguments:
        loss: a function of the model that returns the loss, of one element. The model runs in the
            mode it is in; its buffers and gradients are as before afterwards. Layers are watched;
            functions that a forward calls between them are not.
    Raises: TypeError for what is no Module, no function or no Tensor; ValueError for a loss of more
        than one element and a model without layers between input and loss.
    Accuracy: sums in float64. A gradient has vanished where its norm is less than a thousandth of
        that behind the last layer, and exploded where it is more than a thousand times as much, in
        all layers from there to the input.
    Source: Glorot and Bengio, Understanding the difficulty of training deep feedforward neural
        networks, 2010.
    Example:
        >>> import ndnn
        >>> from ndnn import functional as F, nn
        >>> layers = [nn.Sequential(nn.Linear(8, 8), nn.Sigmoid()) for _ in range(12)]
        >>> x, y = np.ones((4, 8), np.float32), np.array([0, 1, 2, 3])
        >>> flow = gradient_flow(nn.Sequential(*layers), lambda net: F.cross_entropy(net(x), y))
        >>> flow.healthy, flow.findings[0].what
        (False, 'vanishing')
    """
    if not isinstance(model, Module):
        raise TypeError(f"gradient_flow: model must be a Module, but got {kind(model)}")
    if not callable(loss):
        raise TypeError(f"gradient_flow: loss must be a function, but got {kind(loss)}")
    watches: list[_Watch] = []
    with ExitStack() as stack:
        stack.enter_context(unchanged(model))
        for name, module in watched(model):

            def end(module: Module, args: Any, output: Any, name: str = name) -> Any:
                watch = _Watch(name, module)
                watches.append(watch)
                return watch.through(output)

            stack.enter_context(module.register_forward_hook(end))
        value = loss(model)
        if not isinstance(value, Tensor) or value.size != 1:
            got = value.shape if isinstance(value, Tensor) else kind(value)
            error = ValueError if isinstance(value, Tensor) else TypeError
            raise error(f"gradient_flow: loss must return a Tensor of one element, but got {got}")
        value.backward()
        rows = [watch for watch in watches if watch.norm is not None]
        if not rows:
            raise ValueError("gradient_flow: must see a layer before the loss, but got none")
        above = [*(watch.norm for watch in rows[1:]), None]
        return GradientFlow([w.row(n) for w, n in zip(rows, above, strict=True)])


class _Watch:
    """Takes the numbers of one layer's output, and of its gradient when that comes back."""

    def __init__(self, name: str, module: Module) -> None:
        self.name, self.module = name, module
        self.norm: float | None = None
        self.dead: float | None = None
        self.saturated: float | None = None

    def through(self, output: Any) -> Any:
        """The same output, with an ear on the way back."""
        if isinstance(output, tuple) and output:
            return (self.through(output[0]), *output[1:])
        if not isinstance(output, Tensor) or not output._needs_grad:
            return output
        y = output._array
        self.output = magnitudes(y)
        name = kind(self.module)
        if name in {"ReLU", "ReLU6"}:
            axes = tuple(i for i in range(y.ndim) if i != 1)
            self.dead = float((y <= 0).all(axes).mean()) if y.size else None
        elif name in _SLOPES:
            self.saturated = float((_SLOPES[name](y) < 0.05).mean())

        def listen(g: Array) -> Array:
            self.mean, self.max, self.norm = magnitudes(g)
            return g

        return record("watch", y, (output, listen), saved=(), view_of=output)

    def row(self, above: float | None) -> LayerFlow:
        weight = getattr(self.module, "weight", None)
        relative = None
        if isinstance(weight, Tensor) and weight.grad is not None:
            own = magnitudes(weight._array)[2]
            relative = magnitudes(weight.grad)[2] / own if own else None
        assert self.norm is not None
        ratio = None if above is None else _divided(self.norm, above)
        return LayerFlow(
            self.name, kind(self.module), self.mean, self.max, self.norm, ratio, *self.output,
            self.dead, self.saturated, relative,
        )  # fmt: skip


def magnitudes(values: Array) -> tuple[float, float, float]:
    """Mean and largest magnitude, and the norm, summed in float64."""
    if not values.size:
        return 0.0, 0.0, 0.0
    size = np.abs(values)
    largest = float(size.max())
    with np.errstate(all="ignore"):
        norm = math.sqrt(float(np.square(size, dtype=np.float64).sum()))
    return float(size.mean(dtype=np.float64)), largest, norm


def _findings(layers: list[LayerFlow]) -> list[Finding]:
    """What is wrong, the worst first; nothing where all is well."""
    for layer in layers:
        if not math.isfinite(layer.output_norm):
            text = f"the output of {layer.name} ({layer.kind}) is; all above it are too"
            return [Finding("not finite", layer.name, f"{text}. {_SMALLER}")]
    for layer in reversed(layers):
        if not math.isfinite(layer.norm):
            text = f"the gradient at {layer.name} ({layer.kind}) is; all below it are too"
            return [Finding("not finite", layer.name, f"{text}. {_SMALLER}")]
    if layers[-1].norm == 0:
        name = layers[-1].name
        return [Finding("vanishing", name, f"the loss has no gradient at {name}, the last layer")]
    found = [*_lost(layers), *_grown(layers)]
    for layer in layers:
        for what, share in (("dead", layer.dead), ("saturated", layer.saturated)):
            if share is not None and share > MOST:
                text = f"{_percent(share)} of {layer.name} ({layer.kind}). {_REMEDIES[what]}"
                found.append(Finding(what, layer.name, text))
    return found


_SMALLER = (
    "Smaller initial weights (ndnn.init.kaiming_normal_), a smaller learning rate, normalisation, "
    "or nn.utils.clip_grad_norm_ help"
)
_REMEDIES = {
    "dead": "A smaller learning rate, initial biases above 0, or LeakyReLU help",
    "saturated": "Smaller initial weights (ndnn.init.xavier_normal_) or BatchNorm before it help",
    "sigmoid": "A sigmoid passes on a quarter at most: ReLU or Tanh, BatchNorm, or residual "
    "connections help",
    "weights": "Larger initial weights (ndnn.init.kaiming_normal_), BatchNorm, or residual "
    "connections help",
}


def _lost(layers: list[LayerFlow]) -> list[Finding]:
    shares = [layer.norm / layers[-1].norm for layer in layers]
    run = next((i for i, share in enumerate(shares) if share >= VANISHED), len(shares))
    if run == 0:
        return []
    # From the output of layer i + 1 to that of layer i the gradient goes through layer i + 1.
    steps = [_log(layer.ratio) for layer in layers[:-1]]
    steepest = min(range(len(steps)), key=steps.__getitem__)
    if steps[steepest] <= 0.5 * _log(shares[0]):
        layer = layers[steepest + 1]
        text = (
            f"{layer.name} ({layer.kind}) passes on {_short(layers[steepest].ratio)} of the "
            f"gradient; the {steepest + 1} below it hardly learn"
        )
    else:
        layer = layers[run - 1]
        text = (
            f"at {layer.name} ({layer.kind}) the gradient is {_short(shares[run - 1])} of that "
            f"behind the last layer, at {layers[0].name} {_short(shares[0])}"
        )
    if layer.dead is not None and layer.dead > 0.5:
        remedy = _REMEDIES["dead"]
    elif layer.saturated is not None and layer.saturated > 0.5:
        remedy = _REMEDIES["saturated"]
    else:
        sigmoids = any(other.kind == "Sigmoid" for other in layers[: run + 1])
        remedy = _REMEDIES["sigmoid" if sigmoids else "weights"]
    return [Finding("vanishing", layer.name, f"{text}. {remedy}")]


def _grown(layers: list[LayerFlow]) -> list[Finding]:
    shares = [layer.norm / layers[-1].norm for layer in layers]
    run = next((i for i, share in enumerate(shares) if share <= EXPLODED), len(shares))
    if run == 0:
        return []
    steps = [_log(layer.ratio) for layer in layers[:-1]]
    steepest = max(range(len(steps)), key=steps.__getitem__)
    if steps[steepest] >= 0.5 * _log(shares[0]):
        layer = layers[steepest + 1]
        text = f"{layer.name} ({layer.kind}) makes it {_short(layers[steepest].ratio)} times larger"
    else:
        layer = layers[run - 1]
        text = (
            f"at {layer.name} ({layer.kind}) the gradient is {_short(shares[run - 1])} times that "
            f"behind the last layer, at {layers[0].name} {_short(shares[0])}"
        )
    return [Finding("exploding", layer.name, f"{text}. {_SMALLER}")]


def _divided(a: float, b: float) -> float:
    if b == 0:
        return math.nan if a == 0 else math.inf
    return a / b


def _log(value: float | None) -> float:
    """For comparing: a ratio of nothing to nothing changes nothing."""
    if value is None or math.isnan(value):
        return 0.0
    return math.log(max(value, 1e-300))


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.2g}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"
