# SPDX-License-Identifier: MIT
"""Receptive fields against brute force (which outputs move with each pixel) and the literature."""

from __future__ import annotations

import os
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import ndnn
from ndnn import config, examples, nn, shaping
from ndnn.inspect import Window, central_box, effective_receptive_field, receptive_field
from ndnn.inspect.geometry import output_size, same_padding

TRANSPOSED = nn.ConvTranspose1d, nn.ConvTranspose2d
CASES = int(os.environ.get("NDNN_RANDOM_CASES", 500))


class Upsample(nn.Module):
    """Nearest neighbours by a whole factor."""

    def __init__(self, scale_factor: int) -> None:
        super().__init__()
        self.scale_factor = scale_factor

    def forward(self, x: Any) -> Any:
        for axis in range(2, x.ndim):
            row = shaping.stack([x] * self.scale_factor, axis + 1)
            x = row.reshape([n * (self.scale_factor if i == axis else 1)
                             for i, n in enumerate(x.shape)])  # fmt: skip
        return x


def draw(rng: np.random.Generator, low: int, high: int, rank: int) -> tuple[int, ...]:
    return tuple(int(v) for v in rng.integers(low, high + 1, rank))


def layer(rng: np.random.Generator, rank: int) -> nn.Module:
    """Any layer of one channel; with weights of 1, so that no two ways cancel."""
    kinds = ["conv", "conv", "conv", "transposed", "up", "pool", "point"]
    kind = rng.choice(kinds)
    kernel, stride, dilation = (draw(rng, 1, n, rank) for n in (4, 3, 3))
    if kind == "conv":
        padding: Any = draw(rng, 0, 3, rank)
        if rng.random() < 0.2:
            stride, padding = (1,) * rank, "same"
        kind_of = getattr(nn, f"Conv{rank}d")
        made = kind_of(1, 1, kernel, stride, padding, dilation, bias=False, dtype=np.float64)
    elif kind == "transposed":
        padding = tuple(min(int(rng.integers(0, 3)), d * (k - 1))
                        for k, d in zip(kernel, dilation, strict=True))  # fmt: skip
        kind_of = getattr(nn, f"ConvTranspose{rank}d")
        made = kind_of(1, 1, kernel, stride, padding, bias=False, dilation=dilation,
                       dtype=np.float64)  # fmt: skip
    elif kind == "up":
        return Upsample(int(rng.integers(1, 4)))
    elif kind == "pool" and rank == 2:
        padding = tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel)
        ceil = bool(rng.integers(2))
        if rng.random() < 0.5:
            return nn.AvgPool2d(kernel, stride, padding, ceil)
        return nn.MaxPool2d(kernel, stride, padding, dilation, ceil_mode=ceil)
    else:
        return nn.ReLU()
    ndnn.init.ones_(made.weight)
    return made


def stack(rng: np.random.Generator) -> tuple[list[nn.Module], tuple[int, ...], Any]:
    """Layers, an input's spatial sizes, and the outputs that move with each of its pixels."""
    while True:
        rank = int(rng.integers(1, 3))
        sizes = draw(rng, *((8, 60) if rank == 1 else (3, 13)), rank)
        pixels = int(np.prod(sizes))
        y: Any = np.eye(pixels).reshape(pixels, 1, *sizes)
        made: list[nn.Module] = []
        for _ in range(int(rng.integers(1, 7))):
            new = layer(rng, rank)
            try:
                with ndnn.no_grad():
                    after = np.asarray(new(y))
            except ValueError:  # a window larger than its input
                continue
            if after.size > 2e6:
                continue
            y = (after > 0.01).astype(np.float64)  # Winograd's rounding moves nothing
            made.append(new)
        if made:
            return made, sizes, y[:, 0] > 0


