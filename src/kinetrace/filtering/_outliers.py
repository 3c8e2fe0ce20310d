"""What is no measurement: keypoints of low scores, and those that leap away and back."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from kinetrace.filtering._runs import Bools, Floats, Run, frame_step_s, map_runs
from kinetrace.poses import FloatArray, Poses

_MAD_TO_SIGMA = 1.4826  # of a normal distribution


def drop_low_scores(poses: Poses, min_score: float) -> Poses:
    """Make the keypoints that score less than `min_score` missing: NaN, with a score of 0.

    Raises
    ------
    ValueError
        If `min_score` is not within 0..1.
    """
    if not 0 <= min_score <= 1:
        raise ValueError(f"min_score must be within 0..1, got {min_score}")
    low = poses.score < np.float32(min_score)
    found = {"points": int((low & np.isfinite(poses.xy).all(axis=2)).sum())}
    return _without(poses, low).logged(
        "drop_low_scores", {"min_score": float(min_score), "found": found}
    )


def drop_outliers(
    poses: Poses,
    *,
    window_s: float = 0.2,
    n_sigmas: float = 3.0,
    max_acceleration_m_per_s2: float = 150.0,
) -> Poses:
    """Make keypoints missing that leap away and back faster than anybody can move.

    An outlier is one by the Hampel identifier (Hampel 1974; Davies and Gather 1993): it is further
    from the median of its window than `n_sigmas` of the window's median absolute deviation. That
    alone would take the top off a fast movement of few frames, so it must also be out of reach:
    whoever accelerates by at most a is within a T^2 / 8 of the line between two places they are
    at T apart, here those measured before and after the outlier.

    Parameters
    ----------
    poses
        Of a film. What is dropped gets a score of 0; its `xyz_m` goes with it, while an outlier
        in space alone leaves the pixels. What a run begins or ends with stays.
    window_s
        It is rounded to an odd number of frames, and to seven at least. Outliers that last for
        more than half of it stay.
    n_sigmas
        Distance from the median, in standard deviations.
    max_acceleration_m_per_s2
        What people can do: the fist of a punch comes near it. In pixels, the longer side of the
        person's box is taken for 1.7 m.

    Raises
    ------
    ValueError
        If a parameter is not above 0.
    """
    parameters = {
        "window_s": float(window_s),
        "n_sigmas": float(n_sigmas),
        "max_acceleration_m_per_s2": float(max_acceleration_m_per_s2),
    }
    for name, value in parameters.items():
        if not value > 0:
            raise ValueError(f"{name} must be above 0, got {value:g}")
    step_s = frame_step_s(poses)
    half = 3 if np.isnan(step_s) else max(3, round(window_s / step_s / 2))

    def without_outliers(run: Run) -> Floats:
        values = run.values.copy()
        for i in range(values.shape[1]):
            strange = hampel(values[:, i], half, n_sigmas)
            if strange.any():
                needed = _acceleration(run.time_s, values[:, i], strange)
                limit = max_acceleration_m_per_s2 * run.units_per_m
                values[strange & (needed > limit), i] = np.nan
        return values

    cleaned = map_runs(poses, without_outliers, min_samples=4)
    dropped: Bools = np.any(np.isnan(cleaned.xy) & np.isfinite(poses.xy), axis=2)
    found = {"points": int(dropped.sum())}
    return _without(cleaned, dropped).logged("drop_outliers", {**parameters, "found": found})


def hampel(values: Floats, half: int, n_sigmas: float) -> Bools:
    """Find what the Hampel identifier calls outliers.

    Parameters
    ----------
    values : (n, D)
        Points; the medians are of each coordinate, the deviations are distances.
    half
        Frames to either side. Near the ends the window is the first or the last whole one.
    n_sigmas
        Threshold.

    Returns
    -------
    (n,) bool
    """
    n = len(values)
    width = min(2 * half + 1, n)
    windows = sliding_window_view(values, width, axis=0)  # (n - width + 1, D, width)
    at = np.clip(np.arange(n) - half, 0, n - width)
    center = np.median(windows, axis=2)
    deviation = np.linalg.norm(windows - center[:, :, None], axis=1)
    spread = _MAD_TO_SIGMA * np.median(deviation, axis=1)
    return np.asarray(np.linalg.norm(values - center[at], axis=1) > n_sigmas * spread[at])


def _acceleration(time_s: FloatArray, values: Floats, strange: Bools) -> Floats:
    """Return what acceleration, (n,), it takes at least to get to each strange point and back.

    It is 0 where there is no usual point before it or none after it: nobody came back.
    """
    usual = np.flatnonzero(~strange)
    at = np.flatnonzero(strange)
    after = np.searchsorted(usual, at)
    at = at[(after > 0) & (after < len(usual))]
    after = np.searchsorted(usual, at)
    before, after = usual[after - 1], usual[after]
    span_s = time_s[after] - time_s[before]
    span_s = np.maximum(span_s, np.finfo(np.float64).eps)  # two frames may have one time
    part = ((time_s[at] - time_s[before]) / span_s)[:, None]
    expected = (1 - part) * values[before] + part * values[after]
    needed = np.zeros(len(values))
    needed[at] = 8 * np.linalg.norm(values[at] - expected, axis=1) / span_s**2
    return needed


def _without(poses: Poses, missing: Bools) -> Poses:
    """Make some keypoints, (N, K), missing."""
    xyz_m = poses.xyz_m
    return dataclasses.replace(
        poses,
        xy=np.where(missing[:, :, None], np.float32(np.nan), poses.xy),
        score=np.where(missing, np.float32(0), poses.score),
        xyz_m=None if xyz_m is None else np.where(missing[:, :, None], np.float32(np.nan), xyz_m),
    )
