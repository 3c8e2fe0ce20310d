"""How alike two people's keypoints are: Object Keypoint Similarity, on arrays."""

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
