# SPDX-License-Identifier: MIT
"""Interleaved timing: only ratios measured in one run of one process mean anything."""

import ctypes
import math
import os
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path

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


class Neighbours:
    """How many cores other processes have kept busy since this was made (Linux; else 0).

    A team that waits at a barrier for a thread without a core loses far more than its share:
    with one core of two taken, torch fell from 97 to 1.6 GFLOP/s on resnext50.conv2_g32.
    """

    def __init__(self) -> None:
        self.start = self._now()

    @staticmethod
    def _now() -> tuple[float, float]:
        stat = Path("/proc/stat")
        if not stat.exists():
            return time.perf_counter(), 0.0
        ticks = [int(field) for field in stat.read_text().split("\n", 1)[0].split()[1:9]]
        busy = (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")  # less idle, iowait
        return time.perf_counter(), busy - time.process_time()

    def cores(self) -> float:
        wall, others = (now - then for now, then in zip(self._now(), self.start, strict=True))
        return max(0.0, others / wall)

    def disturb(self, threads: int) -> bool:
        """Did they need a core that `threads` threads needed too?"""
        return threads + self.cores() > (os.cpu_count() or 1) + 0.1


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
