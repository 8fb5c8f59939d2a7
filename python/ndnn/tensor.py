# SPDX-License-Identifier: MIT
"""Tensor and the tape: arrays that remember how they were computed, for the chain rule.

An operator computes its result on arrays and hands it to `record` with one function for each
differentiable input, which turns the gradient of the result into that of the input (the
vector-Jacobian product, "vjp"). `backward` calls them from the last result to the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ndnn._grad_mode import is_grad_enabled as is_grad_enabled
from ndnn._grad_mode import no_grad as no_grad
from ndnn._grad_mode import recording
from ndnn._load import _core

PackedWeight = _core.PackedWeight
Array = NDArray[Any]
Vjp = Callable[[Array], Array]
Operand = Any  # ArrayLike | Tensor

_numbers = count()


class Node:
    """One recorded result: the vjp towards each input, and the versions of what they read.

    It holds no Tensor but the leaves, so that results no vjp reads are freed early. Later results
    have larger numbers: an order for backward that needs no search through the graph.
    """

    __slots__ = ("__weakref__", "dtype", "links", "name", "number", "shape", "versions")

    def __init__(self, name: str, y: Array, links: list[tuple[Tensor, Vjp]], saved: Any) -> None:
        self.name, self.shape, self.dtype = name, y.shape, y.dtype
        self.number = next(_numbers)
        self.links: list[tuple[Node | Tensor, Vjp]] | None = [(x._node or x, f) for x, f in links]
        self.versions = [(x._version, x._version[0]) for x in saved if isinstance(x, Tensor)]

    def checked_links(self) -> list[tuple[Node | Tensor, Vjp]]:
        if self.links is None:
            raise RuntimeError(
                f"backward: {self.name} was already gone through and its saved arrays are freed; "
                "pass retain_graph=True to the first backward to go a second time"
            )
        for cell, seen in self.versions:
            if cell[0] != seen:
                raise RuntimeError(
                    f"backward: an array that {self.name} needs for its gradient was changed "
                    f"since: it is at version {cell[0]}, but got version {seen} recorded"
                )
        return self.links


def record(
    name: str,
    y: Any,
    *links: tuple[Operand, Vjp | None],
    saved: tuple[Operand, ...] | None = None,
    view_of: Operand = None,
) -> Any:
    """The result `y` of an operator: a Tensor if an input is one, else an array.

    `links` are (input, vjp); a vjp of None: not differentiable. A vjp gets the gradient of `y` and
    returns `y`'s gradient, a view of it, or a new array. It may leave out the summing over
    broadcast axes. `saved`: the inputs whose values a vjp reads (default: all), which must not
    change before backward. `view_of`: the input whose memory `y` shares.
    """
    y = np.asarray(y)
    if not any(isinstance(x, Tensor) for x, _ in links):
        return y
    result = Tensor._of(y)
    if isinstance(view_of, Tensor):
        result._version = view_of._version
    if recording.get():
        live = [(x, f) for x, f in links if isinstance(x, Tensor) and x._needs_grad and f]
        if live:
            result._needs_grad = True
            inputs = [x for x, _ in links] if saved is None else saved
            result._node = Node(name, result._array, live, inputs)
    return result


def records(*operands: Operand) -> bool:
    """Will an operation on these be recorded?"""
    return recording.get() and any(isinstance(x, Tensor) and x._needs_grad for x in operands)


def arrays(*operands: Operand, name: str = "Tensor") -> list[Any]:
    """The arrays of an operator's operands; None and packed weights stay.

    What is no Tensor is copied where the operation will be recorded: the caller may write to it
    before backward, which no version would show.
    """
    keeps = records(*operands)
    return [
        x._array
        if isinstance(x, Tensor)
        else x
        if x is None or isinstance(x, PackedWeight)
        else _plain(name, x, copy=keeps)
        for x in operands
    ]


def _plain(name: str, x: ArrayLike, copy: bool) -> Array:
    """An array of numbers (and of nothing else, which NumPy would compute with)."""
    array = np.array(x) if copy else np.asarray(x)
    if array.dtype.kind not in "fiub" or isinstance(x, np.ma.MaskedArray):
        what = "a masked array" if isinstance(x, np.ma.MaskedArray) else f"dtype={array.dtype}"
        raise TypeError(f"{name}: must be given arrays of real numbers, but got {what}")
    return array


def as_tensor(x: Operand) -> Tensor:
    """A Tensor as it is; an array as one, copied where operations are recorded."""
    if isinstance(x, Tensor):
        return x
    return Tensor(x) if recording.get() else Tensor._of(np.asarray(x))


def shared(f: Callable[[Array], Any]) -> Callable[[Array], Any]:
    """What several vjps of one result need of its gradient, computed once."""
    last: list[Any] = [None, None]

    def call(g: Array) -> Any:
        if last[0] is not g:
            last[:] = g, f(g)
        return last[1]

    return call


def _fit(g: Array, target: Node | Tensor, name: str) -> Array:
    """A gradient in its target's shape and dtype: summed over the axes that were broadcast."""
    g = np.asarray(g)
    if g.shape != target.shape:
        new = g.ndim - len(target.shape)
        kept = (1,) * new + target.shape
        axes = tuple(i for i, n in enumerate(kept) if n == 1 and g.shape[i] != 1)
        if new < 0 or any(n not in (m, 1) for n, m in zip(kept, g.shape, strict=True)):
            raise RuntimeError(
                f"backward: {name}: the gradient must have the shape {target.shape}, "
                f"but got {g.shape}"
            )
        g = g.sum(axes, dtype=np.float64, keepdims=True).reshape(target.shape)
    return g.astype(target.dtype, copy=False)