def test_random_stacks_are_those_of_brute_force() -> None:
    rng = np.random.default_rng(7)
    inner = 0
    for case in range(CASES):
        made, sizes, moves = stack(rng)
        field = receptive_field(made, (1, 1, *sizes))
        outputs = moves.shape[1:]
        assert field[-1].output == outputs, f"{case}: {made} {sizes}"
        if case % 5 == 0:  # the same of a run, from the tape
            traced = receptive_field(nn.Sequential(*made), (1, 1, *sizes))
            assert [vars(row) for row in traced] == [vars(row) for row in field]
        free = receptive_field([*made, Window((1,) * len(sizes))])  # which tells the rank
        assert (free.size, free.jump, free.start) == (field.size, field.jump, field.start)
        for _ in range(6):
            at = tuple(int(rng.integers(n)) for n in outputs)
            want = moves[(slice(None), *at)].reshape(sizes)
            np.testing.assert_array_equal(field.mask(at), want, err_msg=f"{case}: {made} {sizes}")
            ends: tuple[slice, ...] = ()
            if want.any():
                ends = tuple(slice(p.min(), p.max() + 1) for p in np.nonzero(want))
                assert field.slices(at) == ends
            # far from the borders, size, start and jump are those of the formulas
            open_ends = free.slices(at)
            if all(p.start >= 0 and p.stop <= n for p, n in zip(open_ends, sizes, strict=True)):
                reads_no_padding = _inside(field, at)
                if reads_no_padding and want.any():
                    inner += 1
                    assert open_ends == ends
                    assert all(p.stop - p.start <= n for p, n in zip(ends, field.size, strict=True))
                    starts = zip(open_ends, at, free[-1].jump, free.start, strict=True)
                    if not any(isinstance(m, (Upsample, *TRANSPOSED)) for m in made):
                        assert all(p.start == i * j + s for p, i, j, s in starts)
                        assert tuple(p.stop - p.start for p in ends) == field.size
    assert inner > CASES  # or the formulas would not have been looked at


def _inside(field: Any, at: tuple[int, ...]) -> bool:
    """Does the element read as many pixels as on an input without ends?"""
    return bool(field.mask(at).sum() == field._seen(at, -1, bounded=False).mask.sum())


WINDOWS: list[tuple[str, dict[str, Any], tuple[int, ...]]] = [
    ("AvgPool1d", {"kernel_size": 3, "stride": 2, "padding": 1}, (9,)),
    ("AvgPool2d", {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}, (6, 7)),
    ("AvgPool3d", {"kernel_size": 2, "stride": 1, "padding": 1}, (4, 3, 5)),
    ("LPPool2d", {"norm_type": 2, "kernel_size": 2}, (6, 6)),
    ("AdaptiveAvgPool1d", {"output_size": 4}, (9,)),
    ("AdaptiveAvgPool2d", {"output_size": (3, 2)}, (7, 5)),
    ("AdaptiveAvgPool3d", {"output_size": (2, None, 1)}, (4, 3, 5)),
    ("AdaptiveMaxPool2d", {"output_size": (3, 2)}, (7, 5)),
    ("MaxPool1d", {"kernel_size": 3, "stride": 2, "padding": 1, "dilation": 2}, (12,)),
    ("MaxPool3d", {"kernel_size": 2, "stride": 1, "padding": 1}, (4, 3, 5)),
    ("Upsample", {"size": (13, 5), "mode": "nearest"}, (7, 6)),
    ("Upsample", {"scale_factor": 1.5, "mode": "nearest-exact"}, (7, 6)),
    ("Upsample", {"scale_factor": (0.4, 2.3), "mode": "bilinear"}, (7, 6)),
    ("Upsample", {"size": (13, 5), "mode": "bilinear", "align_corners": True}, (7, 6)),
    ("Upsample", {"scale_factor": 2, "mode": "bicubic"}, (7, 6)),
    ("Upsample", {"scale_factor": 1.5, "mode": "area"}, (7, 6)),
    ("UpsamplingBilinear2d", {"scale_factor": 2}, (5, 6)),
    ("ZeroPad2d", {"padding": (1, 2, 3, 0)}, (6, 5)),
    ("ReflectionPad2d", {"padding": (1, 2, 3, 0)}, (6, 5)),
    ("ReplicationPad1d", {"padding": 2}, (6,)),
    ("CircularPad2d", {"padding": (1, 2, 3, 0)}, (6, 5)),
    ("ConstantPad2d", {"padding": (-1, 2, -2, 0), "value": 0.0}, (6, 5)),
    ("PixelUnshuffle", {"downscale_factor": 2}, (4, 6)),
]


