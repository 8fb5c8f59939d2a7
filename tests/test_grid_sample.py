# SPDX-License-Identifier: MIT
"""grid_sample and affine_grid beside torch, on many threads, and what they refuse."""

import os
from typing import Any

import numpy as np
import pytest

import ndnn
import ndnn.functional as F
from ndnn import Tensor
from oracle import forced, strided

RANDOM_CASES = int(os.environ.get("NDNN_RANDOM_CASES", "10000"))
MODES, PADDINGS = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")


def random_case(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    rank = int(rng.integers(2, 4))
    mode = str(rng.choice(MODES[: 5 - rank]))
    n, c = int(rng.integers(1, 4)), int(rng.integers(1, 40)) if rng.random() < 0.5 else 3
    size, out = (rng.integers(1, (14, 7)[rank - 2], rank) for _ in range(2))
    x = rng.standard_normal((n, c, *size))
    grid = rng.standard_normal((n, *out, rank)) * rng.choice([0.3, 1, 5])
    kwargs = {
        "mode": mode,
        "padding_mode": str(rng.choice(PADDINGS)),
        "align_corners": bool(rng.integers(2)),
    }
    return x, grid, kwargs


def test_equal_to_torch(isa: str) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    with forced(isa):
        for _ in range(RANDOM_CASES // 10):
            x, grid, kwargs = random_case(rng)
            ours = [Tensor(a, requires_grad=True) for a in (x, grid)]
            theirs = [torch.tensor(a, requires_grad=True) for a in (x, grid)]
            got = F.grid_sample(*ours, **kwargs)
            want = torch.nn.functional.grid_sample(*theirs, **kwargs)
            np.testing.assert_allclose(got.data, want.detach().numpy(), rtol=1e-9, atol=1e-9)
            g = rng.standard_normal(got.shape)
            got.backward(g)
            want.backward(torch.tensor(g))
            for a, b in zip(ours, theirs, strict=True):
                message = str((x.shape, grid.shape, kwargs))
                np.testing.assert_allclose(a.grad, b.grad.numpy(), 1e-8, 1e-8, err_msg=message)


def test_float32_is_as_near_as_its_positions(isa: str) -> None:
    """A position is off by at most 4 eps of the size; so is the value, times the slope."""
    rng = np.random.default_rng(4)
    with forced(isa):
        for _ in range(100):
            x, grid, kwargs = random_case(rng)
            if kwargs["mode"] == "nearest":
                continue
            small = x.astype("f4"), grid.astype("f4")
            got = F.grid_sample(*small, **kwargs)
            want = F.grid_sample(*(a.astype("f8") for a in small), **kwargs)
            assert got.dtype == np.float32
            reach = np.abs(grid).max() * max(x.shape[2:]) * np.abs(x).max() + 10
            np.testing.assert_allclose(got, want, rtol=0, atol=64 * np.finfo("f4").eps * reach)


def test_nearest_takes_the_even_of_two_neighbours(isa: str) -> None:
    torch = pytest.importorskip("torch")
    x = np.arange(8, dtype=np.float32).reshape(1, 1, 1, 8)
    places = np.arange(-2, 10, 0.5, dtype=np.float32)
    grid = np.stack([(2 * places + 1) / 8 - 1, np.zeros_like(places)], -1)[None, None]
    with forced(isa):
        for padding in PADDINGS:
            got = F.grid_sample(x, grid, "nearest", padding)
            args = torch.tensor(x), torch.tensor(grid), "nearest", padding, False
            np.testing.assert_array_equal(got, torch.nn.functional.grid_sample(*args).numpy())


ODD = (np.nan, np.inf, -np.inf, 1e30, -1e30, 1e9, -3e9, 2.0**31, 1e38)


@pytest.mark.parametrize("rank", [2, 3])
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("mode", MODES)
def test_coordinates_without_bounds(
    isa: str, dtype: str, rank: int, padding: str, mode: str
) -> None:
    """Nothing is read outside, and what comes out is a mean of pixels or zero."""
    if mode == "bicubic" and rank == 3:
        return
    x = np.ones((1, 2, *(3, 5, 4)[3 - rank :]), dtype)
    grid = np.array(ODD, dtype)[np.indices((len(ODD),) * 2).reshape(2, 1, -1)]
    grid = np.moveaxis(np.stack([*grid, grid[0]][:rank]), 0, -1)
    grid = grid.reshape(1, *(1,) * (rank - 1), -1, rank)
    with forced(isa):
        t = [Tensor(x, requires_grad=True), Tensor(grid, requires_grad=True)]
        y = F.grid_sample(*t, mode, padding)
        want = 0 if padding == "zeros" else 1
        np.testing.assert_allclose(y.data, np.full_like(y.data, want), rtol=1e-5)
        y.sum().backward()
    assert np.isfinite(t[0].grad).all()
    np.testing.assert_allclose(t[0].grad.sum(), want * y.size, rtol=1e-4)


def test_what_lies_in_the_padding_is_not_multiplied(isa: str) -> None:
    x = np.full((1, 17, 2, 2), np.inf)
    grid = np.full((1, 1, 3, 2), -5.0)
    with forced(isa):
        for mode in MODES:
            assert not F.grid_sample(x, grid, mode).any()
            assert not ndnn._core.grid_sample_gradient(
                False, np.full((1, 17, 1, 3), np.inf), x, grid, mode, "zeros", False
            ).any()


def test_strides_of_the_grid_and_of_channels_last(isa: str) -> None:
    rng = np.random.default_rng(0)
    x, grid = rng.standard_normal((2, 18, 5, 6)), rng.uniform(-1.2, 1.2, (2, 7, 3, 2))
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    with forced(isa):
        want = F.grid_sample(x, grid)
        np.testing.assert_array_equal(F.grid_sample(last, grid), want)
        for g in strided(grid):
            np.testing.assert_array_equal(F.grid_sample(x, g), want)
        same = np.broadcast_to(grid[:, :1, :1], grid.shape)
        np.testing.assert_array_equal(F.grid_sample(x, same), F.grid_sample(x, same.copy()))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("channels", [3, 40])
def test_threads_change_no_bit_of_large_arrays(mode: str, channels: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, channels, 50, 40)).astype(np.float32)
    grid = rng.uniform(-1.1, 1.1, (2, 61, 47, 2)).astype(np.float32)
    results = []
    for count in (1, 2, 3):
        with ndnn.num_threads(count):
            t = [Tensor(x, requires_grad=True), Tensor(grid, requires_grad=True)]
            y = F.grid_sample(*t, mode)
            y.backward(np.sin(np.arange(y.size)).astype(np.float32).reshape(y.shape))
            results.append((y.data, t[0].grad, t[1].grad))
    for result in results[1:]:
        for ours, first in zip(result, results[0], strict=True):
            np.testing.assert_array_equal(ours, first)
    want = F.grid_sample(x.astype(float), grid.astype(float), mode)
    if mode != "nearest":
        np.testing.assert_allclose(results[0][0], want, rtol=0, atol=1e-3)


X, G = np.ones((2, 3, 4, 4)), np.zeros((2, 5, 5, 2))


@pytest.mark.parametrize(
    ("args", "error", "words"),
    [
        ((X, G[:1]), ValueError, r"grid.shape=\(1, 5, 5, 2\)"),
        ((X, G[..., :1]), ValueError, r"\(N, size..., 2\)"),
        ((X, G[0]), ValueError, "grid must be"),
        ((X[0], G), ValueError, r"input.shape=\(3, 4, 4\)"),
        ((X[:, :, :0], G), ValueError, "must not be empty"),
        ((X, G.astype("f4")), TypeError, "one dtype, but got float64, float32"),
        ((X.astype(int), G), TypeError, "int64"),
        ((X, G, "linear"), ValueError, "mode='linear'"),
        ((X, G, 1), TypeError, "mode must be a str"),
        ((X, G, "nearest", "wrap"), ValueError, "padding_mode='wrap'"),
        ((X, G, "nearest", "zeros", 1), TypeError, "align_corners must be True or False"),
        ((X[:, :, None], np.zeros((2, 1, 1, 1, 3)), "bicubic"), ValueError, "'bicubic'"),
    ],
)
def test_errors_name_function_and_values(args: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=rf"grid_sample: .*{words}"):
        F.grid_sample(*args)


def test_gradients_must_fit() -> None:
    with pytest.raises(ValueError, match="grad_output must have the output's shape"):
        ndnn._core.grid_sample_gradient(True, X, X, G, "nearest", "zeros", False)


@pytest.mark.parametrize(
    ("args", "error", "words"),
    [
        ((np.ones((2, 2, 3)), (1, 1, 2, 2)), ValueError, r"theta.shape=\(2, 2, 3\)"),
        ((np.ones((1, 2, 3)), (1, 1, 2, 2, 2)), ValueError, r"\(1, 3, 4\)"),
        ((np.ones((1, 2, 3)), (1, 1, 2)), ValueError, r"size=\(1, 1, 2\)"),
        ((np.ones((1, 2, 3)), (1, 1, 0, 2)), ValueError, "at least 1"),
        ((np.ones((1, 2, 3)), (1, 1, 2**30, 2**30)), ValueError, "memory can address"),
        ((np.ones((1, 2, 3)), (1, 1, 2**80, 1)), ValueError, "at least 1"),
        ((np.ones((1, 2, 3)), (1, 1, 2.0, 2)), TypeError, "must hold ints"),
        ((np.ones((1, 2, 3)), (1, 1, True, 2)), TypeError, "must hold ints"),
        ((np.ones((1, 2, 3)), 4), TypeError, "tuple of ints, but got int"),
        ((np.ones((1, 2, 3), int), (1, 1, 2, 2)), TypeError, "int64"),
    ],
)
def test_affine_grid_refuses(args: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=rf"affine_grid: .*{words}"):
        F.affine_grid(*args)


def test_affine_grid_is_torchs() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    for _ in range(60):
        rank = int(rng.integers(2, 4))
        align = bool(rng.integers(2))
        size = tuple(int(v) for v in rng.integers(2, 9, rank + 2))
        theta = rng.standard_normal((size[0], rank, rank + 1)).astype("f4")
        want = torch.nn.functional.affine_grid(torch.tensor(theta), size, align).numpy()
        got = F.affine_grid(theta, size, align)
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    half = F.affine_grid(theta.astype(np.float16), size)
    assert half.dtype == np.float16


@pytest.mark.parametrize("channels", [3, 16, 17, 33])
def test_gradients_of_grids_in_float32(channels: int, isa: str) -> None:
    """Whole numbers and places that float32 holds: all sums are exact. inf stays, whatever C is."""
    rng = np.random.default_rng(channels)
    x = rng.integers(-4, 5, (1, channels, 8, 8)).astype(np.float32)
    grid = (rng.integers(-12, 13, (1, 9, 9, 2)) / 16).astype(np.float32)
    g = rng.integers(-4, 5, (1, channels, 9, 9)).astype(np.float32)
    found = []
    for dtype in ("float32", "float64"):
        points = Tensor(grid.astype(dtype), requires_grad=True)
        with forced(isa if dtype == "float32" else "base"):
            y = F.grid_sample(x.astype(dtype), points, align_corners=False)
            y.backward(g.astype(dtype))
        found.append(points.grad)
    np.testing.assert_array_equal(*found)
    x[0, 1] = np.inf
    points = Tensor(np.zeros((1, 1, 1, 2), np.float32) + 0.3, requires_grad=True)
    with forced(isa), np.errstate(all="ignore"):
        F.grid_sample(x, points, align_corners=False).backward(np.ones((1, channels, 1, 1), "f"))
        few = Tensor(points.data, requires_grad=True)
        F.grid_sample(x[:, :2], few, align_corners=False).backward(np.ones((1, 2, 1, 1), "f"))
    np.testing.assert_array_equal(np.isnan(points.grad), np.isnan(few.grad))
