"""Somebody seen from the side whose legs do what a test says: what is not walking, above all."""

from __future__ import annotations

import numpy as np

from kinetrace.poses import Poses, Skeleton
from kinetrace.skeletons import BLAZEPOSE33

# Metres.
THIGH, SHANK, TRUNK, FOOT, HEEL = 0.43, 0.43, 0.50, 0.20, 0.06


def side_view(
    time_s: np.ndarray,
    *,
    hip_deg: tuple[np.ndarray | float, np.ndarray | float],
    knee_deg: tuple[np.ndarray | float, np.ndarray | float],
    pelvis_x_m: np.ndarray | float | None = None,
    rise_m: np.ndarray | float = 0.0,
    pelvis_height_m: float | None = None,
    lean_deg: np.ndarray | float = 0.0,
    noise_px: float = 0.0,
    px_per_m: float = 200.0,
    skeleton: Skeleton = BLAZEPOSE33,
) -> Poses:
    """Someone who faces right, with the lower foot on the floor, flat.

    Angles are of the left and the right leg, flexion positive. Without `pelvis_x_m` the left foot
    stays where it is; `rise_m` is how far both are above the floor, unless the pelvis is held by
    something at `pelvis_height_m`.
    """
    points: dict[str, np.ndarray] = {}
    for side, hip, knee in zip(("left", "right"), hip_deg, knee_deg, strict=True):
        hip, knee = (np.radians(np.broadcast_to(a, time_s.shape)) for a in (hip, knee))
        at_knee = THIGH * np.stack([np.sin(hip), np.cos(hip)], axis=1)
        ankle = at_knee + SHANK * np.stack([np.sin(hip - knee), np.cos(hip - knee)], axis=1)
        points |= {f"{side}_hip": 0 * ankle, f"{side}_knee": at_knee, f"{side}_ankle": ankle}
        points[f"{side}_heel"] = ankle + np.array([-0.05, HEEL])
        points[f"{side}_foot_index"] = ankle + np.array([FOOT - 0.05, HEEL])
        lean = np.radians(np.broadcast_to(lean_deg, time_s.shape))
        points[f"{side}_shoulder"] = TRUNK * np.stack([np.sin(lean), -np.cos(lean)], axis=1)
    points["nose"] = points["left_shoulder"] + (0.1, -0.2)
    floor = np.maximum(points["left_heel"][:, 1], points["right_heel"][:, 1])
    x = -points["left_ankle"][:, 0] if pelvis_x_m is None else pelvis_x_m
    height = floor + rise_m if pelvis_height_m is None else pelvis_height_m
    pelvis = np.stack(np.broadcast_arrays(x, -np.asarray(height), time_s)[:2], axis=1)
    nowhere = np.full((len(time_s), 2), np.nan)
    xy = np.stack([points.get(name, nowhere) + pelvis for name in skeleton.keypoints], axis=1)
    xy = xy * px_per_m + (400, 500)
    xy += np.random.default_rng(0).normal(0, noise_px, xy.shape)
    return Poses(
        skeleton=skeleton,
        frame_time_s=time_s,
        frame=np.arange(len(time_s)),
        track_id=np.zeros(len(time_s), dtype=np.int64),
        xy=xy,
        score=np.isfinite(xy[..., 0]),
    )


def lifts(time_s: np.ndarray, *, rate_hz: float, phase: float = 0.0) -> np.ndarray:
    """Return 0..1: up and down for half of each period, and at rest for the other half."""
    return np.clip(np.sin(2 * np.pi * (rate_hz * time_s + phase)), 0, None)
