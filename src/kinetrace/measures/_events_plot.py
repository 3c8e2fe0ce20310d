"""The timeline of events: a line for each person and kind, a bar for each event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kinetrace.plots._figure import LEFT, MIDDLE, OTHERS, RIGHT, empty_figure, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_MOST_PEOPLE = 8
_COLOURS = {
    ("fall", ""): MIDDLE,
    ("lying", ""): OTHERS[1],
    ("sitting", ""): OTHERS[3],
    ("raised_hand", "left"): LEFT,
    ("raised_hand", "right"): RIGHT,
    ("stillness", ""): OTHERS[0],
    ("crowding", ""): OTHERS[2],
}
_WIDE = 0.004  # of the time shown: a bar that is shorter could not be seen


def plot(table: pd.DataFrame) -> Figure:
    """Draw when each event was, the paler the less certain.

    Parameters
    ----------
    table
        Of `measure`. The eight people with the most events are drawn.
    """
    if not len(table):
        return empty_figure(["No events.", *table.attrs.get("notes", [])])
    people = table["track_id"].value_counts().index[:_MOST_PEOPLE]
    shown = table[table["track_id"].isin(people)]
    kinds = list(_COLOURS)
    keys = list(zip(shown["track_id"], shown["event"], shown["side"], strict=True))
    lanes = sorted(set(keys), key=lambda key: (key[0], kinds.index(key[1:])))
    figure = new_figure(9, 1.2 + 0.4 * len(lanes))
    axes = figure.subplots()
    numbers = shown[["start_s", "end_s", "confidence"]].to_numpy(dtype=np.float64)
    least_s = _WIDE * (numbers[:, 1].max() - numbers[:, 0].min())
    for key, (start_s, end_s, confidence) in zip(keys, numbers.tolist(), strict=True):
        axes.barh(
            lanes.index(key),
            max(end_s - start_s, least_s),
            left=start_s,
            height=0.7,
            color=_COLOURS[key[1:]],
            alpha=0.3 + 0.7 * confidence,
        )
    axes.set_yticks(range(len(lanes)), [_lane_name(*lane) for lane in lanes])
    axes.set_ylim(len(lanes) - 0.4, -0.6)
    axes.set_xlabel("time (s)")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    axes.grid(axis="x", color="0.92")
    axes.set_axisbelow(True)
    return figure


def _lane_name(track_id: int, event: str, side: str) -> str:
    name = event.replace("_", f" {side} ") if side else event
    return name if event == "crowding" else f"person {track_id}: {name}"
