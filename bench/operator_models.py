# SPDX-License-Identifier: MIT
"""Rows of operators.py as ONNX models of one node, for ONNX Runtime and OpenVINO."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.operators import Operator
from bench.shapes import aligned_zeros

Arrays = dict[str, np.ndarray]
Node = tuple[str, list[str], dict[str, Any], Arrays]  # type, inputs, attributes, constants


def per_axis(value: Any, rank: int) -> list[int]:
    return [int(v) for v in (value if isinstance(value, tuple) else (value,) * rank)]


def pool(row: Operator, arrays: Arrays) -> Node:
    rank, options = arrays["input"].ndim - 2, row.options
    kernel = options["kernel_size"]
    attributes = {
        "kernel_shape": per_axis(kernel, rank),
        "strides": per_axis(options.get("stride", kernel), rank),
        "pads": per_axis(options.get("padding", 0), rank) * 2,
    }
    if row.op.startswith("max"):
        return "MaxPool", ["input"], attributes, {}
    return "AveragePool", ["input"], {**attributes, "count_include_pad": 1}, {}


def resize(row: Operator, arrays: Arrays) -> Node | None:
    options, x = row.options, arrays["input"]
    if options.get("antialias") or options["mode"] == "area":
        return None
    modes = {
        "nearest": {"mode": "nearest", "nearest_mode": "floor"},
        "nearest-exact": {"mode": "nearest", "nearest_mode": "round_prefer_ceil"},
        "bicubic": {"mode": "cubic", "cubic_coeff_a": -0.75},
    }
    corners = "align_corners" if options.get("align_corners") else "half_pixel"
    where = "asymmetric" if options["mode"] == "nearest" else corners
    attributes = {
        **modes.get(options["mode"], {"mode": "linear"}),
        "coordinate_transformation_mode": where,
    }
    if "size" in options:
        sizes = np.array([*x.shape[:2], *options["size"]], np.int64)
        return "Resize", ["input", "", "", "sizes"], attributes, {"sizes": sizes}
    scales = np.array([1, 1, *[options["scale_factor"]] * (x.ndim - 2)], np.float32)
    return "Resize", ["input", "", "scales"], attributes, {"scales": scales}


def pad(row: Operator, arrays: Arrays) -> Node | None:
    begin, end = [0, 0], [0, 0]
    given = list(row.options["pad"])
    for low, high in reversed(list(zip(given[::2], given[1::2], strict=True))):
        begin.append(low)
        end.append(high)
    modes = {"circular": "wrap", "replicate": "edge"}
    mode = row.options.get("mode", "constant")
    sizes = {"pads": np.array(begin + end, np.int64)}
    return "Pad", ["input", "pads"], {"mode": modes.get(mode, mode)}, sizes


def batch_norm(row: Operator, arrays: Arrays) -> Node | None:
    if row.options.get("training"):
        return None
    names = ("weight", "bias", "running_mean", "running_var")
    return "BatchNormalization", ["input", *names], {}, {k: arrays[k] for k in names}


def affine(kind: str, **attributes: Any) -> Callable[[Operator, Arrays], Node]:
    def node(row: Operator, arrays: Arrays) -> Node:
        constants = {k: arrays[k] for k in ("weight", "bias") if k in arrays}
        more = {"num_groups": row.options["num_groups"]} if row.op == "group_norm" else {}
        return kind, ["input", *constants], {"epsilon": 1e-5, **attributes, **more}, constants

    return node


def plain(kind: str, **names: str) -> Callable[[Operator, Arrays], Node]:
    """A node whose attributes are options of the operator, by other names."""

    def node(row: Operator, arrays: Arrays) -> Node:
        attributes = {theirs: row.options[ours] for theirs, ours in names.items()}
        return kind, ["input"], attributes, {}

    return node


def constant(kind: str, **attributes: Any) -> Callable[[Operator, Arrays], Node]:
    return lambda row, arrays: (kind, list(arrays), attributes, {})


NODES: dict[str, Callable[[Operator, Arrays], Node | None]] = {
    **dict.fromkeys(("max_pool1d", "max_pool2d", "max_pool3d"), pool),
    **dict.fromkeys(("avg_pool1d", "avg_pool2d", "avg_pool3d"), pool),
    "adaptive_avg_pool2d": lambda row, arrays: (
        ("GlobalAveragePool", ["input"], {}, {}) if row.options["output_size"] == 1 else None
    ),
    "interpolate": resize,
    "pad": pad,
    "pixel_shuffle": lambda row, arrays: (
        "DepthToSpace",
        ["input"],
        {"blocksize": row.options["upscale_factor"], "mode": "CRD"},
        {},
    ),
    "grid_sample": constant("GridSample", mode="linear", align_corners=0),
    "relu": constant("Relu"),
    "sigmoid": constant("Sigmoid"),
    "tanh": constant("Tanh"),
    "gelu": constant("Gelu"),
    "elu": constant("Elu"),
    "selu": constant("Selu"),
    "celu": constant("Celu"),
    "leaky_relu": constant("LeakyRelu", alpha=0.01),
    "softplus": constant("Softplus"),
    "mish": constant("Mish"),
    "hardswish": constant("HardSwish"),
    "hardsigmoid": constant("HardSigmoid", alpha=1 / 6, beta=0.5),
    "softmax": plain("Softmax", axis="dim"),
    "log_softmax": plain("LogSoftmax", axis="dim"),
    "batch_norm": batch_norm,
    "layer_norm": affine("LayerNormalization", axis=-1),
    "group_norm": affine("GroupNormalization"),
    "instance_norm": affine("InstanceNormalization"),
    "local_response_norm": plain("LRN", size="size"),
}


def model_of(row: Operator, arrays: Arrays) -> tuple[Any, Arrays, np.ndarray] | None:
    """(model, its inputs, an array for its result); None where ONNX has no such node."""
    node = row.op in NODES and NODES[row.op](row, arrays)
    if not node:
        return None
    from onnx import TensorProto, helper, numpy_helper

    import ndnn.functional as F

    kind, names, attributes, constants = node
    y = aligned_zeros(np.asarray(getattr(F, row.op)(**arrays, **row.options)).shape)
    operands = {k: a for k, a in arrays.items() if k in names and k not in constants}
    graph = helper.make_graph(
        [helper.make_node(kind, names, ["y"], **attributes)],
        row.op,
        [helper.make_tensor_value_info(k, TensorProto.FLOAT, a.shape) for k, a in operands.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, y.shape)],
        [numpy_helper.from_array(a, k) for k, a in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    return model, operands, y
