"""Trajectories with known truth, as `Poses`: for the tests of filtering."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace.poses import Poses, Skeleton

POINT = Skeleton(name="point", keypoints=("point",))
PX_PER_M = 200.0


def skeleton_of_size(k: int) -> Skeleton:
    return Skeleton(name=f"{k} points", keypoints=tuple(f"point_{i}" for i in range(k)))


def film(
    time_s: npt.ArrayLike,
    xy: npt.ArrayLike,
    *,
    score: npt.ArrayLike | None = None,
    track_id: int = 0,
    **more: Any,
) -> Poses:
    """One person of 1.7 m at 200 px/m, in every frame. xy is (T, 2) or (T, K, 2)."""
    xy = np.asarray(xy, np.float64)
    xy = xy[:, None] if xy.ndim == 2 else xy
    t, k = xy.shape[:2]
    missing = np.isnan(xy).any(axis=2)
    score = np.full((t, k), 0.8) if score is None else np.asarray(score)
    box = np.array([0, 0, 0.5 * PX_PER_M, 1.7 * PX_PER_M])
    return Poses(
        skeleton=POINT if k == 1 else skeleton_of_size(k),
        frame_time_s=np.asarray(time_s, np.float64),
        frame=np.arange(t),
        xy=xy,
        score=np.where(missing, 0, score),
        track_id=np.full(t, track_id),
        bbox_xyxy=np.tile(box, (t, 1)),
        **more,
    )


def both(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The same for x and y: (T,) -> (T, 2)."""
    return np.repeat(np.asarray(values, np.float64)[:, None], 2, axis=1)


def jump_m(time_s: npt.NDArray[np.float64], start_s: float) -> npt.NDArray[np.float64]:
    """Height of somebody who flies for half a second: 0.307 m at the top."""
    gravity, flight_s = 9.81, 0.5
    since_s = time_s - start_s
    height = gravity / 2 * since_s * (flight_s - since_s)
    return np.where((since_s > 0) & (since_s < flight_s), height, 0)


def punch_m(time_s: npt.NDArray[np.float64], at_s: float) -> npt.NDArray[np.float64]:
    """A fist that goes 0.75 m forward and back within 0.28 s: 8.4 m/s at most."""
    since_s = np.abs(time_s - at_s)
    return np.where(since_s < 0.14, 0.375 * (1 + np.cos(np.pi * since_s / 0.14)), 0)
