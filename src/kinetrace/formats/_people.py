"""People read one by one, as formats with a list of people for each frame have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kinetrace.errors import FormatError
from kinetrace.poses import FloatArray, Poses, Skeleton, bounds


class Person(NamedTuple):
    """Somebody in a frame.

    Attributes
    ----------
    frame
        Position of the frame.
    points : (K, 3) float32
        x, y in pixels and score; NaN, NaN, 0 where a keypoint is missing.
    track_id
        -1 where there is none.
    bbox_xyxy : (4,) float32 or None
        None for the box around the keypoints.
    bbox_score
        NaN where there is none.
    """

    frame: int
    points: FloatArray
    track_id: int = -1
    bbox_xyxy: FloatArray | None = None
    bbox_score: float = float("nan")


def missing_at_zero(points: FloatArray) -> FloatArray:
    """Return (K, 3) x, y, score with NaN for the positions that are 0, 0 with score 0.

    Raises
    ------
    FormatError
        If a score is not within 0..1, or there is a score but no position.
    """
    out = np.where((points == 0).all(axis=1, keepdims=True), [np.nan, np.nan, 0], points)
    if not np.all((out[:, 2] >= 0) & (out[:, 2] <= 1)):
        raise FormatError("a keypoint's score is not within 0..1")
    return out.astype(np.float32)


def assemble(
    people: Sequence[Person],
    skeleton: Skeleton,
    frame_index: Sequence[int],
    *,
    frame_name: tuple[str, ...] | None = None,
    size_wh: tuple[int, int] | None = None,
) -> Poses:
    """Return the poses of people in ascending order of their frames, without times (NaN)."""
    n, k = len(people), len(skeleton)
    points = np.array([person.points for person in people], dtype=np.float32).reshape(n, k, 3)
    boxes = bounds(points[..., :2])
    for box, person in zip(boxes, people, strict=True):
        if person.bbox_xyxy is not None:
            box[:] = person.bbox_xyxy
    return Poses(
        skeleton=skeleton,
        frame_time_s=np.full(len(frame_index), np.nan),
        frame_index=np.array(frame_index, dtype=np.int64),
        frame_name=frame_name,
        frame=np.array([person.frame for person in people], dtype=np.int64),
        xy=points[..., :2],
        score=points[..., 2],
        track_id=np.array([person.track_id for person in people], dtype=np.int64),
        bbox_xyxy=boxes,
        bbox_score=np.array([person.bbox_score for person in people], dtype=np.float32),
        size_wh=size_wh,
    )