class Tensor:
    """An array with a gradient.

    Tensor(array, requires_grad=False) copies the array. Any operator of ndnn.functional called
    with a Tensor returns a Tensor; after `y.backward()`, `x.grad` is an ndarray for every Tensor
    `x` made with requires_grad=True that `y` was computed from. Arithmetic, reductions and
    indexing are NumPy's (axis, keepdims, broadcasting, dtypes).

    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad.tolist()
    [2.0, 4.0, 6.0]
    """

    __slots__ = ("__weakref__", "_array", "_grad", "_needs_grad", "_node", "_version")
    __array_ufunc__ = None  # ndarray * Tensor asks Tensor.__rmul__

    _array: Array
    _grad: Array | None
    _needs_grad: bool
    _node: Node | None
    _version: list[int]  # one cell for all Tensors that share memory

    def __init__(self, data: ArrayLike | Tensor, requires_grad: bool = False) -> None:
        self._adopt(_checked_copy(data))
        self.requires_grad = requires_grad

    def _adopt(self, array: Array) -> None:
        self._array, self._grad, self._needs_grad, self._node = array, None, False, None
        self._version = [0]

    @staticmethod
    def _of(array: Array) -> Tensor:
        """A Tensor around an array that nobody else writes to."""
        tensor = Tensor.__new__(Tensor)
        tensor._adopt(array)
        return tensor

    # ---- what it is

    @property
    def shape(self) -> tuple[int, ...]:
        return self._array.shape

    @property
    def ndim(self) -> int:
        return self._array.ndim

    @property
    def size(self) -> int:
        return self._array.size

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._array.dtype

    @property
    def is_leaf(self) -> bool:
        return self._node is None

    @property
    def requires_grad(self) -> bool:
        return self._needs_grad

    @requires_grad.setter
    def requires_grad(self, on: bool) -> None:
        if on and self.dtype.kind != "f":
            raise TypeError(
                f"Tensor: only floating-point arrays have a gradient, but got dtype={self.dtype}"
            )
        if not on and self._node is not None:
            raise RuntimeError("Tensor: only leaves change requires_grad; use .detach()")
        self._needs_grad = bool(on)

    @property
    def data(self) -> Array:
        """The values, read-only. `t.data = array` changes them, and backward will know."""
        view = self._array.view()
        view.flags.writeable = False
        return view

    @data.setter
    def data(self, values: ArrayLike | Tensor) -> None:
        array = _checked_copy(values)
        if self._needs_grad and array.dtype.kind != "f":
            raise TypeError(f"Tensor: data must be floating-point, but got dtype={array.dtype}")
        if array.shape != self.shape and (self._grad is not None or self._node is not None):
            raise ValueError(
                f"Tensor: data must keep the shape {self.shape} of its gradient, "
                f"but got {array.shape}"
            )
        self._array = array
        self._changed()

    def _changed(self) -> None:
        """To be called by whoever wrote to `_array`."""
        self._version[0] += 1

    @property
    def grad(self) -> Array | None:
        """The gradient summed by every backward since zero_grad; None before the first."""
        return self._grad

    @grad.setter
    def grad(self, values: ArrayLike | None) -> None:
        self._grad = None if values is None else _seed("grad", values, self).copy()

    def zero_grad(self) -> None:
        """Forgets the gradient."""
        self._grad = None

    def detach(self) -> Tensor:
        """The same values without their history."""
        tensor = Tensor._of(self._array)
        tensor._version = self._version
        return tensor

    def numpy(self) -> Array:
        """The values as a read-only ndarray; TypeError where that would lose the graph."""
        if self._needs_grad:
            raise TypeError(
                "Tensor: one that requires a gradient does not become an array, "
                "which would lose its history; use .detach() or .data"
            )
        return self.data

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        values = self.numpy()
        return np.array(values, dtype) if copy else np.asarray(values, dtype)

    def item(self) -> Any:
        """The value of a Tensor of one element, as a Python number."""
        if self.size != 1:
            raise ValueError(f"Tensor.item: must have one element, but got shape={self.shape}")
        return self._array.item()

    def tolist(self) -> Any:
        return self._array.tolist()

    def __repr__(self) -> str:
        text = np.array2string(self._array, separator=", ", prefix="Tensor(")
        dtype = "" if self.dtype == np.float64 else f", dtype={self.dtype}"
        mark = f", from {self._node.name}" if self._node else ", requires_grad=True"
        return f"Tensor({text}{dtype}{mark if self._needs_grad else ''})"

    def __len__(self) -> int:
        return len(self._array)

    def __bool__(self) -> bool:
        return bool(self._array)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __reduce__(self) -> Any:  # for copy.deepcopy and pickle; `copy` of a result has no meaning
        if self._node is not None:
            raise TypeError(
                f"Tensor: only leaves are copied, but got a result of {self._node.name}"
            )
        return type(self), (self._array, self._needs_grad)

    # ---- the chain rule

    def backward(self, grad: ArrayLike | None = None, retain_graph: bool = False) -> None:
        """Adds d(self)/dx, weighted by `grad`, to x.grad of every leaf x.

        grad: an array of this Tensor's shape; it may be left out where that is one element. The
        graph is freed on the way unless retain_graph is true.
        """
        if not self._needs_grad:
            raise RuntimeError(
                "backward: must start from a Tensor that requires a gradient, but got one "
                "computed from none (requires_grad=False)"
            )
        if grad is None and self.size != 1:
            raise ValueError(
                f"backward: grad may be left out for one element only, but got shape={self.shape}"
            )
        first = np.ones_like(self._array) if grad is None else _seed("backward: grad", grad, self)
        if self._node is None:
            return _add_to_leaf(self, first, fresh=grad is None)

        pending, owned, heap = {self._node: first}, set[Node](), [(-self._node.number, self._node)]
        while heap:
            node = heappop(heap)[1]
            g = pending.pop(node)
            for target, vjp in node.checked_links():
                d = _fit(vjp(g), target, node.name)
                # What is neither g nor a view belongs to us alone: it may be kept and added to.
                fresh = d is not g and d.base is None
                if isinstance(target, Tensor):
                    _add_to_leaf(target, d, fresh)
                elif target not in pending:
                    pending[target] = d
                    heappush(heap, (-target.number, target))
                    if fresh:
                        owned.add(target)
                elif target in owned:
                    pending[target] += d
                else:
                    pending[target] = pending[target] + d
                    owned.add(target)
            if not retain_graph:
                node.links = None

    # ---- arithmetic: the functions stand in arithmetic.py and shaping.py

    __hash__ = object.__hash__

    def __add__(self, other: Operand) -> Tensor:
        return _a.add(self, other)

    def __sub__(self, other: Operand) -> Tensor:
        return _a.subtract(self, other)

    def __mul__(self, other: Operand) -> Tensor:
        return _a.multiply(self, other)

    def __truediv__(self, other: Operand) -> Tensor:
        return _a.divide(self, other)

    def __pow__(self, other: Operand) -> Tensor:
        return _a.power(self, other)

    def __matmul__(self, other: Operand) -> Tensor:
        return _a.matmul(self, other)

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: Operand) -> Tensor:
        return _a.subtract(other, self)

    def __rtruediv__(self, other: Operand) -> Tensor:
        return _a.divide(other, self)

    def __rpow__(self, other: Operand) -> Tensor:
        return _a.power(other, self)

    def __rmatmul__(self, other: Operand) -> Tensor:
        return _a.matmul(other, self)

    def __neg__(self) -> Tensor:
        return _a.negative(self)

    def __abs__(self) -> Tensor:
        return _a.absolute(self)

    def __lt__(self, other: Operand) -> Any:
        return self._array < _a.value(other)

    def __le__(self, other: Operand) -> Any:
        return self._array <= _a.value(other)

    def __gt__(self, other: Operand) -> Any:
        return self._array > _a.value(other)

    def __ge__(self, other: Operand) -> Any:
        return self._array >= _a.value(other)

    def __eq__(self, other: object) -> Any:
        return self._array == _a.value(other)

    def __ne__(self, other: object) -> Any:
        return self._array != _a.value(other)

    def __getitem__(self, index: Any) -> Tensor:
        return _s.getitem(self, index)

    @property
    def T(self) -> Tensor:
        return _s.transpose(self)

    if TYPE_CHECKING:  # the methods set below

        def __getattr__(self, name: str) -> Any: ...


