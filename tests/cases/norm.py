# SPDX-License-Identifier: MIT
"""Norms. Running statistics are among the kwargs."""

from typing import Any

import numpy as np

from cases import Case

_MEAN, _VAR = np.array([0.5, -1.0, 2.0]), np.array([0.25, 1.0, 4.0])
_KEPT: dict[str, Any] = {"running_mean": _MEAN, "running_var": _VAR}

CASES = [
    *(
        Case(
            "batch_norm",
            f"{'training' if training else 'running'}_{name}",
            (shape, (3,), (3,)),
            {**_KEPT, "training": training, "eps": 1e-3},
        )
        for name, shape in (
            ("columns", (5, 3)),
            ("short", (4, 3, 5)),
            ("planes", (2, 3, 4, 5)),
            ("volumes", (2, 3, 2, 2, 3)),
            ("one_vector", (2, 3, 4, 4)),
            ("tails", (2, 3, 7, 7)),
        )
        for training in (True, False)
    ),
    Case(
        "batch_norm",
        "no_statistics",
        ((5, 3),),
        {"running_mean": None, "running_var": None, "training": True},
    ),
    Case("batch_norm", "only_bias", ((5, 3), (3,)), {**_KEPT}, ("input", "bias")),
    Case("instance_norm", "planes", ((2, 3, 5, 5), (3,), (3,)), {"eps": 1e-3}),
    Case("instance_norm", "short", ((2, 3, 4),)),
    Case("instance_norm", "moves", ((2, 3, 4), (3,)), _KEPT),
    Case("instance_norm", "running", ((2, 3, 4), (3,)), {**_KEPT, "use_input_stats": False}),
    *(
        Case("group_norm", f"{name}_{groups}", (shape, (6,), (6,)), {"num_groups": groups})
        for name, shape in (("columns", (3, 6)), ("short", (2, 6, 3)), ("planes", (2, 6, 5, 4)))
        for groups in (1, 2, 3)
    ),
    Case("group_norm", "plain", ((2, 4, 5),), {"num_groups": 2}),
    *(
        Case(op, f"{name}{'_weight' if weights else ''}", shapes, {"normalized_shape": shape[-k:]})
        for op, parameters in (("layer_norm", 2), ("rms_norm", 1))
        for weights in (True, False)
        for name, shape, k in (
            ("rows", (7, 19), 1),
            ("row", (40,), 1),
            ("planes", (2, 3, 4, 5), 2),
            ("all", (3, 4, 5), 3),
            ("empty", (0, 4), 1),
        )
        for shapes in [(shape, *[shape[-k:]] * parameters * weights)]
    ),
    *(
        Case("normalize", f"p{p}_dim{dim}", ((3, 4, 5),), {"p": p, "dim": dim})
        for p in (2.0, 1.0, 3.0, 0.0, np.inf, -np.inf, -1.0)
        for dim in (1, -1, (0, 2))
    ),
    Case("normalize", "eps", ((3, 4),), {"eps": 100.0}),
    Case("normalize", "empty", ((0, 4),)),
    *(
        Case("normalize", name, (shape,), {"dim": dim})
        for name, shape, dim in (
            ("pieces", (2, 4500), 1),
            ("rows", (30, 70), 1),
            ("short_rows", (70, 3), 1),
            ("columns", (700, 20), 0),
            ("few_columns", (2, 70, 3), 1),
            ("strips", (2, 3, 300), 1),
            ("neighbours", (2, 3, 2, 3), (-1, 1, 2)),
        )
    ),
    *(
        Case(
            "local_response_norm",
            f"size{size}",
            ((2, 7, 3),),
            {"size": size, "alpha": 0.5, "beta": 0.6, "k": 1.5},
        )
        for size in (1, 2, 5, 6, 13, 40)
    ),
    *(
        Case(
            "local_response_norm",
            f"beta{beta}_{'x'.join(map(str, shape))}",
            (shape,),
            {"size": 4, "alpha": 0.5, "beta": beta, "k": k},
        )
        for beta, k, shape in (
            (0.75, 1.0, (2, 6, 3, 3)),
            (0.75, 2.0, (1, 9, 70)),
            (0.5, 1.5, (3, 5, 17)),
            (1.0, 1.0, (40, 5, 2)),
            (2.0, -0.5, (2, 5, 17)),
            (-0.3, 1.0, (2, 5, 17)),
            (0.0, 1.0, (2, 5, 17)),
        )
    ),
    Case("local_response_norm", "empty", ((0, 7, 3),), {"size": 3}),
]
