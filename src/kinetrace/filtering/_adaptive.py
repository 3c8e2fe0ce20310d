"""The smoothing that adapts to how somebody moves: what ``auto`` is."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise

import numpy as np

from kinetrace.filtering._runs import BODY_M, Floats, Run, filter_evenly, frame_step_s, map_runs
from kinetrace.poses import Poses

# Slower than the first is always kept. Up to the second there is what people usually do, and up
# to the third what the fastest of it needs.
_CUTOFFS_HZ = (0.75, 6.0, 12.0)
# Energies, as multiples of the noise's, at which a band begins to open and is open.
_CLOSED, _OPEN = 2.0, 4.0
# Time over which the energy of a band is averaged (standard deviation of a Gaussian).
_AVERAGED_S = 0.12
# The noise is looked for in the quietest part of the time: this quantile of the energy, ...
_QUIET = 0.25
# ... which is so much of the mean for noise alone (chi-squared of about ten degrees of freedom),
_QUIET_OF_MEAN = 0.65
# and below the reference band it may be denser than there by so much: it is not quite white.
_MOST_COLOURED = 2.0
# What no estimator resolves, of a person's size: 2.6 mm. People who annotate the same eye in one
# picture differ by several times as much (the sigmas of Object Keypoint Similarity).
_UNRESOLVED = 0.0015
# Up to so many frames a filter is a matrix that is kept: films with many gaps have many short runs.
_SHORT = 64


def adaptive(poses: Poses) -> Poses:
    """Smooth hard what stands still, and hardly what moves; no lag.

    Two zero-lag low-passes split each keypoint's movement: below 0.75 Hz is kept, and of 0.75 to
    6 Hz, and of 6 to 12 Hz, as much as stands out from noise there and then. That is an
    empirical Wiener filter with firm thresholds (Ghael, Sayeed and Baraniuk 1997; Gao and Bruce
    1997). The level of the noise is that of the quietest quarter of the run above 6 Hz (above a
    quarter of the frame rate for slow cameras), as in minimum statistics (Martin 2001), so there
    is nothing to set: neither pixels nor people's sizes nor frame rates.

    Parameters
    ----------
    poses
        Of a film. Runs of less than 4 frames stay as they are, and so does a film of less than
        1.7 frames a second.
    """
    step_s = frame_step_s(poses)

    def smoothed(run: Run) -> Floats:
        unresolved = _UNRESOLVED * BODY_M * run.units_per_m
        return filter_evenly(
            run.time_s,
            run.values,
            step_s,
            lambda values, rate_hz: shrink_bands(values, rate_hz, unresolved),
        )

    return map_runs(poses, smoothed, min_samples=4).logged("adaptive", {})


def shrink_bands(values: Floats, rate_hz: float, unresolved: float) -> Floats:
    """Return points without what is noise.

    Parameters
    ----------
    values : (n, C, D)
        Evenly spaced in time.
    rate_hz
        Of the frames.
    unresolved
        Standard deviation below which all is noise, in units of the values; NaN where not known.
    """
    origin = values[:1]
    cutoffs_hz = tuple(c for c in _CUTOFFS_HZ if c < 0.45 * rate_hz)
    if not cutoffs_hz:
        return values
    result, *quicker = _levels(values - origin, cutoffs_hz, rate_hz)
    density = _noise_density(values - origin, rate_hz)
    gains = _gains(cutoffs_hz, rate_hz)
    least = values.shape[2] * np.nan_to_num(unresolved) ** 2
    slower = result
    for level, gain in zip(quicker, gains, strict=True):
        band = level - slower
        energy = _energy(band, rate_hz)
        white = density * gain
        noise = np.quantile(energy, _QUIET, axis=0) / _QUIET_OF_MEAN
        noise = np.maximum(np.clip(noise, white, _MOST_COLOURED * white), least)
        opening = (energy - _CLOSED * noise) / np.maximum((_OPEN - _CLOSED) * noise, 1e-300)
        result = result + np.clip(opening, 0, 1)[:, :, None] * band
        slower = level
    return np.asarray(origin + result)


def _levels(values: Floats, cutoffs_hz: tuple[float, ...], rate_hz: float) -> list[Floats]:
    """Return the low-passed values, and those themselves where there is little above the last."""
    levels = [low_pass(values, cutoff_hz, rate_hz) for cutoff_hz in cutoffs_hz]
    return levels if rate_hz > 3 * _CUTOFFS_HZ[-1] else [*levels, values]


@lru_cache(maxsize=64)
def _gains(cutoffs_hz: tuple[float, ...], rate_hz: float) -> list[float]:
    """Return how much of the variance of white noise each band lets through."""
    impulse = _impulse(cutoffs_hz[0], rate_hz)
    levels = _levels(impulse, cutoffs_hz, rate_hz)
    return [float(((level - slower) ** 2).sum()) for slower, level in pairwise(levels)]


def _impulse(cutoff_hz: float, rate_hz: float) -> Floats:
    half = math.ceil(2 * rate_hz / cutoff_hz)
    return np.where(np.arange(-half, half + 1) == 0, 1.0, 0.0)[:, None, None]


def _noise_density(values: Floats, rate_hz: float) -> Floats:
    """Return the variance (C,) that the noise had if it were as white as in its highest band."""
    quiet = np.quantile(_energy(_highest(values, rate_hz), rate_hz), _QUIET, axis=0)
    return np.asarray(quiet / _QUIET_OF_MEAN / _highest_gain(rate_hz))


def _highest(values: Floats, rate_hz: float) -> Floats:
    """Return what is between 6 and 12 Hz, or in the upper half of what a slow camera sees."""
    low_hz, high_hz = min(6.0, rate_hz / 4), 12.0
    high = low_pass(values, high_hz, rate_hz) if high_hz < 0.45 * rate_hz else values
    return high - low_pass(values, low_hz, rate_hz)


@lru_cache(maxsize=64)
def _highest_gain(rate_hz: float) -> float:
    return float((_highest(_impulse(1.0, rate_hz), rate_hz) ** 2).sum())


def _energy(band: Floats, rate_hz: float) -> Floats:
    """Return the local energy (n, C) of a band (n, C, D)."""
    from scipy.ndimage import gaussian_filter1d

    energy = (band**2).sum(axis=2)
    return np.asarray(gaussian_filter1d(energy, _AVERAGED_S * rate_hz, axis=0, mode="nearest"))


def low_pass(values: Floats, cutoff_hz: float, rate_hz: float) -> Floats:
    """Return values (n, ...) without what is faster than the cutoff, where they are at -3 dB.

    Gaussian-weighted local lines (Fan and Gijbels 1996, chapter 3), so that nothing is bent at the
    ends; and once more on what they left over (Tukey's twicing), so that a peak keeps its height:
    the response is 1 - (1 - g)^2, flat at 0 to the fourth order.
    """
    if len(values) <= _SHORT:
        return np.tensordot(_matrix(len(values), cutoff_hz, rate_hz), values, axes=1)
    return _low_passed(values, cutoff_hz, rate_hz)


@lru_cache(maxsize=512)
def _matrix(n: int, cutoff_hz: float, rate_hz: float) -> Floats:
    return _low_passed(np.eye(n), cutoff_hz, rate_hz)


def _low_passed(values: Floats, cutoff_hz: float, rate_hz: float) -> Floats:
    g = 1 - math.sqrt(1 - math.sqrt(0.5))
    deviation = math.sqrt(-math.log(g) / 2) / (math.pi * cutoff_hz) * rate_hz
    lines = _local_lines(values, deviation)
    return lines + _local_lines(values - lines, deviation)


def _local_lines(values: Floats, deviation: float) -> Floats:
    """Return where lines fitted around each sample pass it; `deviation` is in samples."""
    from scipy.ndimage import correlate1d

    offset = np.arange(-math.ceil(4 * deviation), math.ceil(4 * deviation) + 1)
    kernel = np.exp(-0.5 * (offset / deviation) ** 2)
    kernel /= kernel.sum()
    flat = values.reshape(len(values), -1)

    def moment(x: Floats, power: int) -> Floats:
        return np.asarray(correlate1d(x, kernel * offset**power, axis=0, mode="constant"))

    weight = [moment(np.ones((len(values), 1)), power) for power in (0, 1, 2)]
    determinant = weight[0] * weight[2] - weight[1] ** 2
    fitted = (weight[2] * moment(flat, 0) - weight[1] * moment(flat, 1)) / determinant
    return np.asarray(fitted.reshape(values.shape))
