"""Somebody who walks past the camera, by the joint angles of normal gait."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kinetrace.poses import Poses
from kinetrace.skeletons import BLAZEPOSE33

Floats = npt.NDArray[np.float64]

# Joint angles over a stride in degrees, as Fourier series (mean, then cosine and sine of each
# harmonic): the shape of normal level walking (Winter, Biomechanics and Motor Control of Human
# Movement, 4th ed., appendix A), flexion positive, the stride beginning near a heel strike.
_HIP_DEG = (12.0, 20.0, -3.0, -2.0, 1.0)
_KNEE_DEG = (24.0, -5.0, -18.0, -14.0, 4.0)
_ANKLE_DEG = (2.0, 0.0, 4.0, -6.0, 3.0)

# Segment lengths relative to stature (Winter, fig. 4.1; Drillis and Contini 1966).
_THIGH, _SHANK, _TRUNK, _FOOT, _HEEL = 0.245, 0.246, 0.288, 0.11, 0.042
_UPPER_ARM, _FOREARM, _HEAD = 0.186, 0.146, 0.13


@dataclass(frozen=True)
class WalkTruth:
    """What is known of a synthetic walk.

    Attributes
    ----------
    cadence_steps_per_min
        Steps of both feet a minute.
    heel_strike_s, toe_off_s
        Times by side, ``left`` and ``right``: the heel furthest in front of the pelvis, the toe
        furthest behind it (Zeni et al. 2008).
    knee_flexion_deg, hip_flexion_deg, ankle_dorsiflexion_deg
        (T,) by side, at the times of the frames.
    speed_m_per_s
        Of the pelvis.
    px_per_m
        Scale of the picture.
    """

    cadence_steps_per_min: float
    heel_strike_s: dict[str, Floats]
    toe_off_s: dict[str, Floats]
    knee_flexion_deg: dict[str, Floats]
    hip_flexion_deg: dict[str, Floats]
    ankle_dorsiflexion_deg: dict[str, Floats]
    speed_m_per_s: float
    px_per_m: float


def walker(
    *,
    cadence_steps_per_min: float = 108.0,
    fps: float = 30.0,
    duration_s: float = 6.0,
    speed_m_per_s: float = 1.2,
    height_m: float = 1.75,
    px_per_m: float = 200.0,
    direction: int = 1,
    time_s: npt.ArrayLike | None = None,
    noise_px: float = 0.0,
    seed: int = 0,
) -> tuple[Poses, WalkTruth]:
    """Let one person walk past a camera that sees them from the side.

    Parameters
    ----------
    cadence_steps_per_min, speed_m_per_s, height_m
        How they walk, and how tall they are.
    fps, duration_s
        Of the film.
    px_per_m
        Scale of the picture.
    direction
        1: to the right of the picture, -1: to the left.
    time_s : (T,)
        The frames' times where they are not ``fps`` apart; `duration_s` is then of no meaning.
    noise_px, seed
        Standard deviation of the Gaussian noise on every coordinate, and where it starts.

    Returns
    -------
    Poses
        Of MediaPipe's 33 keypoints; the picture holds the whole walk.
    WalkTruth
        The truth, free of noise.
    """
    if direction not in (1, -1):
        raise ValueError(f"direction must be 1 (right) or -1 (left), got {direction}")
    times = np.arange(0, duration_s, 1 / fps) if time_s is None else np.asarray(time_s, float)
    stride_hz = cadence_steps_per_min / 120
    sides = {"left": 0.0, "right": 0.5}
    pelvis_m = np.stack([speed_m_per_s * times, np.zeros_like(times)], axis=1)
    xy_m = body(times * stride_hz, height_m) + pelvis_m[:, None]
    xy_px, size_wh = _picture(xy_m, px_per_m, direction)
    xy_px += np.random.default_rng(seed).normal(0, noise_px, xy_px.shape) if noise_px else 0
    poses = Poses(
        skeleton=BLAZEPOSE33,
        frame_time_s=times,
        frame=np.arange(len(times)),
        track_id=np.zeros(len(times), dtype=np.int64),
        xy=xy_px,
        score=np.ones(xy_px.shape[:2]),
        size_wh=size_wh,
        source="synthetic walk",
    )
    knee_deg, hip_deg, ankle_deg = (
        {s: _angle_deg(series, times * stride_hz + lag) for s, lag in sides.items()}
        for series in (_KNEE_DEG, _HIP_DEG, _ANKLE_DEG)
    )
    ahead, behind = _events(height_m)
    return poses, WalkTruth(
        cadence_steps_per_min=cadence_steps_per_min,
        heel_strike_s={s: _occurrences(ahead - g, stride_hz, times) for s, g in sides.items()},
        toe_off_s={s: _occurrences(behind - g, stride_hz, times) for s, g in sides.items()},
        knee_flexion_deg=knee_deg,
        hip_flexion_deg=hip_deg,
        ankle_dorsiflexion_deg=ankle_deg,
        speed_m_per_s=speed_m_per_s,
        px_per_m=px_per_m,
    )


def body(phase: Floats, height_m: float) -> Floats:
    """Place a walker's keypoints about the middle of the hips.

    Parameters
    ----------
    phase : (T,)
        Strides that the left leg has made; the right leg is half a stride behind.
    height_m
        Stature.

    Returns
    -------
    (T, 33, 2) float64
        x ahead, y down, in metres; in the order of `BLAZEPOSE33`.
    """
    points = {
        f"{side}_{name}": xy
        for side, lag in (("left", 0.0), ("right", 0.5))
        for name, xy in _side(phase + lag, height_m).items()
    } | {"nose": np.tile([0.06 * height_m, -(_TRUNK + _HEAD) * height_m], (len(phase), 1))}
    xy_m = np.stack([_at(points, name) for name in BLAZEPOSE33.keypoints], axis=1)
    xy_m[..., 1] += _bob(phase)[:, None]
    return np.asarray(xy_m)


def _angle_deg(series: tuple[float, ...], phase: Floats) -> Floats:
    mean, *rest = series
    turn = 2 * np.pi * phase
    waves = zip(rest[::2], rest[1::2], strict=True)
    return mean + sum(
        (c * np.cos(k * turn) + s * np.sin(k * turn) for k, (c, s) in enumerate(waves, 1)),
        np.zeros_like(phase),
    )


def _side(phase: Floats, height_m: float) -> dict[str, Floats]:
    """Place one side's keypoints about the middle of the hips: x ahead, y down, in metres."""
    hip, knee, ankle = (
        np.radians(_angle_deg(series, phase)) for series in (_HIP_DEG, _KNEE_DEG, _ANKLE_DEG)
    )
    swing = np.radians(20) * np.cos(2 * np.pi * (phase + 0.5))  # the arm, against the leg
    thigh, shank = _hanging(hip), _hanging(hip - knee)
    foot = _hanging(hip - knee + ankle + np.pi / 2)
    at_knee = _THIGH * thigh
    at_ankle = at_knee + _SHANK * shank
    shoulder = np.tile([0.0, -_TRUNK], (len(phase), 1))
    elbow = shoulder + _UPPER_ARM * _hanging(swing)
    wrist = elbow + _FOREARM * _hanging(swing + np.radians(20))
    heel = at_ankle - 0.3 * _FOOT * foot + _HEEL * shank
    relative = {
        "hip": np.zeros((len(phase), 2)),
        "knee": at_knee,
        "ankle": at_ankle,
        "heel": heel,
        "foot_index": heel + 1.3 * _FOOT * foot,
        "shoulder": shoulder,
        "elbow": elbow,
        "wrist": wrist,
    }
    return {name: xy * height_m for name, xy in relative.items()}


