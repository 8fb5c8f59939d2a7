# SPDX-License-Identifier: MIT
"""Layers that look up rows or multiply, distances and similarities."""

import numpy as np

from cases import Case

_ROWS = np.array([[3, 0, 3], [1, 3, 0]])
_FLAT = np.array([3, 0, 3, 1, 3, 0])
_BEGINS = np.array([0, 2, 2, 5])  # one bag is empty
_TABLE = (5, 19)
_XS = ("x1", "x2")

CASES = [
    Case("linear", "plain", ((3, 4), (5, 4), (5,))),
    Case("linear", "no_bias", ((2, 3, 4), (5, 4))),
    Case("linear", "one_row", ((4,), (5, 4), (5,))),
    Case("linear", "vector", ((3, 4), (4,))),
    Case("linear", "empty_batch", ((0, 4), (5, 4), (5,))),
    *(
        Case("bilinear", name, shapes, {}, ("input1", "input2", "weight", "bias"))
        for name, shapes in (
            ("plain", ((3, 4), (3, 2), (5, 4, 2), (5,))),
            ("no_bias", ((2, 3, 4), (2, 3, 1), (5, 4, 1))),
            ("one_row", ((4,), (2,), (5, 4, 2), (5,))),
            ("empty_batch", ((0, 4), (0, 2), (5, 4, 2), (5,))),
        )
    ),
    Case("one_hot", "counted", (), {"tensor": _ROWS}, gradient=False),
    Case("one_hot", "given", (), {"tensor": _ROWS, "num_classes": 6}, gradient=False),
    Case("embedding", "plain", (_TABLE,), {"input": _ROWS}, ("weight",)),
    Case("embedding", "one", (_TABLE,), {"input": np.array(4)}, ("weight",)),
    Case("embedding", "none", (_TABLE,), {"input": np.zeros((2, 0), int)}, ("weight",)),
    Case(
        "embedding_bag",
        "none",
        (_TABLE,),
        {"input": np.zeros(0, int), "offsets": np.array([0, 0])},
        ("weight",),
    ),
    *(
        Case("embedding_bag", f"{mode}_{name}", (_TABLE,), {**kwargs, "mode": mode}, ("weight",))
        for mode in ("sum", "mean", "max")
        for name, kwargs in (
            ("rows", {"input": _ROWS}),
            ("flat", {"input": _FLAT, "offsets": _BEGINS}),
            ("padded", {"input": _FLAT, "offsets": _BEGINS, "padding_idx": 3}),
            (
                "to_the_end",
                {
                    "input": _FLAT,
                    "offsets": np.append(_BEGINS, 6),
                    "include_last_offset": True,
                },
            ),
        )
    ),
    *(
        Case(
            "embedding_bag",
            f"weighted{name}",
            (_TABLE, (6,)),
            {"input": _FLAT, "offsets": _BEGINS, "mode": "sum", **kwargs},
            ("weight", "per_sample_weights"),
        )
        for name, kwargs in (("", {}), ("_padded", {"padding_idx": 3}))
    ),
    *(
        Case("pairwise_distance", f"p_{p}", ((4, 5), (4, 5)), {"p": p}, _XS)
        for p in (1.0, 2.0, 3.5, np.inf)
    ),
    Case("pairwise_distance", "broadcast", ((4, 5), (5,)), {"keepdim": True}, _XS),
    Case("pairwise_distance", "vectors", ((5,), (5,)), {}, _XS),
    *(
        Case("cosine_similarity", f"dim_{dim}", ((2, 3, 4), (2, 3, 4)), {"dim": dim}, _XS)
        for dim in (0, 1, -1)
    ),
    Case("cosine_similarity", "broadcast", ((2, 3, 4), (3, 1)), {}, _XS),
]
