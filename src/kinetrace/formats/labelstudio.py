"""Label Studio's JSON: keypoints as pre-annotations to correct by hand, and what comes back.

A task for each frame, with a prediction: a rectangle (``person``) for each person, whose note
(``meta.text``) is the track id, and within it (``parentID``) each keypoint that is there. Positions
are per cent of the picture, from the corner of its first pixel, so the picture's size is needed.
``data`` holds the picture's name, the frame's number and its time, which Label Studio gives back as
they are. Points in space have no place in it, nor has somebody without box and keypoints.

Read are such tasks, as they are or as Label Studio exports them ("JSON"), and those of others with
keypoints. What somebody has annotated takes the place of what was predicted: the last annotation
that was not cancelled. A keypoint has the score that it was predicted with, and 1 where somebody
set or moved it. Those in no rectangle are one person's, who has no id.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from kinetrace.errors import OutputError
from kinetrace.files import reading, replacing_text
from kinetrace.formats import _json
from kinetrace.formats._labelstudio_reading import poses_of
from kinetrace.formats._stretches import Stretches
from kinetrace.poses import FloatArray, Poses, bounds

SUFFIXES = (".labelstudio.json",)
LOSES = ("xyz_m", "source", "log")

_HALF_PX = 0.5


def read(path: Path) -> Poses:
    """Read tasks, annotated or only predicted.

    Raises
    ------
    SourceError
        If the file cannot be read.
    FormatError
        Naming the task of what is wrong.
    """
    with reading(path):
        return poses_of(_json.load(path.read_bytes()), offset_px=-_HALF_PX)


def write(poses: Poses, path: Path) -> None:
    """Write tasks to import.

    Raises
    ------
    OutputError
        If it cannot be written, the pictures' size is not known, or the frames' numbers do not
        ascend; what was there stays.
    """
    Stretches(poses).add(poses)
    if poses.size_wh is None:
        raise OutputError(
            f"cannot write {path}: Label Studio has positions in per cent of the picture, and its "
            "size is not known; write a .cvat.xml file, or one for pictures of each size"
        )
    boxes = np.where(np.isfinite(poses.bbox_xyxy), poses.bbox_xyxy, bounds(poses.xy))
    starts = np.searchsorted(poses.frame, np.arange(len(poses.frame_time_s) + 1))
    with replacing_text(path) as file:
        file.write("[")
        for i in range(len(poses.frame_time_s)):
            rows = range(starts[i], starts[i + 1])
            result = [region for row in rows for region in _person(poses, row, boxes[row])]
            task = {
                "data": _data(poses, i, poses.size_wh),
                "predictions": [{"model_version": "kinetrace", "result": result}],
            }
            file.write(f"{',' if i else ''}\n{_json.dump(task)}")
        file.write("\n]\n")


def _data(poses: Poses, i: int, size_wh: tuple[int, int]) -> dict[str, Any]:
    number = int(poses.frame_index[i])
    name = f"frame_{number:06d}.jpg" if poses.frame_name is None else poses.frame_name[i]
    data = {
        "image": name,
        "frame": number,
        "time_s": float(poses.frame_time_s[i]),
        "width": size_wh[0],
        "height": size_wh[1],
        "named": poses.frame_name is not None,
    }
    # The first task says it for all; later ones would only make the file longer.
    return data if i else data | {"keypoints": poses.skeleton.keypoints}


def _person(poses: Poses, row: int, box: FloatArray) -> list[dict[str, Any]]:
    """Return a rectangle and its keypoints; nothing for somebody of whom there is nothing."""
    if not np.isfinite(box).all() or poses.size_wh is None:
        return []
    size = np.array(poses.size_wh, dtype=np.float64)
    shared = {
        "to_name": "image",
        "original_width": poses.size_wh[0],
        "original_height": poses.size_wh[1],
        "image_rotation": 0,
    }
    (x, y), (right, bottom) = (box.reshape(2, 2).astype(np.float64) + _HALF_PX) / size * 100
    place = {"x": x, "y": y, "width": right - x, "height": bottom - y, "rotation": 0}
    rectangle: dict[str, Any] = {
        **shared,
        "id": f"person{row}",
        "type": "rectanglelabels",
        "from_name": "person",
        "value": {**place, "rectanglelabels": ["person"]},
    }
    if np.isfinite(poses.bbox_score[row]):
        rectangle["score"] = _number(poses.bbox_score[row])
    if poses.track_id[row] >= 0:
        rectangle["meta"] = {"text": [f"person_{poses.track_id[row]}"]}
    regions = [rectangle]
    per_cent = (poses.xy[row].astype(np.float64) + _HALF_PX) / size * 100
    for k, name in enumerate(poses.skeleton.keypoints):
        if np.isfinite(per_cent[k]).all():
            value = {"x": per_cent[k, 0], "y": per_cent[k, 1], "width": 0.5}
            regions.append(
                {
                    **shared,
                    "id": f"person{row}-{k}",
                    "parentID": f"person{row}",
                    "type": "keypointlabels",
                    "from_name": "keypoint",
                    "value": {**value, "keypointlabels": [name]},
                    "score": _number(poses.score[row, k]),
                }
            )
    return regions


def _number(value: np.floating[Any]) -> float:
    """Return a float32 as the number with the fewest digits that is read as it."""
    return float(str(value))
