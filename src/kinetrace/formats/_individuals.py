"""People side by side: for formats that have an array over frames and individuals."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kinetrace.errors import OutputError
from kinetrace.poses import FloatArray, IntArray, Poses, Skeleton


class Individuals(NamedTuple):
    """Who is where in `Poses`.

    Attributes
    ----------
    names
        P names: ``person_3`` is the one of track id 3, ``untracked_0`` the first in each frame of
        those without an id.
    row : (T, P) int64
        Each one's row in each frame, -1 where there is none.
    """

    names: tuple[str, ...]
    row: IntArray

    def spread(self, values: FloatArray) -> FloatArray:
        """Return an (N, ...) array of the poses as (T, P, ...), NaN where somebody is not."""
        nobody = np.full((1, *values.shape[1:]), np.nan, dtype=values.dtype)
        return np.concatenate([values, nobody])[self.row]


def individuals(poses: Poses) -> Individuals:
    """Find who is where.

    Raises
    ------
    OutputError
        If a frame has two people of one track id.
    """
    ids, column = np.unique(poses.track_id[poses.track_id >= 0], return_inverse=True)
    untracked = np.flatnonzero(poses.track_id < 0)
    frames = poses.frame[untracked]
    within = np.arange(len(untracked)) - np.searchsorted(frames, frames)
    columns = np.empty(len(poses), dtype=np.int64)
    columns[poses.track_id >= 0] = column
    columns[untracked] = len(ids) + within
    others = int(within.max()) + 1 if len(within) else 0
    row = np.full((len(poses.frame_time_s), len(ids) + others), -1)
    for i, (frame, one) in enumerate(zip(poses.frame, columns, strict=True)):
        if row[frame, one] >= 0:
            raise OutputError(
                f"frame {poses.frame_index[frame]} has track id {poses.track_id[i]} twice; "
                "an id must be one person's: run kinetrace track"
            )
        row[frame, one] = i
    names = (*(f"person_{i}" for i in ids), *(f"untracked_{i}" for i in range(others)))
    return Individuals(names, row)


def only_person(poses: Poses) -> IntArray:
    """Return the row of the only person in each frame, (T,) int64, -1 where nobody is.

    Raises
    ------
    OutputError
        If there is more than one, who are listed.
    """
    names, row = individuals(poses)
    if len(names) > 1:
        raise OutputError(
            f"a file of this format holds one person, and there are {len(names)} "
            f"({', '.join(names[:6])}{', ...' if len(names) > 6 else ''}): choose one by "
            "kinetrace convert --person ID, or write a file for each by --person all"
        )
    return row[:, 0] if names else np.full(len(row), -1)


def from_individuals(
    names: Sequence[str],
    skeleton: Skeleton,
    *,
    frame_time_s: FloatArray,
    frame_index: IntArray,
    xy: FloatArray,
    score: FloatArray,
    xyz_m: FloatArray | None = None,
) -> Poses:
    """Return the poses of an array over frames and individuals.

    Parameters
    ----------
    names
        P names. ``person_3`` gets track id 3, ``untracked_0`` none; others get the numbers that are
        free, in their order.
    skeleton, frame_time_s, frame_index
        As in `Poses`.
    xy : (T, P, K, 2)
        Pixels; somebody of whom there is nothing in a frame is not in it.
    score : (T, P, K)
        NaN where it is not told: 1 where there is a position, else 0.
    xyz_m : (T, P, K, 3)
        Metres.
    """
    known = np.isfinite(xy).any(axis=(2, 3))
    if xyz_m is not None:
        known |= np.isfinite(xyz_m).any(axis=(2, 3))
    frame, one = np.nonzero(known)
    xy = xy[frame, one]
    there = np.isfinite(xy).all(axis=2)
    if xyz_m is not None:
        xyz_m = xyz_m[frame, one]
        there |= np.isfinite(xyz_m).all(axis=2)
    score = score[frame, one]
    return Poses(
        skeleton=skeleton,
        frame_time_s=frame_time_s,
        frame_index=frame_index,
        frame=frame,
        xy=xy,
        score=np.where(np.isnan(score), there, score),
        track_id=np.array(track_ids(names), dtype=np.int64)[one],
        xyz_m=xyz_m,
    )


def track_ids(names: Sequence[str]) -> list[int]:
    """Return each name's track id: ``person_3`` is 3, ``untracked_0`` -1, others what is free."""
    told = [re.fullmatch(r"person_(\d{1,18})", name) for name in names]
    taken = {int(match[1]) for match in told if match}
    free = iter(i for i in range(len(names) + len(taken)) if i not in taken)
    return [
        int(match[1]) if match else -1 if re.fullmatch(r"untracked_\d+", name) else next(free)
        for name, match in zip(names, told, strict=True)
    ]
