# SPDX-License-Identifier: MIT
"""Maximum pooling and unpooling."""

from typing import Any

import numpy as np

from cases import Case

Kwargs = dict[str, Any]


def _places(shape: tuple[int, ...], planes: int, size: int) -> np.ndarray:
    """Different places in each of the planes."""
    rng = np.random.default_rng(size)
    rows = [rng.permutation(size)[: int(np.prod(shape)) // planes] for _ in range(planes)]
    return np.array(rows).reshape(shape)


def _samples(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).random(shape)


_WINDOWS: list[tuple[str, tuple[int, ...], Kwargs]] = [
    ("plain", (2, 3, 8, 6), {"kernel_size": 2}),
    ("stem", (2, 3, 7, 8), {"kernel_size": 3, "stride": 2, "padding": 1}),
    ("two_vectors", (1, 2, 6, 75), {"kernel_size": 3, "stride": 2, "padding": 1}),
    ("pairs", (1, 2, 6, 75), {"kernel_size": 2}),
    ("rows_in_pairs", (2, 3, 15, 16), {"kernel_size": 2}),
    ("rows_in_pairs_padded", (2, 3, 13, 15), {"kernel_size": 3, "stride": 2, "padding": 1}),
    ("side_by_side", (2, 3, 7, 77), {"kernel_size": (2, 2), "stride": (3, 2)}),
    ("side_by_side_columns", (2, 3, 7, 21), {"kernel_size": (3, 1)}),
    ("one_group", (1, 2, 5, 31), {"kernel_size": 2}),
    ("vectors_overlap", (1, 2, 7, 66), {"kernel_size": 3, "stride": 1, "padding": 1}),
    ("whole_vectors_overlap", (1, 2, 5, 64), {"kernel_size": 3, "stride": 1, "padding": 1}),
    ("tall", (1, 2, 9, 40), {"kernel_size": (5, 3), "stride": (1, 2), "padding": (2, 1)}),
    ("oblong", (1, 2, 9, 8), {"kernel_size": (3, 2), "stride": (2, 3), "padding": (1, 0)}),
    ("ceil", (1, 2, 7, 8), {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
    (
        "ceil_padded",
        (1, 2, 6, 5),
        {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True},
    ),
    ("ceil_larger", (1, 2, 4, 6), {"kernel_size": (5, 3), "stride": 2, "ceil_mode": True}),
    ("far_larger", (1, 2, 3, 4), {"kernel_size": (41, 6), "stride": (1, 2), "padding": (20, 3)}),
    ("overlap", (1, 2, 6, 6), {"kernel_size": 3, "stride": 1}),
    ("pyramid", (1, 2, 13, 13), {"kernel_size": 5, "stride": 1, "padding": 2}),
    ("gaps_between", (1, 2, 11, 23), {"kernel_size": 2, "stride": 5}),
    ("thirds", (2, 3, 10, 50), {"kernel_size": 3}),
    ("fourths_padded", (2, 3, 9, 38), {"kernel_size": 4, "padding": 2, "ceil_mode": True}),
    ("dilated", (1, 2, 9, 8), {"kernel_size": 2, "dilation": (3, 2)}),
    ("dilated_padded", (1, 1, 12, 9), {"kernel_size": 3, "padding": 1, "dilation": 2}),
    ("many_taps", (1, 1, 20, 20), {"kernel_size": 17}),
    ("unbatched", (2, 6, 6), {"kernel_size": 3}),
    ("empty_batch", (0, 2, 6, 6), {"kernel_size": 3}),
]

CASES = [
    *(Case("max_pool2d", name, (shape,), kwargs) for name, shape, kwargs in _WINDOWS),
    Case(  # short planes one after the other: whole vectors must not run into the next
        "max_pool3d",
        "short_planes",
        ((1, 2, 10, 9, 9),),
        {"kernel_size": (6, 7, 2), "stride": (4, 3, 4), "padding": (2, 0, 1)},
    ),
    Case("max_pool3d", "depths", ((2, 3, 7, 5, 17),), {"kernel_size": 2, "stride": (2, 2, 5)}),
    Case("max_pool1d", "pairs", ((2, 3, 37),), {"kernel_size": 2}),
    Case("max_pool1d", "padded", ((2, 3, 40),), {"kernel_size": 5, "stride": 2, "padding": 2}),
    Case("max_pool1d", "fourths", ((2, 3, 303),), {"kernel_size": 3, "stride": 4}),
    Case("max_pool1d", "eighths", ((2, 3, 303),), {"kernel_size": 8, "padding": 4}),
    Case("max_pool1d", "pairs_of_thirds", ((2, 3, 303),), {"kernel_size": 6, "stride": 12}),
    Case("max_pool1d", "sevenths", ((2, 3, 303),), {"kernel_size": 9, "stride": 7, "padding": 1}),
    Case("max_pool1d", "far_apart", ((2, 3, 303),), {"kernel_size": 2, "stride": 11}),
    Case("max_pool1d", "long_row", ((1, 2, 9000),), {"kernel_size": 3, "stride": 2, "padding": 1}),
    Case("max_pool1d", "long_window", ((1, 1, 4300),), {"kernel_size": 4200, "stride": 7}),
    Case("max_pool1d", "unbatched", ((3, 11),), {"kernel_size": 3, "ceil_mode": True}),
    Case("max_pool3d", "pairs", ((2, 2, 4, 6, 5),), {"kernel_size": 2}),
    Case("max_pool3d", "stem", ((1, 2, 5, 6, 7),), {"kernel_size": 3, "stride": 2, "padding": 1}),
    Case("max_pool3d", "padded", ((1, 2, 5, 6, 40),), {"kernel_size": 2, "padding": 1}),
    Case("max_pool3d", "side_by_side", ((1, 2, 5, 7, 41),), {"kernel_size": 2}),
    Case("max_pool3d", "flat", ((1, 2, 3, 6, 7),), {"kernel_size": (1, 2, 2)}),
    Case("max_pool3d", "dilated", ((1, 2, 6, 7, 8),), {"kernel_size": 2, "dilation": (3, 1, 2)}),
    Case("adaptive_max_pool1d", "even", ((2, 3, 12),), {"output_size": 4}),
    Case("adaptive_max_pool1d", "uneven", ((2, 3, 11),), {"output_size": 4}),
    Case("adaptive_max_pool2d", "one", ((2, 3, 7, 8),), {"output_size": 1}),
    Case("adaptive_max_pool2d", "even", ((2, 3, 6, 8),), {"output_size": (3, 2)}),
    Case("adaptive_max_pool2d", "uneven", ((2, 3, 7, 8),), {"output_size": (3, 5)}),
    Case("adaptive_max_pool2d", "larger", ((3, 4, 3),), {"output_size": (None, 5)}),
    Case("adaptive_max_pool3d", "uneven", ((1, 2, 5, 4, 6),), {"output_size": (2, 4, 3)}),
    Case(
        "fractional_max_pool2d",
        "plain",
        ((2, 3, 9, 11),),
        {"kernel_size": 2, "output_size": (4, 6), "_random_samples": _samples(2, 3, 2)},
    ),
    Case(
        "fractional_max_pool2d",
        "ratio",
        ((2, 9, 11),),
        {
            "kernel_size": (3, 2),
            "output_ratio": (0.5, 0.7),
            "_random_samples": _samples(1, 2, 2),
        },
    ),
    Case(
        "fractional_max_pool3d",
        "plain",
        ((2, 2, 6, 7, 8),),
        {"kernel_size": 2, "output_size": (3, 1, 4), "_random_samples": _samples(2, 2, 3)},
    ),
    Case(
        "max_unpool1d",
        "pairs",
        ((2, 3, 5),),
        {"indices": _places((2, 3, 5), 6, 10), "kernel_size": 2},
    ),
    *(
        Case(
            "max_unpool2d",
            name,
            ((2, 3, 2, 3),),
            {"indices": _places((2, 3, 2, 3), 6, size), "kernel_size": 2, "output_size": wanted},
        )
        for name, size, wanted in (
            ("pairs", 24, None),
            ("odd_size", 35, (5, 7)),
            ("whole_shape", 20, (2, 3, 4, 5)),
        )
    ),
    Case(
        "max_unpool2d",
        "overlap",
        ((2, 3, 2, 3),),
        {
            "indices": _places((2, 3, 2, 3), 6, 15),
            "kernel_size": 3,
            "stride": 2,
            "padding": 1,
        },
    ),
    Case(
        "max_unpool3d",
        "unbatched",
        ((2, 2, 1, 3),),
        {"indices": _places((2, 2, 1, 3), 2, 48), "kernel_size": 2},
    ),
]
