# SPDX-License-Identifier: MIT
"""Activations beyond their cases: every exponent, random cases beside torch, odd memory, `out`."""

import math
import os
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ndnn
import ndnn.functional as F
from ndnn import Tensor, config, nn
from oracle import forced, strided

RANDOM_CASES = int(os.environ.get("NDNN_RANDOM_CASES", "10000")) // 10
RNG = np.random.default_rng(0)


# Name: how to draw its arguments.
FUNCTIONS: dict[str, Callable[[np.random.Generator], dict[str, Any]]] = {
    **{
        op: lambda rng: {}
        for op in [
            "relu",
            "relu6",
            "selu",
            "sigmoid",
            "tanh",
            "logsigmoid",
            "softsign",
            "tanhshrink",
            "hardsigmoid",
            "hardswish",
            "silu",
            "mish",
            "rrelu",
        ]
    },
    "leaky_relu": lambda rng: {"negative_slope": float(rng.uniform(-1, 1))},
    "hardtanh": lambda rng: {"min_val": -float(rng.uniform(0, 2)), "max_val": float(rng.uniform())},
    "threshold": lambda rng: {"threshold": float(rng.normal()), "value": float(rng.normal())},
    "hardshrink": lambda rng: {"lambd": float(rng.uniform(0, 2))},
    "softshrink": lambda rng: {"lambd": float(rng.uniform(0, 2))},
    "softplus": lambda rng: {
        "beta": float(rng.uniform(0.1, 3)),
        "threshold": float(rng.uniform(1, 20)),
    },
    "elu": lambda rng: {"alpha": float(rng.uniform(-2, 2))},
    "celu": lambda rng: {"alpha": float(rng.uniform(0.1, 3))},
    "gelu": lambda rng: {"approximate": str(rng.choice(["none", "tanh"]))},
}


def random_array(rng: np.random.Generator, dtype: str, least: int = 0) -> np.ndarray:
    """Any number of axes and any strides, with zeros, bends and large numbers in it."""
    shape = tuple(rng.integers(1, 9, rng.integers(least, 5)))
    if rng.random() < 0.1 and shape:
        shape = (*shape[:-1], int(rng.integers(0, 400)))
    x = (rng.standard_normal(shape) * rng.choice([0.5, 3, 30])).astype(dtype)
    special = np.array([0, 3, -3, 6, 1, -1, 20, -20], dtype)
    x = np.where(rng.random(shape) < 0.1, rng.choice(special, shape), x)
    x = x.transpose(rng.permutation(x.ndim))
    steps = tuple(slice(None, None, int(rng.choice([1, 1, -1, 2]))) for _ in shape)
    return x[steps]


def test_random_functions_are_torchs() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    for _ in range(RANDOM_CASES):
        op, dtype = str(rng.choice(list(FUNCTIONS))), str(rng.choice(["float32", "float64"]))
        kwargs = FUNCTIONS[op](rng)
        x = random_array(rng, dtype)
        with forced(str(rng.choice(config.supported_isas()))):
            ours, theirs = Tensor(x, requires_grad=True), torch.tensor(x.copy(), requires_grad=True)
            got, want = (
                getattr(F, op)(ours, **kwargs),
                getattr(torch.nn.functional, op)(theirs, **kwargs),
            )
            g = rng.standard_normal(x.shape).astype(dtype)
            got.backward(g)
            want.backward(torch.tensor(g))
            assert getattr(F, op)(x, **kwargs).tobytes() == got.data.tobytes()
        # torch's own errors are some ulp of the input, as in x - tanh(x) and 1 + erf(x)
        eps = np.finfo(dtype).eps
        bound = 32 * eps * (1 + np.abs(x)) * (1 + max(map(abs, _numbers(kwargs)), default=0))
        assert np.all(np.abs(got.data - want.detach().numpy()) <= bound), (op, kwargs, x)
        if op in ("celu", "hardsigmoid"):  # torch's gradients round a constant to float32
            bound = bound + 1e-7 * (1 + np.abs(x))
        error = np.abs(ours.grad - theirs.grad.numpy())
        assert np.all(error <= bound * (1 + np.abs(g))), (op, kwargs, x, g)


def _numbers(kwargs: dict[str, Any]) -> list[float]:
    return [v for v in kwargs.values() if isinstance(v, float)]


