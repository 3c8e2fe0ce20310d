"""Short gaps in a person's trajectories, filled honestly."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from kinetrace.filtering._runs import Bools, Floats, frame_step_s, runs, tracks
from kinetrace.poses import FloatArray, IntArray, Poses

# Of the lower score of the two measurements beside a gap: what a filled keypoint scores.
_FILLED_SCORE = 0.5
# Of a frame's step: times are rounded, to milliseconds in many containers.
_ROUNDING = 0.1


def fill_gaps(poses: Poses, *, max_gap_s: float = 0.12) -> Poses:
    """Fill gaps of at most `max_gap_s` between measurements; longer ones stay, and so do the ends.

    A gap lasts as long as its missing frames: three of them at 30 frames a second are 0.1 s. It is
    filled by the cubic through the two measurements before and the two after it, or by the line
    between its neighbours where there are not as many.

    A person who was not found at all in such a gap gets rows for it: `bbox_xyxy` is interpolated
    and `bbox_score` is NaN, for nothing scored that box. A filled keypoint scores half of the
    lower of its two neighbours' scores, and the log's entry tells how many were filled
    (``found``).

    Parameters
    ----------
    poses
        Of a film.
    max_gap_s
        The longest gap that is filled; 0 fills nothing.

    Raises
    ------
    ValueError
        If `max_gap_s` is negative.
    """
    if not max_gap_s >= 0:
        raise ValueError(f"max_gap_s must not be negative, got {max_gap_s:g}")
    step_s = frame_step_s(poses)
    # The neighbours of a gap are one step further apart than the gap is long.
    apart_s = max_gap_s + (1 + _ROUNDING) * step_s if max_gap_s > 0 else -np.inf
    wider, inserted = _with_rows(poses, apart_s)
    xy, score = wider.xy.copy(), wider.score.copy()
    xyz_m = None if wider.xyz_m is None else wider.xyz_m.copy()
    for rows in tracks(wider):
        time_s = wider.frame_time_s[wider.frame[rows]]
        xy[rows] = _filled(wider.xy[rows], time_s, apart_s)
        if xyz_m is not None:
            xyz_m[rows] = _filled(xyz_m[rows], time_s, apart_s)
        for start, stop, keypoints in _gaps(wider.xy[rows], time_s, apart_s):
            beside = wider.score[rows[[start - 1, stop]][:, None], keypoints].min(axis=0)
            score[rows[start:stop, None], keypoints] = _FILLED_SCORE * beside
    filled = np.asarray(np.isfinite(xy).all(axis=2) & ~np.isfinite(wider.xy).all(axis=2))
    keep = ~inserted | filled.any(axis=1)
    result = dataclasses.replace(wider, xy=xy, score=score, xyz_m=xyz_m).rows(keep)
    found = {"points": int(filled.sum()), "rows": int((keep & inserted).sum())}
    return result.logged("fill_gaps", {"max_gap_s": float(max_gap_s), "found": found})


def _with_rows(poses: Poses, apart_s: float) -> tuple[Poses, Bools]:
    """Insert empty rows into the short gaps of tracks; return which of all rows those are."""
    parts = [_missing_frames(poses, rows, apart_s) for rows in tracks(poses)]
    frame = np.concatenate([p[0] for p in parts] or [np.empty(0, np.int64)])
    if not len(frame):
        return poses, np.zeros(len(poses), bool)
    before = np.concatenate([p[1] for p in parts])
    after = np.concatenate([p[2] for p in parts])
    time_s = poses.frame_time_s
    start_s, stop_s = time_s[poses.frame[before]], time_s[poses.frame[after]]
    span_s = np.maximum(stop_s - start_s, np.finfo(float).tiny)
    part = ((time_s[frame] - start_s) / span_s)[:, None]
    boxes = (1 - part) * poses.bbox_xyxy[before] + part * poses.bbox_xyxy[after]
    k, nan = len(poses.skeleton), np.float32(np.nan)
    added: dict[str, Any] = {
        "frame": frame,
        "xy": np.full((len(frame), k, 2), nan),
        "score": np.zeros((len(frame), k), np.float32),
        "track_id": poses.track_id[before],
        "bbox_xyxy": boxes.astype(np.float32),
        "bbox_score": np.full(len(frame), nan),
    }
    if poses.xyz_m is not None:
        added["xyz_m"] = np.full((len(frame), k, 3), nan)
    order = np.argsort(np.concatenate([poses.frame, frame]), kind="stable")
    joined: dict[str, Any] = {
        n: np.concatenate([getattr(poses, n), new])[order] for n, new in added.items()
    }
    return dataclasses.replace(poses, **joined), order >= len(poses)


def _missing_frames(
    poses: Poses, rows: IntArray, apart_s: float
) -> tuple[IntArray, IntArray, IntArray]:
    """Return the frames in a track's short gaps, and the rows before and after each of them."""
    frame, time_s = poses.frame[rows], poses.frame_time_s[poses.frame[rows]]
    step_s = np.diff(time_s)
    short = np.flatnonzero((np.diff(frame) > 1) & (step_s >= 0) & (step_s <= apart_s))
    missing = [np.arange(frame[i] + 1, frame[i + 1]) for i in short]
    beside = np.repeat(short, [len(m) for m in missing])
    found = np.concatenate(missing) if missing else np.empty(0, np.int64)
    timed = np.isfinite(poses.frame_time_s[found])
    return found[timed], rows[beside[timed]], rows[beside[timed] + 1]


def _gaps(
    values: FloatArray, time_s: FloatArray, apart_s: float
) -> Iterator[tuple[int, int, IntArray]]:
    """Yield start, stop and keypoints of each gap that is short and has both its neighbours."""
    n = len(values)
    missing = np.asarray(~np.isfinite(values).all(axis=2))
    for start, stop, keypoints in runs(missing, np.array([n])):
        if start > 0 and stop < n and 0 <= time_s[stop] - time_s[start - 1] <= apart_s:
            yield start, stop, keypoints


def _filled(values: FloatArray, time_s: FloatArray, apart_s: float) -> FloatArray:
    """Return the values (n, K, D) of a track with its short gaps filled."""
    result = values.copy()
    for start, stop, keypoints in _gaps(values, time_s, apart_s):
        four = np.array([start - 2, start - 1, stop, stop + 1])
        is_cubic = np.zeros(len(keypoints), bool)
        if start >= 2 and stop + 1 < len(values):
            steps = np.diff(time_s[four])
            if np.all((steps > 0) & (steps <= apart_s)):
                is_cubic = np.isfinite(values[four[:, None], keypoints]).all(axis=(0, 2))
        for nodes, which in ((four, keypoints[is_cubic]), (four[1:3], keypoints[~is_cubic])):
            if len(which):
                weight = _lagrange(time_s[nodes], time_s[start:stop])
                known = values[nodes[:, None], which].astype(np.float64)
                result[start:stop, which] = np.tensordot(weight, known, axes=1)
    return result


def _lagrange(nodes_s: FloatArray, at_s: FloatArray) -> Floats:
    """Return the weights, (m, nodes), of the polynomial through the nodes at some times."""
    weight = np.ones((len(at_s), len(nodes_s)))
    for i, node in enumerate(nodes_s):
        for other in np.delete(nodes_s, i):
            # Two neighbours of a gap at one time are taken half and half.
            weight[:, i] *= (at_s - other) / (node - other) if node != other else 0.5
    return weight
