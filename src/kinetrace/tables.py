"""Poses as a table, and back: the columns that CSV and Parquet files have.

The wide layout has one row a person a frame, the long one a row a keypoint (tidy data):

========================================  ==========================================================
``frame``                                 number of the frame in its source, from 0
``time_s``                                its presentation time; empty where there is no clock
``file``                                  its file name; only where the source is a set of images
``person``                                number of the person within the frame, from 0; long only
``track_id``                              stable for a person; -1 for one who was not tracked
``bbox_x1_px`` ... ``bbox_y2_px``         the person's box: left, top, right, bottom
``bbox_score``                            0..1; empty where nothing scored the box
``nose_x_px``, ``nose_y_px``              a keypoint, origin top-left, empty where it is missing
``nose_score``                            0..1; 0 where the keypoint is missing
``nose_x_m``, ``nose_y_m``, ``nose_z_m``  the same in space; last, and only where it is known
========================================  ==========================================================

In the long layout the keypoint's name is in the column ``keypoint`` and the columns are ``x_px``,
``y_px``, ``score``, ``x_m``, ``y_m``, ``z_m``. In both a frame with nobody in it has one row, empty
but for ``frame``, ``time_s`` and ``file``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kinetrace._table_parsing import (
    BOX,
    POINT,
    SPACE,
    Cells,
    keypoints,
    parse_frames,
    parse_long,
    parse_wide,
)
from kinetrace.choices import Layout
from kinetrace.errors import FormatError, OutputError
from kinetrace.poses import FloatArray, IntArray, Poses, Skeleton
from kinetrace.skeletons import SKELETONS, skeleton_of

if TYPE_CHECKING:
    import pandas as pd


def columns(poses: Poses, layout: Layout = "wide") -> list[str]:
    """List the columns of the table of some poses, in order.

    Parameters
    ----------
    poses
        Its skeleton counts, and whether it has `frame_name` and `xyz_m`.
    layout
        ``wide`` or ``long``.

    Raises
    ------
    OutputError
        If a keypoint's name would give a column that the table has already.
    ValueError
        If there is no such layout.
    """
    if layout not in ("wide", "long"):
        raise ValueError(f"layout must be 'wide' or 'long', got {layout!r}")
    first = ["frame", "time_s", *(() if poses.frame_name is None else ("file",))]
    space = () if poses.xyz_m is None else SPACE
    box = (*BOX, "bbox_score")
    if layout == "long":
        return [*first, "person", "track_id", *box, "keypoint", *POINT, *space]
    names = poses.skeleton.keypoints
    if "bbox" in names:
        raise OutputError("a keypoint named 'bbox' has no place in a wide table; rename it")
    points = [f"{name}_{end}" for name in names for end in POINT]
    return [*first, "track_id", *box, *points, *(f"{n}_{end}" for n in names for end in space)]


def unit(column: str) -> str:
    """Return the unit of a column: ``px``, ``s``, ``m``, or nothing."""
    end = column.rpartition("_")[2]
    return end if end in ("px", "s", "m") else ""


def table_rows(poses: Poses) -> tuple[IntArray, IntArray]:
    """Return what each row of the wide table shows.

    Returns
    -------
    position : (M,) int64
        Index into the T frames, ascending; each frame is there at least once.
    row : (M,) int64
        Index into the N people, or -1 for the row of a frame with nobody in it.

    Raises
    ------
    OutputError
        If the frames' numbers do not ascend, so that rows could not be told apart by frame.
    """
    steps = np.diff(poses.frame_index)
    if np.any(steps <= 0):
        at = int(np.argmax(steps <= 0))
        raise OutputError(
            f"frame {poses.frame_index[at + 1]} comes after frame {poses.frame_index[at]}: a table "
            "holds the frames of one source, in order; write one table for each source"
        )
    t, n = len(poses.frame_time_s), len(poses)
    nobody = np.flatnonzero(np.bincount(poses.frame, minlength=t) == 0)
    position = np.concatenate([poses.frame, nobody])
    order = np.argsort(position, kind="stable")
    return position[order], np.concatenate([np.arange(n), np.full(len(nobody), -1)])[order]


def numbers(poses: Poses) -> FloatArray:
    """Return the (N, C) float32 that the wide table shows in its columns after ``track_id``."""
    n, k = len(poses), len(poses.skeleton)
    points = np.concatenate([poses.xy, poses.score[:, :, None]], axis=2).reshape(n, 3 * k)
    parts = [poses.bbox_xyxy, poses.bbox_score[:, None], points]
    if poses.xyz_m is not None:
        parts.append(poses.xyz_m.reshape(n, 3 * k))
    return np.concatenate(parts, axis=1)


def person_numbers(poses: Poses) -> IntArray:
    """Return each row's number within its frame, (N,) int64, from 0."""
    return np.arange(len(poses)) - np.searchsorted(poses.frame, poses.frame)


