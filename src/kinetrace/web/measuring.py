"""A measure's answer as JSON: its table and summary, what limits them, curves and events."""

from __future__ import annotations

import hashlib
import json
import math
import typing
from collections.abc import Iterator, Mapping
from inspect import Parameter, signature
from pathlib import Path
from types import ModuleType, NoneType, SimpleNamespace, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union

import numpy as np

from kinetrace import plugins
from kinetrace.errors import KinetraceError
from kinetrace.files import replacing
from kinetrace.formats import read
from kinetrace.poses import Poses
from kinetrace.report import _charts, _wording
from kinetrace.web.orders import TABLE, Measure

if TYPE_CHECKING:
    import pandas as pd

_MOST = 1e6  # of any option; no measure has a use for more


class OptionError(KinetraceError):
    """A measure has no such option, or it cannot have that value."""


def answer_path(folder: Path, name: str, options: Mapping[str, Any]) -> Path:
    """Return where the answer of a measure with some options is kept."""
    text = json.dumps(dict(sorted(options.items())))
    return folder / f"measure.{name}.{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"


def parse_options(name: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Return a measure's options from their texts.

    Those that name a file are not to be had: it would be one of the server's.

    Raises
    ------
    PluginError
        If there is no such measure.
    OptionError
        If there is no such option, or its value makes no sense.
    """
    known = _options(plugins.load("measures", name))
    parsed = {}
    for option, text in given.items():
        if option not in known:
            raise OptionError(
                f"{name} has no option {option!r}; it has: {', '.join(known) or 'none'}."
            )
        parsed[option] = _parse(option, text, known[option])
    return parsed


def _options(module: ModuleType) -> dict[str, tuple[Any, ...]]:
    """Return what types each option may have; those that take any text, a path, are left out."""
    own = [p for p in signature(module.measure).parameters.values() if p.kind is p.KEYWORD_ONLY]
    found = {option.name: tuple(_types(_hint(module, option))) for option in own}
    return {name: types for name, types in found.items() if str not in types}


def _hint(module: ModuleType, option: Parameter) -> Any:
    # What a measure returns is pandas', which may not be imported; so each is looked up by itself.
    alone = SimpleNamespace(__annotations__={option.name: option.annotation})
    return typing.get_type_hints(alone, globalns=module.measure.__globals__)[option.name]


def _types(hint: Any) -> Iterator[Any]:
    if typing.get_origin(hint) in (Union, UnionType):
        for part in typing.get_args(hint):
            yield from _types(part)
    elif hint is not NoneType:
        yield hint


def _parse(option: str, text: str, types: tuple[Any, ...]) -> Any:
    choices = [c for t in types if typing.get_origin(t) is Literal for c in typing.get_args(t)]
    if choices:
        if text not in choices:
            raise OptionError(f"{option} must be one of {', '.join(choices)}, got {text[:50]!r}.")
        return text
    if bool in types:
        if text not in ("true", "false"):
            raise OptionError(f"{option} must be true or false, got {text[:50]!r}.")
        return text == "true"
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not abs(number) <= _MOST or (float not in types and number != round(number)):
        raise OptionError(f"{option} must be a number, got {text[:50]!r}.")
    return number if float in types else int(number)


def write_answer(order: Measure) -> None:
    """Measure, and write the answer as JSON.

    Raises
    ------
    KinetraceError
        If it cannot be measured.
    """
    module = plugins.load("measures", order.name)
    poses = read(order.folder / TABLE)
    try:
        table = module.measure(poses, **order.options)
        summary = module.summarise(table) if hasattr(module, "summarise") and len(table) else None
    except ValueError as error:
        raise OptionError(f"{order.name}: {error}.") from error
    answer = _answer(order.name, poses, table, summary)
    with replacing(order.path) as temporary:
        temporary.write_text(json.dumps(answer, allow_nan=False), encoding="utf-8")


def _answer(
    name: str, poses: Poses, table: pd.DataFrame, summary: pd.DataFrame | None
) -> dict[str, Any]:
    notes = [*table.attrs.get("notes", ())]
    notes += summary.attrs.get("notes", ()) if summary is not None else ()
    series: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    for person in np.unique(table["track_id"]).tolist() if "track_id" in table else ():
        own = table[table["track_id"] == person]
        is_joined = _charts.is_of_every_frame(own, int((poses.track_id == person).sum()))
        series += _series(own, person, is_joined=is_joined)
        events += [] if is_joined else _events(own, person, name)
    return {
        "name": name,
        "columns": list(map(str, table.columns)),
        "units": [_wording.parse(str(column)).unit for column in table.columns],
        "rows": _rows(table),
        "notes": list(dict.fromkeys(notes)),
        "summary": None
        if summary is None
        else {"columns": list(map(str, summary.columns)), "rows": _rows(summary)},
        "series": series,
        "events": events,
    }


def _series(own: pd.DataFrame, person: int, *, is_joined: bool) -> Iterator[dict[str, Any]]:
    for chart in _charts.charts_of(own, is_joined=is_joined):
        if chart.clock == "frame":  # nothing that a film's time could go along with
            continue
        for line in chart.lines:
            yield {
                "label": f"{chart.title}, {line.side}" if line.side else chart.title,
                "person": person,
                "unit": chart.unit,
                "time_s": [_plain(value) for value in line.x.tolist()],
                "value": [_plain(value) for value in line.y.tolist()],
            }


def _events(own: pd.DataFrame, person: int, name: str) -> Iterator[dict[str, Any]]:
    start = "start_s" if "start_s" in own else "time_s"
    if start not in own:
        return
    for row in own.to_dict("records"):
        words = [row.get(key) for key in ("event", "exercise", "action", "side")]
        words = [word for word in words if word != "both"]  # sides, of course
        if "event" not in row and name == "gait":
            words.insert(0, "heel strike")
        label = " ".join(str(word) for word in words if isinstance(word, str) and word) or name
        start_s, end_s = _plain(row[start]), _plain(row.get("end_s"))
        if start_s is not None:
            yield {
                "label": _wording.in_words(label),
                "person": person,
                "start_s": start_s,
                "end_s": end_s if start == "start_s" else None,
            }


def _rows(table: pd.DataFrame) -> list[list[Any]]:
    columns = [[_plain(value) for value in table[name].tolist()] for name in table.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def _plain(value: Any) -> Any:
    """Return what JSON has for a value; what is not known is null."""
    if isinstance(value, (bool, str, int)):
        return value
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return None if value is None else str(value)
