# SPDX-License-Identifier: MIT
"""Every convolution of the case table between inaccessible pages: all arrays and the result.

A case runs on every instruction set, with every algorithm, in both precisions, whole and in views.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

import ndnn
import ndnn.functional as F
from cases import Case, all_cases
from guard import SIDES, Side, guarded, guarded_results
from isolated import main
from ndnn import config
from oracle import DIRECT, WINOGRAD, forced, integers


def _odd(id: str, x: tuple[int, ...], w: tuple[int, ...], **kwargs: Any) -> Case:
    return Case(f"conv{len(w) - 2}d", id, (x, w, (w[0],)), kwargs)


# Beside the table: rows and channels one off from every vector, where over-reads like to hide.
ODD = [
    *(_odd(f"row_{n}", (1, 1, n), (1, 1, 1)) for n in (1, 3, 5, 7, 9, 13, 15, 17, 31, 33, 63, 65)),
    *(_odd(f"rows_{n}", (1, 16, 3, n), (16, 16, 3, 3), padding=1) for n in (5, 6, 16, 17, 33)),
    *(_odd(f"row_s2_{n}", (1, 2, n), (3, 2, 2), stride=2) for n in (3, 8, 9, 17, 32, 33, 65, 129)),
    *(_odd(f"row_s4_{n}", (1, 1, n), (2, 1, 4), stride=4) for n in (4, 7, 16, 33, 65, 68, 131)),
    *(_odd(f"row_s3_{n}", (1, 1, n), (2, 1, 5), stride=3, padding=2) for n in (1, 6, 25, 50, 97)),
    *(_odd(f"pointwise_{n}", (1, n, 3, 5), (n + 1, n, 1, 1)) for n in (1, 3, 8, 16, 31, 33)),
    *(_odd(f"taps_{n}", (1, 3, n + 4), (5, 3, n)) for n in (1, 2, 7, 16, 17, 33, 64)),
    _odd("depthwise_1x1", (3, 7, 5, 3), (7, 1, 1, 1), groups=7),
    _odd("depthwise_row", (1, 3, 1, 19), (6, 1, 1, 7), padding=(0, 3), groups=3),
    _odd("dilated_gaps", (1, 2, 29), (3, 2, 3), dilation=11, padding=7),
    _odd("groups_of_odd_size", (2, 15, 7, 9), (21, 5, 3, 3), groups=3, padding=1),
    _odd("cube", (1, 3, 3, 5, 7), (5, 3, 2, 2, 3), stride=(2, 1, 2), padding=(1, 0, 2)),
    _odd("cube_pointwise", (1, 3, 3, 5, 7), (5, 3, 1, 1, 1)),
    _odd("cube_tall", (1, 1, 17, 1, 3), (3, 1, 5, 1, 1), padding=(2, 0, 0), dilation=(2, 1, 1)),
    *(_odd(f"one_output_a_row_{n}", (1, 1, 17, n), (2, 1, 1, n)) for n in (2, 4, 8, 16, 17, 32)),
    _odd("one_output_a_row_of_cubes", (1, 2, 7, 9, 16), (3, 2, 2, 2, 16), groups=1),
    _odd("last_rows_unread", (1, 3, 10, 11), (4, 3, 3, 3), stride=4),
]
CASES = {f"case_{case}": case for case in [*all_cases(), *ODD]}


def views(a: np.ndarray) -> Iterator[Any]:
    """`a` itself and views with its values whose memory ends or begins at an inaccessible page."""
    wide = np.zeros((*a.shape[:-1], max(1, 2 * a.shape[-1] - 1)), a.dtype)[..., : 2 * a.shape[-1]]
    wide[..., ::2] = a
    for side in SIDES:
        yield guarded(a, side)
        yield guarded(a[..., ::-1], side)[..., ::-1]
        yield guarded(a.T, side).T
        yield guarded(wide, side)[..., ::2]


def check(case: Case, dtype: str) -> None:
    """The result is the plain one, wherever the memory lies."""
    x, w, b = integers(case, dtype)
    op = getattr(F, case.op)
    want = op(x, w, b, **case.kwargs)
    for x_view in views(x):
        np.testing.assert_array_equal(op(x_view, w, b, **case.kwargs), want)
    for w_view in views(w):
        np.testing.assert_array_equal(op(x, w_view, b, **case.kwargs), want)
    for side in SIDES:
        all_guarded = [None if a is None else guarded(a, side) for a in (x, w, b)]
        with guarded_results(side):
            np.testing.assert_array_equal(op(*all_guarded, **case.kwargs), want)
            kept = ndnn.PackedWeight(all_guarded[1])
            packed = op(all_guarded[0], kept, all_guarded[2], **case.kwargs)
            np.testing.assert_array_equal(packed, want)
        if hasattr(ndnn.fused, case.op):
            check_fused(case, all_guarded, want, side)


def check_fused(case: Case, arrays: list[Any], sums: np.ndarray, side: Side) -> None:
    op = getattr(ndnn.fused, case.op)
    residual = np.random.default_rng(1).integers(-9, 10, sums.shape).astype(sums.dtype)
    want = np.maximum(sums + residual, 0)
    for r in views(residual):
        with guarded_results(side):
            got = op(*arrays, **case.kwargs, residual=r, activation="relu")
        np.testing.assert_array_equal(got, want)


def check_everywhere(case: Case) -> None:
    for isa in config.supported_isas():
        for algorithm in (*DIRECT, *WINOGRAD):
            with forced(isa, algorithm):
                for dtype in ("float32", "float64"):
                    check(case, dtype)
    halves = [None if a is None else guarded(a, "after") for a in integers(case, "float16")]
    with guarded_results("after"):
        getattr(F, case.op)(*halves, **case.kwargs)


if __name__ == "__main__":
    main({name: lambda case=case: check_everywhere(case) for name, case in CASES.items()})
