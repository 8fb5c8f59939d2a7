# SPDX-License-Identifier: MIT
"""Every operator of one algorithm between inaccessible pages: its inputs, result and gradients.

A case runs on every instruction set, in both precisions, forward and backward.
"""

from typing import Any

import numpy as np

import ndnn
import ndnn.functional as F
from cases import Case, array_cases
from guard import SIDES, Side, guarded, guarded_results
from isolated import main
from ndnn import config
from oracle import forced, normals

# Beside the tables: rows of whole vectors and one off, where over-reads like to hide.
ODD = [
    *(
        Case(op, f"row_{n}_{options}", ((1, 2, n),), options)
        for n in (15, 16, 17, 32, 64, 95, 96, 97, 192)
        for op, all_options in (
            ("max_pool1d", [{"kernel_size": k, "stride": s} for k in (2, 3, 4, 6) for s in (1, 2)]),
            ("avg_pool1d", [{"kernel_size": k, "stride": s} for k in (2, 3, 4) for s in (1, 2)]),
            ("interpolate", [{"scale_factor": s, "mode": "linear"} for s in (0.5, 0.7, 2.0)]),
            ("pad", [{"pad": (1, 2), "mode": m} for m in ("reflect", "circular", "constant")]),
        )
        for options in all_options
    ),
    *(
        Case("max_pool2d", f"plane_{n}_{k}", ((1, 2, n, n),), {"kernel_size": k, "stride": 2})
        for n in (16, 31, 32, 33, 48, 64)
        for k in (2, 3, 4)
    ),
]
CASES = {f"case_{case}": case for case in [*array_cases(), *ODD]}


def call(case: Case, inputs: list[Any], dtype: Any) -> Any:
    others = {
        k: v.astype(dtype if v.dtype.kind == "f" else v.dtype) if isinstance(v, np.ndarray) else v
        for k, v in case.kwargs.items()
    }
    given = {k: x for k, x in zip(case.inputs, inputs, strict=False) if x is not None}
    result = getattr(F, case.op)(**given, **others)
    return result[0] if isinstance(result, tuple) else result


def check(case: Case, dtype: str, side: Side) -> None:
    inputs = [None if x is None else guarded(x, side) for x in normals(case, dtype)]
    with guarded_results(side):
        got = np.asarray(call(case, inputs, dtype))
        pairs = [None if x is None else ndnn.Tensor(x, requires_grad=True) for x in inputs]
        y = call(case, pairs, dtype)
        if case.op.startswith("max_pool"):  # with indices, another kernel
            places = getattr(F, case.op)(inputs[0], return_indices=True, **case.kwargs)[1]
            assert places.shape == got.shape
        if case.gradient:
            y.backward(guarded(np.ones(y.shape, y.dtype), side))
    np.testing.assert_array_equal(got, y.data)


def check_everywhere(case: Case) -> None:
    for isa in config.supported_isas():
        with forced(isa), np.errstate(all="ignore"):
            for dtype in ("float32", "float64"):
                for side in SIDES:
                    check(case, dtype, side)


if __name__ == "__main__":
    main({name: lambda case=case: check_everywhere(case) for name, case in CASES.items()})
