"""Who comes back: somebody who was lost for longer than motion can be predicted."""

from __future__ import annotations

import numpy as np

from kinetrace.tracking.appearance import likeness
from kinetrace.tracking.association import are_of_one_size
from kinetrace.tracking.bodies import Bodies, Bools, Floats, middle_of
from kinetrace.tracking.tracks import Prediction, Tracks

# How far somebody unseen gets, in their own sizes: walking speed, from a fresh start.
_REACH, _REACH_PER_S = 0.4, 1.0
# Bhattacharyya coefficients of the clothes: those of one person are rarely less alike, those of
# two people rarely more.
_MAY_BE, _MUST_BE = 0.8, 0.93
# By clothes alone only if nobody else who is lost wears nearly the same.
_LEAD = 0.03
# What is this close to the edge of the picture (in sizes) may be about to cross it.
_EDGE = 0.1


def comeback(
    lost: Tracks,
    expected: Prediction,
    new: Bodies,
    size_wh: tuple[int, int] | None,
    *,
    max_gap_s: float,
) -> Floats:
    """Return how likely each of M lost tracks is each of N newcomers.

    People neither vanish nor appear in the middle of a picture: of those lost there, whoever could
    have walked to the newcomer and is of the same size is the same person, unless the clothes say
    otherwise. After `max_gap_s`, after a cut, and of those who have left the picture, the clothes
    alone can tell, and only where nobody else who is lost wears nearly the same.

    Parameters
    ----------
    lost, expected
        The tracks, and where they should be.
    new
        The newcomers.
    size_wh
        Of the picture, if known.
    max_gap_s
        For so long a place means something.

    Returns
    -------
    (M, N) float64
        0 for no, above 0 for perhaps, the higher the likelier.
    """
    alike = likeness(lost.body.colour, new.colour)
    near = _nearness(lost, expected, new)
    place = (near > 0) & (expected.age_s <= max_gap_s)[:, None] & ~lost.stranded[:, None]
    place &= are_of_one_size(lost.body.size_px, new.size_px)
    if size_wh is not None:
        place &= ~_has_left(expected, size_wh)[:, None]
        was_inside, is_inside = _is_inside(lost.body, size_wh), _is_inside(new, size_wh)
        place &= is_inside | ~was_inside[:, None]
    place &= ~(alike < _MAY_BE)
    known = np.nan_to_num(alike)
    second = np.sort(known, axis=0)[-2] if len(lost) > 1 else np.zeros(len(new))
    clothes = (known >= _MUST_BE) & (known >= second + _LEAD)
    by_place = np.where(place, 0.5 + near, 0)
    by_clothes = np.where(clothes, 0.5 + known, 0)
    return np.asarray(by_place + by_clothes)


def _nearness(lost: Tracks, expected: Prediction, new: Bodies) -> Floats:
    """Return 1 where a newcomer is where a track should be, 0 where it cannot have got.

    Somebody who stops is anywhere between where they were and where they were about to be.
    """
    start, goal = middle_of(lost.body.box_xyxy), middle_of(expected.box_xyxy)
    way, off = goal - start, middle_of(new.box_xyxy)[None] - start[:, None]
    length = np.maximum(np.square(way).sum(axis=1), np.spacing(1))
    part = np.clip((off * way[:, None]).sum(axis=2) / length[:, None], 0, 1)
    apart_px = np.linalg.norm(off - part[..., None] * way[:, None], axis=2)
    reach_px = lost.body.size_px * (_REACH + _REACH_PER_S * expected.age_s)
    return np.asarray(np.clip(1 - apart_px / reach_px[:, None], 0, 1))


def _has_left(expected: Prediction, size_wh: tuple[int, int]) -> Bools:
    """Tell whose way has led out of the picture by now."""
    middle = middle_of(expected.box_xyxy)
    return np.asarray(~((middle >= 0) & (middle <= size_wh)).all(axis=1))


def _is_inside(body: Bodies, size_wh: tuple[int, int]) -> Bools:
    """Tell whose box does not touch the left or the right edge.

    At the lower edge people are cut off for as long as they stand close to the camera.
    """
    edge_px = _EDGE * body.size_px
    left, right = body.box_xyxy[:, 0], body.box_xyxy[:, 2]
    return np.asarray((left > edge_px) & (right < size_wh[0] - 1 - edge_px))
