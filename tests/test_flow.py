# SPDX-License-Identifier: MIT
"""Gradient flow, the recorder, summaries, forward hooks and the commands that show them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ndnn
import ndnn.functional as F
from ndnn import GradientRecorder, examples, gradient_flow, init, nn, optim, summary
from ndnn.__main__ import main
from ndnn.inspect import five
from ndnn.tensor import record

POINTS, LABELS = five.examples(64)


GAINS = {nn.ReLU: "relu", nn.Tanh: "tanh", nn.LeakyReLU: "leaky_relu"}


def loss(net: nn.Module) -> Any:
    return F.cross_entropy(net(POINTS), LABELS)


def deep(activation: type[nn.Module] = nn.ReLU, depth: int = 12) -> nn.Sequential:
    """Healthy: He's or Xavier's initial weights."""
    layers: list[nn.Module] = []
    for i in range(depth):
        linear = nn.Linear(64 if i == 0 else 48, 48)
        init.kaiming_normal_(linear.weight, nonlinearity=GAINS[activation])
        layers += [linear, activation()]
    return nn.Sequential(*layers, nn.Linear(48, 10))


def scale(layer: Any, factor: float) -> None:
    layer.weight.data = layer.weight.data * np.float32(factor)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.LeakyReLU])
@pytest.mark.parametrize("depth", [1, 4, 12, 30])
def test_silent_on_healthy_networks(seed: int, activation: type[nn.Module], depth: int) -> None:
    ndnn.manual_seed(seed)
    flow = gradient_flow(deep(activation, depth), loss)
    assert flow.findings == []
    assert flow.healthy
    assert flow.vanishing is flow.exploding is None


@pytest.mark.parametrize("where", [2, 6, 10, 16, 22])
def test_names_the_layer_that_loses_or_grows_the_gradient(where: int) -> None:
    ndnn.manual_seed(where)
    for factor, what in ((1e-6, "vanishing"), (1e6, "exploding")):
        net = deep()
        scale(net[where], factor)
        # what the layer makes too small or large is put right behind it, so that it alone is ill
        net = nn.Sequential(*[*net][: where + 1], Rescaled(1 / factor), *[*net][where + 1 :])
        flow = gradient_flow(net, loss)
        assert [f.what for f in flow.findings] == [what]
        assert getattr(flow, what) == str(where)
        assert f"{where} (Linear)" in flow.findings[0].text


class Rescaled(nn.Module):
    """The output scaled, its gradient not: for layers that are ill on the way back only."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Any) -> Any:
        return record("rescaled", x._array * np.float32(self.factor), (x, lambda g: g), saved=())


@pytest.mark.parametrize("seed", range(3))
def test_five_networks(seed: int) -> None:
    flows = five.flows(20, seed)
    assert {k for k, flow in flows.items() if not flow.healthy} == {"sigmoid"}
    found = flows["sigmoid"].findings[0]
    assert found.what == "vanishing"
    layer = flows["sigmoid"][found.layer]
    assert layer.norm < 1e-3 * flows["sigmoid"][-1].norm
    above = flows["sigmoid"].layers[flows["sigmoid"].layers.index(layer) + 1]
    assert above.norm >= 1e-3 * flows["sigmoid"][-1].norm
    assert "sigmoid" in str(found).lower()


def test_five_networks_learn_or_do_not() -> None:
    losses = {k: five.train(net, 50) for k, net in five.networks(12).items()}
    assert losses["sigmoid"][-1] > 0.9 * losses["sigmoid"][0]
    for name in five.KINDS[1:]:
        assert losses[name][-1] < 0.5 * losses[name][0], name


def test_explodes_gradually() -> None:
    ndnn.manual_seed(0)
    net = deep(depth=16)
    for layer in net:
        if isinstance(layer, nn.Linear):
            scale(layer, 3)
    flow = gradient_flow(net, loss)
    assert flow.exploding is not None
    assert flow.vanishing is None
    named = flow[flow.exploding]
    assert named.norm > 1e3 * flow[-1].norm
    assert "clip_grad_norm_" in flow.findings[0].text


