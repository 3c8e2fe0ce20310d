"""JSON Lines: a header, then one object a frame. Made for streams; exact; readable when cut.

.. code-block:: json

    {"format":"kinetrace-poses","version":1,"skeleton":{},"size_wh":[1280,720],"source":"clip.mp4",
     "log":[],"has_file":false,"has_xyz_m":false}
    {"frame":0,"time_s":0.0,"people":[{"track_id":-1,"bbox_xyxy":[1,2,3,4],"bbox_score":null,
     "keypoints":[[1.5,2.5,0.9]]}]}

(Each object is one line.) A keypoint is x and y in pixels and a score within 0..1; ``xyz_m``, where
there is one, is a list of x, y, z in metres. Missing is null. A frame of a set of images has its
``file``; one whose size is not the header's has its own ``size_wh``. Numbers read back as exactly
those that were written.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kinetrace.errors import FormatError
from kinetrace.files import Appender, reading, replacing
from kinetrace.formats import _json
from kinetrace.formats._stretches import Stretches, split
from kinetrace.poses import FloatArray, Poses, concat

SUFFIXES = (".keypoints.jsonl", ".jsonl", ".ndjson")

_NAME = "kinetrace-poses"


def read(path: Path) -> Poses:
    """Read a whole file; a last line that was cut is left out, with a warning.

    Raises
    ------
    SourceError
        If the file cannot be read.
    FormatError
        Naming the line of what is wrong.
    """
    return concat(list(read_chunks(path)))


def read_chunks(path: Path, *, frames: int = 1000) -> Iterator[Poses]:
    """Read a file in stretches of frames, in memory that does not grow.

    Parameters
    ----------
    path
        A file that `write` or `Writer` has made, whole or cut short.
    frames
        How many frames a stretch has; the last one may have fewer.

    Yields
    ------
    Poses
        At least one, without frames if the file has none.

    Raises
    ------
    SourceError
        If the file cannot be read.
    FormatError
        Naming the line of what is wrong.
    """
    with reading(path), path.open("rb") as file:
        header = _Header.parse(file.readline())
        lines = _objects(file, path)
        stretch = list(islice(lines, frames))
        yield _poses(header, stretch)
        while stretch := list(islice(lines, frames)):
            yield _poses(header, stretch)


def write(poses: Poses, path: Path) -> None:
    """Write a whole file.

    Raises
    ------
    OutputError
        If it cannot be written, or the frames' numbers do not ascend; what was there stays.
    """
    with replacing(path) as temporary:
        writer = Writer(temporary, poses)
        try:
            for stretch in split(poses):
                writer.append(stretch)
        finally:
            writer.close()


class Writer:
    """A file that grows frame by frame and can be read at any time.

    Parameters
    ----------
    path
        Where it is written; what is there is overwritten.
    header
        Tells skeleton, size, source and log, and whether there are names and `xyz_m`.

    Raises
    ------
    OutputError
        If it cannot be written, or the frames' numbers do not ascend.
    """

    def __init__(self, path: Path, header: Poses) -> None:
        self._size_wh = header.size_wh
        self._stretches = Stretches(header)
        first = {
            "format": _NAME,
            **_json.describe(header, header.size_wh),
            "has_file": header.frame_name is not None,
            "has_xyz_m": header.xyz_m is not None,
        }
        self._file = Appender(path, _json.dump(first) + "\n")

    def append(self, poses: Poses) -> None:
        """Write the next stretch of frames."""
        self._stretches.add(poses)
        self._file.append("".join(_lines(poses, self._size_wh)))

    def close(self) -> None:
        """End the file. Closing twice is fine."""
        self._file.close()


def _lines(poses: Poses, usual_size_wh: tuple[int, int] | None) -> Iterator[str]:
    people = _people(poses)
    starts = np.searchsorted(poses.frame, np.arange(len(poses.frame_time_s) + 1))
    for i, (number, time_s) in enumerate(zip(poses.frame_index, poses.frame_time_s, strict=True)):
        frame: dict[str, Any] = {"frame": number, "time_s": time_s}
        if poses.frame_name is not None:
            frame["file"] = poses.frame_name[i]
        if poses.size_wh != usual_size_wh:
            frame["size_wh"] = poses.size_wh
        here = ",".join(people[starts[i] : starts[i + 1]])
        yield f'{_json.dump(frame)[:-1]},"people":[{here}]}}\n'


def _people(poses: Poses) -> list[str]:
    """Return each person as JSON. Filling in a template is three times as fast as `json`."""
    n, k = len(poses), len(poses.skeleton)
    template = (
        '{"track_id":%d,"bbox_xyxy":[%s,%s,%s,%s],"bbox_score":%s,"keypoints":['
        + ",".join(["[%s,%s,%s]"] * k)
        + "]"
    )
    points = np.concatenate([poses.xy, poses.score[:, :, None]], axis=2).reshape(n, 3 * k)
    values = [poses.bbox_xyxy, poses.bbox_score[:, None], points]
    if poses.xyz_m is not None:
        template += ',"xyz_m":[' + ",".join(["[%s,%s,%s]"] * k) + "]"
        values.append(poses.xyz_m.reshape(n, 3 * k))
    rows = _json.texts(np.concatenate(values, axis=1)).tolist()
    ids = poses.track_id.tolist()
    return [(template + "}") % (i, *row) for i, row in zip(ids, rows, strict=True)]


class _Header(NamedTuple):
    metadata: _json.Metadata
    has_file: bool
    has_xyz_m: bool

    @classmethod
    def parse(cls, line: bytes) -> _Header:
        try:
            values = _json.load(line)
        except FormatError as error:
            raise FormatError(f"line 1: {error}") from error
        if not isinstance(values, dict) or values.get("format") != _NAME:
            raise FormatError(f'line 1: there is no header {{"format": "{_NAME}", ...}}')
        metadata = _json.parse_metadata(values)
        return cls(metadata, bool(values.get("has_file")), bool(values.get("has_xyz_m")))


def _objects(lines: Iterator[bytes], path: Path) -> Iterator[tuple[int, Any]]:
    """Yield each line's number and value, up to a last line that was cut."""
    for number, line in enumerate(lines, start=2):
        if not line.strip():
            continue
        try:
            value = _json.load(line)
        except FormatError as error:
            if line.endswith(b"\n"):
                raise FormatError(f"line {number}: {error}") from error
            warnings.warn(
                f"{path} was cut short: its last line ({number}) is left out", stacklevel=2
            )
            return
        yield number, value


