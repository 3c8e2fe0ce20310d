"""``.pose``, the file format of sign language research (the Python package ``pose-format``).

Written is version 0.2: the names of the keypoints and the lines between them, the picture's size, a
rate, and for each frame, person and keypoint x, y and confidence, in pixels and float32. Those who
have a track id keep their place among the people; the id itself, and numbers of frames, boxes, 3D
and times that are not even have no place. A confidence of 0 means a keypoint that is missing.
MediaPipe's body is written under MediaPipe's names, by which ``pose-format`` knows it.

Read are the versions 0.1 and 0.2. Where a file has several components, the keypoints of all but the
first have the component before their name (``left_hand_wrist``). The third coordinate, which is no
length in metres, and the component of world landmarks are passed over.
"""

from __future__ import annotations

import dataclasses
import math
import struct
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kinetrace.errors import FormatError, OutputError
from kinetrace.files import reading, replacing
from kinetrace.formats._individuals import from_individuals, individuals
from kinetrace.formats._stretches import Stretches
from kinetrace.poses import FloatArray, Poses, Skeleton
from kinetrace.skeletons import BLAZEPOSE33, skeleton_of

SUFFIXES = (".pose",)
LOSES = (
    *("track_id", "bbox_xyxy", "bbox_score", "xyz_m"),
    *("frame_index", "frame_name", "source", "log"),
)

_BODY, _WORLD = "POSE_LANDMARKS", "POSE_WORLD_LANDMARKS"
# How MediaPipe writes what is called after the others here.
_MOUTHS = {"left_mouth": "MOUTH_LEFT", "right_mouth": "MOUTH_RIGHT"}
_LARGEST = 2**16 - 1


class _Component(NamedTuple):
    """A part of the body: its name, its points', and the lines between them, by position."""

    name: str
    points: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...]


def read(path: Path) -> Poses:
    """Read a file; nobody in it has a track id.

    Raises
    ------
    SourceError
        If the file cannot be read.
    FormatError
        If it is no such file, of another version, or cut short.
    """
    with reading(path):
        cursor = _Cursor(path.read_bytes())
        version, *size = cursor.take("<fHHH")
        if round(version, 3) not in (0.1, 0.2):
            raise FormatError(f"it is no .pose file of version 0.1 or 0.2, but says {version:.3g}")
        components, dims = _header(cursor)
        count = sum(len(component.points) for component in components)
        fps, frames, people = _body(cursor, round(version, 3), count * (dims + 1))
        # Without people frames cost no bytes, and a file could tell of any number.
        if frames > 10**7:
            raise FormatError(f"it tells of {frames} frames")
        xy = cursor.array((frames, people, count, dims))[..., :2]
        score = cursor.array((frames, people, count))
        return _poses(components, xy, score, fps, (size[0], size[1]))


def write(poses: Poses, path: Path) -> None:
    """Write a file.

    Raises
    ------
    OutputError
        If it cannot be written, a frame has somebody twice, the frames' numbers do not ascend, or
        something is larger than the format has a place for; what was there stays.
    """
    Stretches(poses).add(poses)
    size = poses.size_wh or (0, 0)
    if max(*size, len(poses.skeleton)) > _LARGEST:
        raise OutputError(f"cannot write {path}: a picture or skeleton is larger than {_LARGEST}")
    people = individuals(poses)
    # An array without anybody, too, has a place for one.
    row = people.row if people.names else np.full((len(poses.frame_time_s), 1), -1)
    there = np.asarray(np.isfinite(poses.xy).all(axis=2))
    nobody = np.zeros((1, len(poses.skeleton), 3))
    values = np.concatenate([np.nan_to_num(poses.xy), poses.score[..., None]], axis=2)
    values = np.concatenate([np.where(there[..., None], values, 0), nobody])[row].astype("<f4")
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(struct.pack("<fHHHH", 0.2, *size, 0, 1))
        file.write(b"".join(_component(poses.skeleton)))
        file.write(struct.pack("<fIH", _fps(poses, path), *row.shape))
        file.write(values[..., :2].tobytes())
        file.write(values[..., 2].tobytes())


def _fps(poses: Poses, path: Path) -> float:
    """Return the rate, 0 where no times are told; warn where times are more than a rate."""
    time_s = poses.frame_time_s
    told = np.isfinite(time_s)
    if not told.any():
        return 0
    duration_s = float(time_s[-1] - time_s[0])
    fps = (len(time_s) - 1) / duration_s if duration_s > 0 else 0.0
    even_s = np.arange(len(time_s)) / fps if fps else np.full(len(time_s), np.nan)
    off_s = np.abs(time_s - even_s)
    if not np.all(off_s < 1e-3):
        what = f"up to {off_s.max():.3f} s" if np.isfinite(off_s).all() else "there is no rate"
        warnings.warn(
            f"{path} holds a rate and no times, which begin at 0 then: they change ({what}); keep "
            "a CSV or Parquet file as well",
            stacklevel=4,
        )
    return fps


