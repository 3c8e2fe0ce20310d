"""From which side people are seen, and which way they face.

What a camera sees from the side is the sagittal plane: flexion of hip, knee and ankle, steps. What
it sees from the front is the frontal plane. A measure asks here before it believes an angle.

``classify(poses) -> {track_id: View}`` says it for each person, ``yaw_deg(poses)`` and
``facing(poses)`` for each row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from kinetrace.geometry import cross, distance, windowed_mean
from kinetrace.measures import people
from kinetrace.points import find, seen
from kinetrace.poses import IntArray, Poses

Floats: TypeAlias = npt.NDArray[np.float64]
ViewName: TypeAlias = Literal["side", "oblique", "front", "back", "unknown"]

# Mean of the widths of shoulders and hips as pose estimators place them, over the length of the
# trunk, of a person seen from the front.
_FRONTAL_WIDTH = 0.55
# Leg over trunk (Winter, Biomechanics and Motor Control of Human Movement, 4th ed., fig. 4.1).
_LEG_OVER_TRUNK = (0.245 + 0.246) / 0.288

_SIDE_DEG, _FRONT_DEG = 35.0, 55.0
_WINDOW_S = 0.5  # a turn takes longer than this, a glitch of the estimator less
_TURNED = 0.3  # evidence that makes one believe that somebody faces the other way now


@dataclass(frozen=True)
class View:
    """From where one person is seen.

    Attributes
    ----------
    name
        ``side``: the body is turned less than 35 degrees out of the picture's plane; ``front`` and
        ``back``: more than 55; ``oblique``: between them; ``unknown``: shoulders and hips are
        never seen.
    confidence
        0..1: the share of the person's rows that are seen so. 0 where it is unknown.
    yaw_deg
        Median over the rows, see `yaw_deg`. NaN where it is unknown.
    facing
        1 if they face the right of the picture in most rows, -1 if the left, 0 if nobody can tell.
    """

    name: ViewName
    confidence: float
    yaw_deg: float
    facing: int


def classify(poses: Poses, *, min_score: float = 0.3) -> dict[int, View]:
    """Tell for each person from where they are seen.

    Parameters
    ----------
    poses
        Of any skeleton with shoulders and hips.
    min_score
        Keypoints below it count as missing.

    Returns
    -------
    dict
        By `track_id`. Everyone who was not tracked is under -1, together.
    """
    names = row_views(poses, min_score=min_score)
    yaw, ways = yaw_deg(poses, min_score=min_score), facing(poses, min_score=min_score)
    rows_of = {int(i): poses.track_id == i for i in np.unique(poses.track_id)}
    return {i: _view(names[rows], yaw[rows], ways[rows]) for i, rows in rows_of.items()}


def row_views(poses: Poses, *, min_score: float = 0.3) -> npt.NDArray[np.str_]:
    """Tell for each row from where the person is seen: (N,) names as in `View.name`."""
    yaw = yaw_deg(poses, min_score=min_score)
    body = _Body(poses, min_score)
    across = body.span("shoulder") + body.span("hip")  # from right to left
    seen_from = np.empty(len(poses))
    for _, rows in people(poses):
        turned = cross(body.up[rows], across[rows]) / body.size[rows]
        seen_from[rows] = _smooth(poses, rows, turned)
    # The left shoulder is on the right of the picture when somebody faces the camera.
    front = np.where(seen_from >= 0, "front", "back")
    names = np.where(yaw < _SIDE_DEG, "side", np.where(yaw > _FRONT_DEG, front, "oblique"))
    return np.where(np.isnan(yaw), "unknown", names)


def yaw_deg(poses: Poses, *, min_score: float = 0.3) -> Floats:
    """Estimate how far each person is turned out of the picture's plane.

    From the widths of shoulders and hips in the picture, relative to the larger of trunk and leg,
    averaged over half a second. It is coarse (15 degrees or so): people differ in their breadth.

    Returns
    -------
    (N,) float64
        0 for a person seen from the side, 90 from the front or from the back; NaN where shoulders,
        or hips, are missing.
    """
    body = _Body(poses, min_score)
    width = (_length(body.span("shoulder")) + _length(body.span("hip"))) / 2
    relative = width / body.size
    result = np.full(len(poses), np.nan)
    for _, rows in people(poses):
        sine = _smooth(poses, rows, relative[rows]) / _FRONTAL_WIDTH
        result[rows] = np.degrees(np.arcsin(np.clip(sine, 0, 1)))
    return result


def facing(poses: Poses, *, min_score: float = 0.3) -> npt.NDArray[np.int8]:
    """Tell for each row which way the person faces.

    The cues are the nose against ears and shoulders, toes against heels, the side to which knees
    bend, and the way that the hips move. They are averaged over half a second, and somebody is
    believed to face the other way only on clear evidence, so that nothing flips in mid-turn.

    Returns
    -------
    (N,) int8
        1: to the right of the picture, which is to say that the camera sees their right side;
        -1: to the left; 0 where there is no evidence in any row of that person. It is told by the
        side that is seen, so it holds for a person who lies, and for one upside down.
    """
    body = _Body(poses, min_score)
    evidence = _still_evidence(body)
    result = np.zeros(len(poses), dtype=np.int8)
    for _, rows in people(poses):
        moving = _walking(poses, rows, body)
        mean = _weighted([*(e[rows] for e in evidence.T), moving], [1.0, 0.5, 1.0, 1.0, 0.5])
        result[rows] = _with_hysteresis(_smooth(poses, rows, mean))
    return result


class _Body:
    """Keypoints by name where a skeleton has them, else NaN; of those that are well seen."""

    def __init__(self, poses: Poses, min_score: float) -> None:
        self._skeleton, self._xy = poses.skeleton, seen(poses.xy, poses, min_score)
        self.hips, self.shoulders = self.at("mid_hip"), self.at("mid_shoulder")
        self.up = self.shoulders - self.hips
        trunk = _length(self.up)
        # Whoever bends towards the camera has a short trunk, who sits in front of it short legs.
        self.size = np.fmax(trunk, self._leg() / _LEG_OVER_TRUNK)
        self.size[~(self.size > 0)] = np.nan

    def at(self, name: str) -> Floats:
        return find(self._xy, self._skeleton, name)

    def span(self, name: str) -> Floats:
        """Return the vector from the right one to the left one."""
        return self.at(f"left_{name}") - self.at(f"right_{name}")

    def _leg(self) -> Floats:
        lengths = [
            distance(self.at(f"{side}_hip"), self.at(f"{side}_knee"))
            + distance(self.at(f"{side}_knee"), self.at(f"{side}_ankle"))
            for side in ("left", "right")
        ]
        return np.asarray(np.fmax(*lengths))


def _still_evidence(body: _Body) -> Floats:
    """Return what one picture says of the way that people face.

    Returns
    -------
    (N, 4) float64
        -1..1: of nose against ears, nose against shoulders, toes against heels, and knees. NaN
        where a cue is not seen. Each is measured across the part of the body that it belongs to,
        so that it does not matter how the body lies in the picture.
    """
    nose, ears = body.at("nose"), body.at("mid_ear")
    head = _across(ears - body.shoulders, nose - ears) / body.size
    neck = _across(body.up, nose - body.shoulders) / body.size
    feet, knees = [], []
    for side in ("left", "right"):
        hip, knee, ankle = (body.at(f"{side}_{name}") for name in ("hip", "knee", "ankle"))
        foot = body.at(f"{side}_foot_index") - body.at(f"{side}_heel")
        feet.append(_across(knee - ankle, foot) / body.size)
        knees.append(_across(hip - ankle, knee - ankle) / body.size)
    cues = [head / 0.15, neck / 0.15, _mean(feet) / 0.25, _mean(knees) / 0.15]
    return np.clip(np.stack(cues, axis=1), -1, 1)


def _walking(poses: Poses, rows: IntArray, body: _Body) -> Floats:
    """Return what the way that somebody goes says: 1 at a body's trunk a second and more."""
    time_s = poses.frame_time_s[poses.frame[rows]]
    if len(rows) < 2 or not np.all(np.diff(time_s) > 0):
        return np.full(len(rows), np.nan)
    place = np.stack([windowed_mean(time_s, xy, _WINDOW_S) for xy in body.hips[rows].T], axis=1)
    velocity = np.gradient(place, time_s, axis=0)
    return np.clip(_across(body.up[rows], velocity) / body.size[rows], -1, 1)


