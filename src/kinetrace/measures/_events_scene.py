"""All people of a film, frame after frame: the one machine behind the table and the live alarms."""

from __future__ import annotations

from kinetrace.measures._events_bodies import Bodies, row_of
from kinetrace.measures._events_crowd import largest_crowd
from kinetrace.measures._events_definitions import Definitions
from kinetrace.measures._events_person import Person
from kinetrace.measures._events_spells import GAP_S, Event, Spell
from kinetrace.poses import IntArray


class Scene:
    """What is remembered of everybody: the last seconds, whatever the film's length.

    Parameters
    ----------
    definitions
        Of the events.
    """

    def __init__(self, definitions: Definitions) -> None:
        self._of = definitions
        self._people: dict[int, Person] = {}
        self._crowding = Spell(-1, "crowding", least_s=definitions.crowding_s)

    def update(
        self, time_s: float, track_ids: IntArray, bodies: Bodies, rows: IntArray
    ) -> list[Event]:
        """Take the next frame, and return what began or ended.

        Parameters
        ----------
        time_s
            After those of the frames before.
        track_ids : (N,)
            Of `bodies`.
        bodies
            N people.
        rows : (M,)
            Those of the frame.
        """
        gone = [i for i, person in self._people.items() if time_s - person.seen_s > GAP_S]
        changes = [event for i in gone for event in self._people.pop(i).finish()]
        ids = track_ids[rows].tolist()
        for track_id, row in zip(ids, rows.tolist(), strict=True):
            if ids.count(track_id) > 1:  # nobody can tell who is who
                continue
            if track_id not in self._people:
                self._people[track_id] = Person(track_id, self._of)
            changes += self._people[track_id].update(time_s, row_of(bodies, row))
        return [*changes, *self._crowds(time_s, bodies, rows)]

    def finish(self) -> list[Event]:
        """Return what ends since the film does, and forget everybody."""
        changes = [event for person in self._people.values() for event in person.finish()]
        self._people.clear()
        return [*changes, *self._crowding.stop()]

    def _crowds(self, time_s: float, bodies: Bodies, rows: IntArray) -> list[Event]:
        crowd = rows[:0]
        if len(rows) >= self._of.crowding_people:
            crowd = largest_crowd(bodies, rows, self._of.crowding_heights)
        if len(crowd) < self._of.crowding_people:
            return self._crowding.lapse(time_s)
        return self._crowding.hold(
            time_s, float(bodies.score[crowd].mean()), people=float(len(crowd))
        )
