# SPDX-License-Identifier: MIT
"""Winograd's transforms: accuracy as promised, the same bits always, plain sums if need be."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ndnn
import ndnn.functional as F
from cases import Case
from ndnn import _core, config, reference
from ndnn.reference.winograd import POINTS, amplification, winograd_conv1d, winograd_matrices
from oracle import forced, normals, packed, strided, winograd_bound

PAIRS = [(4, 2), (4, 3), (6, 2), (6, 3), (6, 4), (6, 5)]  # n products, m outputs


def case(op: str, id: str, x: tuple[int, ...], w: tuple[int, ...], **kwargs: Any) -> Case:
    return Case(op, id, (x, w, (w[0],)), kwargs)


# (products, case): what each algorithm accepts
CASES = [
    *(
        pytest.param(n, c, id=f"{n}-{c}")
        for n in (4, 6)
        for c in (
            case("conv2d", "plain", (2, 20, 14, 14), (24, 20, 3, 3), padding=1),
            case("conv2d", "tails", (1, 17, 9, 11), (19, 17, 3, 3), padding=(2, 0)),
            case("conv2d", "one_tile", (1, 3, 1, 2), (5, 3, 2, 2), padding=1),
            case("conv2d", "blocks_of_channels", (1, 150, 9, 8), (33, 150, 3, 3), padding=1),
            case("conv2d", "several_blocks", (1, 70, 60, 70), (40, 70, 3, 3), padding=1),
            case("conv2d", "several_images", (5, 24, 7, 7), (70, 24, 3, 3), padding=1),
            case("conv2d", "grouped", (2, 24, 10, 12), (36, 8, 3, 3), padding=1, groups=3),
            case("conv2d", "dilated", (1, 12, 31, 29), (19, 12, 3, 3), padding=4, dilation=(2, 4)),
            case("conv2d", "one_axis", (1, 9, 20, 21), (8, 9, 3, 3), stride=(2, 1)),
            case("conv2d", "stride_2", (2, 19, 20, 23), (21, 19, 3, 3), stride=2, padding=1),
            case("conv1d", "stride_2", (1, 30, 200), (9, 30, 3), stride=2),
            case("conv2d", "column", (1, 9, 50, 3), (8, 9, 3, 1), padding=(1, 0)),
            case("conv1d", "long", (1, 40, 5000), (20, 40, 3), padding=1),
            case("conv1d", "unbatched", (7, 40), (8, 7, 2), dilation=5),
            case("conv3d", "c3d", (1, 18, 5, 9, 10), (20, 18, 3, 3, 3), padding=1),
            case("conv3d", "depth_stride", (2, 6, 7, 9, 11), (7, 6, 3, 2, 3), stride=(2, 1, 1)),
            case("conv3d", "temporal", (1, 20, 8, 9, 11), (7, 20, 3, 1, 1), padding=(1, 0, 0)),
            case("true_conv2d", "flipped", (1, 9, 12, 10), (17, 9, 3, 2), padding="same"),
        )
    ),
    *(
        pytest.param(6, c, id=f"6-{c}")
        for c in (
            case("conv2d", "5x5", (1, 12, 20, 23), (17, 12, 5, 5), padding=2),
            case("conv2d", "stem", (1, 3, 40, 41), (17, 3, 7, 7), stride=2, padding=3),
            case("conv2d", "stride_3_5", (1, 8, 40, 61), (9, 8, 7, 8), stride=(3, 5), padding=4),
            case("conv2d", "7x4", (2, 5, 20, 23), (7, 5, 7, 4), padding=2),
            case("conv1d", "tap_groups", (1, 70, 90), (9, 70, 11), padding=15, dilation=3),
            case("conv1d", "many_tap_groups", (1, 5, 300), (9, 5, 64), padding=3),
        )
    ),
]


def run(c: Case, arrays: list) -> np.ndarray:
    return getattr(F, c.op)(*arrays, **c.kwargs)


def hostile(c: Case, dtype: str, kind: str) -> list:
    """Inputs that make transforms lose digits: a large offset, scales mixed over many decades."""
    x, w, b = normals(c, dtype, seed=3)
    rng = np.random.default_rng(4)
    if kind == "offset":
        x += 1e4
    if kind == "mixed":
        x *= (10.0 ** rng.uniform(-6, 6, x.shape)).astype(dtype)
        w *= (10.0 ** rng.uniform(-3, 3, w.shape)).astype(dtype)
    return [x, w, b]


@pytest.mark.parametrize("kind", ["normal", "offset", "mixed"])
@pytest.mark.parametrize(("products", "c"), CASES)
def test_within_the_promised_bound(products: int, c: Case, isa: str, dtype: str, kind: str) -> None:
    arrays = hostile(c, dtype, kind)
    with forced(isa, f"winograd{products}"):
        got = run(c, arrays)
    want = getattr(reference, c.op)(*arrays, **c.kwargs)
    assert got.dtype == dtype
    assert got.shape == want.shape
    assert np.all(np.abs(got - want) <= winograd_bound(c.op, arrays, c.kwargs, dtype, products))
    if kind == "normal":  # the bound is for the worst case; this is what one gets
        scale = np.sqrt(np.mean(want**2))
        limit = {4: 5, 6: 10}[products] * np.finfo(dtype).eps * scale
        assert np.sqrt(np.mean((got - want) ** 2)) <= limit


@pytest.mark.parametrize(("products", "c"), CASES)
def test_strides_packing_and_threads_change_no_bit(products: int, c: Case, dtype: str) -> None:
    arrays = normals(c, dtype)
    with forced(None, f"winograd{products}"):
        want = run(c, arrays)
        for x in strided(arrays[0]):
            np.testing.assert_array_equal(run(c, [x, *arrays[1:]]), want)
        for w in strided(arrays[1]):
            np.testing.assert_array_equal(run(c, [arrays[0], w, arrays[2]]), want)
        np.testing.assert_array_equal(run(c, packed(arrays)), want)
        for threads in (1, 2, 3):
            with ndnn.num_threads(threads):
                np.testing.assert_array_equal(run(c, arrays), want)


def test_threads_change_no_bit_where_the_plan_cuts() -> None:
    for shape in ((1, 64, 56, 56), (3, 64, 14, 14)):
        c = case("conv2d", "large", shape, (64, 64, 3, 3), padding=1)
        arrays = normals(c, "float32")
        assert config.plan_conv("conv2d", *c.shapes[:2], padding=1)["algorithm"] == "winograd6"
        results = []
        for threads in (1, 2, 5):
            with ndnn.num_threads(threads):
                results.append(run(c, arrays))
        np.testing.assert_array_equal(results[1], results[0])
        np.testing.assert_array_equal(results[2], results[0])


@settings(max_examples=150, deadline=None)
@given(
    kernel=st.tuples(st.integers(1, 3), st.integers(2, 3)),
    dilation=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    more=st.tuples(st.integers(2, 25), st.integers(2, 25)),
    stride=st.integers(1, 2),
    channels=st.tuples(st.integers(1, 3), st.integers(1, 20), st.integers(1, 20)),
    batch=st.integers(1, 3),
    algorithm=st.sampled_from(["winograd4", "winograd6"]),
    isa=st.sampled_from(config.supported_isas()),
)
def test_random_geometry(
    kernel, dilation, padding, more, stride, channels, batch, algorithm, isa
) -> None:
    groups, ic, oc = channels
    size = [d * (k - 1) + m for k, d, m in zip(kernel, dilation, more, strict=True)]
    c = case(
        "conv2d",
        "random",
        (batch, groups * ic, *size),
        (groups * oc, ic, *kernel),
        stride=(stride, 1),
        padding=padding,
        dilation=dilation,
        groups=groups,
    )
    arrays = normals(c, "float32")
    with forced(isa, algorithm):
        got = run(c, arrays)
    want = getattr(reference, c.op)(*arrays, **c.kwargs)
    bound = winograd_bound(c.op, arrays, c.kwargs, "float32", int(algorithm[-1]))
    assert np.all(np.abs(got - want) <= bound)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 3e38])
@pytest.mark.parametrize("where", ["input", "weight", "bias"])
def test_inf_and_nan_come_out_as_the_plain_sum_has_them(value: float, where: str) -> None:
    c = case("conv2d", "plain", (2, 64, 30, 31), (64, 64, 3, 3), padding=1)
    arrays = normals(c, "float32")
    arrays[["input", "weight", "bias"].index(where)].flat[77 % arrays[2].size] = value
    with np.errstate(over="ignore"):
        config.set_winograd(False)
        want = run(c, arrays)
        config.set_winograd(True)
        assert config.plan_conv("conv2d", *c.shapes[:2], padding=1)["algorithm"] == "winograd6"
        got = run(c, arrays)
        kept = run(c, packed(arrays))
    if np.isfinite(want).all():  # 3e38 as a bias
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-3)
    else:
        np.testing.assert_array_equal(got, want)
        assert np.isfinite(got).any()
    np.testing.assert_array_equal(kept, got)


def test_switched_off_is_the_plain_sum() -> None:
    c = case("conv2d", "whole_numbers", (1, 64, 56, 56), (64, 64, 3, 3), padding=1)
    rng = np.random.default_rng(0)
    arrays = [rng.integers(-4, 5, s).astype(np.float32) for s in c.shapes]
    config.set_winograd(False)
    try:
        assert not config.winograd_enabled()
        plan = config.plan_conv("conv2d", *c.shapes[:2], padding=1)
        assert not plan["algorithm"].startswith("winograd")
        assert "winograd6 (switched off)" in plan["text"]
        np.testing.assert_array_equal(run(c, arrays), reference.conv2d(*arrays, padding=1))
    finally:
        config.set_winograd(True)
    with pytest.raises(TypeError, match="on must be True or False"):
        config.set_winograd(0)  # type: ignore[arg-type]


@pytest.mark.parametrize(("value", "said"), [("0", "False"), ("1", "True"), ("", "True")])
def test_environment(value: str, said: str) -> None:
    code = "from ndnn import config; print(config.winograd_enabled())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"NDNN_WINOGRAD": value},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == said


def test_wrong_environment() -> None:
    code = "from ndnn import config; config.winograd_enabled()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"NDNN_WINOGRAD": "maybe"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "NDNN_WINOGRAD must be 0 or 1, but got 'maybe'" in done.stderr


@pytest.mark.parametrize(
    ("x", "w", "kwargs"),
    [
        ((1, 2**30, 2**20, 2**20), (2, 2**30, 1, 3), {}),
        ((1, 2, 2**40, 9), (2, 2, 3, 3), {"dilation": (2**30, 1)}),
        ((1, 2, 5, 9), (2, 2, 3, 3), {"padding": (2**50, 1), "stride": (2**49, 1)}),
        ((2**40, 2, 5, 9), (2, 2, 3, 3), {}),
    ],
)
def test_absurd_sizes_are_planned_without_overflow(x: tuple, w: tuple, kwargs: dict) -> None:
    plan = config.plan_conv("conv2d", x, w, **kwargs)
    assert plan["scratch_bytes"] < 2**40
    assert not plan["algorithm"].startswith("winograd")


def test_scratch_of_a_wide_reach_is_left_to_others() -> None:
    shapes = (1, 32, 200000, 12), (32, 32, 2, 3)
    plan = config.plan_conv("conv2d", *shapes, dilation=(100000, 1))
    assert plan["scratch_bytes"] <= plan["threads"] * 8 * 2**20


def test_what_is_refused_and_why() -> None:
    def refused(*shapes: tuple[int, ...], **kwargs: Any) -> str:
        return config.explain("conv2d", *shapes, **kwargs)

    no_axis = "no axis has 2 to 64 taps, more than its stride and no dilation beyond its output"
    assert no_axis in refused((1, 64, 56, 56), (64, 64, 3, 3), stride=3)
    assert no_axis in refused((1, 64, 56, 56), (64, 64, 3, 3), stride=2, dilation=2)
    assert no_axis in refused((1, 64, 56, 56), (64, 64, 1, 1))
    assert "winograd4 (no axis has 2 to 3 taps" in refused((1, 9, 9, 9), (9, 9, 5, 5))
    assert no_axis in refused((1, 8, 9, 9), (8, 8, 3, 3), padding=20, dilation=20)
    assert "the windows reach too far" in refused(
        (1, 8, 9, 9), (8, 8, 3, 3), padding=(2**40, 1), dilation=(2**40, 1)
    )
    _core.force_conv_algorithm("winograd6")  # what it refuses is done by others
    try:
        x = np.ones((1, 8, 8, 8), np.float32)
        assert F.conv2d(x, np.ones((8, 8, 1, 1), np.float32)).mean() == 8
    finally:
        _core.force_conv_algorithm("")


@pytest.mark.parametrize(("products", "outputs"), PAIRS)
def test_matrices_are_a_convolution(products: int, outputs: int) -> None:
    rng = np.random.default_rng(0)
    a, g, b = winograd_matrices(POINTS[products], outputs)
    w, d = rng.standard_normal(products - outputs + 1), rng.standard_normal(products)
    np.testing.assert_allclose(a @ ((g @ w) * (b @ d)), np.correlate(d, w, "valid"), atol=1e-12)
    x = rng.standard_normal(50)
    np.testing.assert_allclose(
        winograd_conv1d(x, w, products), np.correlate(x, w, "valid"), atol=1e-12
    )
    assert amplification(products, outputs) <= {4: 4, 6: 14}[products]
