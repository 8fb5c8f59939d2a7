# SPDX-License-Identifier: MIT
"""The gradients of a convolution's weight and bias against their definition, and torch's."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import ndnn
from cases import Case
from cases.conv import CASES
from ndnn import _core, config, reference
from oracle import is_vacuous, strided
from test_random import RANDOM_CASES, random_case

ALGORITHMS = ["lanes_on_outputs", "lanes_on_inputs", "lanes_on_pixels"]
ALL = [pytest.param(case, id=str(case)) for case in CASES]


@contextmanager
def forced(isa: str, algorithm: str = "") -> Iterator[None]:
    before = config.active_isa()
    config.force_isa(isa)
    _core.force_weight_gradient_algorithm(algorithm)
    try:
        yield
    finally:
        config.force_isa(before)
        _core.force_weight_gradient_algorithm("")


def output_shape(case: Case) -> tuple[int, ...]:
    x, w = (np.broadcast_to(0.0, shape) for shape in case.shapes[:2])
    rank = w.ndim - 2
    if 0 in (*x.shape[:-rank], *w.shape[:2]):  # tell the size by one channel
        x = np.broadcast_to(0.0, (*[1] * (x.ndim - rank), *x.shape[-rank:]))
        one = getattr(reference, case.op)(
            x, np.zeros((1, 1, *w.shape[2:])), **{**case.kwargs, "groups": 1}
        )
        batch = case.shapes[0][:-rank][:-1]  # type: ignore[index]
        return (*batch, w.shape[0], *one.shape[-rank:])
    return getattr(reference, case.op)(x, w, **case.kwargs).shape


def arrays_of(case: Case, dtype: Any, whole: bool, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Input and gradient of the output: small whole numbers, whose sums are exact, or normal."""
    rng = np.random.default_rng(seed)

    def make(shape: tuple[int, ...]) -> np.ndarray:
        values = rng.integers(-4, 5, shape) if whole else rng.standard_normal(shape)
        return np.asarray(values, dtype)

    return make(case.shapes[0] or ()), make(output_shape(case))


def geometry(case: Case) -> dict[str, Any]:
    return {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, **case.kwargs}


def weight_gradient(case: Case, x: np.ndarray, dy: np.ndarray, **more: Any) -> np.ndarray:
    w = case.shapes[1] or ()
    flipped = case.op.startswith("true_")
    return _core.conv_weight_gradient(len(w) - 2, flipped, x, w, dy, **geometry(case), **more)


def definition(case: Case, x: np.ndarray, dy: np.ndarray) -> np.ndarray:
    flipped = case.op.startswith("true_")
    return reference.conv_weight(x, case.shapes[1] or (), dy, **geometry(case), flipped=flipped)


def bound(case: Case, x: np.ndarray, dy: np.ndarray, dtype: Any) -> np.ndarray:
    """|error| of a sum of K products in one chain or several: K + 2 roundings of half an eps."""
    rank = len(case.shapes[1] or ()) - 2
    terms = math.prod(dy.shape[-rank:]) * (dy.shape[0] if dy.ndim == rank + 2 else 1) + 2
    return 1.01 * terms * np.finfo(dtype).eps / 2 * definition(case, np.abs(x), np.abs(dy))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("case", ALL)
def test_whole_numbers_are_exact(case: Case, isa: str, algorithm: str, dtype: str) -> None:
    x, dy = arrays_of(case, dtype, whole=True)
    kept = x.copy(), dy.copy()
    with forced(isa, algorithm):
        got = weight_gradient(case, x, dy)
    assert got.dtype == dtype
    assert got.shape == case.shapes[1]
    np.testing.assert_array_equal(got, definition(case, x, dy))
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(dy, kept[1])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("case", ALL)
def test_reals_within_the_bound(case: Case, isa: str, algorithm: str, dtype: str) -> None:
    x, dy = arrays_of(case, dtype, whole=False)
    with forced(isa, algorithm):
        got = weight_gradient(case, x, dy)
        limits = []
        for threads in (1, 2, 3):
            with ndnn.num_threads(threads):
                limits.append(weight_gradient(case, x, dy))
    assert np.all(np.abs(got - definition(case, x, dy)) <= bound(case, x, dy, dtype))
    for other in limits:
        np.testing.assert_array_equal(got, other, "threads change the bits")


