# SPDX-License-Identifier: MIT
"""Shapes in, decisions out; no data."""

import pytest

import ndnn
from ndnn import config

MIB = 2**20


@pytest.mark.parametrize(
    ("op", "x", "w", "kwargs", "out"),
    [
        ("conv1d", (3, 100), (8, 3, 5), {}, (8, 96)),
        ("conv2d", (1, 64, 56, 56), (64, 64, 3, 3), {"padding": 1}, (1, 64, 56, 56)),
        ("conv2d", (1, 3, 224, 224), (64, 3, 7, 7), {"stride": 2, "padding": 3}, (1, 64, 112, 112)),
        ("conv3d", (2, 3, 8, 9, 10), (4, 3, 3, 3, 3), {"padding": "same"}, (2, 4, 8, 9, 10)),
    ],
)
def test_output_shape(op: str, x: tuple, w: tuple, kwargs: dict, out: tuple) -> None:
    assert config.plan_conv(op, x, w, **kwargs)["out_shape"] == out


@pytest.mark.parametrize(
    ("x", "w", "kwargs", "algorithm"),
    [
        ((1, 512, 14, 14), (512, 512, 3, 3), {"stride": 2}, "lanes_on_channels"),
        ((1, 64, 56, 56), (64, 64, 3, 3), {"padding": 1}, "winograd6"),
        ((1, 128, 56, 56), (128, 128, 5, 5), {"padding": 2}, "winograd6"),
        ((1, 3, 224, 224), (64, 3, 3, 3), {"padding": 1}, "lanes_on_pixels"),
        ((1, 64, 56, 56), (64, 1, 3, 3), {"padding": 1, "groups": 64}, "stencil"),
    ],
)
def test_algorithm(x: tuple, w: tuple, kwargs: dict, algorithm: str) -> None:
    for isa in config.supported_isas():
        before = config.active_isa()
        config.force_isa(isa)
        plan = config.plan_conv("conv2d", x, w, **kwargs)
        config.force_isa(before)
        assert plan["algorithm"] == algorithm
        assert f"-> {algorithm}" in plan["text"]
        assert "; refused: " in plan["text"]
        assert plan["isa"] == isa


@pytest.mark.parametrize("size", [64, 1024, 16384])
@pytest.mark.parametrize("kernel", [1, 3, 31])
def test_scratch_is_bounded_by_blocks(size: int, kernel: int) -> None:
    plan = config.plan_conv(
        "conv2d", (1, 64, size, size), (64, 64, kernel, kernel), padding=kernel // 2
    )
    assert plan["scratch_bytes"] <= plan["threads"] * 8 * MIB


def test_packing_counts_unless_it_was_done_before() -> None:
    """Few pixels, many channels: to transform the weights costs more than it brings once."""
    shapes = (1, 512, 7, 7), (512, 512, 3, 3)
    once = config.plan_conv("conv2d", *shapes, padding=1)
    assert once["algorithm"] == "lanes_on_channels"
    often = config.plan_conv("conv2d", *shapes, padding=1, packed=True)
    assert often["estimated_cycles"] < 0.9 * once["estimated_cycles"]
    shapes = (1, 256, 14, 14), (256, 256, 3, 3)
    often = config.plan_conv("conv2d", *shapes, padding=1, packed=True)
    assert often["algorithm"].startswith("winograd")


def test_little_work_stays_serial() -> None:
    assert config.plan_conv("conv2d", (1, 8, 8, 8), (8, 8, 3, 3))["threads"] == 1


def test_threads_follow_the_limit() -> None:
    with ndnn.num_threads(1):
        assert config.plan_conv("conv2d", (1, 64, 56, 56), (64, 64, 3, 3))["threads"] == 1


def test_cuts_do_not_depend_on_threads() -> None:
    arguments = ("conv2d", (1, 64, 56, 56), (64, 64, 3, 3))
    with ndnn.num_threads(1):
        one = config.plan_conv(*arguments)
    many = config.plan_conv(*arguments)
    assert (one["algorithm"], one["estimated_cycles"]) == (
        many["algorithm"],
        many["estimated_cycles"],
    )


def test_unknown_operator_and_dtype() -> None:
    with pytest.raises(ValueError, match="op must be one of"):
        config.explain("conv4d", (1, 1, 1), (1, 1, 1))
    with pytest.raises(TypeError, match="dtype must be"):
        config.explain("conv1d", (1, 1, 1), (1, 1, 1), dtype="int8")
    with pytest.raises(TypeError, match="needs the shapes"):
        config.explain("conv1d", (1, 1, 1))
