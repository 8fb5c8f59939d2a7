# SPDX-License-Identifier: MIT
"""Losses. The shapes are the differentiable inputs; labels and weights are among the kwargs."""

from typing import Any

import numpy as np

from cases import Case

REDUCTIONS = ("mean", "sum", "none")
_LABELS = np.array([0, 3, 1, -100, 2])
_PLANE_LABELS = np.array([[1, 0, 3], [2, 2, -100]])
_WEIGHT = np.array([0.5, 1.0, 2.0, 0.25])
_LIKELY = np.array([[0.1, 0.2, 0.3, 0.4], [1, 0, 0, 0], [0, 0.5, 0.5, 0]])
_RNG = np.random.default_rng(0)
_SIGNS = np.where(_RNG.random((3, 7)) < 0.5, -1.0, 1.0)
_PAIR = ("input", "target")
_TRIPLE = ("anchor", "positive", "negative")


def _regression() -> list[Case]:
    """Losses of input and target, both differentiable."""
    kinds: list[tuple[str, str, dict[str, Any], tuple[str, ...]]] = [
        ("mse_loss", "", {}, ()),
        ("l1_loss", "", {}, ()),
        ("huber_loss", "", {"delta": 0.7}, ()),
        ("smooth_l1_loss", "", {"beta": 0.7}, ()),
        ("smooth_l1_loss", "_beta_0", {"beta": 0}, ()),
        ("binary_cross_entropy", "", {}, ("unit", "unit")),
        (
            "binary_cross_entropy",
            "_weighted",
            {"weight": np.array([1.0, 2, 0.5, 0, 1, 1, 3])},
            ("unit", "unit"),
        ),
        ("binary_cross_entropy_with_logits", "", {}, ()),
        (
            "binary_cross_entropy_with_logits",
            "_weighted",
            {"weight": np.array([[1.0], [2.0], [0.5]])},
            (),
        ),
        (
            "binary_cross_entropy_with_logits",
            "_pos_weighted",
            {"pos_weight": np.array([1.0, 2, 0.5, 0, 1, 1, 3])},
            (),
        ),
        ("kl_div", "", {}, ("", "positive")),
        ("kl_div", "_log_target", {"log_target": True}, ()),
        ("poisson_nll_loss", "", {}, ("", "positive")),
        ("poisson_nll_loss", "_full", {"full": True}, ("", "positive")),
        ("poisson_nll_loss", "_rates", {"log_input": False}, ("positive", "positive")),
    ]
    return [
        Case(op, f"{r}{more}", ((3, 7),) * 2, {**kwargs, "reduction": r}, _PAIR, domains)
        for r in REDUCTIONS
        for op, more, kwargs, domains in kinds
    ]


def _margins() -> list[Case]:
    """Losses of an input, with labels."""
    kinds: list[tuple[str, str, dict[str, Any]]] = [
        ("soft_margin_loss", "", {}),
        ("hinge_embedding_loss", "", {"margin": 0.5}),
        ("hinge_loss", "", {}),
        ("perceptron_loss", "", {}),
        ("zero_one_loss", "", {}),
        ("multilabel_soft_margin_loss", "", {}),
        ("multilabel_soft_margin_loss", "_weighted", {"weight": np.array([1, 2, 0.5, 0, 1, 1, 3])}),
    ]
    own = ("hinge_loss", "perceptron_loss", "zero_one_loss")
    cases = [
        Case(
            op,
            f"{r}{more}",
            ((3, 7),),
            {**kwargs, "target": _SIGNS, "reduction": r},
            gradient=op != "zero_one_loss",
            torch=op not in own,
        )
        for r in REDUCTIONS
        for op, more, kwargs in kinds
    ]
    ranked = {"target": _SIGNS, "margin": 0.2}
    alike = {"target": np.array([1, -1, 1, -1, 0]), "margin": 0.1}
    multi = {"target": np.array([0, 3, 1]), "weight": _WEIGHT}
    several = {"target": np.array([[0, 3, -1, 1], [-1, 0, 0, 0], [2, 1, 0, 3]])}
    for r in REDUCTIONS:
        wanted = {"reduction": r}
        inputs = ("input1", "input2")
        cases += [
            Case("margin_ranking_loss", r, ((3, 7),) * 2, {**ranked, **wanted}, inputs),
            Case("cosine_embedding_loss", r, ((5, 6),) * 2, {**alike, **wanted}, inputs),
            Case("multi_margin_loss", r, ((3, 4),), {**multi, **wanted}),
            Case("multi_margin_loss", f"{r}_squared", ((3, 4),), {**multi, **wanted, "p": 2}),
            Case("multilabel_margin_loss", r, ((3, 4),), {**several, **wanted}),
            Case("triplet_margin_loss", r, ((4, 5),) * 3, {**wanted}, _TRIPLE),
            Case(
                "triplet_margin_loss",
                f"{r}_swapped",
                ((4, 5),) * 3,
                {**wanted, "p": 3, "swap": True, "margin": 0.5},
                _TRIPLE,
            ),
            Case("triplet_margin_with_distance_loss", r, ((4, 5),) * 3, {**wanted}, _TRIPLE),
        ]
    one = {"target": np.array(2)}
    row = {"target": np.array([1, 0, -1, 2])}
    return [
        *cases,
        Case("multi_margin_loss", "single", ((4,),), {**one, "margin": 0.5}),
        Case("multilabel_margin_loss", "single", ((4,),), row),
        Case("cosine_embedding_loss", "single", ((6,),) * 2, {"target": np.array(1)}, inputs),
    ]


