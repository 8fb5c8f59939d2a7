# SPDX-License-Identifier: MIT
"""The contenders for one row of operators.py, as contenders.py has them for convolutions."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.contenders import openvino_call, ort_call
from bench.operator_models import model_of
from bench.operators import Operator
from bench.shapes import aligned_zeros
from bench.timing import Call

Arrays = dict[str, np.ndarray]


def build_ndnn(row: Operator, arrays: Arrays, threads: int) -> Call:
    import ndnn
    import ndnn.functional as F

    operator = getattr(F, row.op)
    if not row.backward:
        return lambda: operator(**arrays, **row.options)
    tensors = {k: ndnn.Tensor(arrays[k], requires_grad=True) for k in row.differentiable}
    y = operator(**{**arrays, **tensors}, **row.options)
    y = y[0] if isinstance(y, tuple) else y
    upstream = gradient_of(y.shape)

    def call() -> Any:
        for t in tensors.values():
            t.grad = None
        y.backward(upstream, retain_graph=True)
        return tuple(t.grad for t in tensors.values())

    return call


def gradient_of(shape: tuple[int, ...]) -> np.ndarray:
    g = aligned_zeros(shape)
    g[...] = np.random.default_rng(1).standard_normal(shape, np.float32)
    return g


def torch_call(row: Operator, arrays: Arrays, layouts: dict[int, Any]) -> Call:
    import torch

    operator = getattr(torch.nn.functional, row.op, None) or getattr(torch, row.op)

    def laid_out(a: np.ndarray) -> Any:
        t = torch.from_numpy(a)
        return t.to(memory_format=layouts[t.ndim]) if t.ndim in layouts else t

    # A grid (N, H, W, 2) has four axes, but is no image.
    tensors = {k: torch.from_numpy(a) if k == "grid" else laid_out(a) for k, a in arrays.items()}
    if not row.backward:
        return lambda: operator(**tensors, **row.options)
    for name in row.differentiable:
        tensors[name].requires_grad_()
    y = operator(**tensors, **row.options)
    y = y[0] if isinstance(y, tuple) else y
    upstream = laid_out(gradient_of(tuple(y.shape)))
    wanted = [tensors[name] for name in row.differentiable]
    return lambda: torch.autograd.grad(y, wanted, upstream, retain_graph=True)


def build_torch(row: Operator, arrays: Arrays, threads: int) -> Call:
    return torch_call(row, arrays, {})


def build_torch_cl(row: Operator, arrays: Arrays, threads: int) -> Call | None:
    import torch

    layouts = {4: torch.channels_last, 5: torch.channels_last_3d}
    if (
        row.family.removesuffix(".grad") in ("activation", "loss")
        or arrays["input"].ndim not in layouts
    ):
        return None  # elementwise work does not see the layout; cross_entropy is slower in it
    return torch_call(row, arrays, layouts)


def build_ort(row: Operator, arrays: Arrays, threads: int) -> Call | None:
    model = model_of(row, arrays)
    return model and ort_call(*model, threads)


def build_openvino(row: Operator, arrays: Arrays, threads: int) -> Call | None:
    model = model_of(row, arrays)
    if model is None or row.options.get("mode") == "circular":
        return None  # its reader of ONNX refuses circular padding
    import openvino as ov

    graph, *operands = model
    return openvino_call(ov.Core().read_model(graph.SerializeToString()), *operands, threads)


def yardsticks(row: Operator) -> dict[str, Call]:
    """A copy that reads and writes as many bytes."""
    source, target = (aligned_zeros((row.amount // 8,)) for _ in range(2))
    return {"copy": lambda: np.copyto(target, source)}


BUILDERS: dict[str, Callable[[Operator, Arrays, int], Call | None]] = {
    "ndnn": build_ndnn,
    "torch": build_torch,
    "torch_cl": build_torch_cl,
    "ort": build_ort,
    "openvino": build_openvino,
}
