# SPDX-License-Identifier: MIT
"""Saving and loading of arrays under names: .npz, and .safetensors where it is installed."""

from __future__ import annotations

import os
import secrets
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ndnn.tensor import Array, Tensor

PathLike = str | os.PathLike[str]


def save(path: PathLike, state: Mapping[str, Any]) -> None:
    """Writes arrays under their names to a .npz or .safetensors file.

    The file appears whole or not at all: it is written beside, then renamed. No pickle is used.
    Raises: ValueError for another ending, TypeError for what is no array of numbers,
        ModuleNotFoundError where safetensors is not installed.
    """
    path = Path(path)
    kind = kind_of("save", path)
    arrays = {}
    for name, value in state.items():
        array = np.asarray(value._array if isinstance(value, Tensor) else value)
        if not isinstance(name, str) or array.dtype.kind not in "fiub":
            raise TypeError(
                "save: must be given arrays of numbers under names, "
                f"but got {name!r}: {type(value).__name__}"
            )
        arrays[name] = array
    _atomically(path, lambda file: kind[0](file, arrays))


def load(path: PathLike) -> dict[str, Array]:
    """The arrays of a .npz or .safetensors file, by name.

    Raises: ValueError for another ending or a damaged file, OSError where there is none,
        ModuleNotFoundError where safetensors is not installed.
    """
    path = Path(path)
    return kind_of("load", path)[1](path)


def _write_npz(file: BinaryIO, arrays: dict[str, Array]) -> None:
    # As np.savez, which takes no array named "file".
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def _read_npz(path: Path) -> dict[str, Array]:
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (zipfile.BadZipFile, EOFError, AttributeError, ValueError, TypeError) as error:
        raise ValueError(f"load: must be a .npz file of arrays, but got {path}: {error}") from error


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'safetensors is not installed: pip install "ndnn[safetensors]"', name="safetensors"
        ) from error
    return safetensors.numpy


def _write_safetensors(file: BinaryIO, arrays: dict[str, Array]) -> None:
    # ascontiguousarray would give an axis to what has none.
    plain = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    file.write(_safetensors().save(plain))


def _read_safetensors(path: Path) -> dict[str, Array]:
    reader = _safetensors()
    try:
        return dict(reader.load_file(path))
    except OSError:
        raise
    except Exception as error:  # of a class of its own
        raise ValueError(
            f"load: must be a .safetensors file of arrays, but got {path}: {error}"
        ) from error


_KINDS = {
    ".npz": (_write_npz, _read_npz),
    ".safetensors": (_write_safetensors, _read_safetensors),
}


def kind_of(
    name: str, path: Path
) -> tuple[Callable[..., None], Callable[[Path], dict[str, Array]]]:
    """Writer and reader for a path's ending; a ValueError for others."""
    if path.suffix not in _KINDS:
        raise ValueError(f"{name}: path must end in .npz or .safetensors, but got {path}")
    return _KINDS[path.suffix]


def _atomically(path: Path, write: Callable[[BinaryIO], None]) -> None:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")  # threads may save at once
    try:
        with open(beside, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
