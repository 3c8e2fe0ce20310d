"""The offline pass: whole tracks out of pieces, and nobody who is not there."""

from __future__ import annotations

import dataclasses

import numpy as np

from kinetrace.poses import IntArray, Poses
from kinetrace.tracking.association import are_of_one_size, assign
from kinetrace.tracking.bodies import Floats, Ints, middle_of
from kinetrace.tracking.phantoms import phantoms
from kinetrace.tracking.sweep import Pass, sweep
from kinetrace.tracking.tracker import Tracker
from kinetrace.tracking.tracks import UNNAMED, Tracks, predicted

# Two pieces are one if where the first one goes and where the second one comes from are so likely
# to be one place and one velocity (exp of minus half the squared deviations).
_LIKELY = 0.1
# What a prediction leaves out: limbs that moved, boxes that changed. In sizes.
_OFF = 0.1
# How much of a film around a moment tells where people go: after that, how they moved before
# counts for next to nothing.
_AROUND_S = 2.5


def track(
    poses: Poses,
    *,
    confident_score: float = 0.5,
    max_gap_s: float = 2.0,
    min_track_s: float = 0.3,
) -> Poses:
    """Give ids to the people of a whole film.

    `Tracker` over all frames, then `join`. Ids that are there already stay as they are where any
    row has one, and only `join` is done.

    Parameters
    ----------
    poses
        Of a film. Photos, whose times are NaN, come back without ids.
    confident_score
        See `Tracker`.
    max_gap_s, min_track_s
        See `join`.

    Returns
    -------
    Poses
        With ids from 0, in order of appearance; without phantoms.

    Raises
    ------
    ValueError
        If a score is outside 0..1 or a time is negative.
    """
    if (poses.track_id == UNNAMED).all():
        tracker = Tracker(confident_score=confident_score)
        parts = [tracker.update(poses.frames(i, i + 1)) for i in range(len(poses.frame_time_s))]
        ids = np.concatenate([np.empty(0, np.int64), *(part.track_id for part in parts)])
        poses = dataclasses.replace(poses, track_id=ids).logged("track", tracker.parameters)
    return join(poses, max_gap_s=max_gap_s, min_track_s=min_track_s)


def join(poses: Poses, *, max_gap_s: float = 2.0, min_track_s: float = 0.3) -> Poses:
    """Make whole tracks of the ids that `Tracker` gave, looking both ways in time.

    Rows without an id that continue a track, or lead up to it, get its id. Tracks over a gap are
    joined where the motion from both sides meets and the sizes fit. What
    `kinetrace.tracking.phantoms` calls a phantom is dropped, and so are, in a film, rows that are
    nobody's in the end. Ids are numbered from 0 in order of appearance.

    Parameters
    ----------
    poses
        Of a film, with ids; -1 where there is none.
    max_gap_s
        The longest gap that is joined over.
    min_track_s
        Whoever is seen for a shorter time has to score high.

    Returns
    -------
    Poses
        Perhaps fewer rows; every frame stays. The log has an entry ``join``.

    Raises
    ------
    ValueError
        If a time is negative.
    """
    for name, value in (("max_gap_s", max_gap_s), ("min_track_s", min_track_s)):
        if not value >= 0:
            raise ValueError(f"{name} must not be negative, got {value}")
    track_id: Ints = np.array(poses.track_id, np.int64)
    undecided = _undecided(poses, max_gap_s)
    part = poses.rows(undecided)
    back = sweep(part, part.track_id, towards="beginning")
    there = sweep(part, back.track_id, towards="end")
    names, ids = _chained(there, sweep(part, there.track_id, towards="beginning"), max_gap_s)
    track_id[undecided] = there.track_id
    track_id = _renamed(track_id, names, ids)
    timed = np.isfinite(poses.frame_time_s[poses.frame])
    dropped = phantoms(poses, track_id, min_track_s=min_track_s)
    dropped |= timed & (track_id == UNNAMED) & _is_film(poses, min_track_s)
    kept = dataclasses.replace(poses, track_id=track_id).rows(~dropped)
    kept = dataclasses.replace(kept, track_id=_by_appearance(kept.track_id))
    parameters = {
        "max_gap_s": max_gap_s,
        "min_track_s": min_track_s,
        "rows_dropped": int(dropped.sum()),
    }
    return kept.logged("join", parameters)


def _undecided(poses: Poses, max_gap_s: float) -> Ints:
    """Return the rows at which something is to be decided, and those that tell what.

    Around a row that is nobody's, and around the end and the beginning of tracks that may be one:
    in the hours between, where everybody has an id, there is nothing to join.
    """
    time_s = poses.frame_time_s[poses.frame]
    timed = np.isfinite(time_s)
    known = np.flatnonzero(timed & (poses.track_id != UNNAMED))
    names, first = np.unique(poses.track_id[known], return_index=True)
    begins_s = time_s[known[first]]
    ends_s = begins_s.copy()
    np.maximum.at(ends_s, np.searchsorted(names, poses.track_id[known]), time_s[known])
    gap_s = begins_s[None] - ends_s[:, None]
    one, other = np.nonzero((gap_s > 0) & (gap_s <= max_gap_s))
    loose_s = time_s[timed & (poses.track_id == UNNAMED)]
    asked_s = np.sort(np.concatenate([ends_s[one], begins_s[other], loose_s]))
    after = np.searchsorted(asked_s, time_s - _AROUND_S)
    until = np.searchsorted(asked_s, time_s + _AROUND_S, side="right")
    return np.flatnonzero(timed & (after < until))


