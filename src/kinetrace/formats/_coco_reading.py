"""What a COCO file says, checked image by image and annotation by annotation."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from kinetrace.errors import FormatError
from kinetrace.formats import _json
from kinetrace.poses import FloatArray, Poses, Skeleton, bounds
from kinetrace.skeletons import COCO17, skeleton_of

# Under this key of `info` is what only Kinetrace writes.
KEY = "kinetrace"

_Parsed = TypeVar("_Parsed")


class _Person(NamedTuple):
    position: int
    points: FloatArray
    track_id: int
    bbox_xyxy: FloatArray
    bbox_score: float
    xyz_m: FloatArray


class _Images(NamedTuple):
    position: dict[int, int]
    time_s: list[float]
    name: tuple[str, ...] | None
    size_wh: tuple[int, int] | None


def parse_dataset(values: Any) -> Poses:
    """Read a dataset: a dict of images, annotations and categories."""
    if not isinstance(values, dict) or not {"images", "annotations", "categories"} <= set(values):
        raise FormatError(
            "it is no COCO keypoints file: that is a dict with 'images', 'annotations' and "
            "'categories', or a list of results"
        )
    info = values.get("info")
    own = info.get(KEY) if isinstance(info, dict) else None
    known = None if own is None else _json.parse_metadata(own)
    category_id, skeleton = _category(values["categories"])
    skeleton = skeleton if known is None else known.skeleton
    images = _images(values["images"])

    def parse(annotation: Any) -> _Person | None:
        if _json.integer(annotation, "category_id") != category_id or annotation.get("iscrowd"):
            return None
        position = images.position.get(_json.integer(annotation, "image_id"))
        if position is None:
            raise FormatError(f"there is no image {annotation['image_id']}")
        return _person(annotation, position, _labelled(annotation, len(skeleton)))

    people = _each(values["annotations"], "annotation", parse)
    poses = _poses(skeleton, images, [person for person in people if person is not None])
    if own is None or known is None:
        return dataclasses.replace(poses, xyz_m=None)
    return dataclasses.replace(
        poses,
        frame_name=poses.frame_name if own.get("has_file") else None,
        xyz_m=poses.xyz_m if own.get("has_xyz_m") else None,
        size_wh=known.size_wh,
        source=known.source,
        log=known.log,
    )


def parse_results(values: Sequence[Any]) -> Poses:
    """Read a list of results: the 17 keypoints of COCO, each with its score."""

    def parse(result: Any) -> tuple[int, _Person]:
        points = _json.array(result["keypoints"], (3 * len(COCO17),), "keypoints").reshape(-1, 3)
        points = np.where((points == 0).all(axis=1, keepdims=True), [np.nan, np.nan, 0], points)
        return _json.integer(result, "image_id"), _person(result, 0, points)

    found = _each(values, "result", parse)
    ids = sorted({image_id for image_id, _ in found})
    position = {image_id: i for i, image_id in enumerate(ids)}
    images = _Images(position, time_s=[np.nan] * len(ids), name=None, size_wh=None)
    people = [person._replace(position=position[image_id]) for image_id, person in found]
    return dataclasses.replace(_poses(COCO17, images, people), xyz_m=None)


def _each(values: Any, kind: str, parse: Callable[[Any], _Parsed]) -> list[_Parsed]:
    """Parse each item of a list; an error says which one is wrong."""
    if not isinstance(values, list):
        raise FormatError(f"the {kind}s must be a list, got {type(values).__name__}")
    out = []
    for number, value in enumerate(values):
        name = (
            value.get("id", f"number {number}") if isinstance(value, dict) else f"number {number}"
        )
        try:
            out.append(parse(value))
        except KeyError as error:
            raise FormatError(f"{kind} {name} has no {error}") from error
        except (FormatError, TypeError, ValueError, AttributeError) as error:
            raise FormatError(f"{kind} {name}: {error}") from error
    return out


def _category(values: Any) -> tuple[int, Skeleton]:
    """Return the first category that has keypoints."""

    def parse(category: Any) -> tuple[int, Skeleton] | None:
        if "keypoints" not in category:
            return None
        names = tuple(str(name) for name in category["keypoints"])
        skeleton = skeleton_of(names)
        if skeleton.name == "custom":
            edges = category.get("skeleton") or []
            ends = tuple((names[int(a) - 1], names[int(b) - 1]) for a, b in edges)
            skeleton = Skeleton(name="custom", keypoints=names, edges=ends)
        return _json.integer(category, "id"), skeleton

    found = [item for item in _each(values, "category", parse) if item is not None]
    if not found:
        raise FormatError("no category has keypoints: it is another kind of COCO file")
    return found[0]


def _images(values: Any) -> _Images:
    """Return the images in order of their ids."""

    def parse(image: Any) -> tuple[int, float, Any, Any]:
        time_s = image.get("time_s")
        size = _json.parse_size((image["width"], image["height"])) if "width" in image else None
        return (
            _json.integer(image, "id"),
            np.nan if time_s is None else float(time_s),
            image.get("file_name"),
            size,
        )

    found = sorted(_each(values, "image", parse), key=lambda image: image[0])
    ids, times, names, sizes = zip(*found, strict=True) if found else ((), (), (), ())
    if len(set(ids)) != len(ids):
        raise FormatError("two images have the same id")
    return _Images(
        position={image_id: position for position, image_id in enumerate(ids)},
        time_s=list(times),
        name=None if None in names else tuple(str(name) for name in names),
        size_wh=sizes[0] if len(set(sizes)) == 1 else None,
    )


def _labelled(annotation: Any, keypoints: int) -> FloatArray:
    """Return the (K, 3) x, y, score of an annotation; v 0 is a missing keypoint."""
    points = _json.array(annotation["keypoints"], (3 * keypoints,), "keypoints").reshape(-1, 3)
    if not np.isin(points[:, 2], (0, 1, 2)).all():
        raise FormatError("a keypoint's v must be 0, 1 or 2; scores belong in a list of results")
    points[points[:, 2] == 0, :2] = np.nan
    points[:, 2] = points[:, 2] > 0
    if "keypoint_scores" in annotation:
        points[:, 2] = _json.array(annotation["keypoint_scores"], (keypoints,), "keypoint_scores")
    return points


def _person(values: Any, position: int, points: FloatArray) -> _Person:
    """Return what an annotation or a result tells of a person."""
    if not np.all((points[:, 2] >= 0) & (points[:, 2] <= 1)):
        raise FormatError("a keypoint's score is not within 0..1")
    box = np.full(4, np.nan, dtype=np.float32)
    if "bbox" in values:
        x, y, width, height = values["bbox"]
        box = _json.array([x, y, x + width, y + height], (4,), "bbox")
    elif "bbox_score" not in values:
        # Another's file without boxes; ours leaves out the box only where there is none.
        box = bounds(points[None, :, :2])[0]
    # A null "bbox_score" is ours, and says that "score" is only what people are sorted by.
    score = values.get("bbox_score", values.get("score"))
    spaces = (len(points), 3)
    xyz = np.full(spaces, np.nan, dtype=np.float32)
    if "xyz_m" in values:
        xyz = _json.array(values["xyz_m"], (3 * len(points),), "xyz_m").reshape(spaces)
    return _Person(
        position=position,
        points=points,
        track_id=_json.integer(values, "track_id", default=-1),
        bbox_xyxy=box,
        bbox_score=np.nan if score is None else float(score),
        xyz_m=xyz,
    )


def _poses(skeleton: Skeleton, images: _Images, people: Sequence[_Person]) -> Poses:
    people = sorted(people, key=lambda person: person.position)
    n, k = len(people), len(skeleton)
    points = np.array([person.points for person in people], dtype=np.float32).reshape(n, k, 3)
    boxes = np.array([person.bbox_xyxy for person in people], dtype=np.float32).reshape(n, 4)
    spaces = np.array([person.xyz_m for person in people], dtype=np.float32).reshape(n, k, 3)
    return Poses(
        skeleton=skeleton,
        frame_time_s=np.array(images.time_s, dtype=np.float64),
        frame_index=np.array(list(images.position), dtype=np.int64),
        frame_name=images.name,
        frame=np.array([person.position for person in people], dtype=np.int64),
        xy=points[:, :, :2],
        score=points[:, :, 2],
        track_id=np.array([person.track_id for person in people], dtype=np.int64),
        bbox_xyxy=boxes,
        bbox_score=np.array([person.bbox_score for person in people], dtype=np.float32),
        xyz_m=spaces,
        size_wh=images.size_wh,
    )
