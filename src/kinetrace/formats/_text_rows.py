"""Rows of numbers in text files of other tools, parsed strictly."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path

from kinetrace.errors import FormatError


def read_lines(path: Path) -> list[str]:
    """Return the whole lines of a text file (UTF-8); one that was cut is left out, with a warning.

    Raises
    ------
    FormatError
        If it is no text.
    """
    data = path.read_bytes()
    if b"\0" in data:
        raise FormatError("it is no text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"it is no text in UTF-8: {error}") from error
    *lines, rest = text.replace("\r\n", "\n").split("\n")
    if rest.strip():
        warnings.warn(
            f"{path} does not end with a line end, so it may have been cut short: its last line "
            "is left out. If that line is whole, end it with a line end",
            stacklevel=2,
        )
    return lines


def numbers(cells: Sequence[str], line: int) -> list[float]:
    """Return the numbers of a row; NaN for a cell that is empty or says so.

    Raises
    ------
    FormatError
        Naming the line and what is not a number in it.
    """
    out = []
    for cell in cells:
        text = cell.strip()
        try:
            # Python's own float takes 1_000 for a number, which no other tool means.
            value = math.nan if not text else float(text.replace("_", "?"))
        except ValueError as error:
            raise FormatError(f"line {line}: {cell!r} is not a number") from error
        if math.isinf(value):
            raise FormatError(f"line {line}: {cell!r} is not a finite number")
        out.append(value)
    return out
