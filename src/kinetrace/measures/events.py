"""Events: falls, lying, sitting, raised hands, crowding and stillness.

``measure`` gives a row for each event of a film. docs/events.md has the definitions, where they
come from, and how often they are wrong; `kinetrace.live.events` has the same ones live.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import TYPE_CHECKING

import numpy as np

from kinetrace.measures import make_table
from kinetrace.measures._events_bodies import Bodies, read_bodies
from kinetrace.measures._events_definitions import Definitions
from kinetrace.measures._events_notes import notes_of
from kinetrace.measures._events_plot import plot
from kinetrace.measures._events_scene import Scene
from kinetrace.measures._events_spells import Event
from kinetrace.measures._events_summary import summarise
from kinetrace.poses import Poses

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["measure", "plot", "summarise"]

_FIRST = ("track_id", "start_s", "end_s")


def measure(
    poses: Poses,
    *,
    fall_heights_per_s: float = Definitions.fall_heights_per_s,
    lying_s: float = Definitions.lying_s,
    sitting_s: float = Definitions.sitting_s,
    raised_hand_s: float = Definitions.raised_hand_s,
    stillness_s: float = Definitions.stillness_s,
    stillness_heights: float = Definitions.stillness_heights,
    crowding_people: int = Definitions.crowding_people,
    crowding_heights: float = Definitions.crowding_heights,
    crowding_s: float = Definitions.crowding_s,
    min_score: float = 0.3,
    tilt_deg: float = 0.0,
) -> pd.DataFrame:
    """Find falls, lying, sitting, raised hands, crowding and stillness.

    Parameters
    ----------
    poses
        Of any skeleton with shoulders, hips, knees and ankles; tracked, where there are several
        people.
    fall_heights_per_s
        Whoever sinks faster, in body heights a second, and lies afterwards has fallen.
    lying_s
        How long somebody lies at least, after a fall too.
    sitting_s
        How long somebody sits at least; less is a squat.
    raised_hand_s
        How long a wrist is above the head at least.
    stillness_s
        How long somebody keeps still at least.
    stillness_heights
        How far no joint moves meanwhile, in body heights.
    crowding_people
        How many people are a crowd.
    crowding_heights
        How near people are to the next one in a crowd, in body heights.
    crowding_s
        How long a crowd lasts at least.
    min_score
        Keypoints below it count as missing.
    tilt_deg
        How far the floor rises to the right of the picture, where the camera was not level.

    Returns
    -------
    pandas.DataFrame
        A row for each event, ordered by its start: ``track_id`` (-1 for crowding, which is the
        scene's), ``start_s``, ``end_s``, ``event``, ``side`` (of a raised hand), ``confidence``,
        ``descent_heights_per_s`` and ``trunk_deg`` (the evidence for a fall), ``people`` (the most
        in a crowd) and ``detail``.

    Raises
    ------
    ValueError
        If an option makes no sense.
    """
    definitions = Definitions(
        fall_heights_per_s=fall_heights_per_s,
        lying_s=lying_s,
        sitting_s=sitting_s,
        raised_hand_s=raised_hand_s,
        stillness_s=stillness_s,
        stillness_heights=stillness_heights,
        crowding_people=crowding_people,
        crowding_heights=crowding_heights,
        crowding_s=crowding_s,
    )
    if not abs(tilt_deg) < 90:
        raise ValueError(f"tilt_deg must be between -90 and 90, got {tilt_deg}")
    bodies = read_bodies(poses, min_score=min_score, tilt_deg=tilt_deg)
    events = sorted(_events(poses, bodies, definitions), key=_order)
    names = [field.name for field in fields(Event)]
    names = [*_FIRST, *(name for name in names if name not in _FIRST)]
    rows = [asdict(event) for event in events]
    columns = {name: [row[name] for row in rows] for name in names}
    return make_table(columns, list(notes_of(poses, bodies, events)))


def _events(poses: Poses, bodies: Bodies, definitions: Definitions) -> Iterator[Event]:
    """Yield the events that are over; at the end of the film all are."""
    scene = Scene(definitions)
    last_s = -np.inf
    borders = np.searchsorted(poses.frame, np.arange(len(poses.frame_time_s) + 1))
    for i, time_s in enumerate(poses.frame_time_s.tolist()):
        if not time_s > last_s:  # NaN is not
            continue
        last_s = time_s
        rows = np.arange(borders[i], borders[i + 1])
        changes = scene.update(time_s, poses.track_id, bodies, rows)
        yield from (event for event in changes if np.isfinite(event.end_s))
    yield from scene.finish()


def _order(event: Event) -> tuple[float, int, str, str]:
    return event.start_s, event.track_id, event.event, event.side
