"""Ultralytics' folders of text files as poses."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from kinetrace._table_parsing import as_float32
from kinetrace.errors import FormatError, MissingExtraError, SourceError
from kinetrace.files import reading
from kinetrace.formats._folders import files_in
from kinetrace.formats._people import Person, assemble
from kinetrace.formats._text_rows import numbers
from kinetrace.poses import Poses, Skeleton
from kinetrace.skeletons import COCO17, skeleton_of

_PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


class _Layout(NamedTuple):
    """What ``data.yaml`` tells: keypoints, how many numbers each has, pictures and their size."""

    skeleton: Skeleton
    numbers: int
    size_wh: tuple[int, int] | None
    frame_name: Sequence[str] | None
    frame_index: Sequence[int] | None


def read_folder(path: Path) -> Poses:
    """Read a folder; what can go wrong is told by `kinetrace.formats.ultralytics.read`."""
    files_in(path, "data.yaml")
    about = path / "data.yaml"
    with reading(about):
        layout = _layout(_yaml().safe_load, about.read_bytes())
    files = _label_files(path, layout)
    people: list[Person] = []
    sizes: set[tuple[int, int]] = set()
    for i, file in enumerate(files):
        size_wh = layout.size_wh or _picture_size(file)
        sizes.add(size_wh)
        with reading(file):
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
            rows = [(n, line.split()) for n, line in enumerate(lines, start=1) if line.strip()]
            people += [_person(i, row, n, layout, size_wh) for n, row in rows]
    frame_index, names = _frames(files, layout)
    return assemble(
        people,
        layout.skeleton,
        frame_index,
        frame_name=names,
        size_wh=sizes.pop() if len(sizes) == 1 else layout.size_wh,
    )


def _layout(load: Any, data: bytes) -> _Layout:
    import yaml

    try:
        values = load(data)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise FormatError(f"that is no YAML: {reason}") from error
    try:
        count, numbers_each = (int(value) for value in values["kpt_shape"])
        names = _keypoint_names(values, count)
        ours = values.get("kinetrace") or {}
        size_wh, frame_name = ours.get("size_wh"), ours.get("frame_name")
        frame_index = ours.get("frame_index")
        if numbers_each not in (2, 3):
            raise ValueError(f"a keypoint has 2 or 3 numbers, not {numbers_each}")
        edges = values.get("skeleton") or ()
        return _Layout(
            _skeleton(names, edges),
            numbers_each,
            None if size_wh is None else (int(size_wh[0]), int(size_wh[1])),
            None if frame_name is None else [str(name) for name in frame_name],
            None if frame_index is None else [int(number) for number in frame_index],
        )
    except KeyError as error:
        raise FormatError(f"it is no pose data set: there is no {error}") from error
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise FormatError(f"it is no pose data set, or damaged: {error}") from error


def _keypoint_names(values: Mapping[str, Any], count: int) -> tuple[str, ...]:
    """Return the keypoints' names: those told, COCO's for 17, else numbers."""
    told = values.get("kpt_names") or values.get("node_names")
    if isinstance(told, Mapping):
        told = next(iter(told.values()))
    if told is None:
        return COCO17.keypoints if count == len(COCO17) else tuple(map(str, range(count)))
    if len(told) != count:
        raise ValueError(f"kpt_shape tells of {count} keypoints, and {len(told)} have a name")
    return tuple(str(name) for name in told)


def _skeleton(names: tuple[str, ...], edges: Sequence[Any]) -> Skeleton:
    known = skeleton_of(names)
    if known.name != "custom":
        return known
    pairs = tuple((names[int(a)], names[int(b)]) for a, b in edges)
    return Skeleton("custom", names, pairs)


def _picture_size(labels: Path) -> tuple[int, int]:
    """Return the size of the picture that has the same name, in ``images`` for ``labels``."""
    from PIL import Image, UnidentifiedImageError

    parts = list(labels.parts)
    at = len(parts) - 1 - parts[::-1].index("labels")
    folder = Path(*parts[:at], "images", *parts[at + 1 : -1])
    for suffix in _PICTURES:
        for picture in (folder / f"{labels.stem}{s}" for s in (suffix, suffix.upper())):
            if picture.is_file():
                try:
                    with Image.open(picture) as image:
                        return image.size
                except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
                    raise SourceError(f"cannot read {picture}: {error}") from error
    raise SourceError(
        f"cannot read {labels}: its positions are parts of a picture, and there is no picture "
        f"{labels.stem} in {folder} that tells how large it is"
    )


def _person(
    frame: int, row: Sequence[str], line: int, layout: _Layout, size_wh: tuple[int, int]
) -> Person:
    k = len(layout.skeleton)
    end = 5 + k * layout.numbers
    if not end <= len(row) <= end + 2:
        raise FormatError(f"line {line} has {len(row)} numbers instead of {end}")
    values = np.array(numbers(row, line), dtype=np.float64)
    size = np.array(size_wh, dtype=np.float64)
    points = values[5:end].reshape(k, layout.numbers)
    xy = points[:, :2] * size
    middle, half = values[1:3] * size, values[3:5] * size / 2
    score = points[:, 2] if layout.numbers == 3 else np.any(points != 0, axis=1).astype(float)
    if not np.all((score >= 0) & (score <= 2)):
        raise FormatError(f"line {line}: a visibility must be 0, 1 or 2, or a score within 0..1")
    # Visibilities 1 (hidden) and 2 are somebody's labels, what is below 1 a network's score.
    score = np.minimum(score, 1)
    xy[score == 0] = np.nan
    bbox_score, track_id = _tail(values[end:].tolist(), line)
    return Person(
        frame,
        as_float32(np.column_stack([xy, score])),
        track_id,
        as_float32(np.concatenate([middle - half, middle + half])),
        bbox_score,
    )


def _tail(rest: Sequence[float], line: int) -> tuple[float, int]:
    """Return the box's score and the track id that a line may end with, in this order."""
    score, number = {0: (np.nan, -1), 1: (np.nan, *rest), 2: tuple(rest)}[len(rest)]
    if len(rest) == 1 and number % 1:
        score, number = number, -1
    if number % 1 or abs(number) > 2**53 or not (np.isnan(score) or 0 <= score <= 1):
        raise FormatError(
            f"line {line} ends with {rest}, which are no score of a box and no track id"
        )
    return float(score), int(number)


