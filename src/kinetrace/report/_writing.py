"""write_report: from poses to one HTML file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from kinetrace.errors import MissingExtraError
from kinetrace.files import replacing
from kinetrace.poses import Poses
from kinetrace.report import _measure_section, _page, _pictures, _provenance, _tables
from kinetrace.report._measured import Measured, measure_all
from kinetrace.report._page import Section
from kinetrace.report._quality import Finding, assess, clock_of, missing
from kinetrace.report._wording import in_words, person, plural

MOST_PEOPLE = 4
_SCORE = 0.3
_MARKS = {"caution": "Caution", "note": "Note", "good": "Good"}


def write_report(
    poses: Poses,
    path: str | os.PathLike[str],
    *,
    video: str | os.PathLike[str] | None = None,
    measures: Sequence[str] | None = None,
    people: Sequence[int] | None = None,
    options: Mapping[str, Any] | None = None,
    keypoints: str | os.PathLike[str] | None = None,
    command: str = "",
) -> None:
    """Write what is known of people's movement as one HTML file, to be read and printed.

    It needs no network and no other file. The same poses make the same file.

    Parameters
    ----------
    poses
        The people of one film.
    path
        The file; what is there is replaced when the new one is whole.
    video
        The film, or the photo, of which some frames are shown. Without it there are stick figures.
    measures
        Names of measures; None is every one that has something to say.
    people
        Ids of the people whom it is about; None is the four who are seen longest.
    options
        Options of the measures by name: ``{"person_height_m": 1.75}``. Each goes to every measure
        that has it.
    keypoints
        The table that the poses were read from: its name and hash are told.
    command
        The command line that makes the report again.

    Raises
    ------
    OutputError
        If it cannot be written.
    SourceError
        If the film, or the table, cannot be read, or the film is not that of the poses.
    PluginError
        If there is no measure of that name.
    MissingExtraError
        If a measure that was named needs a package that is not installed.
    ValueError
        If there is no person of that id, or an option makes no sense.
    """
    options = dict(options or {})
    shown = _choose_people(poses, people)
    found = measure_all(poses, measures, options)
    given = options.get("min_score")
    min_score = _SCORE if given is None else float(given)
    sections = [
        _quality(poses, shown, min_score),
        _pictures_section(poses, shown, None if video is None else Path(video)),
        *_measured_sections(found, poses, shown),
        _provenance.section_of(
            poses, None if keypoints is None else Path(keypoints), command, options
        ),
    ]
    title = f"Movement report: {_name(poses)}"
    page = _page.build(title, _head(poses, shown), [s for s in sections if s.html])
    with replacing(Path(path)) as temporary:
        # A file's name may hold what UTF-8 has no code for.
        temporary.write_bytes(page.encode("utf-8", errors="xmlcharrefreplace"))


def _choose_people(poses: Poses, people: Sequence[int] | None) -> list[int]:
    there, rows = np.unique(poses.track_id, return_counts=True)
    if people is not None:
        strangers = sorted(set(people) - set(there.tolist()))
        if strangers:
            raise ValueError(f"there is no person {strangers[0]}; there are {there.tolist()}")
        return list(dict.fromkeys(people))
    return sorted(there[np.argsort(-rows, kind="stable")][:MOST_PEOPLE].tolist())


def _name(poses: Poses) -> str:
    """Return what was filmed, without folders, and without the password of a camera's address."""
    source = poses.source
    if "://" in source:
        source = source.partition("?")[0].rpartition("@")[2]
    return Path(source).name or "no name"


def _head(poses: Poses, shown: Sequence[int]) -> str:
    clock, frames = clock_of(poses), len(poses.frame_time_s)
    there = np.unique(poses.track_id)
    rate = "" if clock is None else f"{clock.rate_hz:.4g} pictures a second"
    facts = [
        ("Length", "" if clock is None else f"{clock.length_s:.1f} s"),
        ("Pictures", f"{frames:,}"),
        ("Frame rate", rate + ("" if clock is None or clock.is_even else ", uneven")),
        ("Picture size", _size(poses.size_wh)),
        ("People", _count_people(poses)),
        ("Points on the body", f"{len(poses.skeleton)} ({poses.skeleton.name})"),
    ]
    others = len(there) - len(shown)
    text = ", ".join(map(person, shown))
    about = (
        f"<p>This report is about {escape(text)}: {plural(others, 'more person', 'more people')} "
        "in the film are left out.</p>"
        if others
        else ""
    )
    return (
        f'<header><p class="kind">Movement report</p><h1>{escape(_name(poses))}</h1>'
        f"{_tables.of_facts(facts)}{about}</header>"
    )


def _size(size_wh: tuple[int, int] | None) -> str:
    return "" if size_wh is None else f"{size_wh[0]} \N{MULTIPLICATION SIGN} {size_wh[1]} px"


def _count_people(poses: Poses) -> str:
    ids = np.unique(poses.track_id[poses.track_id >= 0])
    if len(ids) or not len(poses):
        return str(len(ids)) if len(ids) else "nobody found"
    most = int(np.bincount(poses.frame).max())
    return f"{most} at once, not told apart" if most > 1 else "1"


def _quality(poses: Poses, shown: Sequence[int], min_score: float) -> Section:
    items = "".join(_finding(f) for f in assess(poses, shown, min_score=min_score))
    html = f'<ul class="findings">{items}</ul>'
    if shown:
        table = _tables.of_missing(poses, shown, min_score)
        often = any(np.any(missing(poses, i, min_score) >= _tables.OFTEN) for i in shown)
        html += _tables.folded("Point by point", table, is_open=often)
    return Section("How far to trust it", html)


def _finding(finding: Finding) -> str:
    mark = _MARKS[finding.level]
    return f'<li class="{finding.level}"><b>{mark}</b> <span>{escape(finding.text)}</span></li>'


def _pictures_section(poses: Poses, shown: Sequence[int], video: Path | None) -> Section:
    if video is not None:
        pictures = _pictures.key_frames(video, poses, shown)
        html = "".join(_page.figure_of(picture, "frame") for picture in pictures)
        key = (
            '<ul class="legend"><li><i class="key line drawn-left"></i>left side of the body</li>'
            '<li><i class="key line drawn-right"></i>right side</li></ul>'
        )
        return Section("What was filmed", f'{key}<div class="frames">{html}</div>')
    try:
        html = "".join(_stick_figures(poses, track_id) for track_id in shown)
    except MissingExtraError as error:
        html = f'<p class="small">There are no stick figures: {escape(str(error))}</p>'
    return Section("What was seen", html)


def _stick_figures(poses: Poses, track_id: int) -> str:
    from kinetrace.plots import stick_figures

    who = person(track_id)
    text = f"{who} as a row of stick figures, from the first to the last that was seen."
    figure = stick_figures(poses, track_id=track_id)
    caption = f"{who}. Left is blue, right is orange."
    return _page.figure_of(_pictures.of_figure(figure, caption, text), "drawing")


def _measured_sections(
    found: Sequence[Measured], poses: Poses, shown: Sequence[int]
) -> list[Section]:
    happenings = _measure_section.happenings_by_person(found, poses, shown)
    full = [measured for measured in found if not measured.is_empty]
    sections = [
        _measure_section.section_of(measured, poses, shown, happenings) for measured in full
    ]
    empty = "".join(
        f"<h3>{escape(in_words(m.name))}</h3>{_measure_section.notes_of(m, shown)}"
        for m in found
        if m.is_empty
    )
    return [*sections, Section("Not measured", empty)]
