"""People found twice: one score for each person, and who is kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace.similarity import oks, squared_distances

_COUNTED_ABOVE = 0.2
_SAME_ABOVE = 0.9


def rescore(bbox_score: npt.NDArray[Any], score: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return what people are ranked by: the box's score times the mean of the good keypoints'.

    Good are those above 0.2 (Xiao et al., ECCV 2018, and the HRNet authors' evaluation).

    Parameters
    ----------
    bbox_score : (N,)
        0..1; NaN, where nothing scored the box, counts as 1.
    score : (N, K)
        0..1.

    Returns
    -------
    (N,) float32
        0..1; 0 for a person without a good keypoint.
    """
    good = score > _COUNTED_ABOVE
    mean = np.where(good, score, 0).sum(axis=1) / np.maximum(good.sum(axis=1), 1)
    return np.asarray(np.nan_to_num(bbox_score, nan=1.0) * mean, np.float32)


def suppress(
    xy: npt.NDArray[Any],
    area_px: npt.NDArray[Any],
    rank: npt.NDArray[Any],
    sigmas: npt.ArrayLike,
    *,
    threshold: float = _SAME_ABOVE,
) -> npt.NDArray[np.int64]:
    """Keep one of each set of people of one image who are the same: OKS-NMS.

    Greedily from the best: whoever is more alike than the threshold to one who is kept goes
    (Papandreou et al., CVPR 2017, section 3.2, with the mean of both areas as the authors of HRNet
    have it). Keypoints that either person misses do not count.

    Parameters
    ----------
    xy : (N, K, 2)
        Pixels; NaN where a keypoint is missing.
    area_px : (N,)
        Area in square pixels; the published value is that of the padded region.
    rank : (N,)
        What `rescore` returns.
    sigmas : (K,)
        `Skeleton.sigmas`.
    threshold
        OKS above which two are the same person.

    Returns
    -------
    (M,) int64
        Indices of those kept, best first.
    """
    area = np.asarray(area_px, np.float64)
    alike = oks(squared_distances(xy, xy), (area[:, None] + area[None]) / 2, sigmas) > threshold
    order = np.argsort(-np.asarray(rank), kind="stable")
    gone = np.zeros(len(order), bool)
    kept = []
    for i in order:
        if not gone[i]:
            kept.append(i)
            gone |= alike[i]
    return np.array(kept, np.int64)
