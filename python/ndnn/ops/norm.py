# SPDX-License-Identifier: MIT
"""Normalisation to mean 0 and variance 1: over the batch, groups of channels, or the last axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ndnn._checks import kept, number
from ndnn._load import _core
from ndnn.tensor import Array, Operand, Tensor, arrays, record, shared

_BATCH, _INSTANCE, _GROUP = range(3)


def batch_norm(
    input: Operand,
    running_mean: Operand,
    running_var: Operand,
    weight: Operand = None,
    bias: Operand = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """(input - mean) / sqrt(var + eps) * weight + bias, per channel.

    Shapes: input (N, C) or (N, C, d1, ...), all others (C,).
    Arguments:
        running_mean, running_var: used when not training. When training, mean and variance are
            the batch's, and these arrays, unless None, are moved towards them in place (the
            variance divided by n - 1) by `momentum`.
    Raises: ValueError for shapes that do not fit, for one value per channel in training, and
        for no running statistics without training.
    Accuracy: the mean within 100 eps times the standard deviation, however far from 0 it is, the
        variance within 200 eps; the result within 300 eps times its size without the bias.
    Source: torch.nn.functional.batch_norm, 2.x.
    Example:
        >>> x = np.array([[1.0], [3.0]])
        >>> batch_norm(x, None, None, training=True, eps=0.0).tolist()
        [[-1.0], [1.0]]
    """
    running = {"running_mean": running_mean, "running_var": running_var}
    return _channels("batch_norm", _BATCH, 0, input, running, weight, bias, training, momentum, eps)


def instance_norm(
    input: Operand,
    running_mean: Operand = None,
    running_var: Operand = None,
    weight: Operand = None,
    bias: Operand = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """(input - mean) / sqrt(var + eps) * weight + bias, per channel of each image.

    Shapes: input (N, C, d1, ...), all others (C,).
    Arguments:
        running_mean, running_var: used without use_input_stats; with it, unless None, moved in
            place towards the average of the images' means and variances (divided by n - 1).
    Raises: ValueError for shapes that do not fit, for one value per channel and image, and for no
        running statistics without use_input_stats.
    Accuracy: as batch_norm.
    Source: torch.nn.functional.instance_norm, 2.x.
    Example:
        >>> instance_norm(np.array([[[1.0, 3.0], [5.0, 9.0]]]), eps=0.0).tolist()
        [[[-1.0, 1.0], [-1.0, 1.0]]]
    """
    running = {"running_mean": running_mean, "running_var": running_var}
    name, own = "instance_norm", use_input_stats
    kind = _INSTANCE if own else _BATCH
    return _channels(name, kind, 0, input, running, weight, bias, own, momentum, eps)


def group_norm(
    input: Operand, num_groups: int, weight: Operand = None, bias: Operand = None, eps: float = 1e-5
) -> Any:
    """(input - mean) / sqrt(var + eps) * weight + bias, per group of channels of each image.

    Shapes: input (N, C, d1, ...), weight and bias (C,). num_groups divides C.
    Raises: ValueError for shapes that do not fit and for one value per group of one image.
    Accuracy: as batch_norm.
    Source: torch.nn.functional.group_norm, 2.x.
    Example:
        >>> group_norm(np.array([[1.0, 3.0, 5.0, 9.0]]), 2, eps=0.0).tolist()
        [[-1.0, 1.0, -1.0, 1.0]]
    """
    return _channels("group_norm", _GROUP, num_groups, input, {}, weight, bias, True, 0.0, eps)


def _channels(
    name: str,
    kind: int,
    groups: int,
    input: Operand,
    running: dict[str, Operand],
    weight: Operand,
    bias: Operand,
    own: bool,
    momentum: float,
    eps: float,
) -> Any:
    """Norms with a weight for each channel; own: the statistics are the input's."""
    number(name, momentum=momentum)
    moving = list(running.values()) or [None, None]
    operands = input, weight, bias, *moving
    plain = _plain(operands)
    x, w, b, m, v = operands if plain else arrays(*operands, name=name)
    if own:
        for label, values in running.items():
            _check_in_place(name, label, values)
    y, mean, var = _core.norm_channels(name, kind, groups, x, m, v, w, b, eps, own)
    if own and moving[0] is not None and y.size:
        count = y.size // mean.size
        unbiased = var * (count / (count - 1))
        _move(moving[0], _over_images(mean, kind, y), momentum)
        _move(moving[1], _over_images(unbiased, kind, y), momentum)
    if plain:
        return y
    parameters = weight is not None or bias is not None

    @shared
    def gradients(g: Array) -> tuple[Array, Array, Array]:
        return _core.norm_channels_gradient(
            name, kind, groups, g, x, mean, var, w, eps, not own, parameters
        )

    return _recorded(name, y, input, weight, bias, gradients)


