"""How alike two people's keypoints or boxes are: Object Keypoint Similarity and IoU, on arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def squared_distances(xy: npt.NDArray[Any], other_xy: npt.NDArray[Any]) -> Floats:
    """Return the squared distances between the same keypoints of every two people.

    Parameters
    ----------
    xy : (A, K, 2)
        Pixels.
    other_xy : (B, K, 2)
        Pixels.

    Returns
    -------
    (A, B, K) float64
        px squared, NaN where either keypoint is missing.
    """
    apart = np.asarray(xy, np.float64)[:, None] - np.asarray(other_xy, np.float64)[None]
    return np.asarray(np.square(apart).sum(axis=-1))


def keypoint_similarity(
    squared_px: npt.NDArray[Any], area_px: npt.ArrayLike, sigmas: npt.ArrayLike
) -> Floats:
    """Return how close keypoints are, on the scale of a human annotator's spread.

    exp(-d^2 / (2 area (2 sigma)^2)): the term of one keypoint in Object Keypoint Similarity (COCO
    keypoint evaluation, https://cocodataset.org/#keypoints-eval).

    Parameters
    ----------
    squared_px : (..., K)
        Squared distances; NaN where a keypoint is missing.
    area_px : (...)
        Area of the person in square pixels.
    sigmas : (K,)
        `Skeleton.sigmas`.

    Returns
    -------
    (..., K) float64
        0..1, NaN where the distance is.
    """
    variance = np.square(2 * np.asarray(sigmas, np.float64))
    area = np.asarray(area_px, np.float64)[..., None] + np.spacing(1)
    return np.asarray(np.exp(-np.asarray(squared_px, np.float64) / variance / area / 2))


def oks(
    squared_px: npt.NDArray[Any],
    area_px: npt.ArrayLike,
    sigmas: npt.ArrayLike,
    counted: npt.NDArray[np.bool_] | None = None,
) -> Floats:
    """Return Object Keypoint Similarity: the mean of `keypoint_similarity` over some keypoints.

    Parameters
    ----------
    squared_px : (..., K)
        Squared distances, as `squared_distances` returns them.
    area_px : (...)
        Area of the person in square pixels.
    sigmas : (K,)
        `Skeleton.sigmas`.
    counted : (..., K)
        The keypoints that count (in COCO, the labelled ones); one of them whose distance is NaN
        adds nothing to the sum. None counts those with a distance.

    Returns
    -------
    (...) float64
        0..1; 0 where no keypoint counts.
    """
    similarity = keypoint_similarity(squared_px, area_px, sigmas)
    known = ~np.isnan(similarity)
    counts = np.broadcast_to(known if counted is None else counted, similarity.shape)
    total = np.where(counts & known, similarity, 0).sum(axis=-1)
    return np.asarray(total / np.maximum(counts.sum(axis=-1), 1))


def overlap(bbox_xyxy: npt.NDArray[Any], other_xyxy: npt.NDArray[Any]) -> Floats:
    """Return the area that every two boxes share.

    Parameters
    ----------
    bbox_xyxy : (A, 4)
        Left, top, right, bottom in pixels.
    other_xyxy : (B, 4)
        The same.

    Returns
    -------
    (A, B) float64
        Square pixels; 0 where a box is NaN.
    """
    a, b = np.asarray(bbox_xyxy, np.float64)[:, None], np.asarray(other_xyxy, np.float64)[None]
    wh = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = np.prod(np.maximum(wh, 0), axis=-1)
    return np.asarray(np.where(np.isnan(shared), 0, shared))


def area(bbox_xyxy: npt.NDArray[Any]) -> Floats:
    """Return the areas (...) of boxes (..., 4), in square pixels; NaN where a box is."""
    box = np.asarray(bbox_xyxy, np.float64)
    return np.asarray(np.prod(np.maximum(box[..., 2:] - box[..., :2], 0), axis=-1))


def iou(bbox_xyxy: npt.NDArray[Any], other_xyxy: npt.NDArray[Any]) -> Floats:
    """Return the intersection over union of every two boxes.

    Parameters
    ----------
    bbox_xyxy : (A, 4)
        Left, top, right, bottom in pixels.
    other_xyxy : (B, 4)
        The same.

    Returns
    -------
    (A, B) float64
        0..1; 0 where a box is NaN or both have no area.
    """
    shared = overlap(bbox_xyxy, other_xyxy)
    union = area(bbox_xyxy)[:, None] + area(other_xyxy)[None] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))
