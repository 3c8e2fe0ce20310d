"""Boxes for a film's next frame, from the keypoints of the last one, without a detector.

A detector's box is larger than the extent of the keypoints: the skull is above the eyes, the feet
are below the ankles. By how much was measured on 977 people of sports photos and of COCO: the
medians are `_USUAL_MARGIN`. Half of the margin is taken from there, and half from the person's own
box when last detected, which also knows who is cut off by a table or by the picture's edge.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace.backends._topdown_people import People
from kinetrace.boxes import area, iou
from kinetrace.estimators import Detections
from kinetrace.poses import bounds

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Left, top, right, bottom, relative to the square root of the extent's area, of which they vary
# less than of the sides or the diagonal. Boxes made so have an IoU of 0.83 with the detector's.
_USUAL_MARGIN = np.array((0.12, 0.17, 0.12, 0.17))
_OUTWARDS = np.array((-1, -1, 1, 1))

# The least score of a keypoint that tells how far a person reaches: from there on it counts when
# people are ranked, too.
_SEEN_FROM = 0.2

# The IoU from which a detection and a followed box are one person's, as trackers have it.
_FITS_FROM = 0.3


class Followed(NamedTuple):
    """N people who are followed from frame to frame.

    Attributes
    ----------
    xy, score : (N, K, 2), (N, K)
        Their keypoints in the last frame, in px, and how sure each is.
    bbox_score : (N,)
        The score of the last detection.
    margin : (N, 4)
        By how much their box was larger than the extent of the keypoints when last detected.
    usual_score : (N,)
        The mean score of the keypoints when last detected.
    velocity_xy : (N, 2)
        Px a second.
    detections : (N,)
        How often they have been detected.
    misses : (N,)
        How often the detector has looked since, and not found them.
    """

    xy: npt.NDArray[np.float32]
    score: npt.NDArray[np.float32]
    bbox_score: npt.NDArray[np.float32]
    margin: Floats
    usual_score: Floats
    velocity_xy: Floats
    detections: Ints
    misses: Ints

    def rows(self, keep: npt.NDArray[Any]) -> Followed:
        """Return some of them."""
        return Followed(*(part[keep] for part in self))


def strangers(count: int, keypoints: int) -> Followed:
    """Return people of whom nothing is known yet."""
    return Followed(
        xy=np.full((count, keypoints, 2), np.nan, np.float32),
        score=np.zeros((count, keypoints), np.float32),
        bbox_score=np.zeros(count, np.float32),
        margin=np.tile(_USUAL_MARGIN, (count, 1)),
        usual_score=np.zeros(count),
        velocity_xy=np.zeros((count, 2)),
        detections=np.zeros(count, np.int64),
        misses=np.zeros(count, np.int64),
    )


def join(followed: Followed, others: Followed) -> Followed:
    """Return both, one behind the other."""
    parts: Iterable[Any] = zip(followed, others, strict=True)
    return Followed(*(np.concatenate(both) for both in parts))


def surrounding_boxes(
    xy: npt.NDArray[Any],
    score: npt.NDArray[Any],
    margin: npt.NDArray[Any],
    size_wh: tuple[int, int],
) -> npt.NDArray[np.float32]:
    """Return the boxes around people's confident keypoints.

    Parameters
    ----------
    xy : (N, K, 2)
        Px.
    score : (N, K)
        0..1.
    margin : (N, 4)
        `Followed.margin`.
    size_wh
        Of the picture, in px.

    Returns
    -------
    (N, 4) float32
        Px, within the picture; empty or NaN for whoever has left it or shows too little.
    """
    extent = _extent(xy, score)
    grown = extent + _OUTWARDS * (_USUAL_MARGIN + margin) / 2 * _size_px(extent)
    return np.asarray(np.clip(grown, 0, np.array((*size_wh, *size_wh))), np.float32)


def predict(
    followed: Followed, passed_s: float, size_wh: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """Return where people are after some time at constant velocity; see `surrounding_boxes`."""
    moved = followed.xy + (followed.velocity_xy * passed_s)[:, None]
    return surrounding_boxes(moved, followed.score, followed.margin, size_wh)


def merge(
    boxes: npt.NDArray[np.float32], score: npt.NDArray[np.float32], found: Detections
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Put detections in the place of the followed boxes that they fit, the best fit first.

    Parameters
    ----------
    boxes : (N, 4)
        Of those who are followed, in px.
    score : (N,)
        Of their last detections.
    found
        What the detector found; M of it fits nobody, and is new.

    Returns
    -------
    boxes : (N + M, 4)
        The N, in their order, and the new ones.
    score : (N + M,)
        Of the last detections, with these.
    is_detected : (N + M,)
        Whether the detector has found them now.
    """
    boxes, score = boxes.copy(), score.copy()
    is_detected, is_new = np.zeros(len(boxes), bool), np.ones(len(found.score), bool)
    fit = iou(boxes, found.bbox_xyxy)
    for best in np.argsort(-fit, axis=None, kind="stable"):
        person, detection = np.unravel_index(best, fit.shape)
        if fit[person, detection] < _FITS_FROM:
            break
        if is_new[detection] and not is_detected[person]:
            is_new[detection], is_detected[person] = False, True
            boxes[person] = found.bbox_xyxy[detection]
            score[person] = found.score[detection]
    return (
        np.concatenate([boxes, found.bbox_xyxy[is_new]]),
        np.concatenate([score, found.score[is_new]]),
        np.concatenate([is_detected, np.ones(is_new.sum(), bool)]),
    )


