"""Repetitions of one person: what moves out and back far enough, and passes the gates."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from kinetrace.measures._repetitions_body import Body, mean_of_sides
from kinetrace.measures._repetitions_cycles import Cycle, find_turns
from kinetrace.measures._repetitions_exercises import Exercise, Gate, Levels, Signal

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

# Gaps up to this long are passed over, for nobody goes out and back within one: of these exercises
# a jumping jack is the fastest, and takes 0.8 s. A longer one ends a movement, unfinished.
LONGEST_GAP_S = 0.75
# A repetition takes this long; what is faster is a jump of the keypoints.
SHORTEST_S, LONGEST_S = 0.4, 15.0
# Another signal is taken where the one before it in the list is seen less often than this part.
_SEEN_LESS = 0.8
# Both sides do these exercises alike: one that moves by less than this part of what the other does
# is a guess, or a keypoint that was last seen there.
_STILL = 0.1


@dataclass(frozen=True)
class Repetition:
    """One repetition; `start` to `end` are positions in a `Body`.

    Attributes
    ----------
    exercise, side
        Which; ``both``, or ``left`` or ``right`` where only that side did it.
    low, start, held, high, turn, left, end, next_low
        Where it rests, leaves, comes to its turning point, is furthest, turns (the middle of the
        pause), leaves that, is back, rests.
    depth_percent, range_percent
        Of the signal where it is furthest, and how far it went from the nearer of both rests.
    is_complete
        Whether it is a whole one; else it is half.
    is_open
        Whether the film ends before it is back at rest.
    relative_range
        Its range over the least one of a whole repetition.
    signal
        What the signal is.
    """

    exercise: str
    side: str
    low: int
    start: int
    held: int
    high: int
    turn: int
    left: int
    end: int
    next_low: int
    depth_percent: float
    range_percent: float
    is_complete: bool
    is_open: bool
    relative_range: float
    signal: str


def find_repetitions(body: Body, exercise: Exercise) -> tuple[list[Repetition], list[str]]:
    """Find the repetitions of an exercise.

    Returns
    -------
    repetitions : list
        By their start.
    notes : list of str
        What was not counted, and why; after "<person>, <exercise>: ".
    """
    signal = _choose(body, exercise.signals)
    sides = signals_by_side(body, signal)
    if not any(np.isfinite(values).any() for values in sides.values()):
        return [], [f"{signal.above} and {signal.below} are never seen together"]
    notes: list[str] = []
    moves: list[Repetition] = []
    for side, values in sides.items():
        found, unfinished = find_moves(body.time_s, values, signal.levels)
        notes += unfinished
        moves += [
            dataclasses.replace(move, exercise=exercise.name, side=side, signal=signal.text)
            for move in found
        ]
    refused: Counter[str] = Counter()
    kept = []
    for move in _merge_sides(moves):
        why = _refusal(body, move, exercise.gates)
        refused.update([why] if why else [])
        kept += [] if why else [move]
    notes += [f"{n} movement(s) not counted: they {why}" for why, n in refused.items()]
    return kept, notes


def signals_by_side(body: Body, signal: Signal) -> dict[str, Floats]:
    """Return a driving signal over time, by the side that it is of."""
    heights = body.height_percent(signal.above, signal.below, signal.length)
    if signal.sides == "each":
        return heights
    if signal.sides == "both":
        return {"both": (heights["left"] + heights["right"]) / 2}
    if signal.sides == "highest":
        return {"both": np.fmax(heights["left"], heights["right"])}
    height = mean_of_sides(_moving(heights))
    if signal.floor is not None and np.isfinite(height).any():
        height -= np.clip(np.nanmin(height), *signal.floor)
    return {"both": height}


def find_moves(
    time_s: Floats, signal: Floats, levels: Levels
) -> tuple[list[Repetition], list[str]]:
    """Find what moves out and back in a signal: repetitions without a name, before any gate.

    Parameters
    ----------
    time_s, signal : (T,)
        Ascending, and percent; NaN where it is not seen.
    levels
        What a repetition is.

    Returns
    -------
    moves, notes : list
    """
    known = np.flatnonzero(np.isfinite(signal))
    moves: list[Repetition] = []
    notes: list[str] = []
    runs = list(_runs(known, time_s))
    for run in runs:
        risen = levels.sign * signal[run]
        is_edge = np.array([run[0] == known[0], run[-1] == known[-1]])
        turns = find_turns(risen, levels.half_range)
        for cycle in turns.cycles:
            move = _move(run, cycle, signal, levels, is_edge)
            duration_s = time_s[move.end] - time_s[move.start]
            if not risen[[cycle.low, cycle.next_low]].min() <= levels.sign * levels.rest:
                continue  # it never comes near to where a repetition begins
            if SHORTEST_S <= duration_s <= LONGEST_S:
                moves.append(move)
            else:
                notes.append(f"a movement of {duration_s:.1f} s is not counted")
        notes += _unfinished(turns.begins_high, turns.ends_high, run, known)
    return moves, notes


def _moving(sides: dict[str, Floats]) -> dict[str, Floats]:
    """Leave out a side that stands still while the other moves: it is guessed, not seen."""
    known = {side: values[np.isfinite(values)] for side, values in sides.items()}
    ranges = {side: np.ptp(values) if len(values) else 0.0 for side, values in known.items()}
    least = _STILL * max(ranges.values())
    return {
        side: values if ranges[side] >= least else np.full_like(values, np.nan)
        for side, values in sides.items()
    }


def _choose(body: Body, signals: Sequence[Signal]) -> Signal:
    def seen(signal: Signal) -> float:
        heights = body.height_percent(signal.above, signal.below, signal.length)
        return float(np.mean(np.isfinite(mean_of_sides(heights)))) if len(body.time_s) else 0.0

    shares = [seen(signal) for signal in signals]
    best = max(shares)
    return next(s for s, share in zip(signals, shares, strict=True) if share >= _SEEN_LESS * best)


def _runs(known: Ints, time_s: Floats) -> Iterator[Ints]:
    if len(known) < 2:
        return
    longest_s = LONGEST_GAP_S + 1.5 * float(np.median(np.diff(time_s)))
    for run in np.split(known, np.flatnonzero(np.diff(time_s[known]) > longest_s) + 1):
        if len(run) > 2:
            yield run


def _move(
    run: Ints, cycle: Cycle, signal: Floats, levels: Levels, is_edge: npt.NDArray[np.bool_]
) -> Repetition:
    risen = levels.sign * signal[run]
    lows = risen[[cycle.low, cycle.next_low]]
    is_at_rest = lows <= levels.sign * levels.rest
    # A film that is cut tightly begins on the way, or ends before it is done.
    is_cut = np.array([cycle.low == 0, cycle.next_low == len(run) - 1]) & is_edge & ~is_at_rest
    range_percent = float(risen[cycle.high] - lows[~is_cut].max(initial=lows.min()))
    return Repetition(
        exercise="",
        side="",
        **{field.name: int(run[getattr(cycle, field.name)]) for field in fields(cycle)},
        depth_percent=float(signal[run[cycle.high]]),
        range_percent=range_percent,
        is_complete=bool(
            risen[cycle.high] >= levels.sign * levels.full
            and range_percent >= levels.full_range
            and (is_at_rest | is_cut).all()
        ),
        is_open=bool(is_cut[1]),
        relative_range=range_percent / levels.full_range,
        signal="",
    )


def _unfinished(begins_high: bool, ends_high: bool, run: Ints, known: Ints) -> list[str]:
    """Say that the film, or a gap, cuts what may have been a repetition."""
    notes = []
    if begins_high:
        what = "the film begins" if run[0] == known[0] else "a gap ends"
        notes.append(f"{what} in mid-movement, which is not counted")
    if ends_high:
        what = "the film ends" if run[-1] == known[-1] else "a gap begins"
        notes.append(f"{what} in mid-movement, which is not counted")
    return notes


def _merge_sides(moves: Iterable[Repetition]) -> list[Repetition]:
    """Make one of what both sides did at once: the larger of the two."""
    kept: list[Repetition] = []
    for move in sorted(moves, key=lambda m: m.start):
        last = kept[-1] if kept else None
        if last is None or last.side == move.side or not _overlap(last, move):
            kept.append(move)
            continue
        larger = max(last, move, key=lambda m: (m.is_complete, m.range_percent))
        kept[-1] = dataclasses.replace(larger, side="both")
    return kept


def _overlap(a: Repetition, b: Repetition) -> bool:
    shared = min(a.end, b.end) - max(a.start, b.start)
    return shared > 0.5 * min(a.end - a.start, b.end - b.start)


def _refusal(body: Body, move: Repetition, gates: Sequence[Gate]) -> str:
    """Return why a movement is not this exercise, "" if it is."""
    for gate in gates:
        value = _statistic(body.measure(gate.measure), move, gate.statistic)
        if value < gate.least or value > gate.most:  # not of NaN
            return gate.why
        if gate.required and np.isnan(value):
            return f"show too little to tell: {gate.measure.replace('_', ' ')}"
    return ""


def _statistic(values: Floats, move: Repetition, statistic: str) -> float:
    if statistic == "turn":
        return float(values[move.turn])
    if statistic == "rise":
        return float(values[move.turn] - np.maximum(values[move.start], values[move.end]))
    part = values[move.start : move.end + 1]
    if part.ndim == 3:
        travels = _travels(part[[0, -1]] if statistic == "shift" else part)
        return float(np.fmax.reduce(travels))
    part = part[np.isfinite(part)]
    if not len(part):
        return float("nan")
    low, high = part.min(), part.max()
    known = {"mean": part.mean(), "lowest": low, "highest": high, "range": high - low}
    return float(known[statistic])


def _travels(places: Floats) -> Floats:
    """Return the diagonals of the boxes that points (T, P, 2) stay within."""
    known = np.isfinite(places)
    high, low = (np.where(known, places, sign * np.inf) for sign in (-1, 1))
    size = high.max(axis=0) - low.min(axis=0)
    width, height = np.where(np.isfinite(size), size, np.nan).T
    return np.asarray(np.hypot(width, height))
