"""From events to steps: times, phases of the gait cycle, and lengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kinetrace.measures._gait_bouts import LONGEST_STEP_S, SHORTEST_STEP_S, Bout
from kinetrace.measures._gait_events import Event, confidence
from kinetrace.measures._gait_signals import SIDES, Signals

NAN = float("nan")
COLUMNS = (
    *("track_id", "frame", "time_s", "bout", "direction", "side"),
    *("toe_off_s", "step_time_s", "stride_time_s", "stance_s", "stance_percent"),
    *("swing_s", "swing_percent", "single_support_s", "single_support_percent"),
    *("double_support_s", "double_support_percent"),
    *("step_length_px", "step_length_m", "speed_m_per_s", "confidence"),
)


def steps_of(signals: Signals, bout: Bout, *, px_per_m: float) -> list[dict[str, Any]]:
    """Return a row for each heel strike of a bout.

    Parameters
    ----------
    signals
        Of the person.
    bout
        Of steps.
    px_per_m
        Scale of the picture; NaN where it is not known.
    """
    strikes = bout.of("heel_strike")
    rows = []
    for i, strike in enumerate(strikes):
        row: dict[str, Any] = {
            "frame": signals.frame_at(strike.time_s),
            "time_s": strike.time_s,
            "direction": "right" if bout.way > 0 else "left",
            "side": strike.side,
            **_lengths(signals, bout, strike),
            **_cycle(signals, bout, strike),
            "confidence": confidence(signals, strike),
        }
        row["step_time_s"] = _step_time_s(signals, strikes[i - 1] if i else None, strike)
        row["step_length_m"] = row["step_length_px"] / px_per_m
        row["speed_m_per_s"] = _way_px(signals, bout, row) / px_per_m / row["step_time_s"]
        rows.append(row)
    return rows


def _step_time_s(signals: Signals, before: Event | None, strike: Event) -> float:
    """Return the time since the other foot's heel strike, if nothing was missed between them."""
    if before is None or before.side == strike.side:
        return NAN
    time_s = strike.time_s - before.time_s
    is_step = SHORTEST_STEP_S <= time_s <= LONGEST_STEP_S
    return time_s if is_step and _is_unbroken(signals, before, strike) else NAN


def _cycle(signals: Signals, bout: Bout, strike: Event) -> dict[str, float]:
    """Return the phases of the gait cycle that begins with a heel strike."""
    other = next(side for side in SIDES if side != strike.side)
    end = _next_strike(signals, bout, strike)
    off = _first(bout.of("toe_off", strike.side), strike, end)
    off = off if off and _is_foot_unbroken(signals, strike, off) else None
    other_strike = _first(bout.of("heel_strike", other), strike, end)
    other_off = _first(bout.of("toe_off", other), strike, other_strike)
    stride_s, stance_s = _between(strike, end), _between(strike, off)
    single_s = _between(other_off, other_strike)
    # Both feet are down from this heel strike to the other's toe off, and once more from the
    # other's heel strike to this toe off: what stance is, less single support.
    double_s = stance_s - single_s
    seconds = {
        "stance": stance_s,
        "swing": stride_s - stance_s,
        "single_support": single_s,
        "double_support": double_s,
    }
    return {
        "toe_off_s": off.time_s if off else NAN,
        "stride_time_s": stride_s,
        **{f"{name}_s": value for name, value in seconds.items()},
        **{f"{name}_percent": 100 * value / stride_s for name, value in seconds.items()},
    }


def _next_strike(signals: Signals, bout: Bout, strike: Event) -> Event | None:
    """Return the heel strike that ends this foot's cycle, if none was missed."""
    after = [e for e in bout.of("heel_strike") if e.time_s > strike.time_s]
    end = next((e for e in after if e.side == strike.side), None)
    if end is None or not _is_foot_unbroken(signals, strike, end):
        return None
    between = [e for e in after if e.time_s < end.time_s]
    is_seen = _is_unbroken(signals, strike, end)
    is_stride = 2 * SHORTEST_STEP_S <= _between(strike, end) <= 2 * LONGEST_STEP_S
    return end if is_stride and (len(between) == 1 or not is_seen) else None


def _first(events: Sequence[Event], after: Event, before: Event | None) -> Event | None:
    """Return the first event after one, and before another where there is one."""
    inside = [e for e in events if after.time_s < e.time_s]
    if not inside or (before is not None and inside[0].time_s >= before.time_s):
        return None
    return inside[0]


def _between(start: Event | None, end: Event | None) -> float:
    return NAN if start is None or end is None else end.time_s - start.time_s


def _is_unbroken(signals: Signals, start: Event, end: Event) -> bool:
    """Tell whether both feet were seen all the time between two events."""
    return all(_is_seen(signals, side, start, end) for side in SIDES)


def _is_foot_unbroken(signals: Signals, start: Event, end: Event) -> bool:
    return _is_seen(signals, start.side, start, end)


def _is_seen(signals: Signals, side: str, start: Event, end: Event) -> bool:
    span = slice(start.sample, end.sample + 1)
    foot = signals.heel_xy[side][span] + signals.toe_xy[side][span] + signals.pelvis_xy[span]
    return bool(np.isfinite(foot).all())


def _way_px(signals: Signals, bout: Bout, row: dict[str, Any]) -> float:
    """Return how far the body came in a step.

    That is how far the pelvis came in the picture, and the length of the step where the pelvis
    does not come on (treadmill, or a camera that goes along).
    """
    if np.isnan(row["step_time_s"]):
        return NAN
    moments = np.array([row["time_s"] - row["step_time_s"], row["time_s"]])
    start, end = np.interp(moments, signals.time_s, signals.pelvis_xy[:, 0])
    way_px, step_px = bout.way * float(end - start), float(row["step_length_px"])
    return way_px if way_px > 0.5 * step_px else step_px


def _lengths(signals: Signals, bout: Bout, strike: Event) -> dict[str, float]:
    """Return how far the heel is ahead of the other heel."""
    heel_x = {side: signals.heel_xy[side][strike.sample, 0] for side in SIDES}
    other = next(side for side in SIDES if side != strike.side)
    return {"step_length_px": bout.way * float(heel_x[strike.side] - heel_x[other])}
