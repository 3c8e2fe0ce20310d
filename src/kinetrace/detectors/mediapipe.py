"""People by MediaPipe: its Pose Landmarker on the whole picture, asked for many people at once.

It finds large, upright, separate people and misses most others; `docs/accuracy.md` says how many.
The box is that of the person's keypoints, its score their mean visibility.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kinetrace import weights
from kinetrace.backends._landmarker import Landmarker, find_model
from kinetrace.estimators import Detections, Options
from kinetrace.frames import Frame
from kinetrace.poses import bounds

# More than this many are never found in a picture that is looked at 224 pixels wide.
_MOST_PEOPLE = 20


def load(options: Options) -> MediaPipeDetector:
    """Make the detector; it uses the model of `options` if that is MediaPipe's own."""
    return MediaPipeDetector(options)


class MediaPipeDetector:
    """A `Detector` on MediaPipe's Pose Landmarker."""

    def __init__(self, options: Options) -> None:
        self._weights = find_model(options.model, quiet=options.quiet)
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
        people = self._landmarker(frame.image, frame.time_s)
        boxes = bounds(people.xy)
        edge = np.array((*frame.size_wh, *frame.size_wh), np.float32)
        score = people.score.mean(axis=1)
        order = np.argsort(-score, kind="stable")
        return Detections(np.clip(boxes, 0, edge)[order], score[order])

    def close(self) -> None:
        """Free the landmarker."""
        self._landmarker.close()
