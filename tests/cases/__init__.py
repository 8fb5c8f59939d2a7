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


def all_cases() -> list[Case]:
    from cases import conv, conv_transpose

    return [*conv.CASES, *conv_transpose.CASES]
