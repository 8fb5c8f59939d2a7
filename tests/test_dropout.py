# SPDX-License-Identifier: MIT
"""The dropout family and rrelu: what is random about them, and what is not."""

import math

import numpy as np
import pytest

import ndnn
import ndnn.functional as F
from ndnn import Tensor
from oracle import strided

RNG = np.random.default_rng(0)


def test_dropout_is_random_enough() -> None:
    """Means, neighbours and calls: within 5 standard deviations of independence."""
    n, p = 400_000, 0.3
    x = np.ones(n, np.float32)
    rng = np.random.default_rng(7)
    first, second = (F.dropout(x, p, generator=rng) > 0 for _ in range(2))
    bound = 5 * math.sqrt(p * (1 - p) / n)
    assert abs(first.mean() - (1 - p)) < bound
    both = (1 - p) ** 2
    for lag in (1, 2, 3, 16, 64, 1024, 32768):
        assert abs((first[lag:] & first[:-lag]).mean() - both) < 1.1 * bound, lag
    assert abs((first & second).mean() - both) < bound
    rows = first.reshape(-1, 400).mean(1)
    assert abs(rows.std() / math.sqrt(p * (1 - p) / 400) - 1) < 0.1


def test_dropout_does_not_depend_on_memory(dtype: str) -> None:
    x = RNG.standard_normal((3, 20, 30)).astype(dtype)
    want = F.dropout(x, generator=np.random.default_rng(1))
    for a in strided(x):
        np.testing.assert_array_equal(F.dropout(a, generator=np.random.default_rng(1)), want)
    ndnn.manual_seed(3)
    again = F.dropout(x)
    ndnn.manual_seed(3)
    np.testing.assert_array_equal(F.dropout(x), again)


@pytest.mark.parametrize(
    ("op", "shape"),
    [("dropout1d", (50, 40, 3)), ("dropout2d", (50, 40, 3, 2)), ("dropout3d", (50, 40, 1, 2, 2)),
     ("dropout1d", (2000, 3)), ("dropout3d", (2000, 1, 2, 2)), ("dropout2d", (50, 40, 3))],
)  # fmt: skip
def test_channels_are_dropped_whole(op: str, shape: tuple[int, ...]) -> None:
    x = Tensor(np.ones(shape), requires_grad=True)
    y = getattr(F, op)(x, 0.25, generator=np.random.default_rng(1))
    planes = y.data.reshape(2000, -1)
    np.testing.assert_array_equal(planes, np.broadcast_to(planes[:, :1], planes.shape))
    assert abs((planes[:, 0] == 0).mean() - 0.25) < 0.05
    assert set(np.unique(planes)) == {0, 1 / 0.75}
    y.backward(np.ones(shape))
    np.testing.assert_array_equal(x.grad, y.data)


@pytest.mark.parametrize("op", ["alpha_dropout", "feature_alpha_dropout"])
def test_alpha_dropout_keeps_mean_and_variance(op: str) -> None:
    x = Tensor(np.random.default_rng(0).standard_normal((1000, 200)), requires_grad=True)
    y = getattr(F, op)(x, 0.2, training=True, generator=np.random.default_rng(1))
    assert abs(y.data.mean()) < 0.02
    assert abs(y.data.std() - 1) < 0.02
    y.backward(np.ones(x.shape))
    scale = x.grad.max()
    assert set(np.unique(x.grad)) == {0, scale}
    gone = x.grad == 0
    assert abs(gone.mean() - 0.2) < 0.01
    np.testing.assert_allclose(np.diff(y.data[gone]), 0, atol=1e-12)


def test_rrelu_draws_slopes_between_its_bounds() -> None:
    x = Tensor(np.full(10_000, -1.0), requires_grad=True)
    y = F.rrelu(x, 0.25, 0.5, training=True, generator=np.random.default_rng(1))
    assert -y.data.max() >= 0.25
    assert -y.data.min() < 0.5
    assert abs(y.data.mean() + 0.375) < 0.005
    y.backward(np.ones(x.shape))
    np.testing.assert_array_equal(x.grad, -y.data)
