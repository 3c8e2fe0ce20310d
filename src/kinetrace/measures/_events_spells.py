"""Events, and the states that become events once they have lasted."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

EventName: TypeAlias = Literal["fall", "lying", "sitting", "raised_hand", "crowding", "stillness"]

# A state that lapses for less than this has not ended.
_LAPSE_S = 0.3
# Somebody who has not been seen for longer may be anywhere, doing anything.
GAP_S = 1.0
NOT_KNOWN = float("nan")


@dataclass(frozen=True)
class Event:
    """Something that happened, or that goes on.

    Attributes
    ----------
    track_id
        Whose; -1 for the whole scene.
    event
        What.
    start_s, end_s
        When: ``[start, end)``; the end is NaN while it goes on.
    side
        ``left`` or ``right`` for a raised hand, else "".
    confidence
        0..1: how well it was seen times how clearly it met the definition (0.5 at its limit).
    descent_heights_per_s
        Of a fall: the fastest that the trunk sank over 0.3 s, in body heights a second.
    trunk_deg
        Of a fall (its end), lying and sitting: how steep the trunk was against the floor; 90 is
        upright, and what it appears to be in the picture.
    people
        Of crowding: the most that were in a crowd.
    detail
        A sentence on what limits it, or "".
    """

    track_id: int
    event: EventName
    start_s: float
    end_s: float = NOT_KNOWN
    side: str = ""
    confidence: float = NOT_KNOWN
    descent_heights_per_s: float = NOT_KNOWN
    trunk_deg: float = NOT_KNOWN
    people: float = NOT_KNOWN
    detail: str = ""


class Spell:
    """A state that is an event once it has lasted; what is said of it is the mean since it began.

    Parameters
    ----------
    track_id, event, side
        Of the event.
    least_s
        How long the state must last.
    """

    def __init__(self, track_id: int, event: EventName, *, least_s: float, side: str = "") -> None:
        self._event = Event(track_id, event, NOT_KNOWN, side=side)
        self._least_s = least_s
        self._clear()

    def _clear(self) -> None:
        self.start_s = self._last_s = self._over_s = NOT_KNOWN
        self._has_begun = False
        self._moments, self._confidence, self._trunk_deg, self._people = 0, 0.0, 0.0, NOT_KNOWN

    @property
    def holds(self) -> bool:
        """Whether it has been so since `start_s`, long enough or not yet."""
        return self._moments > 0

    def hold(
        self,
        time_s: float,
        confidence: float,
        *,
        trunk_deg: float = NOT_KNOWN,
        people: float = NOT_KNOWN,
    ) -> list[Event]:
        """Take a moment at which it is so; return the event if it has just become one."""
        over = self.wait(time_s)
        if not self._moments:
            self.start_s = time_s
        self._last_s, self._over_s = time_s, NOT_KNOWN
        self._moments += 1
        self._confidence += confidence
        self._trunk_deg += trunk_deg
        self._people = max(people, self._people)  # NaN, as at first, is never larger
        if self._has_begun or time_s - self.start_s < self._least_s:
            return over
        self._has_begun = True
        return [*over, self.event()]

    def lapse(self, time_s: float) -> list[Event]:
        """Take a moment at which it is not so; return the event if that ends it."""
        if not self._moments:
            return []
        if math.isnan(self._over_s):
            self._over_s = time_s
        return self.stop() if time_s - self._over_s >= _LAPSE_S else []

    def wait(self, time_s: float) -> list[Event]:
        """Take a moment at which nobody can tell; return the event if that goes on for long."""
        return self.stop() if time_s - self._last_s > GAP_S else []

    def stop(self) -> list[Event]:
        """End it where it was seen to be over, or was seen last; return it if it was an event."""
        end_s = self._last_s if math.isnan(self._over_s) else self._over_s
        ended = [dataclasses.replace(self.event(), end_s=end_s)] if self._has_begun else []
        self._clear()
        return ended

    def event(self) -> Event:
        """Return it as an event that goes on."""
        return dataclasses.replace(
            self._event,
            start_s=self.start_s,
            confidence=self._confidence / self._moments,
            trunk_deg=self._trunk_deg / self._moments,
            people=self._people,
        )
