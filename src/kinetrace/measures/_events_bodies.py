"""What one picture says of people's posture: heights in pixels, before anything is remembered."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kinetrace.geometry import distance
from kinetrace.points import Floats, find, seen
from kinetrace.poses import Poses

SIDES = ("left", "right")
LIMBS = tuple(
    f"{side}_{joint}"
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in SIDES
)
_POSTURE = tuple(f"{s}_{j}" for j in ("shoulder", "hip", "knee", "ankle") for s in SIDES)
_HEADS = ("nose", "mid_ear", "mid_eye", "head")

# Relative to stature (Winter, Biomechanics and Motor Control of Human Movement, 4th ed., fig. 4.1).
TRUNK, LEG, SHOULDERS = 0.288, 0.245 + 0.246, 0.259


@dataclass(frozen=True)
class Bodies:
    """N people of some frames. Heights are along the picture's vertical, in px, upwards.

    Attributes
    ----------
    size_px : (N,)
        Stature, from the longest of trunk, leg and shoulders as they appear: what points at the
        camera makes it too small.
    trunk_xy : (N, 2)
        Middle of shoulders and hips.
    rise_px : (N,)
        Shoulders above the hips.
    hips_px : (N,)
        Hips above the lowest of knees and ankles; where no ankle is seen, twice above the knees:
        whoever bends over something that hides their shanks does not lie.
    thighs_px : (N,)
        Hips above the knees.
    hands_px, arms_px : (N, 2)
        Left and right wrist above the head, and above the shoulders.
    limbs_xy : (N, 12, 2)
        `LIMBS`.
    score : (N,)
        Mean of shoulders, hips, knees and ankles; a missing one counts as 0.
    hand_score : (N, 2)
        Of the wrists.
    is_at_border : (N,) bool
        Whether the person's box touches the picture's border.
    """

    size_px: Floats
    trunk_xy: Floats
    rise_px: Floats
    hips_px: Floats
    thighs_px: Floats
    hands_px: Floats
    arms_px: Floats
    limbs_xy: Floats
    score: Floats
    hand_score: Floats
    is_at_border: npt.NDArray[np.bool_]


def read_bodies(poses: Poses, *, min_score: float, tilt_deg: float) -> Bodies:
    """Read everybody's posture.

    Parameters
    ----------
    poses
        Of any skeleton with shoulders and hips.
    min_score
        Keypoints below it count as missing.
    tilt_deg
        How far the floor rises to the right of the picture.
    """
    xy = _levelled(seen(poses.xy, poses, min_score), tilt_deg)
    at = {name: find(xy, poses.skeleton, name) for name in (*LIMBS, *_HEADS)}
    middle = {
        name: find(xy, poses.skeleton, f"mid_{name}", hidden=True)
        for name in ("shoulder", "hip", "knee")
    }
    hips_y = middle["hip"][:, 1]
    knee_y, ankle_y = (
        np.fmax(at[f"left_{name}"][:, 1], at[f"right_{name}"][:, 1]) for name in ("knee", "ankle")
    )
    lowest_y = np.where(np.isnan(ankle_y), 2 * knee_y - hips_y, np.fmax(knee_y, ankle_y))
    head_y = _first_seen([at[name][:, 1] for name in _HEADS])
    wrists_y = np.stack([at[f"{side}_wrist"][:, 1] for side in SIDES], axis=1)
    return Bodies(
        size_px=_size_px(at, middle),
        trunk_xy=(middle["shoulder"] + middle["hip"]) / 2,
        rise_px=hips_y - middle["shoulder"][:, 1],
        hips_px=lowest_y - hips_y,
        thighs_px=middle["knee"][:, 1] - hips_y,
        hands_px=head_y[:, None] - wrists_y,
        arms_px=middle["shoulder"][:, 1, None] - wrists_y,
        limbs_xy=np.stack([at[name] for name in LIMBS], axis=1),
        score=np.stack([_score(poses, name) for name in _POSTURE]).mean(axis=0),
        hand_score=np.stack([_score(poses, f"{side}_wrist") for side in SIDES], axis=1),
        is_at_border=_is_at_border(poses),
    )


def row_of(bodies: Bodies, row: int) -> Bodies:
    """Return one person; every array loses its first axis."""
    return Bodies(*(getattr(bodies, field.name)[row] for field in dataclasses.fields(bodies)))


def _levelled(xy: Floats, tilt_deg: float) -> Floats:
    cosine, sine = np.cos(np.radians(tilt_deg)), np.sin(np.radians(tilt_deg))
    x, y = xy[..., 0], xy[..., 1]
    return np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=-1)


def _size_px(at: dict[str, Floats], middle: dict[str, Floats]) -> Floats:
    sizes = [
        distance(middle["hip"], middle["shoulder"]) / TRUNK,
        distance(at["left_shoulder"], at["right_shoulder"]) / SHOULDERS,
    ]
    for side in SIDES:
        hip, knee, ankle = (at[f"{side}_{name}"] for name in ("hip", "knee", "ankle"))
        sizes.append((distance(hip, knee) + distance(knee, ankle)) / LEG)
    size_px = np.fmax.reduce(sizes)
    return np.asarray(np.where(size_px > 0, size_px, np.nan))


def _first_seen(values: list[Floats]) -> Floats:
    result = values[0]
    for value in values[1:]:
        result = np.where(np.isnan(result), value, result)
    return result


def _score(poses: Poses, name: str) -> Floats:
    if name not in poses.skeleton.keypoints:
        return np.zeros(len(poses))
    return np.asarray(poses.score[:, poses.skeleton.index(name)], dtype=np.float64)


def _is_at_border(poses: Poses) -> npt.NDArray[np.bool_]:
    if poses.size_wh is None:
        return np.zeros(len(poses), dtype=bool)
    box = poses.bbox_xyxy.astype(np.float64)
    margin_px = 0.02 * max(poses.size_wh)
    low = box[:, :2] < margin_px
    high = box[:, 2:] > np.array(poses.size_wh) - 1 - margin_px
    return np.asarray((low | high).any(axis=1))
