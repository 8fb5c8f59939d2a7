# SPDX-License-Identifier: MIT
"""Networks from the literature as ndnn.nn modules, to look into: with random weights.

AlexNet, VGG-16 and the ResNets have torchvision's names of parameters, so its weights load.

>>> from ndnn import examples, receptive_field
>>> receptive_field(examples.resnet50(), (1, 3, 224, 224))["layer4.2.conv3"].size
(483, 483)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ndnn import nn, shaping


def alexnet(classes: int = 1000) -> nn.Module:
    """Krizhevsky, One weird trick for parallelizing convolutional neural networks, 2014."""

    class AlexNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(
                nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
                nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
                nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
                nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
                nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2),
            )  # fmt: skip
            self.avgpool = nn.AdaptiveAvgPool2d(6)
            self.classifier = nn.Sequential(
                nn.Dropout(), nn.Linear(256 * 36, 4096), nn.ReLU(),
                nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, classes),
            )  # fmt: skip

        def forward(self, x: Any) -> Any:
            return self.classifier(shaping.flatten(self.avgpool(self.features(x)), 1))

    return AlexNet()


def vgg16(classes: int = 1000) -> nn.Module:
    """Simonyan and Zisserman, Very deep convolutional networks, 2014."""

    class VGG(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layers: list[nn.Module] = []
            inner = 3
            for outer, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
                for _ in range(count):
                    layers += [nn.Conv2d(inner, outer, 3, padding=1), nn.ReLU()]
                    inner = outer
                layers.append(nn.MaxPool2d(2, 2))
            self.features = nn.Sequential(*layers)
            self.avgpool = nn.AdaptiveAvgPool2d(7)
            self.classifier = nn.Sequential(
                nn.Linear(512 * 49, 4096), nn.ReLU(), nn.Dropout(),
                nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, classes),
            )  # fmt: skip

        def forward(self, x: Any) -> Any:
            return self.classifier(shaping.flatten(self.avgpool(self.features(x)), 1))

    return VGG()


class Block(nn.Module):
    """A residual block: convolutions of these kernels, and a way around them."""

    def __init__(
        self,
        widths: Sequence[int],
        kernels: Sequence[int],
        strides: Sequence[int],
        dilation: int = 1,
    ) -> None:
        super().__init__()
        self.count = len(kernels)
        for i, (kernel, stride) in enumerate(zip(kernels, strides, strict=True)):
            d = dilation if kernel > 1 else 1
            inner, outer = widths[i : i + 2]
            conv = nn.Conv2d(inner, outer, kernel, stride, d * (kernel // 2), d, bias=False)
            setattr(self, f"conv{i + 1}", conv)
            setattr(self, f"bn{i + 1}", nn.BatchNorm2d(widths[i + 1]))
        self.relu = nn.ReLU()
        self.downsample: nn.Module | None = None
        stride = max(strides)
        if stride > 1 or widths[0] != widths[-1]:
            self.downsample = nn.Sequential(
                nn.Conv2d(widths[0], widths[-1], 1, stride, bias=False), nn.BatchNorm2d(widths[-1])
            )

    def forward(self, x: Any) -> Any:
        y = x
        for i in range(1, self.count + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            y = self.relu(y) if i < self.count else y
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """A stem, four stages of blocks, and a classifier, unless classes is 0."""

    def __init__(
        self, block: Callable[..., Block], expansion: int, counts: Sequence[int], classes: int,
        strides: Sequence[int] = (1, 2, 2, 2), dilations: Sequence[int] = (1, 1, 1, 1),
    ) -> None:  # fmt: skip
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1, self.relu, self.maxpool = nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        inner = 64
        for stage, count in enumerate(counts):
            width = 64 << stage
            blocks = []
            for i in range(count):
                stride = strides[stage] if i == 0 else 1
                blocks.append(block(inner, width, stride, dilations[stage]))
                inner = width * expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc: nn.Module | None = nn.Linear(inner, classes) if classes else None

    def features(self, x: Any) -> Any:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))

    def forward(self, x: Any) -> Any:
        x = self.features(x)
        return x if self.fc is None else self.fc(shaping.flatten(self.avgpool(x), 1))


def resnet18(classes: int = 1000) -> nn.Module:
    """He, Zhang, Ren and Sun, Deep residual learning for image recognition, 2015."""

    def basic(inner: int, width: int, stride: int, dilation: int) -> Block:
        return Block((inner, width, width), (3, 3), (stride, 1), dilation)

    return ResNet(basic, 1, (2, 2, 2, 2), classes)


def resnet50(classes: int = 1000, stride_at: int = 1, **options: Any) -> nn.Module:
    """The same paper's network of 50 layers.

    stride_at: 1 as in the paper: the first 1x1 convolution of a stage has the stride; 3: the 3x3
    one has, as in torchvision, whose field is smaller.
    """
    if stride_at not in (1, 3):
        raise ValueError(f"resnet50: stride_at must be 1 or 3, but got {stride_at}")

    def bottleneck(inner: int, width: int, stride: int, dilation: int) -> Block:
        strides = (stride, 1, 1) if stride_at == 1 else (1, stride, 1)
        return Block((inner, width, width, 4 * width), (1, 3, 1), strides, dilation)

    return ResNet(bottleneck, 4, (3, 4, 6, 3), classes, **options)


def deeplab(classes: int = 21) -> nn.Module:
    """Chen et al., Rethinking atrous convolution for semantic image segmentation, 2017.

    ResNet-50 whose last stage has dilation 2 instead of a stride, then five parallel branches
    (ASPP): 1x1, 3x3 with dilations 6, 12 and 18, and the mean of the whole image.
    """

    class ASPP(nn.Module):
        def __init__(self, inner: int, outer: int) -> None:
            super().__init__()
            branches = [nn.Conv2d(inner, outer, 1, bias=False)]
            branches += [
                nn.Conv2d(inner, outer, 3, padding=rate, dilation=rate, bias=False)
                for rate in (6, 12, 18)
            ]
            self.branches = nn.ModuleList([_normalised(conv, outer) for conv in branches])
            self.pool = nn.AdaptiveAvgPool2d(1)
            self.pooled = _normalised(nn.Conv2d(inner, outer, 1, bias=False), outer)
            self.project = _normalised(nn.Conv2d(5 * outer, outer, 1, bias=False), outer)

        def forward(self, x: Any) -> Any:
            found = [branch(x) for branch in self.branches]
            everywhere = shaping.expand(self.pooled(self.pool(x)), found[0].shape)
            return self.project(shaping.concatenate([*found, everywhere], 1))

    class DeepLab(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = resnet50(0, stride_at=3, strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2))
            self.aspp = ASPP(2048, 256)
            self.classifier = nn.Conv2d(256, classes, 1)

        def forward(self, x: Any) -> Any:
            return self.classifier(self.aspp(self.backbone(x)))

    return DeepLab()


def mobilenet(classes: int = 1000) -> nn.Module:
    """Howard et al., MobileNets, 2017: depthwise and pointwise convolutions in turn."""
    layers: list[nn.Module] = [_normalised(nn.Conv2d(3, 32, 3, 2, 1, bias=False), 32)]
    inner = 32
    for outer, stride in (
        (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2),
        (1024, 1),
    ):  # fmt: skip
        depthwise = nn.Conv2d(inner, inner, 3, stride, 1, groups=inner, bias=False)
        layers += [
            _normalised(depthwise, inner),
            _normalised(nn.Conv2d(inner, outer, 1, bias=False), outer),
        ]
        inner = outer
    head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inner, classes)
    return nn.Sequential(*layers, *head)


def _normalised(conv: nn.Module, width: int) -> nn.Sequential:
    return nn.Sequential(conv, nn.BatchNorm2d(width), nn.ReLU())


NETWORKS: dict[str, tuple[Callable[..., nn.Module], tuple[int, int, int, int]]] = {
    "alexnet": (alexnet, (1, 3, 224, 224)),
    "vgg16": (vgg16, (1, 3, 224, 224)),
    "resnet18": (resnet18, (1, 3, 224, 224)),
    "resnet50": (resnet50, (1, 3, 224, 224)),
    "deeplab": (deeplab, (1, 3, 224, 224)),
    "mobilenet": (mobilenet, (1, 3, 224, 224)),
}
"""Constructor and usual input of each network, by the name the command line knows it under."""
