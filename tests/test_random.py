# SPDX-License-Identifier: MIT
"""Random geometry: hypothesis against the reference, and many more cases against torch."""

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ndnn.functional as F
from cases import Case
from ndnn import config
from oracle import (
    DIRECT,
    WINOGRAD,
    bound_of,
    check_against_reference,
    conv_bound,
    forced,
    integers,
    normals,
    planned,
)

# Of the torch comparison, per instruction set.
RANDOM_CASES = int(os.environ.get("NDNN_RANDOM_CASES", "10000"))


@st.composite
def geometries(draw: st.DrawFn) -> Case:
    rank = draw(st.integers(1, 3))
    groups = draw(st.integers(1, 4))
    channels, outputs = draw(st.integers(1, 6)), draw(st.integers(1, 20))
    kernel = draw(st.tuples(*[st.integers(1, 4)] * rank))
    dilation = draw(st.tuples(*[st.integers(1, 4)] * rank))
    padding = draw(st.tuples(*[st.integers(0, 6)] * rank))
    stride = draw(st.tuples(*[st.integers(1, 5)] * rank))
    smallest = [
        max(0, d * (k - 1) + 1 - 2 * p) for k, d, p in zip(kernel, dilation, padding, strict=True)
    ]
    size = [s + draw(st.integers(0, [40, 12, 6][rank - 1])) for s in smallest]
    batch = draw(st.sampled_from([(), (1,), (2,), (3,)]))
    shapes = (
        (*batch, channels * groups, *size),
        (outputs * groups, channels, *kernel),
        draw(st.sampled_from([None, (outputs * groups,)])),
    )
    kwargs = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return Case(f"conv{rank}d", "random", shapes, kwargs)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    case=geometries(),
    isa=st.sampled_from(config.supported_isas()),
    algorithm=st.sampled_from(["", *DIRECT, *WINOGRAD]),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_hypothesis(case: Case, isa: str, algorithm: str, dtype: str) -> None:
    with forced(isa, algorithm):
        whole = integers(case, dtype)
        exact = not planned(case.op, whole, case.kwargs, dtype).startswith("winograd")
        check_against_reference(case, whole, exact)
        check_against_reference(case, normals(case, dtype), exact=False)


def random_case(rng: np.random.Generator) -> tuple[Case, str]:
    rank = int(rng.integers(1, 4))
    groups = int(rng.choice([1, 1, 1, 2, 3, 5]))
    per_group, outputs = int(rng.integers(1, 20)), int(rng.integers(1, 40))
    if rng.random() < 0.2:  # depthwise, with a multiplier
        groups, per_group, outputs = int(rng.integers(1, 12)), 1, int(rng.integers(1, 4))
    kernel, stride, dilation, padding = (
        rng.integers(lo, hi, rank) for lo, hi in ((1, 6), (1, 5), (1, 5), (0, 7))
    )
    size = dilation * (kernel - 1) + 1 - 2 * padding
    size = np.maximum(size, 1) + rng.integers(0, (90, 24, 9)[rank - 1], rank)
    kwargs: dict[str, Any] = {
        "stride": tuple(map(int, stride)),
        "padding": tuple(map(int, padding)),
        "dilation": tuple(map(int, dilation)),
        "groups": groups,
    }
    batch = (int(rng.integers(1, 4)),) if rng.random() < 0.8 else ()
    shapes = (
        (*batch, per_group * groups, *map(int, size)),
        (outputs * groups, per_group, *map(int, kernel)),
        None if rng.random() < 0.3 else (outputs * groups,),
    )
    return Case(f"conv{rank}d", "random", shapes, kwargs), str(rng.choice(["float32", "float64"]))


@pytest.mark.parametrize("seed", range(4))
def test_equal_to_torch(isa: str, seed: int) -> None:
    """Both sum in their own order, so the difference is bounded by the bounds of both."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    with forced(isa), torch.inference_mode():
        for i in range(RANDOM_CASES // 4):
            case, dtype = random_case(rng)
            arrays = normals(case, dtype, seed=i)
            got = getattr(F, case.op)(*arrays, **case.kwargs)
            tensors = [None if a is None else torch.from_numpy(a) for a in arrays]
            want = getattr(torch.nn.functional, case.op)(*tensors, **case.kwargs).numpy()
            assert got.shape == want.shape, (case, dtype)
            bound = torch_bound(torch, case, arrays, dtype) + bound_of(
                case.op, arrays, case.kwargs, dtype
            )
            assert np.all(np.abs(got - want) <= bound), (case, dtype)


def torch_bound(torch: Any, case: Case, arrays: list, dtype: str) -> np.ndarray:
    """conv_bound, with torch as the quick way to sum |x * w|."""
    x, w, b = (None if a is None else torch.from_numpy(np.abs(a)).double() for a in arrays)
    size = getattr(torch.nn.functional, case.op)(x, w, b, **case.kwargs).numpy()
    terms = int(np.prod(arrays[1].shape[1:])) + 2
    return 1.01 * terms * np.finfo(dtype).eps / 2 * size


def test_bounds_agree() -> None:
    torch = pytest.importorskip("torch")
    case, dtype = random_case(np.random.default_rng(1))
    arrays = normals(case, dtype)
    np.testing.assert_allclose(
        torch_bound(torch, case, arrays, dtype), conv_bound(case.op, arrays, case.kwargs, dtype)
    )