def test_random_prelu_and_glu_are_torchs() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    for _ in range(RANDOM_CASES // 4):
        x = random_array(rng, "float64", 1)
        channels = x.shape[1] if x.ndim > 1 else 1
        w = rng.standard_normal(int(rng.choice([1, channels])))
        args = [x, w]
        dim = int(rng.integers(x.ndim))
        call: Callable[..., Any] = lambda f, *a: f.prelu(*a)  # noqa: E731
        if x.shape[dim] % 2 == 0 and rng.random() < 0.5:
            args, call = [x], lambda f, a, dim=dim: f.glu(a, dim)
        ours = [Tensor(a, requires_grad=True) for a in args]
        theirs = [torch.tensor(a.copy(), requires_grad=True) for a in args]
        got, want = call(F, *ours), call(torch.nn.functional, *theirs)
        g = rng.standard_normal(got.shape)
        got.backward(g)
        want.backward(torch.tensor(g))
        np.testing.assert_allclose(got.data, want.detach().numpy(), rtol=1e-13, atol=1e-14)
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a.grad, b.grad.numpy(), rtol=1e-11, atol=1e-12)


# ---- accuracy

EXACT: dict[str, tuple[Callable[[np.ndarray], Any], float]] = {
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), 4),
    "tanh": (np.tanh, 4),
    "logsigmoid": (lambda x: np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x))), 2),
    "softplus": (lambda x: np.where(x > 20, x, np.log1p(np.exp(np.minimum(x, 30)))), 4),
    "softsign": (lambda x: x / (1 + np.abs(x)), 2),
    "elu": (lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), 4),
    "silu": (lambda x: x / (1 + np.exp(-x)), 4),
    "mish": (lambda x: x * np.tanh(np.log1p(np.exp(np.minimum(x, 700)))), 6),
    "gelu": (lambda x: x * (_erfc(-x * math.sqrt(0.5)) / 2), 8),
    "hardswish": (lambda x: x * np.clip(x + 3, 0, 6) / 6, 4),
    "hardsigmoid": (lambda x: np.clip(x + 3, 0, 6) / 6, 4),
}
_erfc = np.vectorize(math.erfc, otypes=[float])
LIKE_EXP = {"sigmoid", "softplus", "silu", "mish", "gelu"}


def every_exponent() -> np.ndarray:
    """Both signs of 60 numbers of each of float32's exponents, subnormal ones too."""
    bits = (np.arange(255, dtype=np.uint32) << 23)[:, None]
    x = (bits | RNG.integers(0, 2**23, (255, 60), np.uint32)).view(np.float32).ravel()
    return np.concatenate([x, -x, RNG.uniform(-88, 20, 4000).astype(np.float32)])


def test_ulps_over_every_exponent(isa: str) -> None:
    """The bounds of the docstrings, where results are normal. `pytest -s` shows the table."""
    x = every_exponent()
    tiny = np.finfo(np.float32).tiny
    table = {}
    with np.errstate(all="ignore"), forced(isa):
        for op, (exact, bound) in EXACT.items():
            want = exact(x.astype(np.float64))
            got = getattr(F, op)(x)
            # Where e^-|x| or, for gelu, e^(-x^2 / 2) is not normal, neither are the digits.
            few = np.abs(want) < tiny
            if op in LIKE_EXP:
                few |= x < (-13 if op == "gelu" else -87)
            spacing = np.spacing(np.abs(want).clip(tiny, 3e38).astype(np.float32))
            ulps = np.where(few, 0, np.abs(got - want) / spacing)
            table[op] = float(ulps.max()), bound, float(x[ulps.argmax()])
            assert np.all(np.abs(got - want)[few] <= (np.abs(x[few]) + 4) * tiny)
    text = "\n".join(
        f"{op:12s} {u:5.2f} of {b} ulp, at {at:.9g}" for op, (u, b, at) in table.items()
    )
    print(f"\n{isa}, float32\n{text}")
    assert all(ulps <= bound for ulps, bound, _ in table.values()), text


