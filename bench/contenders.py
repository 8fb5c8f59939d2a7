# SPDX-License-Identifier: MIT
"""The contenders: for one shape each builder returns a call that does the whole convolution.

Array in, array out in float32, N C spatial order, except torch_cl, whose tensors are converted
beforehand. Every peer is set up the way it is fastest; whatever can be prepared before the first
call is prepared here. The caller keeps `x` alive.
"""

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import Any

import numpy as np

from bench.shapes import Shape, aligned_zeros
from bench.timing import Call, keep_memory


def build_ndnn(shape: Shape, x: np.ndarray, weight: Any, threads: int) -> Call:
    import ndnn.functional as F
    from ndnn import grad

    arguments = shape.arguments
    if shape.work == "forward":
        conv = getattr(F, shape.op)
        return lambda: conv(x, weight, **arguments)
    gradient = getattr(grad, f"{shape.op}_{shape.work}")
    if shape.work == "input":
        return lambda: gradient(shape.input_shape, weight, x, **arguments)
    return lambda: gradient(x, shape.weight_shape, weight, **arguments)


def build_ndnn_packed(shape: Shape, x: np.ndarray, weight: np.ndarray, threads: int) -> Call:
    import ndnn

    if shape.work == "weight":
        return build_ndnn(shape, x, weight, threads)  # it has no weight to pack
    return build_ndnn(shape, x, ndnn.PackedWeight(weight), threads)


def torch_call(shape: Shape, x: Any, weight: Any, layout: Any) -> Call:
    """What torch's autograd calls. torch.nn.grad would slow the gradient for the input.

    It hands over a dummy for the input whose layout costs depthwise ones up to half of their speed.
    """
    import torch

    x, weight = (torch.from_numpy(a).to(memory_format=layout) for a in (x, weight))
    if shape.work == "forward":
        conv = getattr(torch.nn.functional, shape.op)
        return lambda: conv(x, weight, **shape.arguments)
    of_input = shape.work == "input"
    if of_input:
        grad, seen = x, torch.empty(shape.input_shape).to(memory_format=layout)
    else:
        grad, seen, weight = weight, x, torch.empty(shape.weight_shape).to(memory_format=layout)
    sizes = shape.stride, shape.padding, shape.dilation, False, [0] * len(shape.stride)
    backward, wanted = torch.ops.aten.convolution_backward, [of_input, not of_input, False]
    which = 0 if of_input else 1
    return lambda: backward(grad, seen, weight, None, *sizes, shape.groups, wanted)[which]


def build_torch(shape: Shape, x: np.ndarray, weight: np.ndarray, threads: int) -> Call:
    import torch

    return torch_call(shape, x, weight, torch.contiguous_format)


def build_torch_cl(shape: Shape, x: np.ndarray, weight: np.ndarray, threads: int) -> Call | None:
    import torch

    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    if x.ndim not in formats:
        return None  # torch has no such layout for one spatial axis
    return torch_call(shape, x, weight, formats[x.ndim])


