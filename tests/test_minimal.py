# SPDX-License-Identifier: MIT
"""Seconds, and no extras: what every wheel must pass."""

import numpy as np

import ndnn
import ndnn.functional as F
from ndnn import config, reference


def test_convolution() -> None:
    rng = np.random.default_rng(0)
    x, w, b = (
        rng.integers(-4, 5, s).astype("float32") for s in ((2, 6, 19, 17), (10, 3, 3, 3), 10)
    )
    for isa in config.supported_isas():
        config.force_isa(isa)
        got = F.conv2d(x, w, b, stride=2, padding=1, groups=2)
        np.testing.assert_array_equal(got, reference.conv2d(x, w, b, stride=2, padding=1, groups=2))


def test_versions_and_settings() -> None:
    assert ndnn.__version__ == config.config()["ndnn"]
    assert config.active_isa() in config.supported_isas()
    assert ndnn.get_num_threads() >= 1
