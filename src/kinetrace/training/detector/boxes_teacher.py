"""Who is in a picture, by a larger detector at two sizes and by labelled joints.

Photos of a data set of poses label one person each and show others, too. A detector that is
taught that these are nobody learns nothing; so another one says who else is there, and what it is
unsure of counts neither way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kinetrace.boxes import iou
from kinetrace.detectors import rtmdet
from kinetrace.estimators import Detections, Options
from kinetrace.frames import Frame, open_frames
from kinetrace.poses import bounds
from kinetrace.training.detector.pictures import Image, People
from kinetrace.training.sources import Source

Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]

# The detector's own size finds large people, twice of it small ones.
_SIZES_PX = (320, 640)
# Less than this is nobody, for all that is known.
_LEAST_SCORE = 0.1
_SAME_PERSON = 0.5
# A label confirms the box that it overlaps by so much: joints lie inside of it.
_CONFIRMED = 0.35
_CONFIRMED_SCORE = 0.9
# Joints lie inside of the body by this, relative to the longer side of their box.
_FLESH = 0.08
# So many labelled joints tell where a whole person is. Whom the teacher does not see is still a
# person, such as somebody upside down.
_WHOLE, _WHOLE_SCORE = 12, 0.7
_FEW, _FEW_SCORE = 4, 0.3
# What lies inside of another box by so much is a part of that person, unless it is as sure.
_INSIDE, _OWN_SCORE = 0.8, 0.6
# How often a film is looked at.
_FILM_STEP = "1s"
# Of less than this, most are nobody.
_DOUBTFUL = 0.18


class BoxesTeacher:
    """RTMDet in an ONNX file, asked at two sizes.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    WeightsError
        If the file holds no such network.
    """

    def __init__(self, path: Path) -> None:
        self._detectors = [
            rtmdet.load(
                Options(
                    model=str(path),
                    device="cpu",
                    threads=1,
                    detector_size_px=size_px,
                    min_detection_score=_LEAST_SCORE,
                )
            )
            for size_px in _SIZES_PX
        ]

    def __call__(self, image: Image) -> People:
        """Find everybody in a picture (H, W, 3)."""
        return merge([detector([Frame(image, 0, 0.0)])[0] for detector in self._detectors])

    def close(self) -> None:
        """Free the networks. Closing twice is fine."""
        for detector in self._detectors:
            detector.close()


def merge(found: list[Detections]) -> People:
    """Make one box of those that are of one person: their mean by score, and the best score."""
    boxes = np.concatenate([each.bbox_xyxy for each in found])
    score = np.concatenate([each.score for each in found])
    waiting = np.argsort(-score, kind="stable")
    people, best = [], []
    while len(waiting):
        same = iou(boxes[waiting[:1]], boxes[waiting])[0] > _SAME_PERSON
        same[0] = True
        group = waiting[same]
        people.append(np.average(boxes[group], axis=0, weights=score[group]))
        best.append(score[group[0]])
        waiting = waiting[~same]
    return People(np.array(people, np.float32).reshape(-1, 4), np.array(best, np.float32))


def add_labelled(people: People, joints_xy: Floats, size_wh: tuple[int, int]) -> People:
    """Add a labelled person to those found, or confirm the one found there.

    Parameters
    ----------
    people
        Found.
    joints_xy : (K, 2)
        Pixels; NaN where a joint is not labelled.
    size_wh
        Of the picture.
    """
    labelled = int(np.isfinite(joints_xy).all(axis=1).sum())
    if labelled < _FEW:
        return people
    box = bounds(joints_xy[None]).astype(np.float64)
    grown = _FLESH * (box[:, 2:] - box[:, :2]).max()
    box += np.array([-grown, -grown, grown, grown])
    box = np.clip(box, 0, np.tile(size_wh, 2)).astype(np.float32)
    boxes, score = people
    overlap = iou(box, boxes)[0]
    if len(score) and overlap.max() >= _CONFIRMED:
        sure = score.copy()
        sure[overlap.argmax()] = max(sure[overlap.argmax()], _CONFIRMED_SCORE)
        return People(boxes, sure)
    new = np.float32(_WHOLE_SCORE if labelled >= _WHOLE else _FEW_SCORE)
    return People(np.concatenate([boxes, box]), np.append(score, new).astype(np.float32))


def settle(people: People) -> People:
    """Drop what is a part of somebody, and what is next to nothing."""
    order = np.argsort(-people.score, kind="stable")
    kept: list[int] = []
    for i in order[people.score[order] >= _DOUBTFUL]:
        if people.score[i] >= _OWN_SCORE or not _is_inside(people.bbox_xyxy, i, kept):
            kept.append(int(i))
    return People(people.bbox_xyxy[kept], people.score[kept])


def _is_inside(boxes: Floats32, i: int, others: list[int]) -> bool:
    box, around = boxes[i], boxes[others].reshape(-1, 4)
    wh = np.minimum(box[2:], around[:, 2:]) - np.maximum(box[:2], around[:, :2])
    shared = np.prod(np.maximum(wh, 0), axis=1)
    return bool(np.any(shared > _INSIDE * np.prod(box[2:] - box[:2])))


def find_people(source: Source, teacher: BoxesTeacher) -> Iterator[tuple[str, Image, People]]:
    """Yield of each picture of a source its name, the picture, and everybody in it."""
    truth = source.truth
    for number, image in source.pictures():
        people = teacher(image)
        for row in np.flatnonzero(truth.image == number):
            people = add_labelled(people, truth.xy[row], image.shape[1::-1])
        yield truth.image_name[number], image, settle(people)


def find_unlabelled(
    media: Iterable[Path], teacher: BoxesTeacher
) -> Iterator[tuple[str, Image, People]]:
    """Yield the same of pictures that nobody labelled: who is there, the teacher alone says.

    Parameters
    ----------
    media
        Folders of photos, and films, of which one frame a second is looked at. All frames of a film
        have its name, so that it is held out whole, or not at all.

    Raises
    ------
    SourceError
        If one cannot be read.
    """
    for path in media:
        with open_frames(path, every=1 if path.is_dir() else _FILM_STEP) as frames:
            for frame in frames:
                yield frame.name or path.name, frame.image, settle(teacher(frame.image))
