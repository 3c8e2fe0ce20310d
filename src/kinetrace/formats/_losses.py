"""What poses hold and a format cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from kinetrace.poses import Poses, bounds


def losses(poses: Poses, loses: Sequence[str]) -> list[str]:
    """Name what is lost when poses are written in a format that loses some of their fields.

    Parameters
    ----------
    poses
        What is written.
    loses
        The format's `LOSES`. Picture size, source and log are not told of: they are no measurement.

    Returns
    -------
    list of str
        In plain words, and only what these poses really have.
    """
    return [what for name, (what, is_told) in _FIELDS.items() if name in loses and is_told(poses)]


def _has_space(poses: Poses) -> bool:
    return poses.xyz_m is not None and bool(np.isfinite(poses.xyz_m).any())


def _has_pixels_beside_space(poses: Poses) -> bool:
    # A format that loses pixels writes them where there are no metres.
    return _has_space(poses) and bool(np.isfinite(poses.xy).any())


def _has_scores(poses: Poses) -> bool:
    there = np.isfinite(poses.xy).all(axis=2)
    if poses.xyz_m is not None:
        there |= np.isfinite(poses.xyz_m).all(axis=2)
    return not np.array_equal(poses.score, there)


def _has_boxes(poses: Poses) -> bool:
    return not np.array_equal(poses.bbox_xyxy, bounds(poses.xy), equal_nan=True)


def _has_numbers(poses: Poses) -> bool:
    return not np.array_equal(poses.frame_index, np.arange(len(poses.frame_index)))


_FIELDS: dict[str, tuple[str, Callable[[Poses], bool]]] = {
    "xy": ("positions in pixels", _has_pixels_beside_space),
    "xyz_m": ("positions in metres", _has_space),
    "score": ("scores", _has_scores),
    "track_id": ("track ids", lambda poses: bool(np.any(poses.track_id >= 0))),
    "bbox_xyxy": ("boxes", _has_boxes),
    "bbox_score": ("scores of boxes", lambda poses: bool(np.isfinite(poses.bbox_score).any())),
    "frame_time_s": ("times", lambda poses: bool(np.isfinite(poses.frame_time_s).any())),
    "frame_index": ("numbers of frames", _has_numbers),
    "frame_name": ("file names", lambda poses: poses.frame_name is not None),
}
