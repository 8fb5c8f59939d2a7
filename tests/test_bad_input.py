# SPDX-License-Identifier: MIT
"""What is wrong is refused by name, what is odd but legal works, and nothing is ever touched.

The pattern for every operator: a table of (arguments, exception, fragments of its text), odd memory
against a plain copy bit for bit, and cases in processes of their own for what might crash.
"""

from __future__ import annotations

import array
import gc
import re
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import ndnn
import ndnn.functional as F
from isolated import case_names, run_batch
from ndnn import config

RANKS = (1, 2, 3)
HUGE = 2**62


def sample(rank: int, dtype: Any = np.float32) -> dict[str, Any]:
    """A good call: x (2, 4, 9...), w (6, 2, 3...), bias (6,), two groups."""
    rng = np.random.default_rng(rank)
    shapes = {"input": (2, 4) + (9,) * rank, "weight": (6, 2) + (3,) * rank, "bias": (6,)}
    arrays = {name: rng.integers(-4, 5, shape).astype(dtype) for name, shape in shapes.items()}
    return {**arrays, "groups": 2}


def ones(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return np.ones(shape, dtype)


class PerRank(NamedTuple):
    """A value that depends on the number of spatial axes."""

    make: Callable[[int], Any]


class Bad(NamedTuple):
    """One argument and what must be said about it."""

    argument: str
    value: Any
    error: type[Exception]
    text: str

    def __str__(self) -> str:
        name = "per_rank" if isinstance(self.value, PerRank) else ascii(self.value)
        return f"{self.argument}={name}"[:60].replace("\n", "")


def shaped(*before: int, last: tuple[int, ...] = (), size: int = 0, dtype: Any = "f4") -> PerRank:
    """An array of ones (*before, size on every spatial axis), `last` in place of the last axes."""
    return PerRank(lambda rank: ones(*before, *(size,) * (rank - len(last)), *last, dtype=dtype))


# Numbers outside of their range: ValueError with the bound.
OUT_OF_RANGE = [
    Bad("groups", 0, ValueError, "groups must be at least 1, but got groups=0"),
    Bad("groups", -1, ValueError, "groups must be at least 1, but got groups=-1"),
    Bad("groups", 3, ValueError, "groups=3"),  # divides 6 output channels, but not 4 input channels
    Bad("groups", 4, ValueError, "groups must divide the output channels"),
    Bad("groups", HUGE, ValueError, f"groups={HUGE}"),
    Bad("groups", 2**63, ValueError, f"groups must be a 64-bit integer, but got {2**63}"),
    *(
        Bad(name, value, ValueError, f"{name} must be at least {least}, but got {name}=({value},")
        for name, least in (("stride", 1), ("padding", 0), ("dilation", 1))
        for value in (-1, -HUGE, -(2**63))
    ),
    Bad("stride", 0, ValueError, "stride must be at least 1, but got stride=(0,"),
    Bad("dilation", 0, ValueError, "dilation must be at least 1, but got dilation=(0,"),
    Bad("stride", PerRank(lambda rank: (0,) * rank), ValueError, "stride must be at least 1"),
    Bad("stride", PerRank(lambda rank: (1,) * (rank - 1) + (0,)), ValueError, "must be at least 1"),
    *(
        Bad(name, value, ValueError, f"{name} must be a 64-bit integer, but got {value}")
        for name in ("stride", "padding", "dilation")
        for value in (2**63, -(2**63) - 1, 2**64 + 1)
    ),
    *(Bad("padding", value, ValueError, f"padding=({value},") for value in (HUGE, 2**63 - 1)),
    *(Bad("dilation", value, ValueError, f"dilation=({value},") for value in (HUGE, 2**63 - 1)),
    Bad("dilation", 5, ValueError, "the kernel must fit into the padded input"),
    Bad("padding", 2**50, ValueError, "more elements than memory"),
]

# Strings, lists and lengths.
WRONG_FORM = [
    *(
        Bad("padding", text, ValueError, f"'same', 'valid', an int or a tuple, but got '{text}'")
        for text in ("full", "SAME", "", "same ")
    ),
    Bad("padding", "x" + "é" * 100, ValueError, "'same', 'valid', an int or a tuple, but got 'xé"),
    Bad("padding", "\ud800", ValueError, "'same', 'valid', an int or a tuple"),
    *(
        Bad(name, value, ValueError, f"{name} must be an int or a tuple of")
        for name in ("stride", "padding", "dilation")
        for value in ((), [], [1, 1, 1, 1], [1] * 100000)
    ),
    *(
        Bad(name, PerRank(lambda rank: (1,) * (rank + 1)), ValueError, f"{name} must be an int or")
        for name in ("stride", "padding", "dilation")
    ),
]

# Wrong kinds: TypeError with the kind.
NO_INTEGERS = (1.0, True, "1", None, 1j, object(), b"\1", {1: 1}, {1}, np.True_, np.float32(1))
WRONG_KIND = [
    *(
        Bad(name, value, TypeError, f"{name} must be an int")
        for name in ("stride", "padding", "dilation", "groups")
        for value in NO_INTEGERS
        if not (name == "padding" and value == "1")
    ),
    *(
        Bad(name, (value,), TypeError, f"{name} must be an int")
        for name in ("stride", "padding", "dilation")
        for value in (*NO_INTEGERS, (1,), [1])
    ),
    Bad("groups", (2,), TypeError, "groups must be an int"),
    *(Bad(n, np.ones(2), TypeError, f"{n} must be") for n in ("stride", "groups")),
    *(
        Bad(name, value, TypeError, f"{name} must be an array")
        for name in ("input", "weight", "bias")
        for value in ("text", b"text", *([] if name == "bias" else [None]))
    ),
    *(
        Bad(name, np.ones(3).astype(dtype), TypeError, f"{name} must be a float32, float64")
        for name in ("input", "weight", "bias")
        for dtype in ("i1", "i4", "u8", "?", "c8", "c16", "O", "S3", "U3", "M8[s]", "V8", "g")
    ),
    Bad("input", [[1, 2], [3, 4]], TypeError, "input must be a float32"),
    Bad("input", [[1.0], [2.0, 3.0]], TypeError, "input must be an array"),
    *(
        Bad(name, value, TypeError, f"{name} must")
        for name in ("input", "weight", "bias")
        for value in (object(), 3, 2j, {}, ndnn, np.ndarray, len)
    ),
    *(
        Bad(name, value, TypeError, f"{name} must not be a masked array")
        for name in ("input", "weight", "bias")
        for value in (np.ma.ones(3), np.ma.masked, np.ma.array([1.0, 2.0], mask=[0, 1]))
    ),
    Bad("input", shaped(2, 4, size=9, dtype="f8"), TypeError, "one dtype, but got float64"),
    Bad("weight", shaped(6, 2, size=3, dtype="f8"), TypeError, "one dtype"),
    Bad("weight", shaped(6, 2, size=3, dtype="f2"), TypeError, "one dtype"),
    Bad("bias", ones(6, dtype="f8"), TypeError, "one dtype"),
]

# Shapes that do not belong together.
WRONG_SHAPE = [
    *(Bad("input", ones(*s), ValueError, "input must have") for s in ((), (4,), (1,) * 32)),
    Bad("input", shaped(2, 2, 4, size=9), ValueError, "input must have"),
    *(Bad("weight", ones(*s), ValueError, "weight must have") for s in ((), (6,), (1,) * 32)),
    Bad("weight", shaped(6, size=3), ValueError, "weight must have"),
    Bad("weight", shaped(1, 6, 2, size=3), ValueError, "weight must have"),
    Bad("input", shaped(2, 5, size=9), ValueError, "input channels must be groups * weight"),
    Bad("input", shaped(2, 0, size=9), ValueError, "input channels must be groups * weight"),
    Bad("weight", shaped(6, 3, size=3), ValueError, "input channels must be groups * weight"),
    Bad("weight", shaped(6, 0, size=3), ValueError, "input channels must be groups * weight"),
    Bad("weight", shaped(5, 2, size=3), ValueError, "groups must divide the output channels"),
    Bad("weight", shaped(6, 2, size=3, last=(10,)), ValueError, "the kernel must fit into"),
    Bad("weight", shaped(6, 2, size=3, last=(0,)), ValueError, "at least one tap"),
    Bad("weight", shaped(6, 2, size=0), ValueError, "at least one tap"),
    Bad("weight", shaped(0, 2, size=0), ValueError, "at least one tap"),
    Bad("input", shaped(2, 4, size=9, last=(0,)), ValueError, "the kernel must fit into"),
    Bad("input", shaped(0, 4, size=2), ValueError, "the kernel must fit into"),
    *(Bad("bias", ones(n), ValueError, f"but got bias.shape=({n},)") for n in (0, 1, 5, 7)),
    *(Bad("bias", ones(*s), ValueError, "bias must have one axis") for s in ((), (6, 1), (1, 6))),
]

TABLE = [*OUT_OF_RANGE, *WRONG_FORM, *WRONG_KIND, *WRONG_SHAPE]


def value_of(bad: Bad, rank: int) -> Any:
    return bad.value.make(rank) if isinstance(bad.value, PerRank) else bad.value


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize("bad", TABLE, ids=lambda bad: re.sub(r" at 0x\w+", "", str(bad)))
def test_refused(bad: Bad, rank: int) -> None:
    call = sample(rank) | {bad.argument: value_of(bad, rank)}
    for name in (f"conv{rank}d", f"true_conv{rank}d"):
        with pytest.raises(bad.error) as caught:
            getattr(F, name)(**call)
        assert type(caught.value) is bad.error
        assert str(caught.value).startswith(f"{name}: ")
        assert bad.text in str(caught.value)


@pytest.mark.parametrize("rank", RANKS)
def test_refused_in_combination(rank: int) -> None:
    op, call = getattr(F, f"conv{rank}d"), sample(rank)
    with pytest.raises(ValueError, match="padding='same' needs stride 1, but got stride="):
        op(**call, padding="same", stride=(1,) * (rank - 1) + (2,))
    for dilation in (HUGE, 2**63 - 1):
        with pytest.raises(ValueError, match="padding='same' overflows"):
            op(**call, padding="same", dilation=dilation)
    with pytest.raises(TypeError):
        op(call["input"])
    with pytest.raises(TypeError):
        op(**call, strides=1)


def test_refused_calls_keep_nothing() -> None:
    """No reference to an array is left behind."""
    call = sample(2)
    arrays = [call[name] for name in ("input", "weight", "bias")]
    before = [sys.getrefcount(a) for a in arrays]
    for bad in TABLE:
        if bad.argument in ("stride", "padding", "dilation", "groups", "bias"):
            with pytest.raises(bad.error):
                F.conv2d(**(call | {bad.argument: value_of(bad, 2)}))
    for weight in (call["weight"], ndnn.PackedWeight(call["weight"])):
        F.conv2d(**(call | {"weight": weight}))
    del weight
    gc.collect()
    assert [sys.getrefcount(a) for a in arrays] == before


def test_packed_weight_refuses_the_same() -> None:
    rows = [
        *((value, TypeError) for value in (None, "text", b"text", 3, {}, np.ma.ones((2, 3, 3)))),
        *((np.ones((2, 3, 3)).astype(dtype), TypeError) for dtype in ("i4", "c8", "O", "?", "V8")),
        *((ones(*(1,) * rank), ValueError) for rank in (0, 1, 6)),
    ]
    for value, error in rows:
        with pytest.raises(error, match=r"^PackedWeight: array must"):
            ndnn.PackedWeight(value)
    kept = ndnn.PackedWeight(sample(2)["weight"])
    for change, error in (
        ({"input": ones(2, 4, 9, 9, dtype="f8")}, TypeError),
        ({"groups": 1}, ValueError),
        ({"input": ones(2, 4, 2, 9)}, ValueError),
    ):
        with pytest.raises(error, match=r"^conv2d: "):
            F.conv2d(**(sample(2) | {"weight": kept} | change))


def test_a_refused_plan() -> None:
    for shapes, arguments in (
        (((2, 4, 9), (6, 4, 3, 3)), {}),
        (((2, 4, 9, 9), (6, 4, 3, -3)), {}),
        (((2, 4, 9, 9), (6, 4, 3, 2**63)), {}),
        (((2, 4, 9, 9), (6, 4, 3, 3)), {"stride": 0}),
        (((2, 4, 9, 9), (6, 4, 3, 3)), {"padding": 2**50}),
        (((2, 2**62, 9, 9), (6, 2**62, 3, 3)), {}),
        (((1, 1, 2**62, 2**62), (1, 1, 3, 3)), {}),
    ):
        with pytest.raises(ValueError, match=r"^conv2d: "):
            config.plan_conv("conv2d", *shapes, **arguments)


# Integers that are no `int`, and lists that are no `list`.
@pytest.mark.parametrize(
    "two", [2, np.int64(2), np.uint8(2), np.array(2), (2,), [2], (2, 2), range(2, 3)], ids=str
)
def test_accepted_numbers(two: Any) -> None:
    call = sample(2)
    want = F.conv2d(**call, stride=2, padding=2, dilation=2)
    np.testing.assert_array_equal(F.conv2d(**call, stride=two, padding=two, dilation=two), want)
    if not isinstance(two, tuple | list | range):
        np.testing.assert_array_equal(F.conv2d(**(call | {"groups": two})), F.conv2d(**call))


def test_accepted_arraylikes() -> None:
    call = sample(2, np.float64)
    want = F.conv2d(**call)
    lists = {name: call[name].tolist() for name in ("input", "weight", "bias")}
    np.testing.assert_array_equal(F.conv2d(**(call | lists)), want)
    views = {name: memoryview(call[name]) for name in ("input", "weight")}
    views["bias"] = array.array("d", call["bias"])
    np.testing.assert_array_equal(F.conv2d(**(call | views)), want)


@pytest.fixture(scope="module")
def evil_outcomes() -> dict[str, str]:
    return run_batch("evil_inputs.py", case_names("evil_inputs.py"))


@pytest.mark.parametrize("case", case_names("evil_inputs.py"))
def test_code_that_runs_in_the_middle(case: str, evil_outcomes: dict[str, str]) -> None:
    assert evil_outcomes[case] == "ok"
