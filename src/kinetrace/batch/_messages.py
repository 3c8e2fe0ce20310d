"""What a worker is told, and what it tells: pickled, one after the other, through its pipes."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import IO, Any, Literal, TypeAlias

from kinetrace.batch.events import Note
from kinetrace.batch.settings import Settings
from kinetrace.batch.task import Phase, Result
from kinetrace.jobs import Job


@dataclass(frozen=True)
class Hello:
    """The first that a worker is told."""

    settings: Settings
    threads: int


@dataclass(frozen=True)
class Order:
    """A job to do."""

    job: Job
    overwrite: bool


@dataclass(frozen=True)
class Reached:
    """The worker has come to a point of its job; of which job, whoever gave it knows."""

    phase: Phase | Literal["begun"]


@dataclass(frozen=True)
class Frames:
    """So many frames of the job are estimated, or drawn."""

    stage: Literal["estimate", "draw"]
    done: int
    expected: int | None


Told: TypeAlias = Reached | Frames | Note | Result


def send(pipe: IO[bytes], message: Any) -> None:
    """Write a message; OSError if nobody reads it."""
    pipe.write(pickle.dumps(message))
    pipe.flush()


def receive(pipe: IO[bytes]) -> Any:
    """Read the next message.

    Raises
    ------
    EOFError
        If there is none any more: the other side has closed the pipe, or is dead.
    """
    try:
        return pickle.load(pipe)  # noqa: S301 - from a process that is our own
    except (pickle.UnpicklingError, OSError, ValueError) as error:
        raise EOFError from error  # it died in the middle of a word
