"""Gait events while somebody walks, by the definitions of `kinetrace.measures.gait`.

>>> gait = LiveGait()
>>> for poses in live_poses:  # one frame at a time  # doctest: +SKIP
...     for event in gait.update(poses):
...         print(event.side, event.event, event.time_s, gait.cadence_steps_per_min(event.track_id))
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from kinetrace.live._clock import next_time_s
from kinetrace.measures._gait_bouts import LONGEST_STEP_S, SHORTEST_STEP_S
from kinetrace.measures._gait_events import LEAST_SWING, Kind, Method, confidence
from kinetrace.measures._gait_walks import Walks, find_walks
from kinetrace.poses import Poses, concat

# The longest stride (3 s) and what the filter needs beside it.
_WINDOW_S = 4.0
# An event is told when it is so old: then what comes after moves it by some milliseconds only.
_SETTLED_S = 0.35
# Looked at so often. Every frame would cost more, and tell events 0.1 s earlier on average.
_EVERY_S = 0.2
# The same turn of a foot is found again and again, at times that differ by less than this.
_SAME_S = 0.12


@dataclass(frozen=True)
class GaitEvent:
    """A heel strike or a toe off.

    Attributes
    ----------
    track_id
        Whose.
    frame
        Number in the source of the frame nearest to it.
    time_s
        When.
    event
        ``heel_strike`` or ``toe_off``.
    side
        ``left`` or ``right``.
    confidence
        0..1: how well hips and foot were seen.
    """

    track_id: int
    frame: int
    time_s: float
    event: Kind
    side: str
    confidence: float


@dataclass
class _Walker:
    """What is kept of a person: the events of the last seconds, and a sum of step times."""

    recent: deque[GaitEvent] = field(default_factory=deque)
    last_strike: GaitEvent | None = None
    steps: int = 0
    steps_s: float = 0.0


class LiveGait:
    """Finds gait events in a stream of frames, with constant memory.

    The last four seconds are kept, and looked at five times a second. An event is told 0.35 to
    0.6 s after it, except at the beginning of a walk, and after a turn: there it takes until two
    steps show that it is one, four seconds at most, and the very first event may be left out.
    Times agree with those that `kinetrace.measures.gait.find_events` finds in the whole film
    within 10 ms.

    Parameters
    ----------
    method, cutoff_hz, min_score
        As of `kinetrace.measures.gait.measure`.
    """

    def __init__(
        self, *, method: Method = "zeni", cutoff_hz: float = 5.0, min_score: float = 0.3
    ) -> None:
        self._method: Method = method
        self._cutoff_hz = cutoff_hz
        self._min_score = min_score
        self.reset()

    def reset(self) -> None:
        """Forget everything: another film begins."""
        self._frames: deque[Poses] = deque()
        self._walkers: dict[int, _Walker] = {}
        self._looked_s = -np.inf
        self._notes: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Why nothing could be measured in the last seconds, in plain sentences."""
        return self._notes

    def update(self, poses: Poses) -> list[GaitEvent]:
        """Take the poses of the next frame, and return the events that are known since the last.

        Parameters
        ----------
        poses
            One frame, with a time, of tracked people (or of one).

        Raises
        ------
        ValueError
            If it is not one frame, has no time, or one that does not come after the last.
        """
        last_s = float(self._frames[-1].frame_time_s[0]) if self._frames else -np.inf
        now_s = next_time_s(poses, last_s)
        self._frames.append(poses)
        while self._frames[0].frame_time_s[0] < now_s - _WINDOW_S:
            self._frames.popleft()
        if now_s - self._looked_s < _EVERY_S:
            return []
        self._looked_s = now_s
        found = self._look(now_s)
        for track_id in [i for i, walker in self._walkers.items() if _is_gone(walker, now_s)]:
            del self._walkers[track_id]
        return found

    def cadence_steps_per_min(self, track_id: int = -1) -> float:
        """Return 60 over a person's mean step time, of all steps told so far.

        NaN before the first step, and for somebody who has not stepped for ten seconds.
        """
        walker = self._walkers.get(track_id)
        return 60 * walker.steps / walker.steps_s if walker and walker.steps else float("nan")

    def _look(self, now_s: float) -> list[GaitEvent]:
        window = concat(list(self._frames))
        all_walks = list(
            find_walks(
                window,
                method=self._method,
                cutoff_hz=self._cutoff_hz,
                min_score=self._min_score,
                least_at_cut=LEAST_SWING,
            )
        )
        self._notes = tuple(dict.fromkeys(note for walks in all_walks for note in walks.notes))
        return [event for walks in all_walks for event in self._news(walks, now_s)]

    def _news(self, walks: Walks, now_s: float) -> list[GaitEvent]:
        """Return a person's settled events that have not been told yet, and remember them."""
        if walks.signals is None or not walks.bouts:
            return []
        walker = self._walkers.setdefault(walks.track_id, _Walker())
        while walker.recent and walker.recent[0].time_s < now_s - 2 * _WINDOW_S:
            walker.recent.popleft()
        news = [
            event
            for event in _events(walks)
            if event.time_s <= now_s - _SETTLED_S and not _is_told(walker, event)
        ]
        for event in news:
            walker.recent.append(event)
            if event.event == "heel_strike":
                _count_step(walker, event)
        return news


def _events(walks: Walks) -> list[GaitEvent]:
    signals = walks.signals
    if signals is None:
        return []
    return [
        GaitEvent(
            track_id=walks.track_id,
            frame=signals.frame_at(event.time_s),
            time_s=event.time_s,
            event=event.kind,
            side=event.side,
            confidence=confidence(signals, event),
        )
        for bout in walks.bouts
        for event in bout.events
    ]


def _is_told(walker: _Walker, event: GaitEvent) -> bool:
    return any(
        (old.event, old.side) == (event.event, event.side)
        and abs(old.time_s - event.time_s) < _SAME_S
        for old in walker.recent
    )


def _count_step(walker: _Walker, strike: GaitEvent) -> None:
    last, walker.last_strike = walker.last_strike, strike
    if last is None or last.side == strike.side:
        return
    step_s = strike.time_s - last.time_s
    if SHORTEST_STEP_S <= step_s <= LONGEST_STEP_S:
        walker.steps += 1
        walker.steps_s += step_s


def _is_gone(walker: _Walker, now_s: float) -> bool:
    return not walker.recent or walker.recent[-1].time_s < now_s - 10
