"""DeepLabCut's table, which its CSV and its HDF5 files share: a row a frame, columns by name.

A column is somebody's (``individuals``), of a keypoint (``bodyparts``), and x, y or likelihood
(``coords``). One person without an id has no row of individuals.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np

from kinetrace._table_parsing import as_float32
from kinetrace.errors import FormatError
from kinetrace.formats._individuals import from_individuals, individuals
from kinetrace.poses import FloatArray, Poses
from kinetrace.skeletons import skeleton_of

SCORER = "kinetrace"
NOBODY = "untracked_0"
COORDS = ("x", "y", "likelihood")


class Table(NamedTuple):
    """What stands in a file.

    Attributes
    ----------
    columns
        C of (individual, keypoint, coordinate).
    cells : (T, C) float
        NaN is missing.
    has_individuals
        False where it is one person, without an id.
    """

    columns: list[tuple[str, str, str]]
    cells: FloatArray
    has_individuals: bool


def table_of(poses: Poses) -> Table:
    """Return poses as a table.

    Raises
    ------
    OutputError
        If a frame has somebody twice.
    """
    people = individuals(poses)
    names = people.names or (NOBODY,)
    points = np.concatenate([poses.xy, poses.score[:, :, None]], axis=2)
    points = np.where(np.isfinite(poses.xy).all(axis=2, keepdims=True), points, np.nan)
    t, width = len(poses.frame_time_s), len(names) * 3 * len(poses.skeleton)
    values = people.spread(points).reshape(t, -1) if people.names else np.full((t, width), np.nan)
    columns = list(product(names, poses.skeleton.keypoints, COORDS))
    return Table(columns, values, names != (NOBODY,))


def check_columns(columns: Sequence[tuple[str, str, str]]) -> None:
    """Raise FormatError unless each keypoint has x, y and likelihood at most once."""
    coords = {coord for _, _, coord in columns}
    if not columns or len(set(columns)) < len(columns) or not coords <= set(COORDS):
        raise FormatError("'coords' must have x, y and likelihood of each keypoint once")


def poses_of(
    columns: Sequence[tuple[str, str, str]],
    values: FloatArray,
    frame_index: Sequence[int],
) -> Poses:
    """Return a table as poses, without times (NaN); a position without likelihood has score 1.

    Raises
    ------
    FormatError
        If the frames' numbers do not ascend, a likelihood is not within 0..1, or a position is too
        large.
    """
    if any(after <= before for before, after in pairwise(frame_index)):
        raise FormatError("the frames' numbers do not ascend")
    names = list(dict.fromkeys(one for one, _, _ in columns))
    keypoints = tuple(dict.fromkeys(keypoint for _, keypoint, _ in columns))
    t = len(values)
    points = np.full((t, len(names), len(keypoints), 3), np.nan, dtype=np.float32)
    person = {name: i for i, name in enumerate(names)}
    place = {name: i for i, name in enumerate(keypoints)}
    cells = as_float32(values.astype(np.float64))
    for i, (one, keypoint, coord) in enumerate(columns):
        points[:, person[one], place[keypoint], COORDS.index(coord)] = cells[:, i]
    likelihood = points[..., 2]
    if np.any((likelihood < 0) | (likelihood > 1)):
        raise FormatError("a likelihood is not within 0..1")
    likelihood[np.isnan(points[..., :2]).any(axis=3)] = 0
    return from_individuals(
        names,
        skeleton_of(keypoints),
        frame_time_s=np.full(t, np.nan),
        frame_index=np.array(frame_index, dtype=np.int64),
        xy=points[..., :2],
        score=likelihood,
    )
