"""A file of weights -> its tensors, without PyTorch and without running anything in the file.

PyTorch's ``.pth`` in both of its formats, ``.safetensors`` and ``.npz``. The format is recognised
by the content. Why nothing in a checkpoint can run is told in `pickles`, and what it may hold in
`pickle_names`.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from kinetrace.errors import WeightsError
from kinetrace.networks.archives import open_archive, read_numpy_archive, read_torch_archive
from kinetrace.networks.pickle_names import Placeholder
from kinetrace.networks.pickles import read_pickle
from kinetrace.networks.safetensors import read_safetensors
from kinetrace.networks.views import (
    ITEM_SIZES,
    Storage,
    TensorView,
    apply_view,
    decode_elements,
    show,
)

# A legacy file begins with the pickle of this number, in any protocol.
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_VERSION = 1001
_STATE_KEYS = ("state_dict", "model_state_dict", "model")
# Tensors may share a storage; many that do would let a small file fill the memory.
MAX_EXPANSION = 4


def read_checkpoint(path: Path) -> dict[str, NDArray[Any]]:
    """Read every tensor of a file of weights.

    Parameters
    ----------
    path
        A PyTorch checkpoint, a ``.safetensors`` or an ``.npz`` file. A state dict wrapped in
        ``state_dict``, ``model_state_dict`` or ``model`` is unwrapped; its keys stay as they are.

    Returns
    -------
    dict of str to ndarray
        The arrays, contiguous and perhaps read-only. bfloat16 is returned as float32; other
        types stay as they are.

    Raises
    ------
    WeightsError
        When the file cannot be read, is in no known format, is damaged, or asks for more than
        tensors, numbers, strings and plain containers; what it was is named.
    """
    try:
        with path.open("rb") as file:
            start = file.read(512)
        return _read_by_content(path, start)
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}. Check the path and its permissions."
        raise WeightsError(msg) from error
    except WeightsError as error:
        raise WeightsError(f"{path} cannot be used as weights: {error}.") from error


def _read_by_content(path: Path, start: bytes) -> dict[str, NDArray[Any]]:
    if start.startswith(b"PK"):
        with open_archive(path) as archive:
            if all(name.endswith(".npy") for name in archive.namelist()):
                return read_numpy_archive(archive)
            return _materialise(*read_torch_archive(archive), path.stat().st_size)
    if start.startswith(b"\x80") and LEGACY_MAGIC.to_bytes(10, "little") in start[:32]:
        return _read_legacy(path)
    if start[8:9] == b"{":
        return read_safetensors(path)
    if not start:
        raise WeightsError("it is empty: download it again")
    if path.suffix == ".onnx":
        raise WeightsError("an ONNX file is a graph already and needs no conversion")
    raise WeightsError(
        f"it begins with {show(start[:24])}, as no file of PyTorch, safetensors or NumPy does. "
        "If that is text, the download was answered with a page or a Git LFS pointer: fetch it "
        "again"
    )


def _read_legacy(path: Path) -> dict[str, NDArray[Any]]:
    """Read the format of PyTorch before 1.6: five pickles, then the storages one by one."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        _, version, system, content, keys = (read_pickle(data) for _ in range(5))
        if version.value != LEGACY_VERSION:
            msg = f"its legacy format is {show(version.value)}; known is {LEGACY_VERSION}"
            raise WeightsError(msg)
        if not (isinstance(system.value, dict) and system.value.get("little_endian") is True):
            raise WeightsError("it was saved on a big-endian machine: save it again on another")
        places = _find_storages(data, keys.value, content.storages)

        def read_storage(storage: Storage) -> NDArray[Any]:
            start = places[storage.key]
            return decode_elements(data[start : start + storage.byte_count], storage.element_type)

        return _materialise(content.value, read_storage, len(data))


def _find_storages(data: mmap.mmap, keys: Any, storages: Mapping[str, Storage]) -> dict[str, int]:
    """Find where the elements of each storage begin, from the position in the file onwards.

    A storage is its length, 8 bytes, and then its elements; `keys` has their order.
    """
    if not isinstance(keys, list) or any(not isinstance(key, str) for key in keys):
        raise WeightsError("the list of its storages is damaged")
    if set(keys) != set(storages) or len(set(keys)) != len(keys):
        raise WeightsError("the storages that it lists are not those that its tensors use")
    places = {}
    position = data.tell()
    for key in keys:
        storage = storages[key]
        length = int.from_bytes(data[position : position + 8], "little", signed=True)
        position += 8
        if length != storage.length or position + storage.byte_count > len(data):
            msg = (
                f"the storage {show(key)} has {length:,} elements where {storage.length:,} are "
                f"declared, and {len(data) - position:,} bytes of the file are left for it: the "
                "file is damaged or cut off"
            )
            raise WeightsError(msg)
        places[key] = position
        position += storage.byte_count
    return places


def _materialise(
    content: Any, read_storage: Callable[[Storage], NDArray[Any]], file_size: int
) -> dict[str, NDArray[Any]]:
    views = _find_state(content)
    total = sum(math.prod(v.shape) * ITEM_SIZES[v.storage.element_type] for v in views.values())
    if total > MAX_EXPANSION * file_size:
        msg = f"its tensors would take {total:,} bytes, and the file has {file_size:,}"
        raise WeightsError(msg)
    elements: dict[str, NDArray[Any]] = {}
    arrays = {}
    for name, view in views.items():
        key = view.storage.key
        if key not in elements:
            elements[key] = read_storage(view.storage)
        arrays[name] = apply_view(elements[key], view)
    return arrays


def _find_state(content: Any) -> dict[str, TensorView]:
    """Find the state dict in what a checkpoint holds, and check that it has tensors alone."""
    if not isinstance(content, dict):
        what = content.name if isinstance(content, Placeholder) else type(content).__name__
        raise WeightsError(f"it holds a {what} and no state dict; save model.state_dict()")
    for wrapper in _STATE_KEYS:
        if isinstance(content.get(wrapper), dict):
            content = content[wrapper]
            break
    if not any(isinstance(value, TensorView) for value in content.values()):
        raise WeightsError(f"it holds no state dict, only {show(list(content))}")
    for name, value in content.items():
        if not (isinstance(name, str) and isinstance(value, TensorView)):
            what = value.name if isinstance(value, Placeholder) else type(value).__name__
            msg = f"its state dict has {show(name)}, which is a {show(what)} and no tensor"
            raise WeightsError(msg)
    state: dict[str, TensorView] = content
    return state