@pytest.mark.parametrize("op", sorted(FUNCTIONS))
def test_nan_inf_and_zero_are_torchs(op: str, isa: str, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 3, -3, 6, 1e30, -1e30, 0.5, -0.5, 20], dtype)
    x = np.tile(x, 5)  # also in whole vectors
    kwargs = {"threshold": 0.5, "value": 2.0} if op == "threshold" else {}
    ours, theirs = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    with forced(isa):
        got, want = (
            getattr(F, op)(ours, **kwargs),
            getattr(torch.nn.functional, op)(theirs, **kwargs),
        )
        got.backward(np.ones_like(x))
        want.backward(torch.ones_like(want))
    # Here gelu has its limits at -inf and inf; torch has nan, and inf in float64.
    held = np.isfinite(x) if op == "gelu" else np.full(x.shape, True)
    np.testing.assert_allclose(got.data[held], want.detach().numpy()[held], rtol=1e-5, atol=1e-6)
    known = np.isfinite(x) if op in {"softsign", "tanhshrink", "mish", "gelu", "silu"} else x == x
    np.testing.assert_allclose(
        ours.grad[known], theirs.grad.numpy()[known], rtol=1e-5, atol=1e-6, err_msg=str(x[known])
    )


# ---- memory

OPS = ["relu", "gelu", "softplus", "tanh"]


@pytest.mark.parametrize("op", [*OPS, "softmax"])
def test_results_lie_as_the_input_does(op: str, dtype: str) -> None:
    x = RNG.standard_normal((5, 6, 7)).astype(dtype)
    call = (lambda a: F.softmax(a, 1)) if op == "softmax" else getattr(F, op)
    want = call(x)
    for a in (x.transpose(2, 0, 1), np.asfortranarray(x), x[::-1, ::2]):
        y = (
            getattr(F, op)(a, *((2,) if op == "softmax" else ()))
            if a.shape == (7, 5, 6)
            else call(a)
        )
        dense = np.empty_like(a)
        assert y.strides == dense.strides
    np.testing.assert_array_equal(call(np.asfortranarray(x)), want)
    np.testing.assert_array_equal(call(x[::-1])[::-1], want)


@pytest.mark.parametrize("op", OPS)
def test_out_and_inplace(op: str, dtype: str) -> None:
    x = RNG.standard_normal((40, 301)).astype(dtype)
    f, want = getattr(F, op), getattr(F, op)(x)
    out = np.empty_like(x)
    assert f(x, out=out) is out
    np.testing.assert_array_equal(out, want)
    for out in strided(np.zeros_like(x)):
        np.testing.assert_array_equal(f(x, out=out), want)
    y = x.copy()
    assert f(y, out=y) is y
    np.testing.assert_array_equal(y, want)
    y = x.copy()
    np.testing.assert_array_equal(f(y[:, ::-1], out=y), want[:, ::-1])  # overlaps otherwise
    both = np.concatenate([x[0], x[0]])
    np.testing.assert_array_equal(f(both[1:302], out=both[:301]), f(np.r_[x[0, 1:], x[0, :1]]))
    if op == "relu":
        y = x.copy()
        assert F.relu(y, inplace=True) is y
        np.testing.assert_array_equal(y, want)
    half = x.astype(np.float16)
    out = np.empty_like(half)
    np.testing.assert_array_equal(f(half, out=out), f(half))


@pytest.mark.parametrize(
    ("out", "error", "words"),
    [
        (np.zeros(4), ValueError, r"out must have the shape \(3,\)"),
        (np.zeros(3, np.float32), TypeError, "dtype float64"),
        ([0.0] * 3, TypeError, "out must be a NumPy array"),
        (np.zeros(3).astype(">f8"), TypeError, "native"),
        (np.broadcast_to(np.zeros(3), 3), ValueError, "read-only"),
        (np.lib.stride_tricks.as_strided(np.zeros(1), (3,), (0,)), ValueError, "overlap itself"),
        (np.ma.zeros(3), TypeError, "masked"),  # type: ignore[no-untyped-call]
    ],
    ids=["shape", "dtype", "list", "byte_order", "read_only", "repeated", "masked"],
)
def test_out_must_fit(out: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=f"relu: .*{words}"):
        F.relu(np.ones(3), out=out)


def test_tensors_are_not_written() -> None:
    x = Tensor(np.ones(3), requires_grad=True)
    with pytest.raises(NotImplementedError, match="relu: inplace"):
        F.relu(x, inplace=True)
    with pytest.raises(NotImplementedError, match="dropout: inplace"):
        F.dropout(x, inplace=True)
    with pytest.raises(TypeError, match="relu: out"):
        F.relu(x, out=np.ones(3))


