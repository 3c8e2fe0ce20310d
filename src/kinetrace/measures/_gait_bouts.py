"""Which turns of the feet are walking: bouts of steps in one direction.

A foot that bears a walking body stays where it is on the floor, or on the belt of a treadmill.
Seen from the pelvis it travels back steadily, low, under an upright body, while the other foot
swings. Someone who marches on the spot, sits down, squats, jumps or pedals does not do that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from kinetrace.measures._gait_events import Event, Method, retime
from kinetrace.measures._gait_signals import SIDES, Signals
from kinetrace.poses import FloatArray

# Bounds of human walking and running, wide on purpose: 40 to 240 steps a minute.
SHORTEST_STEP_S, LONGEST_STEP_S = 0.25, 1.5

# Share of the way back that the middle half of stance takes: 0.5 for a foot on a belt that runs
# steadily, 0 for one that has come down and waits.
_STEADY = 0.25
# Height above stance, in leg's lengths, of a heel that strikes and of a toe that leaves the floor.
# It is below 0.05 in walking (Winter 1992), and 0.1 more for an ankle that stands for a toe.
_LOW, _LOW_ANKLE = 0.15, 0.25
# The pelvis stays this high above the lower foot, in leg's lengths; sitting on a chair has 0.5.
_UPRIGHT = 0.7
# By this part of its way back the other foot comes forward meanwhile: all of it in walking.
_SWINGS_AHEAD = 0.3
# So much higher is the foot in the swing than in stance, on average, in leg's lengths: the heel
# alone rises to 0.25 m (Winter 1992), which is 0.07 on average.
_CLEARANCE = 0.02
# The pelvis must not go back by more than this part of the foot's way: that is walking backwards.
_RETREAT = 0.3


@dataclass(frozen=True)
class Bout:
    """Steps in one direction without a pause.

    Attributes
    ----------
    events
        In the order of their time.
    way
        1: to the right of the picture, -1: to the left.
    """

    events: tuple[Event, ...]
    way: int

    def of(self, kind: str, side: str = "") -> list[Event]:
        """Return the events of a kind, of one side or of both."""
        return [e for e in self.events if e.kind == kind and side in ("", e.side)]


def find_bouts(signals: Signals, candidates: Sequence[Event]) -> list[Bout]:
    """Keep the events that are walking, and put those together that follow each other.

    Parameters
    ----------
    signals
        Of one person.
    candidates
        As `find_candidates` gives them.

    Returns
    -------
    list of Bout
        In the order of their time; each has two heel strikes at the least.
    """
    paired, sound = _judge(signals, candidates)
    loose = [e for e in candidates if e not in paired]
    # A film may begin or end in mid-stance: such an event is believed beside one that is sound.
    kept = sound | {e for e in loose if any(_follow(signals, e, other) for other in sound)}
    bouts = [Bout(tuple(part), _way(signals, part[0])) for part in _split(signals, kept)]
    return [b for b in bouts if _is_walk(signals, b) and _is_most(b, candidates)]


def in_order(signals: Signals, bout: Bout) -> Bout:
    """Return a bout of walking without toe offs that come before the other foot is down.

    Only runners do that; of a walker they are what the end of a film, or a bad frame, makes.
    """
    kept: list[Event] = []
    last: Event | None = None  # heel strike
    for event in bout.events:
        is_flight = last is not None and event.kind == "toe_off" and event.side == last.side
        if last is not None and is_flight and _is_seen(signals, last, event):
            continue
        last = event if event.kind == "heel_strike" else last
        kept.append(event)
    return Bout(tuple(kept), bout.way)


def _is_seen(signals: Signals, start: Event, end: Event) -> bool:
    """Tell whether both heels were seen all the time between two events."""
    span = slice(start.sample, end.sample + 1)
    return all(bool(np.isfinite(signals.heel_xy[side][span, 0]).all()) for side in SIDES)


def retimed(signals: Signals, bout: Bout, method: Method) -> Bout:
    """Return a bout with its events placed by another method; without those it does not find."""
    events = (retime(signals, event, method) for event in bout.events)
    found = sorted((e for e in events if e is not None), key=lambda e: e.time_s)
    return Bout(tuple(found), bout.way)


def is_running(bout: Bout) -> bool:
    """Tell whether feet are on the ground for less than half of their strides.

    That is what tells running from walking (Alexander, Energy-saving mechanisms in walking and
    running, Journal of Experimental Biology 160, 1991: the duty factor).
    """
    shares = []
    for side in SIDES:
        own = [e for e in bout.events if e.side == side]
        for strike, off, end in zip(own[:-2], own[1:-1], own[2:], strict=True):
            if (strike.kind, off.kind, end.kind) == ("heel_strike", "toe_off", "heel_strike"):
                shares.append((off.time_s - strike.time_s) / (end.time_s - strike.time_s))
    return bool(shares) and float(np.median(shares)) < 0.5


def _judge(signals: Signals, candidates: Sequence[Event]) -> tuple[set[Event], set[Event]]:
    """Return the events of whole stances, and those of them that are stances in walking."""
    paired: set[Event] = set()
    sound: set[Event] = set()
    for side in SIDES:
        own = [None, *(e for e in candidates if e.side == side), None]
        for before, strike, off, after in zip(own, own[1:], own[2:], own[3:], strict=False):
            if strike is None or off is None or not _follow(signals, strike, off):
                continue
            if (strike.kind, off.kind) != ("heel_strike", "toe_off"):
                continue
            is_sound = is_stance(signals, strike, off) and not _is_dragged(
                signals, before, strike, off, after
            )
            sound |= {strike, off} if is_sound else set()
            # What comes last may be the end of the film: then it says nothing of the heel strike.
            paired |= {strike, off} if after else {off}
    return paired, sound


def is_stance(signals: Signals, strike: Event, off: Event) -> bool:
    """Tell whether a foot bears a walking body from its heel strike to its toe off."""
    way, span = _way(signals, strike), slice(strike.sample, off.sample + 1)
    heel = signals.heel_xy[strike.side]
    ahead = way * signals.ahead_px(heel)[span]
    if len(ahead) < 5 or not np.isfinite(ahead).all():
        return False
    travel = ahead[0] - ahead[-1]
    quarter = len(ahead) // 4
    low_toe = _LOW_ANKLE if signals.is_by_ankle else _LOW
    pelvis_x = way * signals.pelvis_xy[span, 0]
    return bool(
        travel > 0
        and ahead[quarter] - ahead[-1 - quarter] >= _STEADY * travel
        and pelvis_x[-1] - pelvis_x[0] >= -_RETREAT * travel
        and _lift(signals, heel[span, 1], 0) <= _LOW
        and _lift(signals, signals.toe_xy[off.side][span, 1], -1) <= low_toe
        and np.nanmin(signals.extension()[span]) >= _UPRIGHT
        and not _comes_along(signals, strike, off, travel)
    )


def _lift(signals: Signals, stance_y: FloatArray, at: int) -> float:
    """Return the height of a sample above the lower part of stance, in leg's lengths."""
    return float(np.percentile(stance_y, 75) - stance_y[at]) / signals.leg_px


