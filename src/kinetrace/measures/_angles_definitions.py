"""Which angles there are, as data: one row for both sides, so that neither has an order of its own.

A direction is an angle in a plane of the body: 0 points ahead (in the frontal plane: to the
person's left), 90 points up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Plane: TypeAlias = Literal["sagittal", "frontal"]
SIDES = ("left", "right")


@dataclass(frozen=True)
class Segment:
    """A part of the body, as the line from one keypoint to another.

    Attributes
    ----------
    name
        Of the column, without side and unit.
    start, end
        Keypoints without their side; for the middle of left and right, ``mid_`` is before them.
    rest_deg
        The direction at which the angle is 0.
    sign
        1 if the angle grows as the direction does, else -1.
    plane
        In which it is measured.
    """

    name: str
    start: str
    end: str
    rest_deg: float
    sign: int = 1
    plane: Plane = "sagittal"

    @property
    def is_paired(self) -> bool:
        """Whether there is one on the left and one on the right."""
        return not self.start.startswith(("mid_", "left_", "right_"))


@dataclass(frozen=True)
class Joint:
    """An angle between two segments: ``angle_deg(plus) + sign * angle_deg(other)``.

    Attributes
    ----------
    name
        Of the column, without side and unit.
    plus, other, sign
        Names of segments, and how they are combined.
    lowest_deg
        The least value there is: a turn below the largest one. It is where no joint can be, so
        that nothing jumps there.
    turns
        Whether the joint can go round; then the angle follows it beyond a turn.
    """

    name: str
    plus: str
    other: str
    sign: int
    lowest_deg: float = -180.0
    turns: bool = False


_DOWN, _UP, _AHEAD = -90.0, 90.0, 0.0

SEGMENTS = (
    Segment("trunk", "mid_hip", "mid_shoulder", _UP, -1),
    Segment("head", "mid_shoulder", "mid_ear", _UP, -1),
    Segment("thigh", "hip", "knee", _DOWN),
    Segment("shank", "knee", "ankle", _DOWN),
    Segment("foot", "heel", "foot_index", _AHEAD),
    Segment("arm", "shoulder", "elbow", _DOWN),
    Segment("forearm", "elbow", "wrist", _DOWN),
    Segment("hand", "wrist", "index", _DOWN),
    Segment("pelvis", "right_hip", "left_hip", 0.0, plane="frontal"),
    Segment("shoulders", "right_shoulder", "left_shoulder", 0.0, plane="frontal"),
    Segment("trunk_lateral", "mid_hip", "mid_shoulder", _UP, -1, plane="frontal"),
)

JOINTS = (
    Joint("hip", "thigh", "trunk", 1),
    Joint("knee", "thigh", "shank", -1, lowest_deg=-90.0),
    Joint("ankle", "foot", "shank", -1),
    Joint("shoulder", "arm", "trunk", 1, turns=True),
    Joint("elbow", "forearm", "arm", -1, lowest_deg=-90.0),
    Joint("wrist", "hand", "forearm", -1),
)

# Knee valgus is measured like a segment's angle, but between two: thigh and shank, from the front.
VALGUS = (
    Segment("thigh", "hip", "knee", _DOWN, plane="frontal"),
    Segment("shank", "knee", "ankle", _DOWN, plane="frontal"),
)
