# SPDX-License-Identifier: MIT
"""The generator that initial weights and dropout draw from, unless they are given another."""

from __future__ import annotations

import numpy as np

# Made when first asked for: numpy.random would be half of the time of `import ndnn`.
_generator: np.random.Generator | None = None


def manual_seed(seed: int | None) -> np.random.Generator:
    """From now on the same numbers for the same seed (None: others); returns the generator."""
    global _generator
    _generator = np.random.default_rng(seed)
    return _generator


def generator() -> np.random.Generator:
    """The generator in use."""
    return manual_seed(None) if _generator is None else _generator
