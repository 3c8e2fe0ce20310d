"""DeepLabCut's CSV: a row a frame, x, y and likelihood of each keypoint, for one or more people.

Three header rows (scorer, bodyparts, coords) for one person without an id, four (with individuals)
else, as DeepLabCut writes them. Individuals are called ``person_3`` after their track id, and
``untracked_0``, ... are those of each frame who have none. What is missing is ``nan``. The file
knows no times, boxes, picture and no 3D.

Read are files of both kinds; individuals of another tool get the track ids 0, 1, ... in the file's
order. Keypoints that only some individuals have are missing for the others. HDF5 files of
DeepLabCut's hold the same table; DeepLabCut writes both.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import pairwise, product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kinetrace._atomic import reading, replacing
from kinetrace._table_parsing import as_float32
from kinetrace.errors import FormatError
from kinetrace.formats._individuals import from_individuals, individuals
from kinetrace.formats._stretches import Stretches
from kinetrace.formats._text_rows import numbers, read_lines
from kinetrace.poses import Poses
from kinetrace.skeletons import skeleton_of

SUFFIXES = (".dlc.csv",)
LOSES = (
    *("bbox_xyxy", "bbox_score", "xyz_m"),
    *("frame_time_s", "frame_name", "size_wh", "source", "log"),
)

_COORDS = ("x", "y", "likelihood")
_SCORER = "kinetrace"


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
        if any(after <= before for before, after in pairwise(frame_index)):
            raise FormatError("the frames' numbers do not ascend")
        return _poses(header, frame_index, rows)


def write(poses: Poses, path: Path) -> None:
    """Write a file.

    Raises
    ------
    OutputError
        If it cannot be written, a frame has somebody twice, or the frames' numbers do not ascend;
        what was there stays.
    """
    Stretches(poses).add(poses)
    people = individuals(poses)
    names = people.names or ("untracked_0",)
    points = np.concatenate([poses.xy, poses.score[:, :, None]], axis=2)
    points = np.where(np.isfinite(poses.xy).all(axis=2, keepdims=True), points, np.nan)
    t, k = len(poses.frame_time_s), len(poses.skeleton)
    width = len(names) * 3 * k
    values = people.spread(points).reshape(t, -1) if people.names else np.full((t, width), np.nan)
    columns = list(product(names, poses.skeleton.keypoints, _COORDS))
    header = [("scorer", *[_SCORER] * width)]
    if names != ("untracked_0",):
        header.append(("individuals", *(one for one, _, _ in columns)))
    header.append(("bodyparts", *(keypoint for _, keypoint, _ in columns)))
    header.append(("coords", *(coord for _, _, coord in columns)))
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        csv.writer(file, lineterminator="\n").writerows(header)
        for number, row in zip(poses.frame_index.tolist(), values, strict=True):
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
    owners = rows.get("individuals", ["untracked_0"] * len(coords))
    if not len(bodyparts) == len(coords) == len(owners) > 0:
        raise FormatError("its header lines have different numbers of cells, or none")
    columns = list(zip(owners, bodyparts, coords, strict=True))
    if len(set(columns)) < len(columns) or not set(coords) <= set(_COORDS):
        raise FormatError("line 'coords' must have x, y and likelihood of each keypoint once")
    return _Header(columns, len(rows))


def _poses(header: _Header, frame_index: Sequence[int], rows: Sequence[Sequence[float]]) -> Poses:
    names = list(dict.fromkeys(one for one, _, _ in header.columns))
    keypoints = tuple(dict.fromkeys(keypoint for _, keypoint, _ in header.columns))
    values = as_float32(np.array(rows, dtype=np.float64).reshape(len(rows), len(header.columns)))
    points = np.full((len(rows), len(names), len(keypoints), 3), np.nan, dtype=np.float32)
    for i, (one, keypoint, coord) in enumerate(header.columns):
        where = (names.index(one), keypoints.index(keypoint), _COORDS.index(coord))
        points[(slice(None), *where)] = values[:, i]
    likelihood = points[..., 2]
    if np.any((likelihood < 0) | (likelihood > 1)):
        raise FormatError("a likelihood is not within 0..1")
    likelihood[np.isnan(points[..., :2]).any(axis=3)] = 0
    return from_individuals(
        names,
        skeleton_of(keypoints),
        frame_time_s=np.full(len(rows), np.nan),
        frame_index=np.array(frame_index, dtype=np.int64),
        xy=points[..., :2],
        score=likelihood,
    )
