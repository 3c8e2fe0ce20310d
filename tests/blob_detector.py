"""A detector of bright figures on a dark ground, as an installed plug-in, that keeps a diary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from kinetrace.boxes import to_detections
from kinetrace.estimators import Detections, Options
from kinetrace.frames import Frame

_BRIGHT = 50
_JOINED_PX = 16
_MARGIN_PX = 8


def load(options: Options) -> BlobDetector:
    global latest
    latest = BlobDetector()
    return latest


class BlobDetector:
    """Finds what is bright, groups what is near, and draws a box around it."""

    def __init__(self) -> None:
        self.looked_at: list[int] = []
        # What goes wrong, by the number of the frame.
        self.misses: set[int] = set()
        self.overlooks: dict[int, float] = {}  # who is right of that
        self.invents: dict[int, tuple[float, float, float, float]] = {}
        self.shifts_px: dict[int, float] = {}

    @property
    def description(self) -> Mapping[str, Any]:
        return {"detector": "blobs"}

    def __call__(self, frames: Sequence[Frame]) -> list[Detections]:
        self.looked_at += [frame.index for frame in frames]
        return [self._detect(frame) for frame in frames]

    def _detect(self, frame: Frame) -> Detections:
        bright = (frame.image.max(axis=2) > _BRIGHT).astype(np.uint8)
        near = cv2.dilate(bright, np.ones((2 * _JOINED_PX + 1,) * 2, np.uint8))
        count, label = cv2.connectedComponents(near)
        boxes: list[tuple[float, ...]] = []
        for each in range(1, count if frame.index not in self.misses else 1):
            y, x = np.nonzero(bright & (label == each))
            box = np.array([x.min(), y.min(), x.max(), y.max()], float)
            box += np.array([-1, -1, 1, 1]) * _MARGIN_PX + self.shifts_px.get(frame.index, 0)
            if box[0] < self.overlooks.get(frame.index, np.inf):
                boxes.append(tuple(box))
        if frame.index in self.invents:
            boxes.append(self.invents[frame.index])
        # The further left, the surer: so that there is an order.
        xyxy = np.array(boxes, np.float32).reshape(-1, 4)
        score = 0.9 - xyxy[:, 0] / 1000
        return to_detections(xyxy, score.astype(np.float32), frame.size_wh)

    def close(self) -> None:
        pass


latest: BlobDetector
