# SPDX-License-Identifier: MIT
"""Loads the extension with a polite OpenMP: the only code that runs before it.

libgomp's idle workers spin for milliseconds by default, on the cores that NumPy's BLAS wants next
(`python -m bench.neighbours` shows it). libgomp reads how long to spin when it is loaded, so the
variable is set around that moment and removed again; a user's own choice stands.
"""

import os

_SPIN = "GOMP_SPINCOUNT"
_polite = _SPIN not in os.environ and "OMP_WAIT_POLICY" not in os.environ
if _polite:
    os.environ[_SPIN] = "1000"
try:
    from ndnn import _core
finally:
    if _polite:
        del os.environ[_SPIN]

__all__ = ["_core"]
