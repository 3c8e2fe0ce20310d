"""What a worker is told, and what it tells: pickled, one after the other, through its pipes."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Literal, NoReturn, TypeAlias

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


def take_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Return what was stdin and stdout of this worker, for messages and nothing else.

    What libraries print goes to stderr from now on. Ctrl-C goes to all processes of a terminal, and
    does nothing here: the one that started this decides what it means.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return os.fdopen(os.dup(sys.stdin.fileno()), "rb"), answers


def end() -> NoReturn:
    """End this worker: native libraries have been seen to hang when the interpreter does it."""
    sys.stderr.flush()
    os._exit(0)


def send(pipe: IO[bytes], message: Any) -> None:
    """Write a message; OSError if nobody reads it."""
    pipe.write(pickle.dumps(message))
    pipe.flush()


def heard(pipe: IO[bytes]) -> Iterator[Any]:
    """Yield the messages that come, until the other side closes the pipe or is dead."""
    with contextlib.suppress(EOFError), pipe:
        while True:
            yield receive(pipe)


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
