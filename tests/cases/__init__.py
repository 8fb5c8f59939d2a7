# SPDX-License-Identifier: MIT
"""The case tables: one list per family, read by the tests; a case's id names its reason."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    op: str
    id: str
    shapes: tuple[tuple[int, ...] | None, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.op}-{self.id}"


def array_cases() -> list[Case]:
    """Operators in plain NumPy (test_array_ops.py): no kernels, algorithms or packed weights."""
    from cases import layers

    return layers.CASES


def all_cases() -> list[Case]:
    """Operators with kernels."""
    from cases import conv, conv_transpose

    return [*conv.CASES, *conv_transpose.CASES]
