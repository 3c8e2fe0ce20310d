"""Columns of a measure's table over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from kinetrace.plots._figure import (
    OTHERS,
    colour_of,
    is_alone,
    new_figure,
    say_nothing_to_draw,
    with_gaps,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_PEOPLE, _LEAST_SHARE = 4, 0.05
_UNITS = {"_deg": "degrees", "_s": "s", "_px": "px", "_m": "m", "_percent": "%"}


def time_series(
    table: pd.DataFrame,
    panels: Mapping[str, Sequence[str]],
    *,
    events_s: Mapping[str, Sequence[float]] | None = None,
) -> Figure:
    """Draw columns over time: a row of panels for each group of columns, a column for each person.

    Parameters
    ----------
    table
        With ``track_id``, ``frame`` and ``time_s``. The four people with the most rows are drawn,
        but nobody with less than a twentieth of the rows of the first. Photos, which have no time,
        are drawn by their number.
    panels
        Columns by the title of the panel that they share.
    events_s
        Times in seconds by the name of what happened then: vertical lines, for every person.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if not len(table) or not panels:
        figure = new_figure(6, 2)
        say_nothing_to_draw(figure.subplots(), "There is nothing to draw: nobody was measured.")
        return figure
    people = _choose_people(table)
    figure = new_figure(max(7.0, 5.0 * len(people)), 1.2 + 1.7 * len(panels))
    grid = figure.subplots(len(panels), len(people), sharex=True, sharey="row", squeeze=False)
    clock = "time_s" if table["time_s"].notna().all() else "frame"
    for column, track_id in enumerate(sorted(people)):
        of_person = table[table["track_id"] == track_id]
        for axes, (title, names) in zip(grid[:, column], panels.items(), strict=True):
            _draw_panel(axes, of_person, clock, names)
            if clock == "time_s":
                _draw_events(axes, events_s or {})
            if not column:
                axes.set_ylabel(f"{title}\n({_unit(names)})" if _unit(names) else title)
        if len(people) > 1:
            grid[0, column].set_title(f"person {track_id}")
        grid[-1, column].set_xlabel("time (s)" if clock == "time_s" else "frame")
    _add_legend(figure)
    return figure


def _choose_people(table: pd.DataFrame) -> list[int]:
    rows = table["track_id"].value_counts()
    return [int(i) for i in rows.index[rows >= _LEAST_SHARE * rows.iloc[0]][:_MOST_PEOPLE]]


def _draw_panel(axes: Axes, table: pd.DataFrame, clock: str, names: Sequence[str]) -> None:
    x = table[clock].to_numpy(dtype=np.float64)
    for name in names:
        line = with_gaps(x, table[name].to_numpy(dtype=np.float64))
        label = next((side for side in ("left", "right") if name.startswith(f"{side}_")), "middle")
        axes.plot(*line, color=colour_of(name), linewidth=1.3, label=label)
        alone = is_alone(line[1])  # a line of one point is not drawn
        if alone.any():
            axes.plot(line[0][alone], line[1][alone], ".", color=colour_of(name), markersize=4)
    axes.axhline(0, color="0.75", linewidth=0.8, zorder=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.92")
    if not table[list(names)].notna().any(axis=None):
        axes.text(0.5, 0.5, "not measured", ha="center", va="center", transform=axes.transAxes)


def _draw_events(axes: Axes, events_s: Mapping[str, Sequence[float]]) -> None:
    for i, (name, times) in enumerate(events_s.items()):
        for time_s in times:
            colour = colour_of(name) if name.startswith(("left_", "right_")) else OTHERS[i % 4]
            style = ("--", ":", "-.")[i // 2 % 3]
            label = name.replace("_", " ")
            axes.axvline(time_s, color=colour, linestyle=style, linewidth=1, label=label)


def _add_legend(figure: Figure) -> None:
    found: dict[str, Artist] = {}
    for axes in figure.axes:
        handles, labels = axes.get_legend_handles_labels()
        found |= dict(zip(labels, handles, strict=True))
    if found:
        figure.legend(
            list(found.values()), list(found), loc="outside upper center", ncols=6, frameon=False
        )


def _unit(names: Sequence[str]) -> str:
    return next((text for end, text in _UNITS.items() if names and names[0].endswith(end)), "")