def build_ort(shape: Shape, x: np.ndarray, weight: np.ndarray, threads: int) -> Call:
    from onnx import TensorProto, helper, numpy_helper

    own = {"output_padding": shape.output_padding} if shape.transposed else {}
    node = helper.make_node(
        "ConvTranspose" if shape.transposed else "Conv",
        ["x", "w"],
        ["y"],
        kernel_shape=shape.kernel,
        strides=shape.stride,
        pads=shape.padding * 2,
        dilations=shape.dilation,
        group=shape.groups,
        **own,
    )
    y = aligned_zeros(shape.output_shape)
    graph = helper.make_graph(
        [node],
        shape.op,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, y.shape)],
        [numpy_helper.from_array(weight, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return ort_call(model, {"x": x}, y, threads)


def ort_call(model: Any, inputs: dict[str, np.ndarray], y: np.ndarray, threads: int) -> Call:
    """Bound to the arrays: as fast as session.run on large outputs, 1.4 us less on tiny ones."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    binding = session.io_binding()
    for name, array in inputs.items():
        binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(array))
    binding.bind_ortvalue_output("y", ort.OrtValue.ortvalue_from_numpy(y))

    def call() -> np.ndarray:
        session.run_with_iobinding(binding)
        return y

    return call


def build_openvino(shape: Shape, x: np.ndarray, weight: np.ndarray, threads: int) -> Call:
    import openvino as ov
    from openvino import opset13 as ops

    parameter = ops.parameter(x.shape, np.float32)
    grouped = shape.groups > 1
    if grouped:
        each = shape.weight_shape[0] // shape.groups
        weight = weight.reshape(shape.groups, each, *shape.weight_shape[1:])
    operands = parameter, ops.constant(weight)
    sizes = shape.stride, shape.padding, shape.padding, shape.dilation
    if shape.transposed:
        back = ops.group_convolution_backprop_data if grouped else ops.convolution_backprop_data
        node = back(
            *operands,
            strides=shape.stride,
            pads_begin=shape.padding,
            pads_end=shape.padding,
            dilations=shape.dilation,
            output_padding=shape.output_padding,
        )
    else:
        node = (ops.group_convolution if grouped else ops.convolution)(*operands, *sizes)
    model = ov.Model([node], [parameter])
    return openvino_call(model, {"x": x}, aligned_zeros(shape.output_shape), threads)


def openvino_call(model: Any, inputs: dict[str, np.ndarray], y: np.ndarray, threads: int) -> Call:
    """infer() with shared tensors set once: 10 us on a tiny input, infer([x]) takes 55 us.

    `inputs` in the order of the model's.
    """
    import openvino as ov

    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,  # no slower here, and not stuck on a core that others use
    }
    request = ov.compile_model(model, "CPU", settings).create_infer_request()
    for i, array in enumerate(inputs.values()):
        request.set_input_tensor(i, ov.Tensor(array, shared_memory=True))
    # request does not own y: call() has to keep it alive
    request.set_output_tensor(ov.Tensor(y, shared_memory=True))

    def call() -> np.ndarray:
        request.infer(share_outputs=True)
        return y

    return call


BUILDERS: dict[str, Callable[[Shape, np.ndarray, np.ndarray, int], Call | None]] = {
    "ndnn": build_ndnn,
    "ndnn_packed": build_ndnn_packed,
    "torch": build_torch,
    "torch_cl": build_torch_cl,
    "ort": build_ort,
    "openvino": build_openvino,
}
PACKAGES = {
    "torch": ("torch",),
    "torch_cl": ("torch",),
    "ort": ("onnxruntime", "onnx"),
    "openvino": ("openvino",),
}


def inference_mode() -> AbstractContextManager[object]:
    """torch without its autograd bookkeeping; nothing where torch is not installed."""
    if find_spec("torch") is None:
        return nullcontext()
    return importlib.import_module("torch").inference_mode()


def set_up(threads: int) -> tuple[list[str], dict[str, str]]:
    """Import every installed package and set its threads; names of the contenders and versions.

    torch comes first: one libgomp serves torch and ndnn, with the settings it finds when it is
    loaded, and ndnn, loaded first, would leave torch a shorter spin than its own default.
    """
    keep_memory()
    names, versions = [], {}
    for name in ("torch", "torch_cl", "ort", "openvino"):
        missing = [package for package in PACKAGES[name] if find_spec(package) is None]
        if missing:
            print(f"{name}: left out, {' and '.join(missing)} not installed")
            continue
        for package in PACKAGES[name]:
            versions[package] = importlib.import_module(package).__version__.split("-")[0]
        names.append(name)
    if "torch" in names:
        import torch

        torch.set_num_threads(threads)
    import ndnn

    ndnn.set_num_threads(threads)
    return ["ndnn", "ndnn_packed", *names], {"ndnn": ndnn.__version__, **versions}
