"""OpenSim's motion files (MOT, STO): columns of numbers over time.

The markers of TRC files are keypoints, so those are a file format (`kinetrace.formats.trc`); what a
measure gives is a table, and this is where it becomes a motion and comes from one.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kinetrace.errors import FormatError, OutputError
from kinetrace.files import reading, replacing
from kinetrace.formats._text_rows import numbers, read_lines
from kinetrace.poses import FloatArray

if TYPE_CHECKING:
    import pandas as pd

_END = "endheader"


def read_motion(path: Path) -> pd.DataFrame:
    """Read a motion or storage file.

    Parameters
    ----------
    path
        A file of OpenSim's, as inverse kinematics gives it, or of `write_motion`.

    Returns
    -------
    pandas.DataFrame
        The file's columns under its own names, numbers as they are in it, and ``time`` as
        ``time_s``. ``attrs["in_degrees"]`` tells whether its angles are in degrees or in radians.

    Raises
    ------
    SourceError
        If the file cannot be read.
    FormatError
        Naming the line of what is wrong.
    """
    import pandas as pd

    with reading(path):
        lines = [line.strip() for line in read_lines(path)]
        if _END not in lines:
            raise FormatError(f"it is no motion file, or it is cut short: no line is {_END!r}")
        end = lines.index(_END)
        header = dict(line.split("=", 1) for line in lines[:end] if "=" in line)
        names, rows = _table(lines, end + 1)
        for key, count in (("nRows", len(rows)), ("nColumns", len(names))):
            if header.get(key, str(count)).strip() != str(count):
                raise FormatError(f"its header tells {key}={header[key]}, and there are {count}")
        table = pd.DataFrame(rows, columns=["time_s", *names[1:]])
        table.attrs["in_degrees"] = header.get("inDegrees", "no").strip().lower() == "yes"
    return table


def write_motion(table: pd.DataFrame, path: Path) -> None:
    """Write the angles that a measure gave of one person as a motion in degrees.

    Parameters
    ----------
    table
        Has ``time_s`` and columns in degrees (``..._deg``); other columns, and those without any
        number, are left out. Rows in which one of the angles is missing are left out too, with a
        warning: OpenSim's Storage stops reading at what is no number. Columns keep their names:
        they are no coordinates of an OpenSim model, whose signs differ from model to model (in
        gait2354 ``knee_angle_r`` is ``right_knee_deg`` with the sign changed).
    path
        What is there is replaced when the new file is whole.

    Raises
    ------
    OutputError
        If there are no angles, in no row all of them, they are more than one person's, the times do
        not ascend, or it cannot be written.
    """
    angles = table.filter(regex=r"_deg$").dropna(axis="columns", how="all")
    if angles.empty or "time_s" not in table:
        raise OutputError(f"cannot write {path}: the table has no angles over time (angles has)")
    if "track_id" in table and len(set(table["track_id"])) > 1:
        ids = ", ".join(str(i) for i in sorted(set(table["track_id"])))
        raise OutputError(
            f"cannot write {path}: a motion is one person's, and there are track ids {ids}: "
            "choose one by kinetrace convert --person ID before measuring, or write a CSV"
        )
    time_s = table["time_s"].to_numpy(dtype=np.float64)
    if not (np.isfinite(time_s).all() and np.all(np.diff(time_s) > 0)):
        raise OutputError(f"cannot write {path}: a motion needs times that ascend; write a CSV")
    rows = _whole_rows(np.column_stack([time_s, angles.to_numpy(dtype=np.float64)]), angles, path)
    template = "%.6f" + "\t%.4f" * angles.shape[1] + "\n"
    header = (
        f"{' '.join(path.stem.split())}\nversion=1\nnRows={len(rows)}\n"
        f"nColumns={rows.shape[1]}\ninDegrees=yes\n\nAngles are in degrees.\n\n{_END}\n"
    )
    labels = "\t".join(["time", *angles.columns])
    with replacing(path) as temporary:
        text = f"{header}{labels}\n" + "".join(template % tuple(row) for row in rows)
        temporary.write_text(text, encoding="utf-8", newline="")


def _whole_rows(rows: FloatArray, angles: pd.DataFrame, path: Path) -> FloatArray:
    """Return the rows in which nothing is missing; a warning tells of the others."""
    is_whole = np.isfinite(rows).all(axis=1)
    if is_whole.all():
        return rows
    worst = angles.isna().sum().idxmax()
    told = (
        f"{np.sum(~is_whole)} of {len(rows)} frames lack an angle, most often {worst}; "
        "fill the gaps by kinetrace smooth before measuring, or drop that column"
    )
    if not is_whole.any():
        raise OutputError(f"cannot write {path}: {told}")
    warnings.warn(f"{path} is without some frames: {told}", stacklevel=3)
    return rows[is_whole]


def _table(lines: Sequence[str], first: int) -> tuple[list[str], list[list[float]]]:
    """Return the names of the columns, of which the first is time, and the rows below them."""
    labelled = [(i, line) for i, line in enumerate(lines[first:], start=first + 1) if line]
    if not labelled:
        raise FormatError(f"it is cut short: below {_END!r} there is nothing")
    at, labels = labelled[0]
    names = labels.split()
    if names[0].lower() != "time":
        raise FormatError(f"line {at}: the first column must be time, got {names[0][:40]!r}")
    if len(set(names)) < len(names):
        raise FormatError(f"line {at}: two columns have the same name")
    rows = []
    for number, line in labelled[1:]:
        cells = line.split()
        if len(cells) != len(names):
            raise FormatError(f"line {number} has {len(cells)} numbers for {len(names)} columns")
        rows.append(numbers(cells, number))
        if math.isnan(rows[-1][0]):
            raise FormatError(f"line {number}: there is no time")
    return names, rows
