"""People at boxes that the user gives: a CSV file, or a COCO json.

A CSV file has a column ``frame`` (number in the source, from 0) or ``file`` (name of the image),
and ``x1, y1, x2, y2`` in px, or ``bbox_x1_px`` ... as Kinetrace's own tables call them; ``score``
(or ``bbox_score``), 0..1, may follow. A COCO json has images and annotations with a ``bbox``;
images are found by their file's name, or by their number where they have no name.

A frame without boxes has nobody in it. All boxes count, whatever their score, unless
`Options.min_detection_score` is given.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kinetrace.boxes import to_detections
from kinetrace.detectors._box_files import Boxes, read_boxes
from kinetrace.errors import SourceError
from kinetrace.estimators import Detections, Options
from kinetrace.frames import Frame

_log = logging.getLogger(__name__)


def load(options: Options) -> GivenBoxes:
    """Make the detector from the file `Options.boxes`.

    Raises
    ------
    SourceError
        If there is no such file, or none is named.
    FormatError
        Naming what is wrong in it.
    """
    if options.boxes is None:
        raise SourceError("the detector 'boxes' needs a file of boxes: name a CSV or a COCO json")
    return GivenBoxes(Path(options.boxes), min_score=options.min_detection_score or 0.0)


class GivenBoxes:
    """A `Detector` that looks up boxes."""

    def __init__(self, path: Path, *, min_score: float = 0.0) -> None:
        self._path, self._min_score = path, min_score
        self._known = read_boxes(path)
        self._seen = self._matched = 0

    @property
    def description(self) -> Mapping[str, Any]:
        """What ran, for the log."""
        return {
            "detector": "boxes",
            "boxes": str(self._path),
            "min_detection_score": self._min_score,
        }

    def __call__(self, frames: Sequence[Frame]) -> list[Detections]:
        """Return the boxes of each frame.

        Raises
        ------
        SourceError
            If the boxes are given by file name, and a frame is not from a file.
        """
        return [self._look_up(frame) for frame in frames]

    def _look_up(self, frame: Frame) -> Detections:
        given = self._find(frame)
        self._seen += 1
        self._matched += given is not None
        xyxy, score = given or Boxes.none()
        return to_detections(xyxy, score, frame.size_wh, min_score=self._min_score)

    def _find(self, frame: Frame) -> Boxes | None:
        if frame.name and self._known.by_name:
            return self._known.by_name.get(frame.name)
        if self._known.by_name and not self._known.by_number:
            raise SourceError(
                f"{self._path} gives boxes by file name, but frame {frame.index} is not an image "
                "file: give them by its number, in a column 'frame'"
            )
        return self._known.by_number.get(frame.index)

    def close(self) -> None:
        """Say so if no frame was in the file: it probably belongs to another source."""
        if self._seen and not self._matched:
            _log.warning("none of the %d frames is in %s", self._seen, self._path)
        self._seen = 0
