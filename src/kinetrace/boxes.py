"""Boxes as (N, 4) arrays: overlap, non-maximum suppression, and from candidates to detections.

A box is (left, top, right, bottom) in px, where a picture reaches from 0 to its width and height.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace.estimators import Detections

Array = npt.NDArray[np.floating[Any]]


def iou(a_xyxy: Array, b_xyxy: Array) -> Array:
    """Return the intersection over union of N and M boxes, (N, M); 0 where both are empty."""
    low = np.maximum(a_xyxy[:, None, :2], b_xyxy[None, :, :2])
    high = np.minimum(a_xyxy[:, None, 2:], b_xyxy[None, :, 2:])
    wh = np.maximum(high - low, 0)
    shared = wh[..., 0] * wh[..., 1]
    union = area(a_xyxy)[:, None] + area(b_xyxy)[None, :] - shared
    overlap: Array = shared / np.maximum(union, np.finfo(np.float32).tiny)
    return overlap


def area(xyxy: Array) -> Array:
    """Return the areas of N boxes in px^2, (N,)."""
    wh = np.maximum(xyxy[:, 2:] - xyxy[:, :2], 0)
    return np.asarray(wh[:, 0] * wh[:, 1])


def suppress(xyxy: Array, score: Array, *, max_iou: float) -> npt.NDArray[np.intp]:
    """Keep the best box of each heap: greedy non-maximum suppression.

    Parameters
    ----------
    xyxy : (N, 4)
        Boxes in px.
    score : (N,)
        Of two boxes that overlap by more than `max_iou`, the one with the lower score goes (the
        later one, if both score the same).
    max_iou
        Intersection over union.

    Returns
    -------
    (M,) int
        The boxes that stay, in order of falling score.
    """
    waiting = np.argsort(-score, kind="stable")
    kept = []
    while len(waiting):
        best, waiting = waiting[0], waiting[1:]
        kept.append(best)
        waiting = waiting[iou(xyxy[best][None], xyxy[waiting])[0] <= max_iou]
    return np.array(kept, dtype=np.intp)


def to_detections(
    xyxy: Array, score: Array, size_wh: tuple[int, int], *, min_score: float = 0.0
) -> Detections:
    """Clip boxes to a picture, drop the empty and the improbable, and sort.

    Parameters
    ----------
    xyxy : (N, 4)
        Boxes in px of the picture; those that are not finite are dropped.
    score : (N,)
        0..1; those that are NaN are dropped with their boxes.
    size_wh
        Width and height of the picture in px.
    min_score
        The least score that stays.
    """
    clipped = np.clip(xyxy, 0, np.array((*size_wh, *size_wh), np.float32)).astype(np.float32)
    good = (score >= min_score) & np.isfinite(xyxy).all(axis=1)
    good &= (clipped[:, 2:] > clipped[:, :2]).all(axis=1)
    rows = np.flatnonzero(good)
    rows = rows[np.argsort(-score[rows], kind="stable")]
    return Detections(clipped[rows], score[rows].astype(np.float32))
