"""Everything that is known live: frames go in one by one, poses, numbers and sentences come out.

>>> session = Session(load_estimator("mediapipe", Options()), exercise="squat")  # doctest: +SKIP
>>> for frame in camera:  # doctest: +SKIP
...     seen = session.update(frame)
...     print(seen.repetitions.count, *seen.said)
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from kinetrace.estimators import Estimator
from kinetrace.filtering import OneEuro
from kinetrace.frames import Frame
from kinetrace.live.events import LiveEvents
from kinetrace.live.gait import LiveGait
from kinetrace.live.numbers import LiveAngles, LivePace, Number, Space
from kinetrace.live.repetitions import LiveRepetition, LiveRepetitions
from kinetrace.measures._events_spells import Event, EventName
from kinetrace.measures._repetitions_exercises import ExerciseName
from kinetrace.poses import Poses
from kinetrace.tracking import Tracker

# Somebody walks, or does any exercise (`auto`), or one of them, or nothing is counted.
Doing: TypeAlias = Literal["auto", "walk", "none"] | ExerciseName
DOINGS: tuple[str, ...] = ("auto", *get_args(ExerciseName), "walk", "none")

# Somebody who was told apart, and has not been seen for so long, is not the one in front any more.
_GONE_S = 1.0

_SENTENCES: dict[EventName, str] = {
    "fall": "Somebody has fallen.",
    "lying": "Somebody lies.",
    "sitting": "Somebody sits.",
    "raised_hand": "A hand is raised.",
    "crowding": "It is crowded.",
    "stillness": "Somebody has not moved for a while.",
}


@dataclass(frozen=True)
class Repetitions:
    """How many there were since the beginning, of everybody, and the last one."""

    count: int = 0
    half_count: int = 0
    last: LiveRepetition | None = None


@dataclass(frozen=True)
class Seen:
    """What is known after a frame.

    Attributes
    ----------
    poses
        Of that frame, with ids, smoothed.
    person
        Id of the one whom the numbers are of; -1 if there is nobody.
    numbers
        To be read from afar: angles, cadence.
    repetitions
        Since the session began.
    said
        What is new: the number of a repetition and what to do better, or an event.
    events
        Those that began or ended.
    notes
        What cannot be measured, and what to do, in plain sentences.
    """

    poses: Poses
    person: int
    numbers: tuple[Number, ...]
    repetitions: Repetitions
    said: tuple[str, ...]
    events: tuple[Event, ...]
    notes: tuple[str, ...]


class Session:
    """Follows people before a camera, in memory that does not grow.

    Parameters
    ----------
    estimator
        Whoever made it closes it. It serves this session alone, from one thread at a time.
    exercise
        What is done: an exercise, ``auto`` for any of them, ``walk``, or ``none``.
    space
        Joint angles in the picture, ``2d``, or in space, ``3d``, from any view, where the backend
        gives it.
    person_height_m
        How tall the person is, to tell the speed of a walk.
    min_score
        Keypoints below it count as missing.

    Raises
    ------
    ValueError
        If there is no such exercise, or the height is not a person's.
    """

    def __init__(
        self,
        estimator: Estimator,
        *,
        exercise: Doing = "auto",
        space: Space = "2d",
        person_height_m: float | None = None,
        min_score: float = 0.3,
    ) -> None:
        if exercise not in DOINGS:
            raise ValueError(f"exercise must be one of {', '.join(DOINGS)}, got {exercise!r}")
        if space not in get_args(Space):
            raise ValueError(f"space must be 2d or 3d, got {space!r}")
        if person_height_m is not None and not 0.4 <= person_height_m <= 2.6:
            raise ValueError(f"person_height_m must be a height in metres, got {person_height_m}")
        self._estimator = estimator
        self._exercise: Doing = exercise
        self._tracker, self._steady = Tracker(), OneEuro()
        self._events = LiveEvents(min_score=min_score)
        self._angles = LiveAngles(exercise, space=space, min_score=min_score)
        self._gait: LiveGait | None = None
        self._pace: LivePace | None = None
        self._trainer: LiveRepetitions | None = None
        if exercise == "walk":
            self._gait = LiveGait(min_score=min_score)
            if person_height_m is not None:
                self._pace = LivePace(person_height_m, min_score=min_score)
        elif exercise != "none":
            self._trainer = LiveRepetitions(exercise, min_score=min_score)
        self._repetitions = Repetitions()
        self._person, self._person_seen_s = -1, -math.inf
        self._last_s = -math.inf
        self._log: tuple[Mapping[str, Any], ...] = ()
        estimator.reset(continuous=True)

    def update(self, frame: Frame) -> Seen:
        """Take the next frame, and return what is known now.

        Raises
        ------
        ValueError
            If it has no time, or one that does not come after the last.
        """
        if not (math.isfinite(frame.time_s) and frame.time_s > self._last_s):
            raise ValueError(
                f"a live frame needs a time after the last one's, {self._last_s:g} s, "
                f"got {frame.time_s:g} s"
            )
        self._last_s = frame.time_s
        poses = self._poses(frame)
        known = poses.rows(poses.track_id >= 0)
        person = self._in_front(known)
        alone = known.rows(known.track_id == person)
        events = tuple(self._events.update(known))
        said = [*self._count(known), *_told(events)]
        numbers = [*self._walk(known, alone, person), *self._angles.update(alone)]
        return Seen(
            poses=poses,
            person=person,
            numbers=tuple(numbers),
            repetitions=self._repetitions,
            said=tuple(said),
            events=events,
            notes=self._notes(),
        )

    def _poses(self, frame: Frame) -> Poses:
        found = self._estimator([frame])
        found = dataclasses.replace(found, size_wh=frame.size_wh)
        smoothed = self._steady.update(self._tracker.update(found, frame.image))
        if not self._log:
            first = found.logged("estimate", self._estimator.description)
            first = first.logged("track", self._tracker.parameters)
            self._log = (*first.log, *smoothed.log)
        return dataclasses.replace(smoothed, log=self._log)

    def _in_front(self, known: Poses) -> int:
        """Choose the person whom the numbers are of: the same one while they are there."""
        now_s = float(known.frame_time_s[0])
        if self._person in known.track_id:
            self._person_seen_s = now_s
        elif len(known) and now_s - self._person_seen_s > _GONE_S:
            sides = known.bbox_xyxy[:, 2:] - known.bbox_xyxy[:, :2]
            self._person = int(known.track_id[np.argmax(np.nan_to_num(sides.prod(axis=1)))])
            self._person_seen_s = now_s
        elif now_s - self._person_seen_s > _GONE_S:
            self._person = -1
        return self._person

    def _count(self, known: Poses) -> tuple[str, ...]:
        if self._trainer is None:
            return ()
        state = self._trainer.update(known)
        last = state.news[-1] if state.news else self._repetitions.last
        self._repetitions = Repetitions(state.count, state.half_count, last)
        return state.say

    def _walk(self, known: Poses, alone: Poses, person: int) -> list[Number]:
        if self._gait is None:
            return []
        self._gait.update(known)
        cadence = self._gait.cadence_steps_per_min(person) if person >= 0 else math.nan
        numbers = [Number("cadence_steps_per_min", "Cadence", cadence, "steps/min")]
        return [*numbers, self._pace.update(alone)] if self._pace is not None else numbers

    def _notes(self) -> tuple[str, ...]:
        if self._person < 0:
            return ("Nobody is seen: step into the picture, with the whole body.",)
        notes = [*self._angles.notes]
        if self._gait is not None:
            notes += self._gait.notes
        elif self._trainer is not None:
            # A window over the last seconds always begins and ends in the middle of something.
            notes += [note for note in self._trainer.notes if "mid-movement" not in note]
        return tuple(dict.fromkeys(notes))


def _told(events: tuple[Event, ...]) -> list[str]:
    """Return sentences on what begins; a fall is over when it is told."""
    return [
        _SENTENCES[event.event]
        for event in events
        if event.event == "fall" or math.isnan(event.end_s)
    ]
