"""Folders of files that are a format: one file a frame."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from kinetrace.errors import OutputError, SourceError
from kinetrace.files import make_temporary_name, writing


def files_in(path: Path, pattern: str) -> list[Path]:
    """Return the files of a folder that fit a pattern, sorted by name.

    Raises
    ------
    SourceError
        If there is no such folder, it cannot be read, or it has no such file.
    """
    if not path.exists():
        raise SourceError(f"cannot read {path}: there is no such folder")
    if not path.is_dir():
        raise SourceError(f"cannot read {path}: that is a file; name its folder")
    try:
        found = sorted(file for file in path.iterdir() if file.match(pattern))
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror or error}") from error
    if not found:
        raise SourceError(f"cannot read {path}: no file in it is called {pattern}")
    return found


@contextlib.contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Fill a folder under a temporary name and move it into place when it is whole.

    Parameters
    ----------
    path
        Where the folder ends up. Nothing is ever deleted: a folder that holds files is refused.

    Yields
    ------
    Path
        A new folder beside it. It is removed if the body fails.

    Raises
    ------
    OutputError
        For an OSError of the body or of the move, and, before the body runs, if there is a file, or
        a folder that is not empty.
    """
    with writing(path):
        if path.exists() and not (path.is_dir() and not any(path.iterdir())):
            raise OutputError(
                f"cannot write {path}: it is there already and not empty, and a folder is not "
                "replaced; name another one, or remove it"
            )
        temporary = make_temporary_name(path)
        temporary.mkdir()
        try:
            yield temporary
            if path.is_dir():
                path.rmdir()
            temporary.replace(path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
