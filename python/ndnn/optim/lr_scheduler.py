# SPDX-License-Identifier: MIT
"""Learning rates as functions of the epoch; call `step()` after each."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ndnn.optim.optimizer import Optimizer


class LRScheduler:
    """The base: `rate(initial)` of the epoch, or `rates()` of all groups.

    last_epoch counts calls of step().
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.last_epoch = 0
        self.base_lrs = [group["lr"] for group in optimizer.param_groups]
        self._set()

    def rate(self, initial: float) -> float:
        raise NotImplementedError

    def rates(self) -> list[float]:
        return [self.rate(initial) for initial in self.base_lrs]

    def step(self) -> None:
        self.last_epoch += 1
        self._set()

    def _set(self) -> None:
        for group, rate in zip(self.optimizer.param_groups, self.rates(), strict=True):
            group["lr"] = rate

    def get_last_lr(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.last_epoch, self.base_lrs = int(state["last_epoch"]), list(state["base_lrs"])
        self._set()


class LambdaLR(LRScheduler):
    """Times lr_lambda(epoch); one function, or one for each group."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
    ) -> None:
        groups = len(optimizer.param_groups)
        self.lr_lambdas = [lr_lambda] * groups if callable(lr_lambda) else list(lr_lambda)
        if len(self.lr_lambdas) != groups:
            raise ValueError(
                f"LambdaLR: lr_lambda must have one function for each of {groups} groups, "
                f"but got {len(self.lr_lambdas)}"
            )
        super().__init__(optimizer)

    def rates(self) -> list[float]:
        pairs = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [initial * factor(self.last_epoch) for initial, factor in pairs]


class StepLR(LRScheduler):
    """Times gamma every step_size epochs."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        if step_size < 1:
            raise ValueError(f"StepLR: step_size must be at least 1, but got {step_size}")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def rate(self, initial: float) -> float:
        return float(initial * self.gamma ** (self.last_epoch // self.step_size))


class MultiStepLR(LRScheduler):
    """Times gamma at each of the milestones; one that is given twice counts twice."""

    def __init__(self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer)

    def rate(self, initial: float) -> float:
        return float(initial * self.gamma ** bisect_right(self.milestones, self.last_epoch))


class ExponentialLR(LRScheduler):
    """Times gamma every epoch."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = gamma
        super().__init__(optimizer)

    def rate(self, initial: float) -> float:
        return float(initial * self.gamma**self.last_epoch)


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from the first rate down to eta_min in T_max epochs, and up again after."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        if T_max < 1:
            raise ValueError(f"CosineAnnealingLR: T_max must be at least 1, but got {T_max}")
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def rate(self, initial: float) -> float:
        part = (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2
        return self.eta_min + (initial - self.eta_min) * part


class LinearLR(LRScheduler):
    """A factor that moves evenly from start_factor to end_factor in total_iters epochs."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
    ) -> None:
        if total_iters < 1:
            raise ValueError(f"LinearLR: total_iters must be at least 1, but got {total_iters}")
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer)

    def rate(self, initial: float) -> float:
        part = min(self.last_epoch / self.total_iters, 1)
        return initial * (self.start_factor + (self.end_factor - self.start_factor) * part)


class ReduceLROnPlateau(LRScheduler):
    """Times factor when the metric given to step() has not improved for `patience` steps."""

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        if not factor < 1:
            raise ValueError(f"ReduceLROnPlateau: factor must be below 1, but got {factor}")
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ValueError(
                "ReduceLROnPlateau: mode must be 'min' or 'max' and threshold_mode 'rel' or 'abs', "
                f"but got mode={mode!r}, threshold_mode={threshold_mode!r}"
            )
        self.mode, self.factor, self.patience = mode, factor, patience
        self.threshold, self.threshold_mode, self.cooldown = threshold, threshold_mode, cooldown
        self.min_lr, self.eps = min_lr, eps
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = 0
        super().__init__(optimizer)

    def rates(self) -> list[float]:
        return self.get_last_lr()

    def step(self, metrics: float) -> None:  # type: ignore[override]
        current = float(metrics)
        self.last_epoch += 1
        if self._is_better(current):
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            for group in self.optimizer.param_groups:
                rate = max(group["lr"] * self.factor, self.min_lr)
                if group["lr"] - rate > self.eps:
                    group["lr"] = rate
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0

    def _is_better(self, value: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        relative = self.threshold_mode == "rel"
        # torch's: the threshold is a share of the best, whatever its sign
        limit = (
            self.best * (1 - sign * self.threshold)
            if relative
            else self.best - sign * self.threshold
        )
        return value < limit if self.mode == "min" else value > limit

    def state_dict(self) -> dict[str, Any]:
        names = "best", "num_bad_epochs", "cooldown_counter"
        return {
            **super().state_dict(),
            "lrs": self.get_last_lr(),
            **{n: getattr(self, n) for n in names},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.best = float(state["best"])
        self.num_bad_epochs = int(state["num_bad_epochs"])
        self.cooldown_counter = int(state["cooldown_counter"])
        for group, rate in zip(self.optimizer.param_groups, state["lrs"], strict=True):
            group["lr"] = rate


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine down to eta_min in T_0 epochs, then again in T_mult times as many."""

    def __init__(
        self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0
    ) -> None:
        if T_0 < 1 or T_mult < 1:
            raise ValueError(
                "CosineAnnealingWarmRestarts: T_0 and T_mult must be at least 1, "
                f"but got T_0={T_0}, T_mult={T_mult}"
            )
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        super().__init__(optimizer)

    def rate(self, initial: float) -> float:
        epoch, length = self.last_epoch, self.T_0
        if self.T_mult == 1:
            epoch %= length
        while epoch >= length:
            epoch -= length
            length *= self.T_mult
        part = (1 + math.cos(math.pi * epoch / length)) / 2
        return self.eta_min + (initial - self.eta_min) * part


class OneCycleLR(LRScheduler):
    """Up from max_lr / div_factor to max_lr, then down to the first / final_div_factor.

    Arguments as torch's: total_steps, or epochs and steps_per_epoch; the first pct_start of the
    steps go up; three_phase: down to where it began before it falls to the end. cycle_momentum
    moves momentum, or the first of the betas, the other way.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        if total_steps is None:
            total_steps = (epochs or 0) * (steps_per_epoch or 0)
        if total_steps < 1:
            raise ValueError(
                "OneCycleLR: total_steps, or epochs and steps_per_epoch, must be at least 1, "
                f"but got total_steps={total_steps}"
            )
        if not 0 <= pct_start <= 1 or anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                "OneCycleLR: pct_start must be from 0 to 1 and anneal_strategy 'cos' or 'linear', "
                f"but got pct_start={pct_start}, anneal_strategy={anneal_strategy!r}"
            )
        groups = optimizer.param_groups
        most = [max_lr] * len(groups) if isinstance(max_lr, (int, float)) else list(max_lr)
        if len(most) != len(groups):
            raise ValueError(
                f"OneCycleLR: max_lr must be one number for each of {len(groups)} groups, "
                f"but got {len(most)}"
            )
        self.total_steps, self.anneal_strategy = total_steps, anneal_strategy
        self.cycle_momentum = cycle_momentum
        up = float(pct_start * total_steps) - 1
        # The last steps of the phases, and which of (first, largest, last) they run between.
        if three_phase:
            self._ends = [up, 2 * up, total_steps - 1]
            self._turns = [0, 1, 0, 2]
        else:
            self._ends, self._turns = [up, total_steps - 1], [0, 1, 2]
        self._largest, self._factors = most, (div_factor, final_div_factor)
        self._momenta = max_momentum, base_momentum, max_momentum
        super().__init__(optimizer)

    def rates(self) -> list[float]:
        first, last = self._factors
        return [self._between(m / first, m, m / first / last) for m in self._largest]

    def _set(self) -> None:
        if self.last_epoch > self.total_steps:
            raise ValueError(
                f"OneCycleLR.step: must be called at most {self.total_steps} times, "
                f"but got {self.last_epoch}"
            )
        super()._set()
        if self.cycle_momentum:
            momentum = self._between(*self._momenta)
            for group in self.optimizer.param_groups:
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum

    def _between(self, *values: float) -> float:
        """The value of this step, from values at the start, at the turn and at the end."""
        i, begin = 0, 0.0
        while self.last_epoch > self._ends[i] and i + 1 < len(self._ends):
            i, begin = i + 1, self._ends[i]
        part = (self.last_epoch - begin) / ((self._ends[i] - begin) or 1)
        a, b = values[self._turns[i]], values[self._turns[i + 1]]
        if self.anneal_strategy == "linear":
            return a + (b - a) * part
        return b + (a - b) / 2 * (1 + math.cos(math.pi * part))
