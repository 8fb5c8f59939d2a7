# SPDX-License-Identifier: MIT
import os

import pytest

from ndnn import config
from oracle import DIRECT, WINOGRAD


def pytest_configure(config: pytest.Config) -> None:
    """A run that asks for one instruction set must not silently use another."""
    import ndnn.config

    wanted = os.environ.get("NDNN_ISA")
    if wanted and ndnn.config.active_isa() != wanted:
        raise pytest.UsageError(f"NDNN_ISA={wanted}, but {ndnn.config.active_isa()} is active")


@pytest.fixture(params=config.supported_isas())
def isa(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=DIRECT)
def algorithm(request: pytest.FixtureRequest) -> str:
    """Plain sums: whole numbers come out exactly."""
    return request.param


@pytest.fixture(params=[*DIRECT, *WINOGRAD])
def every_algorithm(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> str:
    return request.param
