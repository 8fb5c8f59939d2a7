# SPDX-License-Identifier: MIT
"""No operator touches memory outside its arrays; pickled and large arrays are like others."""

import pickle
from typing import Any

import numpy as np
import pytest

import guard_array_runs
import ndnn.functional as F
from isolated import run_batch
from ndnn import Tensor

NAMES = [name.removeprefix("case_") for name in guard_array_runs.CASES]


@pytest.mark.parametrize("part", range(8))
def test_nothing_outside_is_touched(part: int) -> None:
    outcomes = run_batch("guard_array_runs.py", NAMES[part::8], timeout=300)
    assert {name: outcome for name, outcome in outcomes.items() if outcome != "ok"} == {}


@pytest.mark.parametrize("mode", ["replicate", "reflect", "circular", "constant"])
@pytest.mark.parametrize("pad", [(0, 0, 0, 0, 1, 1), (0, 0, 0, 0, 1, 0)])
def test_only_the_depth_of_large_volumes_is_padded(mode: str, pad: tuple[int, ...]) -> None:
    """Rows and planes are whole then; they are no shuffle."""
    x = Tensor(np.zeros((1, 1, 2, 300, 300)), requires_grad=True)
    g = np.random.default_rng(0).integers(-4, 5, (1, 1, 2 + sum(pad), 300, 300)).astype(np.float64)
    F.pad(x, pad, mode).backward(g)
    whole = np.arange(2.0).reshape(1, 1, 2, 1, 1)
    sources = F.pad(whole + 1, pad, mode).ravel() - 1  # -1: the constant
    want = [sum(g[0, 0, i] for i in np.flatnonzero(sources == d)) for d in range(2)]
    np.testing.assert_array_equal(x.grad[0, 0], want)


def _pickled(x: np.ndarray) -> Any:
    """Of an equal dtype that is another object."""
    return pickle.loads(pickle.dumps(x))


@pytest.mark.parametrize("op", ["relu", "glu", "softmax", "layer_norm", "mse_loss", "dropout1d"])
def test_pickled_arrays_are_like_others(op: str) -> None:
    x = np.random.default_rng(0).standard_normal((2, 4)).astype(np.float32)
    more: dict[str, Any] = {
        "softmax": {"dim": 1},
        "layer_norm": {"normalized_shape": (4,), "weight": np.ones(4, np.float32)},
        "mse_loss": {"target": np.zeros((2, 4), np.float32)},
    }.get(op, {})
    t = Tensor(_pickled(x), requires_grad=True)
    y = getattr(F, op)(t, **more)
    y.backward(_pickled(np.ones(y.shape, np.float32)))
    assert t.grad.dtype == np.float32
    if op == "relu":
        F.relu(_pickled(x), out=np.empty((2, 4), np.float32))


class _Changes:
    """Indices whose making changes another array."""

    def __init__(self, x: np.ndarray) -> None:
        self.x = x

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        self.x.shape = (1, 1, 8, 2)
        return np.zeros((1, 1, 4, 4), np.int64)


def test_arrays_are_looked_at_last() -> None:
    x = np.ones((1, 1, 4, 4), np.float32)
    with pytest.raises(ValueError, match="max_unpool2d: indices must have the input's shape"):
        F.max_unpool2d(x, _Changes(x), 2)
