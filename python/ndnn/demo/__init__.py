# SPDX-License-Identifier: MIT
"""The demos of ``python -m ndnn demo``, and what they share."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class DemoError(Exception):
    """Something the user should read as one line, with the exit code of the program."""

    def __init__(self, message: str, exit_code: int = 2) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def check_output(output: str) -> None:
    """Complain about a place that cannot be written before the work begins, not after it."""
    path = Path(output)
    if path.is_dir():
        raise DemoError(f"cannot write {path}: it is a folder")
    if not path.resolve().parent.is_dir():
        raise DemoError(f"cannot write {path}: its folder does not exist")


def require(module: str) -> Any:
    """Import a module of the `demo` extra.

    Raises:
        DemoError: it is not installed; the message names the extra.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise DemoError(
            f'the demo needs {error.name or module}; install it with: pip install "ndnn[demo]"'
        ) from error


@contextmanager
def steps_bar(total: int) -> Iterator[Callable[[str], None]]:
    """A bar on stderr, if tqdm is installed; call the result with the name of the next step."""
    try:
        from tqdm import tqdm
    except ImportError:
        yield lambda name: None
        return
    with tqdm(total=total, leave=False, bar_format="{desc:<20} {bar} {n}/{total}") as bar:
        started = False

        def tick(name: str) -> None:
            nonlocal started
            bar.set_description_str(name, refresh=False)
            bar.update(int(started))
            bar.refresh()
            started = True

        yield tick


@contextmanager
def progress(total: int, name: str, unit: str) -> Iterator[Any]:
    """A tqdm bar on stderr, or something that takes the same calls and shows nothing."""
    try:
        from tqdm import tqdm
    except ImportError:
        yield _NoBar()
        return
    with tqdm(total=total, desc=name, unit=unit, leave=False) as bar:
        yield bar


class _NoBar:
    def update(self, n: int = 1) -> None: ...

    def set_postfix(self, **values: object) -> None: ...
