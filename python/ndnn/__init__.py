# SPDX-License-Identifier: MIT
"""Neural-network operators on plain NumPy arrays, with torch's names and semantics.

>>> import numpy as np
>>> import ndnn.functional as F
>>> F.conv2d(np.ones((1, 3, 8, 8), np.float32), np.ones((4, 3, 3, 3), np.float32)).shape
(1, 4, 6, 6)
"""

from ndnn import fused, grad
from ndnn._load import _core
from ndnn.config import get_num_threads, num_threads, set_num_threads

PackedWeight = _core.PackedWeight
__version__: str = _core.__version__

__all__ = [
    "PackedWeight",
    "__version__",
    "fused",
    "get_num_threads",
    "grad",
    "num_threads",
    "set_num_threads",
]
