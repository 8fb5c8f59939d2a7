# SPDX-License-Identifier: MIT
"""Rows of a table by their numbers."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ndnn._checks import floats, number
from ndnn._load import _core
from ndnn.tensor import Array, Operand, Tensor, arrays, record

Mode = Literal["sum", "mean", "max"]


def _rows(name: str, input: Operand, weight: Operand) -> tuple[Array, Array]:
    """The table, and the checked numbers of its rows."""
    (w,) = floats(name, weight=weight)
    if w.ndim != 2:
        raise ValueError(f"{name}: weight must have two axes, but got weight.shape={w.shape}")
    (places,) = arrays(input, name=name)
    return w, _core.labels(name, "input", places, len(w), None)


def _padding(name: str, padding_idx: int | None, count: int) -> int | None:
    if padding_idx is None:
        return None
    if isinstance(padding_idx, bool) or not isinstance(padding_idx, (int, np.integer)):
        raise TypeError(f"{name}: padding_idx must be an int, but got {padding_idx!r}")
    if not -count <= padding_idx < count:
        raise ValueError(
            f"{name}: padding_idx must be from {-count} to {count - 1}, "
            f"but got padding_idx={padding_idx}"
        )
    return int(padding_idx) % count


def _renormalise(
    name: str, weight: Operand, places: Array, max_norm: float, norm_type: float
) -> None:
    """Shortens, in place as torch does, the rows that are looked up and longer than max_norm."""
    number(name, max_norm=max_norm, norm_type=norm_type)
    if not norm_type > 0 or not max_norm >= 0:
        raise ValueError(
            f"{name}: max_norm must not be negative and norm_type be above 0, "
            f"but got max_norm={max_norm}, norm_type={norm_type}"
        )
    w = weight._array if isinstance(weight, Tensor) else weight
    if not isinstance(w, np.ndarray) or not w.flags.writeable:
        raise TypeError(
            f"{name}: weight must be a writable array or a Tensor, which max_norm changes, "
            f"but got {type(weight).__name__}"
        )
    used = np.unique(places)
    rows = w[used].astype(np.float64)
    norms = np.linalg.norm(rows, norm_type, axis=1)
    long = norms > max_norm
    w[used[long]] = rows[long] * (max_norm / (norms[long] + 1e-7))[:, None]
    if isinstance(weight, Tensor):
        weight._changed()


def _by_frequency(d: Array, places: Array) -> Array:
    """Each row of a gradient divided by how often it was looked up."""
    often = np.bincount(places.reshape(-1), minlength=len(d))
    return d / np.maximum(often, 1).astype(d.dtype)[:, None]


def embedding(
    input: Operand,
    weight: Operand,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
) -> Any:
    """weight[input], with the gradients of rows that occur several times added.

    Shapes: input (...) of integers, weight (V, D) -> (..., D).
    Arguments:
        padding_idx: this row gets no gradient.
        max_norm: rows looked up that are longer are first shortened in weight itself, as in torch.
        scale_grad_by_freq: gradients are divided by how often their row occurs in input.
    Raises: ValueError for the first number outside 0 ... V-1, TypeError for what are no integers.
    Accuracy: exact; a gradient is added in the dtype of weight, in the order of input, equal bit
        for bit for every number of threads.
    Source: torch.nn.functional.embedding, 2.x, without sparse gradients.
    Example:
        >>> embedding(np.array([2, 0]), np.arange(6.0).reshape(3, 2)).tolist()
        [[4.0, 5.0], [0.0, 1.0]]
    """
    name = "embedding"
    w, places = _rows(name, input, weight)
    padding = _padding(name, padding_idx, len(w))
    if max_norm is not None:
        _renormalise(name, weight, places, max_norm, norm_type)
        w, _ = _rows(name, input, weight)
    # Checked: "clip" only keeps NumPy from checking again, through a buffer.
    y = w.take(places, 0, mode="clip") if len(w) else np.zeros((*places.shape, w.shape[1]), w.dtype)

    def vjp(g: Array) -> Array:
        rows = g.reshape(places.size, w.shape[1])
        d = _core.row_sums(name, rows, places.reshape(-1), None, None, len(w), True)
        if scale_grad_by_freq:
            d = _by_frequency(d, places)
        if padding is not None:
            d[padding] = 0
        return d

    return record(name, y, (input, None), (weight, vjp), saved=())


def embedding_bag(
    input: Operand,
    weight: Operand,
    offsets: Operand = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: Mode = "mean",
    per_sample_weights: Operand = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Any:
    """The sum, mean or maximum of the rows of each bag, without an array of all rows.

    Shapes: input (B, N), B bags, or (L,) with offsets (B,) where the bags begin; weight (V, D);
        per_sample_weights as input -> (B, D). Empty bags are 0.
    Arguments:
        max_norm, norm_type, scale_grad_by_freq: as embedding.
        per_sample_weights: factors of the rows, for "sum".
        include_last_offset: offsets ends with the length of input.
        padding_idx: rows of this number belong to no bag.
    Raises: ValueError for the first number outside 0 ... V-1, offsets that fall or leave input,
        shapes that do not fit and an unknown mode, TypeError for what are no integers.
    Accuracy: sums in the dtype of weight, in the order of input, equal bit for bit for every number
        of threads.
    Source: torch.nn.functional.embedding_bag, 2.x, without sparse gradients and the order of
        arguments that it deprecates.
    Example:
        >>> table = np.arange(6.0).reshape(3, 2)
        >>> embedding_bag(np.array([2, 0, 1]), table, np.array([0, 2]), mode="sum").tolist()
        [[4.0, 6.0], [2.0, 3.0]]
    """
    name = "embedding_bag"
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f'{name}: mode must be "sum", "mean" or "max", but got mode={mode!r}')
    w, places = _rows(name, input, weight)
    padding = _padding(name, padding_idx, len(w))
    factors = None
    if per_sample_weights is not None:
        (factors,) = floats(name, per_sample_weights=per_sample_weights)
        if mode != "sum" or factors.shape != places.shape:
            raise ValueError(
                f'{name}: per_sample_weights must have the shape of input and mode be "sum", '
                f"but got per_sample_weights.shape={factors.shape}, input.shape={places.shape}, "
                f"mode={mode!r}"
            )
        factors = factors.astype(w.dtype, copy=False).reshape(-1)
    begins = _begins(name, places, offsets, include_last_offset)
    if max_norm is not None:
        _renormalise(name, weight, places, max_norm, norm_type)
        w, places = _rows(name, input, weight)
    rows = places.reshape(-1)
    kept = slice(None) if padding is None else np.flatnonzero(rows != padding)
    if padding is not None:
        begins = np.searchsorted(np.asarray(kept), begins)
        rows = rows[kept]
        factors = None if factors is None else factors[kept]
    counts = np.diff(begins, append=rows.size)
    if mode == "max":
        return _maximum(name, input, weight, w, rows, begins, counts)
    share = factors
    if mode == "mean":
        share = np.repeat(1 / np.maximum(counts, 1), counts).astype(w.dtype)
    y = _core.row_sums(name, w, rows, share, begins, len(w), False)

    def of_weight(g: Array) -> Array:
        d = _core.row_sums(name, g, rows, share, begins, len(w), True)
        return _by_frequency(d, rows) if scale_grad_by_freq else d

    def of_factors(g: Array) -> Array:
        bag = np.repeat(np.arange(len(begins)), counts)
        d = np.zeros(places.size, w.dtype)
        d[kept] = np.einsum("ij,ij->i", g[bag], w[rows])
        return d.reshape(places.shape)

    links = (input, None), (weight, of_weight), (per_sample_weights, of_factors)
    return record(name, y, *links, saved=(weight,))


def _begins(name: str, places: Array, offsets: Operand, include_last: bool) -> Array:
    """Where each bag begins in the flat input."""
    if places.ndim == 2 and offsets is None:
        return np.arange(len(places)) * places.shape[1]
    if places.ndim != 1 or offsets is None:
        raise ValueError(
            f"{name}: input must be (B, N) without offsets, or (L,) with them, "
            f"but got input.shape={places.shape}, offsets={'none' if offsets is None else 'some'}"
        )
    (found,) = arrays(offsets, name=name)
    begins = _core.labels(name, "offsets", found, places.size + 1, None)
    if begins.ndim != 1 or begins.size < 1 + include_last - (places.size == 0):
        raise ValueError(f"{name}: offsets must name the bags, but got shape={begins.shape}")
    if (begins.size and begins[0] != 0) or (np.diff(begins) < 0).any():
        raise ValueError(f"{name}: offsets must begin with 0 and never fall, but got {begins}")
    return begins[:-1] if include_last else begins


def _maximum(
    name: str, input: Operand, weight: Operand, w: Array, rows: Array, begins: Array, counts: Array
) -> Any:
    """The first of the largest of each bag and column gets the gradient."""
    y = np.zeros((len(begins), w.shape[1]), w.dtype)
    chosen = np.zeros(y.shape, np.int64)
    full = np.flatnonzero(counts)
    if full.size:
        every = w[rows]
        y[full] = np.maximum.reduceat(every, begins[full], axis=0)
        bag = np.repeat(np.arange(len(begins)), counts)
        hit = (every == y[bag]) | np.isnan(every)
        first = np.where(hit, np.arange(rows.size)[:, None], rows.size)
        chosen[full] = rows[np.minimum.reduceat(first, begins[full], axis=0)]

    def vjp(g: Array) -> Array:
        d = np.zeros_like(w)
        np.add.at(d, (chosen[full], np.arange(w.shape[1])), g[full])
        return d

    return record(name, y, (input, None), (weight, vjp), saved=())


def one_hot(tensor: Operand, num_classes: int = -1) -> Any:
    """1 at each element's class number, else 0.

    Shapes: tensor (...) of integers -> (..., num_classes) of int64.
    Arguments:
        num_classes: -1: one more than the largest number.
    Raises: ValueError for the first number outside 0 ... num_classes-1, TypeError for what are no
        integers.
    Accuracy: exact.
    Source: torch.nn.functional.one_hot, 2.x.
    Example:
        >>> one_hot(np.array([1, 0])).tolist()
        [[0, 1], [1, 0]]
    """
    (t,) = arrays(tensor, name="one_hot")
    if isinstance(num_classes, bool) or not isinstance(num_classes, (int, np.integer)):
        raise TypeError(f"one_hot: num_classes must be an int, but got {num_classes!r}")
    if t.dtype.kind not in "iu":
        raise TypeError(f"one_hot: tensor must hold integers, but got dtype={t.dtype}")
    if num_classes == -1 and t.size == 0:
        raise ValueError(f"one_hot: num_classes must be given, but got no number in {t.shape}")
    if num_classes < 1 and num_classes != -1:
        raise ValueError(f"one_hot: num_classes must be at least 1, but got {num_classes}")
    count = int(t.max(initial=0)) + 1 if num_classes == -1 else int(num_classes)
    places = _core.labels("one_hot", "tensor", t, min(count, 2**63 - 1), None)
    y = np.zeros((*t.shape, count), np.int64)
    np.put_along_axis(y, places[..., None], 1, -1)
    return record("one_hot", y, (tensor, None))
