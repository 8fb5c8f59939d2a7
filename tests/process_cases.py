# SPDX-License-Identifier: MIT
"""Cases about fork, threads and their limits; each one gets a process of its own."""

import asyncio
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import ndnn
import ndnn.functional as F
from isolated import main, raises
from ndnn import _core, config
from oracle import forced


def arrays(*shapes: tuple[int, ...], dtype: str = "float32", seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


# Enough work that every plan asks for several threads.
X, W = arrays((2, 32, 40, 44), (48, 32, 3, 3))
with ndnn.num_threads(1):
    Y = F.conv2d(X, W, padding=1)


def right(result: np.ndarray | None = None) -> None:
    """The convolution of X and W is what one thread computed, bit for bit."""
    assert (F.conv2d(X, W, padding=1) if result is None else result).tobytes() == Y.tobytes()


def long_call(times: int) -> np.ndarray:
    """A minute for 400 `times`, on little memory; meant for NDNN_ISA=base."""
    x = np.broadcast_to(np.float32(1), (times, 64, 40, 40))
    return F.conv2d(x, np.ones((64, 64, 31, 31), np.float32), padding=15)


def os_threads() -> int:
    """Threads of this process that have not ended: an ended one may linger for a moment."""
    alive = 0
    for task in os.listdir("/proc/self/task"):
        try:
            with open(f"/proc/self/task/{task}/stat") as file:
                alive += file.read().rpartition(")")[2].split()[0] not in "XZ"
        except OSError:
            continue
    return alive


def eventually(condition: Callable[[], bool], what: str) -> None:
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError(what)


def run_threads(count: int, body: Callable[[int], None], watch: Callable[[], None]) -> None:
    """Run body(i) in `count` threads at once and `watch` meanwhile; raise the first error."""
    errors: list[BaseException] = []
    start = threading.Barrier(count)

    def guarded_body(i: int) -> None:
        start.wait()
        try:
            body(i)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded_body, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        watch()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def in_child(body: Callable[[], None]) -> None:
    """Fork; run body in the child, which must end well and soon."""
    warnings.simplefilter("ignore")  # newer Pythons warn of a fork with threads
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            body()
        except BaseException as error:
            print(f"child: {error!r}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code == 0, f"the child ended with {code}"


# fork


def case_fork() -> None:
    right()
    assert _core.worker_count() == 1, "the parent was not warm"

    def child() -> None:
        assert _core.after_fork()
        assert ndnn.get_num_threads() == 1
        right()
        ndnn.set_num_threads(4)
        assert ndnn.get_num_threads() == 1
        right()
        in_child(right)
        run_threads(3, lambda i: right(), lambda: time.sleep(0.01))

    in_child(child)
    right()
    assert not _core.after_fork()
    assert _core.worker_count() == 1


def case_fork_cold() -> None:
    """Nothing ran in several threads before: the child must not hang either."""
    in_child(right)
    right()


def case_fork_while_others_compute() -> None:
    ndnn.set_num_threads(2)
    stop, kept = threading.Event(), ndnn.PackedWeight(W)

    def compute() -> None:
        while not stop.is_set():
            right()
            right(F.conv2d(X, kept, padding=1))

    threads = [threading.Thread(target=compute) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        in_child(right)
    stop.set()
    for thread in threads:
        thread.join()


def case_fork_while_a_weight_is_packed() -> None:
    """The child gets the PackedWeight in whatever state; it must not wait for a thread it lacks."""
    kept = ndnn.PackedWeight(np.ones((250000, 32, 3, 3), np.float32))
    x = np.ones((1, 32, 3, 3), np.float32)
    thread = threading.Thread(target=lambda: F.true_conv2d(x, kept))
    thread.start()
    time.sleep(0.03)
    in_child(lambda: F.true_conv2d(x, kept))
    thread.join()


def case_fork_pool() -> None:
    import multiprocessing

    warnings.simplefilter("ignore")
    right()
    with multiprocessing.get_context("fork").Pool(3) as pool:
        pool.map(_right_of, range(12))


def _right_of(_: int) -> None:
    right()


# The GIL, Python threads, limits


def case_gil_is_released() -> None:
    ticks, done = 0, threading.Event()

    def compute() -> None:
        long_call(4)
        done.set()

    thread = threading.Thread(target=compute)
    thread.start()
    while not done.is_set():
        time.sleep(0.001)
        ticks += 1
    thread.join()
    assert ticks > 20, f"only {ticks} ticks while a kernel ran"


def case_eight_threads() -> None:
    """OMP_NUM_THREADS=8: 8 callers and the workers of all teams together stay below the limit."""
    ndnn.set_num_threads(3)
    kept = ndnn.PackedWeight(W)
    most = os_threads() + 8 + 3 - 1
    seen: list[int] = []

    def watch() -> None:
        seen.append(os_threads())
        assert seen[-1] <= most, f"{seen[-1]} OS threads, more than {most}"
        assert _core.worker_count() <= 2

    def body(i: int) -> None:
        for _ in range(60):
            right()
            right(F.conv2d(X, kept, padding=1))

    run_threads(8, body, watch)
    assert max(seen) > most - 2, "no worker was ever seen"
    assert kept.forms == 1
    eventually(lambda: _core.worker_count() == 0, "workers of ended threads are still counted")
    eventually(lambda: os_threads() == most - 10, "workers outlive their callers")


def case_limits_change_meanwhile() -> None:
    def body(i: int) -> None:
        for n in (1, 3, 2, 8, 1, 5) * 8:
            if i == 0:
                ndnn.set_num_threads(n)
            with ndnn.num_threads(1 + (n * (i + 1)) % 7):
                right()

    run_threads(5, body, lambda: time.sleep(0.01))


def case_a_smaller_limit_ends_workers() -> None:
    for limit, workers in ((5, 4), (3, 2), (8, 7), (2, 1), (1, 1), (2, 1)):
        ndnn.set_num_threads(limit)
        right()
        assert ndnn.get_num_threads() == limit
        assert _core.worker_count() <= workers
        eventually(lambda w=workers: os_threads() <= 1 + w, f"more than {workers} workers")


def case_num_threads_context() -> None:
    ndnn.set_num_threads(4)
    with ndnn.num_threads(3):
        assert ndnn.get_num_threads() == 3
        with ndnn.num_threads(2):
            assert ndnn.get_num_threads() == 2
            right()
        with ndnn.num_threads(100):
            assert ndnn.get_num_threads() == 4
        others: list[int] = []
        thread = threading.Thread(target=lambda: others.append(ndnn.get_num_threads()))
        thread.start()
        thread.join()
        assert others == [4], "the limit of one thread holds in another"
        try:
            with ndnn.num_threads(1):
                raise KeyError
        except KeyError:
            assert ndnn.get_num_threads() == 3
    assert ndnn.get_num_threads() == 4

    async def task(n: int) -> int:
        with ndnn.num_threads(n):
            await asyncio.sleep(0.01)
            return ndnn.get_num_threads()

    async def tasks() -> list[int]:
        return await asyncio.gather(task(1), task(2), task(3))

    assert asyncio.run(tasks()) == [1, 2, 3]


def case_validation() -> None:
    before = ndnn.get_num_threads()
    for set_limit in (ndnn.set_num_threads, lambda n: ndnn.num_threads(n).__enter__()):
        for n in (0, -1, 65537, 2**31, 2**32 + 1, 2**63, -(2**63)):
            raises(ValueError, "num_threads: n must be", lambda v=n, s=set_limit: s(v))
        for kind in (1.0, True, "2", None, (2,), [2]):
            raises(TypeError, "num_threads: n must", lambda k=kind, s=set_limit: s(k))
    assert ndnn.get_num_threads() == before
    for name in ("", "AVX2", "avx1024", "base "):
        raises(ValueError, "instruction set must be one of", lambda n=name: config.force_isa(n))


def case_threadpoolctl() -> None:
    from threadpoolctl import threadpool_info, threadpool_limits

    assert any(pool["user_api"] == "openmp" for pool in threadpool_info())
    for limit in (1, 2, 3):
        with threadpool_limits(limit, user_api="openmp"):
            assert ndnn.get_num_threads() == limit
            right()
            assert _core.worker_count() <= limit - 1
    assert ndnn.get_num_threads() == 4


def case_limit_is_expected() -> None:
    """NDNN_TEST_THREADS tells what the environment should lead to."""
    assert ndnn.get_num_threads() == int(os.environ["NDNN_TEST_THREADS"]), ndnn.get_num_threads()
    right()
    assert _core.worker_count() <= ndnn.get_num_threads() - 1


def case_results_do_not_depend_on_the_threads() -> None:
    shapes: list[tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
        ("conv1d", (3, 16, 4001), (24, 16, 9), {"padding": 4}),
        ("conv1d", (1, 2, 30000), (3, 2, 1500), {}),
        ("conv2d", (2, 32, 40, 44), (48, 32, 3, 3), {"padding": 1}),
        ("conv2d", (1, 300, 20, 21), (130, 300, 3, 3), {"padding": 1, "stride": 2}),
        ("conv2d", (1, 64, 56, 57), (40, 64, 1, 1), {}),
        ("conv2d", (2, 96, 64, 65), (96, 1, 3, 3), {"padding": 1, "groups": 96}),
        ("conv2d", (2, 48, 33, 35), (60, 16, 5, 5), {"padding": 2, "groups": 3, "dilation": 2}),
        ("conv2d", (1, 3, 224, 200), (20, 3, 7, 7), {"padding": 3, "stride": 2}),
        ("conv2d", (1, 600, 7, 7), (700, 600, 3, 3), {"padding": 1}),
        ("conv3d", (1, 12, 9, 30, 31), (20, 12, 3, 3, 3), {"padding": 1}),
    ]
    most_used = set()
    for dtype in ("float32", "float64"):
        for algorithm in ("stencil", "lanes_on_channels", "lanes_on_pixels"):
            with forced(None, algorithm):
                for op, x_shape, w_shape, kwargs in shapes:
                    x, w, b = arrays(x_shape, w_shape, w_shape[:1], dtype=dtype)
                    results = set()
                    for n in (1, 2, 3, 7):
                        ndnn.set_num_threads(n)
                        plan = config.plan_conv(op, x_shape, w_shape, dtype=dtype, **kwargs)
                        most_used.add(plan["threads"])
                        results.add(getattr(F, op)(x, w, b, **kwargs).tobytes())
                        kept = ndnn.PackedWeight(w)
                        results.add(getattr(F, op)(x, kept, b, **kwargs).tobytes())
                    assert len(results) == 1, f"{op} {x_shape} {w_shape} {dtype} {algorithm}"
    assert most_used >= {1, 2, 3, 7}, most_used


if __name__ == "__main__":
    main(globals())
