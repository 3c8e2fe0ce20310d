"""Repetitions over time: when, and how deep."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kinetrace.plots._figure import LEFT, OTHERS, empty_figure, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_PANELS = 6


def plot(table: pd.DataFrame) -> Figure:
    """Draw when each repetition was, and how deep, a panel for each person and exercise.

    Parameters
    ----------
    table
        Of `measure`. The six panels with the most repetitions are drawn.
    """
    if not len(table):
        return empty_figure(table.attrs.get("notes") or ["No repetitions."])
    sizes = table.groupby(["track_id", "exercise"]).size().sort_values(ascending=False)
    panels = sorted(sizes.index[:_MOST_PANELS].tolist())
    figure = new_figure(9, 0.8 + 2.4 * len(panels))
    grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False)
    for axes, (track_id, exercise) in zip(grid[:, 0], panels, strict=True):
        part = table[(table["track_id"] == track_id) & (table["exercise"] == exercise)]
        _draw(axes, part)
        whole = int(part["complete"].sum())
        who = f"person {track_id}: " if track_id >= 0 else ""
        half = f", {len(part) - whole} half" if len(part) > whole else ""
        axes.set_title(f"{who}{whole} {exercise}{half}", loc="left")
    grid[-1, 0].set_xlabel("time (s)")
    return figure


def _draw(axes: Axes, part: pd.DataFrame) -> None:
    """Draw each repetition as its way from rest to the turning point and back."""
    sign = 1 if part["turn_at"].iloc[0] == "top" else -1
    rest = part["depth_percent"] - sign * part["range_percent"]
    for is_whole, colour, label in ((True, LEFT, "whole"), (False, OTHERS[2], "half")):
        own = part["complete"].to_numpy(bool) == is_whole
        for i in np.flatnonzero(own):
            row = part.iloc[i]
            out_s = row["down_s"] if sign < 0 else row["up_s"]
            held_s = row["start_s"] + out_s
            times = (row["start_s"], held_s, held_s + row["pause_s"], row["end_s"])
            depth = row["depth_percent"]
            axes.plot(
                times, (rest.iloc[i], depth, depth, rest.iloc[i]), color=colour, linewidth=1.8
            )
            axes.annotate(
                str(row["number"]),
                (row["turn_s"], depth),
                (0, 4 * sign),
                textcoords="offset points",
                ha="center",
                va="bottom" if sign > 0 else "top",
                fontsize="small",
            )
        if own.any():
            axes.plot([], [], color=colour, label=label)
    axes.set_ylabel(part["signal"].iloc[0].replace(", ", "\n"), fontsize="small")
    axes.margins(y=0.2)
    axes.grid(axis="y", color="0.92")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper right", ncols=2, fontsize="small")
