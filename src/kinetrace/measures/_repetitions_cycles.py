"""Out and back: the turns of a signal that are larger than its trembling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

# Part of the range within which the movement counts as at its end: it is at rest there, or pauses.
_AT_END = 0.05
# Part of the least range that keypoints may tremble by: the margin of a small movement.
_TREMBLING = 0.15


@dataclass(frozen=True)
class Cycle:
    """From a low of the signal over a high to the next low; positions in the signal.

    Attributes
    ----------
    low, high, next_low
        The extrema.
    start, end
        Where it leaves the first low and comes to the next one, by a twentieth of the range, or
        by what keypoints tremble.
    held, turn, left
        Where it first comes near to its high and last leaves it, by as much, and the middle: in a
        pause, the extremum itself is just where it trembles most.
    """

    low: int
    high: int
    next_low: int
    start: int
    held: int
    turn: int
    left: int
    end: int


@dataclass(frozen=True)
class Turns:
    """The turns of a signal.

    Attributes
    ----------
    cycles
        The whole ones.
    begins_high, ends_high
        Whether the signal begins (ends) beyond a low: what came before (comes after) is missing.
    """

    cycles: tuple[Cycle, ...]
    begins_high: bool
    ends_high: bool


def find_turns(signal: Floats, least_range: float) -> Turns:
    """Find the cycles of a signal.

    Parameters
    ----------
    signal : (T,)
        Without NaN.
    least_range
        What goes back by less is no turn. An extremum is known when the signal has gone back by
        this much, so that what follows does not change it.
    """
    turns = list(_extrema(signal, least_range))
    highs = [i for i, (_, is_high) in enumerate(turns) if is_high]
    at = [position for position, _ in turns]
    trembling = _TREMBLING * least_range
    cycles = (
        _cycle(signal, at[i - 1], at[i], at[i + 1], trembling)
        for i in highs
        if 0 < i < len(turns) - 1
    )
    return Turns(
        cycles=tuple(cycles),
        begins_high=bool(highs and highs[0] == 0),
        ends_high=bool(highs and highs[-1] == len(turns) - 1),
    )


def _extrema(signal: Floats, least_range: float) -> Iterator[tuple[int, bool]]:
    """Yield positions of lows and highs by turns, and whether each is a high.

    The first and the last are extrema of what there is of the signal.
    """
    high = low = 0
    rising: bool | None = None
    for i, value in enumerate(signal.tolist()):
        if value > signal[high]:
            high = i
        if value < signal[low]:
            low = i
        if rising is not False and signal[high] - value >= least_range:
            yield high, True
            rising, low = False, i
        elif rising is not True and value - signal[low] >= least_range:
            yield low, False
            rising, high = True, i
    if rising is not None:
        yield (high, True) if rising else (low, False)


def _cycle(signal: Floats, low: int, high: int, next_low: int, trembling: float) -> Cycle:
    out, back = signal[low : high + 1], signal[high : next_low + 1]
    out_margin, back_margin = (
        max(_AT_END * (signal[high] - rest), trembling) for rest in (out[0], back[-1])
    )
    held = low + int(np.flatnonzero(out >= signal[high] - out_margin)[0])
    left = high + int(np.flatnonzero(back >= signal[high] - back_margin)[-1])
    return Cycle(
        low=low,
        high=high,
        next_low=next_low,
        start=low + int(np.flatnonzero(out <= out[0] + out_margin)[-1]),
        held=held,
        turn=(held + left) // 2,
        left=left,
        end=high + int(np.flatnonzero(back <= back[-1] + back_margin)[0]),
    )