def _component(skeleton: Skeleton) -> Iterator[bytes]:
    is_body = skeleton.keypoints == BLAZEPOSE33.keypoints
    names = [_MOUTHS.get(n, n.upper()) if is_body else n for n in skeleton.keypoints]
    yield _packed_text(_BODY if is_body else skeleton.name)
    yield _packed_text("XYC")
    edges = skeleton.edge_indices
    yield struct.pack("<HHH", len(names), len(edges), len(edges))
    yield from (_packed_text(name) for name in names)
    yield from (struct.pack("<HH", a, b) for a, b in edges)
    # A colour for each line: from red to blue, as there is no such thing here.
    steps = max(1, len(edges) - 1)
    yield from (
        struct.pack("<HHH", 255 - 255 * i // steps, 80, 255 * i // steps) for i in range(len(edges))
    )


def _packed_text(text: str) -> bytes:
    data = text.encode("utf-8", errors="backslashreplace")
    if len(data) > _LARGEST:
        raise OutputError(f"the name {text[:40]!r}... is longer than {_LARGEST} bytes")
    return struct.pack("<H", len(data)) + data


class _Cursor:
    """The bytes of a file, from the first to the last."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def bytes(self, size: int) -> bytes:
        if size > self.left:
            raise FormatError(f"it is no .pose file, or cut short at byte {len(self._data)}")
        self._at += size
        return self._data[self._at - size : self._at]

    def take(self, layout: str) -> tuple[float, ...]:
        return struct.unpack(layout, self.bytes(struct.calcsize(layout)))

    def text(self) -> str:
        (size,) = self.take("<H")
        try:
            return self.bytes(int(size)).decode("utf-8")
        except UnicodeDecodeError as error:
            raise FormatError(f"it is no .pose file: a name is no text: {error}") from error

    def array(self, shape: tuple[int, ...]) -> FloatArray:
        data = self.bytes(4 * math.prod(shape))
        return np.frombuffer(data, dtype="<f4").reshape(shape)


def _header(cursor: _Cursor) -> tuple[list[_Component], int]:
    """Return the components and how many coordinates their points have."""
    (count,) = cursor.take("<H")
    components, formats = [], []
    for _ in range(int(count)):
        name, layout = cursor.text(), cursor.text()
        points, limbs, colours = (int(value) for value in cursor.take("<HHH"))
        names = tuple(cursor.text() for _ in range(points))
        pairs = tuple((int(a), int(b)) for a, b in (cursor.take("<HH") for _ in range(limbs)))
        cursor.bytes(colours * 6)
        components.append(_Component(name, names, pairs))
        formats.append(layout)
    dims = max((len(layout) for layout in formats), default=0) - 1
    if dims < 2 or any(not layout.startswith("XY") or layout[-1] != "C" for layout in formats):
        raise FormatError(f"its points are {', '.join(formats) or 'none'}, not XYC or XYZC")
    return components, dims


def _body(cursor: _Cursor, version: float, numbers: int) -> tuple[float, int, int]:
    """Return the rate and how many frames and people there are."""
    if version == 0.2:
        fps, frames, people = cursor.take("<fIH")
        return fps, int(frames), int(people)
    fps, frames, people = cursor.take("<HHH")
    # Two bytes are not enough for long films; then what is there tells.
    each = int(people) * numbers * 4
    return fps, cursor.left // each if each else int(frames), int(people)


def _poses(
    components: Sequence[_Component],
    xy: FloatArray,
    score: FloatArray,
    fps: float,
    size: tuple[float, float],
) -> Poses:
    names = [name for i, component in enumerate(components) for name in _names(component, i)]
    kept = np.array([name is not None for name in names], dtype=bool)
    keypoints = tuple(name for name in names if name is not None)
    if len(set(keypoints)) < len(keypoints):
        raise FormatError("two of its keypoints have the same name")
    score = np.nan_to_num(score[:, :, kept], nan=0)
    if np.any((score < 0) | (score > 1)):
        raise FormatError("a confidence is not within 0..1")
    if not 0 <= fps < np.inf:
        raise FormatError(f"its rate must not be below 0, got {fps}")
    xy = np.where(score[..., None] > 0, xy[:, :, kept], np.nan)
    if np.isinf(xy).any():
        raise FormatError("a position is not finite")
    t = len(xy)
    poses = from_individuals(
        [f"untracked_{i}" for i in range(xy.shape[1])],
        _skeleton(components, keypoints),
        frame_time_s=np.arange(t) / fps if fps else np.full(t, np.nan),
        frame_index=np.arange(t),
        xy=xy,
        score=score,
    )
    width, height = (int(value) for value in size)
    return dataclasses.replace(poses, size_wh=(width, height) if width * height else None)


def _names(component: _Component, position: int) -> list[str | None]:
    """Return the keypoints' names here; None for what is passed over."""
    if component.name == _WORLD:
        return [None] * len(component.points)
    back = {theirs: ours for ours, theirs in _MOUTHS.items()}
    is_body = component.name == _BODY
    names = [back.get(n, n.lower()) if is_body else n for n in component.points]
    if position == 0:
        return list(names)
    prefix = component.name.lower().removesuffix("_landmarks").removesuffix("_keypoints_2d")
    return [f"{prefix}_{name.lower()}" for name in names]


def _skeleton(components: Sequence[_Component], keypoints: tuple[str, ...]) -> Skeleton:
    known = skeleton_of(keypoints)
    if known.name != "custom":
        return known
    edges, begin = [], 0
    for component in components:
        if component.name != _WORLD:
            end = begin + len(component.points)
            if any(max(pair) >= len(component.points) for pair in component.limbs):
                raise FormatError(
                    f"a line of {component.name!r} leads to a point that is not there"
                )
            part = keypoints[begin:end]
            edges += [(part[a], part[b]) for a, b in component.limbs]
            begin = end
    return Skeleton(components[0].name if components else "custom", keypoints, tuple(edges))
