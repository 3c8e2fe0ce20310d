"""CSV: UTF-8, comma, decimal point, missing is an empty cell; opens in pandas, R and Excel.

The columns are those of `kinetrace.tables`; pixels have 3 decimals, scores 4, seconds 6, metres 5,
and what is read back is within half of the last one. What a table cannot tell (edges, picture
size, source, log; each column's meaning and unit) is in a sidecar by the naming of the W3C's CSV
on the Web: ``clip.keypoints.csv-metadata.json``. Reading uses the sidecar where it is and fits.

A file was cut short if it does not end with a line end. Its last line may then hold a number that
was never written (``12`` of ``123.4``), so that line is left out, with a warning.
"""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kinetrace import tables
from kinetrace._table_parsing import keypoints
from kinetrace.choices import Layout
from kinetrace.errors import FormatError
from kinetrace.files import Appender, reading, replacing, writing
from kinetrace.formats import _csvw
from kinetrace.formats._stretches import Stretches, split
from kinetrace.poses import Poses

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".keypoints.csv", ".csv")
LAYOUTS = ("wide", "long")

_TEXTS = ("file", "keypoint")
# What R, NumPy and spreadsheets put where there is no number.
_MISSING = ["", "NA", "N/A", "#N/A", "NaN", "nan", "NULL"]


def read(path: Path) -> Poses:
    """Read a table of either layout, with or without its sidecar, also if it has been edited.

    Rows and columns may be in another order, columns may have been added or removed, and the
    separator may be ``;`` or a tab, with decimal commas, as spreadsheets write in some countries.

    Raises
    ------
    SourceError
        If the file cannot be read.
    FormatError
        Naming the column and the row of what is wrong.
    """
    with reading(path):
        data = path.read_bytes()
        whole = _whole_lines(data)
        df = _parse(_decode(whole))
        known = _csvw.read(path)
        if known is None:
            poses = tables.from_table(df)
        else:
            fits = set(keypoints(df)) <= set(known.skeleton.keypoints)
            poses = tables.from_table(
                df,
                skeleton=known.skeleton if fits else None,
                size_wh=known.size_wh,
                source=known.source,
                log=known.log,
            )
    if len(whole) < len(data):
        warnings.warn(
            f"{path} does not end with a line end, so it may have been cut short: its last line "
            "is left out. If that line is whole, end it with a line end",
            stacklevel=2,
        )
    return poses


def write(poses: Poses, path: Path, *, layout: Layout = "wide") -> None:
    """Write a table and its sidecar; either is whole or not there.

    Raises
    ------
    OutputError
        If they cannot be written, or the frames' numbers do not ascend; what was there stays.
    """
    Stretches(poses).add(poses)
    with replacing(path) as temporary:
        rows = _Rows(temporary, poses, layout)
        try:
            for stretch in split(poses):
                rows.append(stretch)
        finally:
            rows.close()
        _csvw.write(poses, path, layout, poses.size_wh)


def beside(path: Path) -> Path:
    """Return the name of a table's sidecar."""
    return _csvw.path_beside(path)


def rename(old: Path, new: Path) -> None:
    """Move a table and its sidecar, which names the table and so has to be written anew.

    Raises
    ------
    OutputError
        If the new ones cannot be written.
    """
    _csvw.rename(old, new)
    with writing(new):
        old.replace(new)
        _csvw.path_beside(old).unlink(missing_ok=True)


class Writer:
    """A table that grows frame by frame and can be read at any time. Its sidecar comes first.

    Parameters
    ----------
    path
        Where it is written; what is there is overwritten.
    header
        Tells skeleton, size, source and log, and whether there are names and `xyz_m`.
    layout
        ``wide`` or ``long``.

    Raises
    ------
    OutputError
        If it cannot be written, or the frames' numbers do not ascend.
    """

    def __init__(self, path: Path, header: Poses, *, layout: Layout = "wide") -> None:
        self._path, self._header, self._layout = path, header, layout
        self._stretches = Stretches(header)
        self._size_wh = header.size_wh
        _csvw.write(header, path, layout, header.size_wh)
        self._rows = _Rows(path, header, layout)

    def append(self, poses: Poses) -> None:
        """Write the next stretch of frames."""
        self._stretches.add(poses)
        if self._stretches.size_wh != self._size_wh:
            self._size_wh = self._stretches.size_wh
            _csvw.write(self._header, self._path, self._layout, self._size_wh)
        self._rows.append(poses)

    def close(self) -> None:
        """End the file. Closing twice is fine."""
        self._rows.close()


class _Rows:
    """The lines of a CSV file. No table is built for them: that takes ten times as long."""

    def __init__(self, path: Path, header: Poses, layout: Layout) -> None:
        names = tables.columns(header, layout)
        self._text = _wide_rows if layout == "wide" else _long_rows
        self._file = Appender(path, ",".join(map(_quoted, names)) + "\n")

    def append(self, poses: Poses) -> None:
        self._file.append("".join(self._text(poses)))

    def close(self) -> None:
        self._file.close()


def _frame_cells(poses: Poses) -> list[str]:
    """Return the text of each frame's first cells: number, time, and file where there is one."""
    times = [f"{t:.6f}" if np.isfinite(t) else "" for t in poses.frame_time_s.tolist()]
    cells = [f"{i},{t}" for i, t in zip(poses.frame_index.tolist(), times, strict=True)]
    if poses.frame_name is None:
        return cells
    return [f"{cell},{_quoted(name)}" for cell, name in zip(cells, poses.frame_name, strict=True)]


