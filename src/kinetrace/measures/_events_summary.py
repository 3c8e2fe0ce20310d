"""How often, and how long, from the table of events."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Count the events of each person.

    Parameters
    ----------
    table
        Of `kinetrace.measures.events.measure`.

    Returns
    -------
    pandas.DataFrame
        A row for each person and kind of event, and side of a raised hand: ``track_id``,
        ``event``, ``side``, ``count``, ``total_s``, ``longest_s`` and ``mean_confidence``.
    """
    from kinetrace.measures import make_table

    timed = table.assign(length_s=table["end_s"] - table["start_s"])
    rows = [
        (*key, len(part), part["length_s"].sum(), part["length_s"].max(), part["confidence"].mean())
        for key, part in timed.groupby(["track_id", "event", "side"], sort=True)
    ]
    names = ("track_id", "event", "side", "count", "total_s", "longest_s", "mean_confidence")
    notes = table.attrs.get("notes", [])
    return make_table({name: [row[i] for row in rows] for i, name in enumerate(names)}, notes)
