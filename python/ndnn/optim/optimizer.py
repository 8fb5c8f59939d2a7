# SPDX-License-Identifier: MIT
"""SGD, Adam and AdamW with torch.optim's arguments and updates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ndnn._load import _core
from ndnn.tensor import Array, Tensor


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
            live = [p for p in group["params"] if p.grad is not None]
            if live:
                self._update(live, group)
            for p in live:
                p._changed()

    def _update(self, params: list[Tensor], group: dict[str, Any]) -> None:
        """One step of these parameters, which have a gradient and one group's options."""
        raise NotImplementedError

    def _kept(self, p: Tensor, names: tuple[str, ...]) -> dict[str, Any]:
        """The parameter's state, with arrays of zeros under these names at first."""
        state = self.state.setdefault(p, {})
        for name in names:
            if name not in state:
                state[name] = np.zeros(p.shape, p.dtype)
        return state

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
            "state": {number[id(p)]: _copies(held, p) for p, held in self.state.items()},
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
        self.state = {
            params[int(i)]: _copies(held, params[int(i)]) for i, held in state["state"].items()
        }

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

    def _update(self, params: list[Tensor], group: dict[str, Any]) -> None:
        names = ("momentum_buffer",) if group["momentum"] else ()
        arrays = []
        for p in params:
            first = "momentum_buffer" not in self.state.get(p, {})
            buffer = self._kept(p, names).get("momentum_buffer") if names else None
            arrays.append((*_values(p), buffer, first))
        options = ("lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize")
        with _in_float32(arrays) as wide:
            _core.sgd_step(wide, *(group[name] for name in options))


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

    def _update(self, params: list[Tensor], group: dict[str, Any]) -> None:
        largest = ("max_exp_avg_sq",) if group["amsgrad"] else ()
        arrays = []
        for p in params:
            state = self._kept(p, ("exp_avg", "exp_avg_sq", *largest))
            state["step"] = step = int(state.get("step", 0)) + 1
            most = state["max_exp_avg_sq"] if largest else None
            arrays.append((*_values(p), state["exp_avg"], state["exp_avg_sq"], most, step))
        (beta1, beta2), eps, decay = group["betas"], group["eps"], group["weight_decay"]
        decoupled, maximize = self.decoupled, group["maximize"]
        with _in_float32(arrays) as wide:
            _core.adam_step(wide, group["lr"], beta1, beta2, eps, decay, decoupled, maximize)


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


def _values(p: Tensor) -> tuple[Array, Array]:
    """Memory of the parameter and its gradient, without gaps."""
    if not (p._array.flags.c_contiguous and p._array.flags.writeable):
        p._array = p._array.copy()  # of a detached view: its flat form would be another array
    return p._array, np.require(p._grad, p.dtype, ["C", "A", "W"])


@contextmanager
def _in_float32(arrays: list[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    """The arrays; those of float16 as float32, and written back after."""
    wide = [tuple(a.astype(np.float32) if _is_half(a) else a for a in row) for row in arrays]
    yield wide
    for row, wide_row in zip(arrays, wide, strict=True):
        for a, b in zip(row, wide_row, strict=True):
            if _is_half(a):
                a[...] = b


def _is_half(a: Any) -> bool:
    return isinstance(a, np.ndarray) and a.dtype == np.float16


def _copies(held: Mapping[str, Any], p: Tensor) -> dict[str, Any]:
    """Arrays of the parameter's shape in its dtype, others as they are."""
    return {
        k: np.array(v, p.dtype if v.shape == p.shape and k != "step" else None)
        if isinstance(v, np.ndarray)
        else v
        for k, v in held.items()
    }