@pytest.mark.parametrize(("name", "arguments", "sizes"), WINDOWS)
def test_every_layer_with_a_window(
    name: str, arguments: dict[str, Any], sizes: tuple[int, ...]
) -> None:
    if not hasattr(nn, name):
        pytest.skip(f"there is no nn.{name}")
    made = getattr(nn, name)(**arguments)
    pixels = int(np.prod(sizes))
    with ndnn.no_grad():
        y = np.asarray(made(ndnn.Tensor(np.eye(pixels).reshape(pixels, 1, *sizes))))
    moves = (np.abs(y) > 1e-9).any(1)
    for field in (receptive_field(made, (1, 1, *sizes)), receptive_field([made], (1, 1, *sizes))):
        assert field[-1].output == moves.shape[1:]
        for at in np.ndindex(*moves.shape[1:]):
            want = moves[(slice(None), *at)].reshape(sizes)
            np.testing.assert_array_equal(field.mask(at), want)


class Branches(nn.Module):
    """Two ways from input to output, added or side by side."""

    def __init__(self, one: nn.Module, other: nn.Module, join: str) -> None:
        super().__init__()
        self.one, self.other, self.join = one, other, join

    def forward(self, x: Any) -> Any:
        a, b = self.one(x), self.other(x)
        if self.join == "add":
            return a + b
        if self.join == "gate":  # squeeze and excitation: a multiplied by one number
            return a * (1 + b.mean((2, 3), keepdims=True))
        both = shaping.concatenate([a, b], 1)
        return both[:, :1] + both[:, 1:]


