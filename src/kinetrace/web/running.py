"""The thread that does the jobs, one after the other, each in a process that may be killed."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from kinetrace.web.jobs import Jobs
from kinetrace.web.orders import Analysed, At
from kinetrace.web.process import KilledError, ProcessError, folder_bytes
from kinetrace.web.settings import order_of
from kinetrace.web.store import Record
from kinetrace.web.wording import public

_log = logging.getLogger(__name__)

_MOST_ATTEMPTS = 2
_LOOK_FOR_OLD_S = 600.0


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


class Runner:
    """Does the jobs that are queued, and deletes those that are old.

    Parameters
    ----------
    jobs
        All of them.
    """

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._progress: dict[str, Progress] = {}
        self._thread = threading.Thread(target=self._run, name="kinetrace-jobs", daemon=True)

    def start(self) -> None:
        """Take up what an earlier server has left, and begin."""
        self._jobs.remove_strangers()
        for record in self._jobs.store.all():
            if record.state != "running":
                continue
            if record.attempts >= _MOST_ATTEMPTS:
                self._fail(record, "The server has ended twice while it worked on this file.")
            else:
                self._jobs.store.change(record.id, state="queued")
        self._thread.start()

    def stop(self) -> None:
        """End; a job under way is done from its beginning next time."""
        self._jobs.stop()
        if self._thread.is_alive():
            self._thread.join()
        self._jobs.close()

    def progress(self, job_id: str) -> Progress | None:
        """Return how far a job is, if it is under way."""
        return self._progress.get(job_id)

    def _run(self) -> None:
        looked_s = -_LOOK_FOR_OLD_S
        while not self._jobs.is_stopping.is_set():
            if time.monotonic() - looked_s >= _LOOK_FOR_OLD_S:
                self._delete_old()
                looked_s = time.monotonic()
            self._jobs.added.clear()
            record = self._jobs.store.next_queued()
            if record is not None:
                self._do(record)
            elif not self._jobs.is_stopping.is_set():
                self._jobs.added.wait(_LOOK_FOR_OLD_S)

    def _do(self, record: Record) -> None:
        jobs, queued = self._jobs, record
        begun = jobs.store.change(
            record.id, ("queued",), state="running", attempts=record.attempts + 1
        )
        if begun is None:
            return
        try:
            jobs.clear(begun, keep=(begun.source,))
            done = jobs.carry_out(
                begun,
                order_of(begun, jobs.folder_of(begun.id)),
                jobs.limits.job_s,
                lambda at: self._note(begun.id, at),
            )
        except KilledError:
            if jobs.is_stopping.is_set():
                jobs.store.change(begun.id, ("running",), state="queued", attempts=queued.attempts)
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
        folder = self._jobs.folder_of(record.id)
        source = record.source
        if record.options["blur_faces"]:
            (folder / source).unlink(missing_ok=True)
            source = ""
        finished = self._jobs.store.change(
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
        if finished is None:  # it was cancelled at the last moment
            self._jobs.tidy(record)

    def _fail(self, record: Record, text: str) -> None:
        file = self._jobs.folder_of(record.id) / record.source
        told = public(text, file=file, name=record.name)
        self._jobs.store.change(record.id, ("running",), state="failed", error=told)
        self._jobs.tidy(record)

    def _delete_old(self) -> None:
        keep_days = self._jobs.limits.keep_days
        if not keep_days:
            return
        oldest = datetime.now(timezone.utc) - timedelta(days=keep_days)
        for record in self._jobs.store.all():
            is_old = datetime.fromisoformat(record.created_utc) < oldest
            if is_old and record.state not in ("queued", "running"):
                self._jobs.delete(record.id)
