# SPDX-License-Identifier: MIT
"""SGD, Adam and AdamW with torch.optim's arguments and updates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ndnn.tensor import Array, Tensor

# Elements updated at a time, so that the arrays of an update stay in cache through all its steps:
# Adam on 11 M float32 takes 35 ms with 4096, 20 with 16384, 15 with 65536.
CHUNK = 65536


class Optimizer:
    """The base: groups of parameters with their options, and arrays of state for each.

    params: parameters, or dicts with "params" and options that differ from the defaults.
    """

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.state: dict[Tensor, dict[str, Any]] = {}
        self.param_groups: list[dict[str, Any]] = []
        given = list(params)
        if not given:
            raise ValueError(f"{type(self).__name__}: must have parameters, but got none")
        for group in given if isinstance(given[0], Mapping) else [{"params": given}]:
            self.add_param_group(group)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        params = group["params"]
        params = [params] if isinstance(params, Tensor) else list(params)
        for p in params:
            if not isinstance(p, Tensor) or not p.is_leaf:
                raise TypeError(
                    f"{type(self).__name__}: parameters must be leaf Tensors, "
                    f"but got {type(p).__name__ if not isinstance(p, Tensor) else 'a result'}"
                )
        known = {id(p) for old in self.param_groups for p in old["params"]}
        if len({id(p) for p in params} - known) < len(params):
            raise ValueError(f"{type(self).__name__}: a parameter must not be given twice")
        unknown = set(group) - {"params"} - set(self.defaults)
        if unknown:
            raise ValueError(f"{type(self).__name__}: unknown options {sorted(unknown)}")
        merged = {**self.defaults, **group, "params": params}
        self._check(merged)
        self.param_groups.append(merged)

    def zero_grad(self) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                p.zero_grad()

    def step(self) -> None:
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self._update(p, self.state.setdefault(p, {}), group)
                    p._changed()

    def _update(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        raise NotImplementedError

    def _check(self, group: dict[str, Any]) -> None:
        """Options that no update has a meaning for."""
        for name in ("lr", "eps", "weight_decay", "momentum"):
            if not group.get(name, 0) >= 0:
                raise ValueError(
                    f"{type(self).__name__}: {name} must not be negative, but got {group[name]}"
                )
        for beta in group.get("betas", ()):
            if not 0 <= beta < 1:
                raise ValueError(
                    f"{type(self).__name__}: betas must be from 0 on and below 1, "
                    f"but got {group['betas']}"
                )

    def state_dict(self) -> dict[str, Any]:
        """{"state": {number: arrays}, "param_groups": options}, parameters by number, as torch."""
        number = {id(p): i for i, p in enumerate(self._params())}
        groups = [
            {**group, "params": [number[id(p)] for p in group["params"]]}
            for group in self.param_groups
        ]
        return {
            "state": {number[id(p)]: _copies(held) for p, held in self.state.items()},
            "param_groups": groups,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The reverse; the parameters keep their values."""
        sizes = [len(group["params"]) for group in self.param_groups]
        given = [len(group["params"]) for group in state["param_groups"]]
        if sizes != given:
            raise ValueError(
                f"{type(self).__name__}.load_state_dict: the groups must have the sizes {sizes}, "
                f"but got {given}"
            )
        for group, loaded in zip(self.param_groups, state["param_groups"], strict=True):
            group.update({k: v for k, v in loaded.items() if k != "params"})
        params = list(self._params())
        self.state = {params[int(i)]: _copies(held) for i, held in state["state"].items()}

    def _params(self) -> Iterator[Tensor]:
        return (p for group in self.param_groups for p in group["params"])

    def __repr__(self) -> str:
        groups = [{k: v for k, v in g.items() if k != "params"} for g in self.param_groups]
        return f"{type(self).__name__}({', '.join(map(str, groups))})"


class SGD(Optimizer):
    """Gradient descent with momentum."""

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, options)

    def _check(self, group: dict[str, Any]) -> None:
        super()._check(group)
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ValueError(
                "SGD: nesterov must have momentum and no dampening, but got "
                f"momentum={group['momentum']}, dampening={group['dampening']}"
            )

    def _update(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        momentum = group["momentum"]
        first = momentum != 0 and "momentum_buffer" not in state
        if first:
            state["momentum_buffer"] = np.zeros_like(p._array)
        kept = [state["momentum_buffer"]] if momentum else []
        for w, g, t, _, *buffers in _chunks(p, *kept):
            _decayed(w, g, t, group)
            if buffers:
                (b,) = buffers
                if first:  # dampening begins with the second
                    b[...] = t
                else:
                    b *= momentum
                    b += t if group["dampening"] == 0 else t * (1 - group["dampening"])
                if group["nesterov"]:
                    t += b * momentum
                else:
                    t[...] = b
            t *= group["lr"]
            w -= t


class Adam(Optimizer):
    """Steps along the mean of gradients over the root of the mean of their squares."""

    decoupled = False  # AdamW: the weights decay by themselves, not through the gradient

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        options = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
        }
        super().__init__(params, options)

    def _update(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        names = ["exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if group["amsgrad"] else [])]
        for name in names:
            if name not in state:
                state[name] = np.zeros_like(p._array)
        state["step"] = step = int(state.get("step", 0)) + 1
        beta1, beta2 = group["betas"]
        root = math.sqrt(1 - beta2**step)
        rate = group["lr"] / (1 - beta1**step)
        for w, g, t, u, mean, square, *largest in _chunks(p, *(state[n] for n in names)):
            slope = g
            if self.decoupled:
                w *= 1 - group["lr"] * group["weight_decay"]
                if group["maximize"]:
                    slope = np.negative(g, out=t)
            elif group["weight_decay"] or group["maximize"]:
                slope = _decayed(w, g, t, group)
            np.subtract(slope, mean, out=u)
            u *= 1 - beta1
            mean += u
            np.multiply(slope, slope, out=t)
            t *= 1 - beta2
            square *= beta2
            square += t
            if largest:
                square = np.maximum(largest[0], square, out=largest[0])
            # rate * mean / (sqrt(square) / root + eps), a pass shorter
            np.sqrt(square, out=t)
            t += group["eps"] * root
            np.divide(mean, t, out=t)
            t *= rate * root
            w -= t


class AdamW(Adam):
    """Adam whose weights shrink by lr * weight_decay each step, whatever their gradient."""

    decoupled = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)


def _chunks(p: Tensor, *kept: Array) -> Iterator[list[Array]]:
    """Views of CHUNK elements: parameter, gradient, two of scratch, and the arrays of state."""
    if not (p._array.flags.c_contiguous and p._array.flags.writeable):
        p._array = p._array.copy()  # of a detached view: its flat form would be another array
    flat = [a.reshape(-1) for a in (p._array, np.ascontiguousarray(p._grad), *kept)]
    scratch = np.empty((2, min(CHUNK, max(p.size, 1))), p.dtype)
    for begin in range(0, p.size, CHUNK):
        w, g, *others = (a[begin : begin + CHUNK] for a in flat)
        yield [w, g, *scratch[:, : w.size], *others]


def _decayed(w: Array, g: Array, out: Array, group: dict[str, Any]) -> Array:
    """The gradient to descend along, with that of weight_decay / 2 * w^2."""
    np.multiply(w, group["weight_decay"], out=out)
    if group["maximize"]:
        out -= g
    else:
        out += g
    return out


def _copies(held: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in held.items()}
