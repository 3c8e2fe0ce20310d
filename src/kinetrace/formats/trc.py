"""TRC: markers over time, as OpenSim and Cortex read them. One person a file.

Five header lines, tab-separated. Where the poses have positions in space, these are written, in
metres (``m``) with y up: x to the picture's right, y up, z towards the camera. They are centred at
the hips, so the body does not travel. Else the pixels are written as they are, y down, with z 0
and the unit ``px``: OpenSim then refuses to take them for a body's size, as it should.

Missing markers are empty cells. There is no place for scores, boxes, track ids, and for pixels
beside metres. ``Frame#`` counts from 1. Metres have 5 decimals, pixels 3, seconds 6.

Read are files in m, cm, mm and px, with y up where they are not in pixels.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kinetrace.errors import FormatError, OutputError
from kinetrace.files import reading, replacing_text
from kinetrace.formats._markers import Markers, from_markers, read_markers, to_markers
from kinetrace.formats._stretches import Stretches
from kinetrace.formats._text_rows import numbers, read_lines
from kinetrace.poses import FloatArray, Poses

SUFFIXES = (".trc",)
LOSES = (
    *("xy", "score", "track_id", "bbox_xyxy", "bbox_score"),
    *("frame_name", "size_wh", "source", "log"),
)

_KEYS = (
    *("DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units"),
    *("OrigDataRate", "OrigDataStartFrame", "OrigNumFrames"),
)


def read(path: Path) -> Poses:
    """Read the markers of one person, each with score 1 where it is.

    Raises
    ------
    SourceError
        If the file cannot be read.
    FormatError
        Naming the line of what is wrong.
    """
    with reading(path):
        lines = read_lines(path)
        values = _header(lines)
        names = _marker_names(lines, int(values["NumMarkers"]))
        rows = _rows(lines, 2 + 3 * len(names))
        if len(rows) < int(values["NumFrames"]):
            warnings.warn(
                f"{path} was cut short: it has {len(rows)} of {values['NumFrames']} frames",
                stacklevel=2,
            )
        points = rows[:, 2:].reshape(len(rows), len(names), 3)
        (rate_hz,) = numbers([values["DataRate"]], 3)
        markers = read_markers(names, points, values["Units"], rate_hz)
        return from_markers(markers, rows[:, 1], rows[:, 0].astype(np.int64) - 1)


def write(poses: Poses, path: Path) -> None:
    """Write the markers of one person.

    Raises
    ------
    OutputError
        If it cannot be written, there is more than one person, the frames' numbers or times do not
        ascend, or there are fewer than two; what was there stays.
    """
    Stretches(poses).add(poses)
    markers = to_markers(poses)
    with replacing_text(path) as file:
        file.write(_header_text(markers, path.name, len(poses.frame_time_s)))
        digits = 5 if markers.unit == "m" else 3
        template = f"%.{digits}f\t" * (3 * len(markers.names))
        for number, time_s, points in zip(
            (poses.frame_index + 1).tolist(), poses.frame_time_s, markers.points, strict=True
        ):
            # Only numbers are in it, so "nan" can be nothing but a missing one.
            cells = (template % tuple(points.ravel())).replace("nan", "")
            file.write(f"{number}\t{time_s:.6f}\t{cells}\n")


def _header_text(markers: Markers, name: str, frames: int) -> str:
    for marker in markers.names:
        if not marker.strip() or any(c in marker for c in "\t\r\n"):
            raise OutputError(f"a keypoint named {marker!r} has no place in a TRC file; rename it")
    rate, k = f"{markers.rate_hz:.6g}", len(markers.names)
    values = (rate, rate, str(frames), str(k), markers.unit, rate, "1", str(frames))
    axes = "".join(f"X{i}\tY{i}\tZ{i}\t" for i in range(1, k + 1))
    return (
        f"PathFileType\t4\t(X/Y/Z)\t{' '.join(name.split())}\n"
        + "\t".join(_KEYS)
        + "\n"
        + "\t".join(values)
        + "\nFrame#\tTime\t"
        + "".join(f"{name}\t\t\t" for name in markers.names)
        + f"\n\t\t{axes}\n\n"
    )


def _header(lines: Sequence[str]) -> dict[str, str]:
    """Return the header's values by name, checked."""
    if not lines or not lines[0].startswith("PathFileType"):
        raise FormatError("line 1: it is no TRC file: it does not begin with PathFileType")
    if len(lines) < 5:
        raise FormatError("it is cut short: a TRC file has five header lines")
    keys, cells = (line.rstrip("\t").split("\t") for line in lines[1:3])
    values = {key.strip(): cell.strip() for key, cell in zip(keys, cells, strict=False)}
    for key in ("DataRate", "NumFrames", "NumMarkers", "Units"):
        if not values.get(key):
            raise FormatError(f"line 3: there is no {key}")
    for key in ("NumFrames", "NumMarkers"):
        if not (values[key].isdecimal() and values[key].isascii() and len(values[key]) < 10):
            raise FormatError(
                f"line 3: {key} must be a whole number of at most nine digits, got {values[key]!r}"
            )
    return values


def _marker_names(lines: Sequence[str], count: int) -> tuple[str, ...]:
    cells = [cell.strip() for cell in lines[3].split("\t")]
    if cells[:2] != ["Frame#", "Time"]:
        raise FormatError(f"line 4 must begin with Frame# and Time, got {lines[3][:40]!r}")
    names = tuple(cell for cell in cells[2:] if cell)
    if len(names) != count:
        raise FormatError(f"line 4 names {len(names)} markers, NumMarkers in line 3 is {count}")
    return names


def _rows(lines: Sequence[str], cells: int) -> FloatArray:
    """Return the (T, 2 + 3 K) numbers below the header."""
    rows = []
    for number, line in enumerate(lines[5:], start=6):
        if not line.strip():
            continue
        row = line.split("\t")
        # Some programs end each line with a tab, and some leave out empty cells at its end.
        if len(row) > cells + 1 or any(cell.strip() for cell in row[cells:]):
            raise FormatError(f"line {number} has {len(row)} cells, the header has {cells}")
        values = numbers(row[:cells], number)
        if (
            len(values) < 2
            or not np.isfinite(values[:2]).all()
            or values[0] % 1
            or values[0] > 1e15
        ):
            raise FormatError(f"line {number} must begin with the frame's number and its time")
        rows.append([*values, *[np.nan] * (cells - len(values))])
    out = np.array(rows, dtype=np.float64).reshape(len(rows), cells)
    if np.any(np.diff(out[:, 1]) <= 0):
        at = int(np.argmax(np.diff(out[:, 1]) <= 0))
        raise FormatError(f"the time {out[at + 1, 1]} s comes after {out[at, 1]} s")
    return out
