"""Files of boxes, checked row by row: CSV and COCO json."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from kinetrace._table_parsing import BOX, Cells, as_float32
from kinetrace.boxes import Array
from kinetrace.errors import FormatError
from kinetrace.files import reading

Rows = npt.NDArray[np.bool_]
_Key = TypeVar("_Key", int, str)

_CORNERS = ("x1", "y1", "x2", "y2")


class Boxes(NamedTuple):
    """The boxes of one frame: (N, 4) left, top, right, bottom in px, and (N,) scores in 0..1."""

    xyxy: Array
    score: Array

    @classmethod
    def none(cls) -> Boxes:
        """Return no box."""
        return cls(np.empty((0, 4), np.float32), np.empty(0, np.float32))


class BoxFile(NamedTuple):
    """The boxes of each frame, by the name of its file or by its number."""

    by_name: Mapping[str, Boxes]
    by_number: Mapping[int, Boxes]


def read_boxes(path: Path) -> BoxFile:
    """Read a COCO json if the name ends in ``.json``, else a CSV.

    Raises
    ------
    SourceError
        If the file cannot be read.
    FormatError
        Naming the place of what is wrong.
    """
    with reading(path):
        if path.suffix.lower() == ".json":
            return _parse_coco(path.read_bytes())
        return _parse_csv(path)


def _parse_csv(path: Path) -> BoxFile:
    import pandas as pd

    try:
        with warnings.catch_warnings():
            # Of rows that are all longer than the header.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            df = pd.read_csv(path, dtype={"file": str}, index_col=False, skipinitialspace=True)
    except (ValueError, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise FormatError(f"it is no CSV table in UTF-8: {error}") from error
    cells = Cells(df)
    names = BOX if BOX[0] in cells else _CORNERS
    missing = [name for name in names if name not in cells]
    if missing or not {"frame", "file"} & set(cells.names):
        raise FormatError(
            f"a table of boxes has the columns 'frame' or 'file', and {', '.join(_CORNERS)} (or "
            f"{', '.join(BOX)}), in px; there are: {', '.join(cells.names[:8])}"
        )
    is_long = "keypoint" in cells  # where "score" is the keypoint's
    score = cells.scores("bbox_score" if is_long or "bbox_score" in cells else "score")
    xyxy = np.stack([as_float32(cells.numbers(name)) for name in names], axis=1)
    there = _check_boxes(xyxy)
    if is_long:  # each box is told again for each keypoint
        keys = [name for name in ("frame", "file", "person", *names) if name in cells]
        there &= ~df.duplicated(keys).to_numpy()
    return _by_frame(cells, Boxes(xyxy, np.where(np.isnan(score), 1.0, score)), there)


def _by_frame(cells: Cells, boxes: Boxes, there: Rows) -> BoxFile:
    by_name: dict[str, Boxes] = {}
    by_number: dict[int, Boxes] = {}
    if "file" in cells:
        files = cells.column("file")
        _check(files.notna().to_numpy(), "column 'file'", "the cell is empty")
        bare = _bare_names(files)
        by_name = _group([bare[name] for name in files], boxes, there)
    if "frame" in cells:
        numbers, told = cells.integers("frame")
        _check(told, "column 'frame'", "the cell is empty")
        by_number = _group(numbers.tolist(), boxes, there)
    return BoxFile(by_name, by_number)


def _bare_names(files: Iterable[str]) -> dict[str, str]:
    """Return each file's name without its folders, which must still tell the files apart."""
    bare: dict[str, str] = {}
    first: dict[str, str] = {}
    for name in files:
        bare[name] = name.replace("\\", "/").rpartition("/")[2]
        if first.setdefault(bare[name], name) != name:
            raise FormatError(
                f"{first[bare[name]]} and {name} have the same name in different folders, and "
                "images are found by their names alone: rename one, or make a file for each folder"
            )
    return bare


def _check_boxes(xyxy: Array) -> Rows:
    """Check the boxes of a table, and return which rows have one."""
    numbers = np.isfinite(xyxy).sum(axis=1)
    _check(np.isin(numbers, (0, 4)), "box", "a part of it is missing")
    backwards = np.any(xyxy[:, 2:] < xyxy[:, :2], axis=1)
    complaint = "it ends before it begins; write left, top, right, bottom in px"
    _check(np.logical_not(backwards), "box", complaint)
    return np.asarray(numbers == 4)


