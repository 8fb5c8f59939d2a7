# SPDX-License-Identifier: MIT
"""Arrays right beside inaccessible memory: a kernel that reads or writes too far crashes at once.

`guarded(array, side)` copies an array to where its first or last byte touches an inaccessible page;
the copy cannot be written either. `guarded_results(side)` does the same to every array that NumPy
allocates meanwhile, so to the results of an operator. Run both in a process of their own.
"""

from __future__ import annotations

import ctypes
import mmap
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Side = Literal["before", "after"]  # of the array, where the inaccessible page is
SIDES: tuple[Side, ...] = ("before", "after")

_PAGE = mmap.PAGESIZE
_NO_ACCESS = 0  # PROT_NONE
_SET_HANDLER = 304  # PyDataMem_SetHandler in NumPy's table of C functions

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *(ctypes.c_int,) * 3, ctypes.c_long]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


class _Block:
    """`size` bytes between two inaccessible pages, touching the one on `side`."""

    def __init__(self, size: int, side: Side) -> None:
        self._inner = max(1, -(-size // _PAGE)) * _PAGE
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        start = _libc.mmap(None, self._inner + 2 * _PAGE, _NO_ACCESS, flags, -1, 0)
        if start in (None, ctypes.c_void_p(-1).value):
            raise MemoryError(f"no address space for {size} bytes")
        self._start, self._first = start, start + _PAGE
        self.address = self._first if side == "before" else self._first + self._inner - size
        self.protect(mmap.PROT_READ | mmap.PROT_WRITE)

    def protect(self, rights: int) -> None:
        """Set what may be done with the bytes themselves."""
        if _libc.mprotect(self._first, self._inner, rights) != 0:
            raise OSError(ctypes.get_errno(), "mprotect")

    def free(self) -> None:
        """Unmap everything."""
        _libc.munmap(self._start, self._inner + 2 * _PAGE)


def guarded(array: npt.NDArray[Any], side: Side) -> npt.NDArray[Any]:
    """A C-contiguous, unwritable copy of `array` that touches the inaccessible page on `side`."""
    block = _Block(array.nbytes, side)
    raw = (ctypes.c_char * array.nbytes).from_address(block.address)
    weakref.finalize(raw, block.free).atexit = False  # the base of the copy and of all its views
    copy = np.ndarray(array.shape, array.dtype, buffer=raw)
    copy[...] = array
    copy.flags.writeable = False
    block.protect(mmap.PROT_READ)
    return copy


_Malloc = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_Calloc = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t)
_Realloc = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_Free = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


class _Allocator(ctypes.Structure):
    """PyDataMem_Handler of numpy/ndarraytypes.h."""

    _fields_ = (
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("context", ctypes.c_void_p),
        ("malloc", _Malloc),
        ("calloc", _Calloc),
        ("realloc", _Realloc),
        ("free", _Free),
    )


def _allocator(side: Side) -> _Allocator:
    blocks: dict[int, _Block] = {}

    def malloc(_: int | None, size: int) -> int | None:
        try:
            block = _Block(size, side)
        except MemoryError:
            return None
        blocks[block.address] = block
        return block.address

    def calloc(context: int | None, count: int, size: int) -> int | None:
        return malloc(context, count * size)  # fresh pages are zeros

    def realloc(_: int | None, old: int | None, size: int) -> int | None:
        return None  # ndarray.resize and friends: not needed here

    def free(_: int | None, address: int | None, size: int) -> None:
        if address:
            blocks.pop(address).free()

    return _Allocator(
        b"guarded", 1, None, _Malloc(malloc), _Calloc(calloc), _Realloc(realloc), _Free(free)
    )


def numpy_core() -> Any:
    """NumPy's C core: np.core before NumPy 2."""
    return np._core if hasattr(np, "_core") else np.core


def _set_handler() -> Callable[[Any], Any]:
    table_of = ctypes.pythonapi.PyCapsule_GetPointer
    table_of.restype, table_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    table = table_of(numpy_core()._multiarray_umath._ARRAY_API, None)  # type: ignore[attr-defined]
    address = ctypes.c_void_p.from_address(table + _SET_HANDLER * ctypes.sizeof(ctypes.c_void_p))
    return ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(address.value or 0)


_kept: list[_Allocator] = []  # arrays may outlive the `with`


@contextmanager
def guarded_results(side: Side) -> Iterator[None]:
    """Every array allocated in here touches an inaccessible page on `side`."""
    capsule_of = ctypes.pythonapi.PyCapsule_New
    capsule_of.restype = ctypes.py_object
    capsule_of.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    _kept.append(_allocator(side))
    set_handler = _set_handler()
    old = set_handler(capsule_of(ctypes.addressof(_kept[-1]), b"mem_handler", None))
    try:
        yield
    finally:
        set_handler(old)
