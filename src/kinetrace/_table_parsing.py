"""What a table of keypoints says, checked cell by cell: the reading half of `kinetrace.tables`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace.errors import FormatError
from kinetrace.poses import FloatArray, IntArray, Skeleton

if TYPE_CHECKING:
    import pandas as pd

BOX = ("bbox_x1_px", "bbox_y1_px", "bbox_x2_px", "bbox_y2_px")
POINT = ("x_px", "y_px", "score")
SPACE = ("x_m", "y_m", "z_m")


class Frames(NamedTuple):
    """The T frames of a table, and the frame of each of its M rows."""

    number: IntArray
    time_s: FloatArray
    name: tuple[str, ...] | None
    position: IntArray


class People(NamedTuple):
    """The N people of a table in the order of its rows; the fields are those of `Poses`."""

    frame: IntArray
    xy: FloatArray
    score: FloatArray
    track_id: IntArray
    bbox_xyxy: FloatArray | None
    bbox_score: FloatArray | None
    xyz_m: FloatArray | None


class Cells:
    """The cells of a table, by column; whatever cannot be meant is a FormatError."""

    def __init__(self, df: pd.DataFrame) -> None:
        self.names = [str(name) for name in df.columns]
        self._df = df.set_axis(self.names, axis=1)
        self._known = frozenset(self.names)

    def __contains__(self, column: str) -> bool:
        return column in self._known

    def column(self, name: str) -> pd.Series[Any]:
        """Return a column as it is."""
        if name not in self:
            raise FormatError(f"there is no column {name!r}; there are: {_some(self.names)}")
        if self.names.count(name) > 1:
            raise FormatError(f"there are two columns {name!r}; remove one")
        return self._df[name]

    def numbers(self, name: str) -> npt.NDArray[np.float64]:
        """Return a column of numbers, NaN where a cell is empty."""
        import pandas as pd

        cells = self.column(name)
        values = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        bad = ~np.isfinite(values) & cells.notna().to_numpy()
        if bad.any():
            at = int(np.argmax(bad))
            raise FormatError(f"{_place(name, at)}: {cells.iloc[at]!r} is not a number")
        return values

    def integers(self, name: str) -> tuple[IntArray, npt.NDArray[np.bool_]]:
        """Return a column of whole numbers, 0 where a cell is empty, and where one is not."""
        values = self.numbers(name)
        there = ~np.isnan(values)
        whole = np.where(there, values, 0)
        bad = (whole != np.floor(whole)) | (np.abs(whole) > 2**53)
        if bad.any():
            at = int(np.argmax(bad))
            raise FormatError(f"{_place(name, at)}: {values[at]} is not a whole number")
        return whole.astype(np.int64), there

    def scores(self, name: str) -> npt.NDArray[np.float64]:
        """Return a column of scores; NaN throughout if there is no such column."""
        if name not in self:
            return np.full(len(self._df), np.nan)
        values = self.numbers(name)
        bad = (values < 0) | (values > 1)
        if bad.any():
            at = int(np.argmax(bad))
            raise FormatError(f"{_place(name, at)}: a score of {values[at]} is not within 0..1")
        return values

    def block(self, names: Sequence[str]) -> FloatArray | None:
        """Return columns side by side, (M, C) float32; None if there is none of them."""
        if not any(name in self for name in names):
            return None
        return np.stack([as_float32(self.numbers(name)) for name in names], axis=1)


def as_float32(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return numbers as float32; FormatError if one is too large for any picture, or for that."""
    with np.errstate(over="ignore"):
        out = values.astype(np.float32)
    if np.isinf(out).any():
        raise FormatError(f"{values[np.isinf(out)][0]} is too large a number for a position")
    return out


def keypoints(df: pd.DataFrame) -> tuple[str, ...]:
    """Return the names of the keypoints that a table of either layout holds, in its order.

    Raises
    ------
    FormatError
        If it is not such a table, or a keypoint has an x column but no y column, or the reverse.
    """
    names = [str(name) for name in df.columns]
    if "keypoint" in names:
        return tuple(str(name) for name in Cells(df).column("keypoint").dropna().unique())
    ends = {end: [n[: -len(end)] for n in names if n.endswith(end)] for end in ("_x_px", "_y_px")}
    for end, other in (("_x_px", "_y_px"), ("_y_px", "_x_px")):
        for name in ends[end]:
            if name not in ends[other]:
                raise FormatError(f"there is a column {name + end!r} but no {name + other!r}")
    if not ends["_x_px"]:
        raise FormatError(
            "it is no table of keypoints: there are no columns like 'nose_x_px' and 'nose_y_px', "
            f"nor a column 'keypoint'; there are: {_some(names)}"
        )
    return tuple(dict.fromkeys(ends["_x_px"]))


def parse_frames(cells: Cells) -> Frames:
    """Find the frames of a table, in order of their numbers."""
    number, there = cells.integers("frame")
    _check(there, np.arange(len(there)), "frame", "the cell is empty")
    index, first, position = np.unique(number, return_index=True, return_inverse=True)
    time_s = np.full(len(number), np.nan)
    if "time_s" in cells:
        time_s = cells.numbers("time_s")
    other = time_s[first][position]
    _check_same(number, first[position], (time_s == other) | np.isnan(time_s + other), time_s)
    name = None
    if "file" in cells:
        files = cells.column("file").astype(object)
        texts = files.where(files.notna(), "").map(str).to_numpy(dtype=object)
        _check_same(number, first[position], texts == texts[first][position], texts)
        name = tuple(texts[first])
    return Frames(index, time_s[first], name, position)


