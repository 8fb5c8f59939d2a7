# SPDX-License-Identifier: MIT
"""Activations, softmax, and dropout where nothing is random."""

from cases import Case

_SHAPES = (("plane", (3, 17)), ("volume", (2, 4, 3, 7)), ("scalar", ()), ("empty", (0, 3)))

_PLAIN = [
    *("relu", "relu6", "leaky_relu", "rrelu", "hardtanh", "hardshrink", "softshrink"),
    *("hardsigmoid", "hardswish", "sigmoid", "tanh", "logsigmoid", "softplus", "softsign"),
    *("tanhshrink", "elu", "selu", "celu", "silu", "mish", "gelu"),
]

CASES = [
    *(Case(op, name, (shape,)) for op in _PLAIN for name, shape in _SHAPES),
    *(
        Case("threshold", name, (shape,), {"threshold": 0.25, "value": -3.0})
        for name, shape in _SHAPES
    ),
    Case("leaky_relu", "slope", ((3, 5),), {"negative_slope": 0.3}),
    Case("rrelu", "training", ((3, 5),), {"lower": 0.3, "upper": 0.3, "training": True}),
    Case("hardtanh", "bounds", ((3, 5),), {"min_val": -0.25, "max_val": 1.5}),
    Case("hardshrink", "wide", ((3, 5),), {"lambd": 1.25}),
    Case("softshrink", "nothing", ((3, 5),), {"lambd": 0.0}),
    Case("softplus", "steep", ((3, 5),), {"beta": 4.0, "threshold": 3.0}),
    Case("softplus", "falling", ((3, 5),), {"beta": -2.0}),
    Case("elu", "alpha", ((3, 5),), {"alpha": 1.75}),
    Case("elu", "falling", ((3, 5),), {"alpha": -0.5}),
    Case("celu", "alpha", ((3, 5),), {"alpha": 0.4}),
    *(Case("gelu", f"tanh_{name}", (shape,), {"approximate": "tanh"}) for name, shape in _SHAPES),
    Case("prelu", "one_weight", ((2, 3, 5), (1,))),
    Case("prelu", "channels", ((2, 3, 5), (3,))),
    Case("prelu", "wide_channels", ((2, 3, 30, 40), (3,))),
    Case("prelu", "columns", ((7, 5), (5,))),
    Case("prelu", "row", ((6,), (1,))),
    Case("prelu", "empty_batch", ((0, 3, 5), (3,))),
    *(Case("glu", f"dim_{dim}", ((4, 6, 8),), {"dim": dim}) for dim in (0, 1, -1)),
    Case("glu", "empty", ((0, 4),)),
    *(
        Case(op, f"dim_{dim}", ((3, 4, 5),), {"dim": dim})
        for op in ("softmax", "log_softmax", "softmin")
        for dim in (0, 1, -1)
    ),
    *(
        Case(op, name, (shape,), {"dim": dim})
        for op in ("softmax", "log_softmax", "softmin")
        for name, shape, dim in (
            ("long_row", (2, 2500), 1),
            ("long_columns", (2, 300, 35), 1),
            ("one", (3, 1), 1),
            ("no_rows", (0, 3), 1),
            ("planes", (2, 3, 5, 7), 1),
        )
    ),
    Case("gumbel_softmax", "hot", ((3, 5),), {"tau": 1e30}, ("logits",)),  # the noise is nothing
    Case("dropout", "not_training", ((3, 4),), {"training": False}),
    Case("dropout", "nothing", ((3, 4),), {"p": 0.0}),
    Case("dropout", "everything", ((3, 4),), {"p": 1.0}),
    *(
        Case(op, name, (shape,), kwargs)
        for op, shape in (
            ("dropout1d", (2, 3, 4)),
            ("dropout2d", (2, 3, 2, 4)),
            ("dropout3d", (2, 3, 2, 2, 3)),
            ("alpha_dropout", (3, 4)),
            ("feature_alpha_dropout", (2, 3, 4)),
        )
        for name, kwargs in (
            ("not_training", {"training": False}),
            ("everything", {"p": 1.0, "training": True}),
        )
    ),
]
