"""Draw docs/images/gait.png: how the events of a walk are found, and what follows from them.

python docs/draw_gait.py
"""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes

from kinetrace import plots
from kinetrace.measures._gait_plot import draw_contacts
from kinetrace.measures._gait_walks import Walks, find_walks
from kinetrace.measures.gait import measure
from kinetrace.plots._figure import LEFT, RIGHT, new_figure
from kinetrace.testing import walker

TARGET = Path(__file__).parent / "images" / "gait.png"
COLOURS = {"left": LEFT, "right": RIGHT}


def draw_foot(axes: Axes, walks: Walks, kind: str, px_per_m: float) -> None:
    """Draw how far heels (or toes) are ahead of the pelvis, with the events found on them."""
    signals = walks.signals
    assert signals is not None
    points = signals.heel_xy if kind == "heel_strike" else signals.toe_xy
    for side, colour in COLOURS.items():
        ahead_m = signals.ahead_px(points[side]) / px_per_m
        axes.plot(signals.time_s, ahead_m, color=colour, linewidth=1.2, label=side)
        events = [e for bout in walks.bouts for e in bout.of(kind, side)]
        at = [e.sample for e in events]
        axes.plot([e.time_s for e in events], ahead_m[at], "o", color=colour, markersize=7)
    axes.axhline(0, color="0.75", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.92")


def main() -> None:
    """Draw a walk with 2 px of noise."""
    poses, truth = walker(duration_s=5, noise_px=2)
    (walks,) = find_walks(poses)
    figure = new_figure(9, 6.4)
    heel, toe, contacts = figure.subplots(3, 1, sharex=True, height_ratios=[3, 3, 1.6])
    draw_foot(heel, walks, "heel_strike", truth.px_per_m)
    heel.set_ylabel("heel ahead of\nthe pelvis (m)")
    heel.set_title("heel strike: the heel is foremost", loc="left", fontsize="medium")
    heel.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 0.98), ncols=2)
    draw_foot(toe, walks, "toe_off", truth.px_per_m)
    toe.set_ylabel("toe ahead of\nthe pelvis (m)")
    toe.set_title("toe off: the toe is rearmost", loc="left", fontsize="medium")
    draw_contacts(contacts, measure(poses))
    contacts.set_xlabel("time (s)")
    plots.save(figure, TARGET)


if __name__ == "__main__":
    main()
