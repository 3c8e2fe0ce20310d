"""The safetensors format: 8 bytes of header length, a JSON header, then the raw tensors."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from kinetrace.errors import WeightsError
from kinetrace.networks.views import ITEM_SIZES, check_shape, decode_elements, is_size, show

# The bound of the format's own implementation.
MAX_HEADER_BYTES = 100_000_000

ELEMENT_TYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}


def read_safetensors(path: Path) -> dict[str, NDArray[Any]]:
    """Read every tensor of a ``.safetensors`` file; bfloat16 is returned as float32.

    Raises
    ------
    WeightsError
        When the header is damaged, or the tensors do not fill the rest of the file without
        gap and overlap, as the format prescribes.
    """
    file_size = path.stat().st_size
    with path.open("rb") as file:
        header_size = int.from_bytes(file.read(8), "little")
        if header_size > min(MAX_HEADER_BYTES, file_size - 8):
            msg = f"its header would take {header_size:,} bytes, and the file has {file_size:,}"
            raise WeightsError(msg)
        header = _parse_header(file.read(header_size))
        arrays = {}
        position = 0
        for name, entry in sorted(header.items(), key=_begin):
            element_type, shape, byte_count = _check_entry(name, entry, position)
            left = file_size - file.tell()
            # Before reading: Python takes the memory for what it is asked to read.
            if byte_count > left:
                msg = f"the tensor {show(name)} is cut off: {left:,} of {byte_count:,} bytes"
                raise WeightsError(msg)
            arrays[name] = decode_elements(file.read(byte_count), element_type).reshape(shape)
            position += byte_count
        if file.read(1):
            raise WeightsError("it has more bytes than its tensors")
    return arrays


def _parse_header(text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text, object_pairs_hook=_make_dict)
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"its header is no JSON: {error}") from error
    if not isinstance(header, dict):
        raise WeightsError(f"its header is a {type(header).__name__} and no JSON object")
    header.pop("__metadata__", None)
    return header


def _make_dict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise ValueError("a name is there twice")
    return names


def _begin(item: tuple[str, Any]) -> tuple[int, int]:
    """Give where a tensor begins and ends, to sort by; damaged entries come first."""
    offsets = item[1].get("data_offsets") if isinstance(item[1], dict) else None
    if not (isinstance(offsets, list) and len(offsets) == 2 and all(map(is_size, offsets))):
        return (-1, -1)
    return (offsets[0], offsets[1])


def _check_entry(name: str, entry: Any, position: int) -> tuple[str, tuple[int, ...], int]:
    begin, end = _begin((name, entry))
    if begin == -1:
        raise WeightsError(f"the tensor {show(name)} has no valid data_offsets: {show(entry)}")
    kind, shape = entry.get("dtype"), entry.get("shape")
    if not isinstance(kind, str) or kind not in ELEMENT_TYPES:
        known = ", ".join(ELEMENT_TYPES)
        raise WeightsError(f"the tensor {show(name)} has the type {show(kind)}; known: {known}")
    lengths = check_shape(shape)
    element_type = ELEMENT_TYPES[kind]
    byte_count = math.prod(lengths) * ITEM_SIZES[element_type]
    if begin != position or end - begin != byte_count:
        msg = (
            f"the tensor {show(name)} of {byte_count:,} bytes is said to be at bytes {show(begin)} "
            f"to {show(end)}, where it should begin at {position:,}"
        )
        raise WeightsError(msg)
    return element_type, lengths, byte_count