def _label_files(path: Path, layout: _Layout) -> list[Path]:
    """Return the files in order: of the pictures if they are told, else of their names."""
    files = sorted(f for f in path.rglob("*.txt") if "labels" in f.relative_to(path).parts[:-1])
    order = {Path(name).stem: i for i, name in enumerate(layout.frame_name or ())}
    return sorted(files, key=lambda file: order.get(file.stem, len(order)))


def _frames(files: Sequence[Path], layout: _Layout) -> tuple[list[int], tuple[str, ...] | None]:
    """Return the frames' numbers; or, for photos, their numbers and names."""
    told = [re.fullmatch(r"frame_(\d{6,15})", file.stem) for file in files]
    found = [int(match[1]) for match in told if match]
    if layout.frame_name is None and len(found) == len(files) and found == sorted(set(found)):
        return found, None
    full = {Path(name).stem: name for name in layout.frame_name or ()}
    numbers = list(layout.frame_index or ())
    if len(numbers) != len(files) or numbers != sorted(set(numbers)):
        numbers = list(range(len(files)))
    return numbers, tuple(full.get(file.stem, file.stem) for file in files)


def _yaml() -> ModuleType:
    try:
        import yaml
    except ImportError as error:
        raise MissingExtraError("PyYAML", "ultralytics") from error
    return yaml  # type: ignore[no-any-return]
