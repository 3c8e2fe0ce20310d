"""The form of a repetition, by the rules of `data/exercises.toml`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from kinetrace.geometry import distance
from kinetrace.measures._repetitions_body import SIDES, Body
from kinetrace.measures._repetitions_exercises import Rule
from kinetrace.measures._repetitions_find import Repetition

if TYPE_CHECKING:
    import pandas as pd

Floats: TypeAlias = npt.NDArray[np.float64]

_ENDS = ("knee", "ankle")


@dataclass(frozen=True)
class Form:
    """What is to be said of a repetition's form.

    Attributes
    ----------
    feedback
        What to do better, in sentences.
    judged, not_judged
        Names of rules; those that the view, or a missing keypoint, does not let one judge.
    """

    feedback: tuple[str, ...]
    judged: tuple[str, ...]
    not_judged: tuple[str, ...]


def knee_separation_percent(body: Body, angles: pd.DataFrame) -> Floats:
    """Return how far apart the knees are, of the ankles; NaN from the side.

    It is the knee-ankle separation ratio, which cameras without markers measure as motion capture
    does (Gray et al., Sports Health 9:537, 2017). In a deep squat the thigh points at the camera,
    and its angle there is noise: this is not.
    """
    knees, ankles = (distance(body.at(f"left_{n}"), body.at(f"right_{n}")) for n in _ENDS)
    is_frontal = angles["view"].isin(["front", "back"]).to_numpy() & (ankles > 0)
    return np.where(is_frontal, 100 * knees / np.where(ankles > 0, ankles, np.nan), np.nan)


def judge(angles: pd.DataFrame, repetition: Repetition, rules: Sequence[Rule]) -> Form:
    """Hold a repetition against the rules of its exercise.

    Parameters
    ----------
    angles
        Of `kinetrace.measures.angles`, with ``knee_separation_percent``; a row for each position
        of the repetition's `Body`.
    """
    values = {rule.name: _values(angles, repetition, rule) for rule in rules}
    broken = [r for r in rules if np.any((values[r.name] < r.least) | (values[r.name] > r.most))]
    return Form(
        feedback=tuple(rule.say for rule in broken),
        judged=tuple(name for name, found in values.items() if len(found)),
        not_judged=tuple(name for name, found in values.items() if not len(found)),
    )


def joint_deg(angles: pd.DataFrame, joint: str, at: int) -> float:
    """Return a joint's angle at a position: the mean of the sides that are seen, else NaN."""
    known = [v for v in (values[at] for values in _columns(angles, joint)) if np.isfinite(v)]
    return float(np.mean(known)) if known else float("nan")


def _columns(angles: pd.DataFrame, name: str) -> list[Floats]:
    names = [name.replace("side_", f"{side}_") for side in SIDES] if "side_" in name else [name]
    return [angles[n].to_numpy(np.float64) for n in names if n in angles.columns]


def _values(angles: pd.DataFrame, repetition: Repetition, rule: Rule) -> Floats:
    """Return what a rule is held against: a value for each side that is seen, or none."""
    of_sides = [_statistic(column, repetition, rule) for column in _columns(angles, rule.angle)]
    return np.array([value for value in of_sides if np.isfinite(value)])


def _statistic(values: Floats, repetition: Repetition, rule: Rule) -> float:
    if rule.statistic == "turn":
        return float(values[repetition.turn])
    if rule.statistic == "rest":
        return float(np.fmax(values[repetition.low], values[repetition.next_low]))
    part = values[repetition.start : repetition.end + 1]
    part = part[np.isfinite(part)]
    if not len(part):
        return float("nan")
    # A tenth of the frames may be beyond: one bad frame is no bad form.
    return float(np.percentile(part, 10 if rule.statistic == "lowest" else 90))
