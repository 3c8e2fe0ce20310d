"""Which frames of a source are looked at: a stretch of it, and every so many."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from kinetrace.errors import SourceError


@dataclass(frozen=True, kw_only=True)
class Selection:
    """A stretch ``[start_s, end_s)`` of a source, and every so many frames or seconds of it.

    Attributes
    ----------
    start_s, end_s
        Presentation times; None is the source's own start or end.
    every
        A number of frames (``5``), or of seconds as text (``"0.5s"``). Counted from the first
        frame of the stretch; with seconds, each frame is the first at or after its turn.

    Raises
    ------
    ValueError
        If the stretch is empty or `every` is neither.
    """

    start_s: float | None = None
    end_s: float | None = None
    every: int | str = 1

    def __post_init__(self) -> None:
        if self.start_s is not None and self.end_s is not None and self.end_s <= self.start_s:
            raise ValueError(
                f"nothing is selected: the end, {self.end_s} s, must come after the start, "
                f"{self.start_s} s"
            )
        _ = self.step

    @property
    def step(self) -> tuple[int, float]:
        """`every` as frames and seconds, one of which is 0."""
        text = str(self.every).strip()
        if re.fullmatch(r"[1-9]\d*", text):
            return int(text), 0.0
        match = re.fullmatch(r"(\d+\.?\d*|\.\d+)\s*s", text)
        if match and float(match[1]) > 0:
            return 0, float(match[1])
        raise ValueError(
            f"every must be a number of frames like 5, or of seconds like 0.5s, got {self.every!r}"
        )

    def picker(self) -> Picker:
        """Return the walk through one source."""
        return Picker(self)


class Picker:
    """Answers, frame after frame of one source, which of them are selected."""

    def __init__(self, selection: Selection) -> None:
        self._start_s = -math.inf if selection.start_s is None else selection.start_s
        self._end_s = math.inf if selection.end_s is None else selection.end_s
        self._bounded = selection.start_s is not None or selection.end_s is not None
        self._every_frames, self._every_s = selection.step
        self._seen = 0
        self._first_s = math.nan
        self._turn = 0

    def is_past(self, time_s: float) -> bool:
        """Tell whether the stretch is over at this time."""
        return time_s >= self._end_s

    def wants(self, time_s: float) -> bool:
        """Tell whether the next frame, shown at this time, is selected.

        Raises
        ------
        SourceError
            If times decide and the source has none.
        """
        if math.isnan(time_s) and (self._bounded or self._every_s):
            raise SourceError(
                "these images have no times to select by: state their frames a second (fps)"
            )
        if not math.isnan(time_s) and not self._start_s <= time_s < self._end_s:
            return False
        self._seen += 1
        if self._every_frames:
            return (self._seen - 1) % self._every_frames == 0
        return self._is_turn(time_s)

    def _is_turn(self, time_s: float) -> bool:
        if self._seen == 1:
            self._first_s = time_s
        # A microsecond of grace: 3 x 0.1 s is a little more than 0.3 s in floating point.
        turn = math.floor((time_s - self._first_s + 1e-6) / self._every_s)
        due = self._seen == 1 or turn > self._turn
        self._turn = max(turn, self._turn)
        return due