def _hanging(angle_rad: Floats) -> Floats:
    """Return unit vectors that hang down at 0 and point ahead at a quarter turn."""
    return np.stack([np.sin(angle_rad), np.cos(angle_rad)], axis=-1)


def _bob(phase: Floats) -> Floats:
    return 0.02 * np.cos(4 * np.pi * phase)  # twice a stride, in metres


def _at(points: dict[str, Floats], name: str) -> Floats:
    """Return a keypoint; those of face and hand are where the nose and the wrist are."""
    if name in points:
        return points[name]
    is_hand = name.endswith(("pinky", "index", "thumb"))
    return points[f"{name.split('_')[0]}_wrist"] if is_hand else points["nose"]


def _picture(xy_m: Floats, px_per_m: float, direction: int) -> tuple[Floats, tuple[int, int]]:
    xy_px = xy_m * (direction * px_per_m, px_per_m)
    margin_px = 50.0
    low = xy_px.min(axis=(0, 1)) - margin_px
    size = np.ceil(xy_px.max(axis=(0, 1)) + margin_px - low)
    return xy_px - low, (int(size[0]), int(size[1]))


def _events(height_m: float) -> tuple[float, float]:
    """Return the phases of a stride at which the heel is foremost and the toe rearmost."""
    phase = np.linspace(0, 1, 200_001)
    side = _side(phase, height_m)
    return (
        float(phase[side["heel"][:, 0].argmax()]),
        float(phase[side["foot_index"][:, 0].argmin()]),
    )


def _occurrences(phase: float, stride_hz: float, times: Floats) -> Floats:
    """Return all times within the film at which the stride has this phase."""
    if not len(times):
        return np.empty(0)
    first = np.ceil(times[0] * stride_hz - phase)
    count = np.floor(times[-1] * stride_hz - phase) - first + 1
    return np.asarray((first + np.arange(max(int(count), 0)) + phase) / stride_hz)
