# SPDX-License-Identifier: MIT
"""Tensor and tape: values are NumPy's, gradients those of finite differences and of torch."""

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ndnn
import ndnn.functional as F
from ndnn import Tensor, gradcheck, no_grad

RNG = np.random.default_rng(0)


def leaf(*shape: int, low: float = -2.0) -> Tensor:
    return Tensor(RNG.uniform(low, 2, shape), requires_grad=True)


# name: (function, shapes of its inputs, lowest value)
FUNCTIONS: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]], float]] = {
    "add": (lambda a, b: a + b, [(3, 4), (4,)], -2),
    "subtract": (lambda a, b: a - b, [(3, 1), (1, 4)], -2),
    "multiply": (lambda a, b: a * b, [(), (3, 4)], -2),
    "divide": (lambda a, b: a / b, [(2, 3, 4), (3, 1)], 0.5),
    "power": (lambda a, b: a**b, [(3, 4), (4,)], 0.5),
    "square": (lambda a: a**2, [(3,)], -2),
    "zeroth_power": (lambda a: a**0, [(3,)], -2),
    "reflected": (lambda a: 2 - a + 3 * a + 1 / a + 2**a, [(3,)], 0.5),
    "with_arrays": (lambda a: np.ones((2, 3)) * a - np.arange(3.0) @ a, [(3,)], -2),
    "negative": (lambda a: -a, [(3,)], -2),
    "abs": (abs, [(5,)], -2),
    "matmul": (lambda a, b: a @ b, [(3, 4), (4, 5)], -2),
    "matmul_batch": (lambda a, b: a @ b, [(2, 1, 3, 4), (5, 4, 2)], -2),
    "matmul_vectors": (lambda a, b: a @ b, [(4,), (4,)], -2),
    "matmul_left_vector": (lambda a, b: a @ b, [(4,), (2, 4, 3)], -2),
    "matmul_right_vector": (lambda a, b: a @ b, [(2, 3, 4), (4,)], -2),
    **{
        name: (lambda a, name=name: getattr(a, name)(), [(3, 4)], 0.5 if name in "logsqrt" else -2)
        for name in ("exp", "log", "sqrt", "sin", "cos", "tanh", "sigmoid", "relu", "abs")
    },
    "clip": (lambda a: a.clip(-1, 1.5), [(9,)], -2),
    "maximum": (ndnn.maximum, [(3, 4), (4,)], -2),
    "minimum": (ndnn.minimum, [(3, 4), (1,)], -2),
    "where": (lambda a, b: ndnn.where(np.arange(4) % 2 == 0, a, b), [(3, 4), (4,)], -2),
    **{
        f"{name}_{axis}_{keep}": (
            lambda a, n=name, x=axis, k=keep: getattr(a, n)(axis=x, keepdims=k),
            [(2, 3, 4)],
            -2,
        )
        for name in ("sum", "mean", "var", "std", "max", "min")
        for axis, keep in ((None, False), (1, False), (-1, True), ((0, 2), False))
    },
    "sample_var": (lambda a: a.var(axis=0, ddof=1), [(5, 2)], -2),
    "reshape": (lambda a: a.reshape(4, -1), [(2, 3, 4)], -2),
    "reshape_tuple": (lambda a: a.reshape((6, 4)), [(2, 3, 4)], -2),
    "flatten": (lambda a: a.flatten(1), [(2, 3, 4)], -2),
    "squeeze": (lambda a: a.squeeze(), [(2, 1, 4)], -2),
    "unsqueeze": (lambda a: a.unsqueeze(-1), [(2, 4)], -2),
    "transpose": (lambda a: a.transpose(), [(2, 3, 4)], -2),
    "T": (lambda a: a.T, [(3, 4)], -2),
    "permute": (lambda a: a.permute(2, 0, -2), [(2, 3, 4)], -2),
    "expand": (lambda a: a.expand(5, -1, 4), [(3, 1)], -2),
    "basic_index": (lambda a: a[1:, None, ..., 0], [(3, 4)], -2),
    "mask": (lambda a: a[np.eye(3, dtype=bool)], [(3, 3)], -2),
    "repeated_index": (lambda a: a[[0, 0, 2], [1, 1, 0]], [(3, 3)], -2),
    "iterate": (lambda a: sum(row * i for i, row in enumerate(a)), [(3, 3)], -2),
    "concatenate": (lambda a, b: ndnn.concatenate([a, b, a], axis=-1), [(2, 3), (2, 1)], -2),
    "stack": (lambda a, b: ndnn.stack([a, b], axis=1), [(2, 3), (2, 3)], -2),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradient_of(name: str) -> None:
    f, shapes, low = FUNCTIONS[name]
    assert gradcheck(f, [leaf(*shape, low=low) for shape in shapes])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32_stays(name: str) -> None:
    f, shapes, low = FUNCTIONS[name]
    if name == "with_arrays":
        pytest.skip("float64 arrays make float64, as in NumPy")
    inputs = [Tensor(leaf(*s, low=low).data.astype(np.float32), requires_grad=True) for s in shapes]
    y = f(*inputs)
    y.sum().backward()
    assert [y.dtype, *(x.grad.dtype for x in inputs)] == [np.float32] * (1 + len(inputs))
    with no_grad():
        wide = f(*(Tensor(x.data.astype(np.float64)) for x in inputs))
    np.testing.assert_allclose(y.data, wide.data, rtol=2e-5, atol=2e-5)


SMOOTH: list[Callable[[Any, Any], Any]] = [
    lambda a, b: a + b,
    lambda a, b: a * b - 0.5 * a,
    lambda a, b: a / (1 + b * b),
    lambda a, b: a.tanh() @ b.T @ a,
    lambda a, b: (a * 0.3).exp() - b.mean(axis=0),
    lambda a, b: a.sigmoid() + b.sum(axis=1, keepdims=True),
    lambda a, b: ndnn.concatenate([a[:1], b[1:]]) * a[::-1],
    lambda a, b: F.softmax(a, 1) * b,
    lambda a, b: F.conv1d(a.unsqueeze(0), b.reshape(3, 3, 1)).reshape(3, 3) * 0.2,
    lambda a, b: F.linear(a, b) * 0.2,
]


@given(st.lists(st.tuples(st.sampled_from(range(10)), st.booleans()), min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_random_compositions(steps: list[tuple[int, bool]]) -> None:
    rng = np.random.default_rng(1)
    x, y = (Tensor(rng.uniform(-1, 1, (3, 3)), requires_grad=True) for _ in range(2))

    def f(x: Tensor, y: Tensor) -> Any:
        a, b = x, y
        for number, swap in steps:
            a, b = (b, SMOOTH[number](a, b)) if swap else (SMOOTH[number](a, b), a)
            a, b = a.sin(), b.sin()
        return a * b

    assert gradcheck(f, [x, y], atol=1e-4)


def test_gradients_add_up_and_are_forgotten() -> None:
    x = leaf(3)
    for times in (1, 2, 3):
        (x * 2).sum().backward()
        np.testing.assert_array_equal(x.grad, [2.0 * times] * 3)
    x.zero_grad()
    assert x.grad is None


def test_gradients_share_no_memory() -> None:
    a, b = leaf(3), leaf(3)
    seed = np.ones(3)
    (a + b).backward(seed)
    a.grad[0] = 7
    np.testing.assert_array_equal(b.grad, [1, 1, 1])
    np.testing.assert_array_equal(seed, [1, 1, 1])


def test_a_result_used_many_times() -> None:
    x = Tensor([2.0], requires_grad=True)
    y = x * x
    (y + y * y + y.exp() * 0 + y).backward()
    assert x.grad.item() == 2 * 4 + 4 * 8


def test_deep_graphs() -> None:
    x = Tensor([1.0], requires_grad=True)
    y = x
    for _ in range(20_000):
        y = y + x
    y.backward()
    assert x.grad.item() == 20_001
    for _ in range(200_000):
        y = y * 1.0
    y = y + x
    del y  # freeing must not recurse either


def test_the_graph_is_freed() -> None:
    x = leaf(3)
    y = x.exp()
    nodes = [weakref.ref(y._node)]
    z = y.sum()
    nodes.append(weakref.ref(z._node))
    z.backward()
    gone = weakref.ref(y)
    del y, z
    gc.collect()
    assert gone() is None
    assert [node() for node in nodes] == [None, None]


def test_what_no_gradient_reads_is_freed_early() -> None:
    x = leaf(3)
    y = x + 1
    gone = weakref.ref(y)
    z = y + 1
    del y
    assert gone() is None
    z.sum().backward()
    np.testing.assert_array_equal(x.grad, [1, 1, 1])


def test_backward_twice() -> None:
    x = leaf(3)
    y = x.exp().sum()
    y.backward(retain_graph=True)
    y.backward()
    np.testing.assert_allclose(x.grad, 2 * np.exp(x.data))
    with pytest.raises(RuntimeError, match=r"sum was already gone through.*retain_graph=True"):
        y.backward()


def test_changed_values_are_detected() -> None:
    x, w = leaf(3), leaf(3)
    y = (x * w).sum()
    w.data = w.data + 1
    with pytest.raises(RuntimeError, match=r"multiply needs .* changed.*version 1.*version 0"):
        y.backward()
    y = (x + w).sum()  # whose gradient reads no values
    w.data = w.data + 1
    y.backward()
    y = (x * w.reshape(3).detach()).sum()
    ndnn.init.zeros_(w)  # in place, seen through the view
    with pytest.raises(RuntimeError, match="multiply needs"):
        y.backward()


def test_values_are_the_tensors_own() -> None:
    a = np.ones(3)
    x = Tensor(a, requires_grad=True)
    a[0] = 5
    assert x.data[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        x.data[0] = 2
    factor = np.ones(3)
    y = (x * factor).sum()
    factor[0] = 9
    y.backward()
    np.testing.assert_array_equal(x.grad, [1, 1, 1])


def test_no_grad() -> None:
    x = leaf(3)
    with no_grad():
        assert not ndnn.is_grad_enabled()
        y = x * 2
        with no_grad():
            pass
        assert not (x * 2).requires_grad

    @no_grad()
    def f() -> Tensor:
        return x * 2

    assert not y.requires_grad
    assert not f().requires_grad
    assert (x * 2).requires_grad


def test_conversions() -> None:
    x = Tensor([[1.0, 2.0]])
    np.testing.assert_array_equal(np.asarray(x), [[1, 2]])
    assert np.asarray(x, np.float32).dtype == np.float32
    assert (x.shape, x.ndim, x.size, x.dtype, len(x)) == ((1, 2), 2, 2, np.float64, 1)
    assert x[0, 1].item() == float(x[0, 1]) == int(x[0, 1]) == 2
    assert x.tolist() == [[1, 2]]
    assert hash(x) != hash(Tensor([[1.0, 2.0]]))
    assert (x == Tensor([[1.0, 3.0]])).tolist() == [[True, False]]
    assert (x < 1.5).tolist() == [[True, False]]
    assert repr(Tensor([1.0], requires_grad=True)) == "Tensor([1.], requires_grad=True)"
    y = leaf(2)
    for convert in (np.asarray, lambda t: t.numpy(), lambda t: ndnn.fused.conv1d(t, t)):
        with pytest.raises(TypeError, match="detach"):
            convert(y)
    np.testing.assert_array_equal(np.asarray(y.detach()), y.data)


def test_copies() -> None:
    x = leaf(3)
    for twin in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        np.testing.assert_array_equal(twin.data, x.data)
        assert twin.requires_grad
        assert not np.shares_memory(twin.data, x.data)
    with pytest.raises(TypeError, match="result of multiply"):
        copy.deepcopy(x * 2)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: leaf(3).exp().backward(), ValueError, r"one element only, but got shape=\(3,\)"),
        (lambda: leaf(3).exp().backward(np.ones(2)), ValueError, r"\(3,\).*but got \(2,\)"),
        (lambda: Tensor([1.0]).backward(), RuntimeError, "requires a gradient"),
        (lambda: setattr(leaf(3), "grad", np.ones(2)), ValueError, "grad: must have the shape"),
        (lambda: Tensor([1], requires_grad=True), TypeError, "int64"),
        (lambda: Tensor(["a"]), TypeError, "dtype=<U1"),
        (lambda: Tensor(np.ma.ones(2)), TypeError, "masked"),
        (lambda: Tensor([1.0, 2.0]).item(), ValueError, r"shape=\(2,\)"),
        (lambda: leaf(3).sum(axis=1), ValueError, "axis: .*1, but got 1"),
        (lambda: leaf(3).flatten(0, 4), ValueError, "axis"),
        (lambda: leaf(2, 3).flatten(1, 0), ValueError, "start_dim=1, end_dim=0"),
        (lambda: setattr(leaf(3).exp(), "requires_grad", False), RuntimeError, "detach"),
        (lambda: gradcheck(lambda x: x, Tensor([1.0])), ValueError, "requires_grad=True"),
        (
            lambda: gradcheck(lambda x: x, Tensor(np.float32(1), requires_grad=True)),
            ValueError,
            "input 0 must be float64",
        ),
    ],
)
def test_errors(call: Callable[[], Any], error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        call()


def test_gradcheck_finds_a_wrong_gradient() -> None:
    from ndnn.tensor import record

    def wrong(a: Tensor, b: Tensor) -> Any:
        return a + record("wrong", b.data**2, (b, lambda g: g * b.data * np.array([2, 2.01])))

    with pytest.raises(ValueError, match=r"input 1 at \(1,\) must be near .* but got "):
        gradcheck(wrong, [leaf(2), Tensor([1.0, 1.0], requires_grad=True)])


def test_a_wrong_shape_from_a_vjp_is_an_error() -> None:
    from ndnn.tensor import record

    y = record("wrong", np.ones(3), (leaf(3), lambda g: np.ones(4)))
    with pytest.raises(RuntimeError, match=r"wrong: .*\(3,\), but got \(4,\)"):
        y.backward(np.ones(3))


def test_the_callers_gradient_may_change_between_two_backwards() -> None:
    x = Tensor(np.arange(12.0).reshape(4, 3), requires_grad=True)
    y = ndnn.functional.batch_norm(x, None, None, training=True)
    given = np.ones((4, 3))
    given[0] = 2
    y.backward(given, retain_graph=True)
    first, x.grad = x.grad, None
    given *= 2
    y.backward(given)
    np.testing.assert_allclose(x.grad, 2 * first)
    given[...] = 0
    assert np.any(x.grad != 0)


@pytest.mark.parametrize(
    ("operator", "lists", "later"),
    [
        (
            lambda x, p, d: ndnn.functional.conv2d(x, np.ones((1, 2, 3, 3)), None, 1, p, d),
            ([1, 1], [1, 1]),
            ([2, 2], [2, 2]),
        ),
        (
            lambda x, p, d: ndnn.functional.conv_transpose2d(
                x, np.ones((2, 1, 3, 3)), None, 1, p, 0, 1, d
            ),
            ([1, 1], [1, 1]),
            ([2, 2], [2, 2]),
        ),
        (
            lambda x, k, p: ndnn.functional.avg_pool2d(x, k, 1, p),
            ([3, 3], [1, 1]),
            ([1, 1], [0, 0]),
        ),
        (
            lambda x, d, p: ndnn.functional.unfold(x, 3, d, p),
            ([1, 1], [1, 1]),
            ([2, 2], [2, 2]),
        ),
    ],
)
def test_a_list_may_change_before_backward(operator: Any, lists: Any, later: Any) -> None:
    """To one of the same output shape, which no check of the gradient would see."""
    x = Tensor(np.arange(72.0).reshape(1, 2, 6, 6), requires_grad=True)
    operator(x, *lists).sum().backward()
    want, x.grad = x.grad, None
    y = operator(x, *lists)
    for values, new in zip(lists, later, strict=True):
        values[:] = new
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, want)
