# SPDX-License-Identifier: MIT
"""Life in a process: threads, fork, signals, limits of memory, neighbours, import.

Nothing here is timed: the machine may be busy. The cases stand in `SCRIPTS`.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from isolated import Environment, case_names, check_case, environment, run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, limits memory")

SCRIPTS = {
    case: script
    for script in ("process_cases.py", "trouble_cases.py")
    for case in case_names(script)
}
BASE = {"NDNN_ISA": "base"}  # slow kernels make long calls with little memory

DIRECT = {"NDNN_WINOGRAD": "0"}  # exact with whole numbers, and less scratch
SMALL = {"MALLOC_MMAP_THRESHOLD_": "65536"}  # freed memory goes back to the system

# Environments of each case; OMP_NUM_THREADS is 2 where nothing else is said.
CASES: dict[str, list[Environment]] = {
    "fork": [{}],
    "fork_cold": [{}],
    "fork_while_others_compute": [{}],
    "fork_while_a_weight_is_packed": [BASE | {"OMP_NUM_THREADS": "1"}],
    "fork_pool": [{}],
    "gil_is_released": [BASE, BASE | {"OMP_NUM_THREADS": "1"}],
    "eight_threads": [{"OMP_NUM_THREADS": "8"}],
    "limits_change_meanwhile": [{"OMP_NUM_THREADS": "8"}],
    "a_smaller_limit_ends_workers": [{"OMP_NUM_THREADS": "8"}],
    "num_threads_context": [{"OMP_NUM_THREADS": "4"}],
    "validation": [{}],
    "threadpoolctl": [{"OMP_NUM_THREADS": "4"}],
    "results_do_not_depend_on_the_threads": [
        {"OMP_NUM_THREADS": "7"},
        BASE | {"OMP_NUM_THREADS": "7"},
    ],
    "limit_is_expected": [
        {"NDNN_NUM_THREADS": own, "OMP_NUM_THREADS": openmp, "NDNN_TEST_THREADS": want}
        for own, openmp, want in (
            ("1", "4", "1"),
            ("3", "4", "3"),
            ("4", "2", "2"),
            ("65536", "3", "3"),
            ("", "3", "3"),
            (None, "3", "3"),
            (None, "1", "1"),
            (None, "5,2", "5"),
        )
    ]
    + [
        {"OMP_NUM_THREADS": "4", "NDNN_TEST_THREADS": "4", name: value}
        for name, value in (
            ("OMP_DYNAMIC", "true"),
            ("OMP_THREAD_LIMIT", "2"),
            ("OMP_MAX_ACTIVE_LEVELS", "0"),
            ("OMP_PROC_BIND", "true"),
            ("OMP_WAIT_POLICY", "active"),
            ("OMP_STACKSIZE", "64k"),
        )
    ],
    "no_thread_can_be_made": [
        DIRECT | {"NDNN_TEST_MARGIN": "3"},
        DIRECT | {"NDNN_TEST_MARGIN": "5"},
        DIRECT | {"NDNN_TEST_MARGIN": "7"},
        {"NDNN_TEST_MARGIN": "100", "OMP_STACKSIZE": "1G"},
    ],
    "out_of_memory": [{}, {"OMP_NUM_THREADS": "1"}],
    "out_of_memory_at_every_step": [SMALL, SMALL | {"OMP_NUM_THREADS": "1"}],
    "ctrl_c": [BASE, BASE | {"OMP_NUM_THREADS": "1"}],
    "a_handler_with_its_own_exception": [BASE],
    "a_handler_that_returns": [BASE, BASE | {"OMP_NUM_THREADS": "1"}],
    "a_signal_does_not_reach_other_threads": [BASE],
    "a_handler_that_needs_a_weight_being_packed": [BASE | {"OMP_NUM_THREADS": "1"}],
    "ctrl_c_in_the_child_of_a_thread": [BASE],
    "calls_at_the_very_end": [{}],
    "daemon_in_a_short_kernel": [{}] * 5,
    "daemon_in_a_long_kernel": [BASE] * 5,
}


def rows() -> Iterator[object]:
    for case, environments in CASES.items():
        for number, env in enumerate(environments):
            settings = "-".join(f"{name}={value}" for name, value in env.items())
            yield pytest.param(case, env, id=f"{case}-{number}-{settings}")


def test_every_case_is_run() -> None:
    assert sorted(CASES) == sorted(SCRIPTS)


@pytest.mark.parametrize(("case", "env"), [*rows()])
def test_case(case: str, env: Environment) -> None:
    if case == "threadpoolctl":
        pytest.importorskip("threadpoolctl")
    check_case(SCRIPTS[case], case, {"OMP_NUM_THREADS": "2", **env})


@pytest.mark.parametrize(
    "value", ["0", "-1", "abc", "1.5", "2x", "1e3", " ", "65537", "9" * 30, "0x2", "٣"]
)
def test_bad_ndnn_num_threads(value: str) -> None:
    """The import works; a call that needs the number names the variable; set_num_threads heals."""
    source = """
import numpy as np, ndnn, ndnn.functional as F
x = np.ones((1, 1, 3, 3), np.float32)
for call in (lambda: F.conv2d(x, x), ndnn.get_num_threads):
    try:
        call()
    except ValueError as error:
        assert "NDNN_NUM_THREADS must be" in str(error), error
    else:
        raise AssertionError("accepted")
