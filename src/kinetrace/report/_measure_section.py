"""The part of a report that is about one measure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from kinetrace.errors import MissingExtraError
from kinetrace.poses import Poses
from kinetrace.report import _chart_html, _charts, _tables, _wording
from kinetrace.report._charts import Happening
from kinetrace.report._measured import Measured
from kinetrace.report._page import Section, figure_of
from kinetrace.report._pictures import of_figure

if TYPE_CHECKING:
    import pandas as pd

_SCENE = -1  # where it is nobody's
_MOST_OPEN = 6  # charts that are not folded away


def happenings_by_person(
    found: Sequence[Measured], poses: Poses, shown: Sequence[int]
) -> dict[int, list[Happening]]:
    """Return what all measures have to mark in everybody's charts."""
    happenings: dict[int, list[Happening]] = {track_id: [] for track_id in shown}
    for measured in found:
        for track_id in shown if not measured.is_empty else ():
            own = _of_person(measured.table, track_id)
            time_s = poses.frame_time_s[poses.frame[poses.track_id == track_id]]
            if not _charts.is_of_every_frame(own, len(time_s)):
                happenings[track_id] += _charts.happenings_of(
                    own, measured.name, length_s=float(np.ptp(time_s))
                )
    return happenings


def section_of(
    measured: Measured,
    poses: Poses,
    shown: Sequence[int],
    happenings: Mapping[int, Sequence[Happening]],
) -> Section:
    """Return the section of a measure that has something to say.

    Parameters
    ----------
    measured
        With a table that is not empty.
    poses
        Everybody.
    shown
        The ids of the people whom it is about.
    happenings
        What is marked in the charts of each person.
    """
    title = _wording.in_words(measured.name)
    about = measured.about.removeprefix(f"{title}: ").replace("`", "")
    parts = [f'<p class="about">{escape(about[:1].upper() + about[1:])}</p>' if about else ""]
    parts.append(notes_of(measured, shown))
    if measured.summary is not None and "track_id" not in measured.summary:
        parts.append(_tables.of_measure(measured.summary, "Summary"))
    who = [*shown, *_scene_of(measured, poses)]
    parts.append(_drawing(measured, poses, who))
    parts += [_Person(measured, poses, i).html(happenings.get(i, ())) for i in who]
    return Section(title, "".join(parts))


def notes_of(measured: Measured, shown: Sequence[int]) -> str:
    """Return a measure's notes as a list, without those about other people."""
    notes = [f"<li>{escape(note)}</li>" for note in measured.notes if _is_about(note, shown)]
    return f'<ul class="notes">{"".join(notes)}</ul>' if notes else ""


def _scene_of(measured: Measured, poses: Poses) -> list[int]:
    """Return the id under which a measure tells what is nobody's own, if it does."""
    is_free = not np.any(poses.track_id == _SCENE)
    return [_SCENE] if is_free and len(_of_person(measured.table, _SCENE)) else []


def _is_about(note: str, shown: Sequence[int]) -> bool:
    """Tell whether a note is about everybody, or about somebody who is shown."""
    named = re.findall(r"\bperson (\d+)\b", note, re.IGNORECASE)
    return not named or any(int(number) in shown for number in named)


class _Person:
    """One person's part of a measure."""

    def __init__(self, measured: Measured, poses: Poses, track_id: int) -> None:
        self._measured, self._track_id = measured, track_id
        self._table = _of_person(measured.table, track_id)
        frames = poses.frame[poses.track_id == track_id]
        self._who = _wording.person(track_id) if len(frames) else "The scene"
        self._is_joined = _charts.is_of_every_frame(self._table, len(frames))
        self._is_one = len(np.unique(frames)) == len(frames)

    def html(self, happenings: Sequence[Happening]) -> str:
        title = f"<h3>{escape(self._who)}</h3>"
        if not len(self._table):
            return f"{title}<p>Nothing was found for this person.</p>"
        parts = [title, self._summary(), *self._plots(happenings)]
        if not self._is_joined or len(self._table) < _charts.LEAST_ROWS:
            parts.append(self._rows())
        return f'<section class="person">{"".join(parts)}</section>'

    def _summary(self) -> str:
        summary = self._measured.summary
        if summary is None or "track_id" not in summary:
            return ""
        own = _of_person(summary, self._track_id).drop(columns="track_id")
        return _tables.of_measure(own, "In numbers")

    def _plots(self, happenings: Sequence[Happening]) -> list[str]:
        if self._is_joined and not self._is_one:
            return ["<p>Several people were not told apart: nothing is drawn over time.</p>"]
        marked = happenings if self._is_joined else ()
        charts = _charts.charts_of(self._table, is_joined=self._is_joined, happenings=marked)
        figures = [_chart_html.figure_of(chart, self._who) for chart in charts]
        parts = [_chart_html.legend_of(charts), _chart_html.grid_of(figures[:_MOST_OPEN])]
        if len(figures) > _MOST_OPEN:
            more = _wording.plural(len(figures) - _MOST_OPEN, "more chart")
            parts.append(_tables.folded(more, _chart_html.grid_of(figures[_MOST_OPEN:])))
        if any(chart.is_thinned for chart in charts):
            parts.append(
                f'<p class="small">Lines of more than {_charts.MOST_POINTS:,} points are drawn by '
                "the lowest and the highest of each stretch.</p>"
            )
        lacking = _charts.not_measured(self._table)
        if lacking:
            parts.append(f'<p class="small">Not measured: {escape(", ".join(lacking))}.</p>')
        return parts

    def _rows(self) -> str:
        count = len(self._table)
        html = _tables.of_measure(self._table.drop(columns="track_id"), "One by one")
        if count > _tables.MOST_ROWS:
            html += f'<p class="small">The first {_tables.MOST_ROWS} of {count} rows.</p>'
        return html


def _of_person(table: pd.DataFrame, track_id: int) -> pd.DataFrame:
    return table[table["track_id"] == track_id]


def _rows(poses: Poses, track_id: int) -> int:
    return int(np.sum(poses.track_id == track_id))


def _drawing(measured: Measured, poses: Poses, who: Sequence[int]) -> str:
    """Return a measure's own drawing, where it is not of values from frame to frame."""
    table, module = measured.table, measured.module
    if module is None or not hasattr(module, "plot"):
        return ""
    own = table[table["track_id"].isin(who)]
    followed = (_charts.is_of_every_frame(_of_person(own, i), _rows(poses, i)) for i in who)
    if not len(own) or any(followed):
        return ""
    try:
        figure = module.plot(own)
    except MissingExtraError as error:
        return f'<p class="small">There is no drawing: {escape(str(error))}</p>'
    caption = f"{_wording.in_words(measured.name)}, drawn"
    return figure_of(of_figure(figure, caption, f"{caption}: what the tables here say"), "drawing")
