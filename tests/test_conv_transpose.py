# SPDX-License-Identifier: MIT
"""Transposed convolution and input gradients beyond the case table: torch, adjoints, bad input."""

import os
from typing import Any

import numpy as np
import pytest

import ndnn
import ndnn.functional as F
from cases import Case, conv, conv_transpose
from ndnn import _core, config, grad, reference
from oracle import bound_of, forced, integers, normals, strided

RANDOM_CASES = int(os.environ.get("NDNN_RANDOM_CASES", "10000"))
RANKS = (1, 2, 3)
PLAIN = [case for case in conv.CASES if not case.op.startswith("true_")]


def random_case(rng: np.random.Generator) -> Case:
    while True:
        rank = int(rng.integers(1, 4))
        groups = int(rng.choice([1, 1, 1, 2, 3, 5]))
        inputs, outputs = int(rng.integers(1, 20)), int(rng.integers(1, 40))
        if rng.random() < 0.2:
            groups, inputs, outputs = int(rng.integers(1, 12)), 1, int(rng.integers(1, 4))
        kernel, stride, dilation, padding = (
            rng.integers(lo, hi, rank) for lo, hi in ((1, 6), (1, 6), (1, 5), (0, 7))
        )
        size = rng.integers(1, (60, 20, 8)[rank - 1], rank)
        more = rng.integers(0, np.maximum(stride, dilation))
        if np.any((size - 1) * stride - 2 * padding + dilation * (kernel - 1) + more < 0):
            continue
        sizes = {"stride": stride, "padding": padding, "output_padding": more, "dilation": dilation}
        kwargs: dict[str, Any] = {k: tuple(map(int, v)) for k, v in sizes.items()}
        batch = (int(rng.integers(1, 4)),) if rng.random() < 0.8 else ()
        shapes = (
            (*batch, inputs * groups, *map(int, size)),
            (inputs * groups, outputs, *map(int, kernel)),
            None if rng.random() < 0.3 else (outputs * groups,),
        )
        return Case(f"conv_transpose{rank}d", "random", shapes, {**kwargs, "groups": groups})


