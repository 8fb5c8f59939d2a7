# SPDX-License-Identifier: MIT
"""Losses beside torch's on random cases; hostile arguments; sizes that are split among threads."""

import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ndnn
import ndnn.functional as F
from ndnn import Tensor, reference
from oracle import strided

RANDOM_CASES = int(os.environ.get("NDNN_RANDOM_CASES", "10000")) // 50
REDUCTIONS = ("none", "mean", "sum")
X = np.random.default_rng(0).standard_normal((3, 4))
SIGNS = np.sign(X)


def torch_compared(
    op: str, inputs: dict[str, np.ndarray], others: dict[str, Any], rtol: float
) -> None:
    """Values and gradients of the inputs, as random weights of the results weigh them."""
    import torch

    ours = {k: Tensor(v, requires_grad=True) for k, v in inputs.items()}
    theirs = {k: torch.from_numpy(v.copy()).requires_grad_() for k, v in inputs.items()}
    got = getattr(F, op)(**ours, **others)
    converted = {
        k: torch.from_numpy(v.copy()) if isinstance(v, np.ndarray) else v for k, v in others.items()
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want = getattr(torch.nn.functional, op)(**theirs, **converted)
    what = str((op, {k: v.shape for k, v in inputs.items()}, others))
    assert got.shape == tuple(want.shape), what
    scale = 1 + np.abs(want.detach().numpy()).max(initial=0)
    np.testing.assert_allclose(got.data, want.detach().numpy(), rtol, rtol * scale, err_msg=what)
    weights = np.random.default_rng(1).standard_normal(got.shape).astype(got.dtype)
    got.backward(weights)
    want.backward(torch.tensor(weights))
    for k, x in ours.items():
        expected = theirs[k].grad.numpy()
        scale = 1 + np.abs(expected).max(initial=0)
        np.testing.assert_allclose(x.grad, expected, rtol, rtol * scale, err_msg=what)


def shape_of(rng: np.random.Generator) -> tuple[int, ...]:
    return tuple(rng.integers(1, 40, rng.integers(0, 4)).tolist())


def elementwise(rng: np.random.Generator, dtype: str) -> tuple[str, dict, dict]:
    shape = shape_of(rng)
    x, y = (rng.standard_normal(shape) * rng.choice([0.1, 1, 30]) for _ in range(2))
    unit, likely = rng.random(shape), rng.random(shape)
    signs = rng.choice([-1.0, 1.0], shape)
    weight = rng.random(shape[rng.integers(0, len(shape) + 1) :]).astype(dtype)
    low = np.clip(x, -5, 5)
    kinds: list[tuple[str, dict, dict]] = [
        ("mse_loss", {"input": x, "target": y}, {}),
        ("l1_loss", {"input": x, "target": y}, {}),
        ("huber_loss", {"input": x, "target": y}, {"delta": float(rng.uniform(0.1, 3))}),
        ("smooth_l1_loss", {"input": x, "target": y}, {"beta": float(rng.uniform(0.1, 3))}),
        ("binary_cross_entropy", {"input": unit, "target": likely}, {}),
        ("binary_cross_entropy", {"input": unit, "target": likely}, {"weight": weight}),
        ("binary_cross_entropy_with_logits", {"input": x, "target": likely}, {}),
        (
            "binary_cross_entropy_with_logits",
            {"input": x, "target": likely},
            {"weight": weight, "pos_weight": np.asarray(weight + 1)},
        ),
        ("kl_div", {"input": x, "target": likely}, {}),
        ("kl_div", {"input": x, "target": low}, {"log_target": True}),
        ("poisson_nll_loss", {"input": low, "target": 5 * likely}, {"full": True}),
        ("poisson_nll_loss", {"input": likely, "target": 5 * likely}, {"log_input": False}),
        ("gaussian_nll_loss", {"input": x, "target": y, "var": likely + 0.1}, {"full": True}),
        ("soft_margin_loss", {"input": low}, {"target": signs}),  # torch overflows beyond
        ("hinge_embedding_loss", {"input": x}, {"target": signs, "margin": 0.7}),
        ("margin_ranking_loss", {"input1": x, "input2": y}, {"target": signs, "margin": 0.2}),
    ]
    return kinds[rng.integers(len(kinds))]


@pytest.mark.parametrize("seed", range(4))
def test_elementwise_losses_are_torchs(seed: int, dtype: str) -> None:
    pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    for _ in range(RANDOM_CASES):
        op, inputs, others = elementwise(rng, dtype)
        inputs = {k: np.asarray(v, dtype) for k, v in inputs.items()}
        others = {k: v.astype(dtype) if isinstance(v, np.ndarray) else v for k, v in others.items()}
        others["reduction"] = str(rng.choice(REDUCTIONS))
        torch_compared(op, inputs, others, 200 * float(np.finfo(dtype).eps))


@pytest.mark.parametrize("seed", range(4))
def test_cross_entropy_is_torchs(seed: int, dtype: str, isa: str) -> None:
    pytest.importorskip("torch")
    from oracle import forced

    rng = np.random.default_rng(seed)
    with forced(isa):
        for _ in range(RANDOM_CASES // 2):
            classes = int(rng.choice([1, 2, 5, 17, 31, 32, 33, 100, 300]))
            rest = tuple(rng.integers(1, 12, rng.integers(0, 4)).tolist())
            if rng.random() < 0.2:
                rest = (int(rng.integers(1, 300)),)
            shape = (int(rng.integers(1, 40)), classes, *rest)
            x = (rng.standard_normal(shape) * 5 + rng.choice([0, 1000])).astype(dtype)
            others: dict[str, Any] = {
                "reduction": str(rng.choice(REDUCTIONS)),
                "label_smoothing": float(rng.choice([0, 0.1])),
            }
            if rng.random() < 0.5:
                others["weight"] = (rng.random(classes) + 0.1).astype(dtype)
            if rng.random() < 0.25:
                others["target"] = rng.dirichlet(np.ones(classes), (shape[0], *rest)).astype(dtype)
                others["target"] = np.ascontiguousarray(np.moveaxis(others["target"], -1, 1))
            else:
                others["target"] = rng.integers(0, classes, (shape[0], *rest))
                others["ignore_index"] = int(rng.choice([-100, 0, classes - 1]))
                if (
                    others["reduction"] == "mean"
                    and (others["target"] == others["ignore_index"]).all()
                ):
                    continue
            large = 1000 if np.abs(x).max() > 500 else 1
            torch_compared("cross_entropy", {"input": x}, others, 200 * large * np.finfo(dtype).eps)


def test_class_losses_are_torchs(dtype: str) -> None:
    pytest.importorskip("torch")
    rng = np.random.default_rng(5)
    for _ in range(RANDOM_CASES):
        n, classes = rng.integers(1, 9, 2).tolist()
        x = rng.standard_normal((n, classes)).astype(dtype)
        labels = rng.integers(0, classes, n)
        weight = rng.random(classes).astype(dtype) + 0.5
        several = rng.integers(-1, classes, (n, classes))
        op, others = (
            ("nll_loss", {"target": labels, "weight": weight}),
            ("multi_margin_loss", {"target": labels, "weight": weight, "p": 2, "margin": 0.5}),
            ("multi_margin_loss", {"target": labels}),
            ("multilabel_margin_loss", {"target": several}),
            (
                "multilabel_soft_margin_loss",
                {"target": rng.random((n, classes)).astype(dtype), "weight": weight},
            ),
        )[rng.integers(5)]
        others["reduction"] = str(rng.choice(REDUCTIONS))
        torch_compared(op, {"input": x}, others, 100 * float(np.finfo(dtype).eps))


def test_ctc_loss_is_torchs_behind_log_softmax() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for i in range(RANDOM_CASES // 2):
        frames, n, classes = (int(rng.integers(1, top)) for top in (12, 5, 6))
        classes, longest = classes + 1, int(rng.integers(1, 5))
        x = rng.standard_normal((frames, n, classes))
        blank = int(rng.integers(classes))
        labels = [c for c in range(classes) if c != blank]
        targets = rng.choice(labels, (n, longest))
        lengths = rng.integers(0, longest + 1, n)
        durations = rng.integers(1, frames + 1, n)
        if i % 3 == 0:
            targets = np.concatenate([row[:k] for row, k in zip(targets, lengths, strict=True)])
        arguments = targets, durations, lengths
        options = blank, str(rng.choice(REDUCTIONS)), True
        ours, theirs = Tensor(x, True), torch.tensor(x, requires_grad=True)
        got = F.ctc_loss(F.log_softmax(ours, -1), *arguments, *options)
        want = torch.nn.functional.ctc_loss(
            theirs.log_softmax(-1), *map(torch.from_numpy, arguments), *options
        )
        np.testing.assert_allclose(got.data, want.detach().numpy(), rtol=1e-10, atol=1e-12)
        got.sum().backward()
        want.sum().backward()
        np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), rtol=1e-8, atol=1e-10)


def test_targets_that_do_not_fit_are_infinite() -> None:
    logs = np.log(np.full((2, 1, 3), 1 / 3))
    args = logs, np.array([[1, 1]]), np.array([2]), np.array([2])  # 1 1 needs a blank between
    assert F.ctc_loss(*args) == np.inf
    assert F.ctc_loss(*args, zero_infinity=True) == 0


@pytest.mark.parametrize("op", ["mse_loss", "binary_cross_entropy_with_logits"])
def test_strides_and_broadcast_weights_change_no_bit(op: str, dtype: str) -> None:
    rng = np.random.default_rng(0)
    x, t = (rng.standard_normal((30, 41, 53)).astype(dtype) for _ in range(2))
    for reduction in REDUCTIONS:
        want = getattr(F, op)(x, t, reduction=reduction)
        for a, b in zip(strided(x), strided(t), strict=True):
            np.testing.assert_array_equal(getattr(F, op)(a, b, reduction=reduction), want)
    weight = rng.random((41, 1)).astype(dtype)
    whole = np.broadcast_to(weight, x.shape).copy()
    for w in (weight, whole):
        np.testing.assert_array_equal(
            F.binary_cross_entropy_with_logits(x, t, w),
            F.binary_cross_entropy_with_logits(x, t, whole),
        )


@pytest.mark.parametrize("shape", [(40, 1000), (2000, 7), (3, 9, 40, 50), (3, 40, 9), (7, 33)])
def test_cross_entropy_of_any_strides(shape: tuple[int, ...], dtype: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape).astype(dtype)
    t = rng.integers(0, shape[1], (shape[0], *shape[2:]))
    g = rng.standard_normal(t.shape).astype(dtype)

    def run(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        tensor = Tensor(np.zeros(1), requires_grad=True)
        tensor._array = x  # as it lies; a Tensor would copy it
        y = F.cross_entropy(tensor, t, reduction="none", label_smoothing=0.1)
        y.backward(g)
        return y.data, np.asarray(tensor.grad)

    want = run(x)
    last = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)  # classes last
    for a in (*strided(x), last):
        np.testing.assert_array_equal(a, x)
        got = run(a)
        # Lanes run along the classes or the positions, as they lie.
        eps = np.finfo(dtype).eps
        np.testing.assert_allclose(got[0], want[0], rtol=50 * eps, atol=50 * eps)
        np.testing.assert_allclose(got[1], want[1], rtol=50 * eps, atol=50 * eps)


LARGE: dict[str, Callable[[Any, Any], Any]] = {
    "mse_loss": lambda x, t: F.mse_loss(x, t),
    "bce": lambda x, t: F.binary_cross_entropy_with_logits(x, t, reduction="none"),
    "cross_entropy": lambda x, t: F.cross_entropy(x, np.arange(len(x)) % x.shape[1]),
    "planes": lambda x, t: F.cross_entropy(x.reshape(10, 6, -1), np.ones((10, 50_000), int)),
    "embedding": lambda x, t: F.embedding(np.arange(5000) * 7 % 3000, x),
    "bags": lambda x, t: F.embedding_bag(np.arange(6000).reshape(300, 20) % 3000, x),
}


@pytest.mark.parametrize("name", LARGE)
def test_threads_change_no_bit_of_large_arrays(name: str) -> None:
    rng = np.random.default_rng(0)
    x, t = (rng.standard_normal((3000, 1000)).astype(np.float32) for _ in range(2))

    def run(threads: int) -> tuple[Any, Any]:
        tensor = Tensor(x, requires_grad=True)
        with ndnn.num_threads(threads):
            y = LARGE[name](tensor, t)
            y.backward(np.ones(y.shape, np.float32))
        return y.data, tensor.grad

    want = run(1)
    for threads in (2, 3):
        for a, b in zip(run(threads), want, strict=True):
            np.testing.assert_array_equal(a, b)


def test_sums_keep_their_digits() -> None:
    """A float32 sum of as many terms of one sign would be off by 1e-4 and more."""
    rng = np.random.default_rng(0)
    x = rng.random(3_000_001).astype(np.float32) + 1
    zero = np.zeros_like(x)
    want = reference.mse_loss(x, zero, "sum")
    assert abs(F.mse_loss(x, zero, "sum") - want) <= 1.5 * np.finfo(np.float32).eps * want
    scores = np.zeros((2, 200_000), np.float32)
    got = F.cross_entropy(scores, np.array([0, 1]))
    np.testing.assert_allclose(got, np.log(200_000), rtol=3e-7)


@pytest.mark.parametrize("op", ["mse_loss", "huber_loss", "binary_cross_entropy_with_logits"])
def test_nan_is_kept(op: str) -> None:
    x = np.zeros(40, np.float32)
    x[33] = np.nan
    assert np.isnan(getattr(F, op)(x, np.zeros_like(x)))
    assert np.flatnonzero(np.isnan(getattr(F, op)(x, x * 0 + 1, reduction="none"))).tolist() == [33]


def test_extreme_scores() -> None:
    x = np.array([[1e4, -1e4, 0], [-1e30, -1e30, -1e30], [-np.inf, 0, -np.inf]])
    got = F.cross_entropy(x, np.array([0, 1, 1]), reduction="none")
    np.testing.assert_allclose(got, [0, np.log(3), 0])
    logits = np.array([-1e30, 1e30, -1000, 1000])
    got = F.binary_cross_entropy_with_logits(logits, np.array([0.0, 1, 1, 0]), reduction="none")
    np.testing.assert_allclose(got, [0, 0, 1000, 1000])
    ends = F.binary_cross_entropy(np.array([0.0, 1.0]), np.array([1.0, 0.0]), reduction="none")
    np.testing.assert_array_equal(ends, [100, 100])


def test_float16_is_computed_in_float32() -> None:
    x = (np.arange(12).reshape(3, 4) * 20).astype(np.float16)
    zero, labels = np.zeros_like(x), np.array([0, 1, 2])
    assert F.mse_loss(x, zero, "mean").dtype == np.float16
    np.testing.assert_array_equal(
        F.mse_loss(x, zero), F.mse_loss(x.astype("f4"), zero.astype("f4")).astype("f2")
    )
    for f in (F.cross_entropy, F.nll_loss, F.multi_margin_loss, F.focal_loss):
        got = f(x, labels)
        assert got.dtype == np.float16
        np.testing.assert_allclose(got, f(x.astype("f4"), labels), rtol=1e-3)


def test_inputs_that_change_before_backward_are_noticed() -> None:
    x = Tensor(X, requires_grad=True)
    for y in (F.mse_loss(x, X + 1), F.cross_entropy(x, np.array([0, 1, 2]))):
        x.data = X + 1
        with pytest.raises(RuntimeError, match="was changed"):
            y.backward()


def test_means_of_nothing_are_nan() -> None:
    for got in (
        F.mse_loss(np.zeros((0, 3)), np.zeros((0, 3))),
        F.cross_entropy(np.zeros((0, 3)), np.zeros(0, int)),
        F.cross_entropy(X, np.full(3, -100)),
        F.nll_loss(X, np.full(3, -100)),
        F.hinge_loss(np.zeros(0), np.zeros(0)),
    ):
        assert np.isnan(got)
    assert F.cross_entropy(X, np.full(3, -100), reduction="sum") == 0


def test_distance_functions_of_one_s_own() -> None:
    def city(one: Any, two: Any) -> Any:
        return F.pairwise_distance(one, two, 1.0, 0.0)

    x = Tensor(X, requires_grad=True)
    got = F.triplet_margin_with_distance_loss(x, X + 1, X - 2, distance_function=city, margin=6)
    np.testing.assert_allclose(got.data, 4 - 8 + 6)
    got.backward()


def test_what_has_no_gradient_says_so() -> None:
    x = Tensor(X, requires_grad=True)
    assert not F.zero_one_loss(x, SIGNS).requires_grad


class Evil:
    def __index__(self) -> int:
        raise RuntimeError("evil")

    __float__ = __index__


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: F.mse_loss(X, X[:2]),
            ValueError,
            r"mse_loss: target must .* target.shape=\(2, 4\)",
        ),
        (lambda: F.mse_loss(X, X, "max"), ValueError, "mse_loss: reduction must .* but got 'max'"),
        (lambda: F.mse_loss(X, X, None), ValueError, "mse_loss: reduction must .* but got None"),
        (lambda: F.mse_loss(X, None), TypeError, "mse_loss: target must be an array"),
        (lambda: F.mse_loss(X, X * 1j), TypeError, "mse_loss: .*complex128"),
        (lambda: F.huber_loss(X, X, delta=0), ValueError, "huber_loss: delta .* delta=0"),
        (lambda: F.huber_loss(X, X, delta=np.nan), ValueError, "huber_loss: delta .* finite"),
        (lambda: F.huber_loss(X, X, delta="1"), TypeError, "huber_loss: delta must be a number"),
        (lambda: F.smooth_l1_loss(X, X, beta=-1), ValueError, "smooth_l1_loss: beta .* beta=-1"),
        (
            lambda: F.binary_cross_entropy(X, SIGNS),
            ValueError,
            "binary_cross_entropy: input .* 0 and 1",
        ),
        (
            lambda: F.binary_cross_entropy_with_logits(X, X, np.ones(3)),
            ValueError,
            r"weight must broadcast .* weight.shape=\(3,\)",
        ),
        (lambda: F.kl_div(X, X, "batch"), ValueError, "kl_div: reduction"),
        (lambda: F.gaussian_nll_loss(X, X, -1.0), ValueError, "gaussian_nll_loss: var .* -1"),
        (lambda: F.gaussian_nll_loss(X, X, X, eps=0), ValueError, "gaussian_nll_loss: eps"),
        (lambda: F.gaussian_nll_loss(X, X, np.ones(4)), ValueError, r"var.shape=\(4,\)"),
        (
            lambda: F.hinge_loss(X, SIGNS * 2),
            ValueError,
            r"hinge_loss: target .* but got 2.0 at \(0, 0\)",
        ),
        (
            lambda: F.zero_one_loss(np.ones(3), np.array([1, 1, 0])),
            ValueError,
            r"zero_one_loss: target must hold -1 and 1 only, but got 0.0 at \(2,\)",
        ),
        (lambda: F.sigmoid_focal_loss(X, X, 2), ValueError, "alpha=2"),
        (lambda: F.sigmoid_focal_loss(X, X, gamma=-1), ValueError, "gamma=-1"),
        (
            lambda: F.focal_loss(X, np.zeros(3, int), -1),
            ValueError,
            "focal_loss: gamma .* gamma=-1",
        ),
        (
            lambda: F.nll_loss(X, np.array([0, 1, 4])),
            ValueError,
            r"nll_loss: .* 0 and 3 .* got 4 at \(2,\)",
        ),
        (lambda: F.nll_loss(X, np.ones(3)), TypeError, "nll_loss: target .*float64"),
        (
            lambda: F.cross_entropy(X, np.array([0, -1, 4])),
            ValueError,
            r"cross_entropy: target .* 0 and 3 or ignore_index=-100, but got -1 at \(1,\)",
        ),
        (
            lambda: F.cross_entropy(np.ones((1, 2, 2, 2)), np.array([[[0, 1], [2, 0]]])),
            ValueError,
            r"but got 2 at \(0, 1, 0\)",
        ),
        (
            lambda: F.cross_entropy(X, np.array([2**63 - 1] * 3)),
            ValueError,
            "got 9223372036854775807",
        ),
        (lambda: F.cross_entropy(X, np.array([2**64 - 1] * 3, np.uint64)), ValueError, "between 0"),
        (lambda: F.cross_entropy(X, np.array([0])), ValueError, r"target.shape=\(1,\)"),
        (lambda: F.cross_entropy(X, np.array(["a"] * 3)), TypeError, "cross_entropy"),
        (lambda: F.cross_entropy(X, np.zeros(3, bool)), TypeError, "integers, but got dtype=bool"),
        (
            lambda: F.cross_entropy(X, np.zeros(3, int), X[0, :3]),
            ValueError,
            r"weight.shape=\(3,\)",
        ),
        (lambda: F.cross_entropy(X, X, label_smoothing=2.0), ValueError, "label_smoothing=2"),
        (lambda: F.cross_entropy(X, np.zeros(3, int), ignore_index=1.5), TypeError, "ignore_index"),
        (lambda: F.cross_entropy(X, np.zeros(3, int), ignore_index=2**80), ValueError, "64-bit"),
        (lambda: F.cross_entropy(X, np.zeros(3, int), ignore_index=Evil()), RuntimeError, "evil"),
        (
            lambda: F.cross_entropy(X, np.zeros(3, int), label_smoothing=Evil()),
            RuntimeError,
            "evil",
        ),
        (lambda: F.cross_entropy(np.array(1.0), np.array(0)), ValueError, "axis of classes"),
        (lambda: F.cross_entropy(np.ones((2, 0)), np.zeros(2, int)), ValueError, "got 0 at"),
        (lambda: F.multi_margin_loss(X, np.zeros(3, int), 3), ValueError, "p=3"),
        (lambda: F.multi_margin_loss(X, np.array([0, 4, 1])), ValueError, r"got 4 at \(1,\)"),
        (lambda: F.multilabel_margin_loss(X, np.full((3, 4), 4)), ValueError, r"got 4 at \(0, 0\)"),
        (lambda: F.triplet_margin_loss(X, X, X, 0), ValueError, "margin=0"),
        (lambda: F.triplet_margin_loss(X, X, X[0]), ValueError, "as many axes"),
        (lambda: F.cosine_embedding_loss(X, X, np.ones(4)), ValueError, r"\(4,\)"),
        (
            lambda: F.ctc_loss(
                np.ones((2, 1, 3)), np.ones((1, 1), int), np.array([3]), np.array([1])
            ),
            ValueError,
            "ctc_loss: input_lengths .* between 0 and 2, but got 3",
        ),
        (
            lambda: F.ctc_loss(
                np.ones((2, 1, 3)), np.full((1, 1), 3), np.array([2]), np.array([1])
            ),
            ValueError,
            "ctc_loss: target .* got 3",
        ),
        (
            lambda: F.ctc_loss(
                np.ones((2, 1, 3)), np.zeros((1, 1), int), np.array([2]), np.array([1])
            ),
            ValueError,
            "blank=0",
        ),
        (
            lambda: F.ctc_loss(np.ones((2, 1, 3)), np.ones(5, int), np.array([2]), np.array([1])),
            ValueError,
            "5 targets and a sum of 1",
        ),
    ],
)
def test_errors(call: Callable[[], Any], error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_perfect_predictions_have_no_focal_gradient(gamma: float) -> None:
    x = Tensor(np.array([200.0, -200.0], np.float32), requires_grad=True)
    F.sigmoid_focal_loss(x, np.array([1.0, 0.0], np.float32), gamma=gamma).sum().backward()
    np.testing.assert_array_equal(x.grad, [0, 0])


def test_ignored_positions_may_be_anything() -> None:
    x = np.array([[-np.inf, -1], [-1, -2]])
    assert F.nll_loss(x, np.array([-100, 1])) == 2


@pytest.mark.parametrize("blank", [-1, 3])
def test_blank_is_a_class(blank: int) -> None:
    logs = np.log(np.full((4, 1, 3), 1 / 3))
    with pytest.raises(ValueError, match="ctc_loss: blank must be from 0 to 2"):
        F.ctc_loss(logs, np.array([[1]]), np.array([4]), np.array([1]), blank)