@pytest.mark.parametrize("op", [*OPS, "softmax", "log_softmax"])
def test_the_output_is_all_the_memory(op: str) -> None:
    x = RNG.standard_normal((4, 3, 500, 100)).astype(np.float32)
    call = getattr(F, op)
    for a in (x, x.transpose(0, 2, 3, 1), x[:, :, ::-1], x[..., ::2]):
        call(a)
        tracemalloc.start()
        call(a)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < a.nbytes + 20_000


# ---- threads


@pytest.mark.parametrize("op", [*OPS, "softmax", "log_softmax", "dropout", "rrelu"])
def test_threads_change_no_bit_of_large_arrays(op: str, dtype: str) -> None:
    x = RNG.standard_normal((3, 50, 2000)).astype(dtype)
    kwargs: dict[str, Any] = {"training": True} if op == "rrelu" else {}
    found = []
    for a in (x, x.transpose(2, 0, 1)):
        for threads in (1, 2, 3):
            if op in ("dropout", "rrelu"):
                kwargs["generator"] = np.random.default_rng(5)
            with ndnn.num_threads(threads):
                t = Tensor(a, requires_grad=True)
                y = getattr(F, op)(t, **kwargs)
                y.backward(np.ones_like(a))
                found.append((y.data.tobytes(), t.grad.tobytes()))
        assert found[-1] == found[-2] == found[-3]


def test_prelu_weight_gradient_with_threads() -> None:
    x = RNG.standard_normal((3, 70, 4000)).astype(np.float32)
    for count in (70, 1):
        grads = []
        for threads in (1, 2):
            w = Tensor(np.full(count, 0.25, np.float32), requires_grad=True)
            with ndnn.num_threads(threads):
                F.prelu(Tensor(x), w).backward(np.ones_like(x))
            grads.append(w.grad)
        np.testing.assert_array_equal(*grads)
        want = np.minimum(x, 0).astype(np.float64).sum((0, 2))
        np.testing.assert_allclose(grads[0], want if count == 70 else [want.sum()], rtol=1e-6)


