# SPDX-License-Identifier: MIT
"""The demos of ``python -m ndnn demo``, and what they share."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import ndnn
from ndnn.nn import Module
from ndnn.storage import kind_of


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


def check_weights(weights: str) -> None:
    """check_output(), and an ending that ndnn.save knows."""
    check_output(weights)
    try:
        kind_of("save", Path(weights))
    except ValueError as error:
        raise DemoError(str(error)) from error


def saved_and_loaded(net: Module, fresh: Module, weights: str) -> Module:
    """Save the network's state, and load it into another of its kind.

    Raises:
        DemoError: the file cannot be written.
    """
    with writing(weights):
        ndnn.save(weights, net.state_dict())
        fresh.load_state_dict(ndnn.load(weights))
    return fresh


def must_agree(one: Any, other: Any) -> None:
    """The answers of a network and of what came back from its file."""
    if not np.array_equal(one, other):
        raise DemoError("the network from the file answers differently", exit_code=1)


@contextmanager
def writing(output: str) -> Iterator[None]:
    """Turns an OSError into a DemoError."""
    try:
        yield
    except OSError as error:
        raise DemoError(f"cannot write {output}: {error.strerror or error}") from error


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
