# SPDX-License-Identifier: MIT
"""Padding, sliding blocks and shuffles beside torch, and what they refuse."""

import os
from typing import Any

import numpy as np
import pytest

import ndnn
import ndnn.functional as F
from ndnn import Tensor, nn
from oracle import forced

RANDOM_CASES = int(os.environ.get("NDNN_RANDOM_CASES", "10000"))
MODES = ("constant", "reflect", "replicate", "circular")


def random_pad(rng: np.random.Generator) -> tuple[tuple[int, ...], str, dict[str, Any]]:
    mode = str(rng.choice(MODES))
    rank = int(rng.integers(1, 4))
    lead = int(rng.integers(1, 3)) if mode != "constant" else int(rng.integers(0, 3))
    shape = tuple(int(n) for n in rng.integers(1, (60, 20, 8)[rank - 1], lead + rank))
    widths: list[int] = []
    for n in shape[: -rank - 1 : -1]:
        most = {"constant": 20, "reflect": n - 1, "replicate": 20, "circular": n}[mode]
        pair = [int(rng.integers(0, most + 1)) for _ in range(2)]
        # torch leaves memory as it was where a crop and a circle meet.
        if n > 2 and mode != "circular" and rng.random() < 0.2:
            pair[int(rng.integers(2))] = -int(rng.integers(1, n))
        if mode != "constant" and n + sum(pair) < 1:
            pair = [0, 0]
        widths += pair
    kwargs: dict[str, Any] = {"pad": tuple(widths), "mode": mode}
    if mode == "constant":
        kwargs["value"] = float(rng.choice([0.0, -1.5, np.inf]))
    return shape, "pad", kwargs


