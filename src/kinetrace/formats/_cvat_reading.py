"""The elements of CVAT's XML as poses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

# Only the type of what has been parsed.
from xml.etree import ElementTree as ET

import numpy as np

from kinetrace._table_parsing import as_float32
from kinetrace.errors import FormatError
from kinetrace.formats._people import Person, assemble
from kinetrace.poses import FloatArray, Poses
from kinetrace.skeletons import skeleton_of


class _Found(NamedTuple):
    """A skeleton that somebody has in a frame."""

    frame_index: int
    track_id: int
    element: ET.Element


def poses_of(root: ET.Element, *, offset_px: float) -> Poses:
    """Return the skeletons of a file.

    Parameters
    ----------
    root
        The element ``annotations``.
    offset_px
        What is added to CVAT's positions.

    Raises
    ------
    FormatError
        Naming the frame of what is wrong.
    """
    images = root.findall("image")
    tasks = {e.get("task_id", "") for e in (*images, *root.findall("track"))}
    if len(tasks) > 1:
        raise FormatError(
            f"it is of a project with {len(tasks)} tasks; export each task on its own"
        )
    found = sorted(_skeletons(root), key=lambda one: one.frame_index)
    numbers, names = _frames(root, images, found)
    keypoints = _keypoints(root, found)
    position = {number: i for i, number in enumerate(numbers)}
    people = []
    for one in found:
        points = _points(one, keypoints, offset_px)
        if np.isfinite(points[:, 0]).any():
            if one.frame_index not in position:
                raise FormatError(f"frame {one.frame_index} is not among the task's frames")
            people.append(Person(position[one.frame_index], points, one.track_id))
    size_wh = _size(root, images)
    return assemble(
        people, skeleton_of(tuple(keypoints)), numbers, frame_name=names, size_wh=size_wh
    )


def _skeletons(root: ET.Element) -> Iterator[_Found]:
    for image in root.findall("image"):
        number = _whole(image, "id")
        yield from (_Found(number, -1, element) for element in image.findall("skeleton"))
    for track in root.findall("track"):
        track_id = _whole(track, "id")
        for element in track.findall("skeleton"):
            yield _Found(_whole(element, "frame"), track_id, element)


def _frames(
    root: ET.Element, images: list[ET.Element], found: list[_Found]
) -> tuple[list[int], tuple[str, ...] | None]:
    """Return the frames' numbers and, for photos, their names."""
    if images:
        numbers = [_whole(image, "id") for image in images]
        if numbers != sorted(set(numbers)):
            raise FormatError("the numbers (id) of the images do not ascend")
        names = tuple(image.get("name", "") for image in images)
        is_film = all(re.fullmatch(r"frame_\d{6,}(\.\w+)?", name) for name in names)
        return numbers, None if is_film else names
    about = root.find("meta/task")
    about = root.find("meta/job") if about is None else about
    start, stop = (_number_in(about, f"{name}_frame") for name in ("start", "stop"))
    if start is None or stop is None:
        return sorted({one.frame_index for one in found}), None
    step = re.search(r"step=(\d{1,9})", "" if about is None else about.findtext("frame_filter", ""))
    # One more than any film has, in a file that was made to fill the memory.
    if stop - start > 10**7:
        raise FormatError(f"it tells of {stop - start + 1} frames")
    return list(range(start, stop + 1, max(1, int(step[1])) if step else 1)), None


def _keypoints(root: ET.Element, found: list[_Found]) -> list[str]:
    """Return the names of the keypoints in the order of the label, else of the first skeletons."""
    labels = [label for label in root.iter("label") if label.findtext("parent")]
    used = {name for one in found for e in one.element if (name := e.get("label")) is not None}
    parents = {label.findtext("parent", "") for label in labels if label.findtext("name") in used}
    if len(parents) > 1:
        raise FormatError(
            f"it has skeletons of several kinds ({', '.join(sorted(parents))}); export one of them"
        )
    parents = parents or {label.findtext("parent", "") for label in labels[:1]}
    listed = [label.findtext("name", "") for label in labels if label.findtext("parent") in parents]
    extra = (e.get("label", "") for one in found for e in one.element.findall("points"))
    return list(dict.fromkeys([*listed, *extra]))


def _points(one: _Found, keypoints: list[str], offset_px: float) -> FloatArray:
    """Return (K, 3) x, y and score."""
    out = np.full((len(keypoints), 3), np.nan)
    out[:, 2] = 0
    for element in one.element.findall("points"):
        if element.get("outside") == "1":
            continue
        name, text = element.get("label", ""), element.get("points", "")
        parts = re.fullmatch(r"\s*([-+.\deE]+)\s*,\s*([-+.\deE]+)\s*", text, re.ASCII)
        try:
            if parts is None:
                raise ValueError(text)
            x, y = float(parts[1]), float(parts[2])
        except ValueError as error:
            raise FormatError(
                f"frame {one.frame_index}: {text[:40]!r} is no position of {name!r}"
            ) from error
        out[keypoints.index(name)] = (x + offset_px, y + offset_px, 1)
    return as_float32(out)


def _size(root: ET.Element, images: list[ET.Element]) -> tuple[int, int] | None:
    sizes = {(image.get("width"), image.get("height")) for image in images}
    if not images:
        size = root.find("meta//original_size")
        sizes = set() if size is None else {(size.findtext("width"), size.findtext("height"))}
    if len(sizes) != 1:
        return None
    width, height = sizes.pop()
    if width is None or height is None:
        return None
    if not (width.isdecimal() and height.isdecimal() and len(width + height) < 16):
        raise FormatError(f"a picture's size must be whole numbers, got {width!r} x {height!r}")
    return int(width), int(height)


def _whole(element: ET.Element, name: str) -> int:
    text = element.get(name, "")
    if not (text.isdecimal() and text.isascii() and len(text) < 16):
        raise FormatError(f"<{element.tag}> needs a whole number as its {name!r}, got {text!r}")
    return int(text)


def _number_in(element: ET.Element | None, name: str) -> int | None:
    text = "" if element is None else element.findtext(name, "").strip()
    return int(text) if re.fullmatch(r"-?\d{1,15}", text, re.ASCII) else None
