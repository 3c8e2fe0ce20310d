"""Somebody who falls, lies down, sits, bends, squats and waves, filmed by a camera in a room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from kinetrace.poses import Poses
from kinetrace.skeletons import COCO17
from kinetrace.testing._falls_actions import Segment, TrueEvent, script_of

Floats: TypeAlias = npt.NDArray[np.float64]

# Relative to stature (Winter, Biomechanics and Motor Control of Human Movement, 4th ed., fig. 4.1).
_THIGH, _SHANK, _TRUNK, _UPPER_ARM, _FOREARM = 0.245, 0.246, 0.288, 0.186, 0.146
_HALF_SHOULDERS, _HALF_HIPS, _HEAD = 0.105, 0.055, 0.12
_FACE = {  # from the middle of the head: ahead, to the left, towards the crown
    "nose": (0.06, 0.0, 0.0),
    "left_eye": (0.05, 0.02, 0.02),
    "right_eye": (0.05, -0.02, 0.02),
    "left_ear": (0.0, 0.045, 0.0),
    "right_ear": (0.0, -0.045, 0.0),
}
_FOREARM_BENT_RAD = np.radians(15)
_STRIDE_HZ, _STEP_DEG, _KNEE_DEG = 0.9, 25.0, 30.0
_SWAY_DEG, _SWAY_HZ = 0.3, 0.4  # of quiet standing: about a centimetre at the head
_SIZE_WH, _FOCAL_PX = (1280, 720), 900.0
_AIM_M = 0.9  # the camera looks at a place so high above the feet


class MoverTruth(NamedTuple):
    """What is known of a synthetic film.

    Attributes
    ----------
    events
        `event`, `start_s`, `end_s` and `side`, in the order of their beginning.
    unclear
        The same of what nobody needs to agree on: whether who gets up from the floor sits, and who
        does push-ups lies.
    pitch_deg
        How far the camera looks down.
    """

    events: tuple[TrueEvent, ...]
    unclear: tuple[TrueEvent, ...]
    pitch_deg: float


def mover(
    actions: Sequence[str],
    *,
    fps: float = 30.0,
    time_s: npt.ArrayLike | None = None,
    height_m: float = 1.75,
    yaw_deg: float = 0.0,
    camera_height_m: float = 1.5,
    distance_m: float = 5.0,
    noise_px: float = 0.0,
    miss_rate: float = 0.0,
    seed: int = 0,
) -> tuple[Poses, MoverTruth]:
    """Let one person do things in a room, one after the other.

    A figure of rigid segments in space, seen by a pinhole camera that looks at the place where it
    stands first. Falls are driven by gravity: a rod that tips over its foot, or knees that give.

    Parameters
    ----------
    actions
        Each begins and ends upright: ``stand``, ``stand still``, ``walk``, ``sit``, ``sit fast``,
        ``lie down``, ``lie on bed``, ``squat``, ``pick up``, ``push-up``, ``sit-up``, ``raise left
        hand``, ``raise right hand``, ``fall forward``, ``fall backward``, ``fall sideways``,
        ``collapse`` (knees give way) and ``fall from chair``.
    fps
        Of the film.
    time_s : (T,)
        The frames' times where they are not ``fps`` apart.
    height_m
        How tall the person is.
    yaw_deg
        0: facing the right of the picture, 90: the camera, 180: the left, 270: away from it.
    camera_height_m, distance_m
        Where the camera is, above the floor and away from the person.
    noise_px, miss_rate, seed
        Standard deviation of the noise on each coordinate, share of keypoints that are missing, and
        where chance, which decides on the pace of actions too, starts.

    Returns
    -------
    Poses
        Of COCO's 17 keypoints; what is outside of the picture is missing.
    MoverTruth
        The truth.

    Raises
    ------
    ValueError
        If there is no such action.
    """
    random = np.random.default_rng(seed)
    script = script_of(actions, height_m, random)
    times = (
        np.arange(0, script.now_s, 1 / fps) if time_s is None else np.asarray(time_s, np.float64)
    )
    xyz_m = _body(*_course(script.segments, times)) * height_m
    pitch_rad = np.arctan2(camera_height_m - _AIM_M, distance_m)
    xy = _picture(xyz_m, np.radians(yaw_deg), camera_height_m, distance_m, pitch_rad)
    xy += random.normal(0, 1, xy.shape) * noise_px
    outside = np.any((xy < 0) | (xy > np.array(_SIZE_WH) - 1), axis=2)
    missing = outside | (random.random(xy.shape[:2]) < miss_rate)
    poses = Poses(
        skeleton=COCO17,
        frame_time_s=times,
        frame=np.arange(len(times)),
        track_id=np.zeros(len(times), dtype=np.int64),
        xy=np.where(missing[..., None], np.nan, xy),
        score=np.where(missing, 0.0, 1.0),
        size_wh=_SIZE_WH,
        source="synthetic movement",
    )
    events = tuple(sorted(script.events, key=lambda event: event.start_s))
    return poses, MoverTruth(events, tuple(script.unclear), float(np.degrees(pitch_rad)))


def _course(segments: Sequence[Segment], time_s: Floats) -> tuple[Floats, Floats]:
    """Return the posture (T, 9) and how far ahead the feet are (T,), at the frames' times."""
    posture, ahead = np.zeros((len(time_s), 9)), np.zeros(len(time_s))
    start_s = gone = 0.0
    for segment in segments:
        part = time_s >= start_s
        since_s = np.minimum(time_s[part] - start_s, segment.duration_s)
        share = segment.progress(since_s / segment.duration_s)
        start, end = np.array(segment.start), np.array(segment.end)
        posture[part] = start + (end - start) * share[:, None]
        if segment.travel:
            posture[part] += _steps(since_s, segment.duration_s)
        ahead[part] = gone + segment.travel * share
        start_s, gone = start_s + segment.duration_s, gone + segment.travel
    posture[:, 0] += _SWAY_DEG * np.sin(2 * np.pi * _SWAY_HZ * time_s)
    return posture, ahead


