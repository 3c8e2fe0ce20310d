"""What a stretch of somebody's movement looks like, as one row of numbers: `describe`.

The numbers do not change with the place and the size of a person in the picture, nor with the
frame rate: points are measured from the hips in lengths of the trunk, and movement at moments that
share the stretch out evenly, by the true times of the frames. Up stays up: a push-up is told from
a plank against a wall by gravity.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from kinetrace.geometry import distance, included_deg
from kinetrace.points import find, has, seen
from kinetrace.poses import IntArray, Poses, Skeleton

Floats: TypeAlias = npt.NDArray[np.float64]

# Changes when the numbers do: a model that was made of other ones must not be used with these.
VERSION = 1
SIDES = ("left", "right")
JOINTS = (
    "head",
    *(
        f"{side}_{name}"
        for name in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        for side in SIDES
    ),
)
LEAST_FRAMES = 5
LEAST_JOINTS = 4  # fewer tell no posture

_AT = {name: position for position, name in enumerate(JOINTS)}
_MOMENTS = 48
_PHASES = 12
_LOW_HIGH_PERCENT = (10, 90)
_MOST = 10.0  # trunks; a joint that is farther away is an error of the estimator

# Lengths over that of the trunk (Winter, Biomechanics and Motor Control of Human Movement, 4th
# ed., fig. 4.1). The camera shortens what points at it, so the largest estimate is the best one.
_OVER_TRUNK = {
    ("shoulder", "elbow"): 0.186 / 0.288,
    ("elbow", "wrist"): 0.146 / 0.288,
    ("hip", "knee"): 0.245 / 0.288,
    ("knee", "ankle"): 0.246 / 0.288,
}
_SIZE_PERCENTILE = 80

_ANGLES = tuple(
    (f"{side}_{a}", f"{side}_{b}", f"{side}_{c}")
    for a, b, c in (
        ("shoulder", "elbow", "wrist"),
        ("hip", "shoulder", "elbow"),
        ("shoulder", "hip", "knee"),
        ("hip", "knee", "ankle"),
    )
    for side in SIDES
)
_DISTANCES = (
    *(tuple(f"{side}_{name}" for side in SIDES) for name in ("wrist", "elbow", "knee", "ankle")),
    *(
        (a if a == "head" else f"{side}_{a}", f"{other}_{b}")
        for a, b in (("head", "wrist"), ("head", "ankle"), ("wrist", "hip"), ("wrist", "ankle"))
        for side, other in (SIDES, SIDES[::-1])
    ),
    *((f"{side}_{name}", f"{side}_wrist") for name in ("hip", "ankle") for side in SIDES),
    ("left_wrist", "right_shoulder"),
    ("right_wrist", "left_shoulder"),
)


def joints_of(poses: Poses, rows: IntArray, *, min_score: float = 0.3) -> Floats:
    """Return the joints that the features are made of.

    Parameters
    ----------
    poses
        Of any skeleton: joints go by their names, and those that it does not have are missing.
        The head is the nose, or the middle of the ears.
    rows : (M,) int64
        One person's.
    min_score
        Keypoints below it are missing.

    Returns
    -------
    (M, 13, 2) float64
        Pixels, in the order of `JOINTS`; NaN where a joint is missing.
    """
    part = poses.rows(rows)
    xy = seen(part.xy, part, min_score)
    head = find(xy, part.skeleton, _head_of(part.skeleton), hidden=True)
    ears = find(xy, part.skeleton, "mid_ear", hidden=True)
    others = [find(xy, part.skeleton, name) for name in JOINTS[1:]]
    return np.stack([np.where(np.isnan(head), ears, head), *others], axis=1)


def _head_of(skeleton: Skeleton) -> str:
    return next((name for name in ("nose", "head") if has(skeleton, name)), "nose")


def mirrored(xy: Floats) -> Floats:
    """Return joints (..., 13, 2) as a mirror shows them: left is right."""
    partners = [_AT[_partner(name)] for name in JOINTS]
    return np.asarray(xy[..., partners, :] * (-1.0, 1.0))


def _partner(name: str) -> str:
    side, _, joint = name.partition("_")
    return f"{SIDES[side == 'left']}_{joint}" if side in SIDES else name


def body_size(xy: Floats) -> float:
    """Estimate the length of a person's trunk in the picture.

    Parameters
    ----------
    xy : (T, 13, 2)
        Pixels, NaN where missing.

    Returns
    -------
    float
        Pixels: the largest that trunk, thighs, shanks and arms speak for. NaN if none is seen.
    """
    lengths = [distance(_middle(xy, "hip"), _middle(xy, "shoulder"))] + [
        distance(xy[:, _AT[f"{side}_{a}"]], xy[:, _AT[f"{side}_{b}"]]) / over_trunk
        for (a, b), over_trunk in _OVER_TRUNK.items()
        for side in SIDES
    ]
    known = [length[np.isfinite(length)] for length in lengths]
    sizes = [float(np.percentile(each, _SIZE_PERCENTILE)) for each in known if len(each)]
    return max(sizes, default=np.nan) or np.nan


def describe(xy: Floats, time_s: Floats) -> npt.NDArray[np.float32] | None:
    """Return the features of one stretch of one person's movement.

    Parameters
    ----------
    xy : (T, 13, 2)
        `JOINTS` in pixels, y down; NaN where missing.
    time_s : (T,)
        Ascending.

    Returns
    -------
    (F,) float32 or None
        NaN where joints that a number needs are never seen. None if there are fewer than
        `LEAST_FRAMES` frames or `LEAST_JOINTS` joints, or no time passes, or the size of the body
        is not known.
    """
    if len(xy) < LEAST_FRAMES or not time_s[-1] > time_s[0]:
        return None
    joints = np.isfinite(xy).all(axis=-1).any(axis=0).sum()
    size_px = body_size(xy)
    if joints < LEAST_JOINTS or np.isnan(size_px):
        return None
    moments_s = np.linspace(time_s[0], time_s[-1], _MOMENTS)
    points = _at_moments(xy.reshape(len(xy), -1), time_s, moments_s).reshape(_MOMENTS, -1, 2)
    points /= size_px
    places = _places(points)
    shapes = _shapes(points)
    speeds = np.abs(np.diff(places, axis=0)).mean(axis=0) / (moments_s[1] - moments_s[0])
    numbers = [_phases(places), _statistics(places), _phases(shapes), _statistics(shapes), speeds]
    return np.concatenate(numbers).astype(np.float32)


def feature_count() -> int:
    """Return F, how many numbers `describe` makes."""
    places, shapes = 2 * len(JOINTS) + 2, len(_ANGLES) + len(_DISTANCES) + 2
    return (places + shapes) * (_PHASES + 4) + places


def _at_moments(values: Floats, time_s: Floats, moments_s: Floats) -> Floats:
    """Return the columns of (T, C) at other times; NaN for those that are never known."""
    result = np.full((len(moments_s), values.shape[1]), np.nan)
    for column in range(values.shape[1]):
        known = np.isfinite(values[:, column])
        if known.any():
            result[:, column] = np.interp(moments_s, time_s[known], values[known, column])
    return result


def _places(points: Floats) -> Floats:
    """Return the joints as seen from the hips, and the hips as seen from their mean place."""
    hips, shoulders = _middle(points, "hip"), _middle(points, "shoulder")
    hips = np.where(np.isnan(hips), shoulders + np.array([0.0, 1.0]), hips)
    joints = (points - hips[:, None]).reshape(len(points), -1)
    places = np.concatenate([joints, hips - hips.mean(axis=0)], axis=1)
    return np.asarray(np.clip(places, -_MOST, _MOST))


def _shapes(points: Floats) -> Floats:
    """Return angles (radians), distances and the trunk, which tell a posture from any place."""
    at = {name: points[:, position] for name, position in _AT.items()}
    angles = [np.radians(included_deg(at[a] - at[b], at[c] - at[b])) for a, b, c in _ANGLES]
    lengths = [distance(at[a], at[b]) for a, b in _DISTANCES]
    trunk = _middle(points, "shoulder") - _middle(points, "hip")
    return np.asarray(np.clip(np.column_stack([*angles, *lengths, trunk]), -_MOST, _MOST))


def _middle(points: Floats, name: str) -> Floats:
    left, right = (points[:, _AT[f"{side}_{name}"]] for side in SIDES)
    return np.where(np.isnan(left), right, np.where(np.isnan(right), left, (left + right) / 2))


def _phases(values: Floats) -> Floats:
    """Return the means of equal parts of the time, one after the other: (P * C,)."""
    return np.asarray(values.reshape(_PHASES, -1, values.shape[1]).mean(axis=1)).ravel()


def _statistics(values: Floats) -> Floats:
    low, high = np.percentile(values, _LOW_HIGH_PERCENT, axis=0)
    return np.concatenate([values.mean(axis=0), values.std(axis=0), low, high])
