"""Labelled examples: from a folder of folders, or from a list of files with their labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kinetrace.actions.features import Floats, joints_of
from kinetrace.errors import FormatError, SourceError
from kinetrace.measures import people
from kinetrace.poses import IntArray, Poses

if TYPE_CHECKING:
    import pandas as pd

VIDEOS = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg")
TABLES = (".csv", ".parquet", ".jsonl")


@dataclass(frozen=True, eq=False)
class Example:
    """One person who does one thing.

    Attributes
    ----------
    label
        What is done.
    clip
        Where it comes from; stretches of one clip are never on both sides of a test.
    person
        Who does it, or "" where that is not known.
    xy : (T, 13, 2)
        `features.JOINTS` in pixels, NaN where missing.
    time_s : (T,)
        Ascending.
    """

    label: str
    clip: str
    person: str
    xy: Floats
    time_s: Floats


def example_of(
    poses: Poses,
    label: str,
    *,
    clip: str = "",
    person: str = "",
    start_s: float = -np.inf,
    end_s: float = np.inf,
    min_score: float = 0.3,
) -> Example:
    """Make an example of the person who is most of a film: large, and in it for long.

    Parameters
    ----------
    poses
        Of one film, with times.
    label, clip, person
        See `Example`.
    start_s, end_s
        The part of the film in which it is done.
    min_score
        Keypoints below it count as missing.
    """
    rows = main_person(poses)
    time_s = poses.frame_time_s[poses.frame[rows]]
    rows = rows[(time_s >= start_s) & (time_s < end_s)]
    xy = joints_of(poses, rows, min_score=min_score)
    kept_s = np.asarray(poses.frame_time_s[poses.frame[rows]], np.float64)
    return Example(label, clip, person, xy, kept_s)


def main_person(poses: Poses) -> IntArray:
    """Return the rows of the person whose boxes are the highest, summed over the frames."""
    height_px = np.nan_to_num(poses.bbox_xyxy[:, 3] - poses.bbox_xyxy[:, 1])
    everybody = [rows for _, rows in people(poses)]
    nobody = np.zeros(0, dtype=np.int64)
    return max(everybody, key=lambda rows: float(height_px[rows].sum()), default=nobody)


def read_examples(path: Path, *, min_score: float = 0.3) -> list[Example]:
    """Read labelled files; videos are estimated first, as ``kinetrace estimate`` does it.

    Parameters
    ----------
    path
        A folder whose folders are named like the actions, with tables of keypoints or videos in
        them; where a video has its table beside it (``a.mp4`` and ``a.keypoints.csv``) the table
        is taken. Or a CSV file with the columns ``file`` (beside it) and ``label``, and where they
        are known ``person``, ``start_s`` and ``end_s``.
    min_score
        Keypoints below it count as missing.

    Raises
    ------
    SourceError
        If there is no such file or folder, or one in it cannot be read.
    FormatError
        If there is nothing labelled in it.
    """
    listed = list(_from_folder(path) if path.is_dir() else _from_list(path))
    if not listed:
        raise FormatError(
            f"{path} holds no labelled files: make a folder for each action in it, with tables or "
            "videos"
        )
    examples = []
    latest: tuple[Path, Poses] | None = None
    for entry in listed:
        if latest is None or latest[0] != entry.file:
            latest = (entry.file, _read(entry.file))
        examples.append(
            example_of(
                latest[1],
                entry.label,
                clip=str(entry.file),
                person=entry.person,
                start_s=entry.start_s,
                end_s=entry.end_s,
                min_score=min_score,
            )
        )
    return examples


@dataclass(frozen=True)
class _Entry:
    file: Path
    label: str
    person: str = ""
    start_s: float = -np.inf
    end_s: float = np.inf


def _from_folder(folder: Path) -> Iterator[_Entry]:
    for each in sorted(path for path in folder.iterdir() if path.is_dir()):
        files = sorted(path for path in each.iterdir() if path.suffix.lower() in TABLES + VIDEOS)
        tables = {_stem(path) for path in files if path.suffix.lower() in TABLES}
        for file in files:
            if file.suffix.lower() in TABLES or _stem(file) not in tables:
                yield _Entry(file, each.name)


def _stem(path: Path) -> str:
    return path.name.split(".")[0]


def _from_list(path: Path) -> Iterator[_Entry]:
    table = read_list(path)
    if not {"file", "label"} <= set(table.columns):
        raise FormatError(
            f"{path} must have the columns file and label (and may have person, start_s and "
            f"end_s), it has: {', '.join(map(str, table.columns))}"
        )
    for number, row in enumerate(table.to_dict("records"), start=2):
        told = {str(key): text for key, text in row.items() if text}
        try:
            start_s, end_s = (
                float(told.get(name, default))
                for name, default in (("start_s", "-inf"), ("end_s", "inf"))
            )
            entry = _Entry(
                path.parent / told["file"],
                told["label"],
                start_s=start_s,
                end_s=end_s,
                person=told.get("person", ""),
            )
        except (KeyError, ValueError) as error:
            raise FormatError(f"{path}, line {number}: {error} is missing or no number") from error
        yield entry


def read_list(path: Path) -> pd.DataFrame:
    """Read a CSV file; every cell is text, and an empty one is "".

    Raises
    ------
    SourceError
        If it cannot be read.
    """
    import pandas as pd

    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot read {path}: {error}") from error


def _read(file: Path) -> Poses:
    if file.suffix.lower() in VIDEOS:
        from kinetrace.pipeline import estimate

        return estimate(str(file))
    from kinetrace.formats import read

    return read(file)