def test_random_branches_are_those_of_brute_force() -> None:
    rng = np.random.default_rng(8)
    for case in range(max(CASES // 10, 1)):
        parts: list[nn.Module] = []
        for _ in range(int(rng.integers(1, 4))):
            stride = draw(rng, 1, 2, 2)
            convs = []
            for _ in range(2):
                kernel, dilation = draw(rng, 1, 3, 2), draw(rng, 1, 3, 2)
                # output sizes must agree: ceil(n / stride) of both, from odd kernels
                kernel = tuple(k | 1 for k in kernel)
                pad = tuple(d * (k - 1) // 2 for k, d in zip(kernel, dilation, strict=True))
                conv = nn.Conv2d(1, 1, kernel, stride, pad, dilation, bias=False)
                ndnn.init.ones_(conv.weight)
                convs.append(nn.Sequential(conv, nn.ReLU()))
            parts.append(Branches(*convs, join=str(rng.choice(["add", "cat", "gate"]))))
        net = nn.Sequential(*parts)
        sizes = draw(rng, 5, 16, 2)
        pixels = int(np.prod(sizes))
        with ndnn.no_grad():
            y = np.eye(pixels, dtype=np.float32).reshape(pixels, 1, *sizes)
            for part in parts:
                y = (np.asarray(part(ndnn.Tensor(y))) > 0.01).astype(np.float32)
        gated = any(part.join == "gate" for part in parts)
        field = receptive_field(net, (1, 1, *sizes))
        for _ in range(5):
            at = tuple(int(rng.integers(n)) for n in y.shape[2:])
            mask = field.mask(at)
            want = y[(slice(None), 0, *at)].reshape(sizes) > 0
            if gated:  # a * (1 + mean) moves only where a does not vanish: no more than the mask
                assert (mask | ~want).all(), case
                assert mask[want].all()
            else:
                np.testing.assert_array_equal(mask, want, err_msg=f"{case}: {net}")


@pytest.mark.parametrize(
    ("name", "layer", "size", "jump", "start"),
    [
        ("alexnet", "features.12", 195, 32, -66),
        ("vgg16", "features.28", 196, 16, -90),
        ("vgg16", "features.30", 212, 32, -90),
        ("resnet18", "layer4.1.conv2", 435, 32, -217),
        ("resnet50", "layer4.2.conv3", 483, 32, -241),
        ("mobilenet", "26.0", 315, 32, -157),
    ],
)
def test_published_fields(name: str, layer: str, size: int, jump: int, start: int) -> None:
    """As in Araujo, Norris and Sim, 2019."""
    make, shape = examples.NETWORKS[name]
    if name == "vgg16":  # the classifier's 124 million weights have no part in it
        whole, widths = [], [*([64] * 2), *([128] * 2), *([256] * 3), *([512] * 6)]
        inner = 3
        for i, outer in enumerate(widths):
            whole += [nn.Conv2d(1, 1, 3, padding=1), nn.ReLU()]
            inner = outer
            if i in (1, 3, 6, 9, 12):
                whole.append(nn.MaxPool2d(2, 2))
        assert inner == 512
        found = receptive_field([*whole])[layer.removeprefix("features.")]
    else:
        found = receptive_field(make(), shape)[layer]
    assert (found.size, found.jump, found.start) == ((size,) * 2, (jump,) * 2, (start,) * 2)
    assert found.share == (1, 1)


def test_torchvisions_resnet50_and_aspp() -> None:
    field = receptive_field(examples.resnet50(stride_at=3), (1, 3, 64, 64))
    assert field["layer4.2.conv3"].size == (427, 427)
    field = receptive_field(examples.deeplab(), (1, 3, 64, 64))
    before = field["backbone.layer4.2.relu"]
    assert before.jump == (16, 16)
    for branch, rate in enumerate((6, 12, 18), 1):  # each sees 2 * rate outputs of stride 16 more
        size = before.size[0] + 2 * rate * 16
        assert field[f"aspp.branches.{branch}.0"].size == (size, size)
    assert field.slices() == (slice(0, 64), slice(0, 64))


def test_a_real_network_sees_what_its_gradient_reaches() -> None:
    """ResNet-18 with positive weights, pools averaging: the gradient is above 0 where it sees."""
    net = examples.resnet18(0)
    net.maxpool = nn.AvgPool2d(3, 2, 1)
    for parameter in net.parameters():
        parameter.data = np.full(parameter.shape, 1 / max(parameter.shape[-1] * 64, 1), np.float64)
    net.eval()
    field = receptive_field(net, (1, 3, 96, 480))
    x = ndnn.Tensor(np.ones((1, 3, 96, 480)), requires_grad=True)
    config.set_winograd(False)  # whose rounding would be above 0 too
    try:
        y = net(x)
        seed = np.zeros(y.shape)
        seed[0, :, 1, 7] = 1
        y.backward(seed)
    finally:
        config.set_winograd(True)
    np.testing.assert_array_equal(x.grad[0].max(0) > 0, field.mask((1, 7)))
    assert field.slices((1, 7))[1] == slice(7, 442)  # 435 pixels from 7 * 32 - 217 on


def test_layers_of_torch_and_windows() -> None:
    torch = pytest.importorskip("torch")
    layers = torch.nn
    made = [
        layers.Conv2d(3, 8, 7, 2, 3, padding_mode="reflect"),
        layers.ReflectionPad2d((0, 1, 2, 3)),
        layers.MaxPool2d(3, 2, 1),
        layers.Upsample(scale_factor=2, mode="bilinear"),
        layers.PixelShuffle(2),
        layers.PixelUnshuffle(2),
        layers.BatchNorm2d(8),
        layers.AdaptiveAvgPool2d((5, None)),
    ]
    field = receptive_field(made, (1, 3, 41, 37))
    nested = layers.Sequential(layers.Sequential(*made[:3]), *made[3:])
    assert receptive_field(nested, (1, 3, 41, 37)).size == field.size
    with pytest.raises(TypeError, match="but got TransformerEncoderLayer"):
        receptive_field([layers.TransformerEncoderLayer(4, 2)], (1, 4, 8))
    x, sizes = torch.zeros(1, 3, 41, 37), []
    for one in made[:4]:
        x = one(x)
        sizes.append(tuple(x.shape[2:]))
    assert [row.output for row in field[:4]] == sizes
    assert field[2].padding == (1, 1)
    assert field[3].jump == (2, 2)
    assert field[4].jump == (1, 1)
    assert field[-1].jump[0] == Fraction(sizes[3][0] * 2, 5)
    assert receptive_field(
        [layers.Conv1d(1, 1, 3), layers.ConvTranspose1d(1, 1, 4, 2, 1)]
    ).size == (4,)


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "linear", "bilinear", "bicubic"])
@pytest.mark.parametrize("align", [False, True])
def test_interpolation_is_torchs(mode: str, align: bool) -> None:
    torch = pytest.importorskip("torch")
    if align and "nearest" in mode:
        pytest.skip("torch refuses it")
    rank = 1 if mode == "linear" else 2
    for n, out in ((5, 13), (13, 5), (7, 7), (1, 4), (6, 1), (4, 12)):
        up = torch.nn.Upsample((out,) * rank, mode=mode, align_corners=align or None)
        x = torch.randn(1, 1, *(n,) * rank, dtype=torch.float64, requires_grad=True)
        field = receptive_field([up], (1, 1, *(n,) * rank))
        y = up(x)
        for o in range(out):
            (grad,) = torch.autograd.grad(y[(0, 0, *(o,) * rank)], x, retain_graph=True)
            reads, seen = np.abs(grad.numpy()[0, 0]) > 1e-12, field.mask(o)
            assert (seen | ~reads).all(), (n, out, o)
            if mode != "bicubic":  # whose weights may be 0 in between
                np.testing.assert_array_equal(seen, reads)


def test_gridding_is_named_with_its_share() -> None:
    convs = [Window(3, 1, d, d) for d in (2, 4, 8)]
    field = receptive_field(convs)
    assert field.size == (29,)
    assert field.covered() == (15, 29)
    assert "2 (Window) sees 15 of the 29 pixels of its field (52 %)" in field.warnings[0]
    assert "gridding" in str(field)
    assert receptive_field([Window(3, 1, d, d) for d in (1, 2, 4)]).warnings == []
    sparse = receptive_field([Window(2, 4, transposed=True)])
    assert sparse.warnings == ["checkerboard: some outputs of 0 see nothing"]
    flat = nn.Sequential(nn.Conv2d(1, 1, 3, dilation=3, padding=3), nn.Conv2d(1, 1, 3, padding=1))
    assert receptive_field(flat, (1, 1, 32, 32)).covered() == (81, 81)


def test_calculators() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        n, k, s, d = int(rng.integers(8, 40)), *draw(rng, 1, 3, 3)
        p = int(rng.integers(0, 4))
        x, w = np.zeros((1, 1, n)), np.zeros((1, 1, k))
        if d * (k - 1) < n:
            assert (
                output_size(n, k, s, p, d) == ndnn.functional.conv1d(x, w, None, s, p, d).shape[2]
            )
            before, after = same_padding(k, s, d, n)
            padded = np.pad(x, ((0, 0), (0, 0), (before, after)))
            assert ndnn.functional.conv1d(padded, w, None, s, 0, d).shape[2] == -(-n // s)
    assert same_padding((3, 5)) == ((1, 1), (2, 2))
    assert output_size((8, 9), 2, 2, ceil_mode=True) == (4, 5)
    assert output_size(5, 3, 2, 1, transposed=True, output_padding=1) == 10


def test_effective_field() -> None:
    ndnn.manual_seed(0)
    net = nn.Sequential(*(nn.Conv2d(2, 2, 3, padding=1) for _ in range(6)))
    weights = effective_receptive_field(net, (2, 2, 25, 21))
    assert weights.shape == (25, 21)
    assert weights.sum() == pytest.approx(1)
    field = receptive_field(net, (2, 2, 25, 21))
    assert not weights[~field.mask()].any()
    box = central_box(weights)
    assert all(
        5 <= part.stop - part.start < size for part, size in zip(box, field.size, strict=True)
    )
    assert weights[box].sum() >= 0.95 - 1e-9
    moved = effective_receptive_field(net, (1, 2, 25, 21), index=(0, 5))
    assert not moved[7:].any()
    np.testing.assert_array_equal(weights, effective_receptive_field(net, (2, 2, 25, 21)))
    assert all(p.grad is None for p in net.parameters())


def test_a_trace_leaves_the_model_as_it_was() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(), nn.Conv2d(2, 1, 3))
    net[2].eval()
    before = net.state_dict()
    net[0].weight.grad = np.ones((2, 1, 3, 3))
    with ndnn.no_grad():
        receptive_field(net, (1, 1, 9, 9))
        effective_receptive_field(net, (1, 1, 9, 9))
    assert [m.training for m in net.modules()] == [True, True, True, False, True]
    assert all(np.array_equal(before[key], value) for key, value in net.state_dict().items())
    assert not any(m._hooks or m._pre_hooks for m in net.modules())
    assert net[0].weight.grad.sum() == 18


class Functional(nn.Module):
    def forward(self, x: Any) -> Any:
        return ndnn.functional.max_pool2d(x, 2)


class Turned(nn.Module):
    def forward(self, x: Any) -> Any:
        return x.transpose(0, 1, 3, 2)


class Cropped(nn.Module):
    def forward(self, x: Any) -> Any:
        return x[:, :, 1:-1, 1:-1]


@pytest.mark.parametrize(
    ("model", "shape", "kind", "words"),
    [
        (Functional(), (1, 1, 8, 8), ValueError, "max_pool2d called in a forward"),
        (Turned(), (1, 1, 8, 8), ValueError, "transpose"),
        (Cropped(), (1, 1, 8, 8), ValueError, r"\(8, 8\) to \(6, 6\)"),
        (Functional(), None, ValueError, "input_shape must be given.*Functional"),
        ([nn.AdaptiveAvgPool2d(2)], None, ValueError, "got None and AdaptiveAvgPool2d"),
        ([nn.Flatten()], None, ValueError, "got None and Flatten"),
        ([3], None, TypeError, "int"),
        (3, None, TypeError, "int"),
        (3, (1, 1, 8, 8), TypeError, "int"),
        ([], None, ValueError, "at least one layer"),
        ([Window(2**40)], None, ValueError, "at most 1048576 pixels"),
        ([Window(2**18, 2**18)] * 4, None, ValueError, "at most 1048576 pixels"),
        ([Window(1, 2)] * 60 + [Window(2)], None, ValueError, r"2\^40 pixels"),
        ([Window(1, 2**19, transposed=True)], None, ValueError, "at most 16384 outputs"),
        ([Window(2, 101, transposed=True)] * 3, None, ValueError, "at most 16384 outputs"),
        ([Upsample(2**70)], None, ValueError, "at most 16384 outputs"),
        ([Window(3, 0)], None, ValueError, "stride of Window"),
        ([Window(3, 1, -1)], None, ValueError, "padding of Window"),
        ([Window(2.5)], None, TypeError, "kernel_size of Window"),
        ([Window((3, 3)), Window((3, 3, 3))], None, ValueError, "one integer or 3"),
        ([Window(9)], (1, 1, 8), ValueError, "at least 1"),
        ([SimpleNamespace(scale_factor=1.23456789)], (1, 1), ValueError, "spatial axes"),
        (nn.ReLU(), (1, 1, 2**20, 2**20), ValueError, r"2\^31"),
        (nn.ReLU(), (1, 1, -3), ValueError, "at least 1"),
        (nn.ReLU(), (1, 1.5, 3), TypeError, "hold integers"),
        (nn.ReLU(), 5, TypeError, "tuple of integers"),
        ([type("Unfold", (nn.Module,), {"kernel_size": 2})()], None, ValueError, "got Unfold"),
    ],
)
def test_errors(model: Any, shape: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        receptive_field(model, shape)


def test_errors_of_reports_and_calculators() -> None:
    field = receptive_field([Window(3)], (1, 1, 8))
    for call, words in (
        (lambda: field.mask(6), "index must be within"),
        (lambda: field["none"], "no layer is named 'none'"),
        (lambda: receptive_field([Window(3)]).mask(), "needs the input's sizes"),
        (lambda: output_size(3, 5), "output_size: must be at least 1"),
        (lambda: output_size((3, 3), (2, 2, 2)), "as many axes"),
        (lambda: same_padding(3, 2), "input_size must be given"),
        (lambda: same_padding(0), "kernel_size must be"),
        (lambda: central_box(np.ones(3), 0), "share must be"),
        (lambda: effective_receptive_field(nn.ReLU(), (1, 1, 3), 5), "index must be within"),
        (lambda: effective_receptive_field(nn.ReLU(), (1, 1, 3), samples=0), "samples"),
    ):
        with pytest.raises((ValueError, KeyError), match=words):
            call()
    with pytest.raises(TypeError, match="input_size must hold integers"):
        output_size("3", 5)  # type: ignore[arg-type]
