# SPDX-License-Identifier: MIT
"""Norms beside torch's on random shapes; large means; what is refused; arrays that are split."""

import copy
import os
from typing import Any

import numpy as np
import pytest

import ndnn
import ndnn.functional as F
from ndnn import Tensor, nn
from oracle import forced

RANDOM_CASES = min(200, int(os.environ.get("NDNN_RANDOM_CASES", "10000")))
X = np.random.default_rng(0).standard_normal((2, 6, 5))


def compare(torch: Any, op: str, inputs: list[Any], kwargs: dict[str, Any], what: str) -> None:
    """Values and gradients; running statistics among the kwargs are copied for each."""
    dtype = inputs[0].dtype
    ours = [None if x is None else Tensor(x, requires_grad=True) for x in inputs]
    theirs = [None if x is None else torch.tensor(x, requires_grad=True) for x in inputs]
    arrays = {k: v for k, v in kwargs.items() if isinstance(v, np.ndarray)}
    kept = copy.deepcopy(arrays)
    moved = {k: torch.tensor(v) for k, v in arrays.items()}
    names = ("input", "weight", "bias")[: len(inputs)]
    got = getattr(F, op)(**dict(zip(names, ours, strict=True)), **{**kwargs, **kept})
    want = getattr(torch.nn.functional, op)(
        **dict(zip(names, theirs, strict=True)), **{**kwargs, **moved}
    )
    g = np.random.default_rng(1).standard_normal(got.shape).astype(dtype)
    got.backward(g)
    want.backward(torch.tensor(g))
    # torch's own float32 error is what this allows; test_large_means has our bound.
    tol = 1e-9 if dtype == np.float64 else 1e-3
    np.testing.assert_allclose(got.data, want.detach(), rtol=tol, atol=tol, err_msg=what)
    for x, t in zip(ours, theirs, strict=True):
        if x is not None:
            scale = max(1.0, float(np.abs(t.grad.numpy()).max(initial=0)))
            np.testing.assert_allclose(x.grad, t.grad, rtol=tol, atol=tol * scale, err_msg=what)
    for name, array in kept.items():
        np.testing.assert_allclose(array, moved[name], rtol=tol, atol=tol, err_msg=what)


def random_shape(rng: np.random.Generator) -> tuple[int, ...]:
    kind = rng.integers(4)
    n, c = int(rng.integers(1, 6)), int(rng.integers(1, 40))
    if kind == 0:  # many rows of few columns: several blocks of rows
        return (
            int(rng.integers(200, 700)),
            c,
            *(int(v) for v in rng.integers(1, 4, rng.integers(2))),
        )
    if kind == 1:  # planes longer than a piece
        return n, int(rng.integers(1, 5)), int(rng.integers(2000, 7000))
    return n, c, *(int(v) for v in rng.integers(1, 9, rng.integers(3)))


