"""Poses to and from dense arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace.formats._individuals import from_individuals, individuals
from kinetrace.poses import FloatArray, Poses, Skeleton
from kinetrace.skeletons import skeleton_of


class Arrays(NamedTuple):
    """Poses as dense arrays.

    Attributes
    ----------
    individuals
        P names.
    keypoints
        K names.
    frame_time_s : (T,) float64
        Seconds; NaN where there is no clock.
    xy : (T, P, K, 2) float32
        Pixels.
    score : (T, P, K) float32
        0..1; NaN where somebody is not there.
    xyz_m : (T, P, K, 3) float32 or None
        Metres.
    """

    individuals: tuple[str, ...]
    keypoints: tuple[str, ...]
    frame_time_s: FloatArray
    xy: FloatArray
    score: FloatArray
    xyz_m: FloatArray | None


def to_numpy(poses: Poses) -> Arrays:
    """Return poses as dense arrays over frames and individuals.

    Raises
    ------
    OutputError
        If a frame has two people of one track id.
    """
    people = individuals(poses)
    return Arrays(
        individuals=people.names,
        keypoints=poses.skeleton.keypoints,
        frame_time_s=poses.frame_time_s,
        xy=people.spread(poses.xy),
        score=people.spread(poses.score),
        xyz_m=None if poses.xyz_m is None else people.spread(poses.xyz_m),
    )


def from_numpy(
    xy: FloatArray,
    score: FloatArray | None = None,
    *,
    keypoints: Sequence[str] | Skeleton,
    frame_time_s: FloatArray,
    individuals: Sequence[str] | None = None,
    xyz_m: FloatArray | None = None,
) -> Poses:
    """Return the poses of dense arrays over frames and individuals.

    Parameters
    ----------
    xy : (T, P, K, 2)
        Pixels; NaN is missing (0 is a position like others). Somebody of whom there is nothing in
        a frame is not in it.
    score : (T, P, K)
        0..1. None, and NaN, is 1 where there is a position, else 0.
    keypoints
        K names, or what they are.
    frame_time_s : (T,)
        Seconds; NaN where there is no clock.
    individuals
        P names, from which the track ids come: ``person_3`` is 3, ``untracked_0`` has none, others
        get those that are free in their order. None: 0, 1, ... P - 1.
    xyz_m : (T, P, K, 3)
        Metres.

    Raises
    ------
    ValueError
        If shapes do not fit, or a score leaves 0..1.
    """
    skeleton = keypoints if isinstance(keypoints, Skeleton) else skeleton_of(tuple(keypoints))
    xy = np.asarray(xy)
    if xy.ndim != 4 or xy.shape[2:] != (len(skeleton), 2):
        raise ValueError(f"xy must have shape (T, P, {len(skeleton)}, 2), got {xy.shape}")
    names = [f"person_{i}" for i in range(xy.shape[1])] if individuals is None else individuals
    score = np.full(xy.shape[:3], np.nan) if score is None else np.asarray(score)
    t, p, k = xy.shape[:3]
    _check_shape("score", score, (t, p, k))
    _check_shape("frame_time_s", np.asarray(frame_time_s), (t,))
    _check_shape("individuals", np.array(names), (p,))
    if xyz_m is not None:
        _check_shape("xyz_m", np.asarray(xyz_m), (t, p, k, 3))
    return from_individuals(
        names,
        skeleton,
        frame_time_s=np.asarray(frame_time_s, dtype=np.float64),
        frame_index=np.arange(len(xy)),
        xy=xy,
        score=score,
        xyz_m=None if xyz_m is None else np.asarray(xyz_m),
    )


def _check_shape(name: str, values: npt.NDArray[Any], shape: tuple[int, ...]) -> None:
    if values.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {values.shape}")
