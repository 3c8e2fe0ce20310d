"""Directions, angles and means over time: the arithmetic under the measures, arrays only.

Missing is NaN, and what is made of a missing point is NaN.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]


def midpoint(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Return the points halfway between two; NaN where either is missing."""
    return np.asarray((np.asarray(a, np.float64) + np.asarray(b, np.float64)) / 2)


def distance(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Return the lengths between points (..., D)."""
    return np.asarray(np.linalg.norm(np.subtract(b, a), axis=-1))


def cross(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Return the cross products of vectors (..., 2): positive for a turn from x towards y.

    In pixels, where y points down, that is clockwise as one sees it.
    """
    u, v = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return np.asarray(u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0])


def wrap_deg(angle_deg: npt.ArrayLike, lowest_deg: float = -180.0) -> Floats:
    """Return the same directions as angles in ``(lowest, lowest + 360]``."""
    angle = np.asarray(angle_deg, dtype=np.float64)
    highest = lowest_deg + 360
    wrapped = highest - np.mod(highest - angle, 360)
    # Just above the lowest, the modulo rounds to 360 itself.
    return np.asarray(np.where(wrapped <= lowest_deg, highest, wrapped))


def unwrap_deg(angle_deg: npt.ArrayLike) -> Floats:
    """Return an angle over time that never jumps by a whole turn.

    Parameters
    ----------
    angle_deg : (T,)
        NaN where it is missing.

    Returns
    -------
    (T,) float64
        Each value is the one of its whole turns that is closest to the median of the three before
        it, so that a single wrong frame moves nothing but itself. The median of all is within
        ``(-180, 180]``; what turns over twice covers 720 degrees.
    """
    wrapped = wrap_deg(angle_deg)
    known = np.flatnonzero(np.isfinite(wrapped))
    if not len(known):
        return wrapped
    followed: list[float] = []
    for angle in wrapped[known].tolist():
        recent = sorted(followed[-3:]) or [angle]
        near = recent[len(recent) // 2]
        followed.append(near + (angle - near + 180) % 360 - 180)
    middle = float(np.median(followed))
    result = wrapped.copy()
    result[known] = np.array(followed) + np.round(wrap_deg(middle) - middle)
    return result


def direction_deg(vector: npt.ArrayLike) -> Floats:
    """Return the directions of vectors (..., 2) as angles in (-180, 180], from x towards y.

    NaN for a vector without length, or with a missing end.
    """
    given = np.asarray(vector, dtype=np.float64)
    angle = np.degrees(np.arctan2(given[..., 1], given[..., 0]))
    return np.where((given == 0).all(axis=-1), np.nan, wrap_deg(angle))


def unit(vector: npt.ArrayLike) -> Floats:
    """Return vectors (..., D) of length 1; NaN for those without length."""
    given = np.asarray(vector, np.float64)
    length = np.linalg.norm(given, axis=-1, keepdims=True)
    return np.asarray(given / np.where(length > 0, length, np.nan))


def included_deg(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Return the angles between vectors (..., D), 0 to 180.

    By the half-angle form, which is exact for nearly parallel vectors too (Kahan, How futile are
    mindless assessments of roundoff, 2006, section 12).
    """
    u, v = unit(a), unit(b)
    apart, along = np.linalg.norm(u - v, axis=-1), np.linalg.norm(u + v, axis=-1)
    return np.asarray(np.degrees(2 * np.arctan2(apart, along)))


def windowed_mean(time_s: npt.ArrayLike, values: npt.ArrayLike, window_s: float) -> Floats:
    """Return the mean of the values in a window of time about each one.

    Parameters
    ----------
    time_s : (T,)
        Ascending; without a clock (NaN) each value stands for itself.
    values : (T,)
        NaN is passed over.
    window_s
        The whole width of the window; both its ends belong to it.

    Returns
    -------
    (T,) float64
        NaN where the window holds no value.
    """
    time, given = np.asarray(time_s, np.float64), np.asarray(values, np.float64)
    if not len(time) or not np.all(np.isfinite(time)):
        return given.copy()
    slack = 1e-9 * window_s  # times of a film are sums: both ends are in, or neither
    low = np.searchsorted(time, time - window_s / 2 - slack, side="left")
    high = np.searchsorted(time, time + window_s / 2 + slack, side="right")
    known = np.isfinite(given)
    # Sums are taken about the median, so that little is lost to rounding.
    middle = np.median(given[known]) if known.any() else 0.0
    total = np.concatenate([[0.0], np.cumsum(np.where(known, given - middle, 0.0))])
    count = np.concatenate([[0], np.cumsum(known)])
    number = count[high] - count[low]
    mean = (total[high] - total[low]) / np.where(number > 0, number, np.nan)
    return np.asarray(mean + middle)