class _Frame(NamedTuple):
    frame_index: int
    time_s: float
    name: str
    size_wh: tuple[int, int] | None
    track_id: list[int]
    boxes: FloatArray
    points: FloatArray
    xyz_m: FloatArray


def _poses(header: _Header, lines: Sequence[tuple[int, Any]]) -> Poses:
    skeleton, size_wh, source, log = header.metadata
    frames = [_parse_frame(header, number, value) for number, value in lines]
    sizes = {frame.size_wh for frame in frames}
    nothing = np.zeros((0, len(skeleton), 3), dtype=np.float32)
    points = np.concatenate([nothing, *(f.points for f in frames)])
    boxes = np.concatenate([np.zeros((0, 5), np.float32), *(f.boxes for f in frames)])
    return Poses(
        skeleton=skeleton,
        frame_time_s=np.array([f.time_s for f in frames], dtype=np.float64),
        frame=np.repeat(np.arange(len(frames)), [len(f.track_id) for f in frames]),
        frame_index=np.array([f.frame_index for f in frames], dtype=np.int64),
        frame_name=tuple(f.name for f in frames) if header.has_file else None,
        xy=points[:, :, :2],
        score=points[:, :, 2],
        track_id=np.array([i for f in frames for i in f.track_id], dtype=np.int64),
        bbox_xyxy=boxes[:, :4],
        bbox_score=boxes[:, 4],
        xyz_m=np.concatenate([nothing, *(f.xyz_m for f in frames)]) if header.has_xyz_m else None,
        size_wh=size_wh if not sizes else sizes.pop() if len(sizes) == 1 else None,
        source=source,
        log=log,
    )


def _parse_frame(header: _Header, number: int, value: Any) -> _Frame:
    k = len(header.metadata.skeleton)
    try:
        people = value["people"]
        n, time_s = len(people), value["time_s"]
        points = _json.array([p["keypoints"] for p in people], (n, k, 3), "keypoints")
        if not np.all((points[:, :, 2] >= 0) & (points[:, :, 2] <= 1)):
            raise FormatError("a keypoint's score is not within 0..1")
        boxes = [[*p["bbox_xyxy"], p["bbox_score"]] for p in people]
        xyz = [p["xyz_m"] for p in people] if header.has_xyz_m else []
        return _Frame(
            frame_index=_json.integer(value, "frame"),
            time_s=np.nan if time_s is None else float(time_s),
            name=str(value["file"]) if header.has_file else "",
            size_wh=_json.parse_size(value.get("size_wh", header.metadata.size_wh)),
            track_id=[_json.integer(p, "track_id") for p in people],
            boxes=_json.array(boxes, (n, 5), "bbox_xyxy and bbox_score"),
            points=points,
            xyz_m=_json.array(xyz, (len(xyz), k, 3), "xyz_m"),
        )
    except KeyError as error:
        raise FormatError(f"line {number}: there is no {error}") from error
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise FormatError(f"line {number}: that is no frame: {error}") from error
    except FormatError as error:
        raise FormatError(f"line {number}: {error}") from error
