"""One angle against another: the loop of a stride, a squat, a throw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kinetrace.plots._figure import colour_of, new_figure, say_nothing_to_draw, with_gaps

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def angle_angle(table: pd.DataFrame, x: str, y: str, *, track_id: int | None = None) -> Figure:
    """Draw one angle against another, left and right (Grieve 1968, for hip and knee of gait).

    Parameters
    ----------
    table
        Of `kinetrace.measures.angles.measure`.
    x, y
        Angles without side and unit: ``hip`` and ``knee``, say.
    track_id
        Which person; None is the one with the most rows.

    Raises
    ------
    ValueError
        If the table does not have such angles.
    """
    pairs = [(f"{side}{x}_deg", f"{side}{y}_deg") for side in ("left_", "right_", "")]
    pairs = [pair for pair in pairs if set(pair) <= set(table.columns)]
    if not pairs:
        there = ", ".join(name for name in table.columns if name.endswith("_deg"))
        raise ValueError(f"no angles {x!r} and {y!r}; there are: {there}")
    figure = new_figure(5, 5)
    axes = figure.subplots()
    if track_id is None and len(table):
        track_id = int(table["track_id"].value_counts().index[0])
    of_person = table[table["track_id"] == track_id].dropna(subset=[pairs[0][0]], how="all")
    if not len(of_person):
        say_nothing_to_draw(axes, "There is nothing to draw: nothing was measured.")
        return figure
    for pair in pairs:
        time_s, a, b = (of_person[n].to_numpy(np.float64) for n in ("time_s", *pair))
        label = next((side for side in ("left", "right") if pair[0].startswith(side)), "middle")
        axes.plot(
            with_gaps(time_s, a)[1],
            with_gaps(time_s, b)[1],
            color=colour_of(pair[0]),
            linewidth=1,
            label=label,
        )
    axes.set_xlabel(f"{x} (degrees)")
    axes.set_ylabel(f"{y} (degrees)")
    axes.set_aspect("equal", adjustable="datalim")
    axes.grid(color="0.92")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure
