# SPDX-License-Identifier: MIT
"""Layers, initial values, and networks beside torch's."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ndnn
import ndnn.functional as F
from ndnn import Tensor, init, nn

RNG = np.random.default_rng(0)


def network(library: Any) -> Any:
    """A small residual network in torch.nn's names, of either library."""

    class Block(library.Module):
        def __init__(self, inner: int, outer: int, stride: int) -> None:
            super().__init__()
            self.conv1 = library.Conv2d(inner, outer, 3, stride, 1, bias=False)
            self.bn1 = library.BatchNorm2d(outer)
            self.conv2 = library.Conv2d(outer, outer, 3, padding="same", bias=False)
            self.bn2 = library.BatchNorm2d(outer)
            self.relu = library.ReLU()
            self.downsample = library.Sequential(
                library.Conv2d(inner, outer, 1, stride, bias=False), library.BatchNorm2d(outer)
            )

        def forward(self, x: Any) -> Any:
            y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
            return self.relu(y + self.downsample(x))

    return library.Sequential(
        library.Conv2d(3, 8, 7, 2, 3, groups=1),
        library.BatchNorm2d(8),
        library.LeakyReLU(0.1),
        library.MaxPool2d(3, 2, 1),
        library.ModuleList([Block(8, 8, 1)])[0],
        Block(8, 12, 2),
        library.AdaptiveAvgPool2d((1, 1)),
        library.Flatten(),
        library.Dropout(0.0),
        library.Linear(12, 5),
    )


def test_networks_are_torchs() -> None:
    torch = pytest.importorskip("torch")
    theirs, ours = network(torch.nn).double(), network(nn)
    state = {key: value.numpy() for key, value in theirs.state_dict().items()}
    assert list(ours.state_dict()) == list(state)
    for parameter in ours.parameters():
        parameter.data = parameter.data.astype(np.float64)
    for module in ours.modules():
        for name, array in module._buffers.items():
            setattr(module, name, array.astype(np.float64))
    assert ours.load_state_dict(state) == ([], [])

    x, labels = RNG.standard_normal((4, 3, 32, 32)), np.array([0, 1, 2, 4])
    loss = nn.CrossEntropyLoss()(ours(x), labels)
    want = torch.nn.CrossEntropyLoss()(theirs(torch.tensor(x)), torch.tensor(labels))
    np.testing.assert_allclose(loss.item(), want.item(), rtol=1e-10)
    loss.backward()
    want.backward()
    for (name, p), (key, t) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert name == key
        np.testing.assert_allclose(p.grad, t.grad.numpy(), rtol=1e-7, atol=1e-11)
    for key, value in theirs.state_dict().items():  # running statistics have moved
        np.testing.assert_allclose(ours.state_dict()[key], value.numpy(), rtol=1e-9)

    ours.eval(), theirs.eval()
    with ndnn.no_grad(), torch.no_grad():
        got, want = ours(x), theirs(torch.tensor(x))
    np.testing.assert_allclose(got.data, want.numpy(), rtol=1e-8, atol=1e-10)
    assert repr(ours) == repr(theirs)
    theirs.load_state_dict({k: torch.tensor(v) for k, v in ours.state_dict().items()})


def test_parts_of_a_module() -> None:
    net = network(nn)
    assert len(list(net.modules())) == 27
    assert [name for name, _ in net.named_children()] == [str(i) for i in range(10)]
    assert [name for name, _ in net[4].named_parameters("block")][:2] == [
        "block.conv1.weight",
        "block.bn1.weight",
    ]
    assert len(list(net.buffers())) == 3 * 7
    assert isinstance(net[:2], nn.Sequential)
    net.eval()
    assert not any(module.training for module in net.modules())
    seen: list[nn.Module] = []
    net.apply(seen.append)
    assert seen[-1] is net
    assert len(seen) == 27
    net.requires_grad_(False)
    assert not net(np.zeros((1, 3, 32, 32), np.float32)).requires_grad
    del net[4].relu
    with pytest.raises(AttributeError, match="Block has no attribute 'relu'"):
        net[4].relu  # noqa: B018


def test_shared_parameters_count_once() -> None:
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    second.weight = first.weight
    net = nn.Sequential(first, second)
    assert len(list(net.parameters())) == 3
    assert len(net.state_dict()) == 4


def test_state_dicts() -> None:
    first, second = network(nn), network(nn)
    second.load_state_dict(first.state_dict())
    x = RNG.standard_normal((2, 3, 32, 32)).astype(np.float32)
    np.testing.assert_array_equal(first(x).data, second(x).data)
    state = first.state_dict()
    state["9.bias"][:] = 1
    assert not np.any(first[9].bias.data == 1)
    before = second.state_dict()
    state["0.weight"] = state["0.weight"][:1]
    state["extra"] = state.pop("9.bias")
    with pytest.raises(ValueError, match=r"0.weight .*\(8, 3, 7, 7\).*9.bias.*extra"):
        second.load_state_dict(state)
    for key, value in second.state_dict().items():
        np.testing.assert_array_equal(value, before[key])
    del state["0.weight"]
    assert second.load_state_dict(state, strict=False) == (["0.weight", "9.bias"], ["extra"])


