# SPDX-License-Identifier: MIT
"""What stands between convolutions. The shapes are the differentiable inputs; targets are among
the kwargs."""

import numpy as np

from cases import Case




CASES = [
    *(
        Case(op, name, (shape,))
        for op in ("relu", "leaky_relu", "sigmoid", "tanh")
        for name, shape in (("plane", (3, 17)), ("scalar", ()), ("empty", (0, 3)))
    ),
    Case("leaky_relu", "slope", ((3, 5),), {"negative_slope": 0.3}),
    *(
        Case(op, f"dim_{dim}", ((3, 4, 5),), {"dim": dim})
        for op in ("softmax", "log_softmax")
        for dim in (0, 1, -1)
    ),
    Case("dropout", "not_training", ((3, 4),), {"training": False}),
    Case("dropout", "nothing", ((3, 4),), {"p": 0.0}),
    Case("dropout", "everything", ((3, 4),), {"p": 1.0}),
    *(
        Case(op, name, (shape,), kwargs)
        for op in ("avg_pool2d",)
        for name, shape, kwargs in (
            ("plain", (2, 3, 8, 6), {"kernel_size": 2}),
            ("stem", (2, 3, 7, 8), {"kernel_size": 3, "stride": 2, "padding": 1}),
            ("oblong", (1, 2, 9, 8), {"kernel_size": (3, 2), "stride": (2, 3), "padding": (1, 0)}),
            ("ceil", (1, 2, 7, 8), {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
            (
                "ceil_padded",
                (1, 2, 6, 5),
                {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True},
            ),
            (
                "ceil_larger",
                (1, 2, 4, 6),
                {"kernel_size": (5, 3), "stride": 2, "ceil_mode": True},
            ),
            (
                "far_larger",
                (1, 2, 3, 4),
                {"kernel_size": (41, 6), "stride": (1, 2), "padding": (20, 3)},
            ),
            ("overlap", (1, 2, 6, 6), {"kernel_size": 3, "stride": 1}),
            ("unbatched", (2, 6, 6), {"kernel_size": 3}),
            ("empty_batch", (0, 2, 6, 6), {"kernel_size": 3}),
        )
    ),
    Case(
        "avg_pool2d",
        "without_padding",
        ((1, 2, 6, 5),),
        {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False},
    ),
    Case("avg_pool2d", "divisor", ((1, 2, 6, 5),), {"kernel_size": 2, "divisor_override": 3}),
    Case("adaptive_avg_pool2d", "one", ((2, 3, 7, 8),), {"output_size": 1}),
    Case("adaptive_avg_pool2d", "uneven", ((2, 3, 7, 8),), {"output_size": (3, 5)}),
    Case("adaptive_avg_pool2d", "larger", ((3, 4, 3),), {"output_size": (None, 5)}),
]
