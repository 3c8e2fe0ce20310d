"""Keypoints in the planes of the body: what is ahead, to the person's left, and up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from kinetrace.geometry import unit
from kinetrace.measures._angles_definitions import Plane
from kinetrace.points import find, seen
from kinetrace.poses import Poses, Skeleton
from kinetrace.view import facing, row_views

Floats: TypeAlias = npt.NDArray[np.float64]
Way: TypeAlias = Literal["auto", "left", "right"]

# Below this share of its length, the direction of a line within a plane is mostly noise.
_LEAST_SHARE = 0.3


@dataclass(frozen=True)
class Planes:
    """People's keypoints as seen in the planes of their own bodies.

    Attributes
    ----------
    skeleton
        What the K keypoints are.
    sagittal : (N, K, 2)
        Ahead and up. NaN in rows that do not show this plane.
    frontal : (N, K, 2)
        To the person's left and up. NaN in rows that do not show this plane.
    view : (N,) str
        From where each row is seen, see `kinetrace.view.View`.
    facing : (N,) int8
        1: right, -1: left, 0: nobody can tell.
    """

    skeleton: Skeleton
    sagittal: Floats
    frontal: Floats
    view: npt.NDArray[np.str_]
    facing: npt.NDArray[np.int8]

    def vector(self, start: str, end: str, plane: Plane) -> Floats:
        """Return the (N, 2) vectors from one keypoint to another; see `Segment.start`."""
        points = self.sagittal if plane == "sagittal" else self.frontal
        hidden = plane == "sagittal"
        start_at, end_at = (
            find(points, self.skeleton, name, hidden=hidden) for name in (start, end)
        )
        return np.asarray(end_at - start_at)


def in_picture(poses: Poses, *, min_score: float, way: Way, tilt_deg: float) -> Planes:
    """Return the planes as the picture shows them: the sagittal one from the side.

    Parameters
    ----------
    poses, min_score
        Keypoints below the score are missing.
    way
        Which way everybody faces, in a view from the side; ``auto`` finds out.
    tilt_deg
        Of the floor in the picture, see `kinetrace.scale.tilt_deg`.
    """
    views = row_views(poses, min_score=min_score)
    ways = facing(poses, min_score=min_score)
    if way != "auto":
        ways = np.full(len(poses), 1 if way == "right" else -1, dtype=np.int8)
        views = np.full(len(poses), "side")
    xy = seen(poses.xy, poses, min_score) * (1.0, -1.0)
    right_up = xy @ _rotation(tilt_deg)
    from_side = np.isin(views, ("side", "oblique"))
    ahead = np.where(from_side & (ways != 0), ways, np.nan)
    left = np.select([views == "front", views == "back"], [1.0, -1.0], np.nan)
    sagittal, frontal = (
        np.stack([right_up[..., 0] * sign[:, None], right_up[..., 1] + 0 * sign[:, None]], axis=-1)
        for sign in (ahead, left)
    )
    return Planes(poses.skeleton, sagittal, frontal, views, ways)


def in_space(poses: Poses, xyz_m: Floats, *, min_score: float, tilt_deg: float) -> Planes:
    """Return the planes of each body's own: ahead is level, at a right angle to its breadth.

    Parameters
    ----------
    poses, min_score, tilt_deg
        See `in_picture`.
    xyz_m : (N, K, 3)
        Of `poses`; NaN where a keypoint is missing.
    """
    up = np.array([np.sin(np.radians(tilt_deg)), np.cos(np.radians(tilt_deg)), 0.0]) * (-1, -1, 1)
    breadth = breadth_in_space(xyz_m, poses.skeleton)
    level = breadth - (breadth @ up)[:, None] * up
    left = unit(np.where(_is_long(level, breadth), level, np.nan))
    ahead = np.cross(left, up)
    height = xyz_m @ up
    sagittal, frontal = (
        np.stack([np.einsum("nkd,nd->nk", xyz_m, axis), height], axis=-1) for axis in (ahead, left)
    )
    views = row_views(poses, min_score=min_score)
    return Planes(poses.skeleton, sagittal, frontal, views, facing(poses, min_score=min_score))


def breadth_in_space(xyz_m: Floats, skeleton: Skeleton) -> Floats:
    """Return the (N, 3) vectors from the right of the body to its left, of hips and shoulders."""
    left, right = (
        find(xyz_m, skeleton, f"{side}_hip") + find(xyz_m, skeleton, f"{side}_shoulder")
        for side in ("left", "right")
    )
    return np.asarray(left - right)


def _is_long(part: Floats, whole: Floats) -> npt.NDArray[np.bool_]:
    lengths = np.linalg.norm(part, axis=-1), np.linalg.norm(whole, axis=-1)
    return np.asarray(lengths[0] > _LEAST_SHARE * lengths[1])[:, None]


def _rotation(tilt_deg: float) -> Floats:
    """Return what turns row vectors (right, up) so that a floor of that tilt is level."""
    c, s = np.cos(np.radians(tilt_deg)), np.sin(np.radians(tilt_deg))
    return np.array([[c, -s], [s, c]])
