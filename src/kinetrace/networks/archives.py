"""Zip archives of arrays: PyTorch's file format since 1.6, and NumPy's ``.npz``."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kinetrace.errors import WeightsError
from kinetrace.networks.pickles import read_pickle
from kinetrace.networks.views import Storage, decode_elements, show

# What `zipfile`, and NumPy for its headers, raise for a file that is damaged or made to do harm.
_ARCHIVE_ERRORS = (
    zipfile.BadZipFile,
    struct.error,
    NotImplementedError,
    EOFError,
    ValueError,
    KeyError,
    OverflowError,
    RecursionError,
    MemoryError,
)


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip archive, after checking that reading it takes no more than the file's size.

    Raises
    ------
    WeightsError
        When the archive is damaged, or an entry is compressed, encrypted, there twice, or larger
        than the file. PyTorch and `numpy.savez` store their entries as they are; what is
        compressed may be a zip bomb.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_entries(archive, path.stat().st_size)
            yield archive
    except _ARCHIVE_ERRORS as error:
        msg = f"the archive is damaged or cut off ({error}): download or save it again"
        raise WeightsError(msg) from error


def _check_entries(archive: zipfile.ZipFile, file_size: int) -> None:
    entries = archive.infolist()
    for entry in entries:
        stored = entry.compress_type == zipfile.ZIP_STORED
        if not stored or entry.file_size != entry.compress_size or entry.flag_bits & 0x1:
            msg = (
                f"the entry {show(entry.filename)} is compressed or encrypted "
                f"({entry.compress_size:,} bytes for {entry.file_size:,}), which weights are not: "
                "it may be a zip bomb. Save it again with torch.save or numpy.savez"
            )
            raise WeightsError(msg)
    total = sum(entry.file_size for entry in entries)
    if total > file_size or len(set(archive.namelist())) != len(entries):
        msg = (
            f"its entries overlap or are there twice: they take {total:,} bytes, and the file "
            f"has {file_size:,}"
        )
        raise WeightsError(msg)


def read_torch_archive(archive: zipfile.ZipFile) -> tuple[Any, Callable[[Storage], NDArray[Any]]]:
    """Read the object in a PyTorch archive, and how to read the storages that it names.

    Returns
    -------
    object
        The value of its pickle; see `Unpickled`.
    callable
        Reads one storage as a flat array, (length,).

    Raises
    ------
    WeightsError
        When the archive is none of PyTorch's, or its pickle is refused.
    """
    names = [name for name in archive.namelist() if name.endswith("data.pkl")]
    if len(names) != 1:
        raise WeightsError("it is a zip archive, but not one that torch.save wrote")
    root = names[0].removesuffix("data.pkl")
    byte_order = _read_byte_order(archive, root)

    def read_storage(storage: Storage) -> NDArray[Any]:
        data = archive.read(f"{root}data/{storage.key}")
        if len(data) != storage.byte_count:
            msg = (
                f"the storage {show(storage.key)} has {len(data):,} bytes where "
                f"{storage.byte_count:,} are declared"
            )
            raise WeightsError(msg)
        return decode_elements(data, storage.element_type, byte_order=byte_order)

    return read_pickle(io.BytesIO(archive.read(names[0]))).value, read_storage


def _read_byte_order(archive: zipfile.ZipFile, root: str) -> Literal["<", ">"]:
    if f"{root}byteorder" not in archive.namelist():
        return "<"  # PyTorch before 2.1 wrote none, and ran on little-endian machines
    order = archive.read(f"{root}byteorder")
    if order not in (b"little", b"big"):
        raise WeightsError(f"its byte order is {show(order)}; known are little and big")
    return "<" if order == b"little" else ">"


def read_numpy_archive(archive: zipfile.ZipFile) -> dict[str, NDArray[Any]]:
    """Read every array of an ``.npz`` file.

    Raises
    ------
    WeightsError
        When an entry is no array of numbers, or its size is not the one that it declares.
    """
    return {
        name.removesuffix(".npy"): _decode_npy(name, archive.read(name))
        for name in archive.namelist()
    }


def _decode_npy(name: str, data: bytes) -> NDArray[Any]:
    # Not `np.load`: it allocates what the header declares before it looks at what is there.
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        header = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        header = np.lib.format.read_array_header_2_0(stream)
    else:
        raise WeightsError(f"the array {show(name)} has the .npy version {version}; known: 1, 2")
    shape, column_major, dtype = header
    if dtype.kind not in "fiub" or any(length < 0 for length in shape):
        msg = f"the array {show(name)} has the type {dtype} and shape {show(shape)}: no numbers"
        raise WeightsError(msg)
    elements = np.frombuffer(data, dtype, offset=stream.tell())
    array = elements.reshape(shape, order="F" if column_major else "C")
    return np.ascontiguousarray(array, dtype.newbyteorder("=")).reshape(shape)
