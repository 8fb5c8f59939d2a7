# SPDX-License-Identifier: MIT
"""Whether operations on Tensors are recorded."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token
from functools import wraps
from typing import Any, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])

recording: ContextVar[bool] = ContextVar("ndnn_recording", default=True)


class no_grad:
    """`with no_grad():` or `@no_grad()`: nothing is recorded; results need no gradient."""

    def __init__(self) -> None:
        self._tokens: list[Token[bool]] = []

    def __enter__(self) -> None:
        self._tokens.append(recording.set(False))

    def __exit__(self, *error: object) -> None:
        recording.reset(self._tokens.pop())

    def __call__(self, function: Function) -> Function:
        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with no_grad():  # one of its own for each call: threads have different tokens
                return function(*args, **kwargs)

        return cast(Function, call)


def is_grad_enabled() -> bool:
    """False inside `no_grad`."""
    return recording.get()