def random_blocks(rng: np.random.Generator) -> tuple[tuple[int, ...], str, dict[str, Any]]:
    kernel, dilation, stride = rng.integers(1, 5, 2), rng.integers(1, 4, 2), rng.integers(1, 6, 2)
    if rng.random() < 0.3:
        stride, dilation = kernel, np.array([1, 1])
    padding = rng.integers(0, 4, 2)
    least = dilation * (kernel - 1) + 1 - 2 * padding
    size = np.maximum(least, 1) + rng.integers(0, [12, 40])
    kwargs = {
        name: tuple(map(int, v))
        for name, v in (
            ("kernel_size", kernel),
            ("dilation", dilation),
            ("padding", padding),
            ("stride", stride),
        )
    }
    lead = (int(rng.integers(1, 4)),) if rng.random() < 0.8 else ()
    channels = int(rng.integers(1, 5))
    if rng.random() < 0.5:
        return (*lead, channels, *map(int, size)), "unfold", kwargs
    blocks = (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    shape = (*lead, channels * int(np.prod(kernel)), int(np.prod(blocks)))
    return shape, "fold", {"output_size": tuple(map(int, size)), **kwargs}


def random_shuffle(rng: np.random.Generator) -> tuple[tuple[int, ...], str, dict[str, Any]]:
    lead = tuple(int(n) for n in rng.integers(1, 4, int(rng.integers(0, 3))))
    c, h, w = (int(n) for n in rng.integers(1, (4, 6, 40)))
    r = int(rng.integers(1, 11))
    kind = int(rng.integers(3))
    if kind == 0:
        return (*lead, c * r * r, h, w), "pixel_shuffle", {"upscale_factor": r}
    if kind == 1:
        return (*lead, c, h * r, w * r), "pixel_unshuffle", {"downscale_factor": r}
    return (h, c * r, w), "channel_shuffle", {"groups": r}


@pytest.mark.parametrize("draw", [random_pad, random_blocks, random_shuffle])
def test_equal_to_torch(isa: str, draw: Any) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(7)
    with forced(isa):
        for i in range(RANDOM_CASES // 10):
            shape, op, kwargs = draw(rng)
            dtype = ("float32", "float64")[i % 2]
            x = rng.integers(-9, 10, shape).astype(dtype)  # sums are exact
            a, b = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
            got, want = getattr(F, op)(a, **kwargs), getattr(torch.nn.functional, op)(b, **kwargs)
            np.testing.assert_array_equal(got.data, want.detach().numpy(), str((op, shape, kwargs)))
            g = rng.integers(-9, 10, got.shape).astype(dtype)
            got.backward(g)
            want.backward(torch.tensor(g))
            np.testing.assert_array_equal(a.grad, b.grad.numpy(), str((op, shape, kwargs)))


def test_circular_padding_goes_round_what_a_crop_leaves() -> None:
    x = np.arange(5.0).reshape(1, 5)
    assert F.pad(x, (2, -3), "circular").tolist() == [[0, 1, 0, 1]]
    assert F.pad(x, (-2, 2), "circular").tolist() == [[2, 3, 4, 2, 3]]
    with pytest.raises(ValueError, match="round at most once"):
        F.pad(x, (3, -3), "circular")


X = np.ones((2, 3, 4, 4))


@pytest.mark.parametrize(
    ("op", "args", "error", "words"),
    [
        ("pad", (X, 1), TypeError, "tuple of ints, but got int"),
        ("pad", (X, (1.5, 1)), TypeError, "must be an int, but got float"),
        ("pad", (X, (True, 1)), TypeError, "must be an int, but got bool"),
        ("pad", (X, (1, 2, 3)), ValueError, r"two numbers for each axis, but got pad=\(1, 2, 3\)"),
        ("pad", (X, (1,) * 10), ValueError, "at most two numbers"),
        ("pad", (X, (1, 1), "mirror"), ValueError, "mode='mirror'"),
        ("pad", (X, (1, 1), None), TypeError, "mode must be a str"),
        ("pad", (X, (1, 1, 1, 1), "reflect", 2.0), ValueError, "value=2.0"),
        ("pad", (X, (1, 1, 1, 1), "reflect", np.nan), ValueError, "value=nan"),
        ("pad", (X, (1, 1), "constant", "2"), TypeError, "must be a float"),
        ("pad", (X, (1, 1), "reflect"), ValueError, r"pad=\(1, 1\) and input.shape=\(2, 3, 4, 4\)"),
        ("pad", (X, (), "circular"), ValueError, r"pad=\(\)"),
        ("pad", (X, (4, 0, 0, 0), "reflect"), ValueError, r"less than .* pad=\(4, 0, 0, 0\)"),
        ("pad", (X, (5, 0, 0, 0), "circular"), ValueError, "at most once"),
        ("pad", (X, (-2, -2, 0, 0), "replicate"), ValueError, "must not be empty"),
        ("pad", (X[:, :0], (1, 1, 1, 1), "reflect"), ValueError, "empty but for its batch"),
        ("pad", (X, (-3, -2)), ValueError, "at least 0"),
        ("pad", (X, (-5, 3)), ValueError, "at least 0"),
        ("pad", (X, (2**63, 0)), ValueError, "64-bit"),
        ("pad", (X, (2**62, 2**62)), ValueError, "memory can address|at least 0"),
        ("pad", (X, (2**45, 0, 0, 0), "replicate"), ValueError, "memory can address"),
        ("pad", (X, (-(2**63), 2**63 - 1)), ValueError, "at least 0"),
        ("pad", (X.astype(int), (1, 1)), TypeError, "int64"),
        ("unfold", (X, 5), ValueError, "kernel must fit"),
        ("unfold", (X, 2**40, 1, 2**40), ValueError, "memory can address"),
        ("unfold", (X, 2**62, 2**62), ValueError, "kernel must fit"),
        ("unfold", (X, 0), ValueError, "kernel_size must be at least 1"),
        ("unfold", (X, 2, 1, -1), ValueError, "padding must be at least 0"),
        ("unfold", (X, 2, 1, 0, 0), ValueError, "stride must be at least 1"),
        ("unfold", (X, (1, 2, 3)), ValueError, "3 values"),
        ("unfold", (X[0, 0], 2), ValueError, r"shape=\(4, 4\)"),
        ("unfold", (X[:, :0], 2), ValueError, "empty but for its batch"),
        ("fold", (X[:, 0, :3], 4, 2), ValueError, "multiple of the kernel's taps"),
        ("fold", (np.ones((2, 4, 9)), 5, 2), ValueError, r"4 \* 4 blocks"),
        ("fold", (np.ones((2, 4, 9)), 0, 2), ValueError, "output_size must be at least 1"),
        ("fold", (np.ones((2, 4, 9)), 2**40, 2), ValueError, "memory can address"),
        ("fold", (np.ones((2, 4, 9)), 4, 2**62), ValueError, "kernel's taps"),
        ("fold", (np.ones((2, 0, 9)), 4, 2), ValueError, "kernel's taps"),
        ("fold", (X, 4, 2), ValueError, "input must be"),
        ("pixel_shuffle", (X, 2), ValueError, "multiple of upscale_factor squared"),
        ("pixel_shuffle", (X, 0), ValueError, "upscale_factor=0"),
        ("pixel_shuffle", (X[:, :0], 2**31 - 1), ValueError, "memory can address"),
        ("pixel_shuffle", (X, 2.0), TypeError, "must be an int"),
        ("pixel_shuffle", (X[0, 0], 1), ValueError, "at least 3 axes"),
        ("pixel_unshuffle", (X, 3), ValueError, "multiples of downscale_factor"),
        ("pixel_unshuffle", (X, 2**62), ValueError, "from 1 to"),
        ("pixel_unshuffle", (X[:, :, :0], 2**31 - 1), ValueError, "multiples of"),
        ("channel_shuffle", (X, 2), ValueError, "divide the channels"),
        ("channel_shuffle", (X, 0), ValueError, "groups=0"),
        ("channel_shuffle", (X, 1.0), TypeError, "groups must be an int"),
        ("channel_shuffle", (X[0, 0], 1), ValueError, "at least 3 axes"),
        ("channel_shuffle", (X > 0, 3), TypeError, "bool"),
    ],
)
def test_errors_name_function_and_values(op: str, args: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=rf"{op}: .*{words}"):
        getattr(F, op)(*args)


class Evil:
    """An index that empties the list it stands in."""

    def __init__(self, home: list[Any]) -> None:
        self.home = home

    def __index__(self) -> int:
        self.home.clear()
        return 1


def test_numbers_may_change_their_list() -> None:
    pad: list[Any] = [1]
    pad.append(Evil(pad))
    assert F.pad(X, pad).shape == (2, 3, 4, 6)


def test_sizes_of_nothing() -> None:
    empty = np.zeros((0, 4, 2, 3))
    assert F.pixel_shuffle(empty, 2).shape == (0, 1, 4, 6)
    assert F.pixel_unshuffle(np.zeros((2, 3, 0, 2)), 2).shape == (2, 12, 0, 1)
    assert F.pad(np.zeros((2, 0, 4)), (1, 1), "circular").shape == (2, 0, 6)
    assert F.unfold(np.zeros((0, 2, 4, 4)), 2).shape == (0, 8, 9)


def test_half_precision_and_wrong_gradients() -> None:
    x = np.arange(6, dtype=np.float16).reshape(1, 6)
    y = F.pad(x, (1, 1), "reflect")
    assert y.dtype == np.float16
    assert y.tolist() == [[1, 0, 1, 2, 3, 4, 5, 4]]
    with pytest.raises(ValueError, match="grad_output must have the output's shape"):
        ndnn._core.pad_gradient(X, (2, 3, 4, 4), (1, 1, 1, 1), "reflect")
    with pytest.raises(ValueError, match="input_size"):
        ndnn._core.pad_gradient(X, (2, 3, -4, 4), (1, 1, 1, 1), "reflect")


def large(op: str) -> tuple[np.ndarray, dict[str, Any]]:
    """Enough work for two threads."""
    rng = np.random.default_rng(0)
    shapes: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
        "pad": ((2, 8, 120, 130), {"pad": (3, 2, 1, 4), "mode": "replicate"}),
        "unfold": ((2, 8, 60, 70), {"kernel_size": 3, "padding": 1}),
        "fold": ((2, 72, 4200), {"output_size": (60, 70), "kernel_size": 3, "padding": 1}),
        "pixel_shuffle": ((1, 32, 100, 90), {"upscale_factor": 4}),
        "pixel_unshuffle": ((1, 2, 400, 360), {"downscale_factor": 4}),
    }
    shape, kwargs = shapes[op]
    return rng.standard_normal(shape).astype(np.float32), kwargs


@pytest.mark.parametrize("op", ["pad", "unfold", "fold", "pixel_shuffle", "pixel_unshuffle"])
def test_threads_change_no_bit_of_large_arrays(op: str) -> None:
    x, kwargs = large(op)
    results = []
    for count in (1, 2, 3):
        with ndnn.num_threads(count):
            t = Tensor(x, requires_grad=True)
            y = getattr(F, op)(t, **kwargs)
            y.backward(np.sin(np.arange(y.size)).astype(np.float32).reshape(y.shape))
            results.append((y.data, t.grad))
    for y, grad in results[1:]:
        np.testing.assert_array_equal(y, results[0][0])
        np.testing.assert_array_equal(grad, results[0][1])
    want = getattr(ndnn.reference, op)(x, **kwargs)
    np.testing.assert_allclose(results[0][0], want, rtol=1e-5, atol=1e-5)  # sums of at most 9


LAYERS = [
    ("Unfold", (2, 1, 1, 2), (1, 4, 6, 6)),
    ("Fold", ((6, 6), 2), (1, 8, 25)),
    ("PixelShuffle", (2,), (1, 4, 2, 2)),
    ("PixelUnshuffle", (2,), (1, 4, 2, 2)),
    ("ChannelShuffle", (2,), (1, 4, 2, 2)),
    *(
        (
            f"{kind}Pad{rank}d",
            (padding, *((3.5,) if kind == "Constant" else ())),
            (1, 2, *(4,) * rank),
        )
        for kind in ("Constant", "Zero", "Reflection", "Replication", "Circular")
        for rank in (1, 2, 3)
        for padding in (1, tuple(range(2 * rank))[::-1] if rank == 1 else (1, 2) * rank)
    ),
]


@pytest.mark.parametrize(("layer", "args", "shape"), LAYERS)
def test_layers_are_torchs(layer: str, args: Any, shape: Any) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = getattr(nn, layer)(*args), getattr(torch.nn, layer)(*args)
    x = np.random.default_rng(0).standard_normal(shape)
    np.testing.assert_array_equal(ours(x).data, theirs(torch.tensor(x)).numpy())
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [(2, 1), "same", "valid"])
def test_convolutions_pad_by_any_mode(mode: str, padding: Any) -> None:
    torch = pytest.importorskip("torch")
    args = (2, 3, (3, 4), 1, padding, (1, 2), 1, True, mode)
    ours, theirs = nn.Conv2d(*args), torch.nn.Conv2d(*args)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    x = np.random.default_rng(0).standard_normal((2, 2, 8, 9)).astype(np.float32)
    want = theirs(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(ours(x).data, want, rtol=1e-5, atol=1e-6)
    assert repr(ours) == repr(theirs)


def test_convolutions_refuse_modes() -> None:
    with pytest.raises(ValueError, match="padding_mode='edge'"):
        nn.Conv1d(1, 1, 3, padding_mode="edge")
    with pytest.raises(ValueError, match="padding_mode='reflect'"):
        nn.ConvTranspose2d(1, 1, 3, padding_mode="reflect")
    with pytest.raises(ValueError, match="needs stride 1"):
        nn.Conv1d(1, 1, 3, 2, "same", padding_mode="reflect")(np.zeros((1, 1, 8), np.float32))
