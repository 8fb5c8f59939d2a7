# SPDX-License-Identifier: MIT
"""ndnn.fused: every activation, with and without a residual, on every kernel."""

from __future__ import annotations

import inspect
import re
import typing
from typing import Any

import numpy as np
import pytest

import ndnn
import ndnn.functional as F
from cases import Case, all_cases
from ndnn import fused, reference
from ndnn.reference.fused import activate
from oracle import conv_bound, forced, integers, normals, strided

# Each activation, and how much it can enlarge an error of its argument.
SLOPE = {
    None: 1,
    "relu": 1,
    "relu6": 1,
    "leaky_relu": 1,
    "sigmoid": 0.25,
    "tanh": 1,
    "silu": 1.1,
    "hardswish": 1.5,
    "hardsigmoid": 1 / 6,
    "elu": 1,
}
ULPS = 4  # the bound of the docstring
ALL = [case for case in all_cases() if hasattr(fused, case.op)]
# Tails, groups, every rank, every way in which an algorithm stores its results.
SOME = [
    case
    for case in ALL
    if str(case)
    in {
        "conv1d-tail_1",
        "conv1d-tail_49",
        "conv1d-unbatched",
        "conv2d-channels_17",
        "conv2d-patches_stride_4",
        "conv2d-pointwise",
        "conv2d-small_images",
        "conv2d-depthwise_multiplier",
        "conv2d-grouped",
        "conv2d-many_channels",
        "conv2d-no_bias",
        "conv3d-c3d",
        "conv3d-small_images",
    }
]


def by_name(cases: list[Case]) -> Any:
    return pytest.mark.parametrize("case", [pytest.param(case, id=str(case)) for case in cases])


def residual_for(case: Case, dtype: Any) -> np.ndarray:
    shape = getattr(reference, case.op)(*integers(case, "float64"), **case.kwargs).shape
    return np.random.default_rng(9).integers(-9, 10, shape).astype(dtype)


@by_name(ALL)
def test_whole_numbers_are_exact(case: Case, isa: str, algorithm: str, dtype: str) -> None:
    arrays, residual = integers(case, dtype), residual_for(case, dtype)
    op = getattr(fused, case.op)
    sums = getattr(reference, case.op)(*arrays, **case.kwargs)
    with forced(isa, algorithm):
        np.testing.assert_array_equal(op(*arrays, **case.kwargs), sums)
        for activation in ("relu", "relu6"):
            for r in (None, residual):
                got = op(*arrays, **case.kwargs, activation=activation, residual=r)
                want = activate(sums if r is None else sums + r, activation)
                assert got.dtype == dtype
                np.testing.assert_array_equal(got, want)


def bound(case: Case, arrays: list, residual: Any, activation: Any, dtype: Any) -> np.ndarray:
    """The error of the sum, enlarged by the activation, and the activation's own."""
    sums = conv_bound(case.op, arrays, case.kwargs, dtype)
    want = getattr(reference.fused, case.op)(
        *arrays, **case.kwargs, residual=residual, activation=activation
    )
    if residual is not None:  # one rounding more, of a sum of about this size
        eps = np.finfo(dtype).eps / 2
        terms = [None if a is None else np.abs(a.astype("f8")) for a in arrays]
        sums += 1.01 * eps * getattr(reference, case.op)(*terms, **case.kwargs)
        sums += 1.01 * eps * np.abs(residual)
    return SLOPE[activation] * sums + ULPS * np.spacing(np.abs(want).astype(dtype))


@by_name(SOME)
@pytest.mark.parametrize("activation", SLOPE)
def test_reals_within_the_bound(
    case: Case, activation: Any, isa: str, algorithm: str, dtype: str
) -> None:
    arrays, op = normals(case, dtype), getattr(fused, case.op)
    for residual in (None, residual_for(case, dtype)):
        how = {**case.kwargs, "activation": activation, "residual": residual}
        with forced(isa, algorithm):
            got = op(*arrays, **how)
        want = getattr(reference.fused, case.op)(*arrays, **how)
        assert got.dtype == dtype
        assert np.all(np.abs(got - want) <= bound(case, arrays, residual, activation, dtype))


@by_name(SOME)
@pytest.mark.parametrize("activation", SLOPE)
def test_float16_computes_in_float32(case: Case, activation: Any) -> None:
    halves, residual = normals(case, "float16"), residual_for(case, "float16")
    how = {**case.kwargs, "activation": activation, "residual": residual}
    got = getattr(fused, case.op)(*halves, **how)
    want = getattr(reference.fused, case.op)(*halves, **how)
    assert got.dtype == np.float16
    limit = bound(case, halves, residual, activation, "float32")
    assert np.all(np.abs(got - want) <= limit + np.spacing(np.abs(want).astype(np.float16)))


