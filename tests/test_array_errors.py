# SPDX-License-Identifier: MIT
"""What the operators in plain NumPy and Tensors refuse, and odd inputs they must get right."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ndnn
import ndnn.functional as F
from ndnn import Tensor, optim

X = np.ones((2, 3, 4, 4))
MASKED = np.ma.masked_array(X, X > 2)  # type: ignore[no-untyped-call]
LABELS = np.zeros((2, 4, 4), int)

CALLS: dict[str, Callable[[Any], Any]] = {
    **{
        op: getattr(F, op)
        for op in ("relu", "leaky_relu", "sigmoid", "tanh", "softmax", "log_softmax", "dropout")
    },
    "linear": lambda x: F.linear(x, np.ones((5, 4))),
    "batch_norm": lambda x: F.batch_norm(x, None, None, training=True),
    "max_pool2d": lambda x: F.max_pool2d(x, 2),
    "avg_pool2d": lambda x: F.avg_pool2d(x, 2),
    "adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d(x, 2),
    "nll_loss": lambda x: F.nll_loss(x, LABELS),
    "cross_entropy": lambda x: F.cross_entropy(x, LABELS),
    "mse_loss": lambda x: F.mse_loss(x, X),
    "conv2d": lambda x: F.conv2d(x, Tensor(np.ones((5, 3, 2, 2)), requires_grad=True)),
}


@pytest.mark.parametrize("op", CALLS)
@pytest.mark.parametrize(
    "bad",
    [X.astype(int), X.astype(object), X.astype(str), X.astype(complex), MASKED, None],
    ids=["int", "object", "str", "complex", "masked", "None"],
)
def test_only_floating_point_arrays(op: str, bad: Any) -> None:
    with pytest.raises(TypeError, match=f"^{op}: .*, but got"):
        CALLS[op](bad)


@pytest.mark.parametrize("op", CALLS)
def test_byte_order_does_not_matter(op: str) -> None:
    x = np.random.default_rng(0).standard_normal(X.shape)
    if op == "dropout":
        x = np.zeros_like(x)
    got = CALLS[op](x.astype(">f8"))
    assert got.dtype == np.float64
    assert got.dtype.isnative
    np.testing.assert_array_equal(_values(got), _values(CALLS[op](x)))


def _values(y: Any) -> np.ndarray:
    return y.data if isinstance(y, Tensor) else y


@pytest.mark.parametrize("op", ["relu", "leaky_relu", "sigmoid", "tanh", "softmax"])
def test_arrays_without_axes_stay_arrays(op: str) -> None:
    assert isinstance(getattr(F, op)(np.array(0.5)), np.ndarray)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: F.softmax(X, 4), ValueError, "softmax: dim must be from -4 to 3, but got dim=4"),
        (lambda: F.log_softmax(X, 1.5), TypeError, "log_softmax: dim .* an int, but got float"),
        (lambda: F.linear(X, None), TypeError, "linear: weight must be an array"),
        (lambda: F.dropout(X, "much"), TypeError, "dropout: p must be a number"),
        (lambda: F.adaptive_avg_pool2d(X, 2.5), TypeError, "adaptive_avg_pool2d: output_size"),
        (lambda: F.batch_norm(X, [0] * 3, [1] * 3), TypeError, "batch_norm: running_mean"),
        (
            lambda: F.batch_norm(X, [0.0] * 3, [1.0] * 3, training=True),
            TypeError,
            "batch_norm: running_mean must be an array, which training changes, but got list",
        ),
        (lambda: Tensor(X, True).expand(4), ValueError, "expand: .* but got"),
        (lambda: Tensor(X, True).expand(2, 5, 4, 4), ValueError, "expand: .* but got"),
        (lambda: Tensor(X, True) * MASKED, TypeError, "masked"),
        (lambda: Tensor(X, True) * 1j, TypeError, "complex128"),
    ],
)
def test_errors(call: Callable[[], Any], error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        call()


def test_data_keeps_the_shape_of_a_gradient() -> None:
    x = Tensor(np.ones(3), requires_grad=True)
    x.data = np.ones(4)
    x.sum().backward()
    with pytest.raises(ValueError, match=r"must keep the shape \(4,\)"):
        x.data = np.ones(5)


def test_windows_far_larger_than_the_input_take_no_time() -> None:
    x = np.arange(16.0).reshape(1, 1, 4, 4)
    np.testing.assert_allclose(F.avg_pool2d(x, 2**20, 1, 2**19, divisor_override=120), 1.0)


def test_pools_are_torchs_for_random_windows() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for _ in range(300):
        kernel = tuple(rng.integers(1, 9, 2).tolist())
        stride = tuple(rng.integers(1, 4, 2).tolist())
        padding = tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel)
        ceil_mode = bool(rng.integers(2))
        x = rng.integers(-3, 3, (2, 2, *rng.integers(1, 9, 2))).astype(np.float64)
        where = kernel, stride, padding
        _same_pool(torch, "avg_pool2d", x, *where, ceil_mode, bool(rng.integers(2)))


def _same_pool(torch: Any, op: str, x: np.ndarray, *args: Any) -> None:
    try:
        want = getattr(torch.nn.functional, op)(torch.tensor(x), *args)
    except RuntimeError:
        with pytest.raises(ValueError, match=op):
            getattr(F, op)(x, *args)
        return
    got = getattr(F, op)(x, *args)
    np.testing.assert_allclose(
        got, want.numpy(), rtol=1e-12, atol=1e-12, err_msg=str((op, x.shape, args))
    )


def test_infinite_gradients_do_not_reach_what_was_not_chosen() -> None:
    x = Tensor([-1.0, 2.0], requires_grad=True)
    for y in (x.relu(), ndnn.where(np.array([False, True]), x, 0.0), x.clip(0.0, 3.0)):
        x.zero_grad()
        y.backward([np.inf, 1.0])
        np.testing.assert_array_equal(x.grad, [0, 1])


def test_no_grad_as_a_decorator_in_threads() -> None:
    x, guard = Tensor([1.0], requires_grad=True), ndnn.no_grad()
    inside, leave = threading.Event(), threading.Event()
    found: list[bool] = []

    @guard
    def second() -> Tensor:
        inside.set()
        leave.wait(30)
        return x * 2

    def run() -> None:
        found.append(second().requires_grad)
        found.append((x * 2).requires_grad)

    thread = threading.Thread(target=run)

    @guard
    def first() -> Tensor:  # enters first and leaves first
        thread.start()
        inside.wait(30)
        return x * 2

    found.append(first().requires_grad)
    found.append((x * 2).requires_grad)
    leave.set()
    thread.join()
    assert found == [False, True, False, True]


def test_optimisers_update_detached_views() -> None:
    p = Tensor(np.arange(6.0).reshape(2, 3)).T.detach()
    p.requires_grad = True
    p.sum().backward()
    optim.SGD([p], lr=1.0).step()
    np.testing.assert_array_equal(p.data, np.arange(6.0).reshape(2, 3).T - 1)


def test_an_index_changed_later_does_not_matter() -> None:
    x, places = Tensor(np.ones(3), requires_grad=True), Tensor(np.array([0, 0]))
    y = x[places]
    places.data = np.array([2, 2])
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [2, 0, 0])
    assert x[[]].shape == (0,)


@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
def test_files_keep_shapes_also_without_axes(tmp_path: Path, ending: str) -> None:
    if ending == ".safetensors":
        pytest.importorskip("safetensors")
    state = {"step": np.array(3), "none": np.zeros((0, 2)), "file": np.ones((2, 3), np.float32).T}
    ndnn.save(tmp_path / f"a{ending}", state)
    loaded = ndnn.load(tmp_path / f"a{ending}")
    assert loaded.keys() == state.keys()
    for name, array in state.items():
        assert loaded[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded[name], array, strict=True)


def test_threads_may_save_to_one_file(tmp_path: Path) -> None:
    state = {"a": np.arange(100_000)}
    errors: list[BaseException] = []

    def run() -> None:
        try:
            for _ in range(10):
                ndnn.save(tmp_path / "a.npz", state)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]
    np.testing.assert_array_equal(ndnn.load(tmp_path / "a.npz")["a"], state["a"])
