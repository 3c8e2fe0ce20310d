"""MediaPipe's Pose Landmarker: 33 keypoints, with 3D in metres.

The score is MediaPipe's ``visibility``: how likely a keypoint is in the picture and not hidden.
The landmarker also places keypoints beyond the picture's edges; those are guesses, so they are
missing here (xy and xyz_m NaN, score 0). Depth, the third number of `Poses.xyz_m`, is unreliable.

One person in a film is followed by MediaPipe's own tracking and smoothing (VIDEO mode). In
unrelated pictures each is looked at afresh (IMAGE mode). Several people are first found by a
detector and then estimated one crop each, because the landmarker on its own misses most people
in a group. A single person is reported once a second look has confirmed it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace import plugins, weights
from kinetrace.backends._landmarker import (
    MODELS,
    NOBODY,
    Landmarker,
    Landmarks,
    find_model,
    mediapipe_version,
)
from kinetrace.backends._second_look import SecondLook, size_px
from kinetrace.boxes import iou
from kinetrace.estimators import Detections, Detector, Options
from kinetrace.frames import Frame
from kinetrace.poses import Poses, Skeleton, bounds
from kinetrace.skeletons import BLAZEPOSE33

__all__ = ["MODELS", "MediaPipePose", "load"]

# The landmarker looks for its person anew inside the crop and wants some room around it.
_CROP_MARGIN = 0.25

# Intersection over union of a detected box and the person then found in its crop, from which on
# they are taken for the same: a box is looser than a skeleton, but in the same place.
_SAME_BOX = 0.3

# Two crops that overlap can show the same person; this close on average, relative to the person's
# size, two poses are one. The same bound as for a second look at one person.
_SAME_PERSON = 0.3


def load(options: Options) -> MediaPipePose:
    """Make the estimator; see `MediaPipePose`."""
    return MediaPipePose(options)


class MediaPipePose:
    """An `Estimator` on MediaPipe's Pose Landmarker.

    Raises
    ------
    MissingExtraError
        If MediaPipe is not installed.
    WeightsError
        If the model cannot be had.
    """

    batch_size = 1

    def __init__(self, options: Options) -> None:
        self._version = mediapipe_version()
        self._weights = find_model(options.model, quiet=options.quiet)
        self._bundle = weights.task_bundle(self._weights)
        self._most_people = options.most_people(default=1)
        self._film = False
        self._closed = False
        self._landmarker: Landmarker | None = None
        self._detector: Detector | None = None
        self._second_look: SecondLook | None = None
        if self._most_people == 1:
            self._second_look = SecondLook(self._bundle)
        else:
            detector = plugins.load("detectors", options.detector or "mediapipe")
            if options.detector in (None, "mediapipe") and options.detector_model is None:
                options = dataclasses.replace(options, detector_model=options.model)
            self._detector = detector.load(options.for_detector())

    @property
    def skeleton(self) -> Skeleton:
        """MediaPipe's 33 keypoints."""
        return BLAZEPOSE33

    @property
    def description(self) -> Mapping[str, Any]:
        """What ran, for the log."""
        return {
            "backend": "mediapipe",
            **self._weights.describe(),
            "mediapipe": self._version,
            "mode": "crops" if self._detector else "video" if self._film else "image",
            "detector": self._detector.description if self._detector else None,
        }

    def reset(self, *, continuous: bool) -> None:
        """Begin a new film, or pictures that have nothing to do with each other."""
        self._close_landmarker()
        self._film = continuous
        if self._second_look is not None:
            self._second_look.reset(film=continuous)

    def __call__(self, frames: Sequence[Frame]) -> Poses:
        """Estimate each frame; a film's frames must come in order.

        Raises
        ------
        RuntimeError
            If the estimator is closed.
        """
        if self._closed:
            raise RuntimeError("this estimator is closed")
        if self._landmarker is None:
            follows = self._film and self._detector is None
            self._landmarker = Landmarker(self._bundle, most_people=1, film=follows)
        if self._detector is None:
            people = [self._confirmed(self._landmarker, frame) for frame in frames]
            return _poses(frames, people, [np.full(len(p.xy), np.nan) for p in people])
        found = [
            self._each_in_a_crop(self._landmarker, frame, detections)
            for frame, detections in zip(frames, self._detector(frames), strict=True)
        ]
        return _poses(frames, [people for people, _ in found], [scores for _, scores in found])

    def _confirmed(self, landmarker: Landmarker, frame: Frame) -> Landmarks:
        assert self._second_look is not None
        person = landmarker(frame.image, frame.time_s)
        if self._second_look.confirms(frame.image, frame.time_s, person):
            return _within(frame, person)
        return NOBODY

    def _each_in_a_crop(
        self, landmarker: Landmarker, frame: Frame, detections: Detections
    ) -> tuple[Landmarks, npt.NDArray[Any]]:
        people, scores = [], []
        for box, score in zip(*detections, strict=True):
            left, top, right, bottom = _crop(box, frame.size_wh)
            if right <= left or bottom <= top:
                continue
            crop = landmarker(frame.image[top:bottom, left:right], frame.time_s)
            person = crop._replace(xy=crop.xy + np.array((left, top), np.float32))
            person = _within(frame, person)
            if len(person.xy) and iou(bounds(person.xy), box[None])[0, 0] >= _SAME_BOX:
                people.append(person)
                scores.append(score)
        if not people:
            return NOBODY, np.empty(0)
        everyone = Landmarks(*(np.concatenate(parts) for parts in zip(*people, strict=True)))
        keep = _distinct(everyone)[: self._most_people]
        return Landmarks(*(part[keep] for part in everyone)), np.array(scores)[keep]

    def close(self) -> None:
        """Free the landmarker and the detector."""
        self._closed = True
        self._close_landmarker()
        for part in (self._detector, self._second_look):
            if part is not None:
                part.close()

    def _close_landmarker(self) -> None:
        if self._landmarker is not None:
            self._landmarker.close()
            self._landmarker = None


