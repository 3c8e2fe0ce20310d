"""When a detector's turn comes in a film: every so often, and when the picture changes."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

from kinetrace.backends._picture_changes import is_cut, stirs, thumbnail
from kinetrace.frames import Frame

# What ``auto`` is: a time, so that films of any rate are alike, and a number of frames for films
# that were shot to be seen slowly. `docs/speed.md` has what other intervals give.
AUTO_S = 0.4
AUTO_MOST_FRAMES = 30

# What passes from frame to frame where there is no clock.
_USUAL_GAP_S = 1 / 30


class DetectionTurns:
    """Counts the frames and the time since the detector looked.

    Parameters
    ----------
    detect_every
        In how many frames its turn comes once, counted from the first one of the film; ``auto``
        is `AUTO_S` after it last looked, or `AUTO_MOST_FRAMES`.

    Attributes
    ----------
    passed_s
        Time from the last frame to this one.
    is_cut
        Whether this frame shows something else than the one that the detector last saw.
    """

    def __init__(self, detect_every: int | Literal["auto"]) -> None:
        self._detect_every = detect_every
        self.passed_s = _USUAL_GAP_S
        self.is_cut = True
        self._frames = -1
        self._time_s = math.nan
        self._frames_since, self._since_s = 0, 0.0
        self._picture: npt.NDArray[np.float32] | None = None
        self._last_seen: npt.NDArray[np.float32] | None = None
        self._known_xyxy = np.zeros((0, 4), np.float32)

    def advance(self, frame: Frame) -> None:
        """Go on to the next frame."""
        passed_s = frame.time_s - self._time_s
        self.passed_s = passed_s if passed_s > 0 else _USUAL_GAP_S  # NaN is not above 0
        self._time_s = frame.time_s
        self._frames += 1
        self._frames_since += 1
        self._since_s += self.passed_s
        self._picture = thumbnail(frame.image)
        self.is_cut = self._last_seen is None or is_cut(self._last_seen, self._picture)

    def has_come(self, frame: Frame, followed_xyxy: npt.NDArray[np.float32]) -> bool:
        """Tell whether the detector's turn is at this frame.

        Parameters
        ----------
        frame
            That of the last `advance`.
        followed_xyxy : (N, 4)
            The boxes of those who are followed, in px.
        """
        if self.is_cut or self._last_seen is None or self._picture is None:
            return True
        if self._detect_every == "auto":
            # The nearest frame to the time, not the first one after it.
            late_s = self._since_s + self.passed_s / 2 - AUTO_S
            is_turn = late_s > 0 or self._frames_since >= AUTO_MOST_FRAMES
        else:
            is_turn = self._frames % self._detect_every == 0
        known_xyxy = np.concatenate([self._known_xyxy, followed_xyxy])
        return is_turn or stirs(self._last_seen, self._picture, known_xyxy, frame.size_wh)

    def record_look(self, people_xyxy: npt.NDArray[np.float32]) -> None:
        """Remember that the detector has looked at this frame, and where people are in it."""
        self._frames_since, self._since_s = 0, 0.0
        self._last_seen, self._known_xyxy = self._picture, people_xyxy
