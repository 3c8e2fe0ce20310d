"""The Savitzky-Golay filter."""

from __future__ import annotations

import numpy as np

from kinetrace.filtering._runs import Floats, filter_evenly, frame_step_s, map_runs
from kinetrace.poses import Poses


def savitzky_golay(poses: Poses, *, window_s: float = 0.3, degree: int = 3) -> Poses:
    """Smooth by fitting a polynomial around each frame (Savitzky and Golay 1964); no lag.

    It keeps the height and the width of peaks up to its degree, and damps little above them.

    Parameters
    ----------
    poses
        Of a film. Runs that are shorter than the window stay as they are.
    window_s
        Time that a fit sees. It is rounded to an odd number of frames.
    degree
        Of the polynomial.

    Raises
    ------
    ValueError
        If the window holds too few frames for the degree to smooth anything.
    """
    step_s = frame_step_s(poses)
    if degree < 0 or not window_s > 0:
        raise ValueError(f"degree {degree} and window_s {window_s:g} must not be negative or 0")
    if np.isnan(step_s):
        return poses.logged("savitzky_golay", {"window_s": float(window_s), "degree": int(degree)})
    frames = 2 * round((window_s / step_s - 1) / 2) + 1
    least = (degree + 2) | 1  # the first odd number that leaves the fit something to smooth
    if frames < least:
        raise ValueError(
            f"a window of {window_s:g} s is {max(frames, 1)} frames at {1 / step_s:.4g} a second; "
            f"degree {degree} needs {least}: give a window of {least * step_s:.2g} s or more"
        )

    def fitted(values: Floats, _rate_hz: float) -> Floats:
        from scipy.signal import savgol_filter

        if len(values) < frames:
            return values
        return np.asarray(savgol_filter(values, frames, degree, axis=0, mode="interp"))

    smoothed = map_runs(
        poses,
        lambda run: filter_evenly(run.time_s, run.values, step_s, fitted),
        min_samples=frames,
    )
    parameters = {"window_s": float(window_s), "degree": int(degree)}
    return smoothed.logged("savitzky_golay", parameters)
