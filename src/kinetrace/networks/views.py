"""Tensors as a checkpoint describes them, strided views of storages, and how they become arrays."""

from __future__ import annotations

import math
import reprlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kinetrace.errors import WeightsError

MAX_DIMENSIONS = 8
MAX_ELEMENTS = 2**40

# bfloat16 is float32 without its lower 16 bits; NumPy has no type for it.
ITEM_SIZES = {
    "float64": 8,
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "int64": 8,
    "int32": 4,
    "int16": 2,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
}


@dataclass(frozen=True)
class Storage:
    """Where the elements of a tensor are: the name, type and length of a storage in the file."""

    key: str
    element_type: str
    length: int

    @property
    def byte_count(self) -> int:
        """How many bytes the storage takes in the file."""
        return self.length * ITEM_SIZES[self.element_type]


@dataclass(frozen=True)
class TensorView:
    """A tensor that has not been read yet; offset and strides are in elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def show(value: object) -> str:
    """Give a value that a file holds as text: short, on one line, without control characters."""
    shortener = reprlib.Repr()
    shortener.maxstring = shortener.maxother = 120
    return shortener.repr(value)


def is_size(value: object) -> bool:
    """Tell whether a value that a file holds is an integer that can be a size."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def check_shape(shape: Any) -> tuple[int, ...]:
    """Check that something that a file holds is the shape of an array, and give it.

    Raises
    ------
    WeightsError
        When it is not, or is absurdly large (even with a 0 in it, which makes it empty).
    """
    if (
        not isinstance(shape, tuple | list)
        or len(shape) > MAX_DIMENSIONS
        or not all(is_size(length) for length in shape)
        or math.prod(max(length, 1) for length in shape) > MAX_ELEMENTS
    ):
        msg = (
            f"it has a tensor of shape {show(shape)}: at most {MAX_DIMENSIONS} dimensions and "
            f"{MAX_ELEMENTS:,} elements can be read"
        )
        raise WeightsError(msg)
    return tuple(shape)


def make_view(storage: Storage, offset: Any, shape: Any, strides: Any) -> TensorView:
    """Describe a tensor, after checking that all its elements lie in the storage.

    Raises
    ------
    WeightsError
        When they do not, or a number is no size, or there are more elements than in the storage
        (a broadcast: a small file could ask for any amount of memory).
    """
    lengths = check_shape(shape)
    steps_ok = isinstance(strides, tuple) and len(strides) == len(lengths)
    if not (steps_ok and all(is_size(value) for value in (offset, *strides))):
        msg = f"it has a tensor with the strides {show(strides)} and the offset {show(offset)}"
        raise WeightsError(msg)
    size = math.prod(lengths)
    last = offset + sum((n - 1) * stride for n, stride in zip(lengths, strides, strict=True))
    if size and (last >= storage.length or size > storage.length):
        msg = (
            f"it has a tensor of shape {show(shape)}, strides {show(strides)} and offset "
            f"{show(offset)}, which does not fit into its storage of {storage.length} elements"
        )
        raise WeightsError(msg)
    return TensorView(storage, offset, lengths, strides)


def decode_elements(
    data: bytes, element_type: str, *, byte_order: Literal["<", ">"] = "<"
) -> NDArray[Any]:
    """Make a flat array of raw elements; bfloat16 becomes float32, which holds it exactly.

    Parameters
    ----------
    data
        The elements as they are in a file.
    element_type
        A key of `ITEM_SIZES`.
    byte_order
        ``<`` or ``>``, little or big endian.
    """
    if element_type == "bfloat16":
        upper_half = np.frombuffer(data, f"{byte_order}u2").astype(np.uint32)
        return (upper_half << 16).view(np.float32)
    if element_type == "bool":
        flags: NDArray[np.bool_] = np.frombuffer(data, np.uint8) != 0
        return flags
    stored = np.frombuffer(data, np.dtype(element_type).newbyteorder(byte_order))
    native: NDArray[Any] = stored.astype(element_type, copy=False)
    return native


def apply_view(elements: NDArray[Any], view: TensorView) -> NDArray[Any]:
    """Make the array that a view describes, contiguous, from its decoded storage, (length,)."""
    if math.prod(view.shape) == 0:
        return np.empty(view.shape, elements.dtype)
    # A dimension of length 1 may have any stride, even one that NumPy cannot hold.
    strides = tuple(
        stride * elements.itemsize if length > 1 else 0
        for length, stride in zip(view.shape, view.strides, strict=True)
    )
    # `make_view` has checked that this stays inside of the storage.
    strided: NDArray[Any] = np.lib.stride_tricks.as_strided(
        elements[view.offset :], view.shape, strides
    )
    return np.ascontiguousarray(strided).reshape(view.shape)