def test_dead_saturated_and_not_finite() -> None:
    ndnn.manual_seed(1)
    net = deep(depth=4)
    net[2].bias.data = np.full(48, -1e3, np.float32)
    flow = gradient_flow(net, loss)
    assert flow["3"].dead == 1
    assert {(f.what, f.layer) for f in flow.findings} >= {("dead", "3"), ("vanishing", "3")}
    assert "LeakyReLU" in str(flow)

    net = deep(nn.Tanh, 4)
    scale(net[2], 1e3)
    flow = gradient_flow(net, loss)
    assert flow["3"].saturated > 0.9
    assert ("saturated", "3") in {(f.what, f.layer) for f in flow.findings}

    net = deep(depth=4)
    net[4].weight.data = np.full((48, 48), np.inf, np.float32)
    with np.errstate(all="ignore"):
        assert [(f.what, f.layer) for f in gradient_flow(net, loss).findings] == [
            ("not finite", "4")
        ]
        net = deep(depth=4)
        flow = gradient_flow(net, lambda model: (model(POINTS) * np.float32(np.nan)).sum())
    assert [(f.what, f.layer) for f in flow.findings] == [("not finite", "8")]
    flow = gradient_flow(deep(depth=2), lambda model: (model(POINTS) * 0).sum())
    assert flow.vanishing == "4"


def test_the_numbers_are_those_of_the_definition() -> None:
    ndnn.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 10))
    flow = gradient_flow(net, loss)
    hidden = ndnn.Tensor(net[0](POINTS).data, requires_grad=True)
    act = F.relu(hidden)
    F.cross_entropy(net[2](act), LABELS).backward()
    g = hidden.grad
    first, relu, last = flow
    want = np.abs(g).mean(), np.abs(g).max(), np.linalg.norm(g)
    np.testing.assert_allclose((first.mean, first.max, first.norm), want, rtol=1e-5)
    np.testing.assert_allclose(first.output_norm, np.linalg.norm(hidden.data), rtol=1e-5)
    assert relu.dead == (act.data == 0).all(0).mean()
    assert first.ratio == pytest.approx(first.norm / relu.norm)
    assert last.ratio is None
    weight = net[0].weight
    assert weight.grad is None
    loss(net).backward()
    assert first.weight == pytest.approx(
        np.linalg.norm(weight.grad) / np.linalg.norm(weight.data), rel=1e-5
    )


def test_a_convolutional_network_in_training_is_left_as_it_was() -> None:
    ndnn.manual_seed(0)
    net = examples.resnet18(10)
    x = np.random.default_rng(0).standard_normal((4, 3, 64, 64)).astype(np.float32)
    before = net.state_dict()
    flow = gradient_flow(net, lambda model: F.cross_entropy(model(x), np.arange(4)))
    assert flow.findings == []
    assert len(flow) == 20 + 20 + 17 + 3  # convolutions, norms, each call of a ReLU, pools and fc
    assert all(np.array_equal(before[k], v) for k, v in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())
    assert not any(m._hooks for m in net.modules())
    json.dumps(flow.to_dict(), allow_nan=False)


def test_recorder() -> None:
    ndnn.manual_seed(0)
    net = deep(depth=3)
    recorder = GradientRecorder(net, every=3)
    optimizer = optim.SGD(net.parameters(), lr=0.01)
    for step in range(10):
        optimizer.zero_grad()
        loss(net).backward()
        if step == 9:
            for p in net[2].parameters():
                p.grad = p.grad * np.float32(1e6)
        recorder.step()
        if step < 9:
            optimizer.step()
    assert recorder.steps == [0, 3, 6, 9]
    assert recorder.norms.shape == recorder.weight_norms.shape == (4, 8)
    np.testing.assert_allclose(recorder.norms[3, 2], np.linalg.norm(net[2].weight.grad), rtol=1e-5)
    np.testing.assert_allclose(
        recorder.weight_norms[3, 2], np.linalg.norm(net[2].weight.data), rtol=1e-5
    )
    (found,) = recorder.findings()
    assert (found.what, found.layer) == ("exploding", "2.weight")
    assert "step 9" in found.text
    json.dumps(recorder.to_dict(), allow_nan=False)
    net[4].bias.grad = np.full(48, np.nan, np.float32)
    for _ in range(3):
        recorder.step()
    assert [(f.what, f.layer) for f in recorder.findings()] == [("not finite", "4.bias")]


