"""Whether a source is still the one that it was, without reading all of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kinetrace.frames.sources import Source
from kinetrace.jobs import Job

# Both ends of a film tell it from another one: they hold its index, which says where each frame is.
_END_BYTES = 1 << 20


def identify(job: Job) -> dict[str, Any]:
    """Return what tells a job's source from what may take its place later.

    Returns
    -------
    dict
        ``path``; for a file also ``size_bytes``, ``modified_ns`` and ``ends_sha256``, the hash of
        its first and last megabyte; for several images ``files``, how many, and ``size_bytes``.
        An address, a camera, and what cannot be read, have a path only.
    """
    source = job.source
    if isinstance(source, list):
        return {"path": job.name, "files": len(source), "size_bytes": size_of(source)}
    if not isinstance(source, Path):
        return {"path": str(source)}
    identity: dict[str, Any] = {"path": str(source.absolute())}
    try:
        status = source.stat()
        identity |= {"size_bytes": status.st_size, "modified_ns": status.st_mtime_ns}
        identity["ends_sha256"] = _hash_of_ends(source)
    except OSError:
        pass  # the job itself says what is wrong
    return identity


def is_same(job: Job, known: Mapping[str, Any]) -> bool:
    """Tell whether a job's source is what `identify` has seen, wherever it lies by now."""
    source = job.source
    if isinstance(source, Path):
        try:
            status = source.stat()
        except OSError:
            return "size_bytes" not in known
        if status.st_size != known.get("size_bytes"):
            return False
        if status.st_mtime_ns == known.get("modified_ns"):
            return True
    now = identify(job)
    return all(now.get(name) == known.get(name) for name in ("files", "size_bytes", "ends_sha256"))


def size_of(source: Source | list[Path]) -> int:
    """Return the size in bytes of the files, 0 for what is none."""
    paths = source if isinstance(source, list) else [source]
    return sum(_size_of(path) for path in paths if isinstance(path, Path))


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _hash_of_ends(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        digest.update(file.read(_END_BYTES))
        file.seek(max(_END_BYTES, os.fstat(file.fileno()).st_size - _END_BYTES))
        digest.update(file.read(_END_BYTES))
    return digest.hexdigest()
