"""The gait diagram: when each foot was on the ground, and how long steps took."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kinetrace.plots._figure import LEFT, RIGHT, empty_figure, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_PEOPLE = 4
_COLOURS = {"left": LEFT, "right": RIGHT}


def plot(table: pd.DataFrame) -> Figure:
    """Draw when each foot was on the ground, and the time that each step took.

    Parameters
    ----------
    table
        Of `measure`. The four people with the most steps are drawn.
    """
    if not len(table):
        return empty_figure(["No steps.", *table.attrs.get("notes", [])])
    people = sorted(int(i) for i in table["track_id"].value_counts().index[:_MOST_PEOPLE])
    figure = new_figure(9, 0.6 + 2.8 * len(people))
    heights = [2, 3] * len(people)
    grid = figure.subplots(2 * len(people), 1, sharex=True, height_ratios=heights, squeeze=False)
    for i, track_id in enumerate(people):
        steps = table[table["track_id"] == track_id]
        draw_contacts(grid[2 * i, 0], steps)
        _draw_step_times(grid[2 * i + 1, 0], steps)
        if len(people) > 1:
            grid[2 * i, 0].set_title(f"person {track_id}", loc="left")
    grid[-1, 0].set_xlabel("time (s)")
    return figure


def draw_contacts(axes: Axes, steps: pd.DataFrame) -> None:
    """Draw when each foot of one person was on the ground."""
    for height, side in enumerate(_COLOURS):
        own = steps[steps["side"] == side]
        known = own[own["stance_s"].notna()]
        bars = list(zip(known["time_s"], known["stance_s"], strict=True))
        axes.broken_barh(bars, (height - 0.3, 0.6), facecolors=_COLOURS[side], alpha=0.75)
        axes.vlines(own["time_s"], height - 0.4, height + 0.4, colors=_COLOURS[side])
    axes.set_yticks([0, 1], ["left foot", "right foot"])
    axes.set_ylim(-0.6, 1.6)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    axes.text(
        *(1, 1.02, "bar: on the ground, from heel strike (line) to toe off"),
        transform=axes.transAxes,
        color="0.4",
        fontsize="small",
        ha="right",
    )


def _draw_step_times(axes: Axes, steps: pd.DataFrame) -> None:
    known = steps[steps["step_time_s"].notna()]
    for side, colour in _COLOURS.items():
        own = known[known["side"] == side]
        axes.plot(own["time_s"], own["step_time_s"], "o", color=colour, label=f"{side} step")
    axes.set_ylabel("step time (s)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.92")
    if not len(known):
        axes.text(0.5, 0.5, "not measured", ha="center", va="center", transform=axes.transAxes)
        return
    # A third of a second at least, so that a difference of a frame looks as small as it is.
    low, high = known["step_time_s"].min(), known["step_time_s"].max()
    reach = max((high - low) / 2, 0.15) + 0.02
    axes.set_ylim((low + high) / 2 - reach, (low + high) / 2 + reach)
    axes.legend(frameon=False, loc="upper right", ncols=2, fontsize="small")
