"""What is known of each job before it is done, and what is written down after."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from kinetrace.batch.identity import identify, is_same
from kinetrace.batch.manifest import Manifest, Record
from kinetrace.batch.settings import Settings, differences
from kinetrace.batch.task import Result, State
from kinetrace.files import writing
from kinetrace.jobs import Job

# After so many failures in a row that may be the source's fault it is set aside.
MOST_TRIES = 2


class Ledger:
    """The manifests of all the folders that a run writes to.

    Parameters
    ----------
    settings
        Of the run.
    """

    def __init__(self, settings: Settings) -> None:
        self._digest, self._parameters = settings.digest(), settings.parameters()
        self._manifests: dict[Path, Manifest] = {}

    def verdict(self, job: Job, *, retry: bool = False) -> Result | None:
        """Return how a job ends without being done; None if it is to be done.

        What was made with other settings, or from what has changed since, is left as it is, and
        the result says so. So is a source that has been set aside, unless it or the settings have
        changed, or `retry` is set.

        Raises
        ------
        SourceError
            If the manifest cannot be read.
        """
        records = self._records(job)
        made = next((record for record in reversed(records) if record.is_success), None)
        if made is not None and job.table.exists():
            why = self._what_differs(job, made)
            if why:
                told = f"{job.table} {why}; --overwrite makes it anew"
                return Result(state="there", error=told)
        if job.is_done:
            return Result(state="there")
        last = records[-1] if records else None
        if last is None or last.outcome != "set-aside" or retry or not self._is_alike(job, last):
            return None
        told = f"{job.name} was set aside after {last.attempt} tries: {last.error}"
        return Result(
            state="set-aside",
            error=f"{told} (--retry tries it again)",
            error_kind=last.error_kind,
            attempt=last.attempt,
        )

    def settle(self, job: Job, result: Result) -> Result:
        """Write down how a job went; return it with its attempt, and set aside if need be.

        Raises
        ------
        OutputError
            If the manifest cannot be written; `settled` says what would have been.
        """
        result = self.settled(job, result)
        if (
            result.state in ("done", "problem", "failed", "set-aside")
            and not result.is_fault_of_all
        ):
            if result.outcome is not None:
                _sync(job)
            self._manifest(job).append(self._record(job, result))
        return result

    def settled(self, job: Job, result: Result) -> Result:
        """Return a result with its attempt; a failure is set aside if it was one too many."""
        tries = 1 + sum(1 for _ in self._failures(job))
        if result.state != "failed" or not result.is_fault_of_source:
            return dataclasses.replace(result, attempt=tries)
        state: State = "set-aside" if tries >= MOST_TRIES else "failed"
        return dataclasses.replace(result, attempt=tries, state=state)

    def _failures(self, job: Job) -> Iterator[Record]:
        """Yield the failures since the last success, of these settings and this source."""
        since = takewhile(lambda record: not record.is_success, reversed(self._records(job)))
        return (r for r in since if r.is_fault_of_source and self._is_alike(job, r))

    def _what_differs(self, job: Job, made: Record) -> str:
        if made.settings != self._digest:
            how = differences(made.parameters, self._parameters) or "a file that they name"
            return f"was made with other settings ({how})"
        if not is_same(job, made.source):
            return f"was made from another {job.name}, which has changed since"
        return ""

    def _is_alike(self, job: Job, record: Record) -> bool:
        return record.settings == self._digest and is_same(job, record.source)

    def _record(self, job: Job, result: Result) -> Record:
        outcome = result.outcome
        folder = job.table.parent
        outputs = {"table": job.table, "overlay": job.overlay, "sheet": job.sheet}
        assert result.state in ("done", "problem", "failed", "set-aside")
        return Record(
            outcome=result.state,
            source=identify(job),
            outputs={
                name: path.name if path.parent == folder else str(path.absolute())
                for name, path in outputs.items()
                if path is not None
            },
            settings=self._digest,
            parameters=self._parameters,
            weights={} if outcome is None else _weights(outcome.log),
            versions=result.versions,
            started_utc=result.started_utc,
            ended_utc=result.ended_utc,
            took_s=0.0 if outcome is None else round(outcome.took_s, 3),
            frames=0 if outcome is None else outcome.frames,
            attempt=result.attempt,
            is_fault_of_source=result.is_fault_of_source,
            error=result.error,
            error_kind=result.error_kind,
            details=result.details,
        )

    def _records(self, job: Job) -> list[Record]:
        return self._manifest(job).of(job.table.name)

    def _manifest(self, job: Job) -> Manifest:
        folder = job.table.parent
        return self._manifests.setdefault(folder, Manifest(folder))


def _sync(job: Job) -> None:
    """Have the outputs on the disk before the manifest says that they are there."""
    for path in (job.table, job.overlay, job.sheet):
        if path is None:
            continue
        with writing(path), path.open("rb+") as file:
            os.fsync(file.fileno())


def _weights(log: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Gather the hashes that backend and detector have put into the log."""
    found: dict[str, str] = {}

    def gather(told: Mapping[str, Any]) -> None:
        for name, value in told.items():
            if name == "sha256" and isinstance(value, Mapping):
                found.update(value)
            elif isinstance(value, Mapping):
                gather(value)

    for entry in log:
        gather(entry)
    return found
