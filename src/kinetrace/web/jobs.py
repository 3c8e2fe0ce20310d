"""The jobs: taken in, done one after the other in a process that may be killed, and deleted."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from kinetrace.batch._claims import _try_lock
from kinetrace.errors import KinetraceError
from kinetrace.web.config import Config
from kinetrace.web.orders import TABLE, Analysed, At, Order
from kinetrace.web.process import Bounds, KilledError, Process, ProcessError, folder_bytes
from kinetrace.web.settings import order_of
from kinetrace.web.store import Record, Store
from kinetrace.web.wording import public

_log = logging.getLogger(__name__)

_MOST_ATTEMPTS = 2
_EXPIRE_S = 600.0
_FREE_BYTES = 500_000_000  # of the disk, which stay free
_TASKS = 2  # side by side, beside the job
_MOST_WAITING_TASKS = 16


class StateError(Exception):
    """A job is not in the state for what is asked; the text is for the user."""


class FullError(Exception):
    """There is no room, or too much is waiting; the text is for the user."""


@dataclass
class Progress:
    """How far a job is, and since when it has been at that."""

    at: At
    since_s: float

    @property
    def seconds_left(self) -> float | None:
        """How long this will take, as far as it can be told."""
        took_s = time.monotonic() - self.since_s
        if not self.at.expected or not self.at.done:
            return None
        return max(0.0, took_s / self.at.done * (self.at.expected - self.at.done))


class Jobs:
    """All jobs of a folder, from when it is made until `stop`.

    Parameters
    ----------
    config
        Of the server.

    Raises
    ------
    KinetraceError
        If the folder cannot be used, or another server uses it.
    """

    def __init__(self, config: Config) -> None:
        self._limits = config.limits
        self._folder = config.folder / "jobs"
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._held = os.open(config.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise KinetraceError(
                f"cannot use the folder {config.folder}: {error.strerror}; name another --folder"
            ) from error
        if not _try_lock(self._held, 0):
            os.close(self._held)
            raise KinetraceError(
                f"another server uses {config.folder}: stop that one, or name another --folder"
            )
        self.store = Store(config.folder / "jobs.sqlite")
        self._lock = threading.RLock()
        self._processes: dict[str, set[Process]] = {}
        self._progress: dict[str, Progress] = {}
        self._job_locks: dict[str, threading.Lock] = {}
        self._tasks = threading.BoundedSemaphore(_TASKS)
        self._waiting_tasks = threading.BoundedSemaphore(_MOST_WAITING_TASKS)
        self._arriving: dict[str, Path] = {}
        self._wake, self._is_stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="kinetrace-jobs", daemon=True)

    # From the beginning of the server to its end.

    def start(self) -> None:
        """Take up what an earlier server has left, and begin."""
        known = {record.id for record in self.store.all()}
        for path in self._folder.iterdir():
            if path.name not in known:  # an upload that broke off, or what could not be deleted
                _remove(path)
        for record in self.store.all():
            if record.state != "running":
                continue
            if record.attempts >= _MOST_ATTEMPTS:
                self._fail(record, "The server has ended twice while it worked on this file.")
            else:
                self.store.change(record.id, state="queued")
        self._thread.start()

    def stop(self) -> None:
        """End what is going on; a job under way is done from its beginning next time."""
        self._is_stopping.set()
        self._wake.set()
        with self._lock:
            running = [process for each in self._processes.values() for process in each]
        for process in running:
            process.kill()
        if self._thread.is_alive():
            self._thread.join()
        self.store.close()
        os.close(self._held)

    # What clients ask for.

    def folder_of(self, job_id: str) -> Path:
        """Return the folder of a job that there is."""
        return self._folder / job_id

    def room_bytes(self) -> int:
        """Return how much may still be kept."""
        arriving = sum(folder_bytes(path) for path in list(self._arriving.values()))
        allowed = self._limits.storage_bytes - self.store.used_bytes() - arriving
        free = shutil.disk_usage(self._folder).free - _FREE_BYTES
        return max(0, min(allowed, free))

    @contextlib.contextmanager
    def arriving(self) -> Iterator[tuple[str, Path]]:
        """Make the folder of a job that is being uploaded; it goes again unless it is added.

        Yields
        ------
        job_id : str
        folder : pathlib.Path

        Raises
        ------
        FullError
            If too many jobs wait.
        """
        waiting = sum(record.state == "queued" for record in self.store.all())
        if waiting + len(self._arriving) >= self._limits.waiting_jobs:
            raise FullError(f"{waiting} files are waiting already: wait until some are done.")
        job_id = secrets.token_urlsafe(16)
        folder = self.folder_of(job_id)
        folder.mkdir(mode=0o700)
        self._arriving[job_id] = folder
        try:
            yield job_id, folder
        finally:
            del self._arriving[job_id]
            if self.store.get(job_id) is None:
                _remove(folder)

    def add(self, record: Record) -> None:
        """Add a job whose file is in its folder."""
        self.store.put(record)
        self._wake.set()

    def progress(self, job_id: str) -> Progress | None:
        """Return how far a job is, if it is under way."""
        return self._progress.get(job_id)

    def cancel(self, job_id: str) -> Record:
        """Stop a job.

        Raises
        ------
        StateError
            If it is over.
        """
        with self._lock:
            record = self.store.change(job_id, ("queued", "running"), state="cancelled")
        if record is None:
            raise StateError("It is over already, there is nothing to cancel.")
        self._kill(job_id)
        self._tidy(record)
        return record

    def delete(self, job_id: str) -> bool:
        """Delete a job and all of its files; False if there is none of that id."""
        with self._lock:
            was_there = self.store.remove(job_id)
        if was_there:
            self._kill(job_id)
            _remove(self.folder_of(job_id))
            self._progress.pop(job_id, None)
            self._job_locks.pop(job_id, None)
        return was_there

    def order(self, record: Record, order: Order) -> Any:
        """Carry out an order about a job that is done, one after the other.

        Raises
        ------
        ProcessError
            If it cannot be carried out.
        FullError
            If too much is waiting.
        """
        with self._turn(), self._job_locks.setdefault(record.id, threading.Lock()):
            with self._tasks:
                value = self._carried_out(record, order, self._limits.task_s)
            self.store.change(record.id, size_bytes=folder_bytes(self.folder_of(record.id)))
            return value

    def probe(self, order: Order, folder: Path) -> Any:
        """Look what an uploaded file is, in a process of its own."""
        with self._turn(), self._tasks:
            return Process(order, self._bounds(folder, 60.0)).run()

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._waiting_tasks.acquire(blocking=False):
            raise FullError("Too much is going on at once: try again in a moment.")
        try:
            yield
        finally:
            self._waiting_tasks.release()

    # The worker's thread.

    def _run(self) -> None:
        expired_s = -_EXPIRE_S
        while not self._is_stopping.is_set():
            if time.monotonic() - expired_s >= _EXPIRE_S:
                self._delete_old()
                expired_s = time.monotonic()
            self._wake.clear()
            record = self.store.next_queued()
            if record is None:
                self._wake.wait(_EXPIRE_S)
            else:
                self._do(record)

    def _do(self, record: Record) -> None:
        begun = self.store.change(
            record.id, ("queued",), state="running", attempts=record.attempts + 1
        )
        if begun is None:
            return
        self._clear(begun, keep=(begun.source,))
        try:
            order = order_of(begun, self.folder_of(begun.id))
            done = self._carried_out(
                begun, order, self._limits.job_s, lambda at: self._note(begun.id, at)
            )
        except KilledError:
            if self._is_stopping.is_set():
                self.store.change(begun.id, ("running",), state="queued", attempts=record.attempts)
        except ProcessError as error:
            self._fail(begun, str(error))
        except Exception:  # noqa: BLE001 - the next job must be done all the same
            _log.exception("a job could not be done")
            self._fail(begun, "Something went wrong inside Kinetrace; try it again.")
        else:
            self._finish(begun, done)
        finally:
            self._progress.pop(begun.id, None)

    def _note(self, job_id: str, at: At) -> None:
        known = self._progress.get(job_id)
        since_s = known.since_s if known and known.at.phase == at.phase else time.monotonic()
        self._progress[job_id] = Progress(at, since_s)

    def _finish(self, record: Record, done: Analysed) -> None:
        folder = self.folder_of(record.id)
        source = record.source
        if record.options["blur_faces"]:
            (folder / source).unlink(missing_ok=True)
            source = ""
        finished = self.store.change(
            record.id,
            ("running",),
            state="done",
            source=source,
            media=done.media,
            people=done.people,
            mean_score=done.mean_score,
            problem=public(done.problem, file=folder / record.source, name=record.name) or None,
            size_bytes=folder_bytes(folder),
        )
        if finished is None:
            self._tidy(record)

    def _fail(self, record: Record, text: str) -> None:
        text = public(text, file=self.folder_of(record.id) / record.source, name=record.name)
        self.store.change(record.id, ("running",), state="failed", error=text)
        self._tidy(record)

    def _tidy(self, record: Record) -> None:
        """Leave of a job that came to nothing what was uploaded, unless faces are in it."""
        self._clear(record, keep=() if record.options["blur_faces"] else (record.source,))
        size_bytes = folder_bytes(self.folder_of(record.id))
        self.store.change(record.id, size_bytes=size_bytes)

    def _clear(self, record: Record, keep: tuple[str, ...]) -> None:
        with contextlib.suppress(FileNotFoundError):  # it has just been deleted
            for path in self.folder_of(record.id).iterdir():
                if path.name not in keep:
                    path.unlink(missing_ok=True)

    def _carried_out(
        self,
        record: Record,
        order: Order,
        time_s: float,
        on_progress: Callable[[At], None] = lambda _at: None,
    ) -> Any:
        with self._lock:
            now = self.store.get(record.id)
            if now is None or now.state != record.state or self._is_stopping.is_set():
                raise KilledError("It was stopped.")
            process = Process(order, self._bounds(self.folder_of(record.id), time_s))
            self._processes.setdefault(record.id, set()).add(process)
        try:
            return process.run(on_progress)
        finally:
            with self._lock:
                self._processes[record.id].discard(process)
                if not self._processes[record.id]:
                    del self._processes[record.id]

    def _bounds(self, folder: Path, time_s: float) -> Bounds:
        return Bounds(
            time_s=time_s,
            memory_bytes=self._limits.memory_bytes,
            folder=folder,
            folder_bytes=folder_bytes(folder) + self.room_bytes(),
        )

    def _kill(self, job_id: str) -> None:
        with self._lock:
            running = list(self._processes.get(job_id, ()))
        for process in running:
            process.kill()

    def _delete_old(self) -> None:
        if not self._limits.keep_days:
            return
        oldest = datetime.now(timezone.utc) - timedelta(days=self._limits.keep_days)
        for record in self.store.all():
            is_old = datetime.fromisoformat(record.created_utc) < oldest
            if is_old and record.state not in ("queued", "running"):
                self.delete(record.id)


def made(folder: Path) -> list[Path]:
    """Return the files of a job that are made of its table, and wrong once that is corrected."""
    return [path for path in folder.iterdir() if path.name.startswith(("made.", "measure."))]


def has_table(folder: Path) -> bool:
    """Tell whether a job's table is there."""
    return (folder / TABLE).exists()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