@pytest.mark.parametrize("seed", range(4))
def test_equal_to_torch(isa: str, seed: int) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    with forced(isa), torch.inference_mode():
        for i in range(RANDOM_CASES // 4):
            case, dtype = random_case(rng), str(rng.choice(["float32", "float64"]))
            arrays = normals(case, dtype, seed=i)
            got = getattr(F, case.op)(*arrays, **case.kwargs)
            tensors = [None if a is None else torch.from_numpy(a) for a in arrays]
            # In float64: torch's own rounding is then small beside the bound.
            double = [None if t is None else t.double() for t in tensors]
            want = getattr(torch.nn.functional, case.op)(*double, **case.kwargs).numpy()
            assert got.shape == want.shape, case
            bound = bound_of(case.op, arrays, case.kwargs, dtype)
            assert np.all(np.abs(got - want) <= bound * (1 + (dtype == "float64"))), (case, dtype)


def gradient_arrays(case: Case, dtype: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Weight and grad_output of a case, whole numbers."""
    arrays = integers(case, dtype, seed)
    out = getattr(F, case.op)(*arrays[:2], **case.kwargs).shape
    return arrays[1], np.random.default_rng(seed).integers(-4, 5, out).astype(dtype)


@pytest.mark.parametrize("case", PLAIN, ids=str)
def test_input_gradient_is_exact_on_whole_numbers(case: Case, isa: str, algorithm: str) -> None:
    name = f"{case.op}_input"
    for dtype in ("float32", "float64"):
        weight, g = gradient_arrays(case, dtype)
        want = getattr(reference, name)(case.shapes[0], weight, g, **case.kwargs)
        with forced(isa, algorithm):
            got = getattr(grad, name)(case.shapes[0], weight, g, **case.kwargs)
        assert got.dtype == dtype
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("case", PLAIN, ids=str)
def test_input_gradient_with_every_memory_and_packed_weight(case: Case) -> None:
    function = getattr(grad, f"{case.op}_input")
    weight, g = gradient_arrays(case, "float32")
    with forced(None, "lanes_on_channels"):
        want = function(case.shapes[0], weight, g, **case.kwargs)
        for other in strided(g):
            np.testing.assert_array_equal(
                function(case.shapes[0], weight, other, **case.kwargs), want
            )
        kept = ndnn.PackedWeight(weight)
        for _ in range(2):
            got = function(case.shapes[0], kept, g, **case.kwargs)
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("case", conv.CASES, ids=str)
def test_gradient_is_the_adjoint(case: Case) -> None:
    """<conv(x), g> = <x, gradient(g)> for all x and g, also of the rotated kernel."""
    x, weight, _ = integers(case, "float64")
    _, g = gradient_arrays(case, "float64", seed=1)
    rank, flipped = weight.ndim - 2, case.op.startswith("true_")
    sizes = [case.kwargs.get(k, d) for k, d in DEFAULTS.items()]
    with forced(None, "lanes_on_channels"):
        y = getattr(F, case.op)(x, weight, **case.kwargs)
        back = _core.conv_input_gradient(rank, flipped, x.shape, weight, g, *sizes)
    assert np.sum(y * g) == np.sum(x * back)


DEFAULTS = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}


@pytest.mark.parametrize("case", conv_transpose.CASES, ids=str)
def test_gradient_of_the_transposed_is_the_adjoint(case: Case, isa: str) -> None:
    x, weight, _ = integers(case, "float64")
    rank = weight.ndim - 2
    order = {"stride": 1, "padding": 0, "output_padding": 0, "groups": 1, "dilation": 1}
    sizes = [case.kwargs.get(k, d) for k, d in order.items()]
    with forced(isa, "lanes_on_channels"):
        y = getattr(F, case.op)(x, weight, **case.kwargs)
        g = np.random.default_rng(1).integers(-4, 5, y.shape).astype(float)
        back = _core.conv_transpose_input_gradient(rank, x.shape, weight, g, *sizes)
    assert back.shape == x.shape
    assert np.sum(y * g) == np.sum(x * back)


@pytest.mark.parametrize(
    "case",
    [
        Case("conv_transpose2d", "dcgan", ((4, 64, 16, 16), (64, 64, 4, 4)), {"stride": 2}),
        Case("conv_transpose2d", "unet", ((1, 64, 64, 64), (64, 32, 2, 2)), {"stride": 2}),
        Case("conv_transpose2d", "one_phase", ((2, 64, 56, 56), (64, 64, 3, 3)), {"padding": 1}),
        Case("conv_transpose1d", "long", ((1, 32, 9000), (32, 16, 16)), {"stride": 8}),
    ],
    ids=str,
)
def test_threads_do_not_change_a_bit(case: Case) -> None:
    arrays = normals(case, "float32")
    results = []
    for threads in (1, 2, 3, 7):
        with ndnn.num_threads(threads):
            results.append(getattr(F, case.op)(*arrays, **case.kwargs))
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


def test_inf_and_nan_stay_where_they_belong() -> None:
    """Winograd's transforms would spread them over a tile."""
    x, w = np.ones((1, 32, 28, 28), np.float32), np.ones((32, 32, 3, 3), np.float32)
    plan = config.plan_conv_transpose("conv_transpose2d", x.shape, w.shape)
    assert plan["algorithms"][0].startswith("winograd")
    x[0, 3, 10, 11] = np.inf
    y = F.conv_transpose2d(x, w)
    finite = np.isfinite(y[0, 0])
    assert not finite[10:13, 11:14].any()
    assert np.count_nonzero(~finite) == 9


def sample(rank: int) -> dict[str, Any]:
    return {
        "input": np.ones((2, 4) + (5,) * rank, np.float32),
        "weight": np.ones((4, 3) + (3,) * rank, np.float32),
        "bias": np.ones(6, np.float32),
        "groups": 2,
        "stride": 2,
    }


HUGE = 2**62
BAD = [
    ("groups", 0, ValueError, "groups must be at least 1, but got groups=0"),
    ("groups", 3, ValueError, "groups must divide the input channels"),
    ("groups", HUGE, ValueError, f"groups={HUGE}"),
    ("stride", 0, ValueError, "stride must be at least 1, but got stride=(0,"),
    ("stride", HUGE, ValueError, "positions must stay below 2**61"),
    ("stride", 2**50, ValueError, "more elements than memory"),
    ("stride", 2**63, ValueError, "stride must be a 64-bit integer"),
    ("padding", -1, ValueError, "padding must be at least 0, but got padding=(-1,"),
    ("padding", 9, ValueError, "the output must have at least one element"),
    ("padding", HUGE, ValueError, "positions must stay below 2**61"),
    ("padding", "same", TypeError, "padding must be an int or a tuple"),
    ("output_padding", -1, ValueError, "output_padding must be at least 0"),
    ("output_padding", 2, ValueError, "output_padding must be smaller than stride or dilation"),
    ("output_padding", HUGE, ValueError, "output_padding must be smaller than stride or dilation"),
    ("dilation", 0, ValueError, "dilation must be at least 1"),
    ("dilation", HUGE, ValueError, "positions must stay below 2**61"),
    ("dilation", True, TypeError, "dilation must be an int"),
    ("input", np.ones(3, np.float32), ValueError, "input must have"),
    ("input", np.ones(3, int), TypeError, "input must be a float32"),
    ("input", None, TypeError, "input must be an array"),
    ("weight", np.ones(3, np.float32), ValueError, "in_channels, out_channels / groups, kernel"),
    ("bias", np.ones(5, np.float32), ValueError, "bias must have one element per output channel"),
    ("bias", np.ones(6), TypeError, "one dtype"),
]


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize(("argument", "value", "error", "text"), BAD)
def test_bad_input(rank: int, argument: str, value: Any, error: type, text: str) -> None:
    with pytest.raises(error) as caught:
        getattr(F, f"conv_transpose{rank}d")(**{**sample(rank), argument: value})
    assert str(caught.value).startswith(f"conv_transpose{rank}d: ")
    assert text in str(caught.value)


@pytest.mark.parametrize("rank", RANKS)
def test_more_bad_input(rank: int) -> None:
    function = getattr(F, f"conv_transpose{rank}d")
    good = sample(rank)
    with pytest.raises(ValueError, match="at least one element on every spatial axis"):
        function(np.ones((2, 4) + (0,) * rank, np.float32), good["weight"], groups=2)
    with pytest.raises(ValueError, match="at least one tap"):
        function(good["input"], np.ones((4, 3) + (0,) * rank, np.float32), groups=2)
    with pytest.raises(ValueError, match="input channels must be weight"):
        function(good["input"], np.ones((6, 3) + (3,) * rank, np.float32), groups=2)


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize(
    ("argument", "value", "error", "text"),
    [
        ("input_size", (2,), ValueError, "input_size must have"),
        ("input_size", 3, TypeError, "input_size must be a tuple of ints"),
        ("input_size", "23456", TypeError, "input_size must be a tuple of ints"),
        ("stride", 3, ValueError, "grad_output must have the output's shape"),
        ("padding", "full", ValueError, "'same', 'valid', an int or a tuple"),
        ("grad_output", np.ones(3, np.float32), ValueError, "grad_output must have"),
        ("grad_output", np.ones(3, int), TypeError, "grad_output must be a float32"),
        ("weight", 1.0, ValueError, "weight must have"),
    ],
)
def test_bad_gradient(rank: int, argument: str, value: Any, error: type, text: str) -> None:
    arguments: dict[str, Any] = {
        "input_size": (2, 4) + (9,) * rank,
        "weight": np.ones((6, 4) + (3,) * rank, np.float32),
        "grad_output": np.ones((2, 6) + (7,) * rank, np.float32),
    }
    function = getattr(grad, f"conv{rank}d_input")
    assert function(**arguments).shape == arguments["input_size"]
    with pytest.raises(error) as caught:
        function(**{**arguments, argument: value})
    assert str(caught.value).startswith(f"conv{rank}d_input: ")
    assert text in str(caught.value)


@pytest.mark.parametrize("size", [64, 1024])
@pytest.mark.parametrize("kernel", [2, 4, 16])
def test_scratch_is_bounded(size: int, kernel: int) -> None:
    shapes = (1, 64, size, size), (64, 64, kernel, kernel)
    plan = config.plan_conv_transpose("conv_transpose2d", *shapes, stride=2)
    assert plan["scratch_bytes"] <= (plan["threads"] + 1) * 8 * 2**20


def test_explain() -> None:
    shapes = (1, 64, 32, 32), (64, 64, 2, 2)
    assert config.explain("conv_transpose2d", *shapes, stride=2).startswith(
        "conv_transpose2d -> 1 convolution of stride 1, interleaved; kernel=(1, 1), phases=(2, 2): "
    )
    assert "-> 1 convolution of stride 1; kernel=(2, 2)" in config.explain(
        "conv_transpose2d", *shapes
    )
    with pytest.raises(ValueError, match="op must be one of conv_transpose1d"):
        config.plan_conv_transpose("conv_transpose4d", *shapes)


@pytest.mark.parametrize("stride", [(2, 2), (8, 8), (3, 2), (1, 2)])
def test_depthwise_planes_in_bands(stride: tuple[int, int], isa: str, dtype: str) -> None:
    """Planes larger than L1: their phases are computed in bands of rows."""
    rng = np.random.default_rng(3)
    x = rng.integers(-4, 5, (2, 3, 240 // stride[0], 240 // stride[1])).astype(dtype)
    w, bias = (rng.integers(-4, 5, shape).astype(dtype) for shape in ((3, 1, 5, 4), (3,)))
    args: dict[str, Any] = {"stride": stride, "padding": (2, 1), "groups": 3}
    want = reference.conv_transpose2d(x, w, bias, **args)
    with forced(isa):
        for view in (x, np.ascontiguousarray(x[..., ::-1])[..., ::-1]):
            for threads in (1, 2, 3):
                with ndnn.num_threads(threads):
                    got = F.conv_transpose2d(view, w, bias, **args)
                np.testing.assert_array_equal(got, want)
