"""The jobs that there are: one SQLite file, which outlives the server."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from kinetrace.errors import KinetraceError

State: TypeAlias = Literal["queued", "running", "done", "failed", "cancelled"]
Kind: TypeAlias = Literal["video", "image"]

STATES: tuple[State, ...] = get_args(State)

_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Record:
    """What is kept of a job.

    Attributes
    ----------
    id
        Its name in addresses and folders; nobody can guess it.
    name
        What the file was called where it came from; for people, never for paths.
    source, media
        Names of the files in the job's folder: as uploaded ("" once it is blurred), and as a
        browser plays it ("" until it is there).
    options, probed
        What was asked for, and what the file is.
    error, problem
        Why it failed; what was wrong with a source of which only a part could be read.
    people, mean_score, size_bytes, corrected
        What came of it.
    attempts
        How many times it was begun and the server ended in the middle.
    """

    id: str
    name: str
    kind: Kind
    created_utc: str
    source: str
    options: Mapping[str, Any]
    probed: Mapping[str, Any]
    state: State = "queued"
    media: str = ""
    error: str | None = None
    problem: str | None = None
    people: int | None = None
    mean_score: float | None = None
    size_bytes: int = 0
    corrected: bool = False
    attempts: int = 0


_FIELDS = tuple(each.name for each in dataclasses.fields(Record))
_JSON = ("options", "probed")
_PUT = "INSERT OR REPLACE INTO jobs VALUES (" + ", ".join("?" for _ in _FIELDS) + ")"  # noqa: S608


@dataclass
class Store:
    """The jobs of a folder; may be used from any thread.

    What is deleted is overwritten in the file, and no journal keeps it.

    Raises
    ------
    KinetraceError
        If the file cannot be used.
    """

    path: Path
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        try:
            self._connection = sqlite3.connect(
                self.path, check_same_thread=False, isolation_level=None
            )
            self._prepare()
        except sqlite3.Error as error:
            raise KinetraceError(
                f"cannot use {self.path}: {error}; move it away, or name another --folder"
            ) from error

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA secure_delete = ON")
        self._connection.execute("PRAGMA journal_mode = TRUNCATE")
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version not in (0, _VERSION):
            raise KinetraceError(
                f"{self.path} was made by another version of Kinetrace: name another --folder"
            )
        columns = ", ".join(["id PRIMARY KEY", *_FIELDS[1:]])
        self._connection.execute(f"CREATE TABLE IF NOT EXISTS jobs ({columns})")
        self._connection.execute(f"PRAGMA user_version = {_VERSION}")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def put(self, record: Record) -> None:
        """Add a job."""
        with self._lock:
            self._put(record)

    def get(self, job_id: str) -> Record | None:
        """Return a job, or None if there is none of that id."""
        with self._lock:
            return self._get(job_id)

    def all(self) -> list[Record]:
        """Return all jobs, the latest first."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT * FROM jobs ORDER BY created_utc DESC, id"
            ).fetchall()
        return [_record(row) for row in rows]

    def change(
        self, job_id: str, only_if: tuple[State, ...] = STATES, **changes: Any
    ) -> Record | None:
        """Change a job that is in one of the given states.

        Returns
        -------
        Record or None
            As it is now; None if there is no such job, or it is in another state.
        """
        with self._lock:
            record = self._get(job_id)
            if record is None or record.state not in only_if:
                return None
            record = dataclasses.replace(record, **changes)
            self._put(record)
            return record

    def remove(self, job_id: str) -> bool:
        """Forget a job; False if there is none of that id."""
        with self._lock:
            done = self._connection.execute("DELETE FROM jobs WHERE id = ?", (job_id,))
            return done.rowcount > 0

    def next_queued(self) -> Record | None:
        """Return the job that waits longest."""
        with self._lock:
            row = self._connection.execute(
                "SELECT * FROM jobs WHERE state = 'queued' ORDER BY created_utc, id LIMIT 1"
            ).fetchone()
        return None if row is None else _record(row)

    def used_bytes(self) -> int:
        """Return how much all jobs take."""
        with self._lock:
            (total,) = self._connection.execute("SELECT SUM(size_bytes) FROM jobs").fetchone()
        return int(total or 0)

    def _get(self, job_id: str) -> Record | None:
        row = self._connection.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
        return None if row is None else _record(row)

    def _put(self, record: Record) -> None:
        values = [getattr(record, name) for name in _FIELDS]
        texts = [
            json.dumps(value) if name in _JSON else value
            for name, value in zip(_FIELDS, values, strict=True)
        ]
        self._connection.execute(_PUT, texts)


def _record(row: tuple[Any, ...]) -> Record:
    values = dict(zip(_FIELDS, row, strict=True))
    values |= {name: json.loads(values[name]) for name in _JSON}
    values["corrected"] = bool(values["corrected"])
    return Record(**values)
