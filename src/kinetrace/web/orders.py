"""What a worker process is told to do, and what it tells; all of it can be pickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from kinetrace.batch.settings import Settings

TABLE = "poses.keypoints.csv"
POSES = "poses.json"
# How the names of files begin that are made of the table, and wrong once that is corrected.
MADE = ("made.", "measure.")

What: TypeAlias = Literal["parquet", "coco", "overlay", "report"]


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Look what a file is."""

    path: Path
    most_pixels: int
    most_s: float


@dataclass(frozen=True, kw_only=True)
class Analyse:
    """Do a job: its table, what a browser plays, the measures that were asked for."""

    folder: Path
    source: str
    name: str
    settings: Settings
    blur_faces: bool
    is_played: bool
    measures: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Make:
    """Make a file of a job that is done; `path` is where."""

    what: What
    folder: Path
    media: str
    path: Path
    measures: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """Measure a job that is done; `path` is where the answer goes, as JSON."""

    folder: Path
    name: str
    options: Mapping[str, Any]
    path: Path


@dataclass(frozen=True, kw_only=True)
class Correction:
    """Where a keypoint really is, in pixels; None where it cannot be seen.

    `frame` is a position among the frames of the poses, `id` as of `kinetrace.web.results`.
    """

    frame: int
    id: int
    keypoint: str
    x_px: float | None
    y_px: float | None


@dataclass(frozen=True, kw_only=True)
class Correct:
    """Correct the table of a job that is done."""

    folder: Path
    corrections: tuple[Correction, ...]


Order: TypeAlias = Probe | Analyse | Make | Measure | Correct


@dataclass(frozen=True)
class Begin:
    """The first and only thing that a worker is told.

    Attributes
    ----------
    order
        What to do.
    file_bytes
        How large a file may become.
    """

    order: Order
    file_bytes: int


@dataclass(frozen=True)
class At:
    """The worker has come so far; `expected` is None where nothing tells."""

    phase: str
    done: int = 0
    expected: int | None = None


@dataclass(frozen=True)
class Ended:
    """It is done; `value` is what the order's function returned."""

    value: Any


@dataclass(frozen=True)
class Refused:
    """It cannot be done, and `text` says why, for the user."""

    text: str


@dataclass(frozen=True)
class Broken:
    """It went wrong in a way that nobody has thought of; `details` are for the log."""

    details: str


Told: TypeAlias = At | Ended | Refused | Broken


@dataclass(frozen=True, kw_only=True)
class Analysed:
    """What came of a job; `media` is the file's name that a browser plays."""

    media: str
    people: int
    mean_score: float | None
    problem: str
