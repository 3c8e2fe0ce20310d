"""Joint and segment angles over time.

Degrees, of the picture seen from the side (``space="2d"``) or of positions in space
(``space="3d"``). Someone who faces left is mirrored, so that the signs are the same for all:

=====================================  =========================================================
``left_knee_deg``, ``right_knee_deg``  thigh and shank: 0 straight, flexion positive
``..._hip_deg``                        trunk and thigh: 0 in line, flexion positive
``..._ankle_deg``                      shank and foot: 0 at a right angle, dorsiflexion positive
``..._shoulder_deg``                   trunk and arm: 0 hanging, flexion (arm ahead) positive
``..._elbow_deg``, ``..._wrist_deg``   0 straight, positive where the far end is bent ahead
``trunk_deg``, ``head_deg``            against the vertical: leaning ahead is positive
``..._thigh_deg``, ``..._shank_deg``,  against the vertical: 0 hanging straight down, the lower end
``..._arm_deg``, ``..._forearm_deg``,  ahead is positive
``..._hand_deg``
``..._foot_deg``                       against the horizontal: 0 flat, toes up is positive
``pelvis_deg``, ``shoulders_deg``      from the front or the back, against the horizontal: the left
                                       side higher is positive
``trunk_lateral_deg``                  so seen, against the vertical: leaning left is positive
``..._knee_valgus_deg``                so seen, thigh and shank: the knee inwards is positive
=====================================  =========================================================

So hip = thigh + trunk, knee = thigh - shank, ankle = foot - shank, shoulder = arm + trunk and
elbow = forearm - arm. ``docs/angles.md`` draws them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from kinetrace.geometry import direction_deg, unwrap_deg, wrap_deg
from kinetrace.measures import make_table, people
from kinetrace.measures._angles_definitions import (
    JOINTS,
    SEGMENTS,
    SIDES,
    VALGUS,
    Joint,
    Segment,
)
from kinetrace.measures._angles_notes import notes_of
from kinetrace.measures._angles_planes import Planes, Way, in_picture, in_space
from kinetrace.measures._angles_space import joint_in_space
from kinetrace.points import has, seen
from kinetrace.poses import Poses, Skeleton

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Floats: TypeAlias = npt.NDArray[np.float64]
Columns: TypeAlias = dict[str, Floats]

_GAP_S = 0.25
_FACING = np.array(["", "right", "left"])  # by the sign: 0, 1 and -1


def measure(
    poses: Poses,
    *,
    space: Literal["2d", "3d"] = "2d",
    facing: Way = "auto",
    min_score: float = 0.3,
    tilt_deg: float = 0.0,
) -> pd.DataFrame:
    """Measure the angles of joints and segments in every frame.

    Parameters
    ----------
    poses
        Of any skeleton; there are columns for the angles whose keypoints it has.
    space
        2d: the angles in the picture, which are those of the body as far as it moves in the
        picture's plane. 3d: from positions in space, from any view; as good as those are.
    facing
        Which way people face, where the film shows them from the side and it is not told right.
        It is then taken for a view from the side throughout. Of no meaning in 3d.
    min_score
        Keypoints below it count as missing.
    tilt_deg
        How far the floor rises to the right of the picture, where the camera was not level.

    Returns
    -------
    pandas.DataFrame
        A row for each person in each frame: ``track_id``, ``frame``, ``time_s``, ``view``,
        ``facing``, and the angles. In 2d those of the sagittal plane are NaN where somebody is seen
        from the front or from the back, those of the frontal plane where from the side.

    Raises
    ------
    ValueError
        If there are no positions in space where they are asked for, or the score or the tilt is
        not a number that makes sense.
    """
    if not abs(tilt_deg) < 90:
        raise ValueError(f"tilt_deg must be between -90 and 90, got {tilt_deg}")
    if space == "3d":
        xyz_m = seen(_positions(poses), poses, min_score)
        planes = in_space(poses, xyz_m, min_score=min_score, tilt_deg=tilt_deg)
        segments = _segments(planes)
        joints = _joints_in_space(xyz_m, poses.skeleton)
    else:
        planes = in_picture(poses, min_score=min_score, way=facing, tilt_deg=tilt_deg)
        segments = _segments(planes)
        joints = _joints(segments, poses.skeleton)
    columns = {
        "track_id": poses.track_id,
        "frame": poses.frame_index[poses.frame],
        "time_s": poses.frame_time_s[poses.frame],
        "view": planes.view.astype(object),
        "facing": _FACING[planes.facing].astype(object),
    }
    followed = _continuous(poses, planes.facing, joints | segments | _valgus(planes))
    return make_table(columns | followed, notes_of(poses, planes, set(followed), space))


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Return the range of motion of each angle, and how alike left and right are.

    Parameters
    ----------
    table
        Of `measure`.

    Returns
    -------
    pandas.DataFrame
        A row for each person and angle: ``track_id``, ``angle``, ``side`` ("" on the midline),
        ``lowest_deg``, ``highest_deg``, ``range_deg``, ``mean_deg``, ``measured`` (the share of the
        person's rows in which it is known) and ``symmetry_percent``: the right range less the
        left one, relative to their mean, in percent; 0 is alike (the symmetry index of Robinson,
        Herzog and Nigg, J Manipulative Physiol Ther 10:172, 1987). NaN where nothing is known.
    """
    from kinetrace.measures._angles_summary import ranges

    return ranges(table)


