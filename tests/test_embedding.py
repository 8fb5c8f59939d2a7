# SPDX-License-Identifier: MIT
"""Embeddings, distances and the layers around them beside torch's; hostile arguments."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ndnn.functional as F
from ndnn import Tensor, nn

RANDOM_CASES = int(os.environ.get("NDNN_RANDOM_CASES", "10000")) // 50
W = np.random.default_rng(0).standard_normal((5, 3))


def test_embeddings_are_torchs(isa: str, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    from oracle import forced

    rng = np.random.default_rng(0)
    with forced(isa):
        for _ in range(RANDOM_CASES):
            table = rng.standard_normal(tuple(rng.integers(1, 70, 2))).astype(dtype)
            count = len(table)
            input = rng.integers(0, count, tuple(rng.integers(0, 9, rng.integers(1, 4))))
            options: dict[str, Any] = {
                "padding_idx": [None, int(rng.integers(-count, count))][rng.integers(2)],
                "scale_grad_by_freq": bool(rng.integers(2)),
                "max_norm": [None, 2.0][rng.integers(2)],
            }
            op = "embedding"
            if input.ndim < 3:
                op, options["mode"] = "embedding_bag", str(rng.choice(["sum", "mean", "max"]))
                if input.ndim == 1:
                    begins = np.sort(rng.integers(0, input.size + 1, rng.integers(1, 6)))
                    begins[0] = 0
                    options["offsets"] = begins
                # torch divides by the frequency of another row.
                options["scale_grad_by_freq"] = False
                if input.ndim == 2 and input.size == 0:
                    continue
            ours, theirs = Tensor(table, True), torch.tensor(table, requires_grad=True)
            converted = {
                k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v
                for k, v in options.items()
            }
            got = getattr(F, op)(input, ours, **options)
            want = getattr(torch.nn.functional, op)(torch.from_numpy(input), theirs, **converted)
            tolerance = 50 * float(np.finfo(dtype).eps)
            what = str((op, input.shape, table.shape, options))
            np.testing.assert_allclose(
                got.data, want.detach().numpy(), tolerance, tolerance, err_msg=what
            )
            np.testing.assert_allclose(ours.data, theirs.detach().numpy(), tolerance)
            weights = rng.standard_normal(got.shape).astype(dtype)
            got.backward(weights)
            want.backward(torch.tensor(weights))
            np.testing.assert_allclose(
                ours.grad, theirs.grad.numpy(), tolerance, 10 * tolerance, err_msg=what
            )


def test_frequencies_divide_gradients_of_bags() -> None:
    for kwargs in ({"padding_idx": None}, {"padding_idx": 4}):
        table, other = Tensor(W, True), Tensor(W, True)
        places = np.array([[0, 2, 4], [2, 2, 1]])
        F.embedding_bag(
            places, table, mode="sum", scale_grad_by_freq=True, **kwargs
        ).sum().backward()
        F.embedding_bag(places, other, mode="sum", **kwargs).sum().backward()
        often = np.array([1, 1, 3, 1, 1])[:, None]
        np.testing.assert_allclose(table.grad, other.grad / often)


def test_distances_are_torchs(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for _ in range(RANDOM_CASES):
        shape = tuple(rng.integers(1, 9, rng.integers(1, 4)).tolist())
        x, y = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
        op, options = (
            ("pairwise_distance", {"p": float(rng.choice([0, 1, 2, 3.5, np.inf]))}),
            ("cosine_similarity", {"dim": int(rng.integers(-len(shape), len(shape)))}),
        )[rng.integers(2)]
        ours = [Tensor(a, requires_grad=True) for a in (x, y)]
        theirs = [torch.tensor(a, requires_grad=True) for a in (x, y)]
        got = getattr(F, op)(*ours, **options)
        want = getattr(torch.nn.functional, op)(*theirs, **options)
        tolerance = 100 * float(np.finfo(dtype).eps)
        np.testing.assert_allclose(got.data, want.detach().numpy(), tolerance, tolerance)
        got.sum().backward()
        want.sum().backward()
        for a, b in zip(ours, theirs, strict=True):
            want = 0 if b.grad is None else b.grad.numpy()  # None of a count
            np.testing.assert_allclose(a.grad, want, tolerance, 10 * tolerance)


def test_equal_vectors_have_no_direction() -> None:
    x = Tensor(W, requires_grad=True)
    F.pairwise_distance(x, W, eps=0.0).sum().backward()
    np.testing.assert_array_equal(x.grad, 0)
    zero = Tensor(np.zeros((2, 3)), requires_grad=True)
    y = F.cosine_similarity(zero, W[:2])
    np.testing.assert_array_equal(y.data, 0)
    y.sum().backward()
    assert np.isfinite(zero.grad).all()


def test_max_norm_shortens_the_rows_used_alone() -> None:
    table = np.array([[3.0, 4.0], [30.0, 40.0], [0.3, 0.4]])
    kept = table.copy()
    F.embedding(np.array([0, 2]), table, max_norm=1.0)
    np.testing.assert_allclose(np.linalg.norm(table, axis=1), [1, 50, 0.5], rtol=1e-6)
    frozen = kept.copy()
    frozen.flags.writeable = False
    with pytest.raises(TypeError, match="embedding: weight must be a writable array"):
        F.embedding(np.array([0]), frozen, max_norm=1.0)


@pytest.mark.parametrize("name", sorted(set(nn.__all__) - {"utils"}))
def test_losses_take_torchs_arguments(name: str) -> None:
    torch = pytest.importorskip("torch")
    import inspect

    theirs = getattr(torch.nn, name, None)
    if theirs is None or not (name.endswith("Loss") or name in OWN):
        return
    skipped = {"size_average", "reduce", "device", "dtype", "sparse", "_weight", "_freeze", "self"}
    want = [p for p in inspect.signature(theirs).parameters.values() if p.name not in skipped]
    got = inspect.signature(getattr(nn, name)).parameters
    assert [p.name for p in want] == [n for n in got if n not in ("dtype", "generator")]
    for p in want:
        assert got[p.name].default == p.default, p.name


OWN = ("Embedding", "EmbeddingBag", "Bilinear", "CosineSimilarity", "PairwiseDistance", "Unflatten")


def test_every_loss_layer_calls_its_function() -> None:
    rng = np.random.default_rng(0)
    x, y, z = (rng.standard_normal((4, 3)) for _ in range(3))
    unit, signs, labels = 1 / (1 + np.exp(-x)), np.sign(y), np.array([0, 2, 1, 0])
    weight = np.array([1.0, 2.0, 0.5])
    several = np.array([[0, -1, 0], [2, 1, -1], [1, 2, 0], [-1, 0, 0]])
    calls: list[tuple[Any, tuple[Any, ...], Any]] = [
        (nn.MSELoss("sum"), (x, y), F.mse_loss(x, y, "sum")),
        (nn.L1Loss(), (x, y), F.l1_loss(x, y)),
        (nn.HuberLoss(delta=0.5), (x, y), F.huber_loss(x, y, delta=0.5)),
        (nn.SmoothL1Loss(beta=0.5), (x, y), F.smooth_l1_loss(x, y, beta=0.5)),
        (nn.BCELoss(weight), (unit, unit), F.binary_cross_entropy(unit, unit, weight)),
        (
            nn.BCEWithLogitsLoss(pos_weight=weight),
            (x, unit),
            F.binary_cross_entropy_with_logits(x, unit, pos_weight=weight),
        ),
        (nn.KLDivLoss("batchmean"), (x, unit), F.kl_div(x, unit, "batchmean")),
        (nn.PoissonNLLLoss(full=True), (x, unit), F.poisson_nll_loss(x, unit, full=True)),
        (nn.GaussianNLLLoss(full=True), (x, y, unit), F.gaussian_nll_loss(x, y, unit, True)),
        (nn.NLLLoss(weight), (x, labels), F.nll_loss(x, labels, weight)),
        (
            nn.CrossEntropyLoss(weight, label_smoothing=0.1),
            (x, labels),
            F.cross_entropy(x, labels, weight, label_smoothing=0.1),
        ),
        (nn.FocalLoss(1.5, weight), (x, labels), F.focal_loss(x, labels, 1.5, weight)),
        (nn.SoftMarginLoss(), (x, signs), F.soft_margin_loss(x, signs)),
        (nn.HingeLoss(), (x, signs), F.hinge_loss(x, signs)),
        (nn.PerceptronLoss(), (x, signs), F.perceptron_loss(x, signs)),
        (nn.HingeEmbeddingLoss(0.5), (x, signs), F.hinge_embedding_loss(x, signs, 0.5)),
        (nn.MarginRankingLoss(0.5), (x, y, signs), F.margin_ranking_loss(x, y, signs, 0.5)),
        (
            nn.CosineEmbeddingLoss(0.5),
            (x, y, signs[:, 0]),
            F.cosine_embedding_loss(x, y, signs[:, 0], 0.5),
        ),
        (nn.MultiMarginLoss(2, 0.5), (x, labels), F.multi_margin_loss(x, labels, 2, 0.5)),
        (
            nn.MultiLabelMarginLoss(),
            (x, several),
            F.multilabel_margin_loss(x, several),
        ),
        (
            nn.MultiLabelSoftMarginLoss(weight),
            (x, unit),
            F.multilabel_soft_margin_loss(x, unit, weight),
        ),
        (nn.TripletMarginLoss(p=1.0), (x, y, z), F.triplet_margin_loss(x, y, z, p=1.0)),
        (
            nn.TripletMarginWithDistanceLoss(margin=2.0),
            (x, y, z),
            F.triplet_margin_with_distance_loss(x, y, z, margin=2.0),
        ),
        (
            nn.CTCLoss(2),
            (x[:, None], np.array([[0, 1]]), np.array([4]), np.array([2])),
            F.ctc_loss(x[:, None], np.array([[0, 1]]), np.array([4]), np.array([2]), 2),
        ),
        (nn.CosineSimilarity(), (x, y), F.cosine_similarity(x, y)),
        (nn.PairwiseDistance(1.0), (x, y), F.pairwise_distance(x, y, 1.0)),
        (nn.Unflatten(1, (3, 1)), (x,), x[..., None]),
    ]
    for layer, inputs, want in calls:
        np.testing.assert_array_equal(np.asarray(layer(*inputs)), want, repr(layer))
    tested = {type(layer).__name__ for layer, *_ in calls}
    assert {name for name in nn.__all__ if name.endswith("Loss")} <= tested


def test_tables_load_and_learn() -> None:
    table = nn.Embedding(5, 3, padding_idx=-1)
    assert list(table.state_dict()) == ["weight"]
    np.testing.assert_array_equal(table.weight.data[4], 0)
    table(np.array([[1, 4], [1, 0]])).sum().backward()
    np.testing.assert_array_equal(table.weight.grad[:, 0], [1, 2, 0, 0, 0])
    frozen = nn.Embedding.from_pretrained(W, max_norm=9.0)
    np.testing.assert_array_equal(frozen(np.array([2])).data, W[[2]])
    assert not frozen.weight.requires_grad
    bag = nn.EmbeddingBag.from_pretrained(W, freeze=False, mode="sum")
    np.testing.assert_allclose(bag(np.array([0, 1, 4]), np.array([0, 2])).data, [W[0] + W[1], W[4]])
    assert bag.weight.requires_grad
    both = nn.Bilinear(2, 3, 4, bias=False)
    assert both(np.ones((5, 2), np.float32), np.ones((5, 3), np.float32)).shape == (5, 4)
    assert list(nn.Bilinear(2, 3, 4).state_dict()) == ["weight", "bias"]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: F.embedding(np.array([0, 5]), W),
            ValueError,
            r"embedding: input .* got 5 at \(1,\)",
        ),
        (lambda: F.embedding(np.array([[0, -1]]), W), ValueError, r"got -1 at \(0, 1\)"),
        (lambda: F.embedding(np.array([-(2**63)]), W), ValueError, "got -9223372036854775808"),
        (lambda: F.embedding(np.array([0.0]), W), TypeError, "embedding: input .*float64"),
        (lambda: F.embedding(np.array([True]), W), TypeError, "embedding: input .*bool"),
        (lambda: F.embedding(np.array([0]), W[0]), ValueError, r"weight.shape=\(3,\)"),
        (lambda: F.embedding(np.array([0]), W.astype(int)), TypeError, "int64"),
        (lambda: F.embedding(np.array([0]), W, 5), ValueError, "padding_idx=5"),
        (lambda: F.embedding(np.array([0]), W, 1.5), TypeError, "padding_idx .* 1.5"),
        (lambda: F.embedding(np.array([0]), W, max_norm=-1), ValueError, "max_norm=-1"),
        (lambda: F.embedding_bag(np.array([0]), W, mode="max"), ValueError, "offsets=none"),
        (lambda: F.embedding_bag(np.array([[0]]), W, mode="min"), ValueError, "mode='min'"),
        (lambda: F.embedding_bag(np.array([0, 1]), W, np.array([1])), ValueError, "begin with 0"),
        (lambda: F.embedding_bag(np.array([0, 1]), W, np.array([0, 3])), ValueError, "got 3 at"),
        (
            lambda: F.embedding_bag(np.array([0, 1]), W, np.array([0, 2, 1])),
            ValueError,
            "never fall",
        ),
        (
            lambda: F.embedding_bag(np.array([0, 1]), W, np.zeros(0, int)),
            ValueError,
            "name the bags",
        ),
        (
            lambda: F.embedding_bag(np.array([[0, 1]]), W, per_sample_weights=np.ones((1, 2))),
            ValueError,
            "mode='mean'",
        ),
        (lambda: F.one_hot(np.array([0, 3]), 3), ValueError, r"one_hot: tensor .* got 3 at \(1,\)"),
        (lambda: F.one_hot(np.array([0, -3])), ValueError, "got -3"),
        (lambda: F.one_hot(np.array([0.0])), TypeError, "float64"),
        (lambda: F.one_hot(np.zeros(0, int)), ValueError, "num_classes must be given"),
        (lambda: F.one_hot(np.array([1]), 0), ValueError, "but got 0"),
        (lambda: F.one_hot(np.array([1]), 2.0), TypeError, "num_classes"),
        (lambda: F.pairwise_distance(W, W[:, :2]), ValueError, "broadcast"),
        (lambda: F.pairwise_distance(W, W, -1), ValueError, "p=-1"),
        (lambda: F.cosine_similarity(W, W, 2), ValueError, "dim must be from -2 to 1"),
        (lambda: F.bilinear(W, W, W), ValueError, r"weight \(5, 3\)"),
        (lambda: F.bilinear(W, W, np.ones((2, 3, 3)), np.ones(3)), ValueError, r"bias .* \(3,\)"),
        (lambda: F.linear(np.ones((2, 3)), np.ones((4, 5))), ValueError, r"input \(2, 3\)"),
        (lambda: F.linear(W, W, np.ones(3)), ValueError, r"bias .* \(3,\)"),
        (lambda: nn.Embedding(5, 3, padding_idx=7), ValueError, "padding_idx .* got 7"),
        (lambda: nn.Embedding.from_pretrained(W[0]), ValueError, r"shape=\(3,\)"),
        (lambda: nn.Unflatten(3, (1, 1))(W), ValueError, "dim=3"),
    ],
)
def test_errors(call: Callable[[], Any], error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize(("x", "w"), [((2, 0), (3, 0)), ((2, 3), (0, 3)), ((0, 3), (2, 3))])
def test_linear_without_features(x: tuple[int, ...], w: tuple[int, ...]) -> None:
    a, b = Tensor(np.ones(x), requires_grad=True), Tensor(np.ones(w), requires_grad=True)
    F.linear(a, b).sum().backward()
    assert a.grad.shape == x
    assert b.grad.shape == w
