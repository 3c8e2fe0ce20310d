"""Whether a body stays where it is."""

from __future__ import annotations

import numpy as np

from kinetrace.measures._events_spells import GAP_S, NOT_KNOWN
from kinetrace.points import Floats

# Low-pass of one pole: a wrong frame among 30 a second moves a point by a fifteenth of its error.
_TIME_CONSTANT_S = 0.5
# So long after a movement the low-pass still moves: it has come within an eighth.
_SETTLES_S = 1.0
_FEWEST_POINTS = 4


class Anchor:
    """Where a body's points were when they moved last.

    Parameters
    ----------
    points
        How many there are.
    """

    def __init__(self, points: int) -> None:
        self._smooth_xy = np.full((points, 2), np.nan)
        self._anchor_xy = np.full((points, 2), np.nan)
        self._seen_s = np.full(points, -np.inf)
        self._settled_s = -np.inf

    def update(self, time_s: float, xy: Floats) -> float:
        """Return how far the point that moved most is from where it was, in px.

        Parameters
        ----------
        time_s
            Of the frame.
        xy : (K, 2)
            NaN where a point is missing. One that comes back after a while is anchored anew.

        Returns
        -------
        float
            NaN where too little is seen.
        """
        known = np.isfinite(xy[:, 0])
        elapsed_s = time_s - self._seen_s
        is_new = known & (elapsed_s > GAP_S)
        share = -np.expm1(-np.minimum(elapsed_s, GAP_S) / _TIME_CONSTANT_S)[:, None]
        moved = self._smooth_xy + share * (xy - self._smooth_xy)
        smooth_xy = np.where(known[:, None], moved, self._smooth_xy)
        self._smooth_xy = np.where(is_new[:, None], xy, smooth_xy)
        self._anchor_xy[is_new] = xy[is_new]
        self._seen_s[known] = time_s
        if time_s < self._settled_s:
            self._anchor_xy = self._smooth_xy.copy()
        if known.sum() < _FEWEST_POINTS:
            return NOT_KNOWN
        away = self._smooth_xy[known] - self._anchor_xy[known]
        return float(np.hypot(away[:, 0], away[:, 1]).max())

    def drop(self, time_s: float) -> None:
        """Anchor the body anew, where it comes to rest if it does."""
        self._settled_s = time_s + _SETTLES_S
