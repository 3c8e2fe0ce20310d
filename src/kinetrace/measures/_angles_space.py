"""Joint angles in space: the true angle between two segments, whatever plane they lie in."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from kinetrace.geometry import included_deg, unit
from kinetrace.measures._angles_definitions import SEGMENTS, Joint
from kinetrace.measures._angles_planes import breadth_in_space
from kinetrace.points import find
from kinetrace.poses import Skeleton

Floats: TypeAlias = npt.NDArray[np.float64]

# A thigh this close to the axis that it is bent about (sine) has no flexion.
_LEAST_SINE = 0.2
# The foot is at a right angle to the shank when the ankle is at 0.
_OFFSET_DEG = {"ankle": -90.0}


def joint_in_space(joint: Joint, side: str, xyz_m: Floats, skeleton: Skeleton) -> Floats:
    """Return a joint's angle in space.

    Parameters
    ----------
    joint, side
        Which.
    xyz_m : (N, K, 3)
        NaN where a keypoint is missing.
    skeleton
        What the K keypoints are.

    Returns
    -------
    (N,) float64
        Degrees. Knee, elbow, shoulder and wrist: the included angle, 0 where straight or hanging,
        never negative. Ankle: 90 less than the included angle. Hip: signed, in the sagittal plane
        of trunk and pelvis.
    """
    plus, other = (_vector(name, side, xyz_m, skeleton) for name in (joint.plus, joint.other))
    if joint.name == "hip":
        return _flexion(plus, other, breadth_in_space(xyz_m, skeleton))
    # The trunk goes up and the limbs hang.
    angle = included_deg(plus, -other if joint.other == "trunk" else other)
    return angle + _OFFSET_DEG.get(joint.name, 0.0)


def _vector(name: str, side: str, xyz_m: Floats, skeleton: Skeleton) -> Floats:
    segment = next(s for s in SEGMENTS if s.name == name)
    prefix = f"{side}_" if segment.is_paired else ""
    start, end = (find(xyz_m, skeleton, prefix + name) for name in (segment.start, segment.end))
    return np.asarray(end - start)


def _flexion(thigh: Floats, trunk: Floats, breadth: Floats) -> Floats:
    up = unit(trunk)
    left = unit(breadth - (breadth * up).sum(axis=-1, keepdims=True) * up)
    ahead = np.cross(left, up)
    direction = unit(thigh)
    forwards, downwards = (direction * ahead).sum(axis=-1), -(direction * up).sum(axis=-1)
    angle = np.degrees(np.arctan2(forwards, downwards))
    return np.where(np.hypot(forwards, downwards) > _LEAST_SINE, angle, np.nan)
