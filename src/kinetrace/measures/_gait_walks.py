"""From poses to each person's bouts of walking, or the sentence that says why there are none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

import numpy as np

from kinetrace.filtering._runs import frame_step_s
from kinetrace.measures import people
from kinetrace.measures._gait_bouts import Bout, find_bouts, in_order, is_running, retimed
from kinetrace.measures._gait_events import LEAST_AT_CUT, Event, Method, find_candidates
from kinetrace.measures._gait_signals import SIDES, Signals, make_signals
from kinetrace.poses import Poses

# A quick step of 0.25 s has four frames then, and the low-pass of 5 Hz is near half of the rate.
LOWEST_FPS = 15.0


@dataclass(frozen=True)
class Walks:
    """What was found of one person.

    Attributes
    ----------
    track_id
        Whose.
    poses
        Their rows.
    signals
        None where nothing can be measured.
    bouts
        Of steps.
    notes
        What could not be measured, and why.
    """

    track_id: int
    poses: Poses
    signals: Signals | None
    bouts: tuple[Bout, ...]
    notes: tuple[str, ...]


def find_walks(
    poses: Poses,
    *,
    method: Method = "zeni",
    cutoff_hz: float = 5.0,
    min_score: float = 0.3,
    least_at_cut: float = LEAST_AT_CUT,
) -> Iterator[Walks]:
    """Find the walking of each person.

    Parameters
    ----------
    poses, method, cutoff_hz, min_score
        As of `kinetrace.measures.gait.measure`.
    least_at_cut
        As of `find_candidates`.

    Yields
    ------
    Walks
        One a person; one for all where nothing can be said of anybody.
    """
    _check(method, cutoff_hz, min_score)
    refusal = _refusal(poses, cutoff_hz)
    if refusal:
        yield Walks(-1, poses, None, (), (refusal,))
        return
    for track_id, rows in people(poses):
        person = poses.rows(rows)
        signals = make_signals(person, cutoff_hz=cutoff_hz, min_score=min_score)
        if signals is None:
            what = "hips and a foot are never seen together in more than one frame"
            yield Walks(track_id, person, None, (), (f"Person {track_id}: {what}.",))
            continue
        candidates = find_candidates(signals, least_at_cut=least_at_cut)
        bouts = find_bouts(signals, candidates)
        walked = tuple(in_order(signals, bout) for bout in bouts if not is_running(bout))
        notes = tuple(_notes(track_id, signals, candidates, walked, len(bouts) - len(walked)))
        timed = tuple(retimed(signals, bout, method) for bout in walked)
        yield Walks(track_id, person, signals, timed, notes)


def _check(method: str, cutoff_hz: float, min_score: float) -> None:
    if method not in get_args(Method):
        raise ValueError(f"method must be one of {', '.join(get_args(Method))}, got {method!r}")
    if not cutoff_hz > 0:
        raise ValueError(f"cutoff_hz must be above 0, got {cutoff_hz}")
    if not 0 <= min_score <= 1:
        raise ValueError(f"min_score must be within 0..1, got {min_score}")


def _refusal(poses: Poses, cutoff_hz: float) -> str:
    """Return why nothing can be said of anybody, or ""."""
    if not len(poses):
        return "Nobody is in the poses."
    fps = 1 / frame_step_s(poses)
    if np.isnan(fps):
        return "The frames have no clock (or there is only one), so steps cannot be timed."
    lowest = max(LOWEST_FPS, 2.2 * cutoff_hz)  # the filter's cutoff is below half of the rate
    if fps < lowest * (1 - 1e-3):
        return (
            f"At {fps:.3g} frames a second steps cannot be timed; "
            f"{lowest:g} are needed, 30 and more are better."
        )
    untracked = poses.frame[poses.track_id == -1]
    if len(np.unique(untracked)) < len(untracked):
        return "Several people are in a frame, and nobody was tracked: track them first."
    return ""


def _notes(
    track_id: int, signals: Signals, candidates: list[Event], walked: tuple[Bout, ...], ran: int
) -> Iterator[str]:
    who = f"Person {track_id}"
    front = 1 - signals.is_sagittal.mean()
    if not walked and front > 0.5:
        yield f"{who} is seen from the front or the back; steps are measured from the side."
    elif not walked and not ran:
        yield f"{who} takes no two steps in one direction across the picture."
    if walked and front > 0:
        yield f"{who} is seen from the front or the back {front:.0%} of the time, left out."
    if not signals.facing.any():
        yield f"Which way person {track_id} faces cannot be told."
    if ran:
        yield f"{who} runs: those steps are left out, for the methods are made for walking."
    left_out = len(candidates) - sum(len(bout.events) for bout in walked)
    if walked and left_out:
        yield f"{who}: {left_out} turns of a foot are no steps (standing, turning, on the spot)."
    for side in SIDES:
        if walked and np.isnan(signals.heel_xy[side]).all():
            yield f"Person {track_id}: the {side} foot is never seen, so there are no step times."
    if walked and signals.swaps:
        yield f"{who}: left and right leg, mistaken in {signals.swaps} frames, were put right."
    if walked and signals.is_by_ankle:
        yield f"{who}: without heel and toe keypoints the ankle stands for them; docs/gait.md."