def _is_film(poses: Poses, min_track_s: float) -> bool:
    """Tell whether there are frames enough for anybody to be confirmed."""
    time_s = poses.frame_time_s[np.isfinite(poses.frame_time_s)]
    return len(time_s) >= 3 and float(np.ptp(time_s)) >= min_track_s


def _chained(there: Pass, back: Pass, max_gap_s: float) -> tuple[Ints, Ints]:
    """Return the ids of all pieces, and for each the id of the piece that it continues."""
    ends, starts = there.last, back.last
    n = len(ends)
    first, second, value = _candidates(ends, starts, max_gap_s)
    if not len(first):  # as in most films: not worth an import
        return ends.track_id, ends.track_id

    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(first)), (first, second + n)), shape=(2 * n, 2 * n))
    _, group = connected_components(links, directed=False)
    ids = ends.track_id.copy()
    next_of = np.full(n, -1)
    order = np.argsort(group[first], kind="stable")
    bounds = np.flatnonzero(np.diff(group[first][order])) + 1
    for part in np.split(order, bounds) if len(order) else ():
        a, row = np.unique(first[part], return_inverse=True)
        b, column = np.unique(second[part], return_inverse=True)
        table = np.zeros((len(a), len(b)))
        table[row, column] = value[part]
        i, j = assign(table, _LIKELY)
        next_of[a[i]] = b[j]
    # In order of time, so that a chain has one name.
    for i in np.argsort(ends.seen_s, kind="stable"):
        if next_of[i] >= 0:
            ids[next_of[i]] = ids[i]
    return ends.track_id, ids


def _candidates(ends: Tracks, starts: Tracks, max_gap_s: float) -> tuple[Ints, Ints, Floats]:
    """Return pairs of a piece and one that may continue it, and how likely that is."""
    begins_s = -starts.seen_s
    order = np.argsort(begins_s, kind="stable")
    sorted_s = begins_s[order]
    found: list[tuple[Ints, Ints, Floats]] = [(np.empty(0, np.int64),) * 2 + (np.empty(0),)]
    cuts_s = _cuts(ends.seen_s, begins_s)
    for i in range(len(ends)):
        end_s = float(ends.seen_s[i])
        low = np.searchsorted(sorted_s, end_s, side="right")
        high = np.searchsorted(sorted_s, end_s + max_gap_s, side="right")
        j = np.sort(order[low:high])
        is_cut = np.isin(end_s, cuts_s)
        if not len(j) or is_cut:
            continue
        likely = _likely(ends[np.full(len(j), i)], starts[j], (begins_s[j] - end_s) / 2)
        keep = likely >= _LIKELY
        found.append((np.full(int(keep.sum()), i), j[keep], likely[keep]))
    first, second, value = (np.concatenate(of) for of in zip(*found, strict=True))
    return first, second, value


def _cuts(ends_s: Floats, begins_s: Floats) -> Floats:
    """Return the times at which several people vanish together and nobody goes on: before a cut."""
    times, count = np.unique(ends_s, return_counts=True)
    several = times[count >= 2]
    alive = (begins_s[None] <= several[:, None]) & (ends_s[None] > several[:, None])
    return several[~alive.any(axis=1)]


def _likely(before: Tracks, after: Tracks, half_s: Floats) -> Floats:
    """Return how likely P pairs meet in the middle of their gaps."""
    a = predicted(before, before.seen_s + half_s)
    b = predicted(after, after.seen_s + half_s)
    size_px = (before.body.size_px + after.body.size_px) / 2
    with np.errstate(invalid="ignore"):
        place = _squared(middle_of(a.box_xyxy) - middle_of(b.box_xyxy), size_px)
        # Behind the gap, time runs the other way.
        speed = _squared(a.motion.velocity + b.motion.velocity, size_px)
    spread, speed_spread = (a.motion.variance + b.motion.variance)[:, [0, 2]].T
    likely = np.exp(-(place / (spread + _OFF**2) + speed / speed_spread) / 2)
    one_size = np.diagonal(are_of_one_size(before.body.size_px, after.body.size_px))
    return np.where(one_size, np.nan_to_num(likely), 0)


def _squared(apart_px: Floats, size_px: Floats) -> Floats:
    return np.asarray(np.square(apart_px / size_px[:, None]).sum(axis=1))


def _renamed(track_id: Ints, names: Ints, ids: Ints) -> Ints:
    out = track_id.copy()
    named = np.isin(track_id, names)
    out[named] = ids[np.searchsorted(names, track_id[named])]
    return out


def _by_appearance(track_id: IntArray) -> Ints:
    """Return the ids numbered from 0, in the order in which they come."""
    out: Ints = np.array(track_id, np.int64)
    known = out != UNNAMED
    names, first, which = np.unique(out[known], return_index=True, return_inverse=True)
    rank = np.empty(len(names), np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(names))
    out[known] = rank[which]
    return out
