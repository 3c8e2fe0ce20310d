"""How good a detector is on pictures that it was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace.boxes import iou
from kinetrace.detectors._letterbox import fit, letterbox
from kinetrace.networks.person import Found, decode
from kinetrace.training.detector.pictures import Image, People, Pictures
from kinetrace.training.detector.scenes import draw_nobody
from kinetrace.training.detector.targets import SURE

# (N, S, S, 3) uint8 RGB -> (N, 5, S / 4, S / 4).
Network = Callable[[Image], npt.NDArray[np.float32]]

_FOUND_IOU = 0.5
# What overlaps anybody by so much, however unsure, is no phantom.
_NEAR_IOU = 0.3
_INSIDE = 0.6
_LEAST_SCORE = 0.05
_BATCH = 8


class Exam(NamedTuple):
    """Pictures to be measured on, in a square, and who is in them.

    Attributes
    ----------
    image : (N, S, S, 3) uint8
        RGB.
    people
        Of each picture, in px of the square.
    """

    image: Image
    people: list[People]


class Marks(NamedTuple):
    """What every detection is, and how many people there were to find.

    Attributes
    ----------
    score : (D,)
        Of all detections in all pictures.
    is_hit, is_phantom : (D,) bool
        Whether it is the best one of somebody who is surely there; whether nobody is there at
        all. What is neither is a second box, or of somebody unsure.
    wanted
        How many people are surely there.
    pictures
        How many pictures.
    """

    score: npt.NDArray[np.float32]
    is_hit: npt.NDArray[np.bool_]
    is_phantom: npt.NDArray[np.bool_]
    wanted: int
    pictures: int

    def at(self, score: float) -> tuple[float, float]:
        """Return the share of people found, and phantoms a picture, from some score on."""
        kept = self.score >= score
        found = np.count_nonzero(self.is_hit & kept) / max(1, self.wanted)
        return found, np.count_nonzero(self.is_phantom & kept) / max(1, self.pictures)

    def score_for(self, phantoms: float) -> float:
        """Return the least score with at most so many phantoms a picture."""
        scores = np.sort(self.score[self.is_phantom])[::-1]
        allowed = int(phantoms * self.pictures)
        if len(scores) <= allowed:
            return _LEAST_SCORE
        return float(np.nextafter(scores[allowed], np.float32(1)))


def prepare_exam(
    pictures: Pictures, rows: npt.NDArray[np.int64], size_px: int, *, nobody: int, seed: int = 0
) -> Exam:
    """Make an exam of pictures as the detector sees them, and of scenes with nobody in them.

    Parameters
    ----------
    pictures
        All of them.
    rows
        The numbers of those that are shown, and of which the scenes are cut.
    size_px
        Side of the network's input.
    nobody
        How many scenes with nobody.
    seed
        Of these.
    """
    images, people = [], []
    for row in rows:
        image, shown = pictures.image(int(row)), pictures.people_of(int(row))
        fitted = fit(image.shape[1::-1], (size_px, size_px))
        images.append(letterbox(image, fitted.scaled_wh, (size_px, size_px)))
        factor_xy = np.array(fitted.scaled_wh, np.float32) / np.array(fitted.size_wh)
        people.append(shown._replace(bbox_xyxy=shown.bbox_xyxy * np.tile(factor_xy, 2)))
    for number in range(nobody):
        rng = np.random.default_rng((seed, 2, number))
        images.append(draw_nobody(pictures, rows, size_px, rng))
        people.append(People(np.zeros((0, 4), np.float32), np.zeros(0, np.float32)))
    return Exam(np.stack(images), people)


def measure(network: Network, exam: Exam) -> Marks:
    """Let a network sit an exam."""
    found: list[Found] = []
    for start in range(0, len(exam.image), _BATCH):
        found += decode(network(exam.image[start : start + _BATCH]), min_score=_LEAST_SCORE)
    return mark(found, exam.people)


def mark(found: Sequence[Found], people: Sequence[People]) -> Marks:
    """Compare what was found with who is there, picture by picture."""
    each = [_mark(*pair) for pair in zip(found, people, strict=True)]
    return Marks(
        np.concatenate([one.score for one in found]),
        np.concatenate([hit for hit, _ in each]),
        np.concatenate([phantom for _, phantom in each]),
        sum(int((one.score >= SURE).sum()) for one in people),
        len(found),
    )


def _mark(found: Found, people: People) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    is_hit = np.zeros(len(found.score), bool)
    overlap = iou(found.xyxy, people.bbox_xyxy)
    near = (overlap > _NEAR_IOU).any(axis=1)
    near |= (_share_inside(found.xyxy, people.bbox_xyxy) > _INSIDE)[:, people.score < SURE].any(
        axis=1
    )
    open_ = people.score >= SURE
    for i in range(len(found.score)):  # in order of falling score
        candidates = np.where(open_, overlap[i], 0)
        if len(candidates) and candidates.max() >= _FOUND_IOU:
            is_hit[i] = True
            open_[candidates.argmax()] = False
    return is_hit, ~near & ~is_hit


def _share_inside(
    boxes: npt.NDArray[np.float32], around: npt.NDArray[np.float32]
) -> npt.NDArray[np.floating]:
    """Return which share of each box lies in each other one, (N, M)."""
    low = np.maximum(boxes[:, None, :2], around[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], around[None, :, 2:])
    own = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    return np.asarray(shared / np.maximum(own[:, None], 1e-6))
