# SPDX-License-Identifier: MIT
"""What a threaded convolution does to NumPy's BLAS right after it, and to its own start-up.

python -m bench.neighbours

libgomp's workers spin when they have nothing to do. Each row is a process of its own, because
libgomp reads how long to spin when it is loaded: once as ndnn sets it (GOMP_SPINCOUNT=1000), once
with libgomp's own default, once without any spinning.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

SETTINGS = {
    "ndnn's": {},
    "libgomp's default": {"GOMP_SPINCOUNT": "300000"},
    "passive": {"OMP_WAIT_POLICY": "passive"},
}


def best(action, seconds: float = 0.7) -> float:
    """Seconds of the quickest call."""
    quickest, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        action()
        quickest = min(quickest, time.perf_counter() - start)
    return quickest


def median_after(first, then, repeats: int = 100) -> float:
    """Median seconds of then(), each time right after first()."""
    times = []
    for _ in range(repeats):
        first()
        start = time.perf_counter()
        then()
        times.append(time.perf_counter() - start)
    return sorted(times)[repeats // 2]


def measure() -> None:
    import numpy as np

    import ndnn.functional as F

    a = np.random.default_rng(0).standard_normal((256, 256), dtype=np.float32)
    x = np.ones((1, 64, 56, 56), np.float32)
    w = np.ones((64, 64, 3, 3), np.float32)
    conv, matmul = (lambda: F.conv2d(x, w)), (lambda: a @ a)
    print(
        json.dumps(
            {
                "matmul": best(matmul),
                "after": median_after(conv, matmul),
                "conv": best(conv),
                "conv_after": median_after(matmul, conv),
            }
        )
    )


def main() -> None:
    print(
        f"{'spinning':20s} {'matmul':>10s} {'after conv':>11s} {'conv':>10s} {'after matmul':>13s}"
    )
    for name, variables in SETTINGS.items():
        command = [sys.executable, "-m", "bench.neighbours", "--measure"]
        env = {**os.environ, **variables}
        out = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        t = {key: value * 1e6 for key, value in json.loads(out.stdout).items()}
        print(
            f"{name:20s} {t['matmul']:10.0f} {t['after']:11.0f}"
            f" {t['conv']:10.0f} {t['conv_after']:13.0f}"
        )


if __name__ == "__main__":
    measure() if "--measure" in sys.argv else main()
