# SPDX-License-Identifier: MIT
"""Gradients against finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ndnn.tensor import Array, Tensor, no_grad


def gradcheck(
    f: Callable[..., Any],
    inputs: Any,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
) -> bool:
    """True if the gradients of `f` equal central differences; else a ValueError says where.

    f: takes the inputs, returns a Tensor or a sequence of them.
    inputs: a Tensor, or a sequence of Tensors and anything else; those with requires_grad=True
        are checked, and must be float64.
    The bound: |gradient - difference| <= atol + rtol * |difference|, for random weights of the
    outputs (the same in every run).

    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> gradcheck(lambda x: x * x, x)
    True
    """
    inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    checked = [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]
    if not checked:
        raise ValueError("gradcheck: an input must have requires_grad=True, but got none")
    for i, x in enumerate(inputs):
        if isinstance(x, Tensor) and x.requires_grad and x.dtype != np.float64:
            raise ValueError(f"gradcheck: input {i} must be float64, but got dtype={x.dtype}")

    rng = np.random.default_rng(0)
    outputs = _outputs(f(*inputs))
    weights = [np.asarray(rng.standard_normal(y.shape)) for y in outputs]
    kept = [x.grad for x in checked]
    total = sum(((y * w).sum() for y, w in zip(outputs, weights, strict=True)), start=Tensor(0.0))
    for x in checked:
        x.zero_grad()
    total.backward()
    gradients = [np.zeros(x.shape) if x.grad is None else x.grad for x in checked]
    for x, grad in zip(checked, kept, strict=True):
        x.grad = grad

    def value() -> float:
        with no_grad():
            ys = _outputs(f(*inputs))
        return float(sum(np.sum(y.data * w) for y, w in zip(ys, weights, strict=True)))

    for x, gradient in zip(checked, gradients, strict=True):
        number = next(i for i, other in enumerate(inputs) if other is x)
        for place in np.ndindex(x.shape):
            want = _difference(value, x, place, eps)
            got = float(gradient[place])
            if not abs(got - want) <= atol + rtol * abs(want):
                raise ValueError(
                    f"gradcheck: the gradient of input {number} at {place} must be near "
                    f"{want:.9g} (central difference), but got {got:.9g}"
                )
    return True


def _outputs(y: Any) -> Sequence[Tensor]:
    return [y] if isinstance(y, Tensor) else [part for part in y if isinstance(part, Tensor)]


def _difference(value: Callable[[], float], x: Tensor, place: Any, eps: float) -> float:
    kept: Array = x.data
    ends = []
    for step in (eps, -eps):
        moved = kept.copy()
        moved[place] += step
        x.data = moved
        ends.append(value())
    x.data = kept
    return (ends[0] - ends[1]) / (2 * eps)