def _with_hysteresis(evidence: Floats) -> IntArray:
    clear = np.where(np.abs(evidence) > _TURNED, np.sign(evidence), 0)
    clear = np.nan_to_num(clear).astype(np.int8)
    known = np.flatnonzero(clear)
    if not len(known):
        return clear
    # Each row takes the last clear one before it; those before the first take the first.
    last = np.searchsorted(known, np.arange(len(clear)), side="right") - 1
    return clear[known[np.maximum(last, 0)]]


def _view(names: npt.NDArray[np.str_], yaw: Floats, ways: npt.NDArray[np.int8]) -> View:
    known = names[names != "unknown"]
    if not len(known):
        return View("unknown", 0.0, float("nan"), 0)
    found, counts = np.unique(known, return_counts=True)
    most: ViewName = found[counts.argmax()].item()
    way = int(np.sign(ways.astype(np.int64).sum()))
    return View(most, float(counts.max() / len(names)), float(np.nanmedian(yaw)), way)


def _smooth(poses: Poses, rows: IntArray, values: Floats) -> Floats:
    return windowed_mean(poses.frame_time_s[poses.frame[rows]], values, _WINDOW_S)


def _across(axis: Floats, vector: Floats) -> Floats:
    """Return the part of a vector at a right angle to an axis, positive where facing right."""
    length = _length(axis)
    return cross(axis, vector) / np.where(length > 0, length, np.nan)


def _length(vector: Floats) -> Floats:
    return np.asarray(np.hypot(vector[..., 0], vector[..., 1]))


def _mean(values: list[Floats]) -> Floats:
    return _weighted(values, [1.0] * len(values))


def _weighted(values: list[Floats], weights: list[float]) -> Floats:
    """Return the weighted mean of those that are not NaN; NaN where all are."""
    stacked = np.stack(values)
    shares = np.where(np.isnan(stacked), 0.0, np.array(weights)[:, None])
    total = shares.sum(axis=0)
    summed = (np.nan_to_num(stacked) * shares).sum(axis=0)
    return np.asarray(summed / np.where(total > 0, total, np.nan))
