"""The newest frame of a source: whoever is slow sees fewer frames, and never older ones."""

from __future__ import annotations

import math
import threading
import time

from kinetrace._closing import Closing
from kinetrace.errors import SourceError
from kinetrace.frames import Frame
from kinetrace.frames.sources import Frames

# So long a wait can be interrupted by Ctrl-C on every system.
_TURN_S = 0.2


class NewestFrames(Closing):
    """Iterate over an open source as over a camera: what came meanwhile is dropped.

    A thread takes the frames as they come and keeps one. A film, whose end is known, is played
    at its own pace from when the second frame is asked for, since the first one takes long: models
    get ready with it. An error of the source is raised behind the frame that came before it.

    Parameters
    ----------
    frames
        A camera, a network stream or a film. It is closed with this.

    Attributes
    ----------
    dropped
        How many frames nobody saw.
    arrived_s
        When the frame that was returned last came, by `time.perf_counter`.
    """

    def __init__(self, frames: Frames) -> None:
        self.dropped = 0
        self.arrived_s = math.nan
        self._frames = frames
        self._waiting: tuple[Frame, float] | None = None
        self._error: Exception | None = None
        self._has_ended = False
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._asked = 0
        self._goes_on = threading.Event()
        self._thread = threading.Thread(target=self._work, name="kinetrace-newest", daemon=True)
        self._thread.start()

    def __iter__(self) -> NewestFrames:
        return self

    def __next__(self) -> Frame:
        self._asked += 1
        if self._asked == 2:
            self._goes_on.set()
        with self._changed:
            while self._waiting is None and not self._has_ended:
                self._changed.wait(_TURN_S)
            if self._waiting is not None:
                (frame, self.arrived_s), self._waiting = self._waiting, None
                return frame
        error, self._error = self._error, None
        if error is not None:
            raise error
        raise StopIteration

    def close(self) -> None:
        """Close the source. Closing twice is fine."""
        self._stop.set()
        self._goes_on.set()
        self._frames.close()
        self._thread.join()

    def _work(self) -> None:
        try:
            self._take_all()
        except Exception as error:  # noqa: BLE001 - it is raised in the consumer's thread
            self._error = error
        finally:
            with self._changed:
                self._has_ended = True
                self._changed.notify_all()

    def _take_all(self) -> None:
        is_film = self._frames.expected_frames is not None
        began_s = math.nan
        for number, frame in enumerate(self._frames):
            if not math.isfinite(frame.time_s):
                raise SourceError(
                    f"{self._frames.source} has no clock: live needs a camera, a stream or a film"
                )
            if is_film and number == 1:
                self._goes_on.wait()
                began_s = time.perf_counter() - frame.time_s
            if is_film and number > 1:
                self._stop.wait(max(0.0, frame.time_s + began_s - time.perf_counter()))
            if self._stop.is_set():
                return
            with self._changed:
                self.dropped += self._waiting is not None
                self._waiting = frame, time.perf_counter()
                self._changed.notify_all()
