"""Run an iterator in its own thread, a bounded number of bytes ahead of its consumer."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator

from kinetrace.frames.frame import Frame

# Enough that a slow frame on either side does not stall the other, whatever the picture's size.
_MOST_BYTES = 48 * 2**20
_MOST_FRAMES = 16


class ReadAhead:
    """Iterate over `frames` as if directly, while a thread decodes the next ones.

    The thread stops when the source ends, when it fails (the error is raised here, behind the
    frames that came before it) or when `close` is called.
    """

    def __init__(self, frames: Iterator[Frame]) -> None:
        self._source = frames
        self._ready: deque[Frame] = deque()
        self._ready_bytes = 0
        self._changed = threading.Condition()
        self._stop = False
        self._ended = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._decode, name="kinetrace-decode", daemon=True)
        self._thread.start()

    def _decode(self) -> None:
        try:
            for frame in self._source:
                with self._changed:
                    self._changed.wait_for(lambda: self._stop or self._has_room())
                    if self._stop:
                        return
                    self._ready.append(frame)
                    self._ready_bytes += frame.image.nbytes
                    self._changed.notify_all()
        except BaseException as error:  # noqa: BLE001 - it is raised in the consumer's thread
            self._error = error
        finally:
            close = getattr(self._source, "close", None)
            if close is not None:
                close()
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _has_room(self) -> bool:
        # One is always allowed, so that a picture larger than the budget gets through.
        return not self._ready or (
            len(self._ready) < _MOST_FRAMES and self._ready_bytes < _MOST_BYTES
        )

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._ended)
            if self._ready:
                frame = self._ready.popleft()
                self._ready_bytes -= frame.image.nbytes
                self._changed.notify_all()
                return frame
        error, self._error = self._error, None
        if error is not None:
            raise error
        raise StopIteration

    def close(self) -> None:
        """Stop decoding and wait for the thread. Closing twice is fine."""
        with self._changed:
            self._stop = True
            self._ready.clear()
            self._changed.notify_all()
        self._thread.join()
