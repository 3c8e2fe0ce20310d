"""One person's keypoints over time, and the heights and travels that repetitions are told by."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from kinetrace.geometry import distance, windowed_mean
from kinetrace.points import find, seen
from kinetrace.poses import IntArray, Poses

Floats: TypeAlias = npt.NDArray[np.float64]

SIDES = ("left", "right")
ARM, LEG = ("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")
# A movement takes longer than this, the trembling of keypoints less.
_WINDOW_S = 0.15
# The far end of what a segment's projected length was: it lay in the picture's plane then.
_LONGEST_PERCENTILE = 95
# A segment is at least this much of what the others say that it should be: it may never have been
# in the picture's plane.
_LEAST_OF_EXPECTED = 0.75
# Lengths relative to stature (Winter, Biomechanics and Motor Control of Human Movement, 4th ed.,
# fig. 4.1).
_OF_STATURE = {
    ("hip", "shoulder"): 0.288,
    ("hip", "knee"): 0.245,
    ("knee", "ankle"): 0.246,
    ("shoulder", "elbow"): 0.186,
    ("elbow", "wrist"): 0.146,
}


class Body:
    """One person's keypoints, smooth, in the frames whose time goes on.

    Parameters
    ----------
    poses
        A film.
    rows
        Those of one person, in the order of the frames; one a frame at most.
    min_score
        Keypoints below it count as missing.

    Attributes
    ----------
    rows : (T,)
        Positions in `poses`.
    time_s, frame : (T,)
        Times, ascending, and numbers in the source.
    """

    def __init__(self, poses: Poses, rows: IntArray, *, min_score: float) -> None:
        time_s: Floats = np.asarray(poses.frame_time_s[poses.frame[rows]], np.float64)
        latest = np.fmax.accumulate(np.concatenate([[-np.inf], time_s]))[:-1]
        is_later = time_s > latest
        self.rows, self.time_s = rows[is_later], time_s[is_later]
        self.frame = poses.frame_index[poses.frame[self.rows]]
        self._skeleton = poses.skeleton
        self._xy = seen(poses.xy[self.rows], poses.rows(self.rows), min_score)
        self._smooth: dict[str, Floats] = {}
        self._lengths_px: dict[tuple[str, ...], float] = {}
        self._measures: dict[str, Floats] = {}

    def at(self, name: str) -> Floats:
        """Return a keypoint (T, 2) by name, smooth; NaN where it is not seen."""
        if name not in self._smooth:
            xy = find(self._xy, self._skeleton, name)
            means = [windowed_mean(self.time_s, values, _WINDOW_S) for values in xy.T]
            self._smooth[name] = np.stack(means, axis=1)
        return self._smooth[name]

    @cached_property
    def stature_px(self) -> float:
        """How tall the person is in the picture, by the lengths of their segments."""
        found = []
        for (start, end), share in _OF_STATURE.items():
            own = [
                _longest(distance(self.at(f"{s}_{start}"), self.at(f"{s}_{end}"))) for s in SIDES
            ]
            found += [length / share for length in own if np.isfinite(length)]
        return float(np.percentile(found, 75)) if found else float("nan")

    def length_px(self, side: str, names: tuple[str, ...]) -> float:
        """Return the length along keypoints of one side, in the picture's plane."""
        key = (side, *names)
        if key not in self._lengths_px:
            pairs = list(pairwise(names))
            parts = [distance(self.at(f"{side}_{a}"), self.at(f"{side}_{b}")) for a, b in pairs]
            expected_px = self.stature_px * sum(_OF_STATURE[pair] for pair in pairs)
            longest_px = _longest(np.sum(parts, axis=0))
            self._lengths_px[key] = float(np.fmax(longest_px, _LEAST_OF_EXPECTED * expected_px))
        return self._lengths_px[key]

    def height_percent(self, above: str, below: str, names: tuple[str, ...]) -> dict[str, Floats]:
        """Return by side how far a keypoint is above another, in percent of a length."""
        heights = {}
        for side in SIDES:
            rise_px = self.at(f"{side}_{below}")[:, 1] - self.at(f"{side}_{above}")[:, 1]
            heights[side] = 100 * rise_px / self.length_px(side, names)
        return heights

    def mean_length_px(self, names: tuple[str, ...]) -> float:
        """Return the mean of both sides' lengths along keypoints."""
        return float(np.mean([self.length_px(side, names) for side in SIDES]))

    def measure(self, name: str) -> Floats:
        """Return one of `MEASURES` over time."""
        if name not in self._measures:
            self._measures[name] = MEASURES[name](self)
        return self._measures[name]


