"""DeepLabCut's HDF5: the table of its CSV, as pandas stores it under ``df_with_missing``.

Needs the extra ``deeplabcut`` (PyTables to write, h5py to read). It holds what the CSV does. Read
are predictions (pandas' format ``table``) and labels by hand (``fixed``, CollectedData_x.h5), which
have no likelihood, so score 1, and pictures in place of frames.

pandas and PyTables unpickle what they find in such a file, which may be anybody's program. Here
only texts, numbers and lists of these are read from it; whatever else it would have run is refused.
"""

from __future__ import annotations

import dataclasses
import importlib
import io
import pickle
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from kinetrace.errors import FormatError, MissingExtraError
from kinetrace.files import reading, replacing
from kinetrace.formats._deeplabcut import NOBODY, SCORER, check_columns, poses_of, table_of
from kinetrace.formats._foreign import understood
from kinetrace.formats._stretches import Stretches
from kinetrace.poses import FloatArray, Poses

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".dlc.h5", ".h5")
LOSES = (
    *("bbox_xyxy", "bbox_score", "xyz_m"),
    *("frame_time_s", "frame_name", "size_wh", "source", "log"),
)

_KEY = "df_with_missing"


def read(path: Path) -> Poses:
    """Read a file of one or of several individuals.

    Raises
    ------
    SourceError
        If the file cannot be read.
    FormatError
        If it is no such file, is damaged, or holds what would have to be run.
    MissingExtraError
        If h5py is not installed.
    """
    h5py = _package("h5py")
    with reading(path):
        path.open("rb").close()
        with understood("HDF5 of DeepLabCut's"), h5py.File(path, "r") as file:
            columns, values, index = _frame(file)
        check_columns(columns)
        numbers = [number for number in index if isinstance(number, int)]
        if len(numbers) < len(index):
            poses = poses_of(columns, values, range(len(index)))
            return dataclasses.replace(poses, frame_name=tuple(map(str, index)))
        return poses_of(columns, values, numbers)


def write(poses: Poses, path: Path) -> None:
    """Write a file as DeepLabCut writes its predictions.

    Raises
    ------
    OutputError
        If it cannot be written, a frame has somebody twice, or the frames' numbers do not ascend;
        what was there stays.
    MissingExtraError
        If PyTables is not installed.
    """
    _package("tables")
    import pandas as pd

    Stretches(poses).add(poses)
    table = table_of(poses)
    levels = ["scorer", "individuals", "bodyparts", "coords"]
    columns: list[tuple[str, ...]] = [(SCORER, *column) for column in table.columns]
    if not table.has_individuals:
        levels.remove("individuals")
        columns = [(SCORER, *rest) for _, *rest in table.columns]
    frame = pd.DataFrame(
        table.cells.astype(np.float64),
        columns=pd.MultiIndex.from_tuples(columns, names=levels),
        index=poses.frame_index,
    )

    with replacing(path) as temporary:
        temporary.write_bytes(_bytes_of(frame))


def _bytes_of(frame: pd.DataFrame) -> bytes:
    """Return the file of a table, made in memory: PyTables keeps quiet about a full disk."""
    import pandas as pd

    with warnings.catch_warnings():
        # Of names that are no words of Python, which DeepLabCut does not need.
        warnings.simplefilter("ignore")
        with pd.HDFStore(
            "memory.h5", mode="w", driver="H5FD_CORE", driver_core_backing_store=0
        ) as store:
            store.put(_KEY, frame, format="table")
            # There is no public way to what pandas has opened.
            image: bytes = store._handle.get_file_image()  # type: ignore[operator]
            return image


def _frame(file: Any) -> tuple[list[tuple[str, str, str]], FloatArray, list[int | str]]:
    """Return columns, values and index of the only table in a file."""
    groups = [g for g in file.values() if _text(g.attrs.get("pandas_type", "")).startswith("frame")]
    if len(groups) != 1:
        raise FormatError(f"it holds {len(groups)} tables of pandas', and DeepLabCut's have one")
    (group,) = groups
    if _text(group.attrs["pandas_type"]) == "frame_table":
        table = group["table"]
        names = _unpickled(table.attrs["values_block_0_kind"])
        values, index = table["values_block_0"], _numbers(table["index"])
    else:
        if int(group.attrs["nblocks"]) != 1:
            raise FormatError("its columns are not all of numbers")
        names = _multi(group, "block0_items")
        # pandas has a block's columns, turned, as rows.
        values = np.asarray(group["block0_values"])
        is_multi = _text(group.attrs["axis1_variety"]) == "multi"
        index = [str(row[-1]) for row in _multi(group, "axis1")] if is_multi else _index(group)
    values = np.asarray(values, dtype=np.float64)
    columns = [_column(name) for name in names]
    if values.shape != (len(index), len(columns)):
        raise FormatError(f"{len(index)} rows and {len(columns)} columns hold {values.shape}")
    return columns, values, index


def _column(name: Any) -> tuple[str, str, str]:
    """Return whose, of what and which number: a name without its scorer."""
    if not isinstance(name, tuple) or len(name) not in (3, 4):
        raise FormatError(f"{name!r} is no column of scorer, (individual,) bodypart and coord")
    parts = [str(part) for part in name[1:]]
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 else (NOBODY, parts[0], parts[1])


def _multi(group: Any, name: str) -> list[tuple[str, ...]]:
    """Return the rows of an index of several levels: its words, and which of them each row has."""
    levels = []
    for i in range(int(group.attrs[f"{name}_nlevels"])):
        words = [_text(word) for word in group[f"{name}_level{i}"][()].tolist()]
        codes = group[f"{name}_label{i}"][()].tolist()
        if codes and min(codes) < 0:
            raise FormatError(f"a name in {name!r} is missing")
        levels.append([words[code] for code in codes])
    return list(zip(*levels, strict=True))


def _index(group: Any) -> list[int | str]:
    values = group["axis1"][()]
    return _numbers(values) if values.dtype.kind in "iu" else [_text(v) for v in values.tolist()]


def _numbers(values: Any) -> list[int | str]:
    return [int(value) for value in np.asarray(values).tolist()]


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


class _Plain(pickle.Unpickler):
    """Unpickles texts, numbers, lists and tuples; nothing that has to be looked up by name."""

    def find_class(self, module: str, name: str) -> Any:
        raise FormatError(f"its names of columns would have to run {module}.{name}")


def _unpickled(data: Any) -> Sequence[Any]:
    try:
        values = _Plain(io.BytesIO(bytes(data))).load()
    except (pickle.UnpicklingError, EOFError, AttributeError, IndexError, KeyError) as error:
        raise FormatError(f"its names of columns are damaged: {error}") from error
    if not isinstance(values, list):
        raise FormatError("its names of columns are no list")
    return values


def _package(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = {"tables": "PyTables"}.get(name, name)
        raise MissingExtraError(package, "deeplabcut") from error
