"""One pass over a film with ids: rows without one that belong to a track, and its last motion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np

from kinetrace.poses import IntArray, Poses
from kinetrace.tracking.appearance import colours
from kinetrace.tracking.association import assign, similarity
from kinetrace.tracking.bodies import (
    Bodies,
    Ints,
    bodies_of,
    has_keypoint,
    lies_on,
    sigmas_of,
)
from kinetrace.tracking.tracks import UNNAMED, Tracks, joined, predicted, replaced, seen, tracks_of

# A row without an id is a track's if it is so much like what the track should be by then.
_ALIKE = 0.35
# A track that has not been seen for longer takes no row.
_LINK_S = 0.5


class Pass(NamedTuple):
    """What one pass over a film has found.

    Attributes
    ----------
    track_id : (N,)
        Of each row.
    last
        Each track when last seen; in a pass from the end, times and velocities are negative.
    """

    track_id: Ints
    last: Tracks


def sweep(poses: Poses, track_id: IntArray, *, towards: Literal["end", "beginning"]) -> Pass:
    """Follow tracks that are known, and give them the rows that nobody has.

    Parameters
    ----------
    poses
        Of a film.
    track_id : (N,)
        Its ids; -1 is nobody's.
    towards
        Which way time runs.
    """
    sigmas, mirror = sigmas_of(poses.skeleton), poses.skeleton.mirror
    given: Ints = np.array(track_id, np.int64)
    ended: list[Tracks] = []
    nobody = poses.rows(np.empty(0, np.int64))
    live = tracks_of(bodies_of(nobody, colours(None, nobody)), 0.0)
    for time_s, rows, body in _frames(poses, towards):
        ids = given[rows]
        stays = live.seen_s >= time_s - _LINK_S
        if not stays.all():
            ended, live = [*ended, live[~stays]], live[stays]
        known = ids != UNNAMED
        if not known.all():
            absent = live[~np.isin(live.track_id, ids)]
            loose = np.flatnonzero(~known)
            loose = loose[~lies_on(body[loose], body[known], sigmas, mirror).any(axis=1)]
            expected = predicted(absent, time_s)
            alike = similarity(expected, absent.body.size_px, body[loose], sigmas)
            track, row = assign(alike, _ALIKE)
            ids[loose[row]] = absent.track_id[track]
            given[rows] = ids
        live = _updated(live, body, ids, time_s)
    return Pass(given, _once(ended, live))


def _frames(
    poses: Poses, towards: Literal["end", "beginning"]
) -> Iterator[tuple[float, Ints, Bodies]]:
    """Yield time, rows and people of the frames that have a time and people."""
    body = bodies_of(poses, colours(None, poses))
    good = has_keypoint(poses) & np.isfinite(poses.frame_time_s[poses.frame])
    rows = np.flatnonzero(good)
    starts = np.flatnonzero(np.diff(poses.frame[rows], prepend=-1))
    # A clock that was set back counts as one that stood still.
    time_s = np.fmax.accumulate(poses.frame_time_s)
    groups = np.split(rows, starts[1:]) if len(rows) else []
    for group in groups if towards == "end" else reversed(groups):
        now_s = float(time_s[poses.frame[group[0]]])
        yield (now_s if towards == "end" else -now_s), group, body[group]


def _updated(live: Tracks, body: Bodies, ids: Ints, time_s: float) -> Tracks:
    """Return the tracks after a frame in which each id is at most once."""
    row_of = {int(track_id): i for i, track_id in enumerate(ids) if track_id != UNNAMED}
    which = np.array(
        [i for i, track_id in enumerate(live.track_id) if int(track_id) in row_of], np.int64
    )
    rows = np.array([row_of.pop(int(track_id)) for track_id in live.track_id[which]], np.int64)
    again = seen(live[which], predicted(live[which], time_s), body[rows], time_s)
    live = replaced(live, which, again)
    new = np.array(list(row_of.values()), np.int64)
    begun = tracks_of(body[new], time_s)
    begun.track_id[:] = ids[new]
    return joined(live, begun)


def _once(ended: list[Tracks], live: Tracks) -> Tracks:
    """Return each track as it was last, in order of the ids."""
    everything = live
    for part in reversed(ended):
        if len(part):
            everything = joined(everything, part)
    _, first = np.unique(everything.track_id, return_index=True)
    return everything[first]
