"""People by MediaPipe: its Pose Landmarker on the picture, asked for many people at once.

It finds large, upright, separate people and misses most others; `docs/accuracy.md` says how many.
The box is that of the person's keypoints, its score their mean visibility.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kinetrace import weights
from kinetrace.backends._landmarker import Landmarker, find_model
from kinetrace.boxes import suppress, to_detections
from kinetrace.estimators import Detections, Options
from kinetrace.frames import Frame
from kinetrace.poses import bounds

# More than this many are never found in a picture that is looked at 224 pixels wide.
_MOST_PEOPLE = 20

# MediaPipe fits a picture into a square of 224 pixels. From this ratio of the sides on, so much of
# that square is empty that the picture's own squares are looked at as well.
_OBLONG = 1.15

# For a panorama; in still longer pictures the squares no longer overlap.
_MOST_SQUARES = 9

# Whoever is seen in two squares is found in both; boxes that overlap more are one person's.
_SAME_PERSON = 0.7


def load(options: Options) -> MediaPipeDetector:
    """Make the detector; it uses the model of `options` if that is MediaPipe's own."""
    return MediaPipeDetector(options)


class MediaPipeDetector:
    """A `Detector` on MediaPipe's Pose Landmarker."""

    def __init__(self, options: Options) -> None:
        self._weights = find_model(options.model, quiet=options.quiet)
        self._least_score = options.min_detection_score or 0.0
        self._landmarker = Landmarker(
            weights.task_bundle(self._weights), most_people=_MOST_PEOPLE, film=False
        )

    @property
    def description(self) -> Mapping[str, Any]:
        """What ran, for the log."""
        return {"detector": "mediapipe", **self._weights.describe()}

    def __call__(self, frames: Sequence[Frame]) -> list[Detections]:
        """Find the people of each frame."""
        return [self._detect(frame) for frame in frames]

    def _detect(self, frame: Frame) -> Detections:
        found = [self._detect_in(frame, *window) for window in _windows(*frame.size_wh)]
        boxes = np.concatenate([box for box, _ in found])
        score = np.concatenate([score for _, score in found])
        kept = suppress(boxes, score, max_iou=_SAME_PERSON)
        return to_detections(boxes[kept], score[kept], frame.size_wh, min_score=self._least_score)

    def _detect_in(self, frame: Frame, left: int, top: int, right: int, bottom: int) -> Detections:
        people = self._landmarker(frame.image[top:bottom, left:right], frame.time_s)
        edge = np.array((right - left, bottom - top), np.float32)
        corner = np.array((left, top), np.float32)
        boxes = bounds(np.clip(people.xy, 0, edge) + corner)
        return Detections(boxes, people.score.mean(axis=1))

    def close(self) -> None:
        """Free the landmarker."""
        self._landmarker.close()


def _windows(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Return the whole picture and, if it is oblong, squares of its height or width along it.

    They overlap by half, so that whoever stands on the edge of one is whole in the next.
    """
    whole = (0, 0, width, height)
    side, length = min(width, height), max(width, height)
    if length <= _OBLONG * side:
        return [whole]
    count = min(math.ceil((length - side) / (side / 2)) + 1, _MOST_SQUARES)
    starts = np.linspace(0, length - side, count).astype(int).tolist()
    if width > height:
        return [whole, *((start, 0, start + side, height) for start in starts)]
    return [whole, *((0, start, width, start + side) for start in starts)]