@by_name(SOME)
def test_a_place_in_the_tile_does_not_matter(case: Case, isa: str, every_algorithm: str) -> None:
    """The same sum gives the same bits within a row, at its end, with any number of threads."""
    arrays, residual = normals(case, "float32"), residual_for(case, "float32")
    with forced(isa, every_algorithm):
        plain = getattr(F, case.op)(*arrays, **case.kwargs)
        for activation in ("sigmoid", "tanh", "silu", "elu"):
            how = {**case.kwargs, "activation": activation, "residual": residual}
            got = getattr(fused, case.op)(*arrays, **how)
            sums = (plain + residual).reshape(1, 1, -1)
            alone = fused.conv1d(sums, np.ones((1, 1, 1), "float32"), activation=activation)
            np.testing.assert_array_equal(got, alone.reshape(got.shape))
            kept = ndnn.PackedWeight(arrays[1])
            for threads in (1, 2, 3):
                with ndnn.num_threads(threads):
                    again = getattr(fused, case.op)(arrays[0], kept, *arrays[2:], **how)
                np.testing.assert_array_equal(again, got)


def all_reals(dtype: str) -> np.ndarray:
    """Numbers of every exponent, and many where the activations bend."""
    if dtype == "float32":
        x = np.arange(0, 2**32, 9973, dtype=np.uint32).view("f4")
    else:
        x = np.random.default_rng(0).integers(0, 2**64, 300_000, dtype=np.uint64).view("f8")
    end = 110 if dtype == "float32" else 760
    bends = [np.linspace(-top, top, 200_001, dtype=dtype) for top in (1e-3, 4, 30, end)]
    return np.concatenate([x[np.isfinite(x)], *bends, np.array([0.0, -0.0], dtype)]).reshape(
        1, 1, -1
    )


@pytest.mark.parametrize("activation", [name for name in SLOPE if name])
def test_activations_are_accurate(activation: Any, isa: str, dtype: str) -> None:
    x = all_reals(dtype)
    with forced(isa):
        got = fused.conv1d(x, np.ones((1, 1, 1), dtype), activation=activation)
    if dtype == "float64" and np.finfo(np.longdouble).eps >= np.finfo("f8").eps:
        pytest.skip("long double is no better than float64 here")
    with np.errstate(under="ignore", over="ignore"):
        want = activate(x.astype("f8" if dtype == "float32" else np.longdouble), activation)
        ulp = np.spacing(np.abs(want).astype(dtype)).astype(want.dtype)
    limit = ULPS * ulp
    if activation in ("sigmoid", "silu"):
        info = np.finfo(dtype)
        subnormal = x < np.log(float(info.tiny))
        limit = limit + np.where(subnormal, np.minimum(np.abs(x), 1e4) + 4, 0) * np.spacing(
            info.tiny
        )
    error = np.abs(got - want)
    error[got == want.astype(dtype)] = 0  # inf
    assert np.max(error / limit) <= 1


@pytest.mark.parametrize("activation", SLOPE)
def test_values_that_are_no_numbers(activation: Any, isa: str, dtype: str) -> None:
    """nan gives nan; inf what the reference gives."""
    x = np.array([np.nan, np.inf, -np.inf] * 11, dtype).reshape(1, 1, -1)
    with forced(isa), np.errstate(invalid="ignore"):
        got = fused.conv1d(x, np.ones((1, 1, 1), dtype), activation=activation)
        np.testing.assert_array_equal(got, activate(x, activation))


