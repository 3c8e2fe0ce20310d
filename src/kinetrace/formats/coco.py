"""COCO keypoints JSON: a dataset, as the COCO tools read it, and lists of results.

Written is a dataset: an image for each frame (its number is the image's ``id``), an annotation for
each person. COCO's visibility ``v`` is 2 where there is a keypoint and 0 where there is none;
scores, times, points in space and what else COCO has no place for are under further keys, which
its tools pass over. What is read back is exactly what was written, but for a box's right and
bottom edge, which COCO's x, y, width, height make a sum: these are within 1e-9 px.

Read are such files; datasets of others, with the image's id as the number of the frame, a score
of 1 for each labelled keypoint (v 1 and 2) and without crowds (``iscrowd``); and lists of results,
where the third number of a keypoint is its score. COCO knows no times: theirs are NaN.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain, count, repeat
from pathlib import Path
from typing import IO, Any

import numpy as np

from kinetrace.files import reading, replacing
from kinetrace.formats import _coco_reading, _json
from kinetrace.formats._stretches import Stretches, split
from kinetrace.poses import FloatArray, Poses, Skeleton

SUFFIXES = (".coco.json", ".json")


def read(path: Path) -> Poses:
    """Read a dataset, ours or another's, or a list of results.

    Raises
    ------
    SourceError
        If the file cannot be read.
    FormatError
        Naming the image or annotation that is wrong.
    """
    with reading(path):
        values = _json.load(path.read_bytes())
        if isinstance(values, list):
            return _coco_reading.parse_results(values)
        return _coco_reading.parse_dataset(values)


def write(poses: Poses, path: Path) -> None:
    """Write a dataset.

    Raises
    ------
    OutputError
        If it cannot be written, or the frames' numbers do not ascend; what was there stays.
    """
    write_chunks(split(poses), path)


def write_chunks(chunks: Iterable[Poses], path: Path) -> None:
    """Write a dataset in memory that does not grow.

    Parameters
    ----------
    chunks
        At least one; the first tells skeleton, source and log.
    path
        Where it is written; what is there is overwritten.

    Raises
    ------
    OutputError
        If it cannot be written, or the frames' numbers do not ascend; what was there stays.
    """
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file,
        # Images and annotations come together but stand in two lists: one of them waits here.
        tempfile.TemporaryFile(
            "w+", encoding="utf-8", errors="backslashreplace", newline="\n", dir=temporary.parent
        ) as images,
    ):
        _write_parts(iter(chunks), file, images)


def _write_parts(chunks: Iterator[Poses], file: IO[str], images: IO[str]) -> None:
    first = next(chunks)
    stretches = Stretches(first)
    file.write(f'{{"categories":[{_json.dump(_category(first.skeleton))}],\n"annotations":[')
    ids = count(1)
    before_annotation, before_image = chain([""], repeat(",")), chain([""], repeat(","))
    for chunk in chain([first], chunks):
        stretches.add(chunk)
        for text in _annotations(chunk, ids):
            file.write(next(before_annotation) + "\n" + text)
        for text in _images(chunk):
            images.write(next(before_image) + "\n" + text)
    file.write('\n],\n"images":[')
    images.seek(0)
    shutil.copyfileobj(images, file)
    own = {
        **_json.describe(first, stretches.size_wh),
        "has_file": first.frame_name is not None,
        "has_xyz_m": first.xyz_m is not None,
    }
    info = {"description": f"keypoints of people in {first.source}", _coco_reading.KEY: own}
    file.write(f'\n],\n"licenses":[],\n"info":{_json.dump(info)}}}\n')


def _category(skeleton: Skeleton) -> dict[str, Any]:
    return {
        "id": 1,
        "name": "person",
        "supercategory": "person",
        "keypoints": skeleton.keypoints,
        "skeleton": [(a + 1, b + 1) for a, b in skeleton.edge_indices],
    }


def _images(poses: Poses) -> Iterator[str]:
    """Yield each image as JSON."""
    for i, (number, time_s) in enumerate(zip(poses.frame_index, poses.frame_time_s, strict=True)):
        image: dict[str, Any] = {"id": number, "time_s": time_s}
        if poses.frame_name is not None:
            image["file_name"] = poses.frame_name[i]
        if poses.size_wh is not None:
            image["width"], image["height"] = poses.size_wh
        yield _json.dump(image)


def _annotations(poses: Poses, ids: Iterator[int]) -> Iterator[str]:
    """Yield each person as JSON."""
    there = np.asarray(np.isfinite(poses.xy).all(axis=2))
    points = _json.texts(np.concatenate([poses.xy, poses.score[:, :, None]], axis=2))
    points[~there, :2] = "0"
    flags = np.where(there, "2", "0")
    keypoints = np.stack([points[..., 0], points[..., 1], flags], axis=2)
    spaces = None if poses.xyz_m is None else _json.texts(poses.xyz_m)
    boxes = poses.bbox_xyxy.astype(np.float64)
    boxes[:, 2:] -= boxes[:, :2]
    image_ids = poses.frame_index[poses.frame]
    for i, (image_id, track_id) in enumerate(zip(image_ids, poses.track_id, strict=True)):
        rest: dict[str, Any] = {
            "id": next(ids),
            "image_id": image_id,
            "category_id": 1,
            "iscrowd": 0,
            "track_id": track_id,
            "num_keypoints": there[i].sum(),
            "score": _rank(poses.bbox_score[i], poses.score[i][there[i]]),
            "bbox_score": poses.bbox_score[i],
        }
        if np.isfinite(boxes[i]).all():
            rest |= {"bbox": boxes[i], "area": boxes[i, 2] * boxes[i, 3]}
        arrays = {"keypoints": keypoints[i].ravel(), "keypoint_scores": points[i, :, 2]}
        if spaces is not None:
            arrays["xyz_m"] = spaces[i].ravel()
        lists = "".join(f',"{key}":[{",".join(array)}]' for key, array in arrays.items())
        yield f"{_json.dump(rest)[:-1]}{lists}}}"


def _rank(bbox_score: np.float32, scores: FloatArray) -> float:
    """Return what COCO's tools sort people by: the box's score, else the keypoints' mean."""
    if np.isfinite(bbox_score):
        return float(bbox_score)
    return float(scores.mean()) if len(scores) else 0.0
