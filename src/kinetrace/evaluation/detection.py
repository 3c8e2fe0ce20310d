"""Who is found and who is made up: what counts before keypoints are looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from kinetrace.boxes import area, iou
from kinetrace.evaluation.average_precision import match_images
from kinetrace.evaluation.predictions import Predictions
from kinetrace.evaluation.truth import Truth

_TOUCHES = 0.3


@dataclass(frozen=True, kw_only=True)
class DetectionCounts:
    """People found and made up.

    Attributes
    ----------
    images
        How many there are.
    people
        Annotated with keypoints, one by one.
    found
        Of these, those whom a prediction matches.
    reported
        Predictions.
    phantoms
        Of these, those where nobody is annotated.
    """

    images: int
    people: int
    found: int
    reported: int
    phantoms: int

    @property
    def recall(self) -> float:
        """Share of people found, 0..1; NaN without anybody."""
        return self.found / self.people if self.people else float("nan")

    @property
    def phantoms_per_image(self) -> float:
        """NaN without an image."""
        return self.phantoms / self.images if self.images else float("nan")


def count_detections(
    predictions: Predictions,
    truth: Truth,
    *,
    by: Literal["oks", "bbox"] = "oks",
    threshold: float = 0.5,
) -> DetectionCounts:
    """Count the people found and the phantoms.

    Somebody is found by a prediction at least `threshold` alike, by keypoints (``oks``: Object
    Keypoint Similarity) or by boxes (``bbox``: intersection over union); a prediction finds one
    person, the best one choosing first. A phantom's box meets no annotated person's, labelled with
    keypoints or not, at an IoU of 0.3, nor lies to 30 % within a crowd's.

    Raises
    ------
    FormatError
        For ``oks``, as `average_precision`.
    """
    found = _found_by_oks if by == "oks" else _found_by_box
    return DetectionCounts(
        images=len(truth.image_name),
        people=int((~truth.ignored).sum()),
        found=found(predictions, truth, threshold),
        reported=len(predictions.xy),
        phantoms=_phantoms(predictions, truth),
    )


def _found_by_oks(predictions: Predictions, truth: Truth, threshold: float) -> int:
    matches = match_images(predictions, truth, np.array([threshold]))
    return sum(int(((im.match[0] >= 0) & ~im.ignored[0]).sum()) for im in matches)


def _found_by_box(predictions: Predictions, truth: Truth, threshold: float) -> int:
    found = 0
    for image in range(len(truth.image_name)):
        g = np.flatnonzero((truth.image == image) & ~truth.ignored)
        d = np.flatnonzero(predictions.image == image)
        d = d[np.argsort(-predictions.rank[d], kind="stable")]
        alike = np.nan_to_num(iou(predictions.bbox_xyxy[d], truth.bbox_xyxy[g]))
        for row in alike if len(g) else ():
            best = int(row.argmax())
            if row[best] >= threshold:
                found += 1
                alike[:, best] = -1
    return found


def _phantoms(predictions: Predictions, truth: Truth) -> int:
    phantoms = 0
    for image in range(len(truth.image_name)):
        box = predictions.bbox_xyxy[predictions.image == image]
        here = truth.image == image
        touching = np.concatenate(
            [
                iou(box, truth.bbox_xyxy[here & ~truth.crowd]),
                _share_within(box, truth.bbox_xyxy[here & truth.crowd]),
            ],
            axis=1,
        )
        # A person without a box (NaN) touches nobody.
        phantoms += int((np.nan_to_num(touching).max(axis=1, initial=0) < _TOUCHES).sum())
    return phantoms


def _share_within(
    box_xyxy: npt.NDArray[np.float64], crowd_xyxy: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return how much of each of N boxes lies within each of C crowds, (N, C) of 0..1."""
    low = np.maximum(box_xyxy[:, None, :2], crowd_xyxy[None, :, :2])
    high = np.minimum(box_xyxy[:, None, 2:], crowd_xyxy[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    return np.asarray(shared / np.maximum(area(box_xyxy), np.spacing(1))[:, None])
