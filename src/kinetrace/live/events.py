"""Alarms: events while they happen, by the definitions of `kinetrace.measures.events`.

>>> live = LiveEvents()
>>> for poses in live_poses:  # one frame at a time  # doctest: +SKIP
...     for event in live.update(poses):
...         print(event.track_id, event.event, event.start_s, event.end_s)
"""

from __future__ import annotations

import numpy as np

from kinetrace.live._clock import next_time_s
from kinetrace.measures._events_bodies import read_bodies
from kinetrace.measures._events_definitions import Definitions
from kinetrace.measures._events_scene import Scene
from kinetrace.measures._events_spells import Event
from kinetrace.poses import Poses

__all__ = ["Definitions", "Event", "LiveEvents"]


class LiveEvents:
    """Finds events in a stream of frames, with constant memory.

    An event is told when it has lasted as long as its definition asks (a fall when the person has
    lain for `lying_s`), with an `end_s` of NaN, and once more when it is over: 0.3 s later, or a
    second after the person was seen last. A fall is told once, for it is over by then. Those that
    are over are the rows of `kinetrace.measures.events.measure`, which runs the same machine.

    Parameters
    ----------
    definitions
        What counts as an event.
    min_score, tilt_deg
        As of `kinetrace.measures.events.measure`.
    """

    def __init__(
        self,
        definitions: Definitions | None = None,
        *,
        min_score: float = 0.3,
        tilt_deg: float = 0.0,
    ) -> None:
        self._definitions = definitions or Definitions()
        self._min_score, self._tilt_deg = min_score, tilt_deg
        self.reset()

    def reset(self) -> None:
        """Forget everything: another film begins."""
        self._scene = Scene(self._definitions)
        self._last_s = -np.inf

    def update(self, poses: Poses) -> list[Event]:
        """Take the poses of the next frame; return the events that began or ended.

        Parameters
        ----------
        poses
            One frame, with a time, of tracked people (or of one).

        Raises
        ------
        ValueError
            If it is not one frame, has no time, or one that does not come after the last.
        """
        time_s = self._last_s = next_time_s(poses, self._last_s)
        bodies = read_bodies(poses, min_score=self._min_score, tilt_deg=self._tilt_deg)
        return self._scene.update(time_s, poses.track_id, bodies, np.arange(len(poses)))

    def finish(self) -> list[Event]:
        """Return what ends since the stream does, and forget everybody."""
        return self._scene.finish()
