"""How a run of many jobs is shown: a bar for each that is under way, and lines for what is over."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kinetrace.cli._show import summary

if TYPE_CHECKING:
    from kinetrace.batch import Ended, Event, Result, Settings
    from kinetrace.jobs import Job, Wanted


def work(
    inputs: Sequence[str],
    output: str | None,
    wanted: Wanted,
    settings: Settings,
    *,
    workers: int | Literal["auto"] | None,
    cluster: str | None,
    split_s: float | None,
    overwrite: bool,
    retry: bool,
    quiet: bool,
) -> list[Result]:
    """Do what is missing of what the inputs ask for, here or on a cluster, and show it."""
    from kinetrace.batch import run_all
    from kinetrace.machine import choose_workers

    jobs = _plan(inputs, output, wanted, on_cluster=cluster is not None)
    with shown(jobs, quiet=quiet) as on_event:
        if cluster is not None:
            from kinetrace.batch.cluster import run_all_on_cluster

            return run_all_on_cluster(
                jobs,
                settings,
                address=cluster,
                workers=None if workers == "auto" else workers,
                split_s=split_s,
                overwrite=overwrite,
                retry=retry,
                on_event=on_event,
            )
        return run_all(
            jobs,
            settings,
            workers=choose_workers(len(jobs)) if workers == "auto" else workers,
            overwrite=overwrite,
            retry=retry,
            # One input's table says itself how it was made.
            record=len(jobs) > 1 or workers is not None,
            on_event=on_event,
        )


def _plan(
    inputs: Sequence[str], output: str | None, wanted: Wanted, *, on_cluster: bool
) -> Sequence[Job]:
    """List the jobs.

    Raises
    ------
    ValueError
        If results are to go to an address, but nothing is there to send them.
    """
    from kinetrace.batch.locations import is_remote

    far = [text for text in (*inputs, output or "") if is_remote(text)]
    if far and on_cluster:
        from kinetrace.batch.locations_jobs import plan as plan_far

        return plan_far(inputs, output, wanted)
    if output is not None and is_remote(output):
        raise ValueError(f"only a cluster writes to an address like {output}: give --cluster auto")
    from kinetrace.jobs import plan

    return plan(inputs, None if output is None else Path(output), wanted)


def show_end(event: Ended, *, quiet: bool, is_only: bool) -> None:
    """Print what came of a job."""
    job, result = event.job, event.result
    if result.outcome is not None and not quiet:
        print("\n".join(summary(job, result.outcome)))
    if result.state in ("problem", "failed", "set-aside"):
        print(f"kinetrace: error: {result.error}", file=sys.stderr)
    elif result.error:  # it is there, but not as it would be made now
        print(f"kinetrace: {result.error}", file=sys.stderr)
    elif result.state == "busy" and not quiet:
        print(f"{job.name}: another run is at it")
    elif result.state == "there" and is_only and not quiet:
        print(f"{job.name}: {job.table} is there already (--overwrite redoes it)")


def conclude(results: Sequence[Result], *, quiet: bool) -> int:
    """Print the last line; return the exit code, 1 if anything was not done as a whole."""
    states = Counter(result.state for result in results)
    wrong = states["problem"] + states["failed"] + states["set-aside"]
    if not quiet and len(results) > 1:
        others = f", {states['busy']} done by another run" if states["busy"] else ""
        print(
            f"{len(results)} inputs: {states['done']} done, {states['there']} done before{others}, "
            f"{wrong} with errors"
        )
    return 1 if wrong else 0


@contextmanager
def shown(jobs: Sequence[Job], *, quiet: bool) -> Iterator[Callable[[Event], None]]:
    """Yield what is to be called with each event of a run."""
    from kinetrace.batch import Ended, Note

    def show(event: Event) -> None:
        if isinstance(event, Ended):
            show_end(event, quiet=quiet, is_only=len(jobs) == 1)
        elif isinstance(event, Note):
            print(f"kinetrace: {event.text}", file=sys.stderr)

    if quiet or not sys.stderr.isatty():
        yield show
        return
    with _bars(len(jobs)) as move:

        def show_and_move(event: Event) -> None:
            move(event)
            show(event)

        yield show_and_move


@contextmanager
def _bars(total: int) -> Iterator[Callable[[Event], None]]:
    from rich import progress
    from rich.console import Console

    from kinetrace.batch import Ended, Progress, Started

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TextColumn("{task.completed}{task.fields[unit]}"),
        progress.TimeRemainingColumn(),
    )
    tasks: dict[object, progress.TaskID] = {}

    def move(event: Event) -> None:
        if isinstance(event, Started):
            name = Path(event.job.name).name
            tasks[event.job.table] = bar.add_task(name, total=None, unit=" frames")
        elif isinstance(event, Progress):
            verb = "drawing " if event.stage == "draw" else ""
            bar.update(
                tasks[event.job.table],
                description=verb + Path(event.job.name).name,
                completed=event.frames_done,
                total=event.frames_expected and max(event.frames_expected, event.frames_done),
            )
        elif isinstance(event, Ended):
            if event.job.table in tasks:
                bar.remove_task(tasks.pop(event.job.table))
            bar.update(everything, advance=1)

    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        everything = bar.add_task("all", total=total, unit=f" of {total}", visible=total > 1)
        yield move
