"""Keypoints as the markers of a motion capture laboratory: one person, in space, at a rate.

Laboratories have y up: x of a picture stays, and y and z are turned round it by half a turn (x to
the picture's right, y up, z towards the camera). For somebody who walks to the right of the picture
that is x ahead and z to their right, as OpenSim's ground is.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from kinetrace._table_parsing import as_float32
from kinetrace.errors import FormatError, OutputError
from kinetrace.formats._individuals import from_individuals, only_person
from kinetrace.poses import FloatArray, IntArray, Poses
from kinetrace.skeletons import skeleton_of

Unit: TypeAlias = Literal["m", "px"]

# How long each unit of length is that these files are written in.
_METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001}

_Y_UP = np.array([1, -1, -1], dtype=np.float64)


class Markers(NamedTuple):
    """What a file of markers holds.

    Attributes
    ----------
    names
        K names.
    points : (T, K, 3) float64
        Metres with y up; or pixels as they are in the picture (y down), with z 0. NaN is missing.
    unit
        Of the points.
    rate_hz
        Frames a second: the mean, gaps left out.
    """

    names: tuple[str, ...]
    points: FloatArray
    unit: Unit
    rate_hz: float


def to_markers(poses: Poses) -> Markers:
    """Return the only person's keypoints: in metres where there are any, else in pixels.

    Raises
    ------
    OutputError
        If there is more than one person, there are not two frames with times, or these do not
        ascend.
    """
    row = only_person(poses)
    time_s = poses.frame_time_s
    steps_s = np.diff(time_s)
    if len(time_s) < 2 or not np.all(steps_s > 0):
        raise OutputError(
            "a file of markers has a frame rate: it needs at least two frames at times that ascend "
            "(for photos, kinetrace convert --fps tells how many there are in a second)"
        )
    if poses.xyz_m is not None and np.isfinite(poses.xyz_m).any():
        unit: Unit = "m"
        values = poses.xyz_m * _Y_UP
    else:
        unit = "px"
        values = np.pad(poses.xy.astype(np.float64), ((0, 0), (0, 0), (0, 1)))
    # What lacks one coordinate is missing, and so is everything of nobody (row -1).
    values[np.isnan(values).any(axis=2)] = np.nan
    points = np.concatenate([values, np.full((1, *values.shape[1:]), np.nan)])[row]
    # Not the median itself, which is 17 ms where 60 frames a second are told in milliseconds.
    usual_s = steps_s[steps_s < 1.5 * np.median(steps_s)]
    return Markers(poses.skeleton.keypoints, points, unit, 1 / float(usual_s.mean()))


def read_markers(names: tuple[str, ...], points: FloatArray, unit: str, rate_hz: float) -> Markers:
    """Return what a file tells, checked: markers (T, K, 3) in any unit.

    Raises
    ------
    FormatError
        If the unit is not known, the rate is not above 0, two markers have the same name, or a
        position is too large.
    """
    if not 0 < rate_hz < np.inf:
        raise FormatError(f"its rate must be above 0 Hz, got {rate_hz}")
    again = [name for name in names if names.count(name) > 1]
    if again:
        raise FormatError(f"there are two markers {again[0]!r}; rename one")
    if unit.lower() == "px":
        return Markers(names, as_float32(points.astype(np.float64)), "px", rate_hz)
    if unit.lower() not in _METRES:
        raise FormatError(f"the unit {unit!r} is not known; there are: m, cm, mm and px")
    metres = points.astype(np.float64) * _METRES[unit.lower()]
    return Markers(names, as_float32(metres), "m", rate_hz)


def from_markers(markers: Markers, frame_time_s: FloatArray, frame_index: IntArray) -> Poses:
    """Return markers as the poses of one person without an id, with score 1 where one is."""
    points = markers.points[:, None]
    missing = np.full((*points.shape[:3], 2), np.nan)
    return from_individuals(
        ("untracked_0",),
        skeleton_of(markers.names),
        frame_time_s=frame_time_s,
        frame_index=frame_index,
        xy=points[..., :2] if markers.unit == "px" else missing,
        score=np.full(points.shape[:3], np.nan),
        xyz_m=points * _Y_UP if markers.unit == "m" else None,
    )
