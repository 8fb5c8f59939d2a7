# SPDX-License-Identifier: MIT
"""What is odd but legal works: sizes of zero, huge numbers, any memory; nothing else is touched.

The result for odd memory is that for a plain copy bit for bit, and inputs never change. Guard pages
show that no kernel reads or writes one byte too far.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import guard_runs
import ndnn
import ndnn.functional as F
from isolated import run, run_batch
from ndnn import config
from oracle import forced


@pytest.mark.parametrize("exponent", [31, 32, 40, 61, 62])
def test_huge_and_legal(exponent: int) -> None:
    """A stride that is never taken, a dilation between no taps, padding that is all skipped."""
    x = np.arange(2 * 4 * 9 * 9, dtype=np.float32).reshape(2, 4, 9, 9)
    w, big = np.ones((3, 4, 3, 3), np.float32), 2**exponent
    first = F.conv2d(x[:, :, :3, :3], w)
    np.testing.assert_array_equal(F.conv2d(x, w, stride=big), first)
    pointwise = np.ascontiguousarray(w[:, :, :1, :1])
    np.testing.assert_array_equal(F.conv2d(x, pointwise, dilation=big), F.conv2d(x, pointwise))
    if exponent > 40:
        return
    got = F.conv2d(x, pointwise, padding=big, stride=big)
    assert got.shape == (2, 3, 3, 3)
    np.testing.assert_array_equal(got[..., 1, 1], F.conv2d(x, pointwise)[..., 0, 0])
    assert np.count_nonzero(got) == np.count_nonzero(got[..., 1, 1])


# (input, weight, arguments, output): some size is zero.
EMPTY = [
    ((0, 4, 9, 9), (6, 4, 3, 3), {}, (0, 6, 7, 7)),
    ((0, 4, 9, 9), (6, 2, 3, 3), {"groups": 2, "stride": 3}, (0, 6, 3, 3)),
    ((2, 4, 9, 9), (0, 4, 3, 3), {}, (2, 0, 7, 7)),
    ((2, 4, 9, 9), (0, 2, 3, 3), {"groups": 2}, (2, 0, 7, 7)),
    ((2, 0, 9, 9), (6, 0, 3, 3), {}, (2, 6, 7, 7)),
    ((2, 0, 9, 9), (6, 0, 3, 3), {"groups": 3, "padding": "same"}, (2, 6, 9, 9)),
    ((0, 9, 9), (6, 0, 3, 3), {}, (6, 7, 7)),
    ((0, 0, 9, 9), (0, 0, 3, 3), {}, (0, 0, 7, 7)),
    ((2, 4, 0, 9), (6, 4, 3, 3), {"padding": 2}, (2, 6, 2, 11)),
    ((2, 4, 0, 0), (6, 4, 2, 2), {"padding": 1}, (2, 6, 1, 1)),
    ((2, 0, 0, 0), (6, 0, 2, 2), {"padding": 3, "stride": 2}, (2, 6, 3, 3)),
    ((0, 0, 0, 0), (0, 0, 1, 1), {"padding": 1}, (0, 0, 2, 2)),
    ((1, 0, 5), (3, 0, 5), {}, (1, 3, 1)),
    ((1, 2, 0), (3, 2, 4), {"padding": 4, "dilation": 2}, (1, 3, 2)),
    ((1, 0, 4, 4, 4), (3, 0, 1, 2, 3), {}, (1, 3, 4, 3, 2)),
    ((1, 2, 3, 0, 3), (3, 2, 3, 3, 3), {"padding": 1, "stride": 2}, None),
    ((1, 2, 3, 0, 3), (3, 2, 3, 2, 3), {"padding": 1, "stride": 2}, (1, 3, 2, 1, 2)),
]


@pytest.mark.parametrize(("x", "w", "arguments", "out"), EMPTY)
def test_sizes_of_zero(
    x: tuple[int, ...],
    w: tuple[int, ...],
    arguments: dict[str, Any],
    out: tuple[int, ...] | None,
    dtype: str,
    every_algorithm: str,
) -> None:
    name = f"conv{len(w) - 2}d"
    op, bias = getattr(F, name), np.arange(1, w[0] + 1, dtype=dtype)
    a, b = np.ones(x, dtype), np.ones(w, dtype)
    with forced(None, every_algorithm):
        if out is None:
            with pytest.raises(ValueError, match="the kernel must fit"):
                op(a, b, bias, **arguments)
            return
        assert config.plan_conv(name, x, w, dtype=dtype, **arguments)["out_shape"] == out
        for weight in (b, ndnn.PackedWeight(b)):
            for this_bias in (bias, None):
                got = op(a, weight, this_bias, **arguments)
                value = np.zeros_like(bias) if this_bias is None else bias
                want = np.broadcast_to(value.reshape(-1, *(1,) * (len(w) - 2)), out)
                assert got.dtype == dtype
                assert got.shape == out
                np.testing.assert_array_equal(got, want)


class Matrix(np.ndarray):
    """As odd as numpy.matrix: another meaning of * and of indexing."""

    def __mul__(self, other: Any) -> Any:
        return self @ other

    def __getitem__(self, index: Any) -> Any:
        return np.zeros(1)


def odd_steps(a: np.ndarray, step: int) -> np.ndarray:
    """`a` with another stride on every axis of size 1."""
    steps = [step if n == 1 else s for n, s in zip(a.shape, a.strides, strict=True)]
    return as_strided(a, a.shape, steps)


def in_records(a: np.ndarray, before: str) -> np.ndarray:
    """`a` as the second field of packed records: no element is aligned."""
    records = np.zeros(a.shape, np.dtype([("before", before), ("value", a.dtype), ("after", "u1")]))
    records["value"] = a
    return records["value"]


def overlapping(a: np.ndarray) -> np.ndarray:
    """The shape of `a` over one short run of its numbers: every axis one element on."""
    line = np.resize(a.ravel(), sum(a.shape) + 1)
    return as_strided(line, a.shape, (a.itemsize,) * a.ndim)


def mapped(a: np.ndarray, path: Path) -> np.ndarray:
    """`a` in a file opened for reading."""
    a.tofile(path)
    return np.memmap(path, a.dtype, "r", shape=a.shape)


def halved(a: np.ndarray) -> np.ndarray:
    wide = np.repeat(a, 3, axis=-1)
    wide[..., 0::3] = wide[..., 2::3] = np.nan
    return wide[..., 1::3]


def read_only(a: np.ndarray) -> np.ndarray:
    a = a.copy()
    a.flags.writeable = False
    return a


MEMORY: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "byte_swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "byte_swapped_view": lambda a: a.astype(a.dtype.newbyteorder(), order="F")[::-1],
    "fortran": np.asfortranarray,
    "channels_last": lambda a: np.ascontiguousarray(a.T).T,
    "reversed": lambda a: a[tuple(slice(None, None, -1) for _ in a.shape)],
    "reversed_rows": lambda a: a[..., ::-1],
    "every_third": halved,
    "broadcast": lambda a: np.broadcast_to(a.ravel()[:1], a.shape),
    "broadcast_rows": lambda a: np.broadcast_to(a[..., :1], a.shape),
    "broadcast_batch": lambda a: np.broadcast_to(a[:1], a.shape),
    "overlapping": overlapping,
    "unaligned": lambda a: in_records(a, "u1"),
    "unaligned_by_4": lambda a: in_records(a, "u4"),
    "records": lambda a: in_records(a, "V7"),
    "read_only": read_only,
    "steps_0": lambda a: odd_steps(a, 0),
    "steps_odd": lambda a: odd_steps(a, 3),
    "steps_huge": lambda a: odd_steps(a, 2**62),
    "steps_negative": lambda a: odd_steps(a, -(2**40) - 1),
    "subclass": lambda a: a.view(Matrix),
    "subclass_strided": lambda a: np.asfortranarray(a).view(Matrix),
}

# Shapes with and without axes of size 1, for both algorithms and axis merging.
ODD_SHAPES = [
    ((2, 4, 9), (6, 2, 3), 2),
    ((1, 4, 1), (6, 4, 1), 1),
    ((2, 4, 9, 11), (6, 2, 3, 3), 2),
    ((1, 20, 7, 9), (18, 20, 1, 1), 1),
    ((1, 1, 1, 30), (1, 1, 1, 5), 1),
    ((1, 3, 30, 1), (3, 1, 5, 1), 3),
    ((1, 2, 1, 1), (3, 2, 1, 1), 1),
    ((2, 4, 5, 6, 7), (6, 2, 3, 3, 3), 2),
    ((1, 3, 4, 1, 5), (2, 3, 1, 1, 1), 1),
]


def check_memory(arrays: list[np.ndarray], which: int, odd: np.ndarray, groups: int) -> None:
    """An odd array gives what its plain copy gives, and neither it nor its memory changes."""
    rank = arrays[0].ndim - 2
    op = getattr(F, f"conv{rank}d")
    plain = list(arrays)
    plain[which] = np.array(np.asarray(odd), dtype=arrays[which].dtype, order="C")
    want = op(*plain, padding=(1,) * rank, groups=groups)
    given, before = list(arrays), [bytes(np.asarray(a).tobytes()) for a in arrays]
    given[which], before[which] = odd, np.asarray(odd).tobytes()
    got = op(*given, padding=(1,) * rank, groups=groups)
    assert type(got) is np.ndarray
    assert got.dtype == arrays[0].dtype
    assert got.dtype.isnative
    assert got.flags.c_contiguous
    assert got.flags.writeable
    assert got.tobytes() == want.tobytes()
    assert [np.asarray(a).tobytes() for a in given] == before
    if which == 1:
        packed = op(given[0], ndnn.PackedWeight(odd), given[2], padding=1, groups=groups)
        assert packed.tobytes() == want.tobytes()


def odd_arrays(dtype: str) -> Iterator[tuple[list[np.ndarray], int]]:
    rng = np.random.default_rng(1)
    for x, w, groups in ODD_SHAPES:
        yield [rng.standard_normal(shape).astype(dtype) for shape in (x, w, w[:1])], groups


@pytest.mark.parametrize("memory", MEMORY)
@pytest.mark.parametrize("which", [0, 1, 2], ids=["input", "weight", "bias"])
def test_odd_memory(memory: str, which: int, every_algorithm: str, dtype: str) -> None:
    for arrays, groups in odd_arrays(dtype):
        with forced(None, every_algorithm):
            check_memory(arrays, which, MEMORY[memory](arrays[which]), groups)


@pytest.mark.parametrize("memory", MEMORY)
def test_odd_memory_of_a_residual(memory: str, every_algorithm: str, dtype: str) -> None:
    for arrays, groups in odd_arrays(dtype):
        op = getattr(ndnn.fused, f"conv{arrays[0].ndim - 2}d")
        with forced(None, every_algorithm):
            sums = op(*arrays, padding=1, groups=groups)
            odd = MEMORY[memory](np.arange(sums.size, dtype=dtype).reshape(sums.shape))
            before = np.asarray(odd).tobytes()
            got = op(*arrays, padding=1, groups=groups, residual=odd, activation="relu")
        assert type(got) is np.ndarray
        np.testing.assert_array_equal(got, np.maximum(sums + np.asarray(odd), 0))
        assert np.asarray(odd).tobytes() == before


@pytest.mark.parametrize("which", [0, 1, 2], ids=["input", "weight", "bias"])
def test_odd_memory_in_a_file(which: int, dtype: str, tmp_path: Path) -> None:
    for number, (arrays, groups) in enumerate(odd_arrays(dtype)):
        odd = mapped(arrays[which], tmp_path / str(number))
        check_memory(arrays, which, odd, groups)


def test_odd_memory_of_halves() -> None:
    for arrays, groups in odd_arrays("float16"):
        for make in MEMORY.values():
            check_memory(arrays, 0, make(arrays[0]), groups)


def test_neighbours_in_memory_are_not_written() -> None:
    """The gaps of strided arrays belong to someone else."""
    records = np.zeros((2, 4, 9, 9), np.dtype([("before", "u1"), ("value", "f4"), ("after", "u1")]))
    records["before"], records["value"], records["after"] = 170, 3, 85
    before = records.tobytes()
    F.conv2d(records["value"], np.ones((2, 4, 3, 3), np.float32))
    assert records.tobytes() == before


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e-45, 3e38])
def test_values_that_are_no_numbers(value: float, algorithm: str, dtype: str, isa: str) -> None:
    """One such input reaches the outputs that read it, and no other."""
    x, w = np.zeros((1, 2, 9, 21), dtype), np.ones((5, 2, 3, 3), dtype)
    x[0, 1, 4, 10] = value
    with forced(isa, algorithm):
        got = F.conv2d(x, w, padding=1)
    want = np.zeros((1, 5, 9, 21), dtype)
    want[:, :, 3:6, 9:12] = x[0, 1, 4, 10]
    np.testing.assert_array_equal(got, want)


def test_results_do_not_share_memory() -> None:
    x, w = np.ones((1, 1, 5, 5), np.float32), np.ones((1, 1, 1, 1), np.float32)
    first, second = F.conv2d(x, w), F.conv2d(x, w)
    assert not np.shares_memory(first, second)
    assert not np.shares_memory(first, x)


GUARD_SNIPPETS = {
    "read_after": "a = guarded(np.ones(5), 'after'); ctypes.string_at(a.ctypes.data + 40, 1)",
    "read_before": "a = guarded(np.ones(5), 'before'); ctypes.string_at(a.ctypes.data - 1, 1)",
    "write_inside": "a = guarded(np.ones(5), 'after'); ctypes.memset(a.ctypes.data, 1, 1)",
    "write_result": "with guarded_results('after'): a = np.ones(5)\n"
    "ctypes.memset(a.ctypes.data + 40, 1, 1)",
}


@pytest.mark.parametrize("snippet", GUARD_SNIPPETS)
def test_guard_pages_work(snippet: str) -> None:
    start = "import ctypes, numpy as np; from guard import *\n"
    done = run(["-c", start + GUARD_SNIPPETS[snippet]])
    assert done.returncode < 0, done.stderr


@pytest.fixture(scope="module")
def guard_outcomes() -> dict[str, str]:
    return run_batch("guard_runs.py", [name.removeprefix("case_") for name in guard_runs.CASES])


@pytest.mark.parametrize("case", [name.removeprefix("case_") for name in guard_runs.CASES])
def test_nothing_outside_is_touched(case: str, guard_outcomes: dict[str, str]) -> None:
    assert guard_outcomes[case] == "ok"
