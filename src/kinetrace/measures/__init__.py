"""Measures of movement, one module each. A module here is a measure; its file name is its name.

A measure module holds:

``measure(poses: Poses, *, ...) -> pandas.DataFrame``
    Keyword-only options, each with a default, a type that can be typed on a command line (float,
    int, str, bool, a ``Literal``, or one of them or None), and the unit in its name. They are the
    flags of ``kinetrace measure <name>``, and their text in the docstring is the flags' help.

    The table is tidy: one row for each thing that was measured, be it a person in a frame, a step
    or a repetition. Its first columns are ``track_id`` and then ``frame`` (number in the source)
    and ``time_s`` of a moment, or ``start_s`` and ``end_s`` of an interval, ``[start, end)``. The
    others have their unit in their name (``_deg``, ``_s``, ``_px``, ``_m``). What could not be
    measured is NaN. Where there is nothing at all the table is empty, and has the same columns.

    ``table.attrs["notes"]`` is a list of plain sentences: what could not be measured, and why
    (view, frame rate, gaps, missing keypoints), and whatever else limits the numbers. A measure
    never guesses a number, and never fails on gaps, NaN, an empty table or a single frame. It
    raises ValueError for an option that makes no sense.

A measure works for every skeleton that has the keypoints it needs, by name (`Skeleton.keypoints`).
It may also hold:

``summarise(table: pandas.DataFrame) -> pandas.DataFrame``
    A few numbers for each person. ``attrs["notes"]`` again.
``plot(table: pandas.DataFrame) -> matplotlib.figure.Figure``
    Made by the functions of `kinetrace.plots`. Never fails on an empty table.
``ONLY_WHEN_ASKED = True``
    Its answer takes something about the film for granted; a report that is about everything
    leaves it out.

Importing a measure module is cheap: pandas and Matplotlib are imported where they are used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kinetrace.files import replacing
from kinetrace.poses import IntArray, Poses

if TYPE_CHECKING:
    import pandas as pd

# Decimals in files, by the unit at the end of a column's name.
_DECIMALS = {"_deg": 2, "_px": 2, "_s": 6, "_m": 4}


def make_table(columns: Mapping[str, Any], notes: Sequence[str] = ()) -> pd.DataFrame:
    """Return a measure's table.

    Parameters
    ----------
    columns
        The columns by name, in order.
    notes
        What could not be measured, and why; one that occurs twice is kept once.
    """
    import pandas as pd

    table = pd.DataFrame(dict(columns))
    table.attrs["notes"] = list(dict.fromkeys(notes))
    return table


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a measure's table as CSV, with as many decimals as its units deserve.

    A path that ends with ``.mot`` gets its angles as a motion for OpenSim.

    Raises
    ------
    OutputError
        If it cannot be written, or makes no motion; what was there stays.
    """
    if path.suffix.lower() == ".mot":
        from kinetrace.opensim import write_motion

        write_motion(table, path)
        return
    decimals = {
        name: digits
        for name in table.columns
        for unit, digits in _DECIMALS.items()
        if str(name).endswith(unit)
    }
    with replacing(path) as temporary:
        text = table.round(decimals).to_csv(index=False, lineterminator="\n")
        temporary.write_text(text, encoding="utf-8", newline="")


def people(poses: Poses) -> Iterator[tuple[int, IntArray]]:
    """Yield the rows of each person, in the order of their frames.

    Parameters
    ----------
    poses
        People who were not tracked (`track_id` is -1) are one person if no frame has two of
        them; else nobody can tell who is who, and each row is yielded by itself.

    Yields
    ------
    track_id : int
    rows : (M,) int64
        Positions in `poses`.
    """
    for track_id in np.unique(poses.track_id):
        rows = np.flatnonzero(poses.track_id == track_id)
        if len(np.unique(poses.frame[rows])) == len(rows):
            yield int(track_id), rows
        else:
            yield from ((int(track_id), rows[i : i + 1]) for i in range(len(rows)))
