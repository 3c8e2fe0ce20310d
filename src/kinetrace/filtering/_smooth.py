"""Smoothing a tracked film in one call."""

from __future__ import annotations

from typing import get_args

import numpy as np

from kinetrace.choices import Smooth
from kinetrace.filtering._adaptive import adaptive
from kinetrace.filtering._butterworth import butterworth
from kinetrace.filtering._gaps import fill_gaps
from kinetrace.filtering._kalman import kalman
from kinetrace.filtering._one_euro import one_euro
from kinetrace.filtering._outliers import drop_outliers
from kinetrace.filtering._runs import frame_step_s
from kinetrace.filtering._savitzky_golay import savitzky_golay
from kinetrace.poses import Poses


def smooth(
    poses: Poses,
    method: Smooth = "auto",
    *,
    cutoff_hz: float | None = None,
    window_s: float | None = None,
    max_gap_s: float = 0.12,
) -> Poses:
    """Drop outliers, fill short gaps and smooth: what is done to a film by default.

    The steps are `drop_outliers`, `fill_gaps` and the method's own; each is in the log, and
    `replay` does them again. Everybody's trajectories are smoothed by themselves, in pixels and,
    where there is `xyz_m`, in metres. Rows without a track (-1), photos without a clock and single
    frames stay as they are, and so does every measured keypoint's score and everybody's box: it
    is the detection's.

    Parameters
    ----------
    poses
        The frames of one source, tracked.
    method
        ``auto`` is `adaptive`, ``none`` leaves all as it is, the others are the functions of
        those names.
    cutoff_hz
        Of ``butterworth`` and ``kalman``; None is 6 Hz.
    window_s
        Of ``savitzky-golay``; None is 0.3 s.
    max_gap_s
        Longest gap that is filled.

    Raises
    ------
    ValueError
        If there is no such method, it has no such parameter, or the film has too few frames a
        second for it.
    """
    if method not in get_args(Smooth):
        raise ValueError(f"method must be one of {', '.join(get_args(Smooth))}, got {method!r}")
    if cutoff_hz is not None and method not in ("butterworth", "kalman"):
        raise ValueError(f"{method!r} has no cutoff_hz; 'butterworth' and 'kalman' have")
    if window_s is not None and method != "savitzky-golay":
        raise ValueError(f"{method!r} has no window_s; 'savitzky-golay' has")
    if method == "none" or np.isnan(frame_step_s(poses)):
        return poses
    poses = fill_gaps(drop_outliers(poses), max_gap_s=max_gap_s)
    if method == "butterworth":
        return butterworth(poses, cutoff_hz=6.0 if cutoff_hz is None else cutoff_hz)
    if method == "kalman":
        return kalman(poses, cutoff_hz=6.0 if cutoff_hz is None else cutoff_hz)
    if method == "savitzky-golay":
        return savitzky_golay(poses, window_s=0.3 if window_s is None else window_s)
    return one_euro(poses) if method == "one-euro" else adaptive(poses)
