# SPDX-License-Identifier: MIT
"""The generator that initial weights and dropout draw from, unless they are given another."""

from __future__ import annotations

import numpy as np

_generator = np.random.default_rng()


def manual_seed(seed: int) -> np.random.Generator:
    """From now on the same numbers for the same seed; returns the generator."""
    global _generator
    _generator = np.random.default_rng(seed)
    return _generator


def generator() -> np.random.Generator:
    """The generator in use."""
    return _generator
