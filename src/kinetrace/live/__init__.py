"""Measures of what is before a camera now: the definitions of a film's, frame after frame.

Each module has a class whose ``update(poses)`` takes the poses of the next frame and returns what
has become known with it, in memory that does not grow. `Session` is all of them at once, from
frames.
"""

from __future__ import annotations

from kinetrace.live.events import LiveEvents
from kinetrace.live.gait import LiveGait
from kinetrace.live.repetitions import LiveRepetitions
from kinetrace.live.session import Seen, Session

__all__ = ["LiveEvents", "LiveGait", "LiveRepetitions", "Seen", "Session"]
