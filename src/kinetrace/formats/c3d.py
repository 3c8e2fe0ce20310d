"""C3D, the file of motion capture laboratories (c3d.org): markers in mm at one rate. One person.

Needs the extra ``c3d`` (ezc3d, native code that a damaged file can bring down: read files that you
trust). Where the poses have positions in space these are written, in mm with y up: x to the
picture's right, y up, z towards the camera; they are centred at the hips, so the body does not
travel. Else the pixels are written as they are, y down, with z 0 and the unit ``px``.

Missing markers are NaN with the residual -1 that says so. A C3D file has frames at one rate and no
times: each frame goes where its time says, and those between are empty; a film whose frames do not
fit is refused. There is no place for scores, boxes, ids, and pixels beside metres.

Read are files in m, cm, mm and px, with y up where they are not in pixels.
"""

from __future__ import annotations

import re
import struct
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kinetrace.errors import FormatError, MissingExtraError, OutputError
from kinetrace.files import reading, replacing
from kinetrace.formats._foreign import bytes_written
from kinetrace.formats._markers import Markers, from_markers, read_markers, to_markers
from kinetrace.formats._stretches import Stretches
from kinetrace.poses import FloatArray, IntArray, Poses

if TYPE_CHECKING:
    from types import ModuleType

SUFFIXES = (".c3d",)
LOSES = (
    *("xy", "score", "track_id", "bbox_xyxy", "bbox_score"),
    *("frame_index", "frame_name", "size_wh", "source", "log"),
)

# The header counts frames in 16 bits.
_MOST_FRAMES = 65_535
# Less is what films' own clocks are rounded to.
_LEAST_S = 0.001
# Texts have their length in 8 bits, of which some programs take one for a sign.
_LONGEST_NAME = 127


def read(path: Path) -> Poses:
    """Read the markers of one person, each with score 1 where it is.

    Raises
    ------
    SourceError
        If the file cannot be read.
    FormatError
        If it is no C3D file, or holds no markers.
    MissingExtraError
        If ezc3d is not installed.
    """
    ezc3d = _ezc3d()
    with reading(path):
        _check_whole(path.read_bytes())
        try:
            file = ezc3d.c3d(str(path))
        except (OSError, RuntimeError, ValueError, IndexError, MemoryError) as error:
            raise FormatError(f"it is no C3D file, or it is damaged: {error}") from error
        parameters, points = file["parameters"]["POINT"], file["data"]["points"]
        markers = _markers(parameters, np.moveaxis(points[:3], 0, 2).swapaxes(0, 1))
        number = np.arange(points.shape[2]) + int(file["header"]["points"]["first_frame"])
        return from_markers(markers, number / markers.rate_hz, number)


def write(poses: Poses, path: Path) -> None:
    """Write the markers of one person.

    Raises
    ------
    OutputError
        If it cannot be written, there is more than one person, the frames' numbers or times do not
        ascend, their times fit no rate, or there are too few or too many of them; what was there
        stays.
    MissingExtraError
        If ezc3d is not installed.
    """
    ezc3d = _ezc3d()
    Stretches(poses).add(poses)
    markers = to_markers(poses)
    _check_names(markers.names)
    slots = _slots(poses.frame_time_s, markers.rate_hz)
    first, frames = int(slots[0]), int(slots[-1] - slots[0]) + 1
    if first < 0 or first + frames > _MOST_FRAMES:
        raise OutputError(
            f"cannot write {path}: a C3D file has frames 1 to {_MOST_FRAMES}, and these are "
            f"{first + 1} to {first + frames}; write shorter stretches"
        )
    data = _bytes_of(_filled(ezc3d.c3d(), markers, slots))
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def _filled(file: Any, markers: Markers, slots: IntArray) -> Any:
    """Return an empty file of ezc3d's with the markers, in the frames with these numbers."""
    first, k = int(slots[0]), len(markers.names)
    points = np.full((int(slots[-1]) - first + 1, k, 3), np.nan)
    points[slots - first] = markers.points * (1000 if markers.unit == "m" else 1)
    missing = np.isnan(points).any(axis=2)
    point, data = file["parameters"]["POINT"], file["data"]
    point["RATE"]["value"] = [markers.rate_hz]
    point["UNITS"]["value"] = ["mm" if markers.unit == "m" else "px"]
    point["LABELS"]["value"] = list(markers.names)
    file["header"]["points"]["first_frame"] = first
    data["points"] = np.concatenate([points.T, np.ones((1, k, len(points)))])
    data["meta_points"]["residuals"] = np.where(missing, -1.0, 0.0).T[None]
    data["meta_points"]["camera_masks"] = np.zeros((7, k, len(points)), dtype=bool)
    return file


