"""What all filters share: a person's trajectories, run by run, on their true times."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from kinetrace.poses import FloatArray, IntArray, Poses, bounds

Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]

# How tall somebody is taken to be where pixels have to be metres, roughly.
BODY_M = 1.7

# Times are not told apart more finely than this.
_TICK_S = 1e-6
# A clock that stands still for so many frames has been stopped: what moves is not joined over it.
_STOPPED_FRAMES = 5
# Frames nearer to each other than this part of a step count as one moment.
_SAME_MOMENT = 0.2
# Times this near to even ones, as parts of a step, are even: containers round to milliseconds.
_EVEN = 0.04
# Keypoints times samples that are filtered at once: a film of hours would fill the memory.
_MOST_VALUES = 1 << 14


def frame_step_s(poses: Poses) -> float:
    """Return the usual time from frame to frame, NaN where no two frames differ in their time.

    It is the mean of the steps that are within a half of the median one: the mean, since a
    container that rounds to milliseconds makes 30 frames a second steps of 33 and 34 ms.
    """
    steps = np.diff(poses.frame_time_s)
    steps = np.sort(steps[steps > _TICK_S])  # NaN is not
    if not len(steps):
        return float("nan")
    middle = steps[(len(steps) - 1) // 2]
    return float(steps[np.abs(steps - middle) <= middle / 2].mean())


def tracks(poses: Poses) -> Iterator[IntArray]:
    """Yield the rows of each tracked person, in the order of the frames.

    Rows without a track (-1) and rows of frames without a time are of nobody.
    """
    timed = np.isfinite(poses.frame_time_s)[poses.frame] if len(poses) else np.zeros(0, bool)
    rows = np.flatnonzero(timed & (poses.track_id >= 0))
    rows = rows[np.argsort(poses.track_id[rows], kind="stable")]
    borders = np.flatnonzero(np.diff(poses.track_id[rows])) + 1
    yield from (part for part in np.split(rows, borders) if len(part))


@dataclass(frozen=True)
class Run:
    """Some keypoints of a person in consecutive frames in which none of them is missing.

    Attributes
    ----------
    time_s : (n,)
        Ascending, though frames may have the same time.
    values : (n, C, D)
        Pixels or metres.
    score : (n, C)
    units_per_m : float
        How much of `values` a metre is, roughly.
    """

    time_s: FloatArray
    values: Floats
    score: Floats
    units_per_m: float


def map_runs(poses: Poses, function: Callable[[Run], Floats], *, min_samples: int) -> Poses:
    """Give `xy` and `xyz_m` of every tracked person new values, each run by itself.

    Runs that are shorter than `min_samples` stay as they are, and so does what is missing.
    """
    changed: dict[str, Any] = {}
    step_s = frame_step_s(poses)
    if np.isnan(step_s):
        return poses
    size_px = person_size_px(poses)
    for name in ("xy", "xyz_m"):
        values = getattr(poses, name)
        if values is None:
            continue
        result = values.copy()
        for rows in tracks(poses):
            time_s = poses.frame_time_s[poses.frame[rows]]
            ends = _ends(time_s, poses.frame[rows], step_s)
            part = values[rows].astype(np.float64)
            units = 1.0 if name == "xyz_m" else _median(size_px[rows]) / BODY_M
            for start, stop, keypoints in runs(np.isfinite(part).all(axis=2), ends):
                if stop - start < min_samples:
                    continue
                for some in _by_size(keypoints, stop - start):
                    score = poses.score[rows[start:stop, None], some].astype(np.float64)
                    run = Run(time_s[start:stop], part[start:stop][:, some], score, units)
                    result[rows[start:stop, None], some] = function(run)
        changed[name] = result
    return dataclasses.replace(poses, **changed)


def _by_size(keypoints: IntArray, samples: int) -> list[IntArray]:
    """Return the keypoints in parts of which a filter's intermediate results are small."""
    parts = -(-len(keypoints) * samples // _MOST_VALUES)
    return np.array_split(keypoints, min(parts, len(keypoints)))


def person_size_px(poses: Poses) -> Floats:
    """Return the longer side of each person's box, (N,), or else of their keypoints' bounds.

    It is NaN where that is nothing or a point.
    """
    is_boxed = np.asarray(np.isfinite(poses.bbox_xyxy).all(axis=1))
    boxes = np.where(is_boxed[:, None], poses.bbox_xyxy, bounds(poses.xy))
    size_px = (boxes[:, 2:] - boxes[:, :2]).max(axis=1).astype(np.float64)
    return np.asarray(np.where(size_px > 0, size_px, np.nan))


def _median(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _ends(time_s: FloatArray, frame: IntArray, step_s: float) -> IntArray:
    """Return the positions at which a run ends whatever is measured, and the length."""
    steps = np.diff(time_s)
    ends = (np.diff(frame) > 1) | (steps < 0) | (steps > _STOPPED_FRAMES * step_s)
    return np.append(np.flatnonzero(ends) + 1, len(time_s))


def runs(present: Bools, ends: IntArray) -> Iterator[tuple[int, int, IntArray]]:
    """Yield start, stop and keypoints of each run: keypoints with the same run come together.

    Parameters
    ----------
    present : (n, K) bool
        What is measured.
    ends : (m,) int
        Positions at which runs end, ascending; the last is n.
    """
    k = present.shape[1]
    first = 0
    for end in ends.tolist():
        edges = np.zeros((k, end - first + 1), np.int8)
        edges[:, :-1] = present[first:end].T
        edges = np.diff(edges, axis=1, prepend=0)
        keypoint, start = np.nonzero(edges == 1)
        stop = np.nonzero(edges == -1)[1]
        found: dict[tuple[int, int], list[int]] = {}
        for key, a, b in zip(keypoint.tolist(), start.tolist(), stop.tolist(), strict=True):
            found.setdefault((first + a, first + b), []).append(key)
        yield from ((a, b, np.array(keys)) for (a, b), keys in found.items())
        first = end


def merge_moments(time_s: FloatArray, step_s: float) -> tuple[IntArray, Bools]:
    """Find frames that are so near in time that they are one.

    Returns
    -------
    moment : (n,) int
        Which moment each frame belongs to, from 0.
    first : (n,) bool
        Whether a frame is the first of its moment.
    """
    first = np.ones(len(time_s), bool)
    first[1:] = np.diff(time_s) > _SAME_MOMENT * step_s
    return np.cumsum(first) - 1, first


def mean_of_moments(values: FloatArray, moment: IntArray, weight: Floats) -> Floats:
    """Return the weighted mean of each moment's values; weights are (n,) or (n, C)."""
    weight = weight.reshape(*weight.shape, *(1,) * (values.ndim - weight.ndim))
    starts = np.flatnonzero(np.diff(moment, prepend=-1))
    total = np.add.reduceat(np.broadcast_to(weight, values.shape), starts)
    return np.asarray(np.add.reduceat(values * weight, starts) / total)


def filter_evenly(
    time_s: FloatArray, values: Floats, step_s: float, function: Callable[[Floats, float], Floats]
) -> Floats:
    """Filter values as if they were evenly spaced in time, and return them at their own times.

    Parameters
    ----------
    time_s : (n,)
        Ascending; frames at (nearly) the same time are averaged, and get the same result.
    values : (n, ...)
        Uneven ones go through a cubic spline to the even times, and back.
    step_s
        About the step of the even times.
    function
        From values (m, ...) and their rate in Hz to values of the same shape.
    """
    moment, first = merge_moments(time_s, step_s)
    at_s = time_s
    if not first.all():
        values = mean_of_moments(values, moment, np.ones(len(time_s)))
        at_s = mean_of_moments(time_s, moment, np.ones(len(time_s)))
    n = round((at_s[-1] - at_s[0]) / step_s) + 1
    if n < 2 or len(at_s) < 2:
        return values[moment]
    even_s = np.linspace(at_s[0], at_s[-1], n)
    if n == len(at_s) and np.abs(at_s - even_s).max() <= _EVEN * step_s:
        return function(values, 1 / step_s)[moment]
    from scipy.interpolate import CubicSpline

    rate_hz = float((n - 1) / (at_s[-1] - at_s[0]))
    filtered = function(CubicSpline(at_s, values)(even_s), rate_hz)
    return np.asarray(CubicSpline(even_s, filtered)(at_s))[moment]


def check_cutoff(poses: Poses, cutoff_hz: float) -> None:
    """Raise ValueError unless the film has more than two frames a period of the cutoff."""
    if not cutoff_hz > 0:
        raise ValueError(f"cutoff_hz must be above 0, got {cutoff_hz:g}")
    rate_hz = 1 / frame_step_s(poses)
    if cutoff_hz >= rate_hz / 2:
        raise ValueError(
            f"a cutoff of {cutoff_hz:g} Hz needs more than {2 * cutoff_hz:g} frames a second, and "
            f"this film has {rate_hz:.4g}: give a cutoff below {rate_hz / 2:.4g} Hz, or use 'auto'"
        )
