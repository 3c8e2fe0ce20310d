"""What runs on the machines of a cluster: a process that keeps its models from job to job.

Ray makes an actor of `ClusterWorker`, and calls its methods from the machine that was asked for the
work; what goes in and out is pickled.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import platform
import re
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from kinetrace import __version__
from kinetrace.batch._process import limit_threads
from kinetrace.batch.locations_jobs import LocalCopy, RemoteJob, send_results, staged
from kinetrace.batch.settings import Settings
from kinetrace.batch.stitching import split
from kinetrace.batch.stitching_task import Part, assemble, estimate_part
from kinetrace.batch.task import Result, do, estimator_for, failed, release
from kinetrace.errors import KinetraceError, SourceError
from kinetrace.frames.selection import Selection
from kinetrace.jobs import VIDEO_SUFFIXES, Job

Stage: TypeAlias = Literal["estimate", "draw"]


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A job; where `split_s` is set, it may be found to be better done in stretches of so long."""

    job: Job
    split_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """The stretch of that number of a job's film."""

    job: Job
    number: int
    selection: Selection


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """All stretches of a job's film, of which its files are to be made."""

    job: Job
    parts: tuple[Part, ...]


Piece: TypeAlias = "Whole | Stretch | Assembly"
Done: TypeAlias = "Result | Part | list[Selection]"


@dataclass(frozen=True)
class Hello:
    """Where a worker is and what it is."""

    host: str
    node: str
    kinetrace: str
    sees_folder: bool


@dataclass(frozen=True)
class Report:
    """How far a worker is with its latest piece, and what it has to tell since it was asked last.

    `pieces` is how many it has begun.
    """

    pieces: int
    stage: Stage
    done: int
    expected: int | None
    notes: tuple[str, ...]


