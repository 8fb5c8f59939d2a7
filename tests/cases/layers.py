# SPDX-License-Identifier: MIT
"""What stands between convolutions. The shapes are the differentiable inputs; targets and the
statistics of batch norm are among the kwargs."""

from typing import Any

import numpy as np

from cases import Case

_LABELS = np.array([0, 3, 1, -100, 2])
_PLANE_LABELS = np.array([[1, 0, 3], [2, 2, -100]])
_WEIGHT = np.array([0.5, 1.0, 2.0, 0.25])
_LIKELY = np.array([[0.1, 0.2, 0.3, 0.4], [1, 0, 0, 0], [0, 0.5, 0.5, 0]])
_MEAN, _VAR = np.array([0.5, -1.0, 2.0]), np.array([0.25, 1.0, 4.0])


def _places(count: int, planes: int, size: int) -> np.ndarray:
    """Different places in each of the planes, (2, 3, 2, 3)."""
    rng = np.random.default_rng(size)
    rows = [rng.permutation(size)[: count // planes] for _ in range(planes)]
    return np.array(rows).reshape(2, 3, 2, 3)


def _losses() -> list[Case]:
    cases = []
    for reduction in ("mean", "sum", "none"):
        for name, weight in (("", None), ("_weighted", _WEIGHT)):
            for op in ("nll_loss", "cross_entropy"):
                kwargs: dict[str, Any] = {"reduction": reduction, "weight": weight}
                text = f"{reduction}{name}"
                smooth = (
                    {"label_smoothing": 0.1} if op == "cross_entropy" and weight is None else {}
                )
                cases += [
                    Case(op, text, ((5, 4),), {**kwargs, "target": _LABELS}),
                    Case(op, f"{text}_planes", ((2, 4, 3),), {**kwargs, "target": _PLANE_LABELS}),
                    Case(op, f"{text}_single", ((4,),), {**kwargs, "target": np.array(2)}),
                ]
                if smooth:
                    labels = {**kwargs, **smooth, "target": _LABELS}
                    cases.append(Case(op, f"{text}_smooth", ((5, 4),), labels))
            likely = {"reduction": reduction, "weight": weight, "target": _LIKELY}
            cases += [
                Case("cross_entropy", f"{reduction}{name}_likely", ((3, 4),), likely),
                Case(
                    "cross_entropy",
                    f"{reduction}{name}_likely_smooth",
                    ((3, 4),),
                    {**likely, "label_smoothing": 0.3},
                ),
            ]
        shapes = (3, 4), (3, 4)
        cases.append(
            Case("mse_loss", reduction, shapes, {"reduction": reduction}, ("input", "target"))
        )
    return cases


CASES = [
    Case("linear", "plain", ((3, 4), (5, 4), (5,))),
    Case("linear", "no_bias", ((2, 3, 4), (5, 4))),
    Case("linear", "one_row", ((4,), (5, 4), (5,))),
    Case("linear", "vector", ((3, 4), (4,))),
    Case("linear", "empty_batch", ((0, 4), (5, 4), (5,))),
    *(
        Case(
            "batch_norm",
            f"{'training' if training else 'running'}_{len(shape)}",
            (shape, (3,), (3,)),
            {"running_mean": _MEAN, "running_var": _VAR, "training": training, "eps": 1e-3},
        )
        for shape in ((5, 3), (4, 3, 5), (2, 3, 4, 5), (2, 3, 2, 2, 3))
        for training in (True, False)
    ),
    Case(
        "batch_norm",
        "no_statistics",
        ((5, 3),),
        {"running_mean": None, "running_var": None, "training": True},
    ),
    *(
        Case(op, name, (shape,), kwargs)
        for op in ("max_pool2d", "avg_pool2d")
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
    *(
        Case(
            "max_unpool2d",
            name,
            ((2, 3, 2, 3),),
            {"indices": _places(2 * 3 * 6, planes, size), "kernel_size": 2, "output_size": wanted},
        )
        for name, planes, size, wanted in (
            ("pairs", 6, 24, None),
            ("odd_size", 6, 35, (5, 7)),
            ("whole_shape", 6, 20, (2, 3, 4, 5)),
        )
    ),
    Case("max_pool2d", "dilated", ((1, 2, 9, 8),), {"kernel_size": 2, "dilation": (3, 2)}),
    Case("max_pool2d", "many_taps", ((1, 1, 20, 20),), {"kernel_size": 17}),
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
    *_losses(),
]
