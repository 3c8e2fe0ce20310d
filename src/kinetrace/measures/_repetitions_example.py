"""Any movement, by one example: how far a body has gone from the example's rest to its turn."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from kinetrace.measures import people
from kinetrace.measures._repetitions_body import SIDES, Body
from kinetrace.measures._repetitions_exercises import Levels
from kinetrace.measures._repetitions_find import Repetition, find_moves
from kinetrace.poses import Poses

Floats: TypeAlias = npt.NDArray[np.float64]

NAME = "example"
# Percent of the example's way.
LEVELS = Levels(rest=25, full=75, half_range=30, full_range=60)
_JOINTS = ("shoulder", "elbow", "wrist", "knee", "ankle")
# A pose may be this much further off the example's straight way than the example's own poses are,
# relative to the way's length; more is another movement.
_FURTHER_OFF = 0.25
# This much of the example's way must be told by the keypoints that are seen.
_LEAST_SEEN = 0.6
# Of the stature, all keypoints together: less is the trembling of keypoints.
_LEAST_WAY_PERCENT = 15.0


@dataclass(frozen=True)
class Example:
    """One repetition of a movement.

    Attributes
    ----------
    rest, way : (10, 2)
        Where the keypoints are at rest, from the middle of the hips in percent of the stature, and
        how far they go to the turning point.
    most_off
        How far a pose may be off that way, relative to its length.
    """

    rest: Floats
    way: Floats
    most_off: float = np.inf


def learn(poses: Poses, *, min_score: float) -> Example:
    """Learn a movement from a film of one repetition, which begins and ends at rest.

    Raises
    ------
    ValueError
        If nobody is seen in it, or nothing moves.
    """
    longest = max(people(poses), key=lambda p: len(p[1]), default=None)
    if longest is None:
        raise ValueError("the example shows nobody; give the keypoints of one repetition")
    places = _places(Body(poses, longest[1], min_score=min_score))
    whole = places[np.isfinite(places).any(axis=(1, 2))]
    if len(whole) < 3:
        raise ValueError("the example shows hips and limbs in fewer than three frames")
    rest = np.where(np.isnan(whole[0]), whole[-1], whole[0])
    away = np.linalg.norm(np.nan_to_num(whole - rest), axis=(1, 2))
    way = whole[away.argmax()] - rest
    if away.max() < _LEAST_WAY_PERCENT:
        raise ValueError(
            "nothing moves in the example against the hips; give the keypoints of one repetition, "
            "from rest to rest"
        )
    _, off = _progress(whole, Example(rest, way))
    return Example(rest, way, float(np.nanmax(off)) + _FURTHER_OFF)


def find_like(body: Body, example: Example) -> tuple[list[Repetition], list[str]]:
    """Find repetitions of an example, done to either side and seen from either side.

    Returns
    -------
    repetitions, notes : list
        As of `kinetrace.measures._repetitions_find.find_repetitions`.
    """
    places = _places(body)
    best: tuple[list[Repetition], list[str]] = ([], [])
    for flip, swap in product((1, -1), (False, True)):
        gone_percent, off = _progress(places, _mirrored(example, flip, swap=swap))
        signal = np.where(off <= example.most_off, gone_percent, np.nan)
        found = find_moves(body.time_s, signal, LEVELS)
        if not best[0] or _whole(found[0]) > _whole(best[0]):
            best = found
    moves = [
        dataclasses.replace(move, exercise=NAME, side="both", signal="% of the example's way")
        for move in best[0]
    ]
    return moves, best[1]


def _whole(moves: list[Repetition]) -> int:
    return sum(move.is_complete for move in moves)


def _places(body: Body) -> Floats:
    hips = body.at("mid_hip")
    points = [body.at(f"{side}_{joint}") - hips for joint in _JOINTS for side in SIDES]
    return np.asarray(100 * np.stack(points, axis=1) / body.stature_px)


def _mirrored(example: Example, flip: int, *, swap: bool) -> Example:
    pairs = np.arange(2 * len(_JOINTS)).reshape(-1, 2)
    order = (pairs[:, ::-1] if swap else pairs).ravel()
    return Example(example.rest[order] * (flip, 1), example.way[order] * (flip, 1))


def _progress(places: Floats, example: Example) -> tuple[Floats, Floats]:
    """Return how much of the example's way a body has gone, in percent, and how far off it is."""
    offset = places - example.rest
    known = np.isfinite(offset) & np.isfinite(example.way)
    offset, way = np.where(known, offset, 0), np.where(known, example.way, 0)
    length2 = (way**2).sum(axis=(1, 2))
    length2 = np.where(length2 >= _LEAST_SEEN * np.nansum(example.way**2), length2, np.nan)
    gone = (offset * way).sum(axis=(1, 2)) / length2
    off = np.linalg.norm(offset - gone[:, None, None] * way, axis=(1, 2)) / np.sqrt(length2)
    return 100 * gone, off