def test_recorder_names_what_hardly_learns() -> None:
    net = five.networks()["sigmoid"]
    recorder = GradientRecorder(net, every=1)
    five.train(net, 5, observe=recorder.step)
    (found,) = recorder.findings()
    assert found.what == "vanishing"
    healthy = five.networks()["He"]
    recorder = GradientRecorder(healthy, every=1)
    five.train(healthy, 20, observe=recorder.step)
    assert recorder.findings() == []
    tiny = nn.Linear(2, 2)
    recorder = GradientRecorder(tiny, every=1)
    tiny.weight.grad = np.full((2, 2), 1e-30, np.float32)  # its square is 0 in float32
    recorder.step()
    assert recorder.norms[0, 0] == pytest.approx(2e-30)


def test_summary() -> None:
    net = nn.Sequential(
        nn.Conv2d(4, 8, 3, padding=1, groups=2),
        nn.ConvTranspose2d(8, 2, 2, stride=2, bias=False),
        nn.Flatten(),
        nn.Linear(2 * 64, 5),
    )
    net[0].requires_grad_(False)
    found = summary(net, (3, 4, 4, 4), time=True)
    rows = {row.name: row for row in found.layers}
    assert [row.output for row in found.layers] == [
        (3, 8, 4, 4), (3, 2, 8, 8), (3, 128), (3, 5)]  # fmt: skip
    assert rows["0"].macs == 3 * 16 * 8 * 2 * 9
    assert rows["1"].macs == 3 * 16 * 8 * 2 * 4
    assert rows["3"].macs == 3 * 128 * 5
    assert found.macs == sum(row.macs for row in found.layers)
    assert found.parameters == sum(p.size for p in net.parameters())
    assert found.trainable == found.parameters - 8 * 2 * 9 - 8
    assert rows["0"].bytes == 3 * 8 * 16 * 4
    assert rows["1"].field == (3, 3)
    assert all(row.seconds is not None and row.seconds >= 0 for row in found.layers)
    assert "ms" in str(found)
    json.dumps(found.to_dict(), allow_nan=False)
    assert summary(nn.Linear(3, 2), (5, 3)).macs == 30


@pytest.mark.parametrize(
    ("name", "parameters", "macs"),
    [
        ("resnet18", 11_689_512, 1_814_073_344),
        ("resnet50", 25_557_032, 3_857_973_248),
        ("mobilenet", 4_231_976, 568_740_352),
    ],
)
def test_published_sizes(name: str, parameters: int, macs: int) -> None:
    make, shape = examples.NETWORKS[name]
    found = summary(make(), shape)
    assert (found.parameters, found.macs) == (parameters, macs)


def test_shared_parameters_count_once() -> None:
    linear = nn.Linear(4, 4)
    found = summary(nn.Sequential(linear, nn.Sequential(linear)), (1, 4))
    assert [row.parameters for row in found.layers] == [20, 0]
    assert found.parameters == 20


