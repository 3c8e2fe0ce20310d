"""Gait: heel strikes, toe offs, and what follows from their times and places.

``measure`` gives a row for each heel strike, ``summarise`` a row for each person, ``find_events``
the bare events. docs/gait.md has the definitions, and how far they are from the truth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kinetrace import scale
from kinetrace.measures import make_table
from kinetrace.measures._gait_events import Event, Method, confidence
from kinetrace.measures._gait_plot import plot
from kinetrace.measures._gait_steps import COLUMNS, steps_of
from kinetrace.measures._gait_summary import summarise
from kinetrace.measures._gait_walks import Walks, find_walks
from kinetrace.poses import Poses

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["find_events", "measure", "plot", "summarise"]


def measure(
    poses: Poses,
    *,
    method: Method = "zeni",
    person_height_m: float | None = None,
    px_per_m: float | None = None,
    cutoff_hz: float = 5.0,
    min_score: float = 0.3,
) -> pd.DataFrame:
    """Measure how people walk who are seen from the side.

    Parameters
    ----------
    poses
        Of any skeleton with hips, and heels and toes or ankles.
    method
        How events are found. ``zeni``: heel foremost and toe rearmost, seen from the pelvis (Zeni,
        Richards and Higginson 2008). ``oconnor``: foot fastest downwards and upwards (O'Connor et
        al. 2007); for a camera that stands still and level, and little noise.
    person_height_m
        How tall the people are, for lengths in metres.
    px_per_m
        Scale of the picture where they walk, for lengths in metres.
    cutoff_hz
        Of the low-pass filter on the keypoints: zero lag, -3 dB there. Stenum, Rossi and Roemmich
        (2021) take 5 Hz for walking filmed from the side. Below half of the frame rate.
    min_score
        Keypoints below it count as missing.

    Returns
    -------
    pandas.DataFrame
        A row for each heel strike; docs/gait.md has the columns. `attrs["notes"]` says what could
        not be measured, and why.

    Raises
    ------
    ValueError
        If an option makes no sense.
    """
    _check_above_zero({"person_height_m": person_height_m, "px_per_m": px_per_m})
    notes: list[str] = []
    rows: list[dict[str, Any]] = []
    for walks in find_walks(poses, method=method, cutoff_hz=cutoff_hz, min_score=min_score):
        notes += walks.notes
        if walks.signals is None or not walks.bouts:
            continue
        px_per_metre, note = _scale(walks, person_height_m, px_per_m, min_score)
        notes += [note] if note else []
        for number, bout in enumerate(walks.bouts):
            who = {"track_id": walks.track_id, "bout": number}
            rows += [who | row for row in steps_of(walks.signals, bout, px_per_m=px_per_metre)]
    return make_table({name: [row[name] for row in rows] for name in COLUMNS}, notes)


def find_events(
    poses: Poses, *, method: Method = "zeni", cutoff_hz: float = 5.0, min_score: float = 0.3
) -> pd.DataFrame:
    """Find heel strikes and toe offs, those of incomplete steps too.

    Parameters
    ----------
    poses, method, cutoff_hz, min_score
        As of `measure`.

    Returns
    -------
    pandas.DataFrame
        A row an event: ``track_id``, ``frame``, ``time_s``, ``event`` (``heel_strike`` or
        ``toe_off``), ``side``, ``confidence``; ordered by time for each person.
    """
    notes: list[str] = []
    rows: list[tuple[Any, ...]] = []
    for walks in find_walks(poses, method=method, cutoff_hz=cutoff_hz, min_score=min_score):
        notes += walks.notes
        rows += [(walks.track_id, *_described(walks, e)) for b in walks.bouts for e in b.events]
    names = ("track_id", "frame", "time_s", "event", "side", "confidence")
    return make_table({name: [row[i] for row in rows] for i, name in enumerate(names)}, notes)


def _described(walks: Walks, event: Event) -> tuple[Any, ...]:
    assert walks.signals is not None  # there are bouts
    frame = walks.signals.frame_at(event.time_s)
    return frame, event.time_s, event.kind, event.side, confidence(walks.signals, event)


def _scale(
    walks: Walks, height_m: float | None, px_per_m: float | None, min_score: float
) -> tuple[float, str]:
    """Return pixels a metre, and a sentence on it, or NaN and why it is not known."""
    if px_per_m is not None:
        return px_per_m, ""
    if height_m is None:
        return float("nan"), "No lengths in metres: neither person_height_m nor px_per_m is given."
    try:
        found = scale.from_height(walks.poses, height_m, min_score=min_score)
    except ValueError as error:
        return float("nan"), f"Person {walks.track_id}, lengths in metres: {error}."
    note = "is known from the height to about 5 %, and so are lengths and speed"
    return found.px_per_m, f"Person {walks.track_id}: the scale {note}."


def _check_above_zero(options: dict[str, float | None]) -> None:
    for name, value in options.items():
        if value is not None and not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be above 0, got {value}")
