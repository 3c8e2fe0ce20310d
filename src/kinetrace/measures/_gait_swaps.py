"""Legs that an estimator has mistaken for each other, put right.

From the side the far leg is behind the near one twice a stride, and estimators then exchange left
and right for some frames. Legs move smoothly; exchanged ones leap. Of all ways to exchange them
back, the one with the least acceleration is taken (Viterbi's algorithm).
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from kinetrace.points import find
from kinetrace.poses import FloatArray, IntArray, Poses, Skeleton

LEG_PARTS = ("knee", "ankle", "heel", "foot_index", "big_toe", "small_toe", "toe")
# What a second costs that is exchanged, in lengths of a shank: without evidence labels are right.
_PRIOR_PER_S = 0.5
# A leap is a leap: a frame in which both legs are wrong counts no more than this.
_LARGEST = 1.0


def unswap_legs(poses: Poses) -> tuple[Poses, int]:
    """Exchange the legs of one person back where left and right were mistaken.

    Parameters
    ----------
    poses
        One person: one row a frame at most.

    Returns
    -------
    Poses
        With knees, ankles and feet on their own sides, in pixels; `xyz_m` stays as it is.
    int
        In how many rows they were exchanged.
    """
    pairs = _pairs(poses.skeleton)
    if len(poses) < 3 or not len(pairs):
        return poses, 0
    points = poses.xy.astype(np.float64)
    legs = points[:, pairs] - find(points, poses.skeleton, "mid_hip", hidden=True)[:, None, None]
    # A part that is seen on one side only cannot have been exchanged within its frame.
    legs[~np.isfinite(legs).all(axis=(2, 3))] = np.nan
    size_px = _size_px(legs)
    if not size_px > 0:
        return poses, 0
    wrong = _cheapest(_costs(legs / size_px, poses.frame_time_s[poses.frame]))
    order = np.tile(np.arange(len(poses.skeleton)), (len(poses), 1))
    for left, right in pairs:
        order[wrong, left], order[wrong, right] = right, left
    xy, score = _taken(poses.xy, order), _taken(poses.score, order)
    return dataclasses.replace(poses, xy=xy, score=score), int(wrong.sum())


def _taken(values: FloatArray, order: IntArray) -> FloatArray:
    """Return the keypoints of values (N, K, ...) in another order (N, K) for each row."""
    return np.asarray(values[np.arange(len(order))[:, None], order])


def _pairs(skeleton: Skeleton) -> IntArray:
    """Return the positions (P, 2) of the left and the right keypoint of each part of a leg."""
    known = [part for part in LEG_PARTS if f"left_{part}" in skeleton.keypoints]
    both = [part for part in known if f"right_{part}" in skeleton.keypoints]
    sides = ("left", "right")
    return np.array([[skeleton.index(f"{side}_{part}") for side in sides] for part in both], int)


def _size_px(legs: FloatArray) -> float:
    """Return half of the usual distance from the hips to the feet: about a shank."""
    far = np.linalg.norm(legs, axis=-1)
    known = far[np.isfinite(far)]
    return float(np.percentile(known, 90)) / 2 if len(known) else float("nan")


def _costs(legs: FloatArray, time_s: FloatArray) -> FloatArray:
    """Return how far legs leap from where they were going.

    Parameters
    ----------
    legs : (T, P, 2, 2)
        Points of P parts on two sides.
    time_s : (T,)

    Returns
    -------
    (T, 2, 2, 2)
        By whether the frame before the last, the last and this one are exchanged.
    """
    states = np.stack([legs, legs[:, :, ::-1]])
    step_s = np.diff(time_s, prepend=np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = step_s[2:] / step_s[1:-1]
    costs = np.zeros((len(legs), 2, 2, 2))
    for i, j, k in np.ndindex(2, 2, 2):
        before, last, now = states[i, :-2], states[j, 1:-1], states[k, 2:]
        expected = last + (last - before) * ratio[:, None, None, None]
        leap = np.linalg.norm(now - expected, axis=-1)
        known = np.isfinite(leap)
        leap = np.where(known, np.minimum(leap, _LARGEST), 0)
        costs[2:, i, j, k] = leap.sum(axis=(1, 2)) / np.maximum(known.sum(axis=(1, 2)), 1)
    costs[..., 1] += _PRIOR_PER_S * np.nan_to_num(step_s)[:, None, None]
    costs[np.isnan(legs).all(axis=(1, 2, 3)), ..., 1] = np.inf
    return costs


def _cheapest(costs: FloatArray) -> npt.NDArray[np.bool_]:
    """Return whether each frame is exchanged on the cheapest way through all of them."""
    total = np.add.outer(costs[0, 0, 0], costs[1, 0, 0])  # by the last two frames
    came_from = np.zeros((len(costs), 2, 2), dtype=np.int64)
    for t in range(2, len(costs)):
        ways = total[:, :, None] + costs[t]
        came_from[t] = ways.argmin(axis=0)
        total = ways.min(axis=0)
    last, now = np.unravel_index(int(total.argmin()), total.shape)
    found = [int(now), int(last)]
    for t in range(len(costs) - 1, 1, -1):
        found.append(int(came_from[t, found[-1], found[-2]]))
    return np.array(found[::-1], dtype=bool)
