"""What limits angles, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt

from kinetrace.measures import people
from kinetrace.measures._angles_definitions import JOINTS, SEGMENTS
from kinetrace.measures._angles_planes import Planes
from kinetrace.poses import Poses

Mask = npt.NDArray[np.bool_]


def notes_of(
    poses: Poses, planes: Planes, columns: set[str], space: Literal["2d", "3d"]
) -> list[str]:
    """Say what could not be measured, and why.

    Parameters
    ----------
    poses, planes
        What was measured, and from where it was seen.
    columns
        The angles that the table has.
    space
        Where they were measured.
    """
    if not len(poses):
        return ["There is nobody in these frames."]
    notes = list(_of_skeleton(poses, columns))
    if space == "3d":
        return [*notes, *_of_space(planes)]
    if sum(track_id < 0 for track_id, _ in people(poses)) > 1:
        notes.append(
            "Several people were not told apart: from where they are seen, and which way they "
            "face, is told from single pictures. Track them first."
        )
    for track_id in np.unique(poses.track_id):
        who = "The person" if track_id < 0 else f"Person {track_id}"
        notes += _of_person(who, planes, poses.track_id == track_id, poses.xyz_m is not None)
    return notes


def _of_skeleton(poses: Poses, columns: set[str]) -> Iterator[str]:
    names = [part.name for part in (*JOINTS, *SEGMENTS)]
    lacking = [n for n in names if f"{n}_deg" not in columns and f"left_{n}_deg" not in columns]
    if lacking:
        yield (
            f"The skeleton {poses.skeleton.name} does not have the keypoints for: "
            f"{', '.join(lacking)}."
        )


def _of_person(who: str, planes: Planes, rows: Mask, has_space: bool) -> Iterator[str]:
    view, facing = planes.view[rows], planes.facing[rows]
    way_out = (
        "; from positions in space (space 3d) they are measured in any view" if has_space else ""
    )
    across = np.isin(view, ("front", "back"))
    if across.any():
        yield (
            f"{who} is seen from the front or the back in {_share(across)} of the rows: flexion "
            f"and the other angles of the sagittal plane are not to be seen there{way_out}."
        )
    if (view == "oblique").any():
        yield (
            f"{who} is seen obliquely in {_share(view == 'oblique')} of the rows: there angles "
            f"are those of the picture, not of the body{way_out}."
        )
    if (view == "unknown").any():
        yield (
            f"Shoulders or hips of {who[0].lower() + who[1:]} are not well seen in "
            f"{_share(view == 'unknown')} of the rows, so that nobody can tell the view: no angles "
            "there. If it is a view from the side, say which way they face (facing)."
        )
    lost = (facing == 0) & np.isin(view, ("side", "oblique"))
    if lost.any():
        yield (
            f"Which way {who[0].lower() + who[1:]} faces is not to be seen in {_share(lost)} of "
            "the rows: no signed angles there. Say it (facing) if you know it."
        )
    turns = np.count_nonzero(np.diff(facing[facing != 0]))
    if turns:
        yield f"{who} turns round {turns} time{'s' if turns > 1 else ''}; angles are mirrored then."


def _of_space(planes: Planes) -> Iterator[str]:
    yield (
        "Angles are from positions in space. Where those were estimated from one camera, their "
        "depth is a guess of the network, and so is a part of each angle."
    )
    lost = np.asarray(np.isnan(planes.sagittal[..., 0]).all(axis=1))
    if lost.any():
        yield (
            f"In {_share(lost)} of the rows hips and shoulders are not well seen, or lie above "
            "one another: no angles against the vertical there."
        )


def _share(rows: Mask) -> str:
    percent = 100 * float(rows.mean())
    return f"{percent:.0f} %" if percent >= 1 else "under 1 %"
