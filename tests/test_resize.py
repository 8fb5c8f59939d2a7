# SPDX-License-Identifier: MIT
"""Interpolation: random sizes and scales against torch, large arrays, hostile arguments."""

import os
from typing import Any

import numpy as np
import pytest

import ndnn
import ndnn.functional as F
from ndnn import Tensor, nn
from oracle import forced

RANDOM_CASES = int(os.environ.get("NDNN_RANDOM_CASES", "10000"))
MODES = {
    1: ["nearest", "nearest-exact", "area", "linear"],
    2: ["nearest", "nearest-exact", "area", "bilinear", "bicubic", "lanczos"],
    3: ["nearest", "nearest-exact", "area", "trilinear"],
}
X = np.ones((1, 2, 4, 5), np.float32)


def random_size(rng: np.random.Generator, rank: int) -> tuple[int, ...]:
    largest = (300, 40, 9)[rank - 1]
    return tuple(int(rng.integers(1, largest if rng.random() < 0.8 else 4)) for _ in range(rank))


def random_case(rng: np.random.Generator) -> tuple[tuple[int, ...], dict[str, Any]]:
    rank = int(rng.integers(1, 4))
    mode = str(rng.choice(MODES[rank]))
    size = random_size(rng, rank)
    kwargs: dict[str, Any] = {"mode": mode}
    if rng.random() < 0.5:
        kwargs["size"] = random_size(rng, rank)
    else:
        special = (2, 3, 8, 0.5, 0.25, 1.0, 1.0001, 1 / 7.3, 1.5)
        scale = [
            float(rng.choice(special)) if rng.random() < 0.5 else float(rng.uniform(0.1, 5))
            for _ in range(rank)
        ]
        kwargs["scale_factor"] = tuple(max(s, 1.001 / n) for s, n in zip(scale, size, strict=True))
        kwargs["recompute_scale_factor"] = [None, False, True][rng.integers(3)]
    if mode not in ("nearest", "nearest-exact", "area", "lanczos") and rng.random() < 0.5:
        kwargs["align_corners"] = bool(rng.integers(2))
    if mode == "lanczos" or (mode in ("bilinear", "bicubic") and rng.random() < 0.3):
        kwargs["antialias"] = True
    return (int(rng.integers(1, 3)), int(rng.integers(1, 4)), *size), kwargs