def _classes() -> list[Case]:
    cases = []
    for reduction in REDUCTIONS:
        for name, weight in (("", None), ("_weighted", _WEIGHT)):
            kwargs: dict[str, Any] = {"reduction": reduction, "weight": weight}
            text = f"{reduction}{name}"
            for op in ("nll_loss", "cross_entropy", "focal_loss"):
                torch = op != "focal_loss"
                for more, shape, labels in (
                    ("", (5, 4), _LABELS),
                    ("_planes", (2, 4, 3), _PLANE_LABELS),
                    ("_volumes", (2, 4, 1, 3), _PLANE_LABELS[:, None]),
                    ("_single", (4,), np.array(2)),
                ):
                    with_labels = {**kwargs, "target": labels}
                    cases.append(Case(op, text + more, (shape,), with_labels, torch=torch))
            smooth = {**kwargs, "label_smoothing": 0.1}
            likely = {**kwargs, "target": _LIKELY}
            planes = {**smooth, "target": _PLANE_LABELS}
            cases += [
                Case("cross_entropy", f"{text}_smooth", ((5, 4),), {**smooth, "target": _LABELS}),
                Case("cross_entropy", f"{text}_smooth_planes", ((2, 4, 3),), planes),
                Case("cross_entropy", f"{text}_likely", ((3, 4),), likely),
                Case("cross_entropy", f"{text}_likely_smooth", ((3, 4),), {**likely, **smooth}),
            ]
    rows = np.array([0, 40, 7, -1])
    weight = np.linspace(0.5, 2, 41)
    row_kinds: tuple[tuple[str, dict[str, Any]], ...] = (
        ("rows", {}),
        ("rows_weighted_smooth", {"weight": weight, "label_smoothing": 0.2}),
    )
    cases += [
        Case("cross_entropy", name, ((4, 41),), {"target": rows, "ignore_index": -1, **kwargs})
        for name, kwargs in row_kinds
    ]
    spread = np.abs(_RNG.standard_normal((4, 41)))
    deep = _RNG.integers(0, 35, (2, 40))
    cases += [
        Case("cross_entropy", "rows_likely", ((4, 41),), {"target": spread, "weight": weight}),
        Case("cross_entropy", "long_planes", ((2, 35, 40),), {"target": deep}),
        Case(
            "cross_entropy",
            "likely_both",
            ((2, 3, 4),) * 2,
            {"reduction": "none", "label_smoothing": 0.1},
            _PAIR,
            ("", "unit"),
        ),
        Case("focal_loss", "gamma", ((5, 4),), {"target": _LABELS, "gamma": 0.5}, torch=False),
        Case("focal_loss", "gamma_0", ((5, 4),), {"target": _LABELS, "gamma": 0}, torch=False),
    ]
    return cases


_GAUSSIAN = ("input", "target", "var")
_FRAMES = {
    "targets": np.array([[1, 2, 2], [2, 1, 0], [1, 0, 0]]),
    "input_lengths": np.array([4, 5, 3]),
    "target_lengths": np.array([2, 2, 0]),
}

CASES = [
    *_regression(),
    *_margins(),
    *_classes(),
    *(
        Case(
            "gaussian_nll_loss",
            f"{r}_{name}",
            ((3, 7), (3, 7), shape),
            {"reduction": r, "full": full},
            _GAUSSIAN,
            ("", "", "positive"),
        )
        for r in REDUCTIONS
        for name, shape, full in (
            ("each", (3, 7), True),
            ("rows", (3, 1), False),
            ("short", (3,), False),
        )
    ),
    *(
        Case(
            "sigmoid_focal_loss",
            f"{r}_{gamma}_{alpha}",
            ((3, 7),),
            {"targets": (_SIGNS > 0) * 1.0, "reduction": r, "gamma": gamma, "alpha": alpha},
            ("inputs",),
            torch=False,
        )
        for r, gamma, alpha in (
            ("none", 2, 0.25),
            ("mean", 1, -1),
            ("sum", 0, 0.5),
            ("mean", 2.5, 0.25),
        )
    ),
    Case("kl_div", "batchmean", ((3, 7),) * 2, {"reduction": "batchmean"}, _PAIR, ("", "positive")),
    *(
        Case(op, name, (shape,) * 2, {}, _PAIR)
        for op in ("mse_loss", "huber_loss")
        for name, shape in (("scalar", ()), ("tail_1", (1,)), ("tail_129", (129,)))
    ),
    Case("mse_loss", "empty", ((0, 3),) * 2, {"reduction": "sum"}, _PAIR),
    *(
        Case("ctc_loss", r, ((5, 3, 3),), {**_FRAMES, "reduction": r}, ("log_probs",), torch=False)
        for r in REDUCTIONS
    ),
    Case(
        "ctc_loss",
        "one_row_blank_2",
        ((5, 2, 3),),
        {
            "targets": np.array([0, 0, 1]),
            "input_lengths": np.array([5, 3]),
            "target_lengths": np.array([2, 1]),
            "blank": 2,
        },
        ("log_probs",),
        torch=False,
    ),
    Case(
        "ctc_loss",
        "unbatched",
        ((4, 3),),
        {
            "targets": np.array([1, 1]),
            "input_lengths": np.array(4),
            "target_lengths": np.array(2),
        },
        ("log_probs",),
        torch=False,
    ),
]
