"""Poses to and from `supervision`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kinetrace.errors import MissingExtraError
from kinetrace.poses import FloatArray, Poses, Skeleton
from kinetrace.skeletons import skeleton_of

if TYPE_CHECKING:
    import supervision


def to_supervision(poses: Poses, frame: int) -> supervision.KeyPoints:
    """Return the people of one frame as `supervision` has them.

    Parameters
    ----------
    poses
        Of any source.
    frame
        Position of the frame (not its number in the source).

    Returns
    -------
    supervision.KeyPoints
        With ``data["tracker_id"]``. A missing keypoint is (0, 0) with confidence 0, which
        `supervision` does not draw.

    Raises
    ------
    MissingExtraError
        If supervision is not installed.
    """
    try:
        import supervision
    except ImportError as error:
        raise MissingExtraError("supervision", "supervision") from error
    rows = poses.frame == frame
    xy, score = poses.xy[rows], poses.score[rows]
    there = np.isfinite(xy).all(axis=2)
    return supervision.KeyPoints(
        np.where(there[..., None], xy, 0),
        np.zeros(len(xy), dtype=int),
        np.where(there, score, 0),
        data={"tracker_id": poses.track_id[rows]},
    )


def from_supervision(
    frames: Sequence[supervision.KeyPoints],
    *,
    keypoints: Sequence[str] | Skeleton,
    frame_time_s: FloatArray,
) -> Poses:
    """Return the poses of frames as `supervision` has them.

    Parameters
    ----------
    frames
        One for each of T frames; empty ones are frames with nobody. (0, 0) is missing.
    keypoints
        K names, or what they are.
    frame_time_s : (T,)
        Seconds; NaN where there is no clock.

    Raises
    ------
    ValueError
        If shapes do not fit, or a confidence leaves 0..1.
    """
    skeleton = keypoints if isinstance(keypoints, Skeleton) else skeleton_of(tuple(keypoints))
    k = len(skeleton)
    counts = [len(frame) for frame in frames]
    xy = np.concatenate([np.zeros((0, k, 2)), *(f.xy.reshape(len(f), k, 2) for f in frames)])
    there = (xy != 0).any(axis=2) & np.isfinite(xy).all(axis=2)
    score = np.concatenate([np.zeros((0, k)), *(_confidence(f, k) for f in frames)])
    ids = [np.asarray(f.data.get("tracker_id", [-1] * len(f)), dtype=np.int64) for f in frames]
    return Poses(
        skeleton=skeleton,
        frame_time_s=frame_time_s,
        frame=np.repeat(np.arange(len(frames)), counts),
        xy=np.where(there[..., None], xy, np.nan),
        score=np.where(there, score, 0),
        track_id=np.concatenate([np.zeros(0, dtype=np.int64), *ids]),
    )


def _confidence(frame: supervision.KeyPoints, keypoints: int) -> FloatArray:
    # Its name before version 0.27 was `confidence`.
    is_new = hasattr(frame, "keypoint_confidence")
    values = frame.keypoint_confidence if is_new else frame.confidence
    return np.ones((len(frame), keypoints)) if values is None else np.asarray(values)
