"""Where a command that reads a table writes to."""

from __future__ import annotations

from pathlib import Path

from kinetrace.errors import OutputError


def beside(keypoints: Path, ending: str) -> Path:
    """Return the path of what is made of a table: clip.<ending> beside clip.keypoints.csv."""
    return keypoints.with_name(f"{keypoints.stem.removesuffix('.keypoints')}.{ending}")


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
