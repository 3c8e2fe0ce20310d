"""How fast a trunk sinks, and which descent ended on the floor."""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

from kinetrace.measures._events_spells import NOT_KNOWN

# Speed is a mean over so long: three frames at 10 a second, and noise of 3 px is 5 % of it.
_WINDOW_S = 0.3
# From the fastest moment back to the start, and on to the floor. A rod of 1.75 m takes 1.4 s to tip
# over, from 3 degrees on.
_BEFORE_S, _AFTER_S = 1.5, 2.0
# Somebody seems to lie so long before the fastest moment, at most: when the trunk is at 37 degrees.
_EARLY_S = 1.0
# Nearer than this to the highest or the lowest, in body heights, it has not begun, or is over.
_NEAR_HEIGHTS = 0.05
# A rod of 1.75 m takes 0.5 s from there to there, and 0.8 s with 0.4 of gravity. Whoever lies down,
# or goes to the floor for push-ups, takes longer, by way of a squat or a seat.
_LONGEST_S = 1.0
# So far the hips go down at least: from a chair 0.2, from standing 0.4; in a sit-up not at all.
_HIPS_HEIGHTS = 0.12


class Descent(NamedTuple):
    """The trunk going down.

    Attributes
    ----------
    start_s, end_s
        When it left its height, and when it had lost it.
    peak_heights_per_s
        The fastest.
    """

    start_s: float
    end_s: float
    peak_heights_per_s: float


class _Moment(NamedTuple):
    time_s: float
    trunk_x_px: float
    trunk_y_px: float
    hips_y_px: float
    speed_heights_per_s: float


class Sinking:
    """The heights of a person's trunk and hips over the last seconds.

    Parameters
    ----------
    least_heights_per_s
        A faster descent may be a fall.
    keep_s
        How long after a descent it may be asked for.
    """

    def __init__(self, least_heights_per_s: float, keep_s: float) -> None:
        self._least, self._keep_s = least_heights_per_s, _BEFORE_S + _AFTER_S + keep_s
        self._moments: deque[_Moment] = deque()
        self._peak: _Moment | None = None
        self.down_heights_per_s = self.heights_per_s = NOT_KNOWN

    def update(
        self, time_s: float, trunk_xy_px: tuple[float, float], hips_y_px: float, size_px: float
    ) -> None:
        """Take the places of a frame in which they are known.

        Sets how fast the trunk sinks, `down_heights_per_s`, and moves, `heights_per_s`: a mean over
        the last 0.3 s, NaN at first.
        """
        x, y = trunk_xy_px
        last_x, last_y = self._trunk_xy_px(time_s - _WINDOW_S)
        speed = (y - last_y) / _WINDOW_S / size_px
        self.down_heights_per_s = speed
        self.heights_per_s = math.hypot(x - last_x, y - last_y) / _WINDOW_S / size_px
        moment = _Moment(time_s, x, y, hips_y_px, speed)
        self._moments.append(moment)
        while self._moments[0].time_s < time_s - self._keep_s:
            self._moments.popleft()
        if self._peak and time_s - self._peak.time_s > self._keep_s - _BEFORE_S:
            self._peak = None
        if speed >= self._least and self._is_next_peak(moment):
            self._peak = moment

    def before(self, lying_since_s: float, size_px: float) -> Descent | None:
        """Return the fall after which somebody lies, if there was one."""
        peak = self._peak
        if peak is None or not -_EARLY_S <= lying_since_s - peak.time_s <= _AFTER_S:
            return None
        return self._descent(peak, size_px)

    def at_last(self, size_px: float) -> Descent | None:
        """Return the fall in the middle of which somebody was seen last, if it was one."""
        peak = self._peak
        if peak is None or self._moments[-1].time_s - peak.time_s > _AFTER_S:
            return None
        return self._descent(peak, size_px)

    def forget(self) -> None:
        """Forget the fastest descent: it has been told, or was none."""
        self._peak = None

    def _trunk_xy_px(self, time_s: float) -> tuple[float, float]:
        """Return where the trunk was, NaN before it was seen; over a gap it went evenly."""
        later: _Moment | None = None
        for moment in reversed(self._moments):
            if moment.time_s <= time_s:
                share = 0.0
                if later is not None:
                    share = (time_s - moment.time_s) / (later.time_s - moment.time_s)
                later = later or moment
                return (
                    moment.trunk_x_px + share * (later.trunk_x_px - moment.trunk_x_px),
                    moment.trunk_y_px + share * (later.trunk_y_px - moment.trunk_y_px),
                )
            later = moment
        return NOT_KNOWN, NOT_KNOWN

    def _is_next_peak(self, moment: _Moment) -> bool:
        """Tell whether it is faster than the descent known so far, or belongs to another one."""
        peak = self._peak
        return (
            peak is None
            or moment.speed_heights_per_s >= peak.speed_heights_per_s
            or moment.time_s - peak.time_s > _AFTER_S
        )

    def _descent(self, peak: _Moment, size_px: float) -> Descent | None:
        """Return the descent about its fastest moment, if it was that of a fall."""
        near_px = _NEAR_HEIGHTS * size_px
        before = [m for m in self._moments if 0 <= peak.time_s - m.time_s <= _BEFORE_S]
        after = [m for m in self._moments if 0 <= m.time_s - peak.time_s <= _AFTER_S]
        highest_px = min(_without_glitches([m.trunk_y_px for m in before]))
        lowest_px = max(_without_glitches([m.trunk_y_px for m in after]))
        start = next(m for m in reversed(before) if m.trunk_y_px <= highest_px + near_px)
        end = next(m for m in after if m.trunk_y_px >= lowest_px - near_px)
        is_deep = end.hips_y_px - start.hips_y_px >= _HIPS_HEIGHTS * size_px
        if not is_deep or end.time_s - start.time_s > _LONGEST_S:
            return None
        return Descent(start.time_s, end.time_s, peak.speed_heights_per_s)


def _without_glitches(values: list[float]) -> list[float]:
    """Return the medians of three in a row; fewer stay as they are."""
    threes = zip(values, values[1:], values[2:], strict=False)
    return [sorted(three)[1] for three in threes] or values