ndnn.set_num_threads(2)
assert F.conv2d(x, x) == 9
"""
    done = run(["-c", source], {"NDNN_NUM_THREADS": value, "PYTHONUTF8": "1"})
    assert done.returncode == 0, done.stderr


def test_affinity_is_the_limit_by_default() -> None:
    """One CPU allowed, one thread; a user's own number stands."""
    source = """
import os, sys
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import ndnn
assert ndnn.get_num_threads() == int(sys.argv[1]), ndnn.get_num_threads()
assert ndnn.config.config()["usable_cpus"] == 1
"""
    for openmp, threads in ((None, "1"), ("3", "3")):
        done = run(["-c", source, threads], {"OMP_NUM_THREADS": openmp})
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("value", ["avx", "AVX2", "base ", "neon!"])
def test_bad_ndnn_isa(value: str) -> None:
    source = """
import ndnn
try:
    ndnn.config.active_isa()
except ValueError as error:
    assert "NDNN_ISA" in str(error), error
else:
    raise AssertionError("accepted")
"""
    done = run(["-c", source], {"NDNN_ISA": value})
    assert done.returncode == 0, done.stderr


# What an import may change: nothing. `state` is taken before and after.
STATE = """
import ctypes, gc, locale, os, resource, signal, sys, threading, warnings
import numpy as np
libc = ctypes.CDLL(None)
def state():
    handlers = {s: signal.getsignal(s) for s in signal.valid_signals()}
    limits = [resource.getrlimit(i) for i in range(10)]
    control = np.float32(1e-45) * np.float32(1) != 0  # denormals are kept
    environ = dict(os.environ), libc.getenv(b"GOMP_SPINCOUNT")
    python = sys.path[:], sys.flags, sys.excepthook, sys.getswitchinterval(), gc.get_threshold()
    return (environ, len(os.listdir("/proc/self/task")), threading.active_count(), handlers, limits,
            control, np.geterr(), str(np.random.get_state()), warnings.filters[:], os.getcwd(),
            python, locale.setlocale(locale.LC_ALL), sorted(os.sched_getaffinity(0)))
before = state()
import ndnn, ndnn.functional, ndnn.config
after = state()
assert before == after, (before, after)
loaded = {"torch", "scipy", "matplotlib", "sklearn", "numba"} & set(sys.modules)
assert not loaded, loaded
"""


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"GOMP_SPINCOUNT": "5"},
        {"OMP_WAIT_POLICY": "active"},
        {"OMP_WAIT_POLICY": "passive"},
        {"OMP_NUM_THREADS": "8"},
        {"NDNN_NUM_THREADS": "nonsense"},
    ],
    ids=str,
)
def test_import_changes_nothing(env: Environment) -> None:
    done = run(["-c", STATE], env)
    assert done.returncode == 0, done.stderr
    assert done.stdout == done.stderr == ""


@pytest.mark.parametrize("spin", [None, "5"])
def test_spin_count_stays_as_the_user_set_it(spin: str | None) -> None:
    """Child processes inherit the user's own setting, or none."""
    source = """
import os, subprocess, sys, numpy as np, ndnn, ndnn.functional as F
x = np.ones((4, 32, 60, 60), np.float32)
F.conv2d(x, np.ones((32, 32, 3, 3), np.float32))
print(os.environ.get("GOMP_SPINCOUNT"))
show = "import os; print(os.environ.get('GOMP_SPINCOUNT'))"
print(subprocess.check_output([sys.executable, "-c", show], text=True).strip())
"""
    done = run(["-c", source], {"GOMP_SPINCOUNT": spin})
    assert done.stdout.split() == [str(spin)] * 2, done.stderr


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
@pytest.mark.parametrize("order", ["torch, ndnn", "ndnn, torch"])
def test_beside_torch(order: str) -> None:
    """Two OpenMP runtimes, or one shared: both libraries work, alternately and at once."""
    source = f"""
import warnings, threading
warnings.simplefilter("ignore")
import {order}
import numpy as np, ndnn.functional as F
x, w = np.ones((2, 16, 40, 40), np.float32), np.ones((24, 16, 3, 3), np.float32)
want = F.conv2d(x, w)
def both():
    for _ in range(30):
        assert F.conv2d(x, w).tobytes() == want.tobytes()
        y = torch.nn.functional.conv2d(torch.from_numpy(x), torch.from_numpy(w)).numpy()
        assert np.array_equal(y, want)
        a = np.ones((200, 200)); assert (a @ a == 200).all()
both()
threads = [threading.Thread(target=both) for _ in range(3)]
[t.start() for t in threads]; [t.join() for t in threads]
torch.set_num_threads(1); both(); torch.set_num_threads(3); both()
print("good")
"""
    env = DIRECT | {"OMP_NUM_THREADS": "2", "PYTHONWARNINGS": None}
    done = run(["-c", source], env, timeout=120)
    assert done.stdout.strip() == "good", done.stderr


def test_ctrl_c_from_outside() -> None:
    """SIGINT as a terminal sends it: the traceback, and Python's exit code."""
    source = """
import numpy as np, ndnn.functional as F
x = np.broadcast_to(np.float32(1), (400, 64, 40, 40))
w = np.ones((64, 64, 31, 31), np.float32)
print("ready", flush=True)
F.conv2d(x, w, padding=15)
"""
    child = subprocess.Popen(
        [sys.executable, "-c", source],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment({"NDNN_ISA": "base", "OMP_NUM_THREADS": "2"}),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        try:
            child.wait(0.5)
            raise AssertionError("the work is too short")
        except subprocess.TimeoutExpired:
            os.kill(child.pid, signal.SIGINT)
        stderr = child.communicate(timeout=20)[1]
    assert child.returncode == -signal.SIGINT
    assert stderr.rstrip().endswith("KeyboardInterrupt")
