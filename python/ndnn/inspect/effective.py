# SPDX-License-Identifier: MIT
"""The effective receptive field: how much each pixel of the input moves an output."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ndnn.inspect.geometry import IntOrTuple, per_axis
from ndnn.inspect.trace import checked_shape, dtype_of, tensors, unchanged
from ndnn.nn.module import Module
from ndnn.tensor import Tensor


def effective_receptive_field(
    model: Module,
    input_shape: Sequence[int],
    index: IntOrTuple | None = None,
    samples: int = 8,
    seed: int = 0,
    layer: str | None = None,
) -> NDArray[np.float64]:
    """The root mean square of the gradient of one output place for each pixel of the input.

    Shapes: input_shape (N, C, ...) -> the spatial sizes of the input.
    Arguments:
        index: place of the output on each spatial axis (default: the middle one).
        samples: random inputs, each with a random weighting of the output's channels, to average.
        seed: of them; the same numbers give the same field.
        layer: name of the layer whose output it is (default: the model's).
    Returns: an array whose sum is 1.
    Raises: ValueError for an index outside and names of no layer; TypeError for what is no Module.
    Accuracy: as the gradients; the mean is over random numbers.
    Source: Luo, Li, Urtasun and Zemel, Understanding the effective receptive field in deep
        convolutional neural networks, 2016.
    Example:
        >>> from ndnn import manual_seed, nn
        >>> _ = manual_seed(0)
        >>> net = nn.Sequential(*(nn.Conv2d(1, 1, 3, padding=1) for _ in range(4)))
        >>> field = effective_receptive_field(net, (1, 1, 15, 15))
        >>> int((field > 0).sum()), bool(field[7, 7] > 10 * field[3, 3])  # 9x9, far from flat
        (81, True)
    """
    shape = checked_shape("effective_receptive_field", input_shape)
    if not isinstance(model, Module):
        kind = type(model).__name__
        raise TypeError(f"effective_receptive_field: model must be a Module, but got {kind}")
    if isinstance(samples, bool) or not isinstance(samples, int) or samples < 1:
        raise ValueError(f"effective_receptive_field: samples must be 1 or more, but got {samples}")
    rng = np.random.default_rng(seed)
    total = np.zeros(shape[2:])
    outputs: list[Any] = []
    with ExitStack() as stack:
        stack.enter_context(unchanged(model, training=False, gradients=False))
        target = model if layer is None else dict(model.named_modules()).get(layer)
        if target is None:
            raise ValueError(f"effective_receptive_field: layer must be a name, but got {layer!r}")
        stack.enter_context(
            target.register_forward_hook(lambda module, args, output: outputs.append(output))
        )
        for _ in range(samples):
            x = Tensor(rng.standard_normal(shape).astype(dtype_of(model)), requires_grad=True)
            model(x)
            y = tensors(outputs.pop())[0]
            seed_grad = np.zeros(y.shape, y.dtype)
            place = _place(y.shape, len(shape) - 2, index)
            seed_grad[place] = rng.standard_normal(seed_grad[place].shape)
            y.backward(seed_grad)
            grad: Any = x.grad
            total += np.square(grad, dtype=np.float64).mean((0, 1))
    root: NDArray[np.float64] = np.sqrt(total / samples)
    return root / (root.sum() or 1.0)


def _place(shape: tuple[int, ...], rank: int, index: IntOrTuple | None) -> tuple[Any, ...]:
    """The index of the first sample's channels at one place."""
    sizes = shape[2:]
    if len(sizes) != rank:  # flattened: all of it
        return (slice(0, 1), ...)
    wanted = tuple(n // 2 for n in sizes) if index is None else index
    function = "effective_receptive_field"
    at = per_axis(function, "index", wanted, rank, -(2**31))
    if any(not -n <= i < n for i, n in zip(at, sizes, strict=True)):
        raise ValueError(f"{function}: index must be within {sizes}, but got {at}")
    return (slice(0, 1), slice(None), *at)


def central_box(weights: Any, share: float = 0.95) -> tuple[slice, ...]:
    """The part of an effective field that holds this share of it, least of its borders left in.

    Each axis is cut at both ends, by the same share, until `share` is left.

    Example:
        >>> central_box(np.array([0.1, 0.8, 0.1]), 0.7)
        (slice(1, 2, None),)
    """
    weights = np.asarray(weights, np.float64)
    if not 0 < share <= 1:
        raise ValueError(f"central_box: share must be above 0 and at most 1, but got {share}")
    each = share ** (1 / weights.ndim)
    box = []
    for axis in range(weights.ndim):
        others = tuple(i for i in range(weights.ndim) if i != axis)
        sums = np.cumsum(weights.sum(others)) / (weights.sum() or 1.0)
        first = int(np.searchsorted(sums, (1 - each) / 2, side="right"))
        last = int(np.searchsorted(sums, (1 + each) / 2 - 1e-12))
        box.append(slice(first, max(last, first) + 1))
    return tuple(box)
