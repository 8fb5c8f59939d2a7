# SPDX-License-Identifier: MIT
"""What receptive fields must refuse, count and leave alone."""

from typing import Any

import numpy as np
import pytest

import ndnn
from ndnn import nn


class _Mixes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 1)

    def forward(self, x: Any) -> Any:
        return self.conv(x) @ np.ones((9, 9), np.float32)


def test_functions_that_mix_places_are_refused() -> None:
    with pytest.raises(ValueError, match=r"receptive_field: .*but got matmul"):
        ndnn.receptive_field(_Mixes(), (1, 1, 9, 9))


def test_a_layer_that_occurs_twice_counts_twice() -> None:
    pool = nn.MaxPool2d(2)
    assert ndnn.receptive_field(nn.Sequential(pool, pool)).size == (4, 4)
    torch = pytest.importorskip("torch")
    pool = torch.nn.MaxPool2d(2)
    assert ndnn.receptive_field(torch.nn.Sequential(pool, pool)).size == (4, 4)


def test_effective_fields_leave_the_model_as_it_was() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    mean = net[1].running_mean
    ndnn.effective_receptive_field(net, (1, 1, 5, 5), samples=1)
    assert net[1].running_mean is mean
    assert all(p.requires_grad and p.grad is None for p in net.parameters())
