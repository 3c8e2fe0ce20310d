"""Where a command that reads a table writes to."""

from __future__ import annotations

from pathlib import Path

from kinetrace.errors import OutputError


def place(output: Path | None, *, table: Path, ending: str, overwrite: bool) -> Path:
    """Return where to write what is made of a table: clip.<ending> beside clip.keypoints.csv.

    Parameters
    ----------
    output
        Where it was asked for; None is the usual place.
    table
        The table that it is made of.
    ending
        What it is called, in the end.
    overwrite
        Whether what is there may be replaced.

    Raises
    ------
    OutputError
        As of `check_free`.
    """
    stem = table.stem.removesuffix(".keypoints")
    target = output or table.with_name(f"{stem}.{ending}")
    check_free(target, overwrite=overwrite)
    return target


def check_free(*paths: Path, overwrite: bool) -> None:
    """Refuse to replace a file that nobody has said may be replaced.

    Raises
    ------
    OutputError
        If one of them is there, and `overwrite` is off.
    """
    for path in paths:
        if path.exists() and not overwrite:
            raise OutputError(f"{path} is there already (--overwrite replaces it)")
