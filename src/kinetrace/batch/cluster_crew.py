"""The workers of a cluster, seen from the machine that was asked for the work: who does what."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kinetrace import __version__
from kinetrace.batch._supervisor import Run, expected_length
from kinetrace.batch.cluster_checks import beside_results, check
from kinetrace.batch.cluster_members import Member
from kinetrace.batch.cluster_pieces import Films
from kinetrace.batch.cluster_ray import Cluster
from kinetrace.batch.cluster_worker import (
    Done,
    Hello,
    Piece,
    Report,
    Whole,
    clear_copies,
)
from kinetrace.batch.events import Note, Progress, Started
from kinetrace.batch.settings import Settings
from kinetrace.batch.task import Result, now_utc
from kinetrace.errors import KinetraceError
from kinetrace.jobs import Job

# So many workers in a row may die without having come to a job: more will fare no better.
_MOST_STILLBORN = 3
# So often a job is begun anew because its machine has gone, which is no fault of its own.
_MOST_MACHINES = 5

_TURN_S = 0.25
_GRACE_S = 10.0
_PATIENCE_S = 20.0


class Crew:
    """Has jobs done by the workers of a cluster.

    Parameters
    ----------
    jobs, settings, workers, split_s, overwrite
        See `kinetrace.batch.cluster.run_all_on_cluster`.
    run
        Takes what comes.
    cluster
        Where the workers are.
    run_id
        Names the run among others.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        settings: Settings,
        run: Run,
        *,
        cluster: Cluster,
        workers: int | None,
        split_s: float | None,
        overwrite: bool,
        run_id: str,
    ) -> None:
        self._jobs, self._run, self._overwrite = jobs, run, overwrite
        self._cluster, self._ray, self._run_id = cluster, cluster.ray, run_id
        # The largest comes first, lest it be the last that all wait for.
        ordered = sorted(jobs, key=expected_length, reverse=True)
        self._waiting: deque[Piece] = deque(Whole(job=job, split_s=split_s) for job in ordered)
        self._films = Films()
        self._over: set[object] = set()
        self._lost_machines: dict[object, int] = {}
        self._members: set[Member] = set()
        self._stillborn = 0
        device = settings.options.device
        self._gpus = 1 if device in ("auto", "cuda") and cluster.gpus() else 0
        self._workers = workers
        units = len(jobs) if split_s is None else cluster.cores()
        self._threads = settings.options.threads or cluster.share(min(units, workers or units))
        options = dataclasses.replace(settings.options, threads=self._threads)
        self._settings = dataclasses.replace(settings, options=options)
        # What is calibrated on the first input is calibrated once on a machine.
        self._is_alone = options.precision == "int8"
        self._token: Path | None = None
        self._begun_s = time.monotonic()
        self._is_told_to_wait = False

    def work(self) -> None:
        """Have all jobs done.

        Raises
        ------
        KinetraceError
            If the workers are not what they should be or die before they begin, or `Run.close`
            raises it.
        KeyboardInterrupt
            With what is left of the jobs under way.
        """
        try:
            with beside_results(self._jobs, self._cluster, self._run_id) as self._token:
                while self._waiting or any(m.piece is not None for m in self._members):
                    self._fill()
                    self._turn()
        except KeyboardInterrupt as error:
            left = "; ".join(self._stopped())
            raise type(error)(f"interrupted; {left}" if left else str(error)) from error
        finally:
            self._dismiss()

    def _fill(self) -> None:
        """Give the idle something to do, and take on more while there is something for them."""
        for member in self._members:
            if self._waiting and member.is_ready and member.future is None:
                self._give(member, self._waiting.popleft())
        getting_ready = sum(not member.is_ready for member in self._members)
        while getting_ready < len(self._waiting) and len(self._members) < self._most():
            self._take_on()
            getting_ready += 1

    def _most(self) -> int:
        if self._is_alone:
            return 1
        if self._workers is not None:
            return self._workers
        if self._gpus:
            return max(1, self._cluster.gpus())
        return max(1, self._cluster.cores() // self._threads)

    def _take_on(self) -> None:
        cluster, settings = self._cluster, self._settings
        member = Member(cluster, settings, run_id=self._run_id, gpus=self._gpus)
        member.greet(self._token)
        self._members.add(member)

    def _give(self, member: Member, piece: Piece) -> None:
        member.give(piece, overwrite=self._overwrite)
        if isinstance(piece, Whole):
            self._run.tell(Started(piece.job))

    def _turn(self) -> None:
        """Hear from whoever has something to say, for a short while."""
        awaited = {m.future: m for m in self._members if m.future is not None}
        asked = {m.report: m for m in self._members if m.report is not None}
        ready = self._ready(list(awaited), timeout_s=_TURN_S)
        reported = self._ready(list(asked), timeout_s=0, most=len(asked))
        for future in reported:
            self._hear_report(asked[future], future)
        for future in ready:
            self._hear(awaited[future], future)
        for member in self._members:
            if member.report is None and member.piece is not None:
                member.ask()
        self._tell_to_wait()

    def _hear_report(self, member: Member, future: Any) -> None:
        member.report = None
        with contextlib.suppress(self._ray.exceptions.RayError):  # `future` will tell of its death
            report: Report = self._ray.get(future)
            for note in report.notes:
                self._run.tell(Note(note))
            piece = member.piece
            if piece is None or report.pieces != member.pieces:
                return  # it tells of the one before
            if report.done and piece.job.table not in self._over:
                done, expected = self._films.frames(piece, report)
                self._run.tell(Progress(piece.job, report.stage, done, expected))

    def _hear(self, member: Member, future: Any) -> None:
        piece = member.piece
        try:
            value = self._ray.get(future)
        except self._ray.exceptions.RayTaskError as error:
            if piece is None:
                raise KinetraceError(f"a worker of the cluster cannot begin: {error}") from error
            value = _broken(error)
        except self._ray.exceptions.ActorUnavailableError:
            member.doubt()  # its machine may have gone, which is known only later
            return
        except self._ray.exceptions.RayError as error:
            self._bury(member, error)
            return
        if member.is_doubtful:  # it is there, but what it was at is lost
            member.is_cut_off = True
            self._bury(member, KinetraceError("the connection to it broke"))
            return
        member.future = member.piece = None
        if piece is not None:
            self._take(piece, value)
        elif isinstance(value, Hello):
            check(value, self._token)
            member.node = value.node
            member.prepare(self._jobs[0])
        elif value is None:
            member.is_ready, self._stillborn, self._is_alone = True, 0, False
        else:
            self._run.close(self._jobs[0], dataclasses.replace(value, is_fault_of_all=True))

    def _take(self, piece: Piece, done: Done) -> None:
        """Take what a worker has done; what belongs to a job that is over is let go."""
        job = piece.job
        if job.table in self._over:
            return
        if isinstance(done, Result):
            self._over.add(job.table)
            self._drop(job)
            self._run.close(job, self._run.write_down(job, done))
        else:
            self._waiting.extendleft(reversed(self._films.add(piece, done)))

    def _drop(self, job: Job) -> None:
        self._waiting = deque(p for p in self._waiting if p.job.table != job.table)

    def _bury(self, member: Member, error: Exception) -> None:
        """Deal with a death: of a machine, of one that was not ready yet, or of the job."""
        self._members.discard(member)
        member.kill()
        piece = member.piece
        if piece is None:
            self._stillborn += 1
            if "ModuleNotFoundError" in str(error) or self._stillborn >= _MOST_STILLBORN:
                raise KinetraceError(
                    "workers of the cluster die before they have loaded the model. All machines "
                    f"need the same: pip install 'kinetrace[cluster]=={__version__}', with the "
                    f"extra of the backend. The last one's words: {str(error).strip()}"
                ) from error
            return
        if piece.job.table in self._over:
            return
        lost = self._lost_machines.get(piece.job.table, 0)
        is_innocent = member.is_cut_off or member.node not in self._cluster.live_nodes()
        if is_innocent and lost < _MOST_MACHINES:
            self._lost_machines[piece.job.table] = lost + 1
            self._run.tell(Note(f"{piece.job.name}: its machine has gone; it is done on another"))
            self._waiting.appendleft(piece)
            return
        self._blame(piece)

    def _blame(self, piece: Piece) -> None:
        job = piece.job
        result = Result(
            state="failed",
            error=f"{job.name}: the process that worked on it has died, as happens when memory "
            "runs out",
            error_kind="WorkerDied",
            is_fault_of_source=True,
            ended_utc=now_utc(),
        )
        counted = self._run.write_down(job, result)
        if counted.state == "set-aside":
            self._over.add(job.table)
            self._drop(job)
            self._run.close(job, counted)
            return
        self._run.tell(Note(f"{result.error}; it is tried once more"))
        self._waiting.append(piece)

    def _tell_to_wait(self) -> None:
        is_late = time.monotonic() - self._begun_s > _PATIENCE_S
        if is_late and not self._is_told_to_wait and not any(m.node for m in self._members):
            self._is_told_to_wait = True
            cores = self._cluster.cores()
            self._run.tell(
                Note(
                    f"no worker has begun yet: the cluster has {cores} cores, and other work may "
                    f"be using them (one worker takes {self._threads})"
                )
            )

    def _stopped(self) -> Iterator[str]:
        """Have all workers end, and yield what they say is left of their jobs."""
        busy = {m.future: m for m in self._members if m.piece is not None}
        for member in busy.values():
            member.stop()
        for future in self._ready(list(busy), timeout_s=_GRACE_S, most=len(busy)):
            piece, busy[future].piece = busy[future].piece, None
            with contextlib.suppress(self._ray.exceptions.RayError):
                value = self._ray.get(future)
                if piece is None or not isinstance(value, Result):
                    continue
                if value.state == "stopped":
                    yield value.error.removeprefix("interrupted; ")
                else:  # it was quicker
                    self._run.write_down(piece.job, value)

    def _dismiss(self) -> None:
        """End all workers; what they keep on their disks is removed."""
        idle = [m.close() for m in self._members if m.piece is None and m.is_ready]
        self._ready(idle, timeout_s=_GRACE_S, most=len(idle))
        for member in self._members:
            member.kill()
        self._members.clear()
        clear_copies(self._run_id)

    def _ready(self, futures: list[Any], *, timeout_s: float, most: int = 1) -> list[Any]:
        """Wait until so many of the futures are there, or for so long; return those that are."""
        if not futures:
            return []
        ready, _ = self._ray.wait(futures, num_returns=most, timeout=timeout_s)
        return list(ready)


def _broken(error: Exception) -> Result:
    """Return the result of a bug in what a worker does."""
    return Result(
        state="failed",
        error=f"a worker of the cluster failed: {type(error).__name__}",
        error_kind=type(error).__name__,
        details=str(error),
        is_fault_of_source=True,
        ended_utc=now_utc(),
    )
