"""The Butterworth filter of biomechanics, whose cutoff is what it says."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from kinetrace.filtering._runs import Floats, check_cutoff, filter_evenly, frame_step_s, map_runs
from kinetrace.poses import Poses


def butterworth(poses: Poses, *, cutoff_hz: float = 6.0, order: int = 2) -> Poses:
    """Smooth with a Butterworth low-pass that runs forwards and backwards, so has no lag.

    Two passes damp twice. `cutoff_hz` is where both together are at -3 dB (Winter, Biomechanics
    and Motor Control of Human Movement, 4th ed., section 3.4.4.2), so each is designed for a
    higher one: cutoff_hz / 0.802 for order 2, before the bilinear transform's warping.

    Parameters
    ----------
    poses
        Of a film. Runs of at most ``3 (order + 1)`` frames stay as they are.
    cutoff_hz
        A movement of this frequency keeps 71 % of its amplitude.
    order
        Of one pass.

    Raises
    ------
    ValueError
        If the cutoff is not below half of the frame rate, or the order not at least 1.
    """
    if order < 1:
        raise ValueError(f"order must be at least 1, got {order}")
    check_cutoff(poses, cutoff_hz)
    step_s = frame_step_s(poses)

    def both_ways(values: Floats, rate_hz: float) -> Floats:
        from scipy.signal import sosfiltfilt

        sections = _one_pass(cutoff_hz, order, rate_hz)
        settled = math.ceil(4 * rate_hz / cutoff_hz)
        pad = min(max(settled, 3 * (order + 1)), len(values) - 1)
        return np.asarray(sosfiltfilt(sections, values, axis=0, padlen=pad))

    smoothed = map_runs(
        poses,
        lambda run: filter_evenly(run.time_s, run.values, step_s, both_ways),
        min_samples=3 * (order + 1) + 1,
    )
    return smoothed.logged("butterworth", {"cutoff_hz": float(cutoff_hz), "order": int(order)})


@lru_cache(maxsize=64)
def _one_pass(cutoff_hz: float, order: int, rate_hz: float) -> Floats:
    """Return the sections of the filter of which two passes have -3 dB at `cutoff_hz`.

    A pass of order n divides the power by 1 + (w / w0)^2n, where w = tan(pi f / rate) are the
    frequencies of the bilinear transform. Two of them are to divide it by 2, one by its root.
    """
    from scipy.signal import butter

    w = math.tan(math.pi * cutoff_hz / rate_hz) / (math.sqrt(2) - 1) ** (1 / (2 * order))
    design_hz = rate_hz / math.pi * math.atan(w)
    return np.asarray(butter(order, design_hz, fs=rate_hz, output="sos"))
