"""Reading and writing that end whole or not at all, and whose failures say what to do next.

`reading`, `replacing` and `replacing_text` are what a file format of your own needs.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from kinetrace.errors import FormatError, OutputError, SourceError

_ADVICE = {
    errno.ENOSPC: "no space left on the device; free some, or write to another one",
    errno.EDQUOT: "the disk quota is used up; free some space, or write to another device",
    errno.EFBIG: "the file grows larger than the system allows; write to another device",
    errno.EACCES: "no permission to write there; choose another folder",
    errno.EPERM: "no permission to write there; choose another folder",
    errno.EROFS: "that device is read-only; choose another folder",
    errno.EISDIR: "that is a directory; name a file",
    errno.ENOENT: "its folder does not exist; make the folder first",
    errno.ENOTDIR: "a part of its path is a file, not a folder; choose another folder",
    errno.ENAMETOOLONG: "that name is too long; choose a shorter one",
}


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file under a temporary name and move it into place when it is whole.

    Parameters
    ----------
    path
        Where the file ends up. What is there stays as it is until the body has succeeded. A
        symbolic link is followed, as opening it for writing would.

    Yields
    ------
    Path
        A name in the same folder that nothing has yet. It is removed if the body fails.

    Raises
    ------
    OutputError
        For an OSError of the body or of the move, and, before the body runs, if `path` is
        something that a file cannot take the place of.
    """
    with writing(path):
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if target.exists() and not target.is_file():
            raise OutputError(f"cannot write {path}: that is a device or a pipe; name a file")
        temporary = make_temporary_name(target)
        try:
            yield temporary
            temporary.replace(target)
        except OutputError as error:
            # Whoever reads the error asked for `path`, and the temporary name is gone by then.
            raise OutputError(str(error).replace(str(temporary), str(path))) from error
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_text(path: Path, *, errors: str = "backslashreplace") -> Iterator[TextIO]:
    """Write a text file as `replacing` does: UTF-8, with line feeds as they are written.

    Parameters
    ----------
    path
        Where the file ends up.
    errors
        What becomes of a character that UTF-8 has no code for, as of `open`.

    Yields
    ------
    TextIO
        To be written to.

    Raises
    ------
    OutputError
        As of `replacing`.
    """
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", errors=errors, newline="\n") as file,
    ):
        yield file


def make_temporary_name(path: Path) -> Path:
    """Return a name beside `path` that nothing has yet, and that tells what it is for."""
    return path.with_name(f"{_temporary_prefix(path)}{secrets.token_hex(4)}.tmp")


def remove_leftovers(path: Path) -> None:
    """Remove what processes that were killed while they wrote `path` have left beside it.

    Only for whoever can be sure that no other process is writing `path` now.

    Raises
    ------
    OutputError
        If something cannot be removed.
    """
    with writing(path):
        target = Path(os.path.realpath(path))
        for leftover in target.parent.glob(f"{_temporary_prefix(target)}*.tmp"):
            if leftover.is_dir():
                shutil.rmtree(leftover)
            else:
                leftover.unlink(missing_ok=True)


def _temporary_prefix(path: Path) -> str:
    # A hash, for the name itself may already be as long as a name can be.
    return f".kinetrace-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}-"


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError of the body into an OutputError that names `path` and what to do."""
    try:
        yield
    except OSError as error:
        reason = _ADVICE.get(error.errno or 0) or error.strerror or str(error)
        raise OutputError(f"cannot write {path}: {reason}") from error


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn an OSError of the body into a SourceError, and name `path` in its FormatErrors."""
    try:
        yield
    except FileNotFoundError as error:
        raise SourceError(f"cannot read {path}: there is no such file") from error
    except IsADirectoryError as error:
        raise SourceError(f"cannot read {path}: that is a directory; name a file") from error
    except PermissionError as error:
        raise SourceError(f"cannot read {path}: no permission; ask its owner") from error
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror or error}") from error
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error.__cause__


class Appender:
    """A text file (UTF-8) that grows by whole pieces.

    Each piece is handed to the operating system before `append` returns, so that a process that
    is killed loses nothing that it had appended. A piece that cannot be written whole is taken
    back, as far as the device lets it.

    Parameters
    ----------
    path
        What is there is overwritten.
    first
        The first piece.

    Raises
    ------
    OutputError
        If the file cannot be made, or a piece cannot be written.
    """

    def __init__(self, path: Path, first: str) -> None:
        self._path = path
        with writing(path):
            self._file = path.open("wb", buffering=0)
        self._size = 0
        try:
            self.append(first)
        except OutputError:
            self._file.close()
            raise

    def append(self, text: str) -> None:
        """Write one piece; a character that UTF-8 has no code for is written as an escape."""
        data = memoryview(text.encode("utf-8", errors="backslashreplace"))
        total = len(data)
        with writing(self._path):
            try:
                while data:
                    # A raw write may take only a part: a disk that is nearly full, for one.
                    data = data[self._file.write(data) or 0 :]
            except OSError:
                with contextlib.suppress(OSError):
                    self._file.truncate(self._size)
                raise
        self._size += total

    def close(self) -> None:
        """End the file. Closing twice is fine."""
        with writing(self._path):
            self._file.close()
