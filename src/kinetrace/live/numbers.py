"""The numbers that somebody before a camera wants to see, by what they do."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from kinetrace.measures import angles, gait
from kinetrace.measures._angles_definitions import SIDES
from kinetrace.poses import Poses, concat

Space: TypeAlias = Literal["2d", "3d"]

# The view, and which way somebody faces, are means over half a second around a frame.
_WINDOW_S = 0.5
# Nobody reads numbers that change more often.
_EVERY_S = 0.1

# What each exercise is told by; the trunk has no sides.
_USUAL = ("knee", "hip", "elbow", "trunk")
_OF_ARMS = ("elbow", "shoulder", "trunk")
_OF_LEGS = ("knee", "hip", "trunk")
_JOINTS: dict[str, tuple[str, ...]] = {
    "squat": _OF_LEGS,
    "lunge": _OF_LEGS,
    "sit-up": ("hip", "knee", "trunk"),
    "push-up": ("elbow", "hip", "trunk"),
    "pull-up": _OF_ARMS,
    "jumping-jack": ("shoulder", "hip", "trunk"),
    "curl": _OF_ARMS,
    "overhead-press": _OF_ARMS,
    "walk": ("knee", "hip", "ankle", "trunk"),
}


@dataclass(frozen=True)
class Number:
    """One number, with what it is.

    Attributes
    ----------
    name
        A column of the measure that defines it, such as ``left_knee_deg``.
    label
        What it is, for people.
    value
        NaN while it cannot be measured.
    unit
        For people: ``°``, ``steps/min``, ``m/s``.
    """

    name: str
    label: str
    value: float
    unit: str


class LiveAngles:
    """The joint angles of one person now, by the definitions of `kinetrace.measures.angles`.

    The last half second is kept.

    Parameters
    ----------
    doing
        An exercise, ``walk``, or anything else for the usual joints: it says which are told.
    space, min_score
        As of `kinetrace.measures.angles.measure`. Positions in space are asked for in vain where a
        backend gives none: then it is the picture.
    """

    def __init__(self, doing: str = "", *, space: Space = "2d", min_score: float = 0.3) -> None:
        self.doing = doing
        self._space: Space = space
        self._min_score = min_score
        self._frames: deque[Poses] = deque()
        self._looked_s = -math.inf
        self._numbers: tuple[Number, ...] = ()
        self.notes: tuple[str, ...] = ()

    def update(self, poses: Poses) -> tuple[Number, ...]:
        """Take the next frame, of one person at most, and return the angles that are known now."""
        now_s = float(poses.frame_time_s[0])
        self._frames.append(poses)
        while self._frames[0].frame_time_s[0] < now_s - _WINDOW_S:
            self._frames.popleft()
        if now_s - self._looked_s >= _EVERY_S:
            self._looked_s = now_s
            self._numbers = self._look(is_there=len(poses) > 0)
        return self._numbers

    def _look(self, *, is_there: bool) -> tuple[Number, ...]:
        window = concat(list(self._frames))
        in_space = self._space == "3d" and window.xyz_m is not None
        table = angles.measure(window, space="3d" if in_space else "2d", min_score=self._min_score)
        self.notes = _what_to_do(str(table["view"].iloc[-1]), in_space) if is_there else ()
        names = [name for name in _columns(self.doing) if name in table]
        values = table[names].iloc[-1].tolist() if is_there else [math.nan] * len(names)
        return tuple(
            Number(name, _label(name), float(value), "°")
            for name, value in zip(names, values, strict=True)
        )


class LivePace:
    """How fast one person walks now, from the steps of the last four seconds.

    Parameters
    ----------
    person_height_m
        How tall they are.
    min_score
        Keypoints below it count as missing.
    """

    _WINDOW_S = 4.0
    _EVERY_S = 1.0

    def __init__(self, person_height_m: float, *, min_score: float = 0.3) -> None:
        self._person_height_m, self._min_score = person_height_m, min_score
        self._frames: deque[Poses] = deque()
        self._looked_s = -math.inf
        self._speed_m_per_s = math.nan

    def update(self, poses: Poses) -> Number:
        """Take the next frame, of one person at most, and return the speed that is known now."""
        now_s = float(poses.frame_time_s[0])
        self._frames.append(poses)
        while self._frames[0].frame_time_s[0] < now_s - self._WINDOW_S:
            self._frames.popleft()
        if now_s - self._looked_s >= self._EVERY_S:
            self._looked_s = now_s
            self._speed_m_per_s = self._look()
        return Number("speed_m_per_s", "Speed", self._speed_m_per_s, "m/s")

    def _look(self) -> float:
        steps = gait.measure(
            concat(list(self._frames)),
            person_height_m=self._person_height_m,
            min_score=self._min_score,
        )
        return float(steps["speed_m_per_s"].mean())


def _columns(doing: str) -> Iterator[str]:
    for joint in _JOINTS.get(doing, _USUAL):
        yield from ("trunk_deg",) if joint == "trunk" else (f"{s}_{joint}_deg" for s in SIDES)


def _label(column: str) -> str:
    return column.removesuffix("_deg").replace("_", " ").capitalize()


def _what_to_do(view: str, in_space: bool) -> tuple[str, ...]:
    if in_space or view in ("side", "oblique"):
        return ()
    if view == "unknown":
        return ("Step back until shoulders and hips are in the picture: no angle is known.",)
    return (
        f"Seen from the {view}: turn your side to the camera, or choose angles in space, to see "
        "how far knees, hips and elbows bend.",
    )
