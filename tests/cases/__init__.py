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
    inputs: tuple[str, ...] = ("input", "weight", "bias")  # the names of those in `shapes`
    domains: tuple[str, ...] = ()  # of each: "" (normal numbers), "unit" (in (0, 1)), "positive"
    gradient: bool = True  # there is one
    torch: bool = True  # torch has the same, with the same gradient

    def __str__(self) -> str:
        return f"{self.op}-{self.id}"


def array_cases() -> list[Case]:
    """Operators of one algorithm (test_array_ops.py)."""
    from cases import (
        activation,
        avg_pool,
        embedding,
        fold,
        grid_sample,
        loss,
        max_pool,
        norm,
        resize,
    )

    families = activation, avg_pool, embedding, fold, grid_sample, loss, max_pool, norm, resize
    return [case for family in families for case in family.CASES]


def all_cases() -> list[Case]:
    """Convolutions, which have several algorithms and packed weights (test_all_ops.py)."""
    from cases import conv, conv_transpose

    return [*conv.CASES, *conv_transpose.CASES]