def _numbers(poses: Poses) -> tuple[list[list[float]], str]:
    """Return what comes after ``track_id``, NaN where nothing is, and the format of a row of it."""
    values = tables.numbers(poses)
    k = len(poses.skeleton)
    template = "%.3f,%.3f,%.3f,%.3f,%.4f" + ",%.3f,%.3f,%.4f" * k
    if poses.xyz_m is not None:
        template += ",%.5f,%.5f,%.5f" * k
    return np.where(np.isfinite(values), values, np.nan).tolist(), template


def _wide_rows(poses: Poses) -> Iterator[str]:
    frames = _frame_cells(poses)
    values, template = _numbers(poses)
    ids = poses.track_id.tolist()
    empty = "," * (2 + template.count(","))
    position, row = tables.table_rows(poses)
    for i, j in zip(position.tolist(), row.tolist(), strict=True):
        if j < 0:
            yield f"{frames[i]}{empty}\n"
        else:
            # Only numbers are in it, so "nan" can be nothing but a missing one.
            cells = (template % tuple(values[j])).replace("nan", "")
            yield f"{frames[i]},{ids[j]},{cells}\n"


def _long_rows(poses: Poses) -> Iterator[str]:
    frames = _frame_cells(poses)
    values, template = _numbers(poses)
    names = [_quoted(name) for name in poses.skeleton.keypoints]
    k, has_xyz = len(names), poses.xyz_m is not None
    ids, persons = poses.track_id.tolist(), tables.person_numbers(poses).tolist()
    empty = "," * (14 if has_xyz else 11)
    position, row = tables.table_rows(poses)
    for i, j in zip(position.tolist(), row.tolist(), strict=True):
        if j < 0:
            yield f"{frames[i]}{empty}\n"
            continue
        cells = (template % tuple(values[j])).replace("nan", "").split(",")
        person = f"{frames[i]},{persons[j]},{ids[j]},{','.join(cells[:5])}"
        for p, name in enumerate(names):
            start, space = 5 + 3 * p, 5 + 3 * (k + p)
            point = cells[start : start + 3] + (cells[space : space + 3] if has_xyz else [])
            yield f"{person},{name},{','.join(point)}\n"


def _quoted(text: str) -> str:
    """Return a cell, in quotes where RFC 4180 wants them."""
    if any(c in text for c in '",\r\n;\t'):
        return '"' + text.replace('"', '""') + '"'
    return text


def _whole_lines(data: bytes) -> bytes:
    """Return a file without a last line that was cut."""
    if not data:
        raise FormatError("it is empty")
    end = data.rfind(b"\n") + 1
    if not end:
        raise FormatError("it has no whole line: it is no table, or it was cut short")
    return data[:end]


def _decode(data: bytes) -> str:
    if b"\0" in data:
        raise FormatError("it is no text in UTF-8; save it as 'CSV UTF-8'")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"it is no text in UTF-8 ({error}); save it as 'CSV UTF-8'") from error
    # An odd quote: the file was cut inside a cell that has a line end in it.
    if text.count('"') % 2:
        raise FormatError('a cell in quotes does not end: one of its " is missing')
    return text


def _parse(text: str) -> pd.DataFrame:
    """Return the cells: numbers where they can be, texts in ``file`` and ``keypoint``."""
    import pandas as pd

    try:
        names, separator = _header(text)
        _check_rows(text, separator, len(names))
        body = text[text.index("\n") :]
        df = pd.read_csv(
            io.StringIO(text, newline=""),
            sep=separator,
            decimal="," if separator != "," and "," in body else ".",
            keep_default_na=False,
            na_values={name: _MISSING for name in names if name and name not in _TEXTS},
            dtype={name: str for name in names if name in _TEXTS},
            index_col=False,
            low_memory=False,
        )
    except (csv.Error, pd.errors.ParserError) as error:
        raise FormatError(f"it is no table: {error}") from error
    if "keypoint" in df:
        df["keypoint"] = df["keypoint"].where(df["keypoint"] != "")
    return df


def _header(text: str) -> tuple[list[str], str]:
    """Return the column names and the separator."""
    line = text[: text.index("\n")]
    bare = re.sub(r'"[^"]*"', "", line)
    separator = max((",", ";", "\t"), key=bare.count)
    names = next(csv.reader([line], delimiter=separator), [])
    if not any(names):
        raise FormatError("its first line is empty; it has to name the columns")
    again = [name for name in names if name and names.count(name) > 1]
    if again:
        raise FormatError(f"there are two columns {again[0]!r}; remove one")
    return names, separator


def _check_rows(text: str, separator: str, cells: int) -> None:
    """Check that each row has as many cells as the header; pandas would fill up or shift it."""
    rows: Iterator[tuple[int, int]]
    if '"' in text:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        rows = ((reader.line_num, len(row)) for row in reader if row)
    else:
        lines = enumerate(text.split("\n"), start=1)
        rows = ((number, line.count(separator) + 1) for number, line in lines if line.strip("\r"))
    for number, count in rows:
        if count != cells:
            raise FormatError(f"line {number} has {count} cells, the header has {cells}")