def _check_same(
    number: IntArray, first: IntArray, same: npt.NDArray[np.bool_], values: npt.NDArray[Any]
) -> None:
    if not np.all(same):
        at = int(np.argmin(same))
        raise FormatError(
            f"frame {number[at]} is told to be two: {values[first[at]]} (data row {first[at] + 1}) "
            f"and {values[at]} (data row {at + 1}); each frame has one time and one file"
        )


def parse_wide(cells: Cells, position: IntArray, skeleton: Skeleton) -> People:
    """Read a table with one row a person a frame; `position` is each row's frame."""
    m, k = len(position), len(skeleton)
    xy = np.full((m, k, 2), np.nan, dtype=np.float32)
    score = np.full((m, k), np.nan, dtype=np.float32)
    xyz = np.full((m, k, 3), np.nan, dtype=np.float32)
    has_xyz = False
    for i, name in enumerate(skeleton.keypoints):
        if f"{name}_x_px" in cells:
            xy[:, i] = cells.block([f"{name}_x_px", f"{name}_y_px"])
        score[:, i] = cells.scores(f"{name}_score")
        space = cells.block([f"{name}_{end}" for end in SPACE])
        if space is not None:
            xyz[:, i], has_xyz = space, True
    track_id, tracked = _track_ids(cells, m)
    boxes, box_score = cells.block(BOX), cells.scores("bbox_score").astype(np.float32)
    someone = tracked | ~np.isnan(box_score)
    for values in (xy, score, xyz, np.zeros((m, 0)) if boxes is None else boxes):
        someone |= ~np.isnan(values).all(axis=tuple(range(1, values.ndim)))
    return People(
        frame=position[someone],
        xy=xy[someone],
        score=_or_assumed(score, xy)[someone],
        track_id=track_id[someone],
        bbox_xyxy=None if boxes is None else boxes[someone],
        bbox_score=box_score[someone],
        xyz_m=xyz[someone] if has_xyz else None,
    )


def parse_long(cells: Cells, position: IntArray, skeleton: Skeleton) -> People:
    """Read a table with one row a keypoint; `position` is each row's frame."""
    m, k = len(position), len(skeleton)
    names = cells.column("keypoint")
    used = np.flatnonzero(names.isin(skeleton.keypoints))
    point = np.array([skeleton.index(name) for name in names.iloc[used]], dtype=np.int64)
    track_id, _ = _track_ids(cells, m)
    person, told = cells.integers("person") if "person" in cells else (track_id, np.ones(m, bool))
    _check(told[used], used, "person", "the cell is empty")
    # One number for each person of each frame, in order of both.
    _, person = np.unique(person, return_inverse=True)
    _, start, group = np.unique(
        position[used] * (m + 1) + person[used], return_index=True, return_inverse=True
    )
    first, n, cell = used[start], len(start), group * k + point
    again = np.ones(len(cell), dtype=bool)
    again[np.unique(cell, return_index=True)[1]] = False
    _check(~again, used, "keypoint", "that person of that frame has had this keypoint before")
    _check(track_id[used] == track_id[first][group], used, "track_id", "that person has another")

    def gather(values: FloatArray) -> FloatArray:
        out = np.full((n * k, values.shape[1]), np.nan, dtype=np.float32)
        out[cell] = values[used]
        return out.reshape(n, k, values.shape[1])

    points, xyz, boxes = cells.block(POINT[:2]), cells.block(SPACE), cells.block(BOX)
    xy = gather(np.full((m, 2), np.nan) if points is None else points)
    return People(
        frame=position[first],
        xy=xy,
        score=_or_assumed(gather(cells.scores("score")[:, None])[:, :, 0], xy),
        track_id=track_id[first],
        bbox_xyxy=None if boxes is None else boxes[first],
        bbox_score=cells.scores("bbox_score")[first],
        xyz_m=None if xyz is None else gather(xyz),
    )


def _check(good: npt.NDArray[np.bool_], rows: IntArray, column: str, complaint: str) -> None:
    if not np.all(good):
        raise FormatError(f"{_place(column, int(rows[np.argmin(good)]))}: {complaint}")


def _track_ids(cells: Cells, rows: int) -> tuple[IntArray, npt.NDArray[np.bool_]]:
    """Return each row's track id, -1 where there is none, and where there is one."""
    if "track_id" not in cells:
        return np.full(rows, -1), np.zeros(rows, dtype=bool)
    values, there = cells.integers("track_id")
    return np.where(there, values, -1), there


def _or_assumed(score: FloatArray, xy: FloatArray) -> FloatArray:
    """Return scores, with 1 or 0 by whether there is a position where nothing is told."""
    return np.where(np.isnan(score), ~np.isnan(xy).any(axis=-1), score).astype(np.float32)


def _place(column: str, row: int) -> str:
    return f"column {column!r}, data row {row + 1}"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
