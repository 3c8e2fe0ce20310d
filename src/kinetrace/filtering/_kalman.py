"""The Kalman smoother, with scores as measurement noise."""

from __future__ import annotations

import math

import numpy as np

from kinetrace.filtering._runs import (
    Floats,
    Run,
    check_cutoff,
    frame_step_s,
    map_runs,
    mean_of_moments,
    merge_moments,
)
from kinetrace.poses import Poses

# A keypoint that scores less than this part of what is usual counts as if it scored this.
_LEAST_SCORE = 0.05


def kalman(poses: Poses, *, cutoff_hz: float = 6.0) -> Poses:
    """Smooth with the Kalman (Rauch-Tung-Striebel) smoother of constant velocity; no lag.

    The model is a point whose velocity is pushed by white noise. Nothing is known of it before
    its first frame. A keypoint's measurement has a standard deviation of 1 / score, and uneven
    times are what they are: nothing is resampled. The smoother of this model is the cubic smoothing
    spline (Wahba 1978; Kohn and Ansley 1987), which is how it is computed: in one banded
    system (Reinsch 1967) in place of two passes of matrices.

    Parameters
    ----------
    poses
        Of a film. Runs of less than 4 frames stay as they are.
    cutoff_hz
        It sets the ratio of the model's noise to the measurements': a movement of this frequency
        keeps 71 % of its amplitude where keypoints score what is usual in their run (the median).

    Raises
    ------
    ValueError
        If the cutoff is not below half of the frame rate.
    """
    check_cutoff(poses, cutoff_hz)
    step_s = frame_step_s(poses)
    stiffness = _stiffness(cutoff_hz, step_s)

    def smoothed(run: Run) -> Floats:
        moment, _ = merge_moments(run.time_s, step_s)
        at_s = mean_of_moments(run.time_s, moment, np.ones(len(moment)))
        if len(at_s) < 4:
            return run.values
        weight = _weights(run.score)
        values = mean_of_moments(run.values, moment, weight)
        starts = np.flatnonzero(np.diff(moment, prepend=-1))
        weight = np.add.reduceat(weight, starts)
        results = [
            smoothing_spline(at_s, values[:, i], weight[:, i], stiffness)
            for i in range(values.shape[1])
        ]
        return np.stack(results, axis=1)[moment]

    return map_runs(poses, smoothed, min_samples=4).logged(
        "kalman", {"cutoff_hz": float(cutoff_hz)}
    )


def _weights(score: Floats) -> Floats:
    """Return the inverse variances of measurements, (n, C): 1 for the usual score of a keypoint."""
    usual = np.median(score, axis=0)
    relative = np.divide(score, usual, out=np.ones_like(score), where=usual > 0)
    return np.maximum(relative, _LEAST_SCORE) ** 2


def _stiffness(cutoff_hz: float, step_s: float) -> float:
    """Return the measurements' variance over the spectral density of acceleration, in s^3.

    The sampled position has the spectrum S = q dt^3 (2 + cos w) / 3 / (2 - 2 cos w)^2, and the
    smoother's response is S / (S + r), which is to be the square root of a half.
    """
    w = 2 * math.pi * cutoff_hz * step_s
    return (math.sqrt(2) - 1) * step_s**3 * (2 + math.cos(w)) / 3 / (2 - 2 * math.cos(w)) ** 2


def smoothing_spline(time_s: Floats, values: Floats, weight: Floats, stiffness: float) -> Floats:
    """Return the g that minimises sum(weight (values - g)^2) + stiffness integral(g''^2).

    Parameters
    ----------
    time_s : (n,)
        Ascending, n >= 3.
    values : (n, D)
    weight : (n,)
        Above 0.
    stiffness
        0 keeps the values, infinity makes a line.

    Returns
    -------
    (n, D)
        At the given times (Reinsch 1967; Green and Silverman 1994, section 2.3.3).
    """
    from scipy.linalg import solveh_banded

    h = np.diff(time_s)
    left, right = 1 / h[:-1], 1 / h[1:]
    middle = -left - right
    spread = stiffness / weight
    banded = np.zeros((3, len(time_s) - 2))  # of R + stiffness Q' W^-1 Q, upper form
    banded[2] = (h[:-1] + h[1:]) / 3
    banded[2] += left**2 * spread[:-2] + middle**2 * spread[1:-1] + right**2 * spread[2:]
    banded[1, 1:] = h[1:-1] / 6
    banded[1, 1:] += right[:-1] * middle[1:] * spread[2:-1] + middle[:-1] * left[1:] * spread[1:-2]
    banded[0, 2:] = right[:-2] * left[2:] * spread[2:-2]
    bend = np.diff(np.diff(values, axis=0) / h[:, None], axis=0)
    second = solveh_banded(banded, bend)
    pull = np.zeros_like(values)
    pull[:-2] += left[:, None] * second
    pull[1:-1] += middle[:, None] * second
    pull[2:] += right[:, None] * second
    return np.asarray(values - spread[:, None] * pull)
