"""Label Studio's tasks as poses."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from kinetrace._table_parsing import as_float32
from kinetrace.errors import FormatError
from kinetrace.formats import _json
from kinetrace.formats._individuals import track_ids
from kinetrace.formats._people import Person, assemble
from kinetrace.poses import Poses, Skeleton
from kinetrace.skeletons import SKELETONS, skeleton_of

Region = Mapping[str, Any]


class _Task(NamedTuple):
    """A picture: its number, what is known of it, and who is in it."""

    number: int
    data: Mapping[str, Any]
    regions: list[Region]


def poses_of(values: Any, *, offset_px: float) -> Poses:
    """Return the people of a list of tasks.

    Parameters
    ----------
    values
        What the JSON file holds.
    offset_px
        What is added to Label Studio's positions in pixels.

    Raises
    ------
    FormatError
        Naming the task of what is wrong.
    """
    tasks = sorted(_tasks(values), key=lambda task: task.number)
    if any(a.number == b.number for a, b in pairwise(tasks)):
        raise FormatError("two tasks have the same 'frame' in their data; export one project")
    skeleton = _skeleton(tasks)
    people: list[Person] = []
    sizes: set[tuple[int, int] | None] = set()
    for i, task in enumerate(tasks):
        with _named(task):
            people += [_person(i, *one, skeleton, offset_px) for one in _people(task.regions)]
            sizes |= {_size(region) for region in _shapes(task.regions)} or {_size_of(task.data)}
    poses = assemble(
        people,
        skeleton,
        [task.number for task in tasks],
        frame_name=_names(tasks),
        size_wh=sizes.pop() if len(sizes) == 1 else None,
    )
    return _with_times(poses, tasks)


def _tasks(values: Any) -> Iterator[_Task]:
    values = [values] if isinstance(values, dict) and "data" in values else values
    if not isinstance(values, list) or not all(isinstance(task, dict) for task in values):
        raise FormatError("it is no file of Label Studio's: there is no list of tasks")
    for i, task in enumerate(values):
        data = task.get("data")
        if not isinstance(data, dict) or not ({"annotations", "predictions"} & set(task)):
            raise FormatError(
                f"task {i + 1} has no 'data', or neither annotations nor predictions; export JSON, "
                "not JSON-MIN"
            )
        yield _Task(_json.integer(data, "frame", default=i), data, _regions(task, i))


def _regions(task: Mapping[str, Any], i: int) -> list[Region]:
    """Return the last annotation's regions, or the last prediction's where there is none."""
    chosen: Region | None = None
    for kind in ("predictions", "annotations"):
        given = task.get(kind) or []
        for each in given if isinstance(given, list) else [given]:
            # Where only ids are exported, it is a number.
            if not isinstance(each, dict) or not isinstance(each.get("result", []), list):
                raise FormatError(f"task {i + 1}: its {kind} must have a list of 'result'")
            if not each.get("was_cancelled"):
                chosen = {**each, "predicted": kind == "predictions"}
    regions = chosen.get("result", []) if chosen else []
    if not all(isinstance(region, dict) for region in regions):
        raise FormatError(f"task {i + 1}: a region must be an object")
    predicted = bool(chosen and chosen["predicted"])
    return [
        {**region, "predicted": predicted or region.get("origin") == "prediction"}
        for region in regions
    ]


def _shapes(regions: Sequence[Region]) -> list[Region]:
    kinds = ("rectanglelabels", "keypointlabels")
    return [region for region in regions if region.get("type") in kinds]


def _skeleton(tasks: Sequence[_Task]) -> Skeleton:
    for task in tasks:
        if isinstance(task.data.get("keypoints"), list):
            try:
                return skeleton_of(tuple(str(name) for name in task.data["keypoints"]))
            except ValueError as error:
                raise FormatError(str(error)) from error
    names = dict.fromkeys(
        _label(region)
        for task in tasks
        for region in task.regions
        if region.get("type") == "keypointlabels"
    )
    same = [skeleton for skeleton in SKELETONS if set(skeleton.keypoints) == set(names)]
    return same[0] if same else skeleton_of(tuple(names))


def _label(region: Region) -> str:
    try:
        (name,) = region["value"]["keypointlabels"]
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"keypoint {region.get('id')!r} must have one label") from error
    return str(name)


def _people(regions: Sequence[Region]) -> Iterator[tuple[Region | None, list[Region]]]:
    """Yield each rectangle with its keypoints, and then those that are in none."""
    owner = {region["id"]: region.get("parentID") for region in _shapes(regions)}
    for region in regions:
        if region.get("type") == "relation":
            owner[region["from_id"]] = region["to_id"]
            owner.setdefault(region["to_id"], region["from_id"])
    points = [region for region in regions if region.get("type") == "keypointlabels"]
    boxes = {r["id"]: r for r in regions if r.get("type") == "rectanglelabels"}
    for name, box in boxes.items():
        yield box, [point for point in points if owner[point["id"]] == name]
    rest = [point for point in points if owner[point["id"]] not in boxes]
    if rest:
        yield None, rest


def _person(
    frame: int, box: Region | None, regions: list[Region], skeleton: Skeleton, offset_px: float
) -> Person:
    points = np.full((len(skeleton), 3), np.nan)
    points[:, 2] = 0
    for region in regions:
        name = _label(region)
        k = skeleton.index(name)
        if points[k, 2] or np.isfinite(points[k, 0]):
            raise FormatError(f"somebody has {name!r} twice")
        x, y = _px(region, region["value"]["x"], region["value"]["y"], offset_px)
        points[k] = x, y, _score(region, otherwise=1.0)
    if box is None:
        return Person(frame, as_float32(points))
    value = box["value"]
    corners = (
        *_px(box, value["x"], value["y"], offset_px),
        *_px(
            box,
            float(value["x"]) + float(value["width"]),
            float(value["y"]) + float(value["height"]),
            offset_px,
        ),
    )
    notes = (box.get("meta") or {}).get("text") or [""]
    told = re.fullmatch(r"person_\d{1,18}", str(notes[0]).strip())
    return Person(
        frame,
        as_float32(points),
        track_ids([told[0]])[0] if told else -1,
        as_float32(np.array(corners, dtype=np.float64)),
        _score(box, otherwise=float("nan")),
    )


def _px(region: Region, x: Any, y: Any, offset_px: float) -> tuple[float, float]:
    width, height = _size(region)
    return float(x) / 100 * width + offset_px, float(y) / 100 * height + offset_px


def _score(region: Region, *, otherwise: float) -> float:
    score = region.get("score")
    if score is None or not region["predicted"]:
        return otherwise
    if not 0 <= float(score) <= 1:
        raise FormatError(f"a score of {score} is not within 0..1")
    return float(score)


def _size(region: Region) -> tuple[int, int]:
    return _json.integer(region, "original_width"), _json.integer(region, "original_height")


def _size_of(data: Mapping[str, Any]) -> tuple[int, int] | None:
    if "width" not in data:
        return None
    return _json.integer(data, "width"), _json.integer(data, "height")


def _names(tasks: Sequence[_Task]) -> tuple[str, ...] | None:
    """Return the pictures' names; None for frames of a film that this package has written."""
    if not tasks or any(task.data.get("named") is False for task in tasks):
        return None
    names = (task.data.get("image", task.data.get("img", "")) for task in tasks)
    # After an import it is an address: /data/upload/3/walk.jpg, or /data/local-files/?d=a/walk.jpg.
    return tuple(
        str(name) if task.data.get("named") else re.split(r"[/=]", str(name))[-1]
        for task, name in zip(tasks, names, strict=True)
    )


def _with_times(poses: Poses, tasks: Sequence[_Task]) -> Poses:
    try:
        times = [task.data.get("time_s") for task in tasks]
        time_s = np.array([np.nan if t is None else float(t) for t in times], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise FormatError(f"a task's 'time_s' is no number: {error}") from error
    return dataclasses.replace(poses, frame_time_s=time_s)


@contextlib.contextmanager
def _named(task: _Task) -> Iterator[None]:
    """Tell in which task something is not as it must be."""
    try:
        yield
    except KeyError as error:
        raise FormatError(f"the task of frame {task.number}: there is no {error}") from error
    except (TypeError, ValueError, AttributeError, FormatError) as error:
        raise FormatError(f"the task of frame {task.number}: {error}") from error
