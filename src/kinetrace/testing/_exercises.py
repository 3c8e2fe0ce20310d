"""Somebody who exercises, seen from any side, by the joint angles of each exercise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from kinetrace.poses import Poses
from kinetrace.skeletons import BLAZEPOSE33

Floats: TypeAlias = npt.NDArray[np.float64]
Points: TypeAlias = dict[str, Floats]
BySide: TypeAlias = Callable[[float], Floats]  # of 1 for the left, -1 for the right

# Segment lengths relative to stature (Winter, Biomechanics and Motor Control of Human Movement,
# 4th ed., fig. 4.1), and half of the breadth of shoulders and hips as pose estimators place them.
_THIGH, _SHANK, _TRUNK, _UPPER_ARM, _FOREARM = 0.245, 0.246, 0.288, 0.186, 0.146
_FOOT, _HEAD, _SHOULDERS, _HIPS = 0.11, 0.13, 0.11, 0.06
_SIDES = {"left": 1.0, "right": -1.0}


@dataclass(frozen=True)
class ExerciseTruth:
    """What is known of a synthetic set.

    Attributes
    ----------
    start_s, turn_s, end_s : (R,)
        Of each repetition: where it leaves rest, the middle of its hold, where it is back.
    depth : (R,)
        Of each: 1 is a whole one.
    """

    start_s: Floats
    turn_s: Floats
    end_s: Floats
    depth: Floats


def exerciser(
    exercise: str,
    *,
    depth: Sequence[float] = (1.0, 1.0, 1.0),
    out_s: float = 1.0,
    hold_s: float = 0.3,
    back_s: float = 0.9,
    rest_s: float = 0.6,
    view_deg: float = 0.0,
    fps: float = 30.0,
    time_s: npt.ArrayLike | None = None,
    height_m: float = 1.75,
    px_per_m: float = 200.0,
    noise_px: float = 0.0,
    seed: int = 0,
) -> tuple[Poses, ExerciseTruth]:
    """Let one person do a set of an exercise.

    Parameters
    ----------
    exercise
        squat, push-up, pull-up, sit-up, jumping-jack, lunge, curl or overhead-press.
    depth
        Of each repetition: 1 goes all the way, 0.4 less than half of it.
    out_s, hold_s, back_s, rest_s
        How long each takes to its turning point, stays there, takes back, and rests before the
        next; they rest before the first and after the last too.
    view_deg
        From where they are seen: 0 they face right, 90 the camera, 180 left, 270 from the back.
    fps
        Of the film.
    time_s : (T,)
        The frames' times where they are not ``1 / fps`` apart.
    height_m, px_per_m
        How tall they are, and the scale of the picture.
    noise_px, seed
        Standard deviation of the Gaussian noise on every coordinate, and where it starts.

    Returns
    -------
    Poses
        Of MediaPipe's 33 keypoints.
    ExerciseTruth
        The truth.

    Raises
    ------
    ValueError
        If there is no such exercise.
    """
    if exercise not in _BODIES:
        raise ValueError(f"exercise must be one of {', '.join(_BODIES)}, got {exercise!r}")
    each_s = out_s + hold_s + back_s + rest_s
    start_s: Floats = rest_s + each_s * np.arange(len(depth), dtype=np.float64)
    turn_s, end_s = start_s + out_s + hold_s / 2, start_s + out_s + hold_s + back_s
    film_s = float(end_s[-1] if len(depth) else 0) + rest_s
    times = np.arange(0, film_s, 1 / fps) if time_s is None else np.asarray(time_s, float)
    gone = np.zeros_like(times)
    for start, much in zip(start_s, depth, strict=True):
        knots = np.cumsum([start, out_s, hold_s, back_s])
        gone += much * _ease(np.interp(times, knots, [0, 1, 1, 0]))
    xyz_m = height_m * _body(_BODIES[exercise](gone))
    turn = np.radians(view_deg)
    across = xyz_m[..., 0] * np.cos(turn) + xyz_m[..., 2] * np.sin(turn)
    xy = np.stack([across, -xyz_m[..., 1]], axis=-1) * px_per_m + (600, 700)
    xy += np.random.default_rng(seed).normal(0, noise_px, xy.shape) if noise_px else 0
    poses = Poses(
        skeleton=BLAZEPOSE33,
        frame_time_s=times,
        frame=np.arange(len(times)),
        track_id=np.zeros(len(times), dtype=np.int64),
        xy=xy,
        score=np.ones(xy.shape[:2]),
        source=f"synthetic {exercise}",
    )
    return poses, ExerciseTruth(start_s, turn_s, end_s, np.asarray(depth, float))


def _ease(part: Floats) -> Floats:
    return (1 - np.cos(np.pi * part)) / 2


def _at(ahead: npt.ArrayLike, up: npt.ArrayLike, left: npt.ArrayLike = 0.0) -> Floats:
    """Return points or vectors (..., 3): ahead, up, to the left."""
    return np.stack(np.broadcast_arrays(ahead, up, left), axis=-1).astype(np.float64)


def _lean(degrees: npt.ArrayLike) -> Floats:
    """Return unit vectors that point up at 0 and ahead at 90."""
    return _at(np.sin(np.radians(degrees)), np.cos(np.radians(degrees)))


def _spread(degrees: npt.ArrayLike, side: float) -> Floats:
    """Return unit vectors that hang down at 0, point to a side at 90 and up at 180."""
    return _at(0.0, -np.cos(np.radians(degrees)), side * np.sin(np.radians(degrees)))


def _elbow(shoulder: Floats, wrist: Floats, bend: Floats) -> Floats:
    """Return where the elbow is between two given points, bent towards a direction."""
    way = wrist - shoulder
    length = np.linalg.norm(way, axis=-1, keepdims=True)
    reach = np.minimum(length, _UPPER_ARM + _FOREARM)
    along = (reach**2 + _UPPER_ARM**2 - _FOREARM**2) / (2 * reach)
    off = np.sqrt(np.maximum(_UPPER_ARM**2 - along**2, 0))
    direction = way / length
    aside = bend - (bend * direction).sum(axis=-1, keepdims=True) * direction
    aside /= np.linalg.norm(aside, axis=-1, keepdims=True)
    return np.asarray(shoulder + along * direction + off * aside)


def _torso(hip: Floats, lean_deg: npt.ArrayLike) -> Points:
    """Return hips, shoulders, ears and nose above the middle of the hips."""
    up, ahead = _lean(lean_deg), _lean(np.asarray(lean_deg) + 90)
    neck = hip + _TRUNK * up
    points = {"nose": neck + _HEAD * up + 0.06 * ahead}
    for side, sign in _SIDES.items():
        points[f"{side}_ear"] = neck + _HEAD * up + _at(0, 0, sign * 0.04)
        points[f"{side}_hip"] = hip + _at(0, 0, sign * _HIPS)
        points[f"{side}_shoulder"] = neck + _at(0, 0, sign * _SHOULDERS)
    return points


def _arms(points: Points, upper: BySide, lower: Callable[[float], Floats]) -> None:
    """Add arms whose segments point in given directions, by the sign of the side."""
    for side, sign in _SIDES.items():
        points[f"{side}_elbow"] = points[f"{side}_shoulder"] + _UPPER_ARM * upper(sign)
        points[f"{side}_wrist"] = points[f"{side}_elbow"] + _FOREARM * lower(sign)


def _held(points: Points, wrist: BySide, bend: Callable[[float], Floats]) -> None:
    """Add arms that hold on to something."""
    for side, sign in _SIDES.items():
        at = np.broadcast_to(wrist(sign), points[f"{side}_shoulder"].shape)
        points[f"{side}_wrist"] = at
        points[f"{side}_elbow"] = _elbow(points[f"{side}_shoulder"], at, bend(sign))


def _legs(points: Points, thigh: BySide, shank: Callable[[float], Floats]) -> None:
    """Add legs whose segments point in given directions, by the sign of the side."""
    for side, sign in _SIDES.items():
        points[f"{side}_knee"] = points[f"{side}_hip"] + _THIGH * thigh(sign)
        points[f"{side}_ankle"] = points[f"{side}_knee"] + _SHANK * shank(sign)


def _squat(gone: Floats) -> Points:
    knee = _SHANK * _lean(30 * gone)
    points = _torso(knee + _THIGH * _lean(-90 * gone), 40 * gone)
    _legs(points, lambda _: -_lean(-90 * gone), lambda _: -_lean(30 * gone))
    _arms(points, lambda _: -_lean(-80 * gone), lambda _: -_lean(-80 * gone))
    return points


def _push_up(gone: Floats) -> Points:
    arm = _UPPER_ARM + _FOREARM
    length = _SHANK + _THIGH + _TRUNK
    height = arm * (1 - 0.65 * gone)
    lean = 90 - np.degrees(np.arcsin(height / length))
    points = _torso((_SHANK + _THIGH) * _lean(lean), lean)
    _legs(points, lambda _: -_lean(lean), lambda _: -_lean(lean))
    hand = np.sqrt(length**2 - arm**2)
    _held(points, lambda s: _at(hand, 0, s * 0.13), lambda s: _at(-1, 0.2, s * 0.5))
    return points


def _pull_up(gone: Floats) -> Points:
    drop = (_UPPER_ARM + _FOREARM) * (0.96 - 0.8 * gone)
    points = _torso(_at(0, 1.2 - drop - _TRUNK), 0 * gone)
    _legs(points, lambda _: -_lean(0 * gone), lambda _: -_lean(20 + 0 * gone))
    _held(points, lambda s: _at(0, 1.2, s * 0.13), lambda s: _at(0.4, -0.3, s))
    return points


def _sit_up(gone: Floats) -> Points:
    points = _torso(_at(0 * gone, 0.05), 75 * gone - 90)
    thigh, shank = _lean(40 + 0 * gone), -_lean(-40 + 0 * gone)
    _legs(points, lambda _: thigh, lambda _: shank)
    _arms(points, lambda _: _lean(75 * gone - 40), lambda _: _lean(75 * gone - 150))
    return points


def _jumping_jack(gone: Floats) -> Points:
    leg = 5 + 20 * gone
    points = _torso(_at(0, (_THIGH + _SHANK) * np.cos(np.radians(leg))), 0 * gone)
    _legs(points, lambda s: _spread(leg, s), lambda s: _spread(leg, s))
    _arms(points, lambda s: _spread(10 + 145 * gone, s), lambda s: _spread(10 + 155 * gone, s))
    return points


def _lunge(gone: Floats) -> Points:
    height = _SHANK * np.cos(np.radians(10 * gone)) + _THIGH * np.cos(np.radians(80 * gone))
    points = _torso(_at(0, height), 0 * gone)

    def thigh(side: float) -> Floats:
        return -_lean((-80 if side > 0 else 15) * gone)

    def shank(side: float) -> Floats:
        return -_lean((10 if side > 0 else 85) * gone)

    _legs(points, thigh, shank)
    _arms(points, lambda _: -_lean(0 * gone), lambda _: -_lean(0 * gone))
    return points


def _stand(gone: Floats) -> Points:
    points = _torso(_at(0, _THIGH + _SHANK) + _at(0 * gone, 0), 0 * gone)
    _legs(points, lambda _: -_lean(0 * gone), lambda _: -_lean(0 * gone))
    return points


def _curl(gone: Floats) -> Points:
    points = _stand(gone)
    _arms(points, lambda _: -_lean(0 * gone), lambda _: -_lean(-10 - 130 * gone))
    return points


def _overhead_press(gone: Floats) -> Points:
    points = _stand(gone)
    _arms(points, lambda s: _spread(30 + 145 * gone, s), lambda s: _spread(178 + 0 * gone, s))
    return points


_BODIES: dict[str, Callable[[Floats], Points]] = {
    "squat": _squat,
    "push-up": _push_up,
    "pull-up": _pull_up,
    "sit-up": _sit_up,
    "jumping-jack": _jumping_jack,
    "lunge": _lunge,
    "curl": _curl,
    "overhead-press": _overhead_press,
}


def _body(points: Points) -> Floats:
    """Return keypoints (T, 33, 3), over the stature; face and fingers are at nose and wrists."""
    for side in _SIDES:
        ankle = points[f"{side}_ankle"]
        points[f"{side}_heel"] = ankle + _at(-0.03, -0.03)
        points[f"{side}_foot_index"] = ankle + _at(_FOOT, -0.03)
        for finger in ("pinky", "index", "thumb"):
            points[f"{side}_{finger}"] = points[f"{side}_wrist"]
    return np.stack([points.get(n, points["nose"]) for n in BLAZEPOSE33.keypoints], axis=1)