def _steps(since_s: Floats, duration_s: float) -> Floats:
    """Return what walking adds to a posture (T, 9); both feet are together at its two ends."""
    growth = np.clip(2 * np.minimum(since_s, duration_s - since_s), 0, 1)
    swing = growth * np.sin(2 * np.pi * _STRIDE_HZ * since_s)
    added = np.zeros((len(since_s), 9))
    for leg, shank, arm, way in ((1, 3, 6, 1), (2, 4, 5, -1)):
        added[:, leg] = added[:, arm] = way * _STEP_DEG * swing
        added[:, shank] = added[:, leg] - _KNEE_DEG * np.clip(-way * swing, 0, None)
    return added


def _body(posture: Floats, ahead: Floats) -> Floats:
    """Place the keypoints (T, 17, 3) ahead, to the left and up from the feet, in body heights."""
    angle = np.radians(posture)
    trunk = angle[:, 0]
    up = -_hanging(-trunk)
    forward = np.stack([np.cos(trunk), np.zeros_like(trunk), -np.sin(trunk)], axis=-1)
    left = np.array([0.0, 1.0, 0.0])
    body = {
        name: (_TRUNK + _HEAD + z) * up + x * forward + y * left
        for name, (x, y, z) in _FACE.items()
    }
    for i, (side, way) in enumerate((("left", 1), ("right", -1))):
        hip = np.tile(way * _HALF_HIPS * left, (len(trunk), 1))
        knee = hip + _THIGH * _hanging(angle[:, 1 + i])
        shoulder = _TRUNK * up + way * _HALF_SHOULDERS * left
        elbow = shoulder + _UPPER_ARM * _hanging(angle[:, 5 + i])
        wrist = elbow + _FOREARM * _hanging(angle[:, 5 + i] + _FOREARM_BENT_RAD)
        ankle = knee + _SHANK * _hanging(angle[:, 3 + i])
        parts = {"hip": hip, "knee": knee, "ankle": ankle}
        parts |= {"shoulder": shoulder, "elbow": elbow, "wrist": wrist}
        body |= {f"{side}_{name}": point for name, point in parts.items()}
    xyz = np.stack([body[name] for name in COCO17.keypoints], axis=1)
    return _on_the_floor(_rolled(xyz, angle[:, 7]), posture[:, 8], ahead)


def _hanging(angle_rad: Floats) -> Floats:
    """Return unit vectors (T, 3) that hang down at 0 and point ahead at a quarter turn."""
    return np.stack([np.sin(angle_rad), np.zeros_like(angle_rad), -np.cos(angle_rad)], axis=-1)


def _rolled(xyz: Floats, roll_rad: Floats) -> Floats:
    """Turn bodies to their right, about the line ahead."""
    cosine, sine = np.cos(roll_rad)[:, None], np.sin(roll_rad)[:, None]
    _, y, z = np.moveaxis(xyz, 2, 0)
    return np.stack([xyz[..., 0], cosine * y - sine * z, sine * y + cosine * z], axis=2)


def _on_the_floor(xyz: Floats, borne: Floats, ahead: Floats) -> Floats:
    """Put the lowest point where it is borne, and the feet in their place."""
    feet = [COCO17.index(f"{side}_ankle") for side in ("left", "right")]
    origin = xyz[:, feet].mean(axis=1)
    origin[:, 2] = xyz[..., 2].min(axis=1) - borne - 0.04  # an ankle's height
    origin[:, 0] -= ahead
    return np.asarray(xyz - origin[:, None])


def _picture(
    xyz_m: Floats, yaw_rad: float, camera_height_m: float, distance_m: float, pitch_rad: float
) -> Floats:
    """Return the keypoints (T, K, 2) in pixels, of a pinhole camera."""
    ahead, left, up = np.moveaxis(xyz_m, 2, 0)
    right = np.cos(yaw_rad) * ahead + np.sin(yaw_rad) * left
    depth = distance_m - np.sin(yaw_rad) * ahead + np.cos(yaw_rad) * left
    down = camera_height_m - up
    along = np.cos(pitch_rad) * depth + np.sin(pitch_rad) * down
    below = np.cos(pitch_rad) * down - np.sin(pitch_rad) * depth
    seen = np.where(along > 0.1, along, np.nan)
    centre = np.array(_SIZE_WH) / 2
    return np.stack([right / seen, below / seen], axis=2) * _FOCAL_PX + centre