@pytest.mark.parametrize("activation", SLOPE)
def test_equal_to_torch(activation: Any, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    functions = torch.nn.functional
    case = next(case for case in ALL if str(case) == "conv2d-grouped")
    arrays, residual = normals(case, dtype), residual_for(case, dtype)
    x, w, b, r = (torch.from_numpy(a) for a in (*arrays, residual))
    with torch.inference_mode():
        want = functions.conv2d(x, w, b, **case.kwargs) + r
        nan = torch.full((5,), torch.nan)
        if activation:
            want = getattr(functions, activation)(want)
            assert torch.isnan(getattr(functions, activation)(nan)).all()
    got = fused.conv2d(*arrays, **case.kwargs, activation=activation, residual=residual)
    limit = 2 * bound(case, arrays, residual, activation, dtype)
    assert np.all(np.abs(got - want.numpy()) <= limit)


def test_negative_slope() -> None:
    x, one = np.array([[-2.0, 3.0]]), np.ones((1, 1, 1))
    for slope, want in ((0.5, -1), (0, 0), (-1, 2), (np.float32(2), -4), (np.int8(3), -6)):
        got = fused.conv1d(x, one, activation="leaky_relu", negative_slope=slope)
        assert got.tolist() == [[want, 3]]
    assert fused.conv1d(x, one, activation="leaky_relu")[0, 0] == -0.02


@by_name(SOME)
def test_strides_of_the_residual_do_not_matter(
    case: Case, every_algorithm: str, dtype: str
) -> None:
    arrays, residual = integers(case, dtype), residual_for(case, dtype)
    op = getattr(fused, case.op)
    with forced(None, every_algorithm):
        want = op(*arrays, **case.kwargs, residual=residual)
        for r in (*strided(residual), residual.astype(residual.dtype.newbyteorder())):
            before = r.tobytes()
            np.testing.assert_array_equal(op(*arrays, **case.kwargs, residual=r), want)
            assert r.tobytes() == before


def test_the_input_as_residual(every_algorithm: str, dtype: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(-4, 5, (2, 7, 12, 12)).astype(dtype)
    for w, groups in (
        (rng.integers(-4, 5, (7, 7, 3, 3)), 1),
        (rng.integers(-4, 5, (7, 1, 3, 3)), 7),
    ):
        w = w.astype(dtype)
        with forced(None, every_algorithm):
            for view in (x, x[:, ::-1], x.transpose(0, 1, 3, 2)):
                got = fused.conv2d(x, w, padding=1, groups=groups, residual=view)
                plain = F.conv2d(x, w, padding=1, groups=groups)
                np.testing.assert_array_equal(got, plain + view)


def test_no_input_channels(dtype: str) -> None:
    b, r = np.array([-2, 1], dtype), np.array([[[1, 1, 1], [-3, 1, 2]]], dtype)
    got = fused.conv1d(
        np.ones((1, 0, 3), dtype), np.ones((2, 0, 1), dtype), b, activation="relu", residual=r
    )
    assert got.tolist() == [[[0, 0, 0], [0, 2, 3]]]


X, W = np.ones((2, 4, 9, 9), np.float32), np.ones((6, 4, 3, 3), np.float32)
R = np.ones((2, 6, 7, 7), np.float32)
NAMES = ", ".join(name for name in SLOPE if name)
SHAPES = ((), (6,), (6, 7, 7), (2, 6, 7, 8), (1, 6, 7, 7), (0, 6, 7, 7), (2, 6, 7, 7, 1))
NO_FLOATS = (None, "1", True, np.True_, 1j, np.complex64(1), [1.0], np.ones(1), np.ones(()))
NOT_FINITE = (np.nan, np.inf, -np.inf, np.float32(np.inf), 10**400, -(10**5000))
# (argument, value, exception, part of its text)
BAD: list[tuple[str, Any, type[Exception], str]] = [
    *(("residual", np.ones(s, "f4"), ValueError, f"residual.shape={s}") for s in SHAPES),
    *(("residual", R.astype(t), TypeError, "one dtype") for t in ("f8", "f2")),
    *(("residual", R.astype(t), TypeError, "must be a float32") for t in ("i4", "?", "c8", "O")),
    *(("residual", r, TypeError, "residual must") for r in ("text", 3, object(), len)),
    ("residual", np.ma.masked_array(R), TypeError, "residual must not be a masked array"),
    *(
        ("activation", a, ValueError, f"must be one of {NAMES}, but got activation={a!r}")
        for a in ("x", "", "ReLU", "relu ", "none")
    ),
    ("activation", "\ud800", ValueError, "activation must be one of"),
    *(
        ("activation", a, TypeError, "activation must be a str or None, but got")
        for a in (1, b"relu", ["relu"], np.maximum, True)
    ),
    *(("negative_slope", s, TypeError, "must be a float, but got") for s in NO_FLOATS),
    *(("negative_slope", s, ValueError, "must be finite, but got") for s in NOT_FINITE),
]


@pytest.mark.parametrize(
    ("argument", "value", "error", "text"), BAD, ids=[f"{b[0]}_{i}" for i, b in enumerate(BAD)]
)
def test_refused(argument: str, value: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        fused.conv2d(X, W, **{argument: value})
    assert type(caught.value) is error
    assert str(caught.value).startswith(
        f"conv2d: {argument}" if error is ValueError else "conv2d: "
    )
    assert text in str(caught.value)
    assert "(2, 6, 7, 7)" in str(caught.value) or "shape" not in text


def test_refused_as_plain_convolutions_are() -> None:
    for name in fused.__all__:
        with pytest.raises(ValueError, match=f"{name}: input must have"):
            getattr(fused, name)(np.ones(3), np.ones((1, 1, *(1,) * int(name[4]))))
    with pytest.raises(TypeError):
        fused.conv2d(X, W, None, 1, 0, 1, 1, "relu")  # type: ignore[misc]


@pytest.mark.parametrize("name", fused.__all__)
def test_documented(name: str) -> None:
    function = getattr(fused, name)
    text = inspect.getdoc(function) or ""
    for section in ("Shapes", "Raises", "Accuracy", "Source", "Example"):
        assert re.search(rf"^\s*{section}:", text, re.MULTILINE)
    names = typing.get_args(fused.Activation)
    assert set(names) == set(SLOPE) - {None}
    assert all(f'"{activation}"' in text for activation in names)
    plain = inspect.signature(getattr(F, name)).parameters
    assert list(inspect.signature(function).parameters)[: len(plain)] == list(plain)