def test_forward_hooks_are_torchs() -> None:
    torch = pytest.importorskip("torch")
    for library, ones in (
        (nn, lambda: np.ones((1, 2), np.float32)),
        (torch.nn, lambda: torch.ones(1, 2)),
    ):
        net = library.Sequential(library.Identity(), library.Identity())
        seen: list[Any] = []
        pre = net[0].register_forward_pre_hook(lambda m, args: (args[0] * 2,))
        post = net[1].register_forward_hook(lambda m, args, y: y + 1)
        last = net.register_forward_hook(lambda m, args, y, seen=seen: seen.append(y))
        assert float(net(ones()).sum()) == 6
        assert len(seen) == 1
        with pre:
            pass
        assert float(net(ones()).sum()) == 4
        post.remove()
        post.remove()
        last.remove()
        assert float(net(ones()).sum()) == 2
        assert len(seen) == 2


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: gradient_flow(3, loss), TypeError, "model must be a Module"),  # type: ignore[arg-type]
        (lambda: gradient_flow(deep(), 3), TypeError, "loss must be a function"),  # type: ignore[arg-type]
        (lambda: gradient_flow(deep(), lambda net: net(POINTS)), ValueError, "one element"),
        (lambda: gradient_flow(deep(), lambda net: 3), TypeError, "one element"),  # type: ignore[arg-type, return-value]
        (
            lambda: gradient_flow(nn.ReLU(), lambda net: ndnn.Tensor([1.0], True).sum()),
            ValueError,
            "must see a layer",
        ),
        (lambda: gradient_flow(deep(depth=1), loss)["9"], KeyError, "no layer"),
        (lambda: GradientRecorder(3), TypeError, "model must be a Module"),  # type: ignore[arg-type]
        (lambda: GradientRecorder(nn.ReLU(), 0), ValueError, "every must be 1 or more"),
        (lambda: summary(nn.ReLU(), (0, 3)), ValueError, "input_shape must be"),
        (lambda: summary(F.relu, (1, 3)), TypeError, "model must be"),  # type: ignore[arg-type]
        (lambda: summary(nn.Conv2d(3, 4, 3), (1, 2, 8, 8)), ValueError, "conv2d"),
    ],
)
def test_errors(call: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        call()


def test_commands(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["rf", "resnet18", "--size", "64", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [r["size"] for r in found["layers"] if r["name"] == "layer4.1.conv2"] == [[435, 435]]
    assert main(["summary", "mobilenet", "--size", "32", "64", "--time"]) == 0
    text = capsys.readouterr().out
    assert "4,231,976" in text
    assert "time in layers" in text
    assert main(["summary", "mobilenet", "--size", "32", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parameters"] == 4_231_976
    assert main(["flow", "--depth", "12", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [k for k in found if found[k]["findings"]] == ["sigmoid"]
    for arguments, words in (
        (["rf", "resnet18", "--size", "64", "--layer", "no"], "no layer is named 'no'"),
        (["rf", "resnet18", "--size", "1", "2", "3"], "one number or two"),
        (["flow", "--depth", "0"], "--depth must be"),
    ):
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1
    with pytest.raises(SystemExit):
        main(["rf", "lenet"])


def test_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = pytest.importorskip("matplotlib.image")
    for name, arguments in (
        ("rf", ["rf", "mobilenet", "--size", "64", "--layer", "8.0"]),
        ("flow", ["flow", "--depth", "6"]),
    ):
        path = tmp_path / f"{name}.png"
        assert main([*arguments, "--plot", str(path)]) == 0
        assert image.imread(path)[..., :3].std() > 0.03  # something is drawn
    capsys.readouterr()
    assert main(["flow", "--depth", "2", "--plot", str(tmp_path / "no" / "x.png")]) == 2
    assert "No such file" in capsys.readouterr().err
    line = nn.Sequential(nn.Conv1d(1, 1, 3, dilation=4))
    field = ndnn.receptive_field(line, (1, 1, 30))
    effective = ndnn.effective_receptive_field(line, (1, 1, 30))
    assert "33 %" in field.plot(effective=effective).get_title()
    flat = ndnn.receptive_field(nn.Conv2d(3, 1, 3), (1, 3, 8, 9))
    for picture in (np.zeros((8, 9)), np.zeros((8, 9, 3)), np.zeros((3, 8, 9))):
        assert len(flat.plot(picture, 0).images) == 2
    with pytest.raises(ValueError, match="image must be"):
        flat.plot(np.zeros((9, 8)))
    net = five.networks(2)["He"]
    recorder = GradientRecorder(net, every=1)
    five.train(net, 3, observe=recorder.step)
    assert len(recorder.plot().lines) == 4
