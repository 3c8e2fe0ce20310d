"""Films and results that lie at addresses (``s3://``, ``gs://``, any that fsspec knows).

What is there under its own name is whole: a file is sent under a temporary name, which is then
moved. ``http://`` and ``rtsp://`` are no such addresses: films there are read directly.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from kinetrace import jobs
from kinetrace.errors import (
    KinetraceError,
    MissingExtraError,
    OutputError,
    PluginError,
    SourceError,
)
from kinetrace.frames.images import SUFFIXES as IMAGE_SUFFIXES
from kinetrace.frames.images import natural_order
from kinetrace.jobs import VIDEO_SUFFIXES

# What FFmpeg reads by itself, live or without an end as it may be.
_STREAMS = frozenset(
    {"http", "https", "rtsp", "rtsps", "rtmp", "rtmps", "rtp", "srt", "tcp", "udp"}
)

_CHUNK_BYTES = 1 << 20
# Left free on the disk beside a copied film, for the results.
_SPARE_BYTES = 256 << 20


def is_remote(location: str | Path) -> bool:
    """Tell whether a name is an address that films are fetched from, or results sent to."""
    scheme, found, _ = str(location).partition("://")
    return bool(found) and scheme.split("::")[-1].lower() not in _STREAMS


class Address(str):
    """An address, or a path, as text that has what is used of a `Path`."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The last part, a file's name."""
        return self.rpartition("://")[2].rpartition("/")[2]

    @property
    def parent(self) -> Address:
        """What it lies in."""
        return Address(self.rpartition("/")[0])

    def __truediv__(self, name: str) -> Address:
        """Return what lies in it."""
        return Address(f"{self}/{name}")

    def exists(self) -> bool:
        """Tell whether there is such a file."""
        return exists(self)


def find_sources(text: str) -> list[Address]:
    """List what an address, a folder or a glob names, ``clip9`` before ``clip10``.

    Raises
    ------
    SourceError
        If it names no image and no video.
    MissingExtraError, PluginError
        If fsspec, or what it needs for such an address, is not installed.
    """
    if not is_remote(text):
        return [Address(source) for source in jobs.expand(text)]
    system, path = _system(text)
    with _failing_as(SourceError, f"cannot read {text}"):
        if any(c in path for c in "*?["):
            found = system.glob(path)
        elif system.isdir(path):
            found = system.ls(path, detail=False)
        else:
            return [Address(text)]
        found = [p for p in found if _is_input(p)]
    if not found:
        raise SourceError(f"there is no image and no video at {text}")
    return [Address(system.unstrip_protocol(p)) for p in sorted(found, key=_order)]


def _order(path: str) -> tuple[str, tuple[list[int | str], str]]:
    return path.rpartition("/")[0], natural_order(Path(path))


def _is_input(path: str) -> bool:
    name = PurePosixPath(Address(path).name)
    return name.suffix.lower() in (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES) and not name.stem.endswith(
        jobs.RESULT_ENDINGS
    )


def exists(location: str) -> bool:
    """Tell whether there is a file at an address or path.

    Raises
    ------
    SourceError
        If that cannot be told.
    MissingExtraError, PluginError
        If fsspec, or what it needs for such an address, is not installed.
    """
    system, path = _system(location)
    with _failing_as(SourceError, f"cannot look for {location}"):
        return bool(system.exists(path))


def read_all(folder: Address, suffix: str) -> list[bytes]:
    """Read all files of a folder that end alike; none if there is no such folder.

    Raises
    ------
    SourceError
        If one cannot be read.
    """
    system, path = _system(folder)
    with _failing_as(SourceError, f"cannot read {folder}"):
        # Stores with a connection pool read many at once.
        found = system.glob(f"{path}/*{suffix}")
        return list(system.cat(found).values()) if found else []


def fetch(source: str, folder: Path) -> Path:
    """Copy a file to this machine.

    Parameters
    ----------
    source
        Its address.
    folder
        Where the copy goes; it keeps its name.

    Raises
    ------
    SourceError
        If it cannot be read, or not as a whole.
    OutputError
        If the disk has no room for it.
    """
    system, path = _system(source)
    target = folder / Address(source).name
    with _failing_as(SourceError, f"cannot read {source}"):
        size = system.size(path)
    free = shutil.disk_usage(folder).free
    if size is not None and size + _SPARE_BYTES > free:
        raise OutputError(
            f"no room to copy {source} ({size / 1e9:.1f} GB) to {folder}, where "
            f"{free / 1e9:.1f} GB are free: set TMPDIR to a folder on a larger disk"
        )
    with (
        _failing_as(SourceError, f"cannot read {source}"),
        system.open(path, "rb") as remote,
        target.open("wb") as local,
    ):
        shutil.copyfileobj(remote, local, _CHUNK_BYTES)
    if size is not None and target.stat().st_size != size:
        raise SourceError(f"only {target.stat().st_size} of {size} bytes of {source} could be read")
    return target


def publish(path: Path, location: str) -> None:
    """Send a file to an address, where it appears at once as a whole, in place of what is there.

    Raises
    ------
    OutputError
        If that fails; then what was there stays, and nothing else is left there.
    """
    system, target = _system(location)
    folder, _, name = target.rpartition("/")
    aside = folder if folder.endswith("/.kinetrace") else f"{folder}/.kinetrace"
    temporary = f"{aside}/{name}-{secrets.token_hex(8)}.tmp"
    with _failing_as(OutputError, f"cannot write {location}"):
        try:
            # A rename does not make folders; in an object store this does nothing.
            system.makedirs(aside, exist_ok=True)
            system.put_file(str(path), temporary)
            if system.size(temporary) != path.stat().st_size:
                raise OutputError(f"cannot write {location}: it did not arrive as a whole")
            system.mv(temporary, target)
        except BaseException:
            with contextlib.suppress(Exception):
                system.rm_file(temporary)
            raise


def fingerprint(source: Address) -> dict[str, Any]:
    """Return what tells a file from another one that takes its place; nothing if it is not there.

    Returns
    -------
    dict
        ``stored_bytes``, and ``version``: a hash of what its store says of it (ETag, time, ...).
    """
    try:
        system, path = _system(source)
        return {"stored_bytes": system.size(path), "version": str(system.ukey(path))}
    except Exception:  # noqa: BLE001 - the job itself says what is wrong
        return {}


def _system(location: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path in it."""
    try:
        import fsspec
    except ImportError:
        raise MissingExtraError(f"fsspec, which reads {location},", "cluster") from None
    try:
        system, path = fsspec.core.url_to_fs(location)
    except (ImportError, ValueError) as error:  # their texts say what to install, or what is wrong
        raise PluginError(f"cannot use {location}: {error}") from error
    except Exception as error:
        raise SourceError(f"cannot use {location}: {_reason(error)}") from error
    return system, str(path)


@contextlib.contextmanager
def _failing_as(kind: type[KinetraceError], what: str) -> Iterator[None]:
    """Turn what a file system raises into an error of ours.

    Each has a package of its own, with errors of its own, and they have no common class.
    """
    try:
        yield
    except KinetraceError:
        raise
    except FileNotFoundError as error:
        raise kind(f"{what}: there is no such file or folder") from error
    except Exception as error:
        raise kind(f"{what}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
