"""Many jobs on one machine: in this process, or by several that are watched over.

The results do not depend on how many there are. A worker that dies is replaced, and what it was
at is tried once more; a source at which workers die twice is set aside, and the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kinetrace import errors
from kinetrace.batch._supervisor import Supervisor
from kinetrace.batch.events import Ended, Event, Note, Progress, Started
from kinetrace.batch.ledger import Ledger
from kinetrace.batch.settings import Settings
from kinetrace.batch.task import Result, do, release
from kinetrace.errors import OutputError
from kinetrace.jobs import Job

OnEvent = Callable[[Event], None]


def run_all(
    jobs: Sequence[Job],
    settings: Settings,
    *,
    workers: int | None = None,
    overwrite: bool = False,
    retry: bool = False,
    record: bool = True,
    on_event: OnEvent = lambda _event: None,
) -> list[Result]:
    """Do what is missing of the jobs.

    Parameters
    ----------
    jobs
        Of different tables.
    settings
        How; see `Settings`.
    workers
        How many processes, each with its own models and its share of the cores, and the largest
        source first. None works in this process, in the order given; a source that kills it ends
        the run then.
    overwrite
        Do all, whatever is there.
    retry
        Do also what has been set aside.
    record
        Write what is done into the manifest. What it tells is heeded in any case.
    on_event
        Called with what happens, in the thread of the caller.

    Returns
    -------
    list of Result
        One for each job, in their order.

    Raises
    ------
    OutputError
        If two jobs would write the same table.
    MissingExtraError, PluginError, WeightsError
        If something is missing without which no job can be done.
    KinetraceError
        If workers die before they begin.
    KeyboardInterrupt
        If it is interrupted; the text says what is left of the jobs under way.
    ValueError
        If `workers` is less than 1.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    run = ResultBook(Ledger(settings), on_event, record=record)
    todo = run.missing(jobs, overwrite=overwrite, retry=retry)
    if todo and workers is None:
        _work_here(todo, settings, run, overwrite=overwrite, claim=record)
    elif todo and workers is not None:
        Supervisor(todo, settings, run, workers=workers, overwrite=overwrite).work()
    return run.of(jobs)


def _check_tables(jobs: Sequence[Job]) -> None:
    """Raise `OutputError` if two jobs would write the same table."""
    seen: dict[object, Job] = {}
    for job in jobs:
        other = seen.setdefault(job.table, job)
        if other is not job:
            raise OutputError(
                f"{other.name} and {job.name} would both become {job.table}: "
                "write the results beside their sources, or into different folders"
            )


class ResultBook:
    """What has come of the jobs so far; written down and told as it comes."""

    def __init__(self, ledger: Ledger, on_event: OnEvent, *, record: bool = True) -> None:
        self.results: dict[object, Result] = {}
        self.tell = on_event
        self._ledger, self._record = ledger, record
        self._unwritten: set[object] = set()

    def missing(self, jobs: Sequence[Job], *, overwrite: bool, retry: bool) -> list[Job]:
        """Return the jobs that are to be done; what has come of the others is told.

        Raises
        ------
        OutputError
            If two jobs would write the same table.
        """
        _check_tables(jobs)
        return [job for job in jobs if overwrite or not self._is_settled(job, retry=retry)]

    def of(self, jobs: Sequence[Job]) -> list[Result]:
        """Return what has come of each job."""
        return [self.results[job.table] for job in jobs]

    def _is_settled(self, job: Job, *, retry: bool) -> bool:
        result = self._ledger.verdict(job, retry=retry)
        if result is not None:
            self.close(job, result)
        return result is not None

    def close(self, job: Job, result: Result) -> None:
        """Take the last word on a job; raises if the others would fail alike."""
        if result.is_fault_of_all:
            raise _error(result)
        self.results[job.table] = result
        self.tell(Ended(job, result))

    def write_down(self, job: Job, result: Result) -> Result:
        """Write a try into the manifest; return it as it counts."""
        if not self._record:
            return self._ledger.settled(job, result)
        try:
            return self._ledger.settle(job, result)
        except OutputError as error:
            folder = job.table.parent
            if folder not in self._unwritten:  # once is enough
                self._unwritten.add(folder)
                self.tell(Note(str(error)))
            return self._ledger.settled(job, result)


def _work_here(
    todo: Sequence[Job], settings: Settings, run: ResultBook, *, overwrite: bool, claim: bool
) -> None:
    try:
        for job in todo:
            run.tell(Started(job))
            result = do(
                job,
                settings,
                lambda done, expected, job=job: run.tell(  # type: ignore[misc]
                    Progress(job, "estimate", done, expected)
                ),
                on_drawn=lambda done, expected, job=job: run.tell(  # type: ignore[misc]
                    Progress(job, "draw", done, expected)
                ),
                overwrite=overwrite,
                claim=claim,
            )
            run.close(job, run.write_down(job, result))
    finally:
        release()


def _error(result: Result) -> Exception:
    """Return the error that a result tells of."""
    kind = getattr(errors, result.error_kind, None)
    if kind is not None:
        # Not by its own constructor, which may take something else than the text.
        error: Exception = kind.__new__(kind, result.error)
        return error
    if result.error_kind == "ValueError":
        return ValueError(result.error.removeprefix("ValueError: "))
    return RuntimeError(result.details)