@pytest.mark.parametrize("seed", range(4))
def test_equal_to_torch(isa: str, seed: int) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    with forced(isa):
        for _ in range(RANDOM_CASES // 8):
            shape = random_shape(rng)
            n, c, pixels = shape[0], shape[1], int(np.prod(shape[2:]))
            dtype = rng.choice(["float32", "float64"])

            def draw(size: Any, dtype: str = dtype) -> Any:
                return rng.standard_normal(size).astype(dtype)

            x = draw(shape)
            # torch fails on a bias without a weight, but for batch norm
            parameters = [None, None] if rng.random() < 0.3 else [draw(c), draw(c)]
            running = {"running_mean": draw(c), "running_var": draw(c) ** 2 + 0.1}
            what = f"{shape} {dtype} {seed}"
            for training in (True, False):
                if n * pixels > 4 or not training:
                    kwargs = {**running, "training": training, "momentum": 0.3, "eps": 1e-2}
                    compare(torch, "batch_norm", [x, *parameters], kwargs, what)
                if pixels > 4:
                    kwargs = {**running, "use_input_stats": training, "eps": 1e-2}
                    compare(torch, "instance_norm", [x, *parameters], kwargs, what)
            groups = int(rng.choice([g for g in range(1, c + 1) if c % g == 0]))
            if c // groups * pixels > 4:
                kwargs = {"num_groups": groups, "eps": 1e-2}
                compare(torch, "group_norm", [x, *parameters], kwargs, what)
            last = shape[-int(rng.integers(1, len(shape) + 1)) :]
            if np.prod(last) > 4:
                parameters = [None, None] if parameters[0] is None else [draw(last), draw(last)]
                kwargs = {"normalized_shape": last, "eps": 1e-2}
                compare(torch, "layer_norm", [x, *parameters], kwargs, what)
                compare(torch, "rms_norm", [x, *parameters[:1]], kwargs, what)


def test_others_are_equal_to_torch() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for _ in range(RANDOM_CASES // 4):
        shape = tuple(int(v) for v in rng.integers(1, 9, rng.integers(3, 5)))
        x = rng.standard_normal(shape)
        kwargs = {"size": int(rng.integers(1, 20)), "alpha": 0.5, "beta": 0.6, "k": 1.2}
        compare(torch, "local_response_norm", [x], kwargs, str((shape, kwargs)))
        p = float(rng.choice([2, 1, 3, np.inf, 0.5, 0, -1, -np.inf, 1.5]))
        kwargs = {"p": p, "dim": int(rng.integers(-len(shape), len(shape)))}
        x[rng.random(shape) < 0.1] = 0
        compare(torch, "normalize", [x], kwargs, str((shape, kwargs)))


@pytest.mark.parametrize("shape", [(4, 3, 70, 70), (600, 3), (3, 3, 7, 7), (300, 3, 3)])
@pytest.mark.parametrize("op", ["batch_norm", "instance_norm", "group_norm", "layer_norm"])
def test_large_means(op: str, shape: tuple[int, ...], isa: str) -> None:
    """The docstring's bound, at means of 1e4 and 1e6 standard deviations, beside float64."""
    rng = np.random.default_rng(0)
    calls: dict[str, Any] = {
        "batch_norm": lambda x: F.batch_norm(x, None, None, training=True, eps=0.0),
        "instance_norm": lambda x: F.instance_norm(x, eps=0.0),
        "group_norm": lambda x: F.group_norm(x, 1, eps=0.0),
        "layer_norm": lambda x: F.layer_norm(x, x.shape[1:], eps=0.0),
    }
    if op == "instance_norm" and len(shape) == 2:
        pytest.skip("has one pixel")
    eps = np.finfo(np.float32).eps
    with forced(isa):
        for mean in (0.0, 1e4, -1e6):
            x = (mean + rng.standard_normal(shape)).astype(np.float32)
            got = calls[op](x)
            want = calls[op](x.astype(np.float64))  # float64's own error at 1e6 is far below
            assert np.all(np.abs(got - want) <= 300 * eps * np.maximum(np.abs(want), 1))
        moved = np.zeros(3), np.zeros(3)
        F.batch_norm(x, *moved, training=True, momentum=1.0)
        wide = np.moveaxis(x.astype(np.float64), 1, 0).reshape(3, -1)
        np.testing.assert_allclose(moved[0], wide.mean(1), rtol=0, atol=100 * eps)
        np.testing.assert_allclose(moved[1], wide.var(1, ddof=1), rtol=200 * eps)


def test_an_outlier_first_does_not_matter() -> None:
    """No element serves as a guess of the mean."""
    x = np.random.default_rng(0).standard_normal((2, 3000)).astype(np.float32)
    x[:, 0] = 1e4
    want = F.layer_norm(x.astype(np.float64), (3000,))
    np.testing.assert_allclose(F.layer_norm(x, (3000,)), want, rtol=1e-5, atol=1e-5)


BIG: dict[str, Any] = {
    "batch_norm": lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
    "batch_norm_running": lambda x, w, b: F.batch_norm(x, np.zeros(6), np.ones(6), w, b),
    "instance_norm": lambda x, w, b: F.instance_norm(x, None, None, w, b),
    "group_norm": lambda x, w, b: F.group_norm(x, 3, w, b),
}
BIG_SHAPES = [(2, 6, 300, 301), (40, 6, 31, 31), (20_000, 6), (3000, 6, 3)]


@pytest.mark.parametrize("op", [*BIG, "layer_norm", "rms_norm"])
def test_threads_change_no_bit_of_large_arrays(op: str) -> None:
    rng = np.random.default_rng(0)
    shapes = [(700, 300), (3, 90_001), (20_000, 24)] if op not in BIG else BIG_SHAPES
    for shape in shapes:
        if op == "instance_norm" and len(shape) == 2:
            continue
        x = rng.standard_normal(shape).astype(np.float32)
        size = 6 if op in BIG else shape[-1]
        w, b, results = rng.standard_normal(size), rng.standard_normal(size), []
        g = rng.standard_normal(shape).astype(np.float32)
        for threads in (1, 2, 3):
            inputs = [Tensor(a.astype(np.float32), requires_grad=True) for a in (x, w, b)]
            with ndnn.num_threads(threads):
                if op in BIG:
                    y = BIG[op](*inputs)
                else:
                    y = getattr(F, op)(inputs[0], shape[-1:], *inputs[1 : 2 + (op == "layer_norm")])
                y.backward(g)
            results.append([y.data, *(t.grad for t in inputs if t.grad is not None)])
        assert len(results[0]) >= 3
        for other in results[1:]:
            for one, two in zip(results[0], other, strict=True):
                np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("shape", [(40, 6, 9000), (200, 6, 1800), (7200, 6, 50)])
def test_beyond_the_caches(shape: tuple[int, ...]) -> None:
    """Arrays of more than 8 MB, which batch norm sums and maps in the order of memory."""
    rng = np.random.default_rng(0)
    x, g = (rng.standard_normal(shape).astype(np.float32) for _ in range(2))
    w = rng.standard_normal(6).astype(np.float32)
    results = []
    for threads in (1, 2):
        inputs = [Tensor(a, requires_grad=True) for a in (x, w)]
        with ndnn.num_threads(threads):
            y = F.batch_norm(inputs[0], None, None, inputs[1], training=True)
            y.backward(g)
        results.append([y.data, *(t.grad for t in inputs)])
    xd, gd, wd = x.astype(np.float64), g.astype(np.float64), w[:, None].astype(np.float64)
    inverse = 1 / np.sqrt(xd.var((0, 2), keepdims=True) + 1e-5)
    normal = (xd - xd.mean((0, 2), keepdims=True)) * inverse
    mean, mean_of_products = (a.mean((0, 2), keepdims=True) for a in (gd, gd * normal))
    dx = wd * inverse * (gd - mean - normal * mean_of_products)
    for got, want in zip(results[0], (normal * wd, dx, (gd * normal).sum((0, 2))), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5 * np.abs(want).max())
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


def test_empty_inputs_move_nothing() -> None:
    for shape in ((0, 3), (0, 3, 4), (2, 3, 0)):
        mean, var = np.full(3, 2.0), np.full(3, 3.0)
        x, w = Tensor(np.zeros(shape), requires_grad=True), Tensor(np.ones(3), requires_grad=True)
        for y in (
            F.batch_norm(x, mean, var, w, training=True),
            F.batch_norm(x, mean, var, w),
            F.instance_norm(x, mean, var, w),
            F.group_norm(x, 3, w),
            F.layer_norm(x, shape[1:], np.ones(shape[1:])),
        ):
            assert y.shape == shape
            y.backward(np.zeros(shape))
        np.testing.assert_array_equal(w.grad, 0)
        np.testing.assert_array_equal([*mean, *var], [2.0] * 3 + [3.0] * 3)
    assert F.batch_norm(np.zeros((0, 2**40, 2**19)), None, None, training=True).size == 0
    assert F.instance_norm(np.zeros((2**40, 0, 2**19))).size == 0


def test_nan_and_infinity_stay_in_their_group() -> None:
    x = np.random.default_rng(0).standard_normal((3, 4, 50))
    x[1, 2, 7], x[0, 0, 3] = np.nan, np.inf
    y = F.instance_norm(x)
    assert np.isnan(y[1, 2]).all()
    assert np.isnan(y[0, 0, 3])
    rest = np.ones((3, 4), bool)
    rest[1, 2] = rest[0, 0] = False
    assert np.isfinite(y[rest]).all()
    assert not np.isfinite(F.batch_norm(x, None, None, training=True)[:, [0, 2]]).any(-1).all()


def test_running_statistics_of_any_memory() -> None:
    x = np.random.default_rng(0).standard_normal((8, 3, 5)).astype(np.float32)
    mean, var = np.zeros(6, np.float16)[::2], Tensor(np.ones(3))
    F.batch_norm(x, mean, var, training=True, momentum=0.25)
    np.testing.assert_allclose(mean, 0.25 * x.mean((0, 2)), atol=1e-3)
    np.testing.assert_allclose(var.data, 0.75 + 0.25 * x.var((0, 2), ddof=1), rtol=1e-5)
    F.instance_norm(x, mean, var, momentum=1.0)
    np.testing.assert_allclose(var.data, x.var(2, ddof=1).mean(0), rtol=1e-5)


def test_what_backward_reads_is_kept() -> None:
    """Running statistics may move on before backward; weights and inputs may not change."""
    x = Tensor(X, requires_grad=True)
    mean, var = np.zeros(6), np.ones(6)
    y = F.batch_norm(x, mean, var)
    var[:] = 100
    y.backward(np.ones(X.shape))
    np.testing.assert_allclose(x.grad, 1 / np.sqrt(1 + 1e-5))
    w = Tensor(np.ones(6), requires_grad=True)
    y = F.group_norm(x, 2, w)
    w.data = np.zeros(6)
    with pytest.raises(RuntimeError, match="group_norm needs"):
        y.backward(np.ones(X.shape))


class _Evil:
    """An index that changes the list it stands in."""

    def __init__(self, home: list[Any]) -> None:
        self.home = home

    def __index__(self) -> int:
        self.home.clear()
        return 5


def evil_list() -> list[Any]:
    home: list[Any] = []
    home += [_Evil(home), 7]
    return home


ERRORS: list[tuple[str, tuple[Any, ...], type[Exception], str]] = [
    ("batch_norm", (np.ones(3), None, None), ValueError, r"\(N, C, ...\), but got .*\(3,\)"),
    ("batch_norm", (np.ones((1, 3)), None, None, None, None, True), ValueError, "more than one"),
    ("batch_norm", (X, None, None), ValueError, "running_mean"),
    ("batch_norm", (X, np.ones(6), None), ValueError, "running_var=None"),
    ("batch_norm", (X, np.ones(6), None, None, None, True), ValueError, "both None, but got"),
    ("batch_norm", (X, np.ones(5), np.ones(6)), ValueError, r"\(6,\), but got .*\(5,\)"),
    ("batch_norm", (X, None, None, np.ones((6, 1)), None, True), ValueError, r"weight.*\(6, 1\)"),
    ("batch_norm", (X, None, None, np.ones(6, int), None, True), TypeError, "weight.*int64"),
    ("batch_norm", (X, None, None, None, None, True, 0.1, -1.0), ValueError, "eps=-1"),
    ("batch_norm", (X, None, None, None, None, True, 0.1, np.nan), ValueError, "eps=nan"),
    ("batch_norm", (X, None, None, None, None, True, 0.1, "a"), TypeError, "eps must be a float"),
    ("batch_norm", (X, None, None, None, None, True, "a"), TypeError, "momentum"),
    ("instance_norm", (np.ones((3, 4)),), ValueError, "more than one value"),
    ("instance_norm", (X, None, None, None, None, False), ValueError, "running_mean"),
    ("group_norm", (X, 4), ValueError, "num_groups=4"),
    ("group_norm", (X, 0), ValueError, "num_groups=0"),
    ("group_norm", (X, -1), ValueError, "num_groups=-1"),
    ("group_norm", (X, 2**63), ValueError, "64-bit"),
    ("group_norm", (X, 2.0), TypeError, "num_groups must be an int"),
    ("group_norm", (np.ones((1, 4)), 4), ValueError, "more than one value"),
    ("layer_norm", (X, 5), TypeError, "normalized_shape must be a tuple"),
    ("layer_norm", (X, ()), ValueError, r"at least one, but got .*\(\)"),
    ("layer_norm", (X, (6,)), ValueError, r"=\(6,\), input.shape=\(2, 6, 5\)"),
    ("layer_norm", (X, (2**62, 2**62)), ValueError, "normalized_shape"),
    ("layer_norm", (X, (1, 2, 6, 5)), ValueError, "normalized_shape"),
    ("layer_norm", (X, (5.0,)), TypeError, "normalized_shape must be an int"),
    ("layer_norm", (X, evil_list()), ValueError, r"\(5, 7\)"),
    ("layer_norm", (X, (5,), np.ones(6)), ValueError, r"weight .*\(5,\), but got .*\(6,\)"),
    ("rms_norm", (X, (5,), None, -1.0), ValueError, "eps"),
    ("rms_norm", (X.astype(int), (5,)), TypeError, "int64"),
    ("normalize", (X, np.nan), ValueError, "p=nan"),
    ("normalize", (X, 2.0, 3), ValueError, "dim must be from -3 to 2, but got 3"),
    ("normalize", (X, 2.0, (0, -3)), ValueError, "must differ"),
    ("normalize", (X, "a"), TypeError, "p must be a number"),
    ("local_response_norm", (np.ones((2, 3)), 3), ValueError, r"\(2, 3\)"),
    ("local_response_norm", (X, 0), ValueError, "size=0"),
    ("local_response_norm", (X, 1.5), TypeError, "size must be an int"),
]


@pytest.mark.parametrize(("op", "args", "error", "words"), ERRORS)
def test_errors(op: str, args: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=rf"^{op}: .*{words}"):
        getattr(F, op)(*args)


def test_read_only_statistics_are_refused_before_anything_is_computed() -> None:
    mean, var = np.zeros(6), np.ones(6)
    var.flags.writeable = False
    with pytest.raises(ValueError, match="batch_norm: running_var must be writeable"):
        F.batch_norm(X, mean, var, training=True)
    np.testing.assert_array_equal(mean, 0)


def test_huge_windows_of_channels_take_no_time() -> None:
    got = F.local_response_norm(X, 2**62, alpha=float(2**62))
    np.testing.assert_allclose(got, X / (1 + (X**2).sum(1, keepdims=True)) ** 0.75)


def test_float16_computes_in_float32() -> None:
    x = (3 + 0.1 * np.random.default_rng(0).standard_normal((4, 6, 50))).astype(np.float16)
    for call in (
        lambda x: F.batch_norm(x, None, None, training=True),
        lambda x: F.group_norm(x, 2),
        lambda x: F.layer_norm(x, (50,), np.ones(50, x.dtype)),
        lambda x: F.rms_norm(x, (50,)),
        lambda x: F.normalize(x),
        lambda x: F.local_response_norm(x, 3),
    ):
        got, want = call(x), call(x.astype(np.float64))
        assert got.dtype == np.float16
        np.testing.assert_allclose(got, want, rtol=2e-3, atol=2e-3)


LAYERS: list[tuple[str, tuple[Any, ...], dict[str, Any], tuple[int, ...]]] = [
    ("BatchNorm1d", (6,), {}, (4, 6)),
    ("BatchNorm2d", (6,), {"momentum": None}, (4, 6, 3, 3)),
    ("BatchNorm3d", (6,), {"affine": False}, (4, 6, 2, 3, 3)),
    ("InstanceNorm1d", (6,), {}, (4, 6, 9)),
    ("InstanceNorm1d", (6,), {"affine": True}, (6, 9)),
    ("InstanceNorm2d", (6,), {"affine": True, "track_running_stats": True}, (4, 6, 3, 3)),
    ("InstanceNorm3d", (6,), {}, (4, 6, 2, 3, 3)),
    ("GroupNorm", (3, 6), {}, (4, 6, 3, 3)),
    ("GroupNorm", (3, 6), {"affine": False}, (4, 6, 3, 3)),
    ("LayerNorm", ([6, 3],), {}, (4, 6, 3)),
    ("LayerNorm", (3,), {"elementwise_affine": False}, (4, 6, 3)),
    ("LayerNorm", (3,), {"bias": False}, (4, 6, 3)),
    ("RMSNorm", (3,), {}, (4, 6, 3)),
    ("RMSNorm", ((6, 3),), {"elementwise_affine": False, "eps": 0.1}, (4, 6, 3)),
    ("LocalResponseNorm", (3,), {"alpha": 0.1}, (4, 6, 3)),
]


@pytest.mark.parametrize(("name", "args", "kwargs", "shape"), LAYERS)
def test_layers_are_torchs(name: str, args: Any, kwargs: Any, shape: Any) -> None:
    torch = pytest.importorskip("torch")
    theirs = getattr(torch.nn, name)(*args, **kwargs)
    ours = getattr(nn, name)(*args, **kwargs)
    rng = np.random.default_rng(0)
    state = {k: v.numpy().copy() for k, v in theirs.state_dict().items()}
    for value in state.values():
        if value.ndim:
            value[...] = rng.random(value.shape) + 0.5
    theirs.load_state_dict({k: torch.tensor(v) for k, v in state.items()})
    ours.load_state_dict(state)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for training in (True, True, False):
        ours.train(training)
        theirs.train(training)
        x = rng.standard_normal(shape, dtype=np.float32)
        want = theirs(torch.tensor(x)).detach().numpy()
        np.testing.assert_allclose(ours(x).data, want, rtol=1e-4, atol=1e-5)
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[key], value.numpy(), rtol=1e-4, atol=1e-5)
    assert name in repr(ours)


def test_layers_refuse() -> None:
    with pytest.raises(ValueError, match="num_groups=4, num_channels=6"):
        nn.GroupNorm(4, 6)
    with pytest.raises(ValueError, match="InstanceNorm1d: input must have 2 or 3 axes"):
        nn.InstanceNorm1d(6)(np.ones((2, 6, 3, 3), np.float32))
