# SPDX-License-Identifier: MIT
"""Every case on every instruction set, with every algorithm, in both precisions."""

import numpy as np
import pytest

import ndnn.functional as F
from cases import Case, all_cases
from ndnn import reference
from oracle import (
    bound_of,
    check_against_reference,
    forced,
    integers,
    is_vacuous,
    normals,
    packed,
    strided,
)

CASES = [pytest.param(case, id=str(case)) for case in all_cases()]


@pytest.mark.parametrize("case", CASES)
def test_whole_numbers_are_exact(case: Case, isa: str, algorithm: str, dtype: str) -> None:
    with forced(isa, algorithm):
        check_against_reference(case, integers(case, dtype), exact=True)


@pytest.mark.parametrize("case", CASES)
def test_reals_within_the_bound(case: Case, isa: str, dtype: str) -> None:
    with forced(isa):
        check_against_reference(case, normals(case, dtype), exact=False)


@pytest.mark.parametrize("case", CASES)
def test_strides_do_not_matter(case: Case, every_algorithm: str, dtype: str) -> None:
    arrays = integers(case, dtype)
    with forced(None, every_algorithm):
        want = getattr(F, case.op)(*arrays, **case.kwargs)
        for x in strided(arrays[0]):
            np.testing.assert_array_equal(getattr(F, case.op)(x, *arrays[1:], **case.kwargs), want)
        for w in strided(arrays[1]):
            got = getattr(F, case.op)(arrays[0], w, *arrays[2:], **case.kwargs)
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("case", CASES)
def test_packed_weights_change_nothing(case: Case, isa: str, every_algorithm: str) -> None:
    arrays = normals(case, "float32")
    with forced(isa, every_algorithm):
        plain = getattr(F, case.op)(*arrays, **case.kwargs)
        kept = packed(arrays)
        for _ in range(2):
            np.testing.assert_array_equal(getattr(F, case.op)(*kept, **case.kwargs), plain)


@pytest.mark.parametrize("case", CASES)
def test_float16_computes_in_float32(case: Case) -> None:
    halves = normals(case, "float16")
    got = getattr(F, case.op)(*halves, **case.kwargs)
    assert got.dtype == np.float16
    want = getattr(reference, case.op)(*halves, **case.kwargs)
    bound = bound_of(case.op, halves, case.kwargs, "float32")
    assert np.all(np.abs(got - want) <= bound + np.spacing(np.abs(want).astype(np.float16)))


def test_cases_show_something() -> None:
    """The table itself: results that are all zero or almost so would pass with a broken kernel."""
    vacuous = [
        str(case)
        for case in all_cases()
        if is_vacuous(
            case, getattr(reference, case.op)(*integers(case, "float64")[:2], **case.kwargs)
        )
    ]
    assert set(vacuous) <= {
        "conv2d-no_input_channels",
        "conv2d-empty_rows",
        "conv2d-padding_beyond_kernel",
        "conv2d-only_padding_seen",
        "conv1d-huge_dilation",
        "conv_transpose1d-huge_dilation",
        "conv_transpose1d-huge_stride",
        "conv_transpose2d-no_input_channels",
    }
