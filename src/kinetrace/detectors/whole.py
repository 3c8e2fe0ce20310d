"""The whole picture is one person: for pictures that were cropped to a person before.

Never a default, since it finds a person in an empty scene as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kinetrace.estimators import Detections, Options
from kinetrace.frames import Frame


def load(options: Options) -> WholePicture:  # noqa: ARG001
    """Make the detector; nothing of `options` concerns it."""
    return WholePicture()


class WholePicture:
    """A `Detector` of one box, the picture, with score 1."""

    @property
    def description(self) -> Mapping[str, Any]:
        """What ran, for the log."""
        return {"detector": "whole"}

    def __call__(self, frames: Sequence[Frame]) -> list[Detections]:
        """Return the box of each frame."""
        return [
            Detections(np.array([[0, 0, *frame.size_wh]], np.float32), np.ones(1, np.float32))
            for frame in frames
        ]

    def close(self) -> None:
        """Do nothing: nothing is held."""