@pytest.mark.parametrize("algorithm", ["", *ALGORITHMS])
@pytest.mark.parametrize("case", ALL)
def test_strides_do_not_matter(case: Case, algorithm: str) -> None:
    x, dy = arrays_of(case, "float32", whole=False)
    with forced(config.active_isa(), algorithm):
        want = weight_gradient(case, x, dy)
        for other in strided(x):
            np.testing.assert_array_equal(weight_gradient(case, other, dy), want)
        for other in strided(dy):
            np.testing.assert_array_equal(weight_gradient(case, x, other), want)


def test_cases_show_something() -> None:
    vacuous = [
        str(case)
        for case in CASES
        if is_vacuous(case, definition(case, *arrays_of(case, "float64", whole=True)))
    ]
    assert set(vacuous) <= {
        "conv2d-empty_batch",
        "conv2d-empty_rows",
        "conv2d-one_pixel_padded",  # meets the tap in the middle
        "conv2d-only_padding_seen",
        "conv1d-huge_dilation",
    }


def test_threads_share_long_reductions() -> None:
    """Few weights and many pixels: the reduction itself is cut, alike for every limit."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((4, 3, 90, 91)).astype("f4")
    dy = rng.standard_normal((4, 40, 90, 91)).astype("f4")
    case = Case("conv2d", "stem", (x.shape, (40, 3, 3, 3), None), {"padding": 1})
    plan = _core.plan_conv_weight_gradient(2, x.shape, (40, 3, 3, 3), 1, 1, 1, 1, 4)
    assert plan["parts"] > 1
    results = []
    for threads in (1, 2, 3):
        with ndnn.num_threads(threads):
            results.append(weight_gradient(case, x, dy))
    assert np.all(np.abs(results[0] - definition(case, x, dy)) <= bound(case, x, dy, "float32"))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_inf_and_nan_stay_where_they_belong(isa: str, algorithm: str) -> None:
    """A corner pixel meets one tap only; its inf must not reach the others."""
    for size in (5, 14, 16, 33):
        x, dy = np.ones((1, 1, size, size), "f4"), np.ones((1, 1, size - 2, size - 2), "f4")
        for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
            one = x.copy()
            one[(0, 0, *corner)] = np.inf
            with forced(isa, algorithm):
                got = _core.conv_weight_gradient(2, False, one, (1, 1, 3, 3), dy, 1, 0, 1, 1)
            want = np.full((3, 3), float((size - 2) ** 2))
            want[corner] = np.inf
            np.testing.assert_array_equal(got[0, 0], want)


def test_float16_computes_in_float32() -> None:
    case = Case("conv2d", "half", ((2, 5, 9, 8), (4, 5, 3, 3), None), {"padding": 1})
    x, dy = arrays_of(case, "float16", whole=False)
    got = weight_gradient(case, x, dy)
    assert got.dtype == np.float16
    want = weight_gradient(case, x.astype("f4"), dy.astype("f4")).astype("float16")
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_transposed_may_leave_outputs_over(isa: str, algorithm: str) -> None:
    """A transposed convolution's output may be longer than its input reaches."""
    rng = np.random.default_rng(2)
    big = rng.integers(-4, 5, (2, 6, 13, 12)).astype("f8")  # gradient of the transposed output
    small = rng.integers(-4, 5, (2, 4, 4, 5)).astype("f8")  # its input
    args = {"stride": (3, 2), "padding": 1, "dilation": 1, "groups": 2}
    size = (4, 3, 3, 3)
    with forced(isa, algorithm):
        got = _core.conv_weight_gradient(2, False, big, size, small, transposed=True, **args)
    np.testing.assert_array_equal(got, reference.conv_weight(big, size, small, **args))
    with pytest.raises(ValueError, match="grad_output must have the output's shape"):
        _core.conv_weight_gradient(2, False, big, size, small, **args)
    with pytest.raises(ValueError, match="grad_output must have at most the output's shape"):
        _core.conv_weight_gradient(2, False, small, (6, 2, 3, 3), big, transposed=True, **args)


