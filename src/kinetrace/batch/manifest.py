"""The manifest: a line of JSON for each job that was done, or tried, in the folder of the results.

``kinetrace.manifest.jsonl`` tells of every table beside it what it was made from, with which
weights (by sha256), parameters and versions, when, and how it went. It only ever grows: the last
line that speaks of a table holds. Each line is on the disk before the next job's is written; what
a killed process leaves of a line is passed over.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import Any, Literal, TypeAlias

from kinetrace.batch._claims import lock
from kinetrace.files import reading, writing

NAME = "kinetrace.manifest.jsonl"

# The byte, far beyond the end, on which those who append wait for each other.
_APPEND_PLACE = 2**30

# done       all is there
# problem    all is there that the source, which is damaged, let be made
# failed     it could not be done
# set-aside  it has failed twice, and reruns leave it alone
RecordedState: TypeAlias = Literal["done", "problem", "failed", "set-aside"]


@dataclass(frozen=True, kw_only=True)
class Record:
    """What a line says.

    Attributes
    ----------
    outcome
        See `RecordedState`.
    source
        ``path``, and what tells whether it has changed: see `kinetrace.batch.identity`.
    outputs
        Names of the files made, in the manifest's folder: ``table``, ``overlay``, ``sheet``.
    settings
        `Settings.digest`.
    parameters
        `Settings.parameters`.
    weights
        sha256 of the model files, by their names.
    versions
        Of Kinetrace, Python, the platform and the packages that took part.
    started_utc, ended_utc, took_s
        ISO 8601, and seconds of work.
    frames
        How many were looked at.
    attempt
        How many times in a row it has been tried, this time included.
    is_fault_of_source
        Whether a failure may be the source's, and so counts towards setting the job aside.
    error, error_kind, details
        What went wrong, the name of the error's class, and a bug's traceback; "" if nothing.
    """

    outcome: RecordedState
    source: Mapping[str, Any]
    outputs: Mapping[str, str]
    settings: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    started_utc: str = ""
    ended_utc: str = ""
    took_s: float = 0.0
    frames: int = 0
    attempt: int = 1
    is_fault_of_source: bool = False
    error: str = ""
    error_kind: str = ""
    details: str = ""

    @property
    def is_success(self) -> bool:
        """Whether the outputs were made."""
        return self.outcome in ("done", "problem")


class Manifest:
    """The manifest of a folder; read once, when first asked.

    Attributes
    ----------
    path
        Where it is, or will be with the first record.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._by_table: dict[str, list[Record]] | None = None

    def of(self, table: str) -> list[Record]:
        """Return what is recorded of a table (the name of its file), the latest last.

        Raises
        ------
        SourceError
            If the manifest is there and cannot be read.
        """
        if self._by_table is None:
            self._by_table = {}
            for record in self._read():
                self._remember(record)
        return self._by_table.get(table, [])

    def append(self, record: Record) -> None:
        """Write a record; it is on the disk when this returns.

        Raises
        ------
        OutputError
            If it cannot be written; nothing of it is left then.
        """
        line = json.dumps(dataclasses.asdict(record), ensure_ascii=True) + "\n"
        with writing(self.path), self.path.open("ab+", buffering=0) as file:
            lock(file.fileno(), _APPEND_PLACE)
            _append(file, line.encode("ascii"))
        if self._by_table is not None:
            self._remember(record)

    def _remember(self, record: Record) -> None:
        assert self._by_table is not None
        self._by_table.setdefault(record.outputs.get("table", ""), []).append(record)

    def _read(self) -> Iterator[Record]:
        with reading(self.path):
            lines = self.path.read_bytes().splitlines() if self.path.exists() else []
        for line in lines:
            record = parse_record(line)
            if record is not None:
                yield record


def _append(file: FileIO, data: bytes) -> None:
    """Write a line behind the last whole one, or behind the start of one that was cut."""
    size = file.seek(0, os.SEEK_END)
    if size:
        file.seek(size - 1)
        if file.read(1) != b"\n":
            data = b"\n" + data
    try:
        while data:
            data = data[file.write(data) or 0 :]
        os.fsync(file.fileno())
    except OSError:
        file.truncate(size)
        raise


def parse_record(line: bytes) -> Record | None:
    """Return a line's record, None for what is left of a cut one, and for what is none."""
    try:
        told = json.loads(line)
    except ValueError:
        return None
    if not isinstance(told, dict) or not all(
        isinstance(told.get(name), dict) for name in ("source", "outputs")
    ):
        return None
    known = {each.name for each in dataclasses.fields(Record)}
    try:
        # A later version may say more.
        return Record(**{name: value for name, value in told.items() if name in known})
    except TypeError:
        return None
