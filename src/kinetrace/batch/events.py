"""What a run of many jobs tells while it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from kinetrace.batch.task import Result
from kinetrace.jobs import Job


@dataclass(frozen=True)
class Started:
    """Somebody has begun a job."""

    job: Job


@dataclass(frozen=True)
class Progress:
    """A job has come so far; `frames_expected` is None where nothing tells.

    A film is first estimated as a whole and then, if an overlay is wanted, drawn.
    """

    job: Job
    stage: Literal["estimate", "draw"]
    frames_done: int
    frames_expected: int | None


@dataclass(frozen=True)
class Ended:
    """A job is over, or needed no doing: `Result.state` says how."""

    job: Job
    result: Result


@dataclass(frozen=True)
class Note:
    """Something that the user should know, in a line."""

    text: str


Event: TypeAlias = Started | Progress | Ended | Note
