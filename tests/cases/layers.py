# SPDX-License-Identifier: MIT
"""What stands between convolutions. The shapes are the differentiable inputs; targets are among
the kwargs."""

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
]