def plot(table: pd.DataFrame) -> Figure:
    """Draw the joint angles over time, left and right together, a panel for each joint.

    Parameters
    ----------
    table
        Of `measure`.
    """
    from kinetrace.plots import time_series

    names = [joint.name for joint in JOINTS if f"left_{joint.name}_deg" in table.columns]
    panels = {name.capitalize(): [f"{side}_{name}_deg" for side in SIDES] for name in names}
    return time_series(table, panels | ({"Trunk": ["trunk_deg"]} if "trunk_deg" in table else {}))


def _positions(poses: Poses) -> npt.NDArray[np.floating]:
    if poses.xyz_m is None:
        raise ValueError(
            "these poses have no positions in space (xyz_m); leave out space='3d', or estimate "
            "with a backend that gives them: mediapipe"
        )
    return poses.xyz_m


def _segments(planes: Planes) -> Columns:
    found = ((segment, prefix) for segment in SEGMENTS for prefix in _prefixes(segment))
    return {
        f"{prefix}{segment.name}_deg": _angle(planes, segment, prefix)
        for segment, prefix in found
        if _is_known(segment, prefix, planes.skeleton)
    }


def _joints(segments: Columns, skeleton: Skeleton) -> Columns:
    def of(name: str, side: str) -> Floats:
        return segments[f"{side}_{name}_deg" if f"{side}_{name}_deg" in segments else f"{name}_deg"]

    return {
        f"{side}_{joint.name}_deg": wrap_deg(
            of(joint.plus, side) + joint.sign * of(joint.other, side), joint.lowest_deg
        )
        for joint, side in _known_joints(skeleton)
    }


def _joints_in_space(xyz_m: Floats, skeleton: Skeleton) -> Columns:
    return {
        f"{side}_{joint.name}_deg": joint_in_space(joint, side, xyz_m, skeleton)
        for joint, side in _known_joints(skeleton)
    }


def _valgus(planes: Planes) -> Columns:
    """Return how far each knee is inside of the line from hip to ankle, as an angle."""
    angles: Columns = {}
    for side, inwards in zip(SIDES, (1, -1), strict=True):
        if all(_is_known(segment, f"{side}_", planes.skeleton) for segment in VALGUS):
            thigh, shank = (_angle(planes, segment, f"{side}_") for segment in VALGUS)
            angles[f"{side}_knee_valgus_deg"] = wrap_deg(inwards * (shank - thigh))
    return angles


def _angle(planes: Planes, segment: Segment, prefix: str) -> Floats:
    vector = planes.vector(prefix + segment.start, prefix + segment.end, segment.plane)
    return wrap_deg(segment.sign * (direction_deg(vector) - segment.rest_deg))


def _known_joints(skeleton: Skeleton) -> Iterator[tuple[Joint, str]]:
    by_name = {segment.name: segment for segment in SEGMENTS}
    for joint in JOINTS:
        for side in SIDES:
            parts = (by_name[joint.plus], by_name[joint.other])
            if all(_is_known(s, f"{side}_" if s.is_paired else "", skeleton) for s in parts):
                yield joint, side


def _is_known(segment: Segment, prefix: str, skeleton: Skeleton) -> bool:
    return has(skeleton, prefix + segment.start) and has(skeleton, prefix + segment.end)


def _prefixes(segment: Segment) -> tuple[str, ...]:
    return tuple(f"{side}_" for side in SIDES) if segment.is_paired else ("",)


def _continuous(poses: Poses, facing: npt.NDArray[np.int8], angles: Columns) -> Columns:
    """Return angles that never jump by a turn; those of hinges cannot, where they are cut."""
    hinges = {f"{side}_{joint.name}_deg" for joint in JOINTS for side in SIDES if not joint.turns}
    followed = {name: angle.copy() for name, angle in angles.items()}
    for _, rows in people(poses):
        time_s = poses.frame_time_s[poses.frame[rows]]
        for name in followed.keys() - hinges:
            known = rows[np.isfinite(angles[name][rows])]
            times = time_s[np.isfinite(angles[name][rows])]
            # Over a longer gap, or to the mirror image, nobody can tell how an angle went on.
            ends = ~(np.diff(times) <= _GAP_S) | (np.diff(facing[known]) != 0)
            for run in np.split(known, np.flatnonzero(ends) + 1):
                followed[name][run] = unwrap_deg(angles[name][run])
    return followed