@pytest.mark.parametrize("seed", range(4))
def test_values_and_gradients_are_torchs(isa: str, seed: int) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    with forced(isa):
        for _ in range(RANDOM_CASES // 40):
            shape, kwargs = random_case(rng)
            dtype = rng.choice(["float32", "float64"])
            x = Tensor(rng.standard_normal(shape).astype(dtype), requires_grad=True)
            t = torch.tensor(x.data, requires_grad=True)
            want = torch.nn.functional.interpolate(t, **kwargs)
            got = F.interpolate(x, **kwargs)
            pairs = list(zip(want.shape[2:], shape[2:], strict=True))
            nearest, same = kwargs["mode"].startswith("nearest"), any(m == n for m, n in pairs)
            if nearest and "scale_factor" in kwargs and any(m in (n, 2 * n) for m, n in pairs):
                continue  # torch takes no notice of the scale where the memory is channels-last
            if "antialias" in kwargs and 1 in (*want.shape[-2:], *shape[-2:]):
                continue  # torch takes images of one row or column for others: rows come out equal
            assert got.dtype == dtype
            close(got.data, want.detach().numpy(), dtype, (shape, kwargs))
            g = rng.standard_normal(got.shape).astype(dtype)
            got.backward(g)
            if nearest or ("antialias" in kwargs and same):
                # torch's backward reads other pixels than its forward, or filters axes that it does
                # not; the gradient of a linear map is its adjoint.
                want_product = np.vdot(g, got.data.astype("f8"))
                product = np.vdot(x.grad, x.data.astype("f8"))
                size = np.linalg.norm(g) * np.linalg.norm(got.data)
                assert abs(product - want_product) <= 1e3 * np.finfo(dtype).eps * size
                continue
            want.backward(torch.tensor(g))
            # At most so many outputs add to an input.
            most = np.prod(
                [max(1, n / m) * 6 for n, m in zip(got.shape[2:], shape[2:], strict=True)]
            )
            close(x.grad, t.grad.numpy(), dtype, (shape, kwargs), most)


def close(got: Any, want: np.ndarray, dtype: str, case: Any, terms: float = 1) -> None:
    """Weights that both round in their own order differ by eps times the place, up to 300."""
    bound = 2000 * np.finfo(dtype).eps * np.sqrt(terms)
    np.testing.assert_allclose(got, want, rtol=bound, atol=bound, err_msg=str(case))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
def test_nearest_takes_torchs_pixels(mode: str, dtype: str) -> None:
    """Of every size from every size: the places that rounding decides are among them."""
    torch = pytest.importorskip("torch")
    for n in range(1, 40, 3):
        x = np.arange(n, dtype=dtype).reshape(1, 1, n)
        for out in range(1, 120):
            got = F.interpolate(x, size=out, mode=mode)
            want = torch.nn.functional.interpolate(torch.tensor(x), size=out, mode=mode)
            np.testing.assert_array_equal(got, want.numpy(), f"{n} to {out}")


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic", "area"])
@pytest.mark.parametrize("size", [(700, 900), (100, 90)])
def test_threads_change_no_bit(mode: Any, size: tuple[int, int]) -> None:
    x = Tensor(
        np.random.default_rng(0).standard_normal((2, 3, 300, 400)).astype(np.float32),
        requires_grad=True,
    )
    results = []
    for threads in (1, 2, 3):
        with ndnn.num_threads(threads):
            x.zero_grad()
            y = F.interpolate(x, size=size, mode=mode)
            y.sum().backward()
            results.append((y.data, x.grad))
    for y, grad in results[1:]:
        np.testing.assert_array_equal(y, results[0][0])
        np.testing.assert_array_equal(grad, results[0][1])


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic", "area"])
@pytest.mark.parametrize("scale", [2.0, 0.4])  # no weight is 0
def test_infinities_go_where_torchs_go(mode: Any, scale: float, isa: str) -> None:
    torch = pytest.importorskip("torch")
    x = np.ones((1, 1, 21, 43))
    x[0, 0, 5, 0] = x[0, 0, 20, 42] = x[0, 0, 11, 17] = np.inf
    with forced(isa):
        got = F.interpolate(x, scale_factor=scale, mode=mode)
    want = torch.nn.functional.interpolate(torch.tensor(x), scale_factor=scale, mode=mode).numpy()
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(want))
    if mode != "bicubic":  # whose taps beyond the edge are one here
        np.testing.assert_array_equal(np.isnan(got), np.isnan(want))


@pytest.mark.parametrize("size", [(50, 60), (2, 3)])
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_gradients_of_unread_inputs_are_zero(mode: Any, size: tuple[int, int], isa: str) -> None:
    x = Tensor(np.ones((1, 1, 20, 30)), requires_grad=True)
    with forced(isa):
        y = F.interpolate(x, size=size, mode=mode)
        y.backward(np.full(y.shape, np.inf))
        y = F.interpolate(x.data, size=size, mode=mode)
    read = np.zeros(x.shape, bool)
    for i in np.ndindex(x.shape):
        probe = np.ones(x.shape)
        probe[i] = np.nan
        read[i] = np.isnan(F.interpolate(probe, size=size, mode=mode)).any()
    np.testing.assert_array_equal(x.grad == 0, ~read)


