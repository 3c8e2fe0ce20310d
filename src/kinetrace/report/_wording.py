"""Names and numbers of tables as people read them."""

from __future__ import annotations

import math
import numbers
from typing import Any, NamedTuple

NOT_KNOWN = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"

# The unit at the end of a column's name: how it is written, and with how many decimals. The first
# that fits holds, so that ``_m_per_s`` is not taken for seconds.
_UNITS = {
    "_steps_per_min": ("steps/min", 1),
    "_per_min": ("/min", 1),
    "_deg_per_s": ("°/s", 0),
    "_m_per_s": ("m/s", 2),
    "_px_per_s": ("px/s", 0),
    "_per_s": ("/s", 2),
    "_percent": ("%", 1),
    "_deg": ("°", 1),
    "_hz": ("Hz", 1),
    "_px": ("px", 0),
    "_s": ("s", 2),
    "_m": ("m", 2),
}
_DECIMALS = 2
_SHORT = {"sd": "SD", "cv": "CV"}


class Name(NamedTuple):
    """What a column's name says.

    Attributes
    ----------
    side
        ``left``, ``right`` or "".
    what
        What was measured, without side and unit, as in the name.
    unit
        How the unit is written; "" if there is none.
    decimals
        How many make sense.
    """

    side: str
    what: str
    unit: str
    decimals: int


def parse(column: str) -> Name:
    """Take a column's name apart: ``left_knee_deg`` is left, knee, degrees."""
    side = next((side for side in ("left", "right") if column.startswith(f"{side}_")), "")
    what = column.removeprefix(f"{side}_") if side else column
    for ending, (unit, decimals) in _UNITS.items():
        if what.endswith(ending) and what != ending:
            return Name(side, what.removesuffix(ending), unit, decimals)
    return Name(side, what, "", _DECIMALS)


def in_words(name: str) -> str:
    """Return a name with spaces and a capital: ``step_time`` is "Step time"."""
    words = " ".join(_SHORT.get(word, word) for word in name.split("_") if word)
    return words[:1].upper() + words[1:]


def heading(column: str) -> str:
    """Return a column's heading: ``left_step_time_s`` is "Left step time (s)"."""
    if column == "track_id":
        return "Person"
    name = parse(column)
    words = in_words(f"{name.side}_{name.what}")
    return f"{words} ({name.unit})" if name.unit else words


def person(track_id: int) -> str:
    """Return what somebody is called, as the notes of measures and the pictures do."""
    return f"Person {track_id}" if track_id >= 0 else "The person"


def value(column: str, number: Any) -> str:
    """Return a cell of a table, with as many decimals as its unit deserves."""
    if isinstance(number, str):
        return number.replace("_", " ")
    if number is None or (isinstance(number, numbers.Real) and math.isnan(number)):
        return NOT_KNOWN
    if type(number).__name__ in ("bool", "bool_"):
        return "yes" if number else "no"
    if isinstance(number, numbers.Integral):
        return str(number)
    if isinstance(number, numbers.Real):
        text = f"{float(number):.{parse(column).decimals}f}"
        return (text.removeprefix("-") if float(text) == 0 else text).replace("-", MINUS)
    return str(number)


def plural(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun: "1 person", "3 people"."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