class ClusterWorker:
    """A worker on a node of the cluster.

    Parameters
    ----------
    settings
        Of the run, with `Options.threads` set.
    run_id
        Names the run among others on the same node.
    folder
        Where relative paths are to lead from, where this machine has it too.
    environment
        Variables to set.
    """

    def __init__(
        self, settings: Settings, run_id: str, folder: Path, environment: dict[str, str]
    ) -> None:
        os.environ.update(environment)
        # That of whoever asked: made absolute, paths would be other names of the same sources.
        with contextlib.suppress(OSError):
            os.chdir(folder)
        limit_threads(settings.options.threads or 1)
        self._settings = settings
        clear_copies(run_id)
        name = f"kinetrace-{run_id}-{os.getpid()}"
        self._copy = LocalCopy(Path(tempfile.gettempdir()) / name)
        self._stop = threading.Event()
        self._notes = _Notes()
        logging.getLogger("kinetrace").addHandler(self._notes)
        self._pieces = 0
        self._reached: tuple[Stage, int, int | None] = ("estimate", 0, None)

    def hello(self, token: Path | None) -> Hello:
        """Tell what this is; `token` is a file that whoever asks has put beside the results."""
        import ray

        node = str(ray.get_runtime_context().get_node_id())
        sees_folder = token is None or token.exists()
        return Hello(platform.node(), node, __version__, sees_folder)

    def prepare(self, first: Job) -> Result | None:
        """Load the models; a failed `Result` says why that cannot be done."""
        try:
            options = self._settings.options
            if options.precision == "int8" and options.calibration is None:
                # What all workers of a run calibrate on has to be the same.
                source = first.source
                if not isinstance(source, list):
                    source = self._copy.path_of(source)
                options = dataclasses.replace(options, first_source=source)
                self._settings = dataclasses.replace(self._settings, options=options)
            estimator_for(self._settings, options.first_source or first.source)
        except Exception as error:  # noqa: BLE001 - it is told, as any other result
            return failed(error, while_loading=True)
        return None

    def work(self, piece: Piece, *, overwrite: bool) -> Done:
        """Do a piece. Errors are in its result."""
        self._reached = ("estimate", 0, None)
        self._pieces += 1
        try:
            return self._work(piece, overwrite=overwrite)
        except KeyboardInterrupt as error:
            return Result(state="stopped", error=str(error) or "interrupted")
        except (
            KinetraceError
        ) as error:  # a film that cannot be fetched, a table that cannot be sent
            return failed(error)

    def _work(self, piece: Piece, *, overwrite: bool) -> Done:
        with self._here(piece.job) as job:
            if isinstance(piece, Stretch):
                part = estimate_part(job, self._settings, piece.selection, self._on_frame)
                return _named(part, piece.job) if isinstance(part, Part) else part
            if isinstance(piece, Whole):
                stretches = self._stretches(job, piece.split_s)
                if len(stretches) > 1:
                    return stretches
                result = self._whole(job, overwrite=overwrite)
            else:
                result = self._assembled(job, piece.parts, overwrite=overwrite)
            if isinstance(piece.job, RemoteJob):
                result = _without_lost(result, job.table.parent)
                if result.state in ("done", "problem"):
                    send_results(job, piece.job)
        return result

    @contextlib.contextmanager
    def _here(self, job: Job) -> Iterator[Job]:
        if not isinstance(job, RemoteJob):
            yield job
            return
        with staged(job, self._copy) as local:
            yield local

    def _stretches(self, job: Job, split_s: float | None) -> list[Selection]:
        source = job.source
        selection = self._settings.selection
        if split_s is None or not isinstance(source, Path):
            return [selection]
        if source.suffix.lower() not in VIDEO_SUFFIXES:
            return [selection]
        try:
            return split(source, split_s, selection=selection)
        except SourceError:  # it will be told when the film is to be read
            return [selection]

    def _whole(self, job: Job, *, overwrite: bool) -> Result:
        return do(job, self._settings, self._on_frame, on_drawn=self._on_drawn, overwrite=overwrite)

    def _assembled(self, job: Job, parts: tuple[Part, ...], *, overwrite: bool) -> Result:
        settings, on_drawn = self._settings, self._on_drawn
        result = assemble(job, settings, parts, on_drawn, overwrite=overwrite)
        if result is not None:
            return result
        logging.getLogger("kinetrace").warning(
            "%s is damaged, and is done again undivided", job.name
        )
        return self._whole(job, overwrite=overwrite)

    def _on_frame(self, done: int, expected: int | None) -> None:
        self._reach("estimate", done, expected)

    def _on_drawn(self, done: int, expected: int | None) -> None:
        self._reach("draw", done, expected)

    def _reach(self, stage: Stage, done: int, expected: int | None) -> None:
        if self._stop.is_set():
            raise KeyboardInterrupt
        self._reached = (stage, done, expected)

    def report(self) -> Report:
        """Tell how far it is; called from another thread than `work`."""
        return Report(self._pieces, *self._reached, notes=self._notes.take())

    def stop(self) -> None:
        """Have `work` end at the next frame; called from another thread."""
        self._stop.set()

    def close(self) -> None:
        """Free what is kept."""
        release()
        self._copy.close()


class _Notes(logging.Handler):
    """Keeps the warnings that are logged until they are asked for."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._texts.append(record.getMessage())

    def take(self) -> tuple[str, ...]:
        texts = tuple(self._texts)
        del self._texts[: len(texts)]
        return texts


def _named(part: Part, job: Job) -> Part:
    """Name the source as the job does, and not a copy of it."""
    if part.poses is None or not isinstance(job, RemoteJob):
        return part
    poses = dataclasses.replace(part.poses, source=job.name)
    return dataclasses.replace(part, poses=poses)


def _without_lost(result: Result, folder: Path) -> Result:
    """Leave out of a text where the part of a table is that goes with the folder."""
    lost = rf"; the first \d+ frames are in {re.escape(str(folder))}\S*"
    return dataclasses.replace(result, error=re.sub(lost, "", result.error))


def clear_copies(run_id: str) -> None:
    """Remove from this machine what workers of a run have left that are dead.

    All workers of a run on one machine see the same processes.
    """
    prefix = f"kinetrace-{run_id}-"
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        if not _is_alive(int(folder.name.removeprefix(prefix))):
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(process: int) -> bool:
    if sys.platform == "win32":
        return True  # there, asking would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