@pytest.mark.parametrize("seed", range(4))
def test_equal_to_torch(isa: str, seed: int) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(100 + seed)
    for i in range(RANDOM_CASES // 4):
        case, dtype = random_case(rng)
        algorithm = str(rng.choice(["", *ALGORITHMS]))
        x, dy = arrays_of(case, dtype, whole=True, seed=i)
        w = torch.zeros(case.shapes[1], dtype=getattr(torch, dtype), requires_grad=True)
        getattr(torch.nn.functional, case.op)(torch.from_numpy(x), w, **case.kwargs).backward(
            torch.from_numpy(dy)
        )
        with forced(isa, algorithm):
            got = weight_gradient(case, x, dy)
        assert np.array_equal(got, w.grad.numpy()), (case, dtype, algorithm)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("batch", [(), (0,), (3,)])
def test_bias_gradient(rank: int, batch: tuple[int, ...], isa: str, dtype: str) -> None:
    rng = np.random.default_rng(rank)
    for size in (1, 3, 17, 70):
        dy = rng.standard_normal((*batch, 5, *(size,) * min(rank, 2), *(2,) * (rank - 2)))
        dy = (1000 + dy).astype(dtype)
        want = reference.conv_bias(rank, dy)
        with forced(isa):
            for g in (dy, *strided(dy)):
                got = _core.conv_bias_gradient(rank, g)
                assert got.dtype == dtype
                # Sums in float64, rounded once.
                rounding = np.finfo(dtype).eps * (1 if dtype == "float32" else dy.size)
                np.testing.assert_allclose(got, want, rtol=rounding)


def test_bias_gradient_is_the_same_for_every_limit() -> None:
    dy = np.random.default_rng(0).standard_normal((4, 9, 100, 101)).astype("f4")
    with ndnn.num_threads(1):
        want = _core.conv_bias_gradient(2, dy)
    for threads in (2, 3):
        with ndnn.num_threads(threads):
            np.testing.assert_array_equal(_core.conv_bias_gradient(2, dy), want)


GOOD: dict[str, Any] = {
    "rank": 2,
    "flipped": False,
    "input": np.ones((2, 4, 9, 8), "f4"),
    "weight_size": (6, 2, 3, 3),
    "grad_output": np.ones((2, 6, 7, 6), "f4"),
    "stride": 1,
    "padding": 0,
    "dilation": 1,
    "groups": 2,
}
BAD = [
    ("grad_output", np.ones((2, 6, 7, 5), "f4"), ValueError, "shape (2, 6, 7, 6), but got"),
    ("grad_output", np.ones((1, 6, 7, 6), "f4"), ValueError, "(2, 6, 7, 6)"),
    ("grad_output", np.ones((6, 7, 6), "f4"), ValueError, "(2, 6, 7, 6)"),
    ("grad_output", np.ones((2, 6, 7, 6), "f8"), TypeError, "one dtype"),
    ("grad_output", np.ones((2, 6, 7, 6), "i4"), TypeError, "grad_output must be a float32"),
    ("input", np.ones((9, 8), "f4"), ValueError, "input must have 4 axes"),
    ("input", np.ones((2, 5, 9, 8), "f4"), ValueError, "groups * weight.shape[1]"),
    ("input", np.ones((2, 4, 9, 8), "i4"), TypeError, "input must be a float32"),
    ("weight_size", (6, 2, 3), ValueError, "weight_size must have 4 sizes, but got 3"),
    ("weight_size", (6, 2, 3, 0), ValueError, "at least one tap"),
    ("weight_size", (6, 2, 3, -1), ValueError, "must not be negative"),
    ("weight_size", (6, 2, 3, 2**63), ValueError, "64-bit integer"),
    ("weight_size", (6, 2, 3, 2.0), TypeError, "must be an int"),
    ("weight_size", (2**40, 2, 3, 3), ValueError, "grad_output must have the output's shape"),
    ("weight_size", (6, 2, 30, 3), ValueError, "must fit into the padded input"),
    ("weight_size", (5, 2, 3, 3), ValueError, "groups must divide the output channels"),
    ("stride", 0, ValueError, "stride must be at least 1"),
    ("padding", -1, ValueError, "padding must be at least 0"),
    ("padding", "full", ValueError, "'same', 'valid'"),
    ("dilation", 2**62, ValueError, "dilation="),
    ("groups", 0, ValueError, "groups must be at least 1"),
]


@pytest.mark.parametrize(("argument", "value", "error", "text"), BAD)
def test_bad_arguments_are_named(argument: str, value: Any, error: Any, text: str) -> None:
    assert _core.conv_weight_gradient(**GOOD).shape == (6, 2, 3, 3)
    with pytest.raises(error) as caught:
        _core.conv_weight_gradient(**{**GOOD, argument: value})
    assert text in str(caught.value)
    assert str(caught.value).startswith("conv2d_weight: ")


def test_scratch_is_bounded() -> None:
    for case in CASES:
        x, w = case.shapes[:2]
        rank = len(w or ()) - 2
        args = {"flipped": case.op.startswith("true_"), **geometry(case)}
        args.pop("flipped")
        for item_bytes in (4, 8):
            plan = _core.plan_conv_weight_gradient(rank, x, w, *args.values(), item_bytes)
            assert plan.get("scratch_bytes", 0) <= (8 << 20) * max(plan.get("threads", 1), 1)
