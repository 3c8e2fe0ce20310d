"""From tidy tables to charts over time: what is drawn, not how."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from kinetrace.plots._figure import with_gaps
from kinetrace.report import _wording

if TYPE_CHECKING:
    import pandas as pd

Floats: TypeAlias = npt.NDArray[np.float64]

MOST_POINTS = 2000
LEAST_ROWS = 3
_MOST_MARKS = 60  # of a kind; more would hide the curves
_PLACES = {"track_id", "frame", "time_s", "start_s", "end_s"}


@dataclass(frozen=True)
class Line:
    """One line of a chart, or its points; NaN where it is broken."""

    side: str
    x: Floats
    y: Floats


@dataclass(frozen=True)
class Happening:
    """What happened at a moment, where `end_s` is NaN, or from one to another."""

    name: str
    side: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Chart:
    """One measured quantity over time, of left and right together.

    Attributes
    ----------
    title, unit, decimals
        What is drawn, in words, and in what.
    clock
        What the horizontal axis is: ``time (s)``, or ``frame`` of pictures without a time.
    lines
        One for each side.
    happenings
        What is marked.
    is_joined
        Whether the points of a line are joined.
    is_thinned
        Whether there are fewer points than there were.
    """

    title: str
    unit: str
    decimals: int
    clock: str
    lines: tuple[Line, ...]
    happenings: tuple[Happening, ...]
    is_joined: bool
    is_thinned: bool

    def x_range(self) -> tuple[float, float]:
        """Return where the horizontal axis begins and ends."""
        x = np.concatenate([line.x for line in self.lines])
        return _range(x, 0.0 if self.is_joined else 0.04, least=1e-3)

    def y_range(self) -> tuple[float, float]:
        """Return where the vertical axis begins and ends: not so close that noise is a movement.

        Single points are compared by their height, so theirs holds 0.
        """
        y = np.concatenate([line.y for line in self.lines])
        y = y if self.is_joined else np.append(y, 0.0)
        return _range(y, 0.06, least=20 * 10.0**-self.decimals)


def is_of_every_frame(table: pd.DataFrame, rows: int) -> bool:
    """Tell whether one person's table follows them from frame to frame, or is of single events.

    Parameters
    ----------
    table
        Of one person.
    rows
        In how many frames the person is seen.
    """
    return "time_s" in table and "start_s" not in table and len(table) >= 0.5 * rows


def happenings_of(table: pd.DataFrame, name: str, *, length_s: float) -> list[Happening]:
    """Return what a table of events has to mark in charts, by its times; nothing if it is too much.

    Parameters
    ----------
    table
        Of one person.
    name
        What its rows are called where they have no ``event``.
    length_s
        How long the charts are.
    """
    start = "start_s" if "start_s" in table else "time_s"
    if start not in table or len(table) > _MOST_MARKS:
        return []
    names = table.get("event", [name] * len(table))
    sides = table.get("side", [""] * len(table))
    has_ends = start == "start_s" and "end_s" in table
    # Of what goes on most of the time, only the beginnings tell anything.
    has_ends = has_ends and np.nansum(table["end_s"] - table[start]) < 0.5 * length_s
    ends = table["end_s"] if has_ends else [np.nan] * len(table)
    return [
        Happening(_wording.in_words(str(what)), str(side), float(from_s), float(to_s))
        for what, side, from_s, to_s in zip(names, sides, table[start], ends, strict=True)
        if np.isfinite(from_s)
    ]


def charts_of(
    table: pd.DataFrame, *, is_joined: bool, happenings: Sequence[Happening] = ()
) -> list[Chart]:
    """Derive the charts of one person's table: a chart for each quantity that has a unit.

    Parameters
    ----------
    table
        Of one person.
    is_joined
        Whether its rows follow one another from frame to frame.
    happenings
        What is marked in all of them.

    Returns
    -------
    list of Chart
        Quantities that were never measured have none.
    """
    clock = next((c for c in ("time_s", "start_s") if c in table and table[c].notna().all()), "")
    clock = clock or ("frame" if "frame" in table else "")
    if len(table) < LEAST_ROWS or not clock:
        return []
    x = table[clock].to_numpy(dtype=np.float64)
    charts = []
    for (what, unit), columns in _quantities(table, x, is_joined).items():
        whole = [line for column in columns for line in _lines(table, column, x, is_joined)]
        lines = tuple(thin(line, MOST_POINTS) for line in whole)
        charts.append(
            Chart(
                _wording.in_words(what),
                unit,
                _wording.parse(columns[0]).decimals,
                "frame" if clock == "frame" else "time (s)",
                lines,
                () if clock == "frame" else tuple(happenings),
                is_joined,
                any(len(a.x) < len(b.x) for a, b in zip(lines, whole, strict=True)),
            )
        )
    return charts


def not_measured(table: pd.DataFrame) -> list[str]:
    """Name the quantities with a unit of which nothing is known, without their side."""
    known: dict[str, bool] = {}
    for column in _with_unit(table):
        what = _wording.in_words(_wording.parse(column).what).lower()
        known[what] = known.get(what, False) or bool(table[column].notna().any())
    return [what for what, is_known in known.items() if not is_known]


def _with_unit(table: pd.DataFrame) -> Iterable[str]:
    numeric = table.select_dtypes("number").columns.map(str)
    return (name for name in numeric if name not in _PLACES and _wording.parse(name).unit)


def _quantities(
    table: pd.DataFrame, x: Floats, is_joined: bool
) -> dict[tuple[str, str], list[str]]:
    """Return the columns that share a chart, by what they measure and its unit."""
    found: dict[tuple[str, str], list[str]] = {}
    for column in _with_unit(table):
        values = table[column].to_numpy(dtype=np.float64)
        known = np.isfinite(values)
        if known.sum() < (1 if is_joined else LEAST_ROWS):
            continue
        name = _wording.parse(column)
        # Seconds that never lie before their own row are a moment of the film, and no duration.
        if name.unit == "s" and np.all(values[known] >= x[known]):
            continue
        found.setdefault((name.what, name.unit), []).append(column)
    return found


def _lines(table: pd.DataFrame, column: str, x: Floats, is_joined: bool) -> Iterable[Line]:
    y = table[column].to_numpy(dtype=np.float64)
    if is_joined:
        yield Line(_wording.parse(column).side, *with_gaps(x, y))
        return
    sides = np.asarray(table.get("side", [_wording.parse(column).side] * len(x)), dtype=str)
    for name in dict.fromkeys(sides.tolist()):
        own = (sides == name) & np.isfinite(y)
        if own.any():
            yield Line(name, x[own], y[own])


def _range(values: Floats, margin: float, *, least: float) -> tuple[float, float]:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    wider = max(margin * (high - low), (least - (high - low)) / 2)
    return low - wider, high + wider


def thin(line: Line, most: int) -> Line:
    """Keep the lowest and the highest point of each stretch, so that no peak is lost."""
    if len(line.x) <= most:
        return line
    kept: list[int] = []
    for stretch in np.array_split(np.arange(len(line.x)), most // 2):
        y = line.y[stretch]
        if np.isfinite(y).any():
            kept += sorted({int(stretch[np.nanargmin(y)]), int(stretch[np.nanargmax(y)])})
        else:
            kept.append(int(stretch[0]))
    return Line(line.side, line.x[kept], line.y[kept])
