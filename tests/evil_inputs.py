# SPDX-License-Identifier: MIT
"""Cases that a careless binding would not survive: objects that run code while they are read."""

import pickle
import resource
import sys
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

import ndnn
import ndnn.functional as F
from isolated import main, raises

X = np.ones((2, 4, 9, 9), np.float32)
W = np.ones((6, 4, 3, 3), np.float32)


class Mine(Exception):
    """What user code raises in the middle of a call."""


class Index:
    """An integer that runs code when it is asked for its value."""

    def __init__(self, answer: Callable[[], Any]) -> None:
        self.answer = answer

    def __index__(self) -> int:
        return self.answer()


class ArrayLike:
    """An array that runs code when it is asked for its values."""

    def __init__(self, answer: Callable[[], Any]) -> None:
        self.answer = answer

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.answer()


def fail(error: BaseException | None = None) -> NoReturn:
    raise error or Mine("mine")


def right(result: Any, *inputs: Any, **arguments: Any) -> None:
    """`result` is what the same call gives for plain arrays."""
    np.testing.assert_array_equal(result, F.conv2d(*inputs, **arguments))


def case_index_raises() -> None:
    for name in ("stride", "padding", "dilation", "groups"):
        for value in (Index(fail), [Index(fail), 1], (1, Index(fail))):
            if name == "groups" and not isinstance(value, Index):
                continue
            raises(Mine, "mine", lambda n=name, v=value: F.conv2d(X, W, **{n: v}))


def case_index_returns_huge() -> None:
    for value in (2**63, 2**64 + 1, -(2**63) - 1, 10**30):
        for name in ("stride", "padding", "dilation", "groups"):
            call = {name: Index(lambda v=value: v)}
            raises(ValueError, f"conv2d: {name}", lambda c=call: F.conv2d(X, W, **c))


def case_int_of_5000_digits() -> None:
    """Python refuses to print such a number; the message must not fail on it."""
    for name in ("stride", "padding", "dilation", "groups"):
        for value in (10**5000, -(10**5000)):
            call = {name: value}
            raises(ValueError, f"conv2d: {name}", lambda c=call: F.conv2d(X, W, **c))


def case_index_returns_no_int() -> None:
    for value in (1.5, "1", None):
        raises(TypeError, "", lambda v=value: F.conv2d(X, W, stride=Index(lambda: v)))


def case_index_empties_its_list() -> None:
    values: list[Any] = []

    def clear() -> int:
        values.clear()
        return 2

    values.extend([Index(clear), Index(lambda: 2)])
    right(F.conv2d(X, W, stride=values), X, W, stride=2)


def case_index_extends_its_list() -> None:
    values: list[Any] = []

    def extend() -> int:
        values.extend([7] * 10000)
        return 2

    values.extend([Index(extend), Index(extend)])
    right(F.conv2d(X, W, stride=values), X, W, stride=2)


def case_index_empties_a_list_of_another_argument() -> None:
    values = [1, 1]

    def clear() -> int:
        values.clear()
        return 1

    text = "conv2d: dilation"
    raises(ValueError, text, lambda: F.conv2d(X, W, stride=Index(clear), dilation=values))


def case_index_resizes_the_arrays() -> None:
    x, w, b = X.copy(), W.copy(), np.ones(6, np.float32)

    def resize() -> int:
        x.resize((1, 4, 1, 1), refcheck=False)
        w.resize((6, 1, 1, 1), refcheck=False)
        b.resize((0,), refcheck=False)
        return 1

    raises(ValueError, "conv2d: ", lambda: F.conv2d(x, w, b, stride=Index(resize)))


def case_array_resizes_the_input() -> None:
    x = X.copy()

    def resize() -> Any:
        x.resize((2, 4, 1, 1), refcheck=False)
        return W

    raises(ValueError, "conv2d: ", lambda: F.conv2d(x, ArrayLike(resize)))


def case_slope_resizes_the_residual() -> None:
    r = np.ones((2, 6, 7, 7), np.float32)

    def resize() -> int:
        r.resize((1,), refcheck=False)
        return 1

    text = "conv2d: residual must have the output's shape"
    call = {"residual": r, "negative_slope": Index(resize)}
    raises(ValueError, text, lambda: ndnn.fused.conv2d(X, W, **call))


def case_residual_resizes_the_input() -> None:
    x = X.copy()

    def resize() -> Any:
        x.resize((2, 4, 1, 1), refcheck=False)
        return np.ones((2, 6, 7, 7), np.float32)

    r = ArrayLike(resize)
    raises(ValueError, "conv2d: ", lambda: ndnn.fused.conv2d(x, W, residual=r))


def case_residual_with_a_lying_copy() -> None:
    r = np.ones((2, 6, 7, 7), np.float32).transpose(0, 1, 3, 2)
    for answer in (np.zeros(1, "f4"), np.zeros(r.shape, "i1"), [1.0], None):
        liar = _subclass(copy=lambda *a, answer=answer, **k: answer)
        got = ndnn.fused.conv2d(X, W, residual=r.view(liar))
        np.testing.assert_array_equal(got, F.conv2d(X, W) + r)


