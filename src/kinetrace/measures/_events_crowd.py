"""People who stand close together."""

from __future__ import annotations

import numpy as np

from kinetrace.geometry import distance
from kinetrace.measures._events_bodies import Bodies
from kinetrace.poses import IntArray

# Whoever looks a quarter larger is a quarter nearer to the camera: not beside the other one.
_MOST_UNLIKE = 1.25


def largest_crowd(bodies: Bodies, rows: IntArray, heights: float) -> IntArray:
    """Return which people of a frame are in its largest crowd.

    Parameters
    ----------
    bodies
        Of a film.
    rows : (M,)
        Those of one frame.
    heights
        People belong together whose trunks are nearer than this, in body heights, and who look
        equally tall but for a quarter; and so does whoever belongs to one of them.

    Returns
    -------
    (C,) int64
        Of `rows`; empty where nobody's size and place are known.
    """
    is_known = np.isfinite(bodies.size_px[rows]) & np.isfinite(bodies.trunk_xy[rows, 0])
    known = np.asarray(rows[is_known])
    if not len(known):
        return known
    size_px, xy = bodies.size_px[known], bodies.trunk_xy[known]
    mean_px = (size_px[:, None] + size_px) / 2
    unlike = np.maximum(size_px[:, None] / size_px, size_px / size_px[:, None])
    is_near = (distance(xy[:, None], xy) <= heights * mean_px) & (unlike <= _MOST_UNLIKE)
    crowd = np.arange(
        len(known)
    )  # everybody takes the least number among those near, again and again
    while True:
        least = np.where(is_near, crowd, len(known)).min(axis=1)
        if np.array_equal(least, crowd):
            return np.asarray(known[crowd == np.bincount(crowd).argmax()])
        crowd = least
