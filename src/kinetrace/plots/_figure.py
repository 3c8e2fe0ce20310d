"""What the figures share: an empty one, colours, and a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from kinetrace.errors import MissingExtraError, OutputError
from kinetrace.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEFT, RIGHT, MIDDLE = "#0072B2", "#D55E00", "#000000"
# What is left of Okabe and Ito's colours, for events and people.
OTHERS = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_ENDINGS = (".png", ".svg", ".pdf")
_LONG_GAP = 3.5  # frames without a row, beyond which a line is broken


def new_figure(width_in: float, height_in: float) -> Figure:
    """Return an empty figure, drawn by Agg.

    Raises
    ------
    MissingExtraError
        If Matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("Matplotlib", "plot") from error
    figure = Figure(figsize=(width_in, height_in), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, SVG or PDF; the ending says which.

    Raises
    ------
    OutputError
        If the ending says none of them, or it cannot be written; what was there stays.
    """
    ending = path.suffix.lower()
    if ending not in _ENDINGS:
        raise OutputError(f"cannot write {path}: name a file that ends in {', '.join(_ENDINGS)}")
    with replacing(path) as temporary:
        figure.savefig(temporary, format=ending[1:], dpi=150)


def colour_of(column: str) -> str:
    """Return the colour of the side that a column's name begins with."""
    if column.startswith("left_"):
        return LEFT
    return RIGHT if column.startswith("right_") else MIDDLE


def with_gaps(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return a line that is broken where frames are missing between its points."""
    if len(x) < 3:
        return x, y
    step = np.diff(x)
    breaks = np.flatnonzero(step > _LONG_GAP * np.median(step)) + 1
    return np.insert(x, breaks, np.nan), np.insert(y, breaks, np.nan)


def is_alone(y: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Tell which points have none before and none after them."""
    known = np.concatenate([[False], np.isfinite(y), [False]])
    return np.asarray(known[1:-1] & ~known[:-2] & ~known[2:])


def empty_figure(why: Sequence[str]) -> Figure:
    """Return a figure that says why it is empty, a sentence a line."""
    figure = new_figure(6, 2)
    say_nothing_to_draw(figure.subplots(), "\n".join(why))
    return figure


def say_nothing_to_draw(axes: Axes, why: str) -> None:
    """Write into an empty figure why it is empty."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, why, ha="center", va="center", transform=axes.transAxes, wrap=True)