def mean_of_sides(sides: dict[str, Floats]) -> Floats:
    """Return the mean of both sides where both are seen, else the one that is."""
    left, right = sides["left"], sides["right"]
    middle = (left + right) / 2
    return np.where(np.isnan(middle), np.where(np.isnan(left), right, left), middle)


def _longest(length_px: Floats) -> float:
    known = length_px[length_px > 0]
    return float(np.percentile(known, _LONGEST_PERCENTILE)) if len(known) else float("nan")


def _trunk_height(body: Body) -> Floats:
    """Shoulders above the hips: 100 upright, 0 lying."""
    return mean_of_sides(body.height_percent("shoulder", "hip", ("hip", "shoulder")))


def _hip_height(body: Body) -> Floats:
    """Hips above the ankles, of a leg: 100 standing."""
    return mean_of_sides(body.height_percent("hip", "ankle", LEG))


def _hand_height(body: Body) -> Floats:
    """Hands above the shoulders, of an arm: 100 straight up, -100 hanging."""
    return mean_of_sides(body.height_percent("wrist", "shoulder", ARM))


def _hand_difference(body: Body) -> Floats:
    """One hand above the other, of an arm, both against their own shoulders."""
    sides = body.height_percent("wrist", "shoulder", ARM)
    return np.asarray(np.abs(sides["left"] - sides["right"]))


def _elbow_height(body: Body) -> Floats:
    """Elbows above the shoulders, of an upper arm: -100 hanging."""
    return mean_of_sides(body.height_percent("elbow", "shoulder", ("shoulder", "elbow")))


def _knee_difference(body: Body) -> Floats:
    """One knee above the other, of a shank."""
    rise_px = np.abs(body.at("left_knee")[:, 1] - body.at("right_knee")[:, 1])
    return np.asarray(100 * rise_px / body.mean_length_px(("knee", "ankle")))


def _lower_knee_height(body: Body) -> Floats:
    """Lower knee above the lower ankle, of a shank: 100 standing, 0 on the floor."""
    knee_y, ankle_y = (
        np.fmax(*(body.at(f"{s}_{n}")[:, 1] for s in SIDES)) for n in ("knee", "ankle")
    )
    return np.asarray(100 * (ankle_y - knee_y) / body.mean_length_px(("knee", "ankle")))


def _reach(body: Body) -> Floats:
    """Hands from the shoulders: 100 with straight arms."""
    reach = {
        side: 100
        * distance(body.at(f"{side}_shoulder"), body.at(f"{side}_wrist"))
        / body.length_px(side, ARM)
        for side in SIDES
    }
    return mean_of_sides(reach)


def _feet_apart(body: Body) -> Floats:
    """One ankle from the other, of a shank; of legs cut by the picture's edge, by their knees."""
    hips, knees, ankles = (distance(body.at(f"left_{n}"), body.at(f"right_{n}")) for n in LEG)
    feet = 100 * ankles / body.mean_length_px(LEG[1:])
    # The knees of straight legs are half way between hips and ankles.
    by_knees = 100 * (2 * knees - hips) / body.mean_length_px(LEG[:2])
    return np.asarray(np.where(np.isnan(feet), by_knees, feet))


def _place(name: str) -> Callable[[Body], Floats]:
    def place(body: Body) -> Floats:
        """Where both are in the picture, of the stature: (T, 2, 2)."""
        xy = np.stack([body.at(f"{side}_{name}") for side in SIDES], axis=1)
        return np.asarray(100 * xy / body.stature_px)

    return place


# In percent of a length. A place is (T, 2, 2) and has a range only; the others are (T,).
MEASURES: dict[str, Callable[[Body], Floats]] = {
    "elbow_height": _elbow_height,
    "elbow_place": _place("elbow"),
    "feet_apart": _feet_apart,
    "foot_place": _place("ankle"),
    "hand_difference": _hand_difference,
    "hand_height": _hand_height,
    "hand_place": _place("wrist"),
    "hip_height": _hip_height,
    "hip_place": _place("hip"),
    "knee_difference": _knee_difference,
    "lower_knee_height": _lower_knee_height,
    "reach": _reach,
    "shoulder_place": _place("shoulder"),
    "trunk_height": _trunk_height,
}