def _crop(box_xyxy: npt.NDArray[Any], size_wh: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the box with its margin, within the picture, as whole pixels."""
    wh = box_xyxy[2:] - box_xyxy[:2]
    low = np.clip(np.floor(box_xyxy[:2] - _CROP_MARGIN * wh), 0, size_wh)
    high = np.clip(np.ceil(box_xyxy[2:] + _CROP_MARGIN * wh), 0, size_wh)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _within(frame: Frame, people: Landmarks) -> Landmarks:
    """Remove what lies beyond the picture: keypoints, and people of whom nothing is left."""
    # MediaPipe's own 0..1, which is half a pixel off the picture's edges as `Poses` has them.
    inside = np.all((people.xy >= 0) & (people.xy <= frame.size_wh), axis=2)
    seen = inside.any(axis=1)
    return Landmarks(
        np.where(inside[..., None], people.xy, np.nan)[seen],
        np.where(inside, people.score, 0)[seen],
        np.where(inside[..., None], people.xyz_m, np.nan)[seen],
    )


def _distinct(people: Landmarks) -> npt.NDArray[np.int64]:
    """Return the rows that show different people, the surest first."""
    sizes_px = size_px(people.xy)
    kept: list[int] = []
    for row in np.argsort(-people.score.mean(axis=1), kind="stable"):
        apart_px = np.linalg.norm(people.xy[kept] - people.xy[row], axis=2)
        both = ~np.isnan(apart_px)
        mean_px = np.where(both, apart_px, 0).sum(axis=1) / np.maximum(both.sum(axis=1), 1)
        same = both.any(axis=1) & (mean_px < _SAME_PERSON * sizes_px[kept])
        if not same.any():
            kept.append(int(row))
    return np.array(kept, dtype=np.int64)


def _poses(
    frames: Sequence[Frame], people: Sequence[Landmarks], scores: Sequence[npt.NDArray[Any]]
) -> Poses:
    counts = [len(p.xy) for p in people]
    return Poses(
        skeleton=BLAZEPOSE33,
        frame_time_s=np.array([f.time_s for f in frames]),
        frame=np.repeat(np.arange(len(frames)), counts),
        frame_index=np.array([f.index for f in frames]),
        xy=np.concatenate([p.xy for p in people]),
        score=np.concatenate([p.score for p in people]),
        xyz_m=np.concatenate([p.xyz_m for p in people]),
        bbox_score=np.concatenate(scores),
    )
