"""The jobs of a server: taken in, looked after, and deleted; `kinetrace.web.running` does them."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kinetrace.batch._claims import _try_lock
from kinetrace.errors import KinetraceError
from kinetrace.web.config import Config, Limits
from kinetrace.web.orders import At, Order
from kinetrace.web.process import Bounds, KilledError, Process, folder_bytes
from kinetrace.web.store import Record, Store

_FREE_BYTES = 500_000_000  # of the disk, which stay free
_TASKS = 2  # side by side, beside the job; and as many uploads are looked at
_MOST_WAITING_TASKS = 16
_PROBE_S = 60.0


class StateError(Exception):
    """A job is not in the state for what is asked; the text is for the user."""


class FullError(Exception):
    """Too much is waiting; the text is for the user."""


class NoRoomError(Exception):
    """There is no room for it; the text is for the user."""


class Jobs:
    """All jobs of a folder, from when it is made until `stop`; may be used from any thread.

    Parameters
    ----------
    config
        Of the server.

    Attributes
    ----------
    store, limits
        What is kept of the jobs, and what is allowed.
    added, is_stopping
        Set when there is a job to do; when there is no more.

    Raises
    ------
    KinetraceError
        If the folder cannot be used, or another server uses it.
    """

    def __init__(self, config: Config) -> None:
        self.limits: Limits = config.limits
        self._folder = config.folder / "jobs"
        self._held = _hold(config.folder)
        self.store = Store(config.folder / "jobs.sqlite")
        self.added, self.is_stopping = threading.Event(), threading.Event()
        self._lock = threading.RLock()
        self._processes: dict[str, set[Process]] = {}
        self._job_locks: dict[str, threading.Lock] = {}
        self._tasks = threading.BoundedSemaphore(_TASKS)
        self._probes = threading.BoundedSemaphore(_TASKS)
        self._waiting_tasks = threading.BoundedSemaphore(_MOST_WAITING_TASKS)
        self._arriving: dict[str, int] = {}

    def remove_strangers(self) -> None:
        """Remove what belongs to no job: an upload that broke off when a server was killed."""
        known = {record.id for record in self.store.all()}
        for path in self._folder.iterdir():
            if path.name not in known:
                _remove(path)

    def stop(self) -> None:
        """End what is going on."""
        self.is_stopping.set()
        self.added.set()
        with self._lock:
            running = [process for each in self._processes.values() for process in each]
        for process in running:
            process.kill()

    def close(self) -> None:
        """Let another server have the folder."""
        self.store.close()
        os.close(self._held)

    def folder_of(self, job_id: str) -> Path:
        """Return the folder of a job."""
        return self._folder / job_id

    @contextlib.contextmanager
    def arriving(self, announced_bytes: int) -> Iterator[tuple[str, Path, int]]:
        """Make the folder of a job that is being uploaded; it goes again unless it is added.

        Parameters
        ----------
        announced_bytes
            How large the upload says that it is, or may be.

        Yields
        ------
        job_id : str
        folder : pathlib.Path
        most_bytes : int
            How large the file may be.

        Raises
        ------
        FullError
            If too many jobs wait.
        NoRoomError
            If there is no room for it.
        """
        job_id = secrets.token_urlsafe(16)
        with self._lock:
            waiting = sum(record.state == "queued" for record in self.store.all())
            waiting += len(self._arriving)
            if waiting >= self.limits.waiting_jobs:
                raise FullError(f"{waiting} files are waiting already: wait until some are done.")
            room = self._room_bytes()
            if announced_bytes > room:
                raise NoRoomError("There is no room left for this file: delete some jobs first.")
            self._arriving[job_id] = announced_bytes
        folder = self.folder_of(job_id)
        try:
            folder.mkdir(mode=0o700)
            yield job_id, folder, min(announced_bytes, self.limits.upload_bytes)
        finally:
            with self._lock:
                del self._arriving[job_id]
            if self.store.get(job_id) is None:
                _remove(folder)

    def _room_bytes(self) -> int:
        allowed = self.limits.storage_bytes - self.store.used_bytes()
        free = shutil.disk_usage(self._folder).free - _FREE_BYTES
        return max(0, min(allowed, free) - sum(self._arriving.values()))

    def add(self, record: Record) -> None:
        """Add a job whose file is in its folder."""
        self.store.put(record)
        self.added.set()

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
        self.tidy(record)
        return self.store.get(job_id) or record

    def delete(self, job_id: str) -> bool:
        """Delete a job and all of its files; False if there is none of that id."""
        with self._lock:
            was_there = self.store.remove(job_id)
        if was_there:
            self._kill(job_id)
            _remove(self.folder_of(job_id))
            self._job_locks.pop(job_id, None)
        return was_there

    def _kill(self, job_id: str) -> None:
        with self._lock:
            running = list(self._processes.get(job_id, ()))
        for process in running:
            process.kill()

    def order(self, record: Record, order: Order, *, unless: Path | None = None) -> None:
        """Carry out an order about a job that is done, one after the other.

        Parameters
        ----------
        record
            The job.
        order
            What to do.
        unless
            It need not be done if this file is there by then.

        Raises
        ------
        ProcessError
            If it cannot be carried out.
        FullError
            If too much is waiting.
        """
        with self._turn(), self._job_locks.setdefault(record.id, threading.Lock()):
            if unless is not None and unless.exists():
                return
            with self._tasks:
                self.carry_out(record, order, self.limits.task_s)
            self.store.change(record.id, size_bytes=folder_bytes(self.folder_of(record.id)))

    def probe(self, order: Order, folder: Path) -> Any:
        """Look what an uploaded file is, in a process of its own."""
        with self._turn(), self._probes:
            return Process(order, self._bounds(folder, _PROBE_S)).run()

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._waiting_tasks.acquire(blocking=False):
            raise FullError("Too much is going on at once: try again in a moment.")
        try:
            yield
        finally:
            self._waiting_tasks.release()

    def carry_out(
        self,
        record: Record,
        order: Order,
        time_s: float,
        on_progress: Callable[[At], None] = lambda _at: None,
    ) -> Any:
        """Carry out an order about a job, if that is still as the record says.

        Raises
        ------
        KilledError
            If the job was cancelled or deleted, or the server ends.
        ProcessError
            If it cannot be carried out.
        """
        with self._lock:
            now = self.store.get(record.id)
            if now is None or now.state != record.state or self.is_stopping.is_set():
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
            memory_bytes=self.limits.memory_bytes,
            folder=folder,
            folder_bytes=folder_bytes(folder) + self._room_bytes(),
        )

    def tidy(self, record: Record) -> None:
        """Leave of a job that came to nothing what was uploaded, unless faces are in it."""
        self.clear(record, keep=() if record.options["blur_faces"] else (record.source,))
        self.store.change(record.id, size_bytes=folder_bytes(self.folder_of(record.id)))

    def clear(self, record: Record, *, keep: tuple[str, ...]) -> None:
        """Remove a job's files but some."""
        with contextlib.suppress(FileNotFoundError):  # it has just been deleted
            for path in self.folder_of(record.id).iterdir():
                if path.name not in keep:
                    path.unlink(missing_ok=True)


def _hold(folder: Path) -> int:
    """Make a folder that only its owner can read, and claim it; return what must be closed."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / "jobs").mkdir(exist_ok=True, mode=0o700)
        # What is in there is nobody else's business, also where the folder was there before.
        os.close(os.open(folder / "jobs.sqlite", os.O_RDWR | os.O_CREAT, 0o600))
        held = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise KinetraceError(
            f"cannot use the folder {folder}: {error.strerror}; name another --folder"
        ) from error
    if not _try_lock(held, 0):
        os.close(held)
        raise KinetraceError(
            f"another server uses {folder}: stop that one, or name another --folder"
        )
    return held


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
