# SPDX-License-Identifier: MIT
"""Optimisers and schedules beside torch's; saving and loading."""

import builtins
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ndnn
from ndnn import Tensor, nn, optim

UPDATES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "maximize": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("Adam", {"lr": 0.05}),
    ("Adam", {"lr": 0.05, "weight_decay": 0.1, "betas": (0.5, 0.9), "eps": 0.1}),
    ("Adam", {"lr": 0.05, "amsgrad": True, "maximize": True}),
    ("AdamW", {"lr": 0.05}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.3, "amsgrad": True}),
]


@pytest.mark.parametrize(("name", "options"), UPDATES)
def test_fifty_updates_are_torchs(name: str, options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    starts = [rng.standard_normal(shape) for shape in ((3, 40), (7,), ())]
    ours = [nn.Parameter(a) for a in starts]
    theirs = [torch.tensor(a, requires_grad=True) for a in starts]
    groups = [{"params": [parts[0], parts[1]], "lr": 0.02} for parts in (ours, theirs)]
    a = getattr(optim, name)([groups[0], {"params": [ours[2]]}], **options)
    b = getattr(torch.optim, name)([groups[1], {"params": [theirs[2]]}], **options)
    for step in range(50):
        for x, t in zip(ours, theirs, strict=True):
            g = rng.standard_normal(x.shape)
            # A parameter without a gradient is left alone.
            x.grad, t.grad = (None, None) if step == 7 and x is ours[1] else (g, torch.tensor(g))
        a.step()
        b.step()
        if step == 20:  # goes on from a saved state
            saved = a.state_dict()
            a = getattr(optim, name)([{"params": ours[:2]}, {"params": [ours[2]]}])
            a.load_state_dict(saved)
    for x, t in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(x.data, t.detach().numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("StepLR", (3, 0.5)),
        ("CosineAnnealingLR", (7, 0.01)),
        ("LinearLR", (0.25, 0.75, 4)),
        ("LambdaLR", (lambda epoch: 0.9**epoch + epoch,)),
        ("MultiStepLR", ([3, 9, 5, 5], 0.5)),
        ("ExponentialLR", (0.8,)),
        ("CosineAnnealingWarmRestarts", (3, 2, 0.01)),
        ("CosineAnnealingWarmRestarts", (4,)),
        ("OneCycleLR", (0.5, 20)),
        ("OneCycleLR", (0.5, None, 5, 5, 0.4, "linear", True, 0.8, 0.9, 10.0, 50.0, True)),
        ("OneCycleLR", (0.5, 22, None, None, 0.25, "cos", False)),
    ],
)
def test_rates_are_torchs(name: str, args: Any) -> None:
    torch = pytest.importorskip("torch")
    a = optim.SGD([nn.Parameter([1.0])], lr=0.3, momentum=0.9)
    b = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.3, momentum=0.9)
    ours = getattr(optim.lr_scheduler, name)(a, *args)
    theirs = getattr(torch.optim.lr_scheduler, name)(b, *args)
    for _ in range(20):
        np.testing.assert_allclose(ours.get_last_lr(), theirs.get_last_lr(), rtol=1e-12)
        momenta = a.param_groups[0]["momentum"], b.param_groups[0]["momentum"]
        np.testing.assert_allclose(*momenta, rtol=1e-12)
        b.step()
        ours.step()
        theirs.step()
    state = ours.state_dict()
    again = getattr(optim.lr_scheduler, name)(optim.SGD([nn.Parameter([1.0])], lr=0.3), *args)
    again.load_state_dict(state)
    assert again.get_last_lr() == ours.get_last_lr()


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("kind", ["rel", "abs"])
def test_plateaus_are_torchs(mode: str, kind: str) -> None:
    torch = pytest.importorskip("torch")
    a = optim.SGD([nn.Parameter([1.0])], lr=0.3)
    b = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.3)
    args = mode, 0.5, 2, 0.1, kind, 3, 0.01
    ours = optim.lr_scheduler.ReduceLROnPlateau(a, *args)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(b, *args)
    seen = set()
    for step, metric in enumerate(np.random.default_rng(0).standard_normal(60).cumsum().tolist()):
        ours.step(metric)
        theirs.step(metric)
        assert a.param_groups[0]["lr"] == b.param_groups[0]["lr"]
        seen.add(a.param_groups[0]["lr"])
        if step == 30:
            again = optim.lr_scheduler.ReduceLROnPlateau(a, *args)
            again.load_state_dict(ours.state_dict())
            ours = again
    assert len(seen) > 3


