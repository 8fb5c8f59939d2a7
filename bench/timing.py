# SPDX-License-Identifier: MIT
"""Interleaved timing: only ratios measured in one run of one process mean anything."""

import ctypes
import math
import random
import time
from collections.abc import Callable, Mapping

Call = Callable[[], object]


def keep_memory() -> None:
    """Let glibc keep freed blocks instead of handing them back to the kernel.

    Whether it hands them back depends on what was allocated before, and fresh pages cost more
    than many convolutions: torch 3->64 at 224x224 ran at 15 GFLOP/s with and 108 without them.
    """
    trim_threshold, mmap_max = -1, -4  # numbers of malloc.h
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return  # another C library
    mallopt(trim_threshold, 2**31 - 1)
    mallopt(mmap_max, 0)


def settle(longest: float = 0.2) -> None:
    """Wait until no thread of this process burns time any more.

    With two threads and more, workers spin after their last call (here: libgomp 8 ms, ONNX
    Runtime 30 ms) and would slow whoever comes next. Turning the spinning off would slow its
    owner instead, so everyone keeps it and the next contender waits for the end of it.
    """
    end = time.perf_counter() + longest
    while time.perf_counter() < end:
        before = time.process_time()
        time.sleep(0.001)
        if time.process_time() - before < 0.0003:
            return


def burst(call: Call, seconds: float) -> float:
    """The fastest of the calls that fit into the time; two at least, the first is a warm-up."""
    fastest, count, now = math.inf, 0, time.perf_counter()
    end = now + seconds
    while now < end or count < 2:
        start = time.perf_counter()
        call()
        now = time.perf_counter()
        fastest = min(fastest, now - start)
        count += 1
    return fastest


def race(calls: Mapping[str, Call], seconds: float, rounds: int = 8) -> dict[str, float]:
    """Seconds of the fastest call of every contender.

    Each has `seconds` of time, cut into bursts, taken in turns and every round in another order:
    a slow spell of the machine or an awkward predecessor meets all of them.
    """
    order = list(calls)
    shuffle = random.Random(0).shuffle
    fastest = dict.fromkeys(order, math.inf)
    for _ in range(rounds):
        shuffle(order)
        for name in order:
            settle()
            fastest[name] = min(fastest[name], burst(calls[name], seconds / rounds))
    return {name: fastest[name] for name in calls}