def _check_names(names: tuple[str, ...]) -> None:
    bare = [name.strip() for name in names]
    for name in bare:
        if not name or len(name.encode()) > _LONGEST_NAME or bare.count(name) > 1:
            raise OutputError(
                f"a keypoint named {name!r} has no place in a C3D file: names there have 1 to "
                f"{_LONGEST_NAME} bytes and differ in more than spaces; rename it"
            )


def _bytes_of(file: Any) -> bytes:
    """Return what ezc3d writes, checked: it tells nobody when it fails."""
    data = bytes_written(file.write, ".c3d")
    try:
        _check_whole(data)
    except FormatError as error:
        raise OutputError(
            f"ezc3d could not write the file whole: {error}; free some space"
        ) from error
    return data


def _check_whole(data: bytes) -> None:
    """Check the header and the size, for ezc3d brings the process down where a file was cut."""
    if len(data) < 1024 or data[1] != 0x50 or not 1 < data[0] <= len(data) // 512:
        raise FormatError("it is no C3D file, or it is cut short")
    processor = data[(data[0] - 1) * 512 + 3]
    if processor not in (84, 85, 86):
        raise FormatError(f"it is no C3D file: there is no processor type {processor}")
    order = ">" if processor == 86 else "<"
    points, analog, first, last = struct.unpack(f"{order}4H", data[2:10])
    (start,) = struct.unpack(f"{order}H", data[16:18])
    # A scale below 0 says that the points are floats. Intel, DEC, SGI: each has its byte order.
    is_float = data[{84: 15, 85: 13, 86: 12}[processor]] & 0x80
    size = (last - first + 1) * (4 * points + analog) * (4 if is_float else 2)
    if last < first or start < 2 or len(data) < (start - 1) * 512 + size:
        raise FormatError("it is cut short: it has fewer frames than its header tells")


def _slots(time_s: FloatArray, rate_hz: float) -> IntArray:
    """Return each frame's number at that rate, from 0."""
    slots = np.round(time_s * rate_hz).astype(np.int64)
    if np.any(np.diff(slots) < 1):
        at = int(np.argmax(np.diff(slots) < 1))
        raise OutputError(
            f"the frames at {time_s[at]:.3f} s and {time_s[at + 1]:.3f} s are closer than the rate "
            f"of {rate_hz:.2f} Hz, which is all the time that a C3D file knows; write a TRC file"
        )
    moved_s = float(np.abs(slots / rate_hz - time_s).max())
    if moved_s > _LEAST_S:
        warnings.warn(
            f"frames are up to {1000 * moved_s:.1f} ms from their times, for C3D knows only a "
            f"rate ({rate_hz:.2f} Hz); a TRC file keeps the times",
            stacklevel=4,
        )
    return slots


def _markers(parameters: Any, points: FloatArray) -> Markers:
    # A list has 255 names at most; there may be LABELS, LABELS2, ...
    lists = [key for key in parameters if re.fullmatch(r"LABELS\d*", key)]
    found = [str(name).strip() for key in lists for name in _value(parameters, key, [])]
    names = tuple(found[: points.shape[1]])
    if not names or len(names) < points.shape[1]:
        raise FormatError(f"it names {len(names)} markers and holds {points.shape[1]}")
    unit = str(_value(parameters, "UNITS", ["mm"])[0]).strip()
    return read_markers(names, points, unit, float(_value(parameters, "RATE", [0.0])[0]))


def _value(parameters: Any, name: str, default: list[Any]) -> Any:
    """Return a parameter's value, or the default where it is left out or empty."""
    value = parameters[name]["value"] if name in parameters else default
    return value if len(value) else default


def _ezc3d() -> ModuleType:
    try:
        import ezc3d
    except ImportError as error:
        raise MissingExtraError("ezc3d, which reads and writes C3D,", "c3d") from error
    return ezc3d  # type: ignore[no-any-return]