def case_slope_raises() -> None:
    raises(Mine, "mine", lambda: ndnn.fused.conv2d(X, W, negative_slope=Index(fail)))


def case_activation_is_a_subclass_of_str() -> None:
    class Name(str):
        def __eq__(self, other: object) -> bool:
            fail()

        __hash__ = str.__hash__

    got = ndnn.fused.conv2d(X, W, activation=Name("relu"))
    np.testing.assert_array_equal(got, F.conv2d(X, W))


def case_array_retypes_the_input() -> None:
    warnings.simplefilter("ignore")  # setting dtype or shape of an array is deprecated

    def retyped(dtype: str) -> Any:
        x = X.copy()

        def retype() -> Any:
            x.dtype = np.dtype(dtype)
            return W

        return F.conv2d(x, ArrayLike(retype))

    raises(TypeError, "conv2d: ", lambda: retyped("i4"))
    raises(TypeError, "conv2d: ", lambda: retyped("S4"))
    retyped(">f4")  # other values, but no crash


def case_array_reshapes_the_input() -> None:
    warnings.simplefilter("ignore")
    x = X.copy()

    def reshape() -> Any:
        x.shape = (2, 324)
        return W

    raises(ValueError, "conv2d: input", lambda: F.conv2d(x, ArrayLike(reshape)))


def case_array_raises() -> None:
    """The user's exception comes through: above all KeyboardInterrupt and MemoryError."""
    for error in (Mine("mine"), MemoryError("mine"), KeyboardInterrupt("mine")):
        bad = ArrayLike(lambda e=error: fail(e))
        raises(type(error), "mine", lambda b=bad: F.conv2d(b, W))
        raises(type(error), "mine", lambda b=bad: F.conv2d(X, b))
        raises(type(error), "mine", lambda b=bad: F.conv2d(X, W, b))
        raises(type(error), "mine", lambda b=bad: ndnn.fused.conv2d(X, W, residual=b))
        raises(type(error), "mine", lambda b=bad: ndnn.PackedWeight(b))


def case_array_returns_nonsense() -> None:
    for value in (None, 5, "text", [1.0]):
        bad = ArrayLike(lambda v=value: v)
        raises(TypeError, "conv2d: input", lambda b=bad: F.conv2d(b, W))


def case_lists_that_lie_about_their_length() -> None:
    class Long(list[int]):
        def __len__(self) -> int:
            return 2**40

    class Empty(list[int]):
        def __len__(self) -> int:
            return 0

    class Pair(tuple[int, ...]):
        def __len__(self) -> int:
            return 2

    class Fails(list[int]):
        def __len__(self) -> int:
            fail()

    for values in (Long([2, 2]), Empty([2, 2]), Pair([2]), Pair([2, 2]), Fails([2, 2])):
        try:
            right(F.conv2d(X, W, stride=values), X, W, stride=2)
        except (ValueError, MemoryError, Mine):
            continue
    raises(ValueError, "stride", lambda: F.conv2d(X, W, stride=Pair([1, 1, 1])))


def case_sequences_that_raise() -> None:
    class Sequence:
        def __len__(self) -> int:
            return 2

        def __getitem__(self, i: int) -> int:
            fail()

    raises(Mine, "mine", lambda: F.conv2d(X, W, stride=Sequence()))


def _subclass(**methods: Any) -> Any:
    """A subclass of ndarray with methods that lie."""
    return type("Liar", (np.ndarray,), methods)


def case_subclass_with_a_lying_copy() -> None:
    """An array that must be copied is copied by NumPy, not by a method of the user's."""
    b = np.ones(12, np.float32)[::2]
    record = np.zeros(X.shape, np.dtype([("pad", "u1"), ("value", "f4")]))["value"]
    for answer in (np.zeros(1, "f4"), np.zeros(W.shape, "i1"), [1.0], None):
        liar = _subclass(copy=lambda *a, answer=answer, **k: answer)
        right(F.conv2d(X, W.transpose(0, 1, 3, 2).view(liar)), X, W)
        right(F.conv2d(X, W, b.view(liar)), X, W, b)
        right(F.conv2d(record.view(liar), W), np.zeros_like(X), W)
        right(F.conv2d(X, ndnn.PackedWeight(W.view(liar))), X, W)


def case_subclass_with_a_lying_copy_of_a_large_bias() -> None:
    w, b = np.ones((100000, 4, 3, 3), np.float32), np.ones(200000, np.float32)[::2]
    liar = _subclass(copy=lambda *a, **k: np.zeros(0, "f4"))
    right(F.conv2d(X, w, b.view(liar)), X, w, b)


def case_subclass_with_a_lying_astype() -> None:
    for answer in (np.zeros((), "f8"), np.zeros((1, 1, 1, 1), "f4"), [1.0], None):
        liar = _subclass(astype=lambda *a, answer=answer, **k: answer)
        right(F.conv2d(X.astype(">f4").view(liar), W), X, W)
        x, w, b = (np.ones(s, np.float16) for s in (X.shape, W.shape, 6))
        for k in range(3):
            halves = [a.view(liar) if i == k else a for i, a in enumerate((x, w, b))]
            right(F.conv2d(*halves), x, w, b)


