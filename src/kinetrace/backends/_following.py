"""People of a film, found by the detector now and then and followed from pose to pose between.

The detector looks when its turn has come, at cuts, when something stirs where nobody is, when
there is nobody to follow, and when somebody is uncertain: then at that same frame, so that a wrong
guess is put right before anybody sees it. Between, a person's box comes from their keypoints.
Nobody is followed on trust: where the pose network is unsure and the detector finds nobody either,
there is nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace.backends._detection_turns import DetectionTurns
from kinetrace.backends._followed_boxes import (
    Followed,
    join,
    learn,
    merge,
    predict,
    strangers,
    surrounding_boxes,
)
from kinetrace.backends._topdown_people import Judge, People
from kinetrace.boxes import area, iou
from kinetrace.estimators import Detections
from kinetrace.frames import Frame

# Mean scores of a person's keypoints. Of boxes put on the background of COCO's photos, 1.4 % score
# more than the first and 0.7 % more than the second.
_UNSURE_BELOW = 0.3
_SURE_FROM = 0.4

# A score that is less than this share of what it was when last detected has dropped.
_DROPPED_BELOW = 0.75

# IoU of the box that was looked at with that around what was found there. With less, the person
# moves implausibly, or has become far larger or smaller.
_PLAUSIBLE_IOU = 0.5

# OKS of two people above which one of them may have been found twice, and the other lost.
_CONFUSED_OKS = 0.5

# IoU of a followed box with the detected one from which on a pose found in it stands: the network
# would see as good as the same. Where the pose is uncertain, it gets another chance sooner.
_SAME_CROP_IOU = 0.6
_SAME_CROP_IOU_UNCERTAIN = 0.9

# How often somebody has to be detected before the detector may look less often, and how often it
# may miss somebody with a low score.
_SETTLED_FROM = 2
_MOST_MISSES = 2

Points = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]


class _Sighting(NamedTuple):
    """N people of a frame: who of the followed each is (-1: none of them), and who is detected."""

    people: People
    owner: npt.NDArray[np.int64]
    is_detected: npt.NDArray[np.bool_]

    def rows(self, keep: npt.NDArray[Any]) -> _Sighting:
        """Return some of them."""
        return _Sighting(self.people.rows(keep), self.owner[keep], self.is_detected[keep])


class Following:
    """Finds the people of one film, frame after frame.

    Parameters
    ----------
    detect
        Finds the boxes of a frame's people.
    look
        Finds the keypoints in N boxes of a frame: (N, K, 2) px and (N, K) scores.
    judge
        Tells who of those is there.
    keypoints
        K.
    detect_every
        In how many frames the detector looks once, or ``auto``; see `DetectionTurns`.
    most_people
        The most people of a frame; None is no limit.
    """

    def __init__(
        self,
        detect: Callable[[Frame], Detections],
        look: Callable[[Frame, npt.NDArray[np.float32]], Points],
        judge: Judge,
        *,
        keypoints: int,
        detect_every: int | Literal["auto"],
        most_people: int | None,
    ) -> None:
        self._detect, self._look, self._judge = detect, look, judge
        self._keypoints, self._most_people = keypoints, most_people
        self._turns = DetectionTurns(detect_every)
        self._followed = strangers(0, self._keypoints)

    def __call__(self, frame: Frame) -> People:
        """Find the people of the next frame."""
        self._turns.advance(frame)
        if self._turns.is_cut:
            self._followed = strangers(0, self._keypoints)
        seen = self._predicted(frame)
        if self._turns.has_come(frame, seen.people.bbox_xyxy) or self._is_unsettled(
            len(seen.owner)
        ):
            seen = self._detected(frame, seen, same_crop_iou=np.full(len(seen.owner), np.inf))
            return self._conclude(frame, seen, has_looked=True)
        points = self._look(frame, seen.people.bbox_xyxy)
        seen = seen._replace(people=People(*seen.people[:2], *points))
        uncertain = self._doubted(frame, seen) | self._confused(seen.people).any(axis=1)
        if uncertain.any():
            same_crop_iou = np.where(uncertain, _SAME_CROP_IOU_UNCERTAIN, _SAME_CROP_IOU)
            seen = self._detected(frame, seen, same_crop_iou=same_crop_iou)
        return self._conclude(frame, seen, has_looked=bool(uncertain.any()))

    def _predicted(self, frame: Frame) -> _Sighting:
        """Return where those should be who are followed and have not left; without keypoints."""
        boxes = predict(self._followed, self._turns.passed_s, frame.size_wh)
        owner = np.flatnonzero(area(boxes) > 0)
        unseen = strangers(len(owner), self._keypoints)
        people = People(boxes[owner], self._followed.bbox_score[owner], unseen.xy, unseen.score)
        return _Sighting(people, owner, np.zeros(len(owner), bool))

    def _is_unsettled(self, still_there: int) -> bool:
        """Tell whether who is followed has to be looked for, before a look at where they were."""
        known = self._followed
        doubted = (known.misses > 0) & (known.score.mean(axis=1) < _SURE_FROM)
        is_anybody_lost = still_there < len(known.misses) or not still_there
        return bool(is_anybody_lost or np.any(doubted | (known.detections < _SETTLED_FROM)))

    def _before(self, owner: npt.NDArray[np.int64]) -> Followed:
        """Return what is known of people; of -1, nothing."""
        return join(self._followed, strangers(1, self._keypoints)).rows(owner)

    def _doubted(self, frame: Frame, seen: _Sighting) -> npt.NDArray[np.bool_]:
        """Tell whose pose is hardly a person's, or not that of the person in the box, (N,)."""
        people, before = seen.people, self._before(seen.owner)
        mean = people.score.mean(axis=1)
        weak = (mean < _UNSURE_BELOW) | (mean < _DROPPED_BELOW * before.usual_score)
        around = surrounding_boxes(people.xy, people.score, before.margin, frame.size_wh)
        plausible = np.diag(iou(around, people.bbox_xyxy)) >= _PLAUSIBLE_IOU
        return np.asarray(weak | ~plausible)

    def _confused(self, people: People) -> npt.NDArray[np.bool_]:
        """Tell which two may be one, (N, N)."""
        return np.asarray(self._judge.alike(people) > _CONFUSED_OKS)

    def _detected(
        self, frame: Frame, seen: _Sighting, *, same_crop_iou: npt.NDArray[np.float64]
    ) -> _Sighting:
        """Let the detector look; each detection takes the place of the box that it fits.

        Keypoints that were seen before stand where the new box overlaps the old by so much.
        """
        found = self._detect(frame)
        before, known = seen.people, len(seen.owner)
        boxes, box_score, is_detected = merge(before.bbox_xyxy, before.bbox_score, found)
        unseen = strangers(len(boxes) - known, self._keypoints)
        xy = np.concatenate([before.xy, unseen.xy])
        score = np.concatenate([before.score, unseen.score])
        is_stale = np.ones(len(boxes), bool)
        is_stale[:known] = np.diag(iou(boxes[:known], before.bbox_xyxy)) < same_crop_iou
        # Whoever is detected comes first where there is a limit, as on every frame.
        chosen = np.sort(np.lexsort((-box_score, ~is_detected))[: self._most_people])
        stale = chosen[is_stale[chosen]]
        if len(stale):
            xy[stale], score[stale] = self._look(frame, boxes[stale])
        owner = np.concatenate([seen.owner, np.full(len(boxes) - known, -1)])
        return _Sighting(People(boxes, box_score, xy, score), owner, is_detected).rows(chosen)

    def _conclude(self, frame: Frame, seen: _Sighting, *, has_looked: bool) -> People:
        """Drop whoever is not there, and remember the others for the next frame."""
        if has_looked:
            seen = seen.rows(seen.is_detected | ~self._is_gone(frame, seen))
        seen = seen.rows(self._judge.likely(seen.people))
        self._followed = learn(
            self._before(seen.owner),
            seen.people,
            seen.is_detected,
            passed_s=self._turns.passed_s,
            has_looked=has_looked,
        )
        if has_looked:
            self._turns.record_look(seen.people.bbox_xyxy)
        return seen.people

    def _is_gone(self, frame: Frame, seen: _Sighting) -> npt.NDArray[np.bool_]:
        """Tell who is not there if the detector, which has looked, has not found them, (N,)."""
        before = self._before(seen.owner)
        mean = seen.people.score.mean(axis=1)
        is_new = before.detections < _SETTLED_FROM
        is_given_up = (mean < _SURE_FROM) & (is_new | (before.misses >= _MOST_MISSES))
        # Of two who may be one, the one that has more to say for themselves stays.
        standing = np.empty(len(mean))
        standing[np.lexsort((mean, before.detections, seen.is_detected))] = np.arange(len(mean))
        is_lesser = self._confused(seen.people) & (standing[:, None] < standing)
        return np.asarray(self._doubted(frame, seen) | is_given_up | is_lesser.any(axis=1))