def learn(
    before: Followed,
    people: People,
    is_detected: npt.NDArray[np.bool_],
    *,
    passed_s: float,
    has_looked: bool,
) -> Followed:
    """Return what is known of N people after a frame.

    Parameters
    ----------
    before : N rows
        What was known of them, in the same order.
    people : N rows
        What was found.
    is_detected : (N,)
        Who was found by the detector.
    passed_s
        Time since the last frame.
    has_looked
        Whether the detector has looked at all.
    """
    return Followed(
        xy=people.xy,
        score=people.score,
        bbox_score=people.bbox_score,
        margin=np.where(is_detected[:, None], _own_margin(people), before.margin),
        usual_score=np.where(is_detected, people.score.mean(axis=1), before.usual_score),
        velocity_xy=_shift_px(before, people) / passed_s,
        detections=before.detections + is_detected,
        misses=np.where(is_detected, 0, before.misses + int(has_looked)),
    )


def _own_margin(people: People) -> Floats:
    """Return by how much N boxes are larger than the keypoints in them, (N, 4)."""
    extent = _extent(people.xy, people.score)
    margin = (people.bbox_xyxy - extent) * _OUTWARDS / np.maximum(_size_px(extent), 1)
    return np.where(np.isfinite(margin), margin, _USUAL_MARGIN)


def _shift_px(before: Followed, people: People) -> Floats:
    """Return how far people have moved, (N, 2): the median of the keypoints seen both times.

    0 for whoever shows none twice.
    """
    both = (before.score >= _SEEN_FROM) & (people.score >= _SEEN_FROM)
    shift_px = np.zeros((len(both), 2))
    for row in np.flatnonzero(both.any(axis=1)):
        shift_px[row] = np.median(people.xy[row, both[row]] - before.xy[row, both[row]], axis=0)
    return shift_px


def _extent(xy: npt.NDArray[Any], score: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    return bounds(np.where((score >= _SEEN_FROM)[..., None], xy, np.nan))


def _size_px(box_xyxy: npt.NDArray[Any]) -> Floats:
    """Return the square roots of the areas, (N, 1)."""
    return np.asarray(np.sqrt(area(box_xyxy))[:, None], np.float64)