def to_table(poses: Poses, layout: Layout = "wide") -> pd.DataFrame:
    """Return poses as a pandas table.

    Parameters
    ----------
    poses
        The frames of one source: their numbers ascend.
    layout
        ``wide``: one row a person a frame. ``long``: one row a keypoint.

    Returns
    -------
    pandas.DataFrame
        The columns that `columns` lists: ``track_id`` and ``person`` nullable integers, pixels,
        scores and metres float32, ``time_s`` float64.

    Raises
    ------
    OutputError
        If the frames' numbers do not ascend, or a keypoint's name cannot be a column.
    """
    import pandas as pd

    names = columns(poses, layout)
    position, row = table_rows(poses)
    if layout == "long":
        lines = np.where(row < 0, 1, max(1, len(poses.skeleton)))
        starts = np.repeat(np.cumsum(lines) - lines, lines)
        position, row = np.repeat(position, lines), np.repeat(row, lines)
        point = np.where(row < 0, -1, np.arange(len(row)) - starts)
    first: dict[str, Any] = {
        "frame": poses.frame_index[position],
        "time_s": poses.frame_time_s[position],
    }
    if poses.frame_name is not None:
        first["file"] = np.array(poses.frame_name, dtype=object)[position]
    if layout == "long":
        first["person"] = _nullable(person_numbers(poses), row)
    first["track_id"] = _nullable(poses.track_id, row)
    if layout == "long":
        return pd.DataFrame({**first, **_long_columns(poses, row, point)}, columns=names)
    rest = pd.DataFrame(_or_nan(numbers(poses))[row], columns=names[len(first) :])
    return pd.concat([pd.DataFrame(first), rest], axis=1)


def _long_columns(poses: Poses, row: IntArray, point: IntArray) -> dict[str, Any]:
    """Return the long table's columns after ``track_id``; -1 in `row` and `point` is nobody."""
    names = np.array([*poses.skeleton.keypoints, None], dtype=object)
    boxes = _or_nan(numbers(poses)[:, :5])[row]
    values = {"xy": poses.xy, "score": poses.score[:, :, None], "xyz": poses.xyz_m}
    points = np.concatenate([v for v in values.values() if v is not None], axis=2)
    points = np.pad(points, ((0, 1), (0, 1), (0, 0)), constant_values=np.nan)[row, point]
    return {
        **dict(zip((*BOX, "bbox_score"), boxes.T, strict=True)),
        "keypoint": names[point],
        **dict(zip((*POINT, *SPACE), points.T, strict=False)),
    }


def _or_nan(values: FloatArray) -> FloatArray:
    """Return (N, C) with a row of NaN after the last, which the index -1 finds."""
    return np.pad(values, ((0, 1), (0, 0)), constant_values=np.nan)


def _nullable(values: IntArray, row: IntArray) -> pd.api.extensions.ExtensionArray:
    """Return the values of some rows as nullable integers, missing where the row is -1."""
    import pandas as pd

    return pd.arrays.IntegerArray(np.append(values, 0)[row], row < 0)


def from_table(
    df: pd.DataFrame,
    *,
    skeleton: Skeleton | None = None,
    size_wh: tuple[int, int] | None = None,
    source: str = "",
    log: Sequence[Mapping[str, Any]] = (),
) -> Poses:
    """Return the poses of a table of either layout, whatever the order of its rows and columns.

    What is missing is filled in as little as can be: people without ``track_id`` are not tracked
    (-1), without boxes get the box around their keypoints, and a keypoint without a score has 1
    if it has a position, else 0. Columns that mean nothing here are passed over.

    Parameters
    ----------
    df
        A table like those of `to_table`.
    skeleton
        What the keypoints are; those that the table does not have are missing (NaN, score 0).
        None finds it from their names.
    size_wh, source, log
        What the table does not tell.

    Raises
    ------
    FormatError
        Naming the column and the row of what is wrong.
    """
    names = keypoints(df)
    cells = Cells(df)
    frames = parse_frames(cells)
    skeleton = skeleton or _skeleton(names)
    if names and not set(names) & set(skeleton.keypoints):
        raise FormatError(f"none of its keypoints is one of {skeleton.name!r}: {', '.join(names)}")
    parse = parse_long if "keypoint" in cells else parse_wide
    people = parse(cells, frames.position, skeleton)
    order = np.argsort(people.frame, kind="stable")
    arrays: dict[str, Any] = {
        name: None if array is None else array[order] for name, array in people._asdict().items()
    }
    return Poses(
        skeleton=skeleton,
        frame_time_s=frames.time_s,
        frame_index=frames.number,
        frame_name=frames.name,
        size_wh=size_wh,
        source=source,
        log=tuple(log),
        **arrays,
    )


def _skeleton(names: tuple[str, ...]) -> Skeleton:
    """Find the skeleton with these keypoints in any order, or make one."""
    same = (known for known in SKELETONS if set(known.keypoints) == set(names))
    return next(same, None) or skeleton_of(names)
