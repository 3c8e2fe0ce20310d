"""Faces, from the keypoints of heads, and their blurring.

What is blurred is rather too much than too little: a circle around all that is known of a head,
as large as the head is by the largest of several measures, also for a while before and after a
person is found. Whoever is not found at all is not blurred.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from kinetrace.poses import Poses

Floats = npt.NDArray[np.float64]

_HEAD = ("nose", "eye", "ear", "mouth")

# The radius of a head, by what is seen of a body. A head is about a seventh of a body's height, and
# as wide as a third of the shoulders are.
_BY_SPREAD = 1.9  # of the farthest head keypoint's distance from their middle
_BY_SHOULDERS = 0.45
_BY_TRUNK = 0.32
_BY_BOX = 0.09  # of its height

# How long before and after somebody is found their head is taken to be where it was, in seconds,
# and how much larger.
_HELD_S = 0.6
_HELD_LARGER = 1.4
_BLOCKS = 5  # as many across are left of a face


class Faces:
    """Where the faces of a film are.

    Parameters
    ----------
    poses
        The people in it.
    """

    def __init__(self, poses: Poses) -> None:
        circles = head_circles(poses)
        self._of_frame: list[list[Floats]] = [[] for _ in poses.frame_time_s]
        for row, frame in enumerate(poses.frame):
            if np.isfinite(circles[row]).all():
                self._of_frame[int(frame)].append(circles[row])
        for track_id in np.unique(poses.track_id[poses.track_id >= 0]):
            self._hold(poses, circles, np.flatnonzero(poses.track_id == track_id))

    def _hold(self, poses: Poses, circles: Floats, rows: npt.NDArray[np.intp]) -> None:
        """Keep a head where it was while its person is not found."""
        rows = rows[np.isfinite(circles[rows]).all(axis=1)]
        if not len(rows):
            return
        time_s = poses.frame_time_s
        seen = poses.frame[rows]
        for frame in np.setdiff1d(np.arange(len(time_s)), seen):
            away_s = np.abs(time_s[seen] - time_s[frame])
            for nearest in _neighbours(seen, int(frame)):
                if away_s[nearest] <= _HELD_S:
                    self._of_frame[frame].append(circles[rows[nearest]] * (1, 1, _HELD_LARGER))

    def blurred(self, image: npt.NDArray[np.uint8], position: int) -> npt.NDArray[np.uint8]:
        """Return a frame with its faces blurred.

        Parameters
        ----------
        image : (H, W, 3) uint8
            RGB; it is not changed.
        position
            Of the frame among those of the poses.
        """
        circles = self._of_frame[position]
        if not circles:
            return image
        image = image.copy()
        for x_px, y_px, radius_px in circles:
            _blur(image, x_px, y_px, radius_px)
        return image


def _neighbours(seen: npt.NDArray[Any], frame: int) -> list[int]:
    """Return the positions of the frames before and after one, in those that are seen."""
    after = int(np.searchsorted(seen, frame))
    return [i for i in (after - 1, after) if 0 <= i < len(seen)]


def head_circles(poses: Poses) -> Floats:
    """Return a circle around each person's head.

    Returns
    -------
    (N, 3) float64
        Middle x and y and radius, px; NaN where nothing tells where the head is.
    """
    with np.errstate(invalid="ignore"):
        return np.array([_circle(poses, row) for row in range(len(poses))]).reshape(-1, 3)


def _circle(poses: Poses, row: int) -> Floats:
    xy = poses.xy[row].astype(np.float64)
    names = poses.skeleton.keypoints
    head = xy[[any(part in name for part in _HEAD) for name in names]]
    head = head[np.isfinite(head).all(axis=1)]
    shoulders = _middle_and_width(xy, names, "shoulder")
    hips = _middle_and_width(xy, names, "hip")
    left, top, right, bottom = poses.bbox_xyxy[row].astype(np.float64)
    trunk_px = float(np.hypot(*(shoulders[0] - hips[0])))
    sizes = [_BY_BOX * (bottom - top), _BY_SHOULDERS * shoulders[1], _BY_TRUNK * trunk_px]
    if len(head):
        middle = (head.min(axis=0) + head.max(axis=0)) / 2
        sizes.append(_BY_SPREAD * float(np.hypot(*(head - middle).T).max()))
        radius_px = np.nanmax([4.0, *sizes])
        return np.array([*middle, radius_px])
    radius_px = 1.5 * np.nanmax([4.0, *sizes])
    if np.isfinite(shoulders[0]).all():
        up = np.nan_to_num((shoulders[0] - hips[0]) / max(trunk_px, 1.0))
        up = up if up.any() else np.array([0.0, -1.0])
        above_px = np.nanmax([0.4 * trunk_px, 0.5 * shoulders[1]])
        return np.array([*(shoulders[0] + above_px * up), radius_px])
    return np.array([(left + right) / 2, top + radius_px, radius_px])


def _middle_and_width(xy: Floats, names: tuple[str, ...], joint: str) -> tuple[Floats, float]:
    """Return the middle of a pair of joints and their distance, px; NaN where one is missing."""
    pair = [f"left_{joint}", f"right_{joint}"]
    if not set(pair) <= set(names):
        return np.full(2, np.nan), np.nan
    left, right = (xy[names.index(name)] for name in pair)
    return (left + right) / 2, float(np.hypot(*(left - right)))


def _blur(image: npt.NDArray[np.uint8], x_px: float, y_px: float, radius_px: float) -> None:
    """Leave of a circle only what a few blocks across can hold, in place."""
    height, width = image.shape[:2]
    x1, x2 = (int(np.clip(v, 0, width)) for v in (x_px - radius_px, x_px + radius_px + 1))
    y1, y2 = (int(np.clip(v, 0, height)) for v in (y_px - radius_px, y_px + radius_px + 1))
    if x2 <= x1 or y2 <= y1:
        return
    part = image[y1:y2, x1:x2]
    few: Any = cv2.resize(part, (_BLOCKS, _BLOCKS), interpolation=cv2.INTER_AREA)
    smooth = cv2.resize(few, (x2 - x1, y2 - y1), interpolation=cv2.INTER_LINEAR)
    rows, columns = np.ogrid[y1:y2, x1:x2]
    inside = (columns - x_px) ** 2 + (rows - y_px) ** 2 <= radius_px**2
    part[inside] = smooth[inside]
