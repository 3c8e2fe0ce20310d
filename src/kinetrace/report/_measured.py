"""What the measures say of some poses."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from kinetrace import plugins
from kinetrace.errors import KinetraceError
from kinetrace.measures import make_table
from kinetrace.poses import Poses

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Measured:
    """What one measure says.

    Attributes
    ----------
    name
        Of the measure.
    about
        The first line of its text.
    module
        The measure; None if it cannot be used here.
    table
        What it found; empty if it cannot be used here.
    summary
        Its summary; None if it has none.
    notes
        What limits it; where the table is empty, why.
    """

    name: str
    about: str
    module: ModuleType | None
    table: pd.DataFrame
    summary: pd.DataFrame | None
    notes: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it but notes."""
        return not len(self.table)


def measure_all(
    poses: Poses, names: Sequence[str] | None, options: Mapping[str, Any]
) -> list[Measured]:
    """Measure everything that was asked for.

    Parameters
    ----------
    poses
        Everybody.
    names
        Of measures; None is every one that does not have to be asked for, and then one that cannot
        be used says why.
    options
        Options of measures by name, for each measure that has such a one.

    Raises
    ------
    PluginError
        If there is no measure of that name.
    MissingExtraError
        If one that was named needs a package that is not installed.
    ValueError
        If an option makes no sense, or no measure has it.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if names is not None:
        found = [_measured(name, poses, given) for name in dict.fromkeys(names)]
    else:
        found = [_measured_if_possible(name, poses, given) for name in _usual()]
    unused = set(given).difference(*(_options_of(m.module) for m in found if m.module))
    if unused:
        raise ValueError(f"none of these measures has the option {', '.join(sorted(unused))}")
    return found


def _usual() -> list[str]:
    names = plugins.names("measures")
    return [n for n in names if not getattr(_module(n), "ONLY_WHEN_ASKED", False)]


def _module(name: str) -> ModuleType | None:
    """Return a measure's module, or None if it cannot be imported."""
    try:
        return plugins.load("measures", name)
    except KinetraceError:
        return None


def _measured_if_possible(name: str, poses: Poses, options: Mapping[str, Any]) -> Measured:
    try:
        return _measured(name, poses, options)
    except KinetraceError as error:
        return Measured(name, "", None, make_table({}), None, (str(error),))


def _options_of(module: ModuleType) -> set[str]:
    parameters = inspect.signature(module.measure).parameters.values()
    return {p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}


def _measured(name: str, poses: Poses, options: Mapping[str, Any]) -> Measured:
    module = plugins.load("measures", name)
    own = _options_of(module)
    table = module.measure(poses, **{n: v for n, v in options.items() if n in own})
    summary = module.summarise(table) if hasattr(module, "summarise") and len(table) else None
    notes = [*table.attrs.get("notes", ())]
    notes += summary.attrs.get("notes", ()) if summary is not None else ()
    about = (module.__doc__ or "").strip().split("\n")[0]
    return Measured(name, about, module, table, summary, tuple(dict.fromkeys(notes)))
