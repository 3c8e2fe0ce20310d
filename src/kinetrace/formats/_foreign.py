"""Files that another package writes, whose own failures tell too little."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from kinetrace.errors import FormatError, OutputError


@contextlib.contextmanager
def understood(what: str) -> Iterator[None]:
    """Turn what a package raises that reads a file into a FormatError: it is no `what`."""
    try:
        yield
    except (OSError, ValueError, LookupError, RuntimeError, TypeError) as error:
        raise FormatError(f"it is no {what}, or it is damaged: {_first_line(error)}") from error


def bytes_written(write: Callable[[str], object], suffix: str) -> bytes:
    """Return what a function writes into the file that it is given.

    Parameters
    ----------
    write
        Is called with the name of a file that does not exist yet.
    suffix
        The ending of that name; some packages insist on theirs.

    Raises
    ------
    OutputError
        If it cannot write there.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="kinetrace-") as folder:
            path = Path(folder) / f"file{suffix}"
            write(str(path))
            return path.read_bytes()
    # HDF5 raises a RuntimeError where it cannot end its file.
    except (OSError, RuntimeError) as error:
        raise OutputError(
            f"could not write into {tempfile.gettempdir()} ({_first_line(error)}): free space "
            "there, or set TMPDIR to another folder"
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
