"""DeepLabCut's CSV: a row a frame, x, y and likelihood of each keypoint, for one or more people.

Three header rows (scorer, bodyparts, coords) for one person without an id, four (with individuals)
else, as DeepLabCut writes them. Individuals are called ``person_3`` after their track id, and
``untracked_0``, ... are those of each frame who have none. What is missing is ``nan``. The file
knows no times, boxes, picture and no 3D.

Read are files of both kinds; individuals of another tool get the track ids 0, 1, ... in the file's
order. Keypoints that only some individuals have are missing for the others. HDF5 files of
DeepLabCut's hold the same table (`deeplabcut_hdf5`).
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kinetrace.errors import FormatError
from kinetrace.files import reading, replacing_text
from kinetrace.formats._deeplabcut import NOBODY, SCORER, check_columns, poses_of, table_of
from kinetrace.formats._stretches import Stretches
from kinetrace.formats._text_rows import numbers, read_lines
from kinetrace.poses import Poses

SUFFIXES = (".dlc.csv",)
LOSES = (
    *("bbox_xyxy", "bbox_score", "xyz_m"),
    *("frame_time_s", "frame_name", "size_wh", "source", "log"),
)


def read(path: Path) -> Poses:
    """Read a file of one or of several individuals.

    Raises
    ------
    SourceError
        If the file cannot be read.
    FormatError
        Naming the line of what is wrong.
    """
    with reading(path):
        lines = read_lines(path)
        header = _header(lines)
        count = len(header.columns)
        frame_index, rows = [], []
        for number, line in enumerate(lines[header.lines :], start=header.lines + 1):
            if not line.strip():
                continue
            cells = line.split(",")
            if len(cells) != count + 1:
                raise FormatError(
                    f"line {number} has {len(cells)} cells, the header has {count + 1}"
                )
            if not (cells[0].isdecimal() and cells[0].isascii() and len(cells[0]) < 16):
                raise FormatError(f"line {number} must begin with a frame's number: {cells[0]!r}")
            frame_index.append(int(cells[0]))
            rows.append(numbers(cells[1:], number))
        values = np.array(rows, dtype=np.float64).reshape(len(rows), count)
        return poses_of(header.columns, values, frame_index)


def write(poses: Poses, path: Path) -> None:
    """Write a file.

    Raises
    ------
    OutputError
        If it cannot be written, a frame has somebody twice, or the frames' numbers do not ascend;
        what was there stays.
    """
    Stretches(poses).add(poses)
    table = table_of(poses)
    header = [("scorer", *[SCORER] * len(table.columns))]
    if table.has_individuals:
        header.append(("individuals", *(one for one, _, _ in table.columns)))
    header.append(("bodyparts", *(keypoint for _, keypoint, _ in table.columns)))
    header.append(("coords", *(coord for _, _, coord in table.columns)))
    with replacing_text(path) as file:
        csv.writer(file, lineterminator="\n").writerows(header)
        for number, row in zip(poses.frame_index.tolist(), table.cells, strict=True):
            # Not empty cells: a first row of these pandas takes for a part of the header.
            file.write(f"{number},{','.join(row.astype('U32'))}\n")


class _Header(NamedTuple):
    """Of each column after the first: whose, of which keypoint, and what."""

    columns: list[tuple[str, str, str]]
    lines: int


def _header(lines: Sequence[str]) -> _Header:
    rows = {}
    for line in lines[:4]:
        try:
            first, *cells = next(csv.reader([line]), None) or [""]
        except csv.Error as error:
            raise FormatError(f"it is no table: {error}") from error
        if first not in ("scorer", "individuals", "bodyparts", "coords"):
            break
        rows[first] = cells
    if not {"scorer", "bodyparts", "coords"} <= set(rows):
        raise FormatError(
            "it is no file of DeepLabCut's: its first lines must begin with scorer, (individuals,) "
            "bodyparts and coords"
        )
    bodyparts, coords = rows["bodyparts"], rows["coords"]
    owners = rows.get("individuals", [NOBODY] * len(coords))
    if not len(bodyparts) == len(coords) == len(owners) > 0:
        raise FormatError("its header lines have different numbers of cells, or none")
    columns = list(zip(owners, bodyparts, coords, strict=True))
    check_columns(columns)
    return _Header(columns, len(rows))
