"""Turning points of a signal, and where between the samples they lie. Arrays only."""

from __future__ import annotations

import numpy as np

from kinetrace.poses import FloatArray, IntArray


def turning_points(
    values: FloatArray, *, least: float, least_at_end: float
) -> tuple[IntArray, IntArray]:
    """Find the maxima and minima of a signal that ripples do not make.

    Parameters
    ----------
    values : (M,)
        Without NaN.
    least
        How far the signal must come back from an extremum for it to count. Maxima and minima
        alternate.
    least_at_end
        The same towards the first and the last sample, where the signal was cut.

    Returns
    -------
    maxima, minima : (A,), (B,) int64
        Ascending positions, never the first or the last sample.
    """
    found: dict[int, list[int]] = {1: [], -1: []}
    heading = 0  # 1: rising since the last extremum, -1: falling, 0: not known yet
    high = low = 0
    for i in _candidates(values):
        high = i if heading >= 0 and values[i] > values[high] else high
        low = i if heading <= 0 and values[i] < values[low] else low
        if heading >= 0 and values[high] - values[i] >= least:
            if heading or values[high] - values[0] >= least_at_end:
                found[1].append(high)
            heading, low = -1, i
        elif heading <= 0 and values[i] - values[low] >= least:
            if heading or values[0] - values[low] >= least_at_end:
                found[-1].append(low)
            heading, high = 1, i
    if heading == 1 and values[high] - values[-1] >= least_at_end:
        found[1].append(high)
    if heading == -1 and values[-1] - values[low] >= least_at_end:
        found[-1].append(low)
    return np.array(found[1], dtype=np.int64), np.array(found[-1], dtype=np.int64)


def _candidates(values: FloatArray) -> list[int]:
    """Return the positions of all local extrema, and both ends."""
    if len(values) < 3:
        return list(range(len(values)))
    turns = np.sign(np.diff(values))
    inside = np.flatnonzero(turns[1:] != turns[:-1]) + 1
    return [0, *inside.tolist(), len(values) - 1]


def between_samples(values: FloatArray, at: int) -> float:
    """Return the position of an extremum between the samples: the vertex of a parabola.

    Parameters
    ----------
    values : (M,)
        The signal, smooth.
    at
        The sample that is the extremum.
    """
    if not 0 < at < len(values) - 1:
        return float(at)
    before, peak, after = (float(v) for v in values[at - 1 : at + 2])
    bend = before - 2 * peak + after
    shift = 0.5 * (before - after) / bend if bend else 0.0
    return at + float(np.clip(shift, -0.5, 0.5))


def runs(is_in: np.typing.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the stretches ``[start, stop)`` of samples that are True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_in, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