def layer_norm(
    input: Operand,
    normalized_shape: Sequence[int],
    weight: Operand = None,
    bias: Operand = None,
    eps: float = 1e-5,
) -> Any:
    """(input - mean) / sqrt(var + eps) * weight + bias over the last axes.

    Shapes: input (..., *normalized_shape), weight and bias normalized_shape.
    Raises: ValueError for shapes that do not fit.
    Accuracy: as batch_norm.
    Source: torch.nn.functional.layer_norm, 2.x.
    Example:
        >>> layer_norm(np.array([[1.0, 3.0], [5.0, 9.0]]), (2,), eps=0.0).tolist()
        [[-1.0, 1.0], [-1.0, 1.0]]
    """
    return _rows("layer_norm", True, input, normalized_shape, weight, bias, eps)


def rms_norm(
    input: Operand,
    normalized_shape: Sequence[int],
    weight: Operand = None,
    eps: float | None = None,
) -> Any:
    """input / sqrt(mean of input^2 + eps) * weight over the last axes.

    Shapes: input (..., *normalized_shape), weight normalized_shape.
    Arguments:
        eps: None is the machine epsilon of the dtype.
    Raises: ValueError for shapes that do not fit.
    Accuracy: within 100 eps of the result.
    Source: torch.nn.functional.rms_norm, 2.x.
    Example:
        >>> rms_norm(np.array([[3.0, 3.0], [-2.0, 2.0]]), (2,), eps=0.0).tolist()
        [[1.0, 1.0], [-1.0, 1.0]]
    """
    return _rows("rms_norm", False, input, normalized_shape, weight, None, eps)


def _rows(
    name: str,
    centred: bool,
    input: Operand,
    normalized_shape: Sequence[int],
    weight: Operand,
    bias: Operand,
    eps: float | None,
) -> Any:
    """Norms with a weight for each element of a row."""
    operands = input, weight, bias
    plain = _plain(operands)
    x, w, b = operands if plain else arrays(*operands, name=name)
    if eps is None:  # float16 is computed in float32; what is no float array is refused below
        eps = float(np.finfo(np.float64 if getattr(x, "itemsize", 0) == 8 else np.float32).eps)
    (normalized_shape,) = kept(normalized_shape)
    y, mean, var = _core.norm_rows(name, centred, x, normalized_shape, w, b, eps)
    if plain:
        return y
    shape = y.shape[y.ndim - len(normalized_shape) :]
    parameters = weight is not None or bias is not None

    @shared
    def gradients(g: Array) -> tuple[Array, Array, Array]:
        return _core.norm_rows_gradient(name, centred, g, x, shape, mean, var, w, eps, parameters)

    return _recorded(name, y, input, weight, bias, gradients)


def _plain(operands: Sequence[Operand]) -> bool:
    """Nothing to convert or to record: without the preparations a call takes 3 us less."""
    return all(x is None or type(x) is np.ndarray for x in operands)


def _recorded(
    name: str, y: Array, input: Operand, weight: Operand, bias: Operand, gradients: Any
) -> Any:
    operands = input, weight, bias
    links = [(t, lambda g, i=i: gradients(g)[i]) for i, t in enumerate(operands)]
    return record(name, y, *links, saved=(input, weight))


def _over_images(values: Array, kind: int, y: Array) -> Array:
    return values.reshape(y.shape[:2]).mean(0) if kind == _INSTANCE else values


def _move(running: Operand, value: Array, momentum: float) -> None:
    array = running._array if isinstance(running, Tensor) else running
    array += (momentum * (value - array)).astype(array.dtype)
    if isinstance(running, Tensor):
        running._changed()


def _check_in_place(name: str, label: str, values: Operand) -> None:
    if not (values is None or isinstance(values, (np.ndarray, Tensor))):
        raise TypeError(
            f"{name}: {label} must be an array, which training changes, "
            f"but got {type(values).__name__}"
        )
    array = values._array if isinstance(values, Tensor) else values
    if array is not None and not array.flags.writeable:
        raise ValueError(f"{name}: {label} must be writeable, as training changes it, but got not")
