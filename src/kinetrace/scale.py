"""Pixels to metres, and how far the camera was from level.

Both hold for one distance from the camera only: that of the person, or of the line, they come from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from kinetrace.geometry import direction_deg, distance, wrap_deg
from kinetrace.points import find, seen
from kinetrace.poses import Poses
from kinetrace.view import facing

Floats: TypeAlias = npt.NDArray[np.float64]
Point: TypeAlias = tuple[float, float]

# Ankle to knee, knee to hip and hip to shoulder, relative to stature (Winter, Biomechanics and
# Motor Control of Human Movement, 4th ed., fig. 4.1, after Drillis and Contini 1966).
_SHANK, _THIGH, _TRUNK = 0.246, 0.245, 0.288
_UPRIGHT_DEG = 25.0
_LARGEST_SPREAD = 0.2
_HEIGHTS_M = (0.4, 2.6)


@dataclass(frozen=True)
class Scale:
    """How large a metre is in the picture.

    Attributes
    ----------
    px_per_m
        Pixels a metre.
    spread
        Half of the middle 90 % of what single rows gave, relative to their median: of a person who
        comes nearer it is large. 0 for a line.
    source
        Where it comes from, in words.
    """

    px_per_m: float
    spread: float
    source: str

    def to_m(self, px: npt.ArrayLike) -> Floats:
        """Return lengths in metres."""
        return np.asarray(px, dtype=np.float64) / self.px_per_m


def from_height(
    poses: Poses, height_m: float, *, track_id: int | None = None, min_score: float = 0.3
) -> Scale:
    """Find the scale from a person whose height is known.

    The lengths of shank, thigh and trunk are added up in each row in which the person is upright,
    and are taken for 77.9 % of the height; the scale is the median. People's proportions, and where
    an estimator places hips and shoulders, make it right to about 5 %.

    Parameters
    ----------
    poses
        Of any skeleton with shoulders, hips, knees and ankles.
    height_m
        Of the person, without shoes.
    track_id
        Which person; None if there is one.
    min_score
        Keypoints below it count as missing.

    Raises
    ------
    ValueError
        If that is no height; if nobody, or more than one person, is meant; if the person is never
        seen upright from shoulders to ankles, or changes size.
    """
    if not _HEIGHTS_M[0] <= height_m <= _HEIGHTS_M[1]:
        raise ValueError(f"height_m must be a person's height in metres, got {height_m}")
    who = poses.rows(poses.track_id == _one_person(poses, track_id))
    xy = seen(who.xy, who, min_score)
    length = _body_length(who, xy)[_is_upright(who, xy)]
    length = length[np.isfinite(length)]
    if not len(length):
        raise ValueError(
            "no scale: the person is never seen upright from the shoulders to the ankles; give a "
            "line of known length instead"
        )
    low, middle, high = np.quantile(length, (0.05, 0.5, 0.95))
    spread = float((high - low) / 2 / middle)
    if spread > _LARGEST_SPREAD:
        raise ValueError(
            f"no scale: the person's size in the picture varies by {100 * spread:.0f} % either "
            "way, as if they came nearer or went away; use a part of the film in which they do not"
        )
    px_per_m = float(middle) / ((_SHANK + _THIGH + _TRUNK) * height_m)
    return Scale(px_per_m, spread, f"a height of {height_m:g} m in {len(length)} upright rows")


def from_line(start_xy: Point, end_xy: Point, length_m: float) -> Scale:
    """Find the scale from a line of known length, at the distance of the people.

    Parameters
    ----------
    start_xy, end_xy
        Its ends in the picture, in pixels.
    length_m
        How long it is.

    Raises
    ------
    ValueError
        If it has no length.
    """
    length_px = float(distance(start_xy, end_xy))
    if not (length_m > 0 and length_px > 0 and np.isfinite(length_m) and np.isfinite(length_px)):
        raise ValueError(
            f"no scale: a line of {length_px:g} px and {length_m:g} m; both must be above 0"
        )
    return Scale(length_px / length_m, 0.0, f"a line of {length_m:g} m")


def to_metres(
    xy_px: npt.ArrayLike, scale: Scale, *, origin_xy_px: Point = (0.0, 0.0), tilt_deg: float = 0.0
) -> Floats:
    """Return positions in metres, to the right and up, from pixels, to the right and down.

    Parameters
    ----------
    xy_px : (..., 2)
        In the picture.
    scale
        Of the picture.
    origin_xy_px
        What is at (0, 0) then: a point of the floor.
    tilt_deg
        How far the floor rises to the right.
    """
    right_up = (np.asarray(xy_px, np.float64) - origin_xy_px) * (1.0, -1.0)
    cos, sin = np.cos(np.radians(tilt_deg)), np.sin(np.radians(tilt_deg))
    return scale.to_m(right_up @ np.array([[cos, -sin], [sin, cos]]))


def tilt_from_line(start_xy: Point, end_xy: Point) -> float:
    """Return how far a line of the floor rises to the right of the picture, in degrees.

    Parameters
    ----------
    start_xy, end_xy
        Two points of the floor, in pixels, that are level in truth and equally far from the camera.

    Raises
    ------
    ValueError
        If they are one above the other.
    """
    right, down = end_xy[0] - start_xy[0], end_xy[1] - start_xy[1]
    if not right:
        raise ValueError(f"no tilt: {start_xy} and {end_xy} are one above the other")
    return float(np.degrees(np.arctan(-down / right)))


def tilt_from_people(poses: Poses, *, min_score: float = 0.3) -> float:
    """Estimate how far the floor rises to the right, from people who are upright.

    From the lines between the middles of ankles and shoulders. People lean ahead by some degrees,
    which cancels out where they face either way, and is a part of the result where they do not.

    Returns
    -------
    float
        Degrees.

    Raises
    ------
    ValueError
        If nobody is seen upright from the shoulders to the ankles.
    """
    xy = seen(poses.xy, poses, min_score)
    ankles, shoulders = (find(xy, poses.skeleton, f"mid_{name}") for name in ("ankle", "shoulder"))
    lean = _from_vertical_deg(shoulders - ankles)
    known = _is_upright(poses, xy) & np.isfinite(lean)
    if not known.any():
        raise ValueError("no tilt: nobody is seen upright from the shoulders to the ankles")
    ways = facing(poses, min_score=min_score)
    both = [
        np.median(lean[known & (ways == way)]) for way in (-1, 1) if (known & (ways == way)).any()
    ]
    return float(np.mean(both)) if both else float(np.median(lean[known]))


def _one_person(poses: Poses, track_id: int | None) -> int:
    there = np.unique(poses.track_id)
    if track_id is None and len(there) > 1:
        raise ValueError(f"no scale: say which person has that height: {there.tolist()}")
    if track_id is not None and track_id not in there:
        raise ValueError(f"no scale: there is no person {track_id}; there are {there.tolist()}")
    if not len(there):
        raise ValueError("no scale: there is nobody in these frames")
    wanted = int(there[0]) if track_id is None else track_id
    frames = poses.frame[poses.track_id == wanted]
    if len(np.unique(frames)) < len(frames):
        raise ValueError("no scale: there are several people, who were not told apart; track them")
    return wanted


def _body_length(poses: Poses, xy: Floats) -> Floats:
    def at(name: str) -> Floats:
        return find(xy, poses.skeleton, name)

    legs = [
        distance(at(f"{side}_hip"), at(f"{side}_knee"))
        + distance(at(f"{side}_knee"), at(f"{side}_ankle"))
        for side in ("left", "right")
    ]
    known = np.isfinite(legs).sum(axis=0)
    leg = np.nansum(legs, axis=0) / np.where(known > 0, known, np.nan)
    return np.asarray(leg + distance(at("mid_hip"), at("mid_shoulder")))


def _is_upright(poses: Poses, xy: Floats) -> npt.NDArray[np.bool_]:
    """Tell in which rows both the trunk and the line from hips to ankles are nearly vertical."""
    ankles, hips, shoulders = (
        find(xy, poses.skeleton, f"mid_{name}") for name in ("ankle", "hip", "shoulder")
    )
    leans = (_from_vertical_deg(shoulders - hips), _from_vertical_deg(hips - ankles))
    return np.asarray(np.fmax(*np.abs(leans)) < _UPRIGHT_DEG)


def _from_vertical_deg(vector_px: Floats) -> Floats:
    return wrap_deg(direction_deg(vector_px * (1.0, -1.0)) - 90)