def _checked_copy(data: ArrayLike | Tensor) -> Array:
    if isinstance(data, np.ma.MaskedArray):
        raise TypeError("Tensor: must be a plain array, but got a masked one")
    array = np.array(data._array if isinstance(data, Tensor) else data, order="C")
    if array.dtype.kind not in "fiub" or array.dtype == np.longdouble:
        raise TypeError(f"Tensor: must hold floats, integers or bools, but got dtype={array.dtype}")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _seed(what: str, values: ArrayLike, tensor: Tensor) -> Array:
    """A gradient given by the caller: checked, in the Tensor's dtype; a view of their memory.

    A new object each time, as shared() takes the same one for the same values.
    """
    grad = np.asarray(values._array if isinstance(values, Tensor) else values)
    if grad.shape != tensor.shape:
        raise ValueError(
            f"{what}: must have the shape {tensor.shape} of the Tensor, but got {grad.shape}"
        )
    if grad.dtype.kind not in "fiub":
        raise TypeError(f"{what}: must hold numbers, but got dtype={grad.dtype}")
    return grad.astype(tensor.dtype, copy=False).view()


def _add_to_leaf(leaf: Tensor, g: Array, fresh: bool) -> None:
    if leaf._grad is None:
        leaf._grad = g if fresh else g.copy()
    else:
        leaf._grad += g


from ndnn import arithmetic as _a  # noqa: E402  they need Tensor
from ndnn import shaping as _s  # noqa: E402

_methods: list[Callable[..., Any]] = [*_a.METHODS, *_s.METHODS]
for _function in _methods:
    setattr(Tensor, _function.__name__, _function)
