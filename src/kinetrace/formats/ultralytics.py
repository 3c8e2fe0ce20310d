"""Ultralytics' pose data set: a folder with ``data.yaml`` and a text file for each picture.

``labels/frame_000012.txt`` (after the frame's number, or the picture's name) has a line for each
person: ``0 x y width height``, the middle and the size of the box, and then ``x y visibility`` of
each keypoint, all as parts of the picture's width and height, so the picture's size is needed.
Visibility is 2, and ``0 0 0`` is a keypoint that is missing. What lies outside the picture has no
place: Ultralytics refuses such files. Put the pictures into ``images/``, under the same names.

Read are such folders; data sets of others, whose pictures tell their size; and what
``model.predict(save_txt=True)`` writes, which has scores in place of visibility and track ids at
the end of the line. Reading needs the extra ``ultralytics`` (PyYAML).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kinetrace.errors import OutputError
from kinetrace.formats import _json, _ultralytics_reading
from kinetrace.formats._folders import replacing_folder
from kinetrace.formats._stretches import Stretches
from kinetrace.poses import FloatArray, Poses, bounds

SUFFIXES = (".ultralytics",)
IS_FOLDER = True
LOSES = (
    *("score", "track_id", "bbox_score", "xyz_m"),
    *("frame_time_s", "source", "log"),
)


def read(path: Path) -> Poses:
    """Read a folder.

    Raises
    ------
    SourceError
        If the folder or one of its files cannot be read.
    FormatError
        Naming the file and the line of what is wrong.
    MissingExtraError
        If PyYAML is not installed.
    """
    return _ultralytics_reading.read_folder(path)


def write(poses: Poses, path: Path) -> None:
    """Write a folder, but for its pictures.

    Raises
    ------
    OutputError
        If it cannot be written, it is there already, the pictures' size is not known, two pictures
        have the same name, or the frames' numbers do not ascend.
    """
    Stretches(poses).add(poses)
    if poses.size_wh is None:
        raise OutputError(
            f"cannot write {path}: Ultralytics has positions as parts of the picture, and its size "
            "is not known; write one folder for the pictures of each size"
        )
    names = _names(poses, path)
    size = np.array(poses.size_wh, dtype=np.float64)
    inside = np.all((poses.xy >= 0) & (poses.xy <= size), axis=2)
    outside = int(np.sum(np.isfinite(poses.xy).all(axis=2) & ~inside))
    if outside:
        warnings.warn(
            f"{path} has no place for what is outside the picture: {outside} keypoints are left "
            "out",
            stacklevel=3,
        )
    xy = np.where(inside[..., None], poses.xy, np.nan).astype(np.float64) / size
    boxes = _boxes(poses, np.where(inside[..., None], poses.xy, np.nan), size)
    starts = np.searchsorted(poses.frame, np.arange(len(poses.frame_time_s) + 1))
    with replacing_folder(path) as folder:
        (folder / "data.yaml").write_text("".join(_about(poses)), encoding="utf-8", newline="\n")
        labels = folder / "labels"
        labels.mkdir()
        (folder / "images").mkdir()
        for i, name in enumerate(names):
            rows = range(starts[i], starts[i + 1])
            text = "".join(_line(xy[row], boxes[row]) for row in rows)
            (labels / f"{name}.txt").write_text(text, encoding="utf-8", newline="\n")


def _boxes(poses: Poses, xy: FloatArray, size: FloatArray) -> FloatArray:
    """Return (N, 4) middle and size in parts of the picture, of the keypoints where no box is."""
    given = poses.bbox_xyxy.reshape(-1, 2, 2).astype(np.float64)
    around = bounds(xy).reshape(-1, 2, 2).astype(np.float64)
    corners = np.where(np.isfinite(given).all(axis=(1, 2), keepdims=True), given, around)
    corners = np.clip(corners, 0, size) / size
    return np.concatenate([corners.mean(axis=1), corners[:, 1] - corners[:, 0]], axis=1)


def _names(poses: Poses, path: Path) -> list[str]:
    if poses.frame_name is None:
        return [f"frame_{number:06d}" for number in poses.frame_index.tolist()]
    names = [Path(name).stem for name in poses.frame_name]
    twice = {name for name in names if names.count(name) > 1 or not name}
    if twice:
        raise OutputError(
            f"cannot write {path}: two pictures have the name {min(twice)!r} but for folder and "
            "ending; rename one"
        )
    return names


def _about(poses: Poses) -> Iterator[str]:
    """Yield ``data.yaml``; its values are JSON, which YAML reads."""
    names = poses.skeleton.keypoints
    yield "train: images\nval: images\n"
    yield f"kpt_shape: [{len(names)}, 3]\n"
    yield f"flip_idx: {list(poses.skeleton.mirror)}\n"
    yield 'names:\n  0: "person"\n'
    yield f"kpt_names:\n  0: {_json.dump(names)}\n"
    # By which sleap-io knows the keypoints and the lines between them.
    yield f"node_names: {_json.dump(names)}\n"
    yield f"skeleton: {_json.dump(poses.skeleton.edge_indices)}\n"
    ours: dict[str, Any] = {"size_wh": poses.size_wh}
    if poses.frame_name is not None:
        ours |= {"frame_name": poses.frame_name, "frame_index": poses.frame_index}
    yield f"kinetrace: {_json.dump(ours)}\n"


def _line(xy: FloatArray, box: FloatArray) -> str:
    """Return a person's line; nothing for somebody of whom nothing is in the picture."""
    if not np.isfinite(box).all():
        return ""
    points = (f"{x!r} {y!r} 2" if np.isfinite(x + y) else "0 0 0" for x, y in xy.tolist())
    return " ".join(["0", *(repr(value) for value in box.tolist()), *points]) + "\n"
