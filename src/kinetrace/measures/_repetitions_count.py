"""Repetitions of everybody, with their form: what the measure and the live counter share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from kinetrace.measures import angles, people
from kinetrace.measures._repetitions_body import Body
from kinetrace.measures._repetitions_example import Example, find_like
from kinetrace.measures._repetitions_exercises import Exercise, ExerciseName, exercises
from kinetrace.measures._repetitions_find import Repetition, find_repetitions
from kinetrace.measures._repetitions_form import Form, joint_deg, judge, knee_separation_percent
from kinetrace.poses import Poses

Choice: TypeAlias = Literal["auto"] | ExerciseName


@dataclass(frozen=True)
class Counted:
    """A repetition, with whose it is and how it was done."""

    body: Body
    repetition: Repetition
    form: Form
    joint_deg: float


@dataclass(frozen=True)
class Person:
    """What one person did, by time, and what was not counted, and why."""

    track_id: int
    counted: tuple[Counted, ...]
    notes: tuple[str, ...]


def count(
    poses: Poses, *, exercise: Choice, example: Example | None, min_score: float
) -> Iterator[Person]:
    """Count everybody's repetitions.

    Parameters
    ----------
    poses
        A film.
    exercise
        ``auto``: all that are in it; where two claim the same movement, the one has it whose range
        is larger against what it wants.
    example
        To count that in place of an exercise.
    min_score
        Keypoints below it count as missing.
    """
    named = exercises()
    is_auto = exercise == "auto"
    chosen = [e for n, e in named.items() if (e.in_auto if is_auto else n == exercise)]
    for track_id, rows in people(poses):
        body = Body(poses, rows, min_score=min_score)
        if len(body.time_s) < 3:
            yield Person(track_id, (), (_too_short(poses, rows.size),))
            continue
        if example is not None:
            found, reasons = find_like(body, example)
            notes = [f"example: {why}" for why in reasons]
        else:
            found, notes = _find(body, chosen, is_auto=is_auto)
        yield Person(track_id, tuple(_with_form(poses, body, found, min_score)), tuple(notes))


def _find(
    body: Body, chosen: Sequence[Exercise], *, is_auto: bool
) -> tuple[list[Repetition], list[str]]:
    found, notes = [], []
    for exercise in chosen:
        repetitions, reasons = find_repetitions(body, exercise)
        found += repetitions
        # What is no squat may be a push-up: in auto nothing is worth a word that was not asked for.
        notes += [] if is_auto else [f"{exercise.name}: {why}" for why in reasons]
    kept: list[Repetition] = []
    for repetition in sorted(found, key=lambda r: (not r.is_complete, -r.relative_range)):
        if not any(_claims_too(other, repetition) for other in kept):
            kept.append(repetition)
    return sorted(kept, key=lambda r: r.start), notes


def _claims_too(a: Repetition, b: Repetition) -> bool:
    """Tell whether two exercises claim the same time of one person."""
    return a.exercise != b.exercise and a.start < b.end and b.start < a.end


def _with_form(
    poses: Poses, body: Body, found: Sequence[Repetition], min_score: float
) -> Iterator[Counted]:
    if not found:
        return
    table = angles.measure(poses.rows(body.rows), min_score=min_score)
    table["knee_separation_percent"] = knee_separation_percent(body, table)
    for repetition in found:
        exercise = exercises().get(repetition.exercise)
        form = judge(table, repetition, exercise.rules if exercise else ())
        degrees = joint_deg(table, exercise.joint, repetition.turn) if exercise else np.nan
        yield Counted(body, repetition, form, degrees)


def _too_short(poses: Poses, rows: int) -> str:
    if rows >= 3 and not np.isfinite(poses.frame_time_s).any():
        return "the frames have no times"
    return "seen in fewer than three frames"
