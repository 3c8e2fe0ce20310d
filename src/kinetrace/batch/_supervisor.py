"""Watching over worker processes: who does what, and what is to be done when one dies."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import queue
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from kinetrace.batch._messages import Frames, Reached, Told
from kinetrace.batch._pool import Worker
from kinetrace.batch._process import GRACE_S
from kinetrace.batch.events import Event, Note, Progress, Started
from kinetrace.batch.identity import size_of
from kinetrace.batch.settings import Settings
from kinetrace.batch.task import Result, now_utc
from kinetrace.errors import KinetraceError
from kinetrace.jobs import Job
from kinetrace.machine import count_cores

# So many workers in a row may die without having come to their job: more will fare no better.
_MOST_STILLBORN = 3


class Run(Protocol):
    """Takes what comes; see `kinetrace.batch.workers`."""

    tell: Callable[[Event], None]

    def write_down(self, job: Job, result: Result) -> Result: ...

    def close(self, job: Job, result: Result) -> None: ...


class Supervisor:
    """Has jobs done by worker processes.

    Parameters
    ----------
    jobs
        What is to be done; the largest comes first, lest it be the last that all wait for.
    settings
        Of the run.
    run
        Takes what comes.
    workers
        How many processes at most.
    overwrite
        Whether a job is done although its files are there.
    """

    def __init__(
        self, jobs: Sequence[Job], settings: Settings, run: Run, *, workers: int, overwrite: bool
    ) -> None:
        self._waiting = deque(sorted(jobs, key=expected_length, reverse=True))
        self._run, self._overwrite = run, overwrite
        self._most = min(workers, len(jobs))
        self._threads = settings.options.threads or max(1, count_cores() // self._most)
        options = dataclasses.replace(settings.options, threads=self._threads)
        self._settings = dataclasses.replace(settings, options=options)
        self._inbox: queue.Queue[tuple[Worker, Told | None]] = queue.Queue()
        self._workers: set[Worker] = set()
        self._stillborn = 0
        # What is calibrated on the first input is calibrated once, and before anybody uses it.
        self._is_alone = options.precision == "int8"
        if self._is_alone:
            self._waiting.remove(jobs[0])
            self._waiting.appendleft(jobs[0])

    def work(self) -> None:
        """Have all jobs done.

        Raises
        ------
        KinetraceError
            If workers die before they begin, or `Run.close` raises it.
        KeyboardInterrupt
            With what is left of the jobs under way.
        """
        try:
            self._fill()
            for worker, told in self._heard():
                self._hear(worker, told)
        except KeyboardInterrupt as error:
            left = "; ".join(self._stopped())
            raise type(error)(f"interrupted; {left}" if left else str(error)) from error
        except BaseException:
            for _ in self._stopped():
                pass
            raise
        finally:
            for worker in self._workers:
                worker.kill()

    def _fill(self) -> None:
        """Start workers while there is something to do for more of them."""
        while self._waiting and len(self._workers) < (1 if self._is_alone else self._most):
            worker = Worker(self._settings, self._threads, self._inbox)
            self._workers.add(worker)
            self._occupy(worker)

    def _occupy(self, worker: Worker) -> None:
        if self._waiting:
            worker.give(self._waiting.popleft(), overwrite=self._overwrite)
        else:
            worker.stop()

    def _heard(self, *, until_s: float = math.inf) -> Iterator[tuple[Worker, Told | None]]:
        """Yield what workers tell while there are any; `until_s` is a time of the clock."""
        while self._workers and time.monotonic() < until_s:
            # With a time limit, as Windows does not interrupt a wait without.
            with contextlib.suppress(queue.Empty):
                yield self._inbox.get(timeout=0.5)

    def _hear(self, worker: Worker, told: Told | None) -> None:
        job = worker.job
        if told is None:
            self._bury(worker)
        elif isinstance(told, Note):
            self._run.tell(told)
        elif job is None:
            raise RuntimeError(f"a worker without a job tells of one: {told}")
        elif isinstance(told, Frames):
            self._run.tell(Progress(job, told.stage, told.done, told.expected))
        elif isinstance(told, Reached):
            self._mark(worker, job, told)
        else:
            worker.job, worker.standing = None, "idle"
            self._run.close(job, self._run.write_down(job, told))
            self._occupy(worker)

    def _mark(self, worker: Worker, job: Job, told: Reached) -> None:
        worker.standing = told.phase
        if told.phase == "begun":
            self._run.tell(Started(job))
        elif told.phase == "working":
            self._stillborn, self._is_alone = 0, False
            self._fill()

    def _bury(self, worker: Worker) -> None:
        """Deal with a death: of one that had no more to do, of the model, or of the job."""
        self._forget(worker)
        job, cause = worker.job, worker.cause_of_death
        if job is None:
            pass
        elif worker.standing in ("given", "loading"):
            self._stillborn += 1
            if self._stillborn >= _MOST_STILLBORN:
                raise KinetraceError(
                    f"{self._stillborn} worker processes in a row have died ({cause}) before they "
                    "had loaded the model. If memory is short, use fewer --workers; without "
                    "--workers and with KINETRACE_DEBUG=1 you see what libraries say"
                )
            self._waiting.append(job)
        else:
            self._blame(job, cause)
        self._fill()

    def _forget(self, worker: Worker) -> None:
        self._workers.discard(worker)
        worker.stop()

    def _blame(self, job: Job, cause: str) -> None:
        memory = ", as happens when memory runs out" if cause == "SIGKILL" else ""
        result = Result(
            state="failed",
            error=f"{job.name}: the process that worked on it has died ({cause}{memory})",
            error_kind="WorkerDied",
            is_fault_of_source=True,
            ended_utc=now_utc(),
        )
        counted = self._run.write_down(job, result)
        if counted.state == "set-aside":
            self._run.close(job, counted)
            return
        self._run.tell(Note(f"{result.error}; it is tried once more"))
        self._waiting.append(job)

    def _stopped(self) -> Iterator[str]:
        """Have all workers end, and yield what they say is left of their jobs."""
        for worker in self._workers:
            worker.stop()
        for worker, told in self._heard(until_s=time.monotonic() + GRACE_S + 2):
            if told is None:
                self._forget(worker)
            elif isinstance(told, Result) and worker.job is not None:
                if told.state == "stopped":
                    yield told.error.removeprefix("interrupted; ")
                else:  # it was quicker
                    self._run.write_down(worker.job, told)


def expected_length(job: Job) -> tuple[bool, int]:
    """Return what jobs are ordered by; an address or a camera may go on for long."""
    return isinstance(job.source, str), size_of(job.source)