# ---- arguments


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: F.leaky_relu(x, "a"), TypeError, "leaky_relu: negative_slope must be a float"),
        (lambda x: F.leaky_relu(x, True), TypeError, "leaky_relu: negative_slope"),
        (lambda x: F.hardtanh(x, 1, -1), ValueError, "hardtanh: min_val .* min_val=1, max_val=-1"),
        (lambda x: F.softshrink(x, -1), ValueError, "softshrink: lambd .* lambd=-1"),
        (lambda x: F.softshrink(x, math.nan), ValueError, "softshrink: lambd .* lambd=nan"),
        (lambda x: F.celu(x, 0), ValueError, "celu: alpha .* alpha=0"),
        (lambda x: F.softplus(x, 0), ValueError, "softplus: beta .* beta=0"),
        (lambda x: F.rrelu(x, 1, 0), ValueError, "rrelu: lower .* lower=1, upper=0"),
        (lambda x: F.gelu(x, "erf"), ValueError, "gelu: approximate .*'erf'"),
        (lambda x: F.glu(x, 2), ValueError, "glu: dim must be from -2 to 1"),
        (lambda x: F.glu(x, 0), ValueError, r"glu: axis 0 must be of even length.*\(3, 4\)"),
        (lambda x: F.glu(x[0, 0]), ValueError, "glu: input must have an axis"),
        (lambda x: F.prelu(x, np.ones(3)), ValueError, r"prelu: weight .* 4 channels.*\(3,\)"),
        (lambda x: F.prelu(x, np.ones(4, np.float32)), TypeError, "prelu: .* one dtype"),
        (lambda x: F.softmax(x, 2**80), ValueError, "softmax: dim must be a 64-bit"),
        (lambda x: F.softmax(x, True), TypeError, "softmax: dim must be an int"),
        (lambda x: F.softmax(x, -3), ValueError, "softmax: dim must be from -2 to 1"),
        (lambda x: F.gumbel_softmax(x, 0), ValueError, "gumbel_softmax: tau"),
        (lambda x: F.dropout1d(x[0]), ValueError, r"dropout1d: input must have .*\(4,\)"),
        (lambda x: F.dropout2d(x, math.nan), ValueError, "dropout2d: p must be"),
        (lambda x: F.alpha_dropout(x, -1), ValueError, "alpha_dropout: p must be"),
        (lambda x: nn.Dropout2d(2), ValueError, "Dropout2d: p must be"),
        (lambda x: nn.Softmax2d()(x), ValueError, "Softmax2d: input must have"),
    ],
)
def test_errors(call: Callable[[Any], Any], error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        call(np.ones((3, 4)))


class Changing:
    """An index that is another one each time, and a nuisance beside."""

    def __init__(self) -> None:
        self.seen = 0

    def __index__(self) -> int:
        self.seen += 1
        return self.seen if self.seen < 2 else 2**70


def test_hostile_arguments_do_no_harm() -> None:
    x = np.ones((2, 3), np.float32)
    assert F.softmax(x, Changing()).shape == (2, 3)  # type: ignore[arg-type]
    for bad in (10**400, "1", 1j, [1], np.ones(2)):
        with pytest.raises((TypeError, ValueError)):
            F.leaky_relu(x, bad)  # type: ignore[arg-type]
        with pytest.raises((TypeError, ValueError)):
            F.softmax(x, bad)  # type: ignore[arg-type]
    for name in ("", "nothing", "x" * 10**6):
        with pytest.raises(ValueError, match="elementwise"):
            ndnn._load._core.activation(name, x, None)
    huge = np.lib.stride_tricks.as_strided(x, (2**40, 2**10), (0, 0))
    with pytest.raises(MemoryError):
        F.relu(huge)
    with pytest.raises(MemoryError):
        F.softmax(huge, 1)
    assert F.relu(np.empty((2**40, 0), np.float32)).shape == (2**40, 0)
    assert F.softmax(np.empty((0, 2**40), np.float32), 1).shape == (0, 2**40)
    assert F.relu(np.ones((1,) * 64)).ndim == 64
    assert F.hardtanh(x, -math.inf, math.inf).tolist() == x.tolist()


def test_an_infinite_gradient_stays_where_it_is() -> None:
    for op in ("relu", "relu6", "hardshrink", "softshrink", "hardsigmoid", "hardswish"):
        x = Tensor([-4.0 if op.startswith(("hards", "relu")) else 0.1, 2.0], requires_grad=True)
        if op.endswith("shrink"):
            x.data = np.array([0.1, 2.0])
        getattr(F, op)(x).backward([np.inf, 1.0])
        assert x.grad[0] == 0


# ---- layers


@pytest.mark.parametrize(
    ("name", "args"),
    [
        *((n, ()) for n in ("ReLU", "ReLU6", "SELU", "SiLU", "Mish", "Hardswish", "Hardsigmoid")),
        *((n, ()) for n in ("Sigmoid", "Tanh", "LogSigmoid", "Softsign", "Tanhshrink", "ELU")),
        *((n, ()) for n in ("CELU", "Hardshrink", "Softshrink", "Softplus", "GELU", "LeakyReLU")),
        *((n, ()) for n in ("Hardtanh", "PReLU", "Softmax2d", "RReLU", "Dropout", "Dropout1d")),
        *((n, ()) for n in ("Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout")),
        *((n, (1,)) for n in ("Softmax", "LogSoftmax", "Softmin", "GLU")),
        *(
            ("Threshold", (0.1, 0.5)),
            ("PReLU", (4, 0.1)),
            ("Hardtanh", (-2, 1)),
            ("GELU", ("tanh",)),
        ),
    ],
)
def test_layers_are_torchs(name: str, args: tuple[Any, ...]) -> None:
    torch = pytest.importorskip("torch")
    shape = {"Dropout1d": (2, 4, 3), "Dropout3d": (2, 4, 3, 2, 2)}.get(name, (2, 4, 3, 2))
    x = RNG.standard_normal(shape).astype(np.float32)
    ours, theirs = getattr(nn, name)(*args).eval(), getattr(torch.nn, name)(*args).eval()
    assert [*ours.state_dict()] == [*theirs.state_dict()]
    want = theirs(torch.tensor(x)).detach().numpy()
    got = ours(x)
    np.testing.assert_allclose(
        got.data if isinstance(got, Tensor) else got, want, rtol=1e-5, atol=1e-6
    )
    assert repr(ours).startswith(f"{name}(")


def test_whole_numbers_of_tensors() -> None:
    x = Tensor(np.array([-1, 0, 2]))
    assert x.relu().dtype == np.int64
    assert x.relu().tolist() == [0, 0, 2]
    assert x.sigmoid().dtype == np.float64
    np.testing.assert_allclose(x.tanh().data, np.tanh([-1, 0, 2]))
    with pytest.raises(TypeError, match="relu: input"):
        F.relu(x)
