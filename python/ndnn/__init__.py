# SPDX-License-Identifier: MIT
"""Neural-network operators on plain NumPy arrays, with torch's names and semantics.

>>> import numpy as np
>>> import ndnn.functional as F
>>> F.conv2d(np.ones((1, 3, 8, 8), np.float32), np.ones((4, 3, 3, 3), np.float32)).shape
(1, 4, 6, 6)
"""

import importlib
from typing import TYPE_CHECKING, Any

from ndnn import fused, grad
from ndnn._load import _core
from ndnn.config import get_num_threads, num_threads, set_num_threads
from ndnn.tensor import Tensor, is_grad_enabled, no_grad

if TYPE_CHECKING:
    from ndnn import examples, functional, init, inspect, nn, optim, preprocessing, reference
    from ndnn._gradcheck import gradcheck
    from ndnn.arithmetic import clip, maximum, minimum, where
    from ndnn.inspect import (
        GradientRecorder,
        effective_receptive_field,
        gradient_flow,
        output_size,
        receptive_field,
        same_padding,
        summary,
    )
    from ndnn.random import manual_seed
    from ndnn.shaping import concatenate, stack
    from ndnn.storage import load, save

PackedWeight = _core.PackedWeight
__version__: str = _core.__version__

# What training needs is imported when it is first asked for: it would be a third of the import.
_LATER = {
    **dict.fromkeys(
        (
            "examples",
            "functional",
            "init",
            "inspect",
            "nn",
            "optim",
            "preprocessing",
            "reference",
        ),
        "",
    ),
    **dict.fromkeys(
        (
            "GradientRecorder",
            "effective_receptive_field",
            "gradient_flow",
            "output_size",
            "receptive_field",
            "same_padding",
            "summary",
        ),
        "inspect",
    ),
    **dict.fromkeys(("clip", "maximum", "minimum", "where"), "arithmetic"),
    **dict.fromkeys(("concatenate", "stack"), "shaping"),
    **dict.fromkeys(("load", "save"), "storage"),
    "gradcheck": "_gradcheck",
    "manual_seed": "random",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'ndnn' has no attribute {name!r}")
    module = importlib.import_module(f"ndnn.{_LATER[name] or name}")
    value = getattr(module, name) if _LATER[name] else module
    globals()[name] = value
    return value


__all__ = [
    "GradientRecorder",
    "PackedWeight",
    "Tensor",
    "__version__",
    "clip",
    "concatenate",
    "effective_receptive_field",
    "examples",
    "functional",
    "fused",
    "get_num_threads",
    "grad",
    "gradcheck",
    "gradient_flow",
    "init",
    "inspect",
    "is_grad_enabled",
    "load",
    "manual_seed",
    "maximum",
    "minimum",
    "nn",
    "no_grad",
    "num_threads",
    "optim",
    "output_size",
    "preprocessing",
    "receptive_field",
    "reference",
    "same_padding",
    "save",
    "set_num_threads",
    "stack",
    "summary",
    "where",
]
