"""Repetitions while somebody exercises, by the definitions of `kinetrace.measures.repetitions`.

>>> trainer = LiveRepetitions("squat")
>>> for poses in live_poses:  # one frame at a time  # doctest: +SKIP
...     state = trainer.update(poses)
...     print(state.count, *state.say)
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from kinetrace.live._clock import next_time_s
from kinetrace.measures._repetitions_count import Choice, Counted, count
from kinetrace.measures._repetitions_example import Example, learn
from kinetrace.measures._repetitions_find import LONGEST_S
from kinetrace.poses import Poses, concat

# The longest repetition, and the rest on both of its sides.
_WINDOW_S = LONGEST_S + 2.0
# Looked at so often.
_EVERY_S = 0.2
# More frames than this a second tell nothing more about a repetition.
_MOST_HZ = 20.0
# A movement that begins this long before the end of one that was told is the same one.
_SAME_S = 0.25
# A movement is told when it has been at rest for so long: half of what is smoothed, and a frame.
_SETTLED_S = 0.15


@dataclass(frozen=True)
class LiveRepetition:
    """A repetition that has just ended; the attributes are the columns of the measure."""

    track_id: int
    exercise: str
    start_s: float
    turn_s: float
    end_s: float
    complete: bool
    depth_percent: float
    feedback: tuple[str, ...]


@dataclass(frozen=True)
class LiveState:
    """What is known after a frame.

    Attributes
    ----------
    news
        Repetitions that have ended since the last frame.
    count, half_count
        Of everybody, since the beginning.
    say
        Sentences on the news: the number, and what to do better.
    """

    news: tuple[LiveRepetition, ...]
    count: int
    half_count: int
    say: tuple[str, ...]


class LiveRepetitions:
    """Counts repetitions in a stream of frames, with constant memory.

    The last 17 seconds are kept, at 20 frames a second at most, and looked at five times a second,
    as a film is. A repetition is told 0.15 to 0.4 s after it has ended; one that does not come back
    to rest, half, when the next one begins.

    Parameters
    ----------
    exercise, min_score
        As of `kinetrace.measures.repetitions.measure`.
    example
        Poses of one repetition of any movement, to count that.
    """

    def __init__(
        self,
        exercise: Choice = "auto",
        *,
        example: Poses | None = None,
        min_score: float = 0.3,
    ) -> None:
        self._exercise: Choice = exercise
        self._example: Example | None = None
        if example is not None:
            self._example = learn(example, min_score=min_score)
        self._min_score = min_score
        self.reset()

    def reset(self) -> None:
        """Forget everything: another set begins."""
        self._frames: deque[Poses] = deque()
        self._told: deque[LiveRepetition] = deque()
        self._looked_s = self._last_s = -np.inf
        self._count = self._half_count = 0
        self._notes: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was not counted in the last seconds, and why, in plain sentences."""
        return self._notes

    def update(self, poses: Poses) -> LiveState:
        """Take the poses of the next frame, and return what is known now.

        Parameters
        ----------
        poses
            One frame, with a time, of tracked people (or of one).

        Raises
        ------
        ValueError
            If it is not one frame, has no time, or one that does not come after the last.
        """
        now_s = self._last_s = next_time_s(poses, self._last_s)
        if not self._frames or now_s - self._frames[-1].frame_time_s[0] >= 0.9 / _MOST_HZ:
            self._frames.append(poses)
        while self._frames[0].frame_time_s[0] < now_s - _WINDOW_S:
            self._frames.popleft()
        while self._told and self._told[0].end_s < now_s - _WINDOW_S:
            self._told.popleft()
        news: tuple[LiveRepetition, ...] = ()
        if now_s - self._looked_s >= _EVERY_S:
            self._looked_s = now_s
            news = self._look(now_s)
        says = tuple(sentence for one in news for sentence in self._tell(one))
        return LiveState(news, self._count, self._half_count, says)

    def _look(self, now_s: float) -> tuple[LiveRepetition, ...]:
        people = list(
            count(
                concat(list(self._frames)),
                exercise=self._exercise,
                example=self._example,
                min_score=self._min_score,
            )
        )
        self._notes = tuple(dict.fromkeys(note for person in people for note in person.notes))
        found = [
            _described(person.track_id, counted)
            for person in people
            for counted in person.counted
            if not counted.repetition.is_open
        ]
        return tuple(r for r in found if r.end_s <= now_s - _SETTLED_S and not self._is_told(r))

    def _is_told(self, repetition: LiveRepetition) -> bool:
        return any(
            old.track_id == repetition.track_id and repetition.start_s < old.end_s - _SAME_S
            for old in self._told
        )

    def _tell(self, repetition: LiveRepetition) -> tuple[str, ...]:
        self._told.append(repetition)
        if repetition.complete:
            self._count += 1
            return (f"{self._count}.", *repetition.feedback)
        self._half_count += 1
        return ("That was half a repetition.", *repetition.feedback)


def _described(track_id: int, counted: Counted) -> LiveRepetition:
    found, time_s = counted.repetition, counted.body.time_s
    return LiveRepetition(
        track_id=track_id,
        exercise=found.exercise,
        start_s=float(time_s[found.start]),
        turn_s=float(time_s[found.turn]),
        end_s=float(time_s[found.end]),
        complete=found.is_complete,
        depth_percent=found.depth_percent,
        feedback=counted.form.feedback,
    )