def _comes_along(signals: Signals, strike: Event, off: Event, travel: float) -> bool:
    """Tell whether the other foot does not swing ahead while this one goes back."""
    other = next(side for side in SIDES if side != strike.side)
    start, end = signals.ahead_px(signals.heel_xy[other])[[strike.sample, off.sample]]
    way = _way(signals, strike)
    return bool(way * (end - start) < _SWINGS_AHEAD * travel)  # NaN is not: it is not seen


def _is_dragged(
    signals: Signals, before: Event | None, strike: Event, off: Event, after: Event | None
) -> bool:
    """Tell whether the foot is no higher in its swing, the next or the last, than in stance."""
    if after is not None and after.kind == "heel_strike":
        swing = slice(off.sample, after.sample)
    elif before is not None and before.kind == "toe_off":
        swing = slice(before.sample, strike.sample)
    else:
        return False
    foot_y = (signals.heel_xy[off.side] + signals.toe_xy[off.side])[:, 1] / 2
    # y points down. NaN, for the foot is not seen in a long gap, is not below either.
    clearance = foot_y[strike.sample : off.sample].mean() - foot_y[swing].mean()
    return bool(clearance < _CLEARANCE * signals.leg_px)


def _follow(signals: Signals, one: Event, other: Event) -> bool:
    """Tell whether two events belong to one stretch of walking in one direction."""
    first, last = sorted((one.sample, other.sample))
    ways = signals.facing[first : last + 1]
    longest_s = LONGEST_STEP_S if one.side != other.side else 2 * LONGEST_STEP_S
    is_near = abs(one.time_s - other.time_s) <= longest_s
    return bool(is_near and np.all(ways == ways[0]) and signals.is_sagittal[first : last + 1].all())


def _split(signals: Signals, events: Iterable[Event]) -> list[list[Event]]:
    """Cut events into stretches where one does not follow the one before."""
    parts: list[list[Event]] = []
    for event in sorted(events, key=lambda e: e.time_s):
        if parts and _follow(signals, parts[-1][-1], event):
            parts[-1].append(event)
        else:
            parts.append([event])
    return parts


def _is_walk(signals: Signals, bout: Bout) -> bool:
    """Tell whether both feet step, as far as both are seen, and there is more than one step."""
    strikes = bout.of("heel_strike")
    if len(strikes) < 2:
        return False
    stepping = {e.side for e in strikes}
    span = slice(strikes[0].sample, strikes[-1].sample + 1)
    return all(side in stepping or np.isnan(signals.heel_xy[side][span]).any() for side in SIDES)


def _is_most(bout: Bout, candidates: Iterable[Event]) -> bool:
    """Tell whether most that feet did in a bout, and just before and after it, was stepping."""
    start_s = bout.events[0].time_s - LONGEST_STEP_S
    end_s = bout.events[-1].time_s + LONGEST_STEP_S
    near = [e for e in candidates if start_s <= e.time_s <= end_s]
    return 2 * len(bout.events) > len(near)


def _way(signals: Signals, event: Event) -> int:
    return int(signals.facing[event.sample])
