"""Where feet turn round: what may be heel strikes and toe offs, by the published methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from kinetrace.measures._gait_extrema import between_samples, runs, turning_points
from kinetrace.measures._gait_signals import RATE_HZ, SIDES, Signals
from kinetrace.poses import FloatArray, IntArray

Method: TypeAlias = Literal["zeni", "oconnor"]
Kind: TypeAlias = Literal["heel_strike", "toe_off"]

# A foot that goes to and fro by less than this part of the leg's length, 8 cm for an adult, sways.
LEAST_SWING = 0.1
# Nor does one that swings by less than this part of what it usually does: the estimator slipped.
_PART_OF_SWING = 0.4
# Where the film is cut, an extremum cannot show the whole of its far flank.
LEAST_AT_CUT = 0.02
# How far from the foremost (rearmost) position O'Connor's events are looked for.
_WINDOW_S = 0.1


@dataclass(frozen=True)
class Event:
    """A moment of a foot.

    Attributes
    ----------
    kind
        ``heel_strike`` (initial contact) or ``toe_off``.
    side
        ``left`` or ``right``: the person's own.
    time_s
        When.
    sample
        The nearest sample of the signals.
    """

    kind: Kind
    side: str
    time_s: float
    sample: int


def find_candidates(signals: Signals, *, least_at_cut: float = LEAST_AT_CUT) -> list[Event]:
    """Find where feet turn round in front of the pelvis, and behind it.

    Heel foremost and toe rearmost relative to the pelvis: the coordinate method of Zeni, Richards
    and Higginson, Two simple methods for determining gait events during treadmill and overground
    walking using kinematic data, Gait & Posture 27, 2008. Not every turn is a step: somebody may
    march on the spot. See `_gait_bouts`.

    Parameters
    ----------
    signals
        Of one person.
    least_at_cut
        How far a foot must have turned back, in leg's lengths, where the film begins and ends.

    Returns
    -------
    list of Event
        In the order of their time.
    """
    events = [
        event
        for side in SIDES
        for way in (1, -1)
        for start, stop in runs(_is_usable(signals, side, way))
        for event in _turns(signals, side, way, slice(start, stop), least_at_cut)
    ]
    return sorted(events, key=lambda event: event.time_s)


def retime(signals: Signals, event: Event, method: Method) -> Event | None:
    """Place an event by another method than Zeni's; None where that one finds none.

    Parameters
    ----------
    signals
        Of the person.
    event
        Of `find_candidates`.
    method
        ``zeni``: as it is. ``oconnor``: see `measure`.
    """
    return event if method == "zeni" else _oconnor(signals, event)


def _is_usable(signals: Signals, side: str, way: int) -> npt.NDArray[np.bool_]:
    is_seen = np.isfinite(signals.heel_xy[side] + signals.toe_xy[side] + signals.pelvis_xy)
    return np.asarray(is_seen.all(axis=1) & signals.is_sagittal & (signals.facing == way))


def _turns(signals: Signals, side: str, way: int, part: slice, least_at_cut: float) -> list[Event]:
    heel = way * signals.ahead_px(signals.heel_xy[side])[part] / signals.leg_px
    toe = way * signals.ahead_px(signals.toe_xy[side])[part] / signals.leg_px
    foremost, _ = _swings(heel, least_at_cut)
    _, rearmost = _swings(toe, least_at_cut)
    strikes = (part.start + between_samples(heel, i) for i in foremost)
    offs = (part.start + between_samples(toe, i) for i in rearmost)
    return [
        *(_event("heel_strike", side, signals, at) for at in strikes),
        *(_event("toe_off", side, signals, at) for at in offs),
    ]


def _swings(ahead: FloatArray, least_at_cut: float) -> tuple[IntArray, IntArray]:
    """Return where a foot turns back and where it turns forward."""
    maxima, minima = turning_points(ahead, least=LEAST_SWING, least_at_end=least_at_cut)
    turns = np.sort(np.concatenate([maxima, minima]))
    if len(turns) < 3:
        return maxima, minima
    usual = float(np.percentile(np.abs(np.diff(ahead[turns])), 75))
    least = max(LEAST_SWING, _PART_OF_SWING * usual)
    return turning_points(ahead, least=least, least_at_end=least_at_cut)


def _oconnor(signals: Signals, event: Event) -> Event | None:
    """Foot's centre fastest downwards (heel strike), and fastest upwards (toe off).

    O'Connor et al., Automatic detection of gait events using kinematic data, Gait & Posture 25,
    2007. They tell the extrema that are events from those that are not by the height of the heel;
    here it is the greatest near the event by Zeni, which holds for a foot of any shape.
    """
    reach = round(_WINDOW_S * RATE_HZ)
    first = max(event.sample - reach, 1)
    foot = (signals.heel_xy[event.side] + signals.toe_xy[event.side])[:, 1]
    speed = np.gradient(foot[first - 1 : event.sample + reach + 2])
    curve = speed if event.kind == "heel_strike" else -speed
    if len(curve) < 3 or not np.isfinite(curve).all():
        return None
    best = int(np.argmax(curve))
    if best in (0, len(curve) - 1):
        return None
    return _event(event.kind, event.side, signals, first - 1 + between_samples(curve, best))


def _event(kind: Kind, side: str, signals: Signals, at: float) -> Event:
    return Event(kind, side, float(signals.time_s[0] + at / RATE_HZ), round(at))


def confidence(signals: Signals, event: Event) -> float:
    """Return how well hips and foot were seen about an event, 0..1.

    The mean score of their keypoints within a tenth of a second, where a missing one counts as 0:
    its meaning is the backend's.
    """
    frame_s = float(np.median(np.diff(signals.frame_time_s)))
    near = np.abs(signals.frame_time_s - event.time_s) <= max(0.1, frame_s)
    seen: FloatArray = signals.seen[event.side][near]
    return float(seen.mean()) if len(seen) else 0.0
