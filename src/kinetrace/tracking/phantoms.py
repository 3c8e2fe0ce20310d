"""Who is not there: people whom the detector has made up, by the rules below."""

from __future__ import annotations

import numpy as np

from kinetrace.poses import Poses
from kinetrace.tracking.appearance import colours
from kinetrace.tracking.bodies import Bodies, Bools, Floats, Ints, bodies_of, lies_on, sigmas_of
from kinetrace.tracking.tracks import UNNAMED

# The mean confidence of a track: below the first it is nobody however long it is; below the
# second, if it is short.
NOBODY, _NOBODY_IF_SHORT = 0.4, 0.65
# Somebody found twice: in so many of the frames, the pose lies on that of a better track.
_TWICE = 0.5
# Half of the keypoints of one cannot lie on another's if their boxes are further apart, in sizes.
_NEAR = 0.25


def phantoms(poses: Poses, track_id: Ints, *, min_track_s: float) -> Bools:
    """Tell which rows are of tracks of nobody.

    A track is nobody's if its mean confidence (`kinetrace.tracking.bodies.Bodies`) is below 0.4;
    if it is below 0.65 and the track is shorter than `min_track_s`, unless the film begins or ends
    meanwhile; or if in half of its frames it lies on the pose of a longer track.

    Parameters
    ----------
    poses
        Of a film.
    track_id : (N,)
        Ids; rows of -1 are not judged, nor those whose time is NaN.
    min_track_s
        What is short.

    Returns
    -------
    (N,) bool
    """
    known = (track_id != UNNAMED) & np.isfinite(poses.frame_time_s[poses.frame])
    names, which = np.unique(track_id[known], return_inverse=True)
    if not len(names):
        return np.zeros(len(poses), bool)
    rows = np.flatnonzero(known)
    count = np.bincount(which)
    judged = poses.rows(rows)
    body = bodies_of(judged, colours(None, judged))
    mean = np.bincount(which, body.confidence) / count
    first_s, last_s = _spans(poses, rows, which)
    at_edge = (first_s <= np.nanmin(poses.frame_time_s)) | (last_s >= np.nanmax(poses.frame_time_s))
    short = (last_s - first_s < min_track_s) & ~at_edge
    nobody = (mean < NOBODY) | (short & (mean < _NOBODY_IF_SHORT))
    nobody |= _found_twice(poses, rows, body, which, count * mean) >= _TWICE * count
    out = np.zeros(len(poses), bool)
    out[rows] = nobody[which]
    return out


def _spans(poses: Poses, rows: Ints, which: Ints) -> tuple[Floats, Floats]:
    time_s = poses.frame_time_s[poses.frame[rows]]
    names = int(which.max()) + 1
    first_s, last_s = np.full(names, np.inf), np.full(names, -np.inf)
    np.minimum.at(first_s, which, time_s)
    np.maximum.at(last_s, which, time_s)
    return first_s, last_s


def _found_twice(poses: Poses, rows: Ints, body: Bodies, which: Ints, worth: Floats) -> Floats:
    """Return in how many rows each track lies on one that is worth more."""
    sigmas, mirror = sigmas_of(poses.skeleton), poses.skeleton.mirror
    twice = np.zeros(len(worth))
    frame = poses.frame[rows]
    margin_px = _NEAR * body.size_px[:, None]
    low, high = body.box_xyxy[:, :2] - margin_px, body.box_xyxy[:, 2:] + margin_px
    for group in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(frame)) + 1):
        near = (low[group][:, None] <= high[group]).all(axis=2)
        near &= near.T & ~np.eye(len(group), dtype=bool)
        if near.any():
            here = body[group]
            better = worth[which[group]][None] > worth[which[group]][:, None]
            lies = (lies_on(here, here, sigmas, mirror) & better).any(axis=1)
            np.add.at(twice, which[group], lies)
    return twice
