"""What is known of jobs whose results lie at addresses: a small file a table, beside the results.

An object store cannot append to a file, so there is no one manifest. What
``kinetrace.manifest.jsonl`` tells of a table in a folder is here in
``.kinetrace/<table>.manifest.jsonl``, with the same lines, and is written anew as a whole.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from kinetrace.batch import locations
from kinetrace.batch.ledger import Ledger
from kinetrace.batch.locations import Address
from kinetrace.batch.locations_jobs import RemoteJob
from kinetrace.batch.manifest import Manifest, Record, parse_record
from kinetrace.batch.settings import Settings
from kinetrace.batch.task import Result
from kinetrace.jobs import Job

_FOLDER = ".kinetrace"
_SUFFIX = ".manifest.jsonl"


class RemoteManifest(Manifest):
    """The manifest of a folder that is an address; see `kinetrace.batch.manifest.Manifest`."""

    def __init__(self, folder: Address) -> None:
        self._folder = folder / _FOLDER
        self._by_table: dict[str, list[Record]] | None = None

    def append(self, record: Record) -> None:
        """Write a record behind those of the same table.

        Raises
        ------
        OutputError
            If it cannot be written; then what was there stays.
        """
        table = record.outputs["table"]
        lines = [json.dumps(dataclasses.asdict(each)) for each in (*self.of(table), record)]
        with tempfile.TemporaryDirectory(prefix="kinetrace-") as folder:
            path = Path(folder) / "manifest"
            path.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
            locations.publish(path, self._folder / f"{table}{_SUFFIX}")
        self._remember(record)

    def _read(self) -> Iterator[Record]:
        for data in locations.read_all(self._folder, _SUFFIX):
            yield from filter(None, map(parse_record, data.splitlines()))


class RemoteLedger(Ledger):
    """A `Ledger` that knows, beside jobs of this machine, such whose results lie elsewhere."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._remote: dict[Address, RemoteManifest] = {}

    def _manifest(self, job: Job) -> Manifest:
        if not isinstance(job, RemoteJob):
            return super()._manifest(job)
        folder = job.table.parent
        return self._remote.setdefault(folder, RemoteManifest(folder))

    def settle(self, job: Job, result: Result) -> Result:
        """Write down how a job went; see `Ledger.settle`."""
        if not isinstance(job, RemoteJob):
            return super().settle(job, result)
        result = self.settled(job, result)
        if result.state in ("done", "problem", "failed", "set-aside"):
            self._manifest(job).append(self._record(job, result))
        return result

    def _record(self, job: Job, result: Result) -> Record:
        record = super()._record(job, result)
        if not isinstance(job.source, Address):
            return record
        source = {**record.source, **locations.fingerprint(job.source)}
        return dataclasses.replace(record, source=source)

    def _what_differs(self, job: Job, made: Record) -> str:
        told = super()._what_differs(job, made)
        if told or _is_same(job, made):
            return told
        return f"was made from another {job.name}, which has changed since"

    def _is_alike(self, job: Job, record: Record) -> bool:
        return super()._is_alike(job, record) and _is_same(job, record)


def _is_same(job: Job, record: Record) -> bool:
    if not isinstance(job.source, Address):
        return True  # the ledger of files has looked
    known = record.source.get("version")
    return known is None or known == locations.fingerprint(job.source).get("version")
