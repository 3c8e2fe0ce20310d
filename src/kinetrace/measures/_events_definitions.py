"""The numbers that say what an event is. docs/events.md has where they come from."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

# A fall is kept in mind until it is clear that somebody lies.
_LONGEST_LYING_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Definitions:
    """What counts as an event: the options of `kinetrace.measures.events.measure`.

    Lengths are in body heights (`_heights`).

    Raises
    ------
    ValueError
        If a number makes no sense.
    """

    fall_heights_per_s: float = 0.75
    lying_s: float = 2.0
    sitting_s: float = 3.0
    raised_hand_s: float = 1.0
    stillness_s: float = 10.0
    stillness_heights: float = 0.1
    crowding_people: int = 4
    crowding_heights: float = 0.7
    crowding_s: float = 2.0

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if not 0 < value < float("inf"):
                raise ValueError(f"{name} must be above 0, got {value}")
        if self.crowding_people < 2:
            raise ValueError(f"crowding_people must be 2 or more, got {self.crowding_people}")
        if self.lying_s > _LONGEST_LYING_S:
            raise ValueError(f"lying_s must be {_LONGEST_LYING_S:g} at most, got {self.lying_s}")