def test_half_precision_and_one_call_for_many() -> None:
    """Parameters of several dtypes and sizes, among them nothing, in one step."""
    rng = np.random.default_rng(0)
    dtypes = [np.float16, np.float32, np.float64]
    sizes = [0, 1, 15, 16, 17, 40_000]
    params = [nn.Parameter(rng.standard_normal(n).astype(t)) for t in dtypes for n in sizes]
    before = [p.data.astype(np.float64) for p in params]
    for p in params:
        p.grad = np.full(p.shape, 0.5)
    adam = optim.Adam(params, lr=0.125, eps=0)
    adam.step()
    for p, old in zip(params, before, strict=True):
        eps = np.finfo(p.dtype).eps
        np.testing.assert_allclose(p.data, old - 0.125, rtol=4 * eps, atol=8 * eps)
        assert adam.state[p]["exp_avg"].dtype == p.dtype


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_threads_change_no_bit_of_updates(name: str) -> None:
    rng = np.random.default_rng(0)
    start = [rng.standard_normal(n).astype(np.float32) for n in (300_000, 17, 40_001)]
    results = []
    for threads in (1, 2, 3):
        params = [nn.Parameter(a) for a in start]
        optimizer = getattr(optim, name)(params, lr=0.1, weight_decay=0.1)
        for p in params:
            p.grad = np.cos(p.data)
        with ndnn.num_threads(threads):
            for _ in range(3):
                optimizer.step()
        results.append([p.data for p in params])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_state_that_does_not_fit() -> None:
    w = nn.Parameter(np.ones(4))
    w.grad = np.ones(4)
    adam = optim.Adam([w])
    adam.step()
    state = adam.state_dict()
    for wrong, error in ((np.ones(3), ValueError), (np.ones(4, int), None), ("x", TypeError)):
        state["state"][0]["exp_avg"] = wrong
        adam.load_state_dict(state)
        if error is None:  # becomes the parameter's dtype
            adam.step()
            continue
        kept = w.data.copy()
        with pytest.raises(error, match=r"Adam: .*, but got"):
            adam.step()
        np.testing.assert_array_equal(w.data, kept)


def test_updates_are_seen_by_backward() -> None:
    w = nn.Parameter([1.0, 2.0])
    sgd = optim.SGD([w], lr=0.1)
    y = (w * w).sum()
    y.backward(retain_graph=True)
    sgd.step()
    np.testing.assert_allclose(w.data, [0.8, 1.6])
    with pytest.raises(RuntimeError, match="multiply needs"):
        y.backward()
    sgd.zero_grad()
    assert w.grad is None


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda w: optim.SGD([], lr=1), ValueError, "none"),
        (lambda w: optim.SGD([w], lr=-1), ValueError, "lr must not be negative, but got -1"),
        (lambda w: optim.SGD([w], nesterov=True), ValueError, "momentum=0.0"),
        (lambda w: optim.Adam([w], betas=(0.9, 1.0)), ValueError, r"\(0.9, 1.0\)"),
        (lambda w: optim.SGD([w, w]), ValueError, "twice"),
        (lambda w: optim.SGD([w * 2]), TypeError, "a result"),
        (lambda w: optim.SGD([np.ones(2)]), TypeError, "ndarray"),
        (lambda w: optim.SGD([{"params": [w], "rate": 1}]), ValueError, "rate"),
    ],
)
def test_errors(make: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        make(nn.Parameter([1.0]))


ENDINGS = [
    ".npz",
    pytest.param(
        ".safetensors",
        marks=pytest.mark.skipif(
            importlib.util.find_spec("safetensors") is None, reason="needs safetensors"
        ),
    ),
]


@pytest.mark.parametrize("ending", ENDINGS)
def test_files(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"net{ending}"
    state = {
        **nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).state_dict(),
        "file": np.arange(3)[::-1],
        "wide": Tensor(np.asfortranarray(np.eye(3)[:2])),
    }
    ndnn.save(path, state)
    ndnn.save(path, state)  # over an old one
    got = ndnn.load(path)
    assert list(got) == list(state) or ending == ".safetensors"
    for name, value in state.items():
        np.testing.assert_array_equal(got[name], np.asarray(value))
        assert got[name].dtype == value.dtype
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ValueError, match=f"must be a {ending} file"):
        ndnn.load(path)


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.npz"
    ndnn.save(path, {"a": np.ones(3)})

    def fails(*args: Any, **kwargs: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(np.lib.format, "write_array", fails)
    with pytest.raises(OSError, match="disk full"):
        ndnn.save(path, {"a": np.zeros(3)})
    np.testing.assert_array_equal(ndnn.load(path)["a"], np.ones(3))
    assert [p.name for p in tmp_path.iterdir()] == ["net.npz"]


def test_errors_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"\.npz or \.safetensors, but got .*net\.pt"):
        ndnn.save(tmp_path / "net.pt", {})
    with pytest.raises(TypeError, match="'a': list"):
        ndnn.save(tmp_path / "a.npz", {"a": [None]})
    with pytest.raises(FileNotFoundError):
        ndnn.load(tmp_path / "none.npz")
    np.savez(tmp_path / "objects.npz", a=np.array([None], object))
    with pytest.raises(ValueError, match=r"must be a \.npz file"):
        ndnn.load(tmp_path / "objects.npz")
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("safetensors"):
            raise ModuleNotFoundError(name=name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "ndnn\[safetensors\]"'):
        ndnn.save(tmp_path / "a.safetensors", {"a": np.ones(3)})