def _check(good: Rows, what: str, complaint: str) -> None:
    if not np.all(good):
        raise FormatError(f"{what}, data row {int(np.argmin(good)) + 1}: {complaint}")


def _group(keys: Sequence[_Key], boxes: Boxes, there: Rows) -> dict[_Key, Boxes]:
    """Return the boxes of each key; one whose rows all have none is there with none."""
    rows: dict[_Key, list[int]] = {}
    for row, key in enumerate(keys):
        found = rows.setdefault(key, [])
        if there[row]:
            found.append(row)
    return {
        key: Boxes(boxes.xyxy[found], boxes.score[found].astype(np.float32))
        for key, found in rows.items()
    }


def _parse_coco(data: bytes) -> BoxFile:
    try:
        values = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"that is no JSON, or it is cut short: {error}") from error
    if not isinstance(values, dict) or not {"images", "annotations"} <= set(values):
        raise FormatError(
            "it is no COCO dataset, which is a dict with 'images' and 'annotations'; a list of "
            "results does not say which files it belongs to"
        )
    names = _image_names(values["images"])
    person = _person_id(values.get("categories"))
    found: dict[Any, list[tuple[float, ...]]] = {image_id: [] for image_id in names}
    for position, annotation in enumerate(_list(values["annotations"], "annotations")):
        image_id = _field(annotation, "image_id", f"annotation number {position}")
        if image_id not in found:
            raise FormatError(f"annotation number {position}: there is no image {image_id!r}")
        if person is None or annotation.get("category_id") == person:
            found[image_id] += _box(annotation, position)
    rows = {key: as_float32(np.array(found[key]).reshape(-1, 5)) for key in found}
    boxes = {key: Boxes(values[:, :4], values[:, 4]) for key, values in rows.items()}
    files = [name for name in names.values() if name is not None]
    bare = _bare_names(files)
    if len(bare) < len(files):
        raise FormatError(f"{len(files) - len(bare)} of its images have the name of another")
    return BoxFile(
        by_name={bare[name]: boxes[key] for key, name in names.items() if name is not None},
        by_number={key: boxes[key] for key, name in names.items() if name is None},
    )


def _list(values: Any, what: str) -> list[Any]:
    if not isinstance(values, list):
        raise FormatError(f"its {what} must be a list, got {type(values).__name__}")
    return values


def _image_names(images: Any) -> dict[Any, str | None]:
    """Return the file name of each image, None where it has none, by the image's id."""
    names: dict[Any, str | None] = {}
    for position, image in enumerate(_list(images, "images")):
        image_id = _field(image, "id", f"image number {position}")
        if image_id in names:
            raise FormatError(f"two images have the id {image_id!r}")
        name = image.get("file_name")
        names[image_id] = name if name is None else str(name)
    return names


def _person_id(categories: Any) -> Any:
    """Return the id of people, None where the only category there is must be meant."""
    if not isinstance(categories, list) or len(categories) < 2:
        return None
    known = {c.get("name"): c.get("id") for c in categories if isinstance(c, dict)}
    if "person" not in known:
        raise FormatError(
            f"none of its categories is 'person': {', '.join(map(str, known))}; "
            "remove the others, or rename one"
        )
    return known["person"]


def _field(values: Any, key: str, what: str) -> int | str:
    found = values.get(key) if isinstance(values, dict) else None
    if not isinstance(found, (int, str)):
        raise FormatError(f"{what} has no {key!r}")
    return found


def _box(annotation: Mapping[str, Any], position: int) -> list[tuple[float, ...]]:
    """Return left, top, right, bottom, score of a person; nothing of a crowd or where no box is."""
    if annotation.get("iscrowd") or annotation.get("bbox") is None:
        return []
    score = annotation.get("bbox_score", annotation.get("score"))
    try:
        left, top, width, height = (float(n) for n in annotation["bbox"])
        score = 1.0 if score is None else float(score)
    except (TypeError, ValueError) as error:
        raise FormatError(f"annotation number {position}: {error}") from error
    if not np.isfinite((left, top, width, height)).all() or min(width, height) < 0:
        raise FormatError(
            f"annotation number {position}: its bbox is {annotation['bbox']}, "
            "not x, y, width, height in px"
        )
    if not 0 <= score <= 1:
        raise FormatError(f"annotation number {position}: a score of {score} is not within 0..1")
    return [(left, top, left + width, top + height, score)]
