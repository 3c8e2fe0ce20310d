"""MMPose's predictions: JSON with a list of people for each frame.

Written is what MMPose's demonstrations save: ``meta_info`` with the keypoints' names, and
``instance_info`` with the frames, counted from 1. A keypoint that is missing is null, not 0, for
there (0, 0) is a position like others. Track ids and the picture's names, times and size have no
place in it.

Read are such files; what ``MMPoseInferencer`` saves for a film or a picture (``pred_out_dir``),
whose frames are counted from 0; and the same with a ``track_id`` for each person, as RTMPose's
users add one. Files without names are taken for COCO if there are 17 keypoints, and are refused
else. Scores above 1, which RTMPose's networks give, are 1 here. The third coordinate of 3D
predictions is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from kinetrace.errors import FormatError
from kinetrace.files import reading, replacing_text
from kinetrace.formats import _json
from kinetrace.formats._people import Person, assemble
from kinetrace.formats._stretches import Stretches
from kinetrace.poses import FloatArray, Poses, Skeleton
from kinetrace.skeletons import COCO17, skeleton_of

SUFFIXES = (".mmpose.json",)
LOSES = ("track_id", "xyz_m", "frame_time_s", "frame_name", "size_wh", "source", "log")


def read(path: Path) -> Poses:
    """Read predictions of a film or of one picture.

    Raises
    ------
    SourceError
        If the file cannot be read.
    FormatError
        Naming the frame and the person of what is wrong.
    """
    with reading(path):
        values = _json.load(path.read_bytes())
        frames, meta, first = values, None, 0
        if isinstance(values, dict) and "instance_info" in values:
            frames, meta, first = values["instance_info"], values.get("meta_info"), 1
        if not isinstance(frames, list) or not all(isinstance(frame, dict) for frame in frames):
            raise FormatError("it is no file of MMPose's: there is no list of frames or people")
        if frames and "instances" not in frames[0]:
            frames, first = [{"frame_id": 0, "instances": frames}], 0
        numbers = [_json.integer(frame, "frame_id") - first for frame in frames]
        if any(after <= before for before, after in pairwise(numbers)):
            raise FormatError("the frames' numbers (frame_id) do not ascend")
        skeleton = _named(meta) or _unnamed(frames)
        people = [
            _person(i, number + first, instance, skeleton)
            for i, (number, frame) in enumerate(zip(numbers, frames, strict=True))
            for instance in _instances(frame)
        ]
        return assemble(people, skeleton, numbers)


def write(poses: Poses, path: Path) -> None:
    """Write predictions.

    Raises
    ------
    OutputError
        If it cannot be written, or the frames' numbers do not ascend; what was there stays.
    """
    Stretches(poses).add(poses)
    names = poses.skeleton.keypoints
    meta = {
        "dataset_name": poses.skeleton.name,
        "num_keypoints": len(names),
        "keypoint_id2name": dict(enumerate(names)),
        "keypoint_name2id": {name: i for i, name in enumerate(names)},
        "skeleton_links": poses.skeleton.edge_indices,
    }
    starts = np.searchsorted(poses.frame, np.arange(len(poses.frame_time_s) + 1))
    with replacing_text(path) as file:
        file.write(f'{{"meta_info":{_json.dump(meta)},\n"instance_info":[')
        for i, number in enumerate(poses.frame_index.tolist()):
            people = ",".join(_instance(poses, row) for row in range(starts[i], starts[i + 1]))
            comma = "," if i else ""
            file.write(f'{comma}\n{{"frame_id":{number + 1},"instances":[{people}]}}')
        file.write("\n]}\n")


def _instance(poses: Poses, row: int) -> str:
    points = ",".join(f"[{x},{y}]" for x, y in _json.texts(poses.xy[row]))
    parts = [f'"keypoints":[{points}]']
    parts.append(f'"keypoint_scores":[{",".join(_json.texts(poses.score[row]))}]')
    if np.isfinite(poses.bbox_xyxy[row]).all():
        parts.append(f'"bbox":[[{",".join(_json.texts(poses.bbox_xyxy[row]))}]]')
    if np.isfinite(poses.bbox_score[row]):
        parts.append(f'"bbox_score":{_json.texts(poses.bbox_score[row])}')
    return f"{{{','.join(parts)}}}"


def _named(meta: Any) -> Skeleton | None:
    """Return the skeleton that a file names, None if it names none."""
    names = meta.get("keypoint_id2name") if isinstance(meta, dict) else None
    if not isinstance(names, dict) or not names:
        return None
    # JSON has texts for the numbers.
    keypoints = tuple(str(names.get(str(i))) for i in range(len(names)))
    try:
        skeleton = skeleton_of(keypoints)
        if skeleton.name != "custom":
            return skeleton
        edges = tuple((keypoints[a], keypoints[b]) for a, b in meta.get("skeleton_links") or ())
        return Skeleton(name=str(meta.get("dataset_name")), keypoints=keypoints, edges=edges)
    except (TypeError, ValueError, IndexError) as error:
        raise FormatError(f"its 'meta_info' is damaged: {error}") from error


def _unnamed(frames: list[Any]) -> Skeleton:
    for frame in frames:
        for instance in _instances(frame):
            points = instance.get("keypoints")
            count = len(points) if isinstance(points, list) else 0
            if count != len(COCO17):
                raise FormatError(
                    f"there are {count} keypoints and no names of them; save the predictions by a "
                    "demonstration that has meta_info, or use a model with COCO's 17 keypoints"
                )
            return COCO17
    return COCO17


def _instances(frame: dict[str, Any]) -> Iterator[dict[str, Any]]:
    instances = frame.get("instances")
    if not isinstance(instances, list) or not all(isinstance(i, dict) for i in instances):
        raise FormatError(f"frame {frame.get('frame_id')} has no list of 'instances'")
    yield from instances


def _person(frame: int, frame_id: int, values: dict[str, Any], skeleton: Skeleton) -> Person:
    k = len(skeleton)
    try:
        given = values["keypoints"]
        xy = _json.array([point[:2] for point in given], (k, 2), "keypoints")
        score = _json.array(values["keypoint_scores"], (k,), "keypoint_scores")
        if not np.all(score >= 0):
            raise FormatError("a keypoint's score is below 0, or missing")
        score = np.where(np.isfinite(xy).all(axis=1), np.minimum(score, 1), 0)
        return Person(
            frame,
            np.concatenate([xy, score[:, None]], axis=1),
            track_id=_json.integer(values, "track_id", default=-1),
            bbox_xyxy=_box(values),
            bbox_score=float(values.get("bbox_score", np.nan)),
        )
    except KeyError as error:
        raise FormatError(f"frame {frame_id}: somebody has no {error}") from error
    except (FormatError, TypeError, ValueError) as error:
        raise FormatError(f"frame {frame_id}: {error}") from error


def _box(values: dict[str, Any]) -> FloatArray | None:
    """Return the box; MMPose has it within a further list."""
    if "bbox" not in values:
        return None
    box = values["bbox"]
    return _json.array(box[0] if len(box) == 1 else box, (4,), "bbox")