def case_subclass_with_lying_attributes() -> None:
    lies = {"shape": (9, 9), "ndim": 2, "dtype": np.dtype("i8"), "strides": (1,), "size": 3}
    liar = _subclass(**{name: property(lambda _, v=value: v) for name, value in lies.items()})
    right(F.conv2d(X.view(liar), W.view(liar)), X, W)


def case_masked_array_behind_another_subclass() -> None:
    first = type("First", (np.ndarray,), {})
    for bases in ((first, np.ma.MaskedArray), (np.ma.MaskedArray, first)):
        masked = np.ma.masked_array(X, mask=X > 0).view(type("Both", bases, {}))
        raises(TypeError, "masked", lambda m=masked: F.conv2d(m, W))


def case_packed_weight_without_init() -> None:
    bare = ndnn.PackedWeight.__new__(ndnn.PackedWeight)
    for call in (
        lambda: F.conv2d(X, bare),
        lambda: bare.array,
        lambda: np.asarray(bare),
        lambda: bare.forms,
        lambda: pickle.dumps(bare),
    ):
        try:
            call()
        except (TypeError, ValueError):
            continue
        raise AssertionError("accepted")


def case_packed_weight_without_init_repeated() -> None:
    """On memory that held something else before."""
    for _ in range(200):
        kept = [ndnn.PackedWeight(W) for _ in range(3)]
        F.conv2d(X, kept[0])
        del kept
        bare = ndnn.PackedWeight.__new__(ndnn.PackedWeight)
        try:
            bare.array  # noqa: B018
        except (TypeError, ValueError):
            continue


def case_packed_weight_bad_state() -> None:
    for state in ((), (None,), (W, W), None, 5, ("text",), (np.ones(3),), (np.ones((3, 3), int),)):
        make, arguments = ndnn.PackedWeight(W).__reduce__()
        assert len(arguments) == 1
        try:
            rebuilt = make(*state)
        except (TypeError, ValueError):
            continue
        right(F.conv2d(X, rebuilt), X, W)


def case_packed_weight_is_immutable() -> None:
    kept = ndnn.PackedWeight(W)
    before = F.conv2d(X, kept)
    for change in (
        lambda: kept.array.setflags(write=True),
        lambda: kept.array.fill(7),
        lambda: kept.__init__(2 * W),
        lambda: np.asarray(kept).fill(7),
    ):
        try:
            change()
        except (ValueError, TypeError):
            continue
    warnings.simplefilter("ignore")
    kept.array.shape = (4, 6, 3, 3)
    assert kept.array.shape == W.shape, "the shape can be set"
    assert not kept.array.flags.writeable, "the array can be made writeable"
    np.testing.assert_array_equal(F.conv2d(X, kept), before)


def case_more_than_memory() -> None:
    """Views and padding that ask for more than there is; address space ends at 4 GB here."""
    if sys.platform != "linux":
        return  # no such limit elsewhere
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    one = np.float32(1)
    wide = np.broadcast_to(one, (1, 1, 2**30, 2**30))
    plain = np.ones((1, 1, 3, 3), np.float32)
    calls: list[tuple[Callable[[], Any], tuple[type[Exception], ...]]] = [
        (lambda: F.conv2d(wide, plain), (ValueError, MemoryError)),
        (lambda: F.conv2d(wide, wide), (ValueError, MemoryError)),
        (lambda: F.conv2d(np.broadcast_to(one, (2**40, 1, 3, 3)), plain), (MemoryError,)),
        (lambda: F.conv2d(plain, np.broadcast_to(one, (2**40, 1, 3, 3))), (MemoryError,)),
        (lambda: F.conv2d(wide.astype, plain), (TypeError,)),
        (lambda: F.conv2d(np.broadcast_to(np.ones((), ">f4"), wide.shape), plain), (MemoryError,)),
        (
            lambda: F.conv2d(np.broadcast_to(np.float16(1), wide.shape), plain.astype("f2")),
            (MemoryError,),
        ),
        (lambda: F.conv1d(X[0], W[:, :, 0], padding=2**40), (ValueError, MemoryError)),
        (lambda: F.conv1d(X[0], W[:, :, 0], padding=2**33), (ValueError, MemoryError)),
        (lambda: F.conv2d(X, W, padding=2**20), (ValueError, MemoryError)),
        (lambda: ndnn.PackedWeight(wide), (MemoryError,)),
    ]
    for number, (call, errors) in enumerate(calls):
        try:
            call()
        except errors:
            continue
        raise AssertionError(f"call {number} was accepted")
    # A view much larger than memory of which little is read.
    np.testing.assert_array_equal(F.conv2d(wide, plain, stride=2**29), np.full((1, 1, 2, 2), 9))


if __name__ == "__main__":
    main(globals())