def test_packed_weights_follow_the_weight() -> None:
    conv = nn.Conv2d(3, 4, 3)
    x = RNG.standard_normal((1, 3, 8, 8)).astype(np.float32)
    with ndnn.no_grad():
        first = conv(x)
        packed = conv._packed
        conv(x)
        assert conv._packed is packed
        for change in (init.ones_, lambda w: setattr(w, "data", w.data * 2)):
            change(conv.weight)
            np.testing.assert_array_equal(
                conv(x).data, F.conv2d(x, conv.weight.data, conv.bias.data)
            )
            assert conv._packed is not packed
    assert not np.array_equal(first.data, conv(x).data)
    twin = copy.deepcopy(conv)
    np.testing.assert_array_equal(twin(x).data, conv(x).data)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "groups=2, in_channels=3"),
        (lambda: nn.Conv2d(3, 4, 3, padding_mode="mirror"), "'mirror'"),
        (lambda: nn.Dropout(2), "p=2"),
        (lambda: nn.BatchNorm2d(3)(np.ones((2, 3), np.float32)), r"4 axes, but got shape=\(2, 3\)"),
        (lambda: init.calculate_gain("step"), "'step'"),
        (lambda: init.kaiming_normal_(np.ones(3)), r"2 axes, but got shape=\(3,\)"),
        (lambda: init.trunc_normal_(np.ones(3), a=2, b=1), "a=2, b=1"),
    ],
)
def test_errors(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_attributes_keep_their_kind() -> None:
    linear = nn.Linear(2, 2)
    with pytest.raises(TypeError, match=r"Linear.weight: must be a Parameter.* but got ndarray"):
        linear.weight = np.ones((2, 2))
    with pytest.raises(TypeError, match="holds Modules, but got function"):
        nn.Sequential(nn.ReLU(), F.relu)  # type: ignore[arg-type]

    class Forgetful(nn.Module):
        def __init__(self) -> None:
            self.a = nn.ReLU()

    with pytest.raises(AttributeError, match="super"):
        Forgetful()


def test_seeds_repeat() -> None:
    def weights(seed: int) -> list[Any]:
        ndnn.manual_seed(seed)
        return [p.data for p in network(nn).parameters()]

    for a, b in zip(weights(3), weights(3), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(weights(3)[0], weights(4)[0])
    a, b = (nn.Linear(3, 3, generator=np.random.default_rng(1)) for _ in range(2))
    np.testing.assert_array_equal(a.weight.data, b.weight.data)


# name: (arguments, mean, standard deviation, largest) of a (200, 100, 3) array
FANS = 300, 600
INITS: dict[str, tuple[dict[str, Any], float, float, float]] = {
    "uniform_": ({"a": -1, "b": 3}, 1, 4 / 12**0.5, 3),
    "normal_": ({"mean": 2, "std": 3}, 2, 3, np.inf),
    "trunc_normal_": ({"std": 2, "a": -2, "b": 2}, 0, 2 * 0.5395, 2),
    "xavier_uniform_": ({"gain": 2}, 0, 2 * (2 / 900) ** 0.5, 2 * (6 / 900) ** 0.5),
    "xavier_normal_": ({}, 0, (2 / 900) ** 0.5, np.inf),
    "kaiming_uniform_": ({"a": 5**0.5}, 0, (1 / 900) ** 0.5, (3 / 900) ** 0.5),
    "kaiming_normal_": ({"mode": "fan_out", "nonlinearity": "relu"}, 0, (2 / 600) ** 0.5, np.inf),
    "constant_": ({"val": 4}, 4, 0, 4),
    "ones_": ({}, 1, 0, 1),
    "zeros_": ({}, 0, 0, 0),
}


@pytest.mark.parametrize("name", INITS)
def test_initial_values(name: str, dtype: str) -> None:
    kwargs, mean, std, largest = INITS[name]
    ndnn.manual_seed(0)
    for target in (Tensor(np.full((200, 100, 3), 9, dtype)), np.full((200, 100, 3), 9, dtype)):
        assert getattr(init, name)(target, **kwargs) is target
        values = target.data if isinstance(target, Tensor) else target
        assert values.dtype == dtype
        assert abs(values.mean(dtype=np.float64) - mean) <= 0.02 * std
        assert abs(values.std(dtype=np.float64) - std) <= 0.02 * std
        assert np.abs(values).max() <= largest * 1.000001


def test_truncated_far_from_the_mean() -> None:
    """Where a draw of the normal itself would hardly ever fall."""
    values = init.trunc_normal_(np.empty(10_000), a=30, b=1e6, generator=np.random.default_rng(0))
    assert values.min() >= 30
    assert abs(values.mean() - 30 - 1 / 30) < 0.002


def test_gradient_limits() -> None:
    torch = pytest.importorskip("torch")
    grads = [RNG.standard_normal(shape) for shape in ((3, 4), (7,), ())]
    for kind in (2.0, 1.0, 3.0, np.inf):
        for limit in (0.5, 100.0):
            ours = [Tensor(np.zeros(g.shape), requires_grad=True) for g in grads]
            theirs = [torch.zeros(g.shape, dtype=torch.float64) for g in grads]
            for x, t, g in zip(ours, theirs, grads, strict=True):
                x.grad, t.grad = g, torch.tensor(g)
            got = nn.utils.clip_grad_norm_(ours, limit, kind)
            want = torch.nn.utils.clip_grad_norm_(theirs, limit, kind)
            np.testing.assert_allclose(got, want.item())
            for x, t in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(x.grad, t.grad.numpy())
    nn.utils.clip_grad_value_(ours, 0.1)
    assert max(np.abs(x.grad).max() for x in ours) <= 0.1
    x.grad = np.array(np.nan)
    with pytest.raises(RuntimeError, match="finite, but got nan"):
        nn.utils.clip_grad_norm_(ours, 1.0, error_if_nonfinite=True)
