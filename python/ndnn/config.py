# SPDX-License-Identifier: MIT
"""Threads, instruction sets, and what a call would do: settings and questions about ndnn itself."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np

from ndnn._load import _core

IntOrTuple = int | Sequence[int]


def set_num_threads(n: int) -> None:
    """Limit every call of this process to ``n`` threads.

    The limit starts as ``NDNN_NUM_THREADS``, else ``OMP_NUM_THREADS``, else the CPUs this process
    may use. What OpenMP itself allows (``OMP_NUM_THREADS``, threadpoolctl) is never exceeded.
    """
    _core.set_num_threads(n)


def get_num_threads() -> int:
    """Threads that a call made here and now may use."""
    return _core.get_num_threads()


@contextmanager
def num_threads(n: int) -> Iterator[None]:
    """Limit the calls of this context (thread, asyncio task) to ``n`` threads."""
    token = _core.context_limit.set(_core.check_num_threads(n))
    try:
        yield
    finally:
        _core.context_limit.reset(token)


def active_isa() -> str:
    """The instruction set in use: "base", "avx2" or "avx512"."""
    return _core.active_isa()


def supported_isas() -> list[str]:
    """The instruction sets of this machine, slowest first."""
    return _core.supported_isas()


def force_isa(name: str) -> None:
    """Use the kernels of one instruction set from now on, as ``NDNN_ISA`` does at start."""
    _core.force_isa(name)


def set_winograd(on: bool) -> None:
    """Allow Winograd's transforms from now on, or not: then every convolution is the plain sum.

    They make 3x3 convolutions two to three times as fast and round a few times more (see "Accuracy"
    of ``ndnn.functional.conv2d``). The setting starts as ``NDNN_WINOGRAD`` (0 or 1), else on.
    """
    if not isinstance(on, bool):
        raise TypeError(f"set_winograd: on must be True or False, but got {on!r}")
    _core.set_winograd(on)


def winograd_enabled() -> bool:
    """Whether convolutions may use Winograd's transforms."""
    return _core.winograd_enabled()


def plan_conv(
    op: str,
    x_shape: Sequence[int],
    w_shape: Sequence[int],
    *,
    dtype: Any = "float32",
    stride: IntOrTuple = 1,
    padding: IntOrTuple | str = 0,
    dilation: IntOrTuple = 1,
    groups: int = 1,
    packed: bool = False,
) -> dict[str, Any]:
    """How ``op`` ("conv1d", "conv2d", "conv3d") would compute such arrays; nothing is computed.

    ``packed`` says that the weight is an ``ndnn.PackedWeight``, so that packing costs nothing.

    Returns:
        out_shape, macs, algorithm, isa, threads, scratch_bytes, packed_bytes, estimated_cycles,
        text.
    """
    rank, item_bytes = _rank("plan_conv", "conv{}d", op), _item_bytes("plan_conv", dtype)
    return _core.plan_conv(
        rank, x_shape, w_shape, stride, padding, dilation, groups, item_bytes, packed
    )


def plan_conv_transpose(
    op: str,
    x_shape: Sequence[int],
    w_shape: Sequence[int],
    *,
    dtype: Any = "float32",
    stride: IntOrTuple = 1,
    padding: IntOrTuple = 0,
    output_padding: IntOrTuple = 0,
    groups: int = 1,
    dilation: IntOrTuple = 1,
    packed: bool = False,
) -> dict[str, Any]:
    """How ``op`` ("conv_transpose1d", ...) would compute such arrays: see :func:`plan_conv`.

    Returns:
        As plan_conv, but ``algorithms``, one for each convolution of stride 1 that it consists of.
    """
    name = "plan_conv_transpose"
    rank, item_bytes = _rank(name, "conv_transpose{}d", op), _item_bytes(name, dtype)
    sizes = stride, padding, output_padding, groups, dilation
    return _core.plan_conv_transpose(rank, x_shape, w_shape, *sizes, item_bytes, packed)


def _rank(function: str, name: str, op: str) -> int:
    names = [name.format(rank) for rank in (1, 2, 3)]
    if op not in names:
        raise ValueError(f"{function}: op must be one of {', '.join(names)}, but got {op!r}")
    return names.index(op) + 1


def _item_bytes(function: str, dtype: Any) -> int:
    item_bytes = {"float16": 4, "float32": 4, "float64": 8}.get(np.dtype(dtype).name)
    if item_bytes is None:
        raise TypeError(f"{function}: dtype must be float32, float64 or float16, but got {dtype!r}")
    return item_bytes


def explain(op: str, *shapes: Sequence[int], **arguments: Any) -> str:
    """One line: the algorithm a call would use, and why the others were refused.

    >>> explain("conv2d", (1, 64, 56, 56), (64, 64, 3, 3), padding=1).split(",")[0]
    'conv2d -> winograd6'
    """
    if len(shapes) != 2:
        raise TypeError(f"explain: {op} needs the shapes of input and weight, got {len(shapes)}")
    plan = plan_conv_transpose if op.startswith("conv_transpose") else plan_conv
    text: str = plan(op, *shapes, **arguments)["text"]
    return text


def config() -> dict[str, Any]:
    """Versions, instruction set, threads and OpenMP runtime, for bug reports."""
    import os

    variables = (
        "NDNN_ISA",
        "NDNN_NUM_THREADS",
        "NDNN_WINOGRAD",
        "OMP_NUM_THREADS",
        "OMP_PROC_BIND",
        "OMP_WAIT_POLICY",
    )
    return {
        "ndnn": _core.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "isa": active_isa(),
        "supported_isas": supported_isas(),
        "winograd": winograd_enabled(),
        "openmp": _core.openmp_name(),
        "threads": get_num_threads(),
        "thread_limit": _core.thread_limit(),
        "usable_cpus": _core.usable_cpus(),
        "after_fork": _core.after_fork(),
        "environment": {name: os.environ[name] for name in variables if name in os.environ},
    }


def show_config(mode: Literal["print", "dict"] = "print") -> dict[str, Any] | None:
    """Print :func:`config`, or return it with ``mode="dict"``, as ``numpy.show_config`` does."""
    settings = config()
    if mode == "dict":
        return settings
    width = max(map(len, settings))
    for name, value in settings.items():
        print(f"{name:<{width}}  {value}")
    return None
