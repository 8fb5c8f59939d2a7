# SPDX-License-Identifier: MIT
"""Test cases in processes of their own, so that a crash or a hang is one failed case and no more.

A file of cases is a plain script: functions named `case_<name>` that assert, and `main(globals())`
at its end. `run_batch` runs many cases in one process; after a case that ends it, in a new one.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
Environment = dict[str, str | None]  # None: unset

# Variables that would change what the cases see.
_THREADING = (
    "OMP_NUM_THREADS",
    "NDNN_NUM_THREADS",
    "NDNN_ISA",
    "GOMP_SPINCOUNT",
    "OMP_WAIT_POLICY",
)


def environment(changes: Environment | None = None) -> dict[str, str]:
    """This process's environment without thread settings, and with `changes`."""
    settings: Environment = dict(os.environ)
    settings |= dict.fromkeys(_THREADING)
    settings |= {"OPENBLAS_NUM_THREADS": "1", "PYTHONWARNINGS": "error", **(changes or {})}
    return {name: value for name, value in settings.items() if value is not None}


def run(
    arguments: Sequence[str], env: Environment | None = None, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments; a hang is `TimeoutExpired`."""
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        cwd=HERE,
        env=environment(env),
    )


def check_case(script: str, case: str, env: Environment | None = None, timeout: float = 40) -> str:
    """Run one case of `script`; it must pass. What it printed."""
    done = run([script, case], env, timeout)
    assert done.returncode == 0, f"{case}: {ending(done.returncode)}\n{done.stderr}"
    *printed, last = done.stdout.splitlines()
    assert json.loads(last) == [case, "ok"], last
    assert done.stderr == ""
    return "\n".join(printed)


def run_batch(script: str, cases: Sequence[str], timeout: float = 120) -> dict[str, str]:
    """Outcome of every case: "ok", an exception, or how the process ended."""
    outcomes: dict[str, str] = {}
    waiting = list(cases)
    while waiting:
        try:
            done = run([script, *waiting], timeout=timeout)
            printed, end = done.stdout, f"{ending(done.returncode)}\n{done.stderr[-2000:]}"
        except subprocess.TimeoutExpired as error:
            printed, end = (error.stdout or b"").decode(), "did not end"
        for line in printed.splitlines():
            name, outcome = json.loads(line)
            outcomes[name] = outcome
        left = [name for name in waiting if name not in outcomes]
        if left:
            outcomes[left[0]] = end
        waiting = left[1:]
    return outcomes


def ending(code: int) -> str:
    """An exit code in words."""
    return f"crashed with {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def case_names(script: str) -> list[str]:
    """The cases of a script, without running it."""
    lines = (HERE / script).read_text().splitlines()
    return [line[9:].split("(")[0] for line in lines if line.startswith("def case_")]


def raises(error: type[BaseException], text: str, call: Callable[[], Any]) -> None:
    """`call` must raise exactly this class, with `text` in the message."""
    try:
        result = call()
    except BaseException as caught:
        if type(caught) is not error or text not in str(caught):
            raise AssertionError(f"expected {error.__name__} with {text!r}") from caught
        return
    raise AssertionError(f"expected {error.__name__} with {text!r}, but got {result!r:.200}")


def main(cases: dict[str, Any]) -> None:
    """Run the cases named on the command line; print one JSON line after each."""
    faulthandler.enable()
    for name in sys.argv[1:]:
        try:
            cases["case_" + name]()
            outcome = "ok"
        except BaseException as error:
            cause = f" (from {error.__cause__!r})" if error.__cause__ else ""
            outcome = f"{type(error).__name__}: {error}{cause}"
        print(json.dumps([name, outcome]), flush=True)
