# SPDX-License-Identifier: MIT
"""What every operator is held against: the NumPy reference within a computed bound."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import ndnn
import ndnn.functional as F
from cases import Case
from ndnn import _core, config, reference
from ndnn.reference.conv import padding_of, per_axis
from ndnn.reference.fused import sigmoid

Arrays = list[Any]

DIRECT = ["stencil", "lanes_on_channels", "lanes_on_pixels"]
WINOGRAD = ["winograd4", "winograd6"]


def integers(case: Case, dtype: Any, seed: int = 0) -> Arrays:
    """Small whole numbers: every sum is exact, so that all results must agree bit for bit."""
    rng = np.random.default_rng(seed)
    return [None if s is None else rng.integers(-4, 5, s).astype(dtype) for s in case.shapes]


def normals(case: Case, dtype: Any, seed: int = 0) -> Arrays:
    rng = np.random.default_rng(seed)
    arrays = [None if s is None else rng.standard_normal(s) for s in case.shapes]
    for i, domain in enumerate(case.domains):
        arrays[i] = {"": np.asarray, "unit": sigmoid, "positive": np.exp}[domain](arrays[i])
    return [None if a is None else np.asarray(a, dtype) for a in arrays]


def products_of_output(case_op: str, w: tuple[int, ...], kwargs: dict[str, Any]) -> int:
    """How many products an output is the sum of, at most."""
    if not case_op.startswith("conv_transpose"):
        return math.prod(w[1:])
    rank = len(w) - 2
    stride, dilation = (per_axis(kwargs.get(k, 1), rank) for k in ("stride", "dilation"))
    taps = (-(-k // (s // math.gcd(s, d))) for k, s, d in zip(w[2:], stride, dilation, strict=True))
    return w[0] // kwargs.get("groups", 1) * math.prod(taps)


def conv_bound(case_op: str, arrays: Arrays, kwargs: dict[str, Any], dtype: Any) -> np.ndarray:
    """|error| of a sum of K products in one chain or several: K + 2 roundings of half an eps."""
    x, w, b = (None if a is None else np.abs(a.astype(np.float64)) for a in arrays)
    terms = products_of_output(case_op, w.shape, kwargs) + 2
    return 1.01 * terms * np.finfo(dtype).eps / 2 * getattr(reference, case_op)(x, w, b, **kwargs)


def near_maximum(case_op: str, arrays: Arrays, kwargs: dict[str, Any]) -> np.ndarray:
    """The largest |input| in the window of each output and, where there are taps, 8 around."""
    x, w = np.abs(arrays[0].astype(np.float64)), arrays[1]
    rank, groups = w.ndim - 2, kwargs.get("groups", 1)
    batch = x.shape[: -rank - 1] or (1,)
    x = x.reshape(*batch, groups, w.shape[1], *x.shape[-rank:]).max(2, initial=0)
    kernel = w.shape[2:]
    stride, dilation = (per_axis(kwargs.get(k, 1), rank) for k in ("stride", "dilation"))
    pads = padding_of(kwargs.get("padding", 0), kernel, dilation)
    for a in range(rank):
        more = 8 if kernel[a] > 1 else 0
        widths = [(0, 0)] * x.ndim
        reach = more * max(dilation[a], stride[a])
        widths[2 + a] = tuple(p + reach for p in pads[a])
        every = np.pad(x, widths)
        window = dilation[a] * (kernel[a] - 1) + 2 * reach + 1
        every = sliding_window_view(every, window, axis=2 + a).max(-1, initial=0)
        x = every[(slice(None),) * (2 + a) + (slice(None, None, stride[a]),)]
    x = np.repeat(x, w.shape[0] // groups, axis=1)
    return x if arrays[0].ndim == rank + 2 else x[0]


def winograd_bound(case_op: str, arrays: Arrays, kwargs: dict[str, Any], dtype: Any, products: int):
    """The promise of the docstring, for two transformed axes (or one, if there is but one)."""
    w = np.abs(arrays[1].astype(np.float64))
    rank = w.ndim - 2
    axes = sum(k > 1 for k in w.shape[2:])
    amplification = {4: 4, 6: 14}[products] ** min(axes, 2)
    terms = 128 + products_of_output(case_op, w.shape, kwargs) / 32
    if case_op.startswith("conv_transpose"):
        weights = w.reshape(kwargs.get("groups", 1), -1, *w.shape[1:]).sum(1)
        weights = weights.reshape(-1, math.prod(w.shape[2:])).sum(1)
        largest = np.abs(arrays[0]).max(initial=0)  # of the whole input: simple, and larger
    else:
        weights, largest = w.reshape(len(w), -1).sum(1), near_maximum(case_op, arrays, kwargs)
    weights = weights.reshape(-1, *(1,) * rank)
    bias = 0 if arrays[2] is None else np.abs(arrays[2]).reshape(weights.shape)
    size = bias + largest * weights
    return amplification * terms * np.finfo(dtype).eps / 2 * size


def bound_of(case_op: str, arrays: Arrays, kwargs: dict[str, Any], dtype: Any) -> np.ndarray:
    """The bound of the algorithm that the plan chooses."""
    algorithm = planned(case_op, arrays, kwargs, dtype)
    if algorithm.startswith("winograd"):
        return winograd_bound(case_op, arrays, kwargs, dtype, int(algorithm[-1]))
    return conv_bound(case_op, arrays, kwargs, dtype)


def planned(case_op: str, arrays: Arrays, kwargs: dict[str, Any], dtype: Any) -> str:
    shapes = arrays[0].shape, arrays[1].shape
    if case_op.startswith("conv_transpose"):
        plan = config.plan_conv_transpose(case_op, *shapes, dtype=dtype, **kwargs)
        # The one with the largest bound: "winograd6" comes after all others.
        return max(map(str, plan["algorithms"]), default="none")
    plan = config.plan_conv(case_op.removeprefix("true_"), *shapes, dtype=dtype, **kwargs)
    return str(plan["algorithm"])


def check_against_reference(case: Case, arrays: Arrays, exact: bool) -> np.ndarray:
    """Runs the operator; compares shape, dtype and values with the float64 reference."""
    dtype = arrays[0].dtype
    kept = [None if a is None else a.copy() for a in arrays]
    got = getattr(F, case.op)(*arrays, **case.kwargs)
    want = getattr(reference, case.op)(*arrays, **case.kwargs)
    assert got.dtype == dtype
    assert got.shape == want.shape
    if exact:
        np.testing.assert_array_equal(got, want)
    else:
        assert np.all(np.abs(got - want) <= bound_of(case.op, arrays, case.kwargs, dtype))
    for before, after in zip(kept, arrays, strict=True):
        np.testing.assert_array_equal(before, after, "an input was written")
    return got


def strided(a: np.ndarray) -> Iterator[np.ndarray]:
    """The same values in other memory: Fortran order, reversed, with gaps, shifted by one."""
    yield np.asfortranarray(a)
    yield a[..., ::-1].copy()[..., ::-1]
    yield a[::-1].copy()[::-1]
    wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
    wide[..., ::2] = a
    yield wide[..., ::2]
    one = np.empty(a.size + 1, a.dtype)
    one[1:] = a.ravel()
    yield one[1:].reshape(a.shape)


def is_vacuous(case: Case, values: np.ndarray) -> bool:
    """A result of nothing but zeros proves little; few cases may have one."""
    return values.size > 0 and np.count_nonzero(values) <= 0.1 * values.size


@contextmanager
def forced(isa: str | None = None, algorithm: str = "") -> Iterator[None]:
    """One instruction set and one algorithm, proved to be active.

    With the name of a direct algorithm, what that one refuses goes to another direct one.
    """
    before = config.active_isa()
    config.force_isa(isa or before)
    _core.force_conv_algorithm(algorithm)
    config.set_winograd(not algorithm or algorithm.startswith("winograd"))
    try:
        assert config.active_isa() == (isa or before)
        yield
    finally:
        config.force_isa(before)
        _core.force_conv_algorithm("")
        config.set_winograd(True)


def packed(arrays: Arrays) -> Arrays:
    return [arrays[0], ndnn.PackedWeight(arrays[1]), *arrays[2:]]
