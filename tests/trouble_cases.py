# SPDX-License-Identifier: MIT
"""Cases about lack of memory, signals and the end of the process; each one in its own."""

import atexit
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np

import ndnn
import ndnn.functional as F
from isolated import main, raises
from ndnn import _core
from process_cases import W, X, arrays, eventually, in_child, long_call, right

MB = 1 << 20

# Limits of memory


def address_space() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


@contextmanager
def memory_limit(margin: int) -> Iterator[None]:
    """At most `margin` bytes more than now."""
    old = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (address_space() + margin, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, old)


def case_no_thread_can_be_made() -> None:
    """A thread's stack finds no room: the call runs alone instead of ending the process."""
    with ndnn.num_threads(1):
        right()
    with memory_limit(int(os.environ["NDNN_TEST_MARGIN"]) * MB):
        for _ in range(3):
            y = F.conv2d(X, W, padding=1)
            right(y)
            assert _core.worker_count() == 0
    right()
    assert _core.worker_count() == 1, "threads can be made again, but are not"


def case_out_of_memory() -> None:
    x, w = np.ones((1, 1, 3, 3), np.float32), np.ones((1, 1, 3, 3), np.float32)
    with memory_limit(256 * MB):
        for _ in range(3):
            try:
                F.conv2d(x, w, padding=20000)
                raise AssertionError("no MemoryError")
            except MemoryError:
                right()
    assert F.conv2d(x, w, padding=1).sum() == 49


def case_out_of_memory_at_every_step() -> None:
    """Output, packed weights and scratch fail one after the other: MemoryError or the result."""
    x, w = arrays((1, 256, 60, 60), (512, 256, 3, 3))
    want = F.conv2d(x, w).tobytes()
    failed = succeeded = 0
    for megabytes in range(0, 100, 2):
        for weight in (w, ndnn.PackedWeight(w)):
            try:
                with memory_limit(megabytes * MB):
                    y = F.conv2d(x, weight)
            except MemoryError:
                failed += 1
                continue
            assert y.tobytes() == want
            succeeded += 1
            del y
    assert min(failed, succeeded) > 10, (failed, succeeded)
    right()


# Signals


def send_later(number: int = signal.SIGINT, seconds: float = 0.5) -> list[float]:
    """Send this process a signal later; the list will hold the moment."""
    sent: list[float] = []

    def send() -> None:
        sent.append(time.monotonic())
        os.kill(os.getpid(), number)

    threading.Timer(seconds, send).start()
    return sent


def interrupted_soon(error: type[BaseException], call: Callable[[], Any]) -> None:
    """`call`, a minute of work, raises at the signal, far from its end."""
    sent = send_later()
    raises(error, "", call)
    late = time.monotonic() - sent[0]
    assert late < 10, f"{late:.1f} s after the signal"
    right()


def case_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupted_soon(KeyboardInterrupt, lambda: long_call(400))
    w = ndnn.PackedWeight(np.ones((64, 64, 31, 31), np.float32))
    x = np.broadcast_to(np.float32(1), (400, 64, 40, 40))
    interrupted_soon(KeyboardInterrupt, lambda: F.conv2d(x, w, padding=15))


def case_a_handler_with_its_own_exception() -> None:
    class Mine(Exception):
        pass

    def handler(*_: Any) -> NoReturn:
        raise Mine

    signal.signal(signal.SIGINT, handler)
    interrupted_soon(Mine, lambda: long_call(400))


def case_a_handler_that_returns() -> None:
    """It runs in the middle of the call, may call ndnn itself, and changes nothing."""
    calls = 0

    def handler(*_: Any) -> None:
        nonlocal calls
        calls += 1
        right()

    want = long_call(1)
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    got = long_call(4)
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert calls >= 3, f"{calls} calls"
    assert got.tobytes() == want.tobytes() * 4


def case_a_signal_does_not_reach_other_threads() -> None:
    """Python handles signals in the main thread: a convolution elsewhere goes on."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    results: list[np.ndarray] = []
    thread = threading.Thread(target=lambda: results.append(long_call(5)))
    thread.start()
    send_later(seconds=0.2)
    try:
        eventually(lambda: bool(results), "the other thread never ended")
        raise AssertionError("the main thread was not interrupted")
    except KeyboardInterrupt:
        eventually(lambda: bool(results), "the other thread never ended")
    assert results[0].tobytes() == long_call(1).tobytes() * 5


def case_ctrl_c_in_the_child_of_a_thread() -> None:
    """After a fork in another thread, that thread is the child's main thread."""

    def child() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        interrupted_soon(KeyboardInterrupt, lambda: long_call(60))

    errors: list[BaseException] = []

    def fork() -> None:
        try:
            in_child(child)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=fork)
    thread.start()
    thread.join()
    assert not errors, errors[0]


def case_a_handler_that_needs_a_weight_being_packed() -> None:
    """The signal arrives while PackedWeight packs, and its handler uses the same PackedWeight."""
    kept = ndnn.PackedWeight(np.ones((250000, 32, 3, 3), np.float32))
    x = np.ones((1, 32, 3, 3), np.float32)
    signal.signal(signal.SIGALRM, lambda *_: F.true_conv2d(x, kept))
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    np.testing.assert_array_equal(F.true_conv2d(x, kept), np.full((1, 250000, 1, 1), 288))


# The end of the process


def case_daemon_in_a_short_kernel() -> None:
    def compute() -> None:
        while True:
            F.conv2d(X, W, padding=1)

    for _ in range(3):
        threading.Thread(target=compute, daemon=True).start()
    time.sleep(0.2)


def case_daemon_in_a_long_kernel() -> None:
    """Longer than the interval at which signals are looked for."""
    for _ in range(2):
        threading.Thread(target=long_call, args=(400,), daemon=True).start()
    time.sleep(0.3)


def case_calls_at_the_very_end() -> None:
    """From atexit, and from a finalizer while modules are taken down."""

    class Last:
        def __del__(self, right: Callable[[], None] = right) -> None:
            right()

    atexit.register(right)
    sys.modules["kept_until_the_end"] = Last()  # type: ignore[assignment]


if __name__ == "__main__":
    main(globals())
