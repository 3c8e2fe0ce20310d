"""Repetitions of an exercise as joint angles: from poses, and from lists of files."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from kinetrace.actions.dataset import main_person, read_list
from kinetrace.actions.quality import Repetition, Standard, score_repetition
from kinetrace.errors import FormatError
from kinetrace.measures import angles, make_table
from kinetrace.poses import Poses

if TYPE_CHECKING:
    import pandas as pd

_YES_NO = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": None}


class Interval(NamedTuple):
    """When somebody does a repetition.

    Attributes
    ----------
    start_s, end_s
        ``[start, end)``.
    track_id
        Who; None is the person who is most of the film.
    """

    start_s: float = -np.inf
    end_s: float = np.inf
    track_id: int | None = None


def repetitions_of(
    poses: Poses,
    intervals: list[Interval],
    *,
    space: Literal["2d", "3d"] = "2d",
    min_score: float = 0.3,
) -> list[Repetition]:
    """Return repetitions as the angles that `kinetrace.measures.angles` measures.

    Parameters
    ----------
    poses
        Of one film. Angles in the picture are told where the view allows it, the others are NaN.
    intervals
        One for each repetition.
    space
        2d: angles in the picture. 3d: from positions in space, from any view.
    min_score
        Keypoints below it count as missing.

    Raises
    ------
    ValueError
        If there are no positions in space where they are asked for.
    """
    table = angles.measure(poses, space=space, min_score=min_score)
    channels = tuple(name for name in table.columns if name.endswith("_deg"))
    signals = table[list(channels)].to_numpy(dtype=np.float64)
    time_s = table["time_s"].to_numpy(dtype=np.float64)
    of_main = np.isin(np.arange(len(poses)), main_person(poses))
    found = []
    for start_s, end_s, track_id in intervals:
        of_person = of_main if track_id is None else poses.track_id == track_id
        rows = of_person & (time_s >= start_s) & (time_s < end_s)
        found.append(Repetition(channels, time_s[rows], signals[rows]))
    return found


def read_repetitions(
    path: Path, *, space: Literal["2d", "3d"] = "2d", min_score: float = 0.3
) -> list[Repetition]:
    """Read the repetitions that a CSV file lists.

    Parameters
    ----------
    path
        With the columns ``file`` (a table of keypoints, beside it) and ``correct`` (1 or 0), and
        where they are known ``start_s``, ``end_s``, ``track_id`` and ``person``.
    space, min_score
        See `repetitions_of`.

    Raises
    ------
    SourceError
        If a file cannot be read.
    FormatError
        If the list lacks a column, or a cell makes no sense.
    """
    from kinetrace.formats import read

    listed = read_list(path)
    missing = {"file", "correct"} - set(listed.columns)
    if missing:
        raise FormatError(f"{path} has no column {' and '.join(sorted(missing))}")
    found = []
    for file, rows in listed.groupby("file", sort=False):
        intervals = intervals_of(rows, path)
        here = repetitions_of(
            read(path.parent / str(file)), intervals, space=space, min_score=min_score
        )
        persons = rows["person"] if "person" in rows else [""] * len(rows)
        for repetition, person, correct in zip(here, persons, rows["correct"], strict=True):
            answer = _yes_or_no(correct, path)
            found.append(dataclasses.replace(repetition, person=person, is_correct=answer))
    return found


def score_all(
    poses: Poses,
    intervals: list[Interval],
    standard: Standard,
    *,
    space: Literal["2d", "3d"] = "2d",
    worst: int = 3,
    min_score: float = 0.3,
) -> pd.DataFrame:
    """Score repetitions, and tell for each which angles are farthest from right.

    Parameters
    ----------
    poses, intervals, space, min_score
        See `repetitions_of`.
    standard
        Learnt from the same skeleton and space.
    worst
        How many angles are told for each repetition.

    Returns
    -------
    pandas.DataFrame
        Rows for each repetition: ``repetition`` (from 1), ``start_s``, ``end_s``, ``score`` (0..1),
        ``angle``, ``time_s`` (when it is farthest from those that were done right), ``off_deg``
        (by how much) and ``deviations`` (the same in their standard deviations).
        ``attrs["notes"]`` says which could not be scored, and why.
    """
    notes, rows = [], []
    found = repetitions_of(poses, intervals, space=space, min_score=min_score)
    for number, repetition in enumerate(found, start=1):
        score = score_repetition(repetition, standard)
        if score.reason:
            notes.append(f"Repetition {number} has no score: {score.reason}.")
            continue
        span = (float(repetition.time_s[0]), float(repetition.time_s[-1]))
        told = score.deviations.head(worst).itertuples(index=False)
        rows += [(number, *span, score.value, *each) for each in told]
    if not intervals:
        notes.append("There are no repetitions.")
    names = ("repetition", "start_s", "end_s", "score", "angle", "time_s", "off_deg", "deviations")
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    return make_table(dict(zip(names, columns, strict=True)), notes)


def intervals_of(listed: pd.DataFrame, path: Path) -> list[Interval]:
    """Return the intervals of a list whose cells are text.

    Parameters
    ----------
    listed
        Of `read_list`, with some of ``start_s``, ``end_s`` and ``track_id``.
    path
        Of the list, for what is told of errors.

    Raises
    ------
    FormatError
        If a cell is not a number.
    """
    found = []
    for row in listed.to_dict("records"):
        told = {str(name): text for name, text in row.items() if text}
        try:
            track = told.get("track_id")
            found.append(
                Interval(
                    float(told.get("start_s", -np.inf)),
                    float(told.get("end_s", np.inf)),
                    None if track is None else int(track),
                )
            )
        except ValueError as error:
            raise FormatError(f"{path}: {error} in {dict(told)}") from error
    return found


def _yes_or_no(text: str, path: Path) -> bool | None:
    try:
        return _YES_NO[text.strip().lower()]
    except KeyError:
        raise FormatError(f"{path}: correct must be 1 or 0 (or empty), got {text!r}") from None