@pytest.mark.parametrize(
    ("kwargs", "error", "words"),
    [
        ({}, ValueError, "size or scale_factor must be given"),
        ({"size": 3, "scale_factor": 2}, ValueError, "and not both"),
        ({"size": 0}, ValueError, "size must be at least 1, but got size=0"),
        ({"size": -(2**63)}, ValueError, "size must be at least 1"),
        ({"size": 2**63}, ValueError, "64-bit"),
        ({"size": (3,)}, ValueError, "each of 2 axes, but got 1"),
        ({"size": (3,) * 50}, ValueError, "but got 50"),
        ({"size": 2.5}, TypeError, "size must be an int"),
        ({"size": True}, TypeError, "size must be an int"),
        ({"scale_factor": 0.1}, ValueError, "size of at least 1.*scale_factor=0.1"),
        ({"scale_factor": -2.0}, ValueError, "at least 1"),
        ({"scale_factor": float("nan")}, ValueError, "finite"),
        ({"scale_factor": float("inf")}, ValueError, "finite"),
        ({"scale_factor": 1e30}, ValueError, r"below 2\*\*62"),
        ({"scale_factor": (2.0, 2.0, 2.0)}, ValueError, "but got 3"),
        ({"scale_factor": "2"}, TypeError, "scale_factor must be a float"),
        ({"size": 3, "recompute_scale_factor": True}, ValueError, "recompute_scale_factor"),
        ({"size": 3, "align_corners": True}, ValueError, "align_corners must be None"),
        ({"size": 3, "mode": "linear"}, ValueError, "3 axes, but got 4"),
        ({"size": 3, "mode": "cubic"}, ValueError, "mode must be one of.*'cubic'"),
        ({"size": 3, "mode": 2}, TypeError, "mode must be a str"),
        ({"size": 3, "antialias": True}, ValueError, "antialias must have mode"),
        ({"size": 3, "antialias": 1, "mode": "bilinear"}, TypeError, "antialias must be True"),
        ({"size": 3, "mode": "lanczos"}, ValueError, "lanczos must have antialias"),
    ],
)
def test_errors(kwargs: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=f"^interpolate: .*{words}"):
        F.interpolate(X, **kwargs)


@pytest.mark.parametrize("shape", [(1, 0, 4, 4), (1, 2, 0, 4), (4, 4), (1,) * 6])
def test_shapes_that_are_no_images(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^interpolate: input .*but got"):
        F.interpolate(np.ones(shape, np.float32), scale_factor=2)


def test_sizes_beyond_memory_are_refused_at_once() -> None:
    for size in (2**40, 2**61):
        with pytest.raises((ValueError, MemoryError)):
            F.interpolate(X, size=size)
    assert F.interpolate(X[:0], size=2**20).shape == (0, 2, 2**20, 2**20)


def test_a_scale_that_changes_while_it_is_read() -> None:
    class Evil:
        def __index__(self) -> int:
            sizes.clear()
            x.shape = (10, 4)
            return 3

    x = np.ones((1, 2, 4, 5), np.float32)
    sizes: list[Any] = [Evil(), 3]
    with pytest.raises(ValueError, match="must have 3 to 5 axes"):
        F.interpolate(x, size=sizes)


def test_gradients_check_their_shape() -> None:
    y = F.interpolate(Tensor(X, requires_grad=True), scale_factor=2)
    with pytest.raises((ValueError, RuntimeError)):
        y.backward(np.ones((1, 2, 3, 3), np.float32))
    with pytest.raises(ValueError, match="interpolate: grad_output must have"):
        ndnn._core.interpolate_gradient(
            np.ones((1, 2, 3, 3)), (1, 2, 4, 5), 4, None, "nearest", None, None, False
        )


def test_layers() -> None:
    up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
    np.testing.assert_array_equal(up(X), F.interpolate(X, scale_factor=2, mode="bilinear"))
    assert repr(up) == "Upsample(scale_factor=2, mode='bilinear')"
    x = np.arange(4.0).reshape(1, 1, 2, 2)
    corners = nn.UpsamplingBilinear2d(3)(x)
    np.testing.assert_array_equal(corners, [[[[0, 0.5, 1], [1, 1.5, 2], [2, 2.5, 3]]]])
    np.testing.assert_array_equal(nn.UpsamplingNearest2d(scale_factor=2)(x)[0, 0, 0], [0, 0, 1, 1])
