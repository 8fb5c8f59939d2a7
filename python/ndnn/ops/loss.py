# SPDX-License-Identifier: MIT
"""Losses of one element each: regression, probabilities, margins."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from ndnn import shaping
from ndnn._checks import number
from ndnn._load import _core
from ndnn.tensor import Operand, arrays, record

Reduction = Literal["none", "mean", "sum"]


def _elementwise(
    name: str,
    kind: str,
    reduction: Reduction,
    parameters: tuple[float, ...],
    *operands: Operand,
    gradients: int = 2,
) -> Any:
    """One pass over the operands; the first `gradients` of them are differentiable."""
    given = arrays(*operands, name=name)
    if all(x is not None and x.dtype.kind in "fiub" for x in given) and given[0].dtype.kind == "f":
        common = np.result_type(*(x.dtype for x in given if x.dtype.kind == "f"))
        given = [x if x.dtype == common else x.astype(common) for x in given]
    y = _core.loss(name, kind, reduction, parameters, *given)

    def vjp(of: int) -> Any:
        return lambda g: _core.loss_gradient(name, kind, reduction, parameters, of, g, *given)

    links = [(x, vjp(i) if i < gradients else None) for i, x in enumerate(operands)]
    return record(name, y, *links)


def _reduce(values: Operand, reduction: Reduction) -> Any:
    if reduction == "none":
        return values
    return shaping.mean(values) if reduction == "mean" else shaping.sum(values)


def _check_reduction(name: str, reduction: str) -> None:
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(
            f'{name}: reduction must be "none", "mean" or "sum", but got {reduction!r}'
        )


def mse_loss(input: Operand, target: Operand, reduction: Reduction = "mean") -> Any:
    """(input - target)^2, elementwise, its mean or its sum.

    Shapes: input and target of one shape -> that shape ("none") or ().
    Raises: ValueError for different shapes and an unknown reduction, TypeError for arrays that are
        not floating-point.
    Accuracy: each term within 1.5 ulp; terms are added in float64 and the sum rounded once. Equal
        bit for bit for every number of threads. So it is for all losses here.
    Source: torch.nn.functional.mse_loss, 2.x, which also broadcasts, with a warning.
    Example:
        >>> float(mse_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
        2.0
    """
    return _elementwise("mse_loss", "squared", reduction, (), input, target)


def l1_loss(input: Operand, target: Operand, reduction: Reduction = "mean") -> Any:
    """|input - target|; its gradient at 0 is 0.

    Shapes: input and target of one shape -> that shape ("none") or ().
    Raises: ValueError for different shapes and an unknown reduction.
    Accuracy: as mse_loss, each term within half an ulp.
    Source: torch.nn.functional.l1_loss, 2.x, which also broadcasts, with a warning.
    Example:
        >>> float(l1_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
        1.0
    """
    return _elementwise("l1_loss", "absolute", reduction, (), input, target)


def huber_loss(
    input: Operand, target: Operand, reduction: Reduction = "mean", delta: float = 1.0
) -> Any:
    """d^2 / 2 where d = |input - target| is below delta, delta * (d - delta/2) above.

    Shapes: input and target of one shape -> that shape ("none") or ().
    Raises: ValueError for different shapes, an unknown reduction and a delta of 0 or less.
    Accuracy: as mse_loss, each term within 3 ulp.
    Source: torch.nn.functional.huber_loss, 2.x, which also broadcasts, with a warning.
    Example:
        >>> huber_loss(np.array([0.5, 3.0]), np.zeros(2), reduction="none").tolist()
        [0.125, 2.5]
    """
    number("huber_loss", delta=delta)
    if delta <= 0:
        raise ValueError(f"huber_loss: delta must be above 0, but got delta={delta}")
    return _elementwise("huber_loss", "huber", reduction, (delta,), input, target)


def smooth_l1_loss(
    input: Operand, target: Operand, reduction: Reduction = "mean", beta: float = 1.0
) -> Any:
    """d^2 / (2 beta) where d = |input - target| is below beta, d - beta/2 above.

    Shapes: input and target of one shape -> that shape ("none") or ().
    Raises: ValueError for different shapes, an unknown reduction and a negative beta.
    Accuracy: as mse_loss, each term within 3 ulp.
    Source: torch.nn.functional.smooth_l1_loss, 2.x, which also broadcasts, with a warning; beta 0
        is l1_loss.
    Example:
        >>> smooth_l1_loss(np.array([0.5, 3.0]), np.zeros(2), "none", 2.0).tolist()
        [0.0625, 2.0]
    """
    number("smooth_l1_loss", beta=beta)
    if beta < 0:
        raise ValueError(f"smooth_l1_loss: beta must not be negative, but got beta={beta}")
    least = np.finfo(np.float32).tiny  # below, 1 / beta is no number of all dtypes
    if beta < least:
        return _elementwise("smooth_l1_loss", "absolute", reduction, (), input, target)
    return _elementwise("smooth_l1_loss", "smooth_l1", reduction, (beta, 1 / beta), input, target)


def _unit(name: str, **operands: Operand) -> None:
    """A ValueError for what is no probability."""
    for key, x in zip(operands, arrays(*operands.values(), name=name), strict=True):
        if x is None or x.dtype.kind != "f" or x.size == 0:
            continue
        low, high = x.min(), x.max()
        if not (low >= 0 and high <= 1):
            raise ValueError(
                f"{name}: {key} must be between 0 and 1, but got values from {low} to {high}"
            )


def binary_cross_entropy(
    input: Operand, target: Operand, weight: Operand = None, reduction: Reduction = "mean"
) -> Any:
    """-weight * (target * log(input) + (1 - target) * log(1 - input)); no logarithm below -100.

    Shapes: input and target of one shape, weight one that broadcasts to it -> that shape ("none")
        or ().
    Raises: ValueError for different shapes, an unknown reduction, and for an input or target
        outside [0, 1].
    Accuracy: as mse_loss, each term within 5 ulp of its larger half.
    Source: torch.nn.functional.binary_cross_entropy, 2.x.
    Example:
        >>> round(float(binary_cross_entropy(np.array([0.5, 0.5]), np.array([1.0, 0.0]))), 4)
        0.6931
    """
    name = "binary_cross_entropy"
    _unit(name, input=input, target=target)
    if weight is None:
        return _elementwise(name, "bce", reduction, (), input, target)
    return _elementwise(name, "bce_weighted", reduction, (), input, target, weight)


def binary_cross_entropy_with_logits(
    input: Operand,
    target: Operand,
    weight: Operand = None,
    reduction: Reduction = "mean",
    pos_weight: Operand = None,
) -> Any:
    """binary_cross_entropy of sigmoid(input), without its overflow and cancellation.

    Shapes: input and target of one shape, weight and pos_weight (which weighs the positive part)
        ones that broadcast to it -> that shape ("none") or ().
    Raises: ValueError for different shapes and an unknown reduction.
    Accuracy: as mse_loss, each term within 6 ulp of its larger half.
    Source: torch.nn.functional.binary_cross_entropy_with_logits, 2.x.
    Example:
        >>> x, t = np.array([0.0, 1000.0]), np.array([1.0, 1.0])
        >>> binary_cross_entropy_with_logits(x, t, reduction="none").round(4).tolist()
        [0.6931, 0.0]
    """
    name = "binary_cross_entropy_with_logits"
    if weight is None and pos_weight is None:
        return _elementwise(name, "bce_logits", reduction, (), input, target)
    weights = [1 if w is None else w for w in (weight, pos_weight)]
    return _elementwise(name, "bce_logits_weighted", reduction, (), input, target, *weights)


def kl_div(
    input: Operand,
    target: Operand,
    reduction: Literal["none", "mean", "sum", "batchmean"] = "mean",
    log_target: bool = False,
) -> Any:
    """target * (log(target) - input), the Kullback-Leibler divergence; input holds logarithms.

    Shapes: input and target of one shape -> that shape ("none") or ().
    Arguments:
        reduction: "batchmean" divides the sum by the first size, as the definition has it.
        log_target: target holds logarithms too.
    Raises: ValueError for different shapes and an unknown reduction.
    Accuracy: as mse_loss, each term within 4 ulp of its larger half.
    Source: torch.nn.functional.kl_div, 2.x.
    Example:
        >>> p = np.array([[0.5, 0.5]])
        >>> float(kl_div(np.log(p), p, "batchmean"))
        0.0
    """
    kind = "kl_div_log_target" if log_target else "kl_div"
    if reduction != "batchmean":
        return _elementwise("kl_div", kind, reduction, (), input, target)
    total = _elementwise("kl_div", kind, "sum", (), input, target)
    shape = np.shape(arrays(input, name="kl_div")[0])
    batch = shape[0] if shape else 1
    return total * (1 / batch if batch else math.nan)


def poisson_nll_loss(
    input: Operand,
    target: Operand,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: Reduction = "mean",
) -> Any:
    """exp(input) - target * input, or input - target * log(input + eps) without log_input.

    Shapes: input and target of one shape -> that shape ("none") or ().
    Arguments:
        full: adds Stirling's approximation of log(target!) where target is above 1.
    Raises: ValueError for different shapes and an unknown reduction.
    Accuracy: as mse_loss, each term within 5 ulp of its largest part.
    Source: torch.nn.functional.poisson_nll_loss, 2.x.
    Example:
        >>> float(poisson_nll_loss(np.array([0.0]), np.array([3.0])))
        1.0
    """
    kind = "poisson_log_input" if log_input else "poisson"
    parameters = eps, float(bool(full))
    return _elementwise("poisson_nll_loss", kind, reduction, parameters, input, target)


def gaussian_nll_loss(
    input: Operand,
    target: Operand,
    var: Operand,
    full: bool = False,
    eps: float = 1e-6,
    reduction: Reduction = "mean",
) -> Any:
    """(log(var) + (input - target)^2 / var) / 2, with a variance of at least eps.

    Shapes: input and target of one shape; var of that shape, without its last axis or with one of
        length 1, or a number -> that shape ("none") or ().
    Arguments:
        full: adds log(2 pi) / 2.
        eps: the gradient of var passes where it was raised to eps, as in torch.
    Raises: ValueError for shapes that do not fit, a negative var, an eps of 0 or less and an
        unknown reduction.
    Accuracy: as mse_loss, each term within 4 ulp of its larger half.
    Source: torch.nn.functional.gaussian_nll_loss, 2.x.
    Example:
        >>> float(gaussian_nll_loss(np.array([1.0]), np.array([3.0]), np.array([1.0])))
        2.0
    """
    name = "gaussian_nll_loss"
    number(name, eps=eps)
    if not eps > 0:
        raise ValueError(f"{name}: eps must be above 0, but got eps={eps}")
    x, v = arrays(input, var, name=name)
    if v is not None and x is not None:
        if v.shape == x.shape[:-1] and v.shape != x.shape and x.ndim:
            var, v = shaping.unsqueeze(var, -1), v[..., None]
        if v.ndim and v.shape not in (x.shape, (*x.shape[:-1], 1)):
            raise ValueError(
                f"{name}: var must have the shape of input, without its last axis or with one of "
                f"length 1, but got input.shape={x.shape} and var.shape={v.shape}"
            )
        if v.size and v.min() < 0:
            raise ValueError(f"{name}: var must not be negative, but got {v.min()}")
    parameters = eps, math.log(2 * math.pi) / 2 if full else 0.0
    return _elementwise(name, "gaussian", reduction, parameters, input, target, var, gradients=3)


def sigmoid_focal_loss(
    inputs: Operand,
    targets: Operand,
    alpha: float = 0.25,
    gamma: float = 2,
    reduction: Reduction = "none",
) -> Any:
    """binary_cross_entropy_with_logits times how wrong the prediction is, to the power of gamma.

    Shapes: inputs and targets of one shape -> that shape ("none") or (). targets are constants.
    Arguments:
        alpha: the weight of positive targets, negative ones have 1 - alpha; below 0: no weights.
    Raises: ValueError for different shapes, an unknown reduction, an alpha above 1 and a negative
        gamma.
    Accuracy: as mse_loss, each term within 12 ulp for gamma 0, 1 and 2; else gamma times the
        logarithm of the miss more.
    Source: torchvision.ops.sigmoid_focal_loss; Lin et al., 2017, Focal Loss for Dense Object
        Detection.
    Example:
        >>> sigmoid_focal_loss(np.array([0.0]), np.array([1.0])).round(4).tolist()
        [0.0433]
    """
    name = "sigmoid_focal_loss"
    number(name, alpha=alpha, gamma=gamma)
    if not alpha <= 1 or not gamma >= 0:
        raise ValueError(
            f"{name}: alpha must be at most 1 and gamma not negative, "
            f"but got alpha={alpha}, gamma={gamma}"
        )
    return _elementwise(
        name, "sigmoid_focal", reduction, (alpha, gamma), inputs, targets, gradients=1
    )
