"""Run an iterator in its own thread, a bounded number of items and bytes ahead of its consumer.

What is chained of these is a pipeline: each stage works while the next one does, waits when it is
too far ahead, and an error travels down behind the items that came before it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from kinetrace._closing import Closing

Item = TypeVar("Item")

# Enough that a slow item on either side does not stall the other, whatever the picture's size.
_MOST_BYTES = 48 * 2**20
_MOST_ITEMS = 16


class Ahead(Closing, Generic[Item]):
    """Iterate over `items` as if directly, while a thread prepares the next ones.

    The thread stops when the iterator ends, when it fails (the error is raised here, behind the
    items that came before it) or when `close` is called. It closes the iterator itself, if that
    can be closed.

    Parameters
    ----------
    items
        What is iterated over, in the thread.
    name
        What the thread does, for debuggers.
    nbytes
        How many bytes an item holds.
    most
        How many items may wait.
    """

    def __init__(
        self,
        items: Iterator[Item],
        *,
        name: str,
        nbytes: Callable[[Item], int],
        most: int = _MOST_ITEMS,
    ) -> None:
        self._source = items
        self._nbytes = nbytes
        self._most = most
        self._ready: deque[Item] = deque()
        self._ready_bytes = 0
        self._changed = threading.Condition()
        self._stop = False
        self._ended = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name=f"kinetrace-{name}", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            for item in self._source:
                with self._changed:
                    self._changed.wait_for(lambda: self._stop or self._has_room())
                    if self._stop:
                        return
                    self._ready.append(item)
                    self._ready_bytes += self._nbytes(item)
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
            len(self._ready) < self._most and self._ready_bytes < _MOST_BYTES
        )

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._ended)
            if self._ready:
                item = self._ready.popleft()
                self._ready_bytes -= self._nbytes(item)
                self._changed.notify_all()
                return item
        error, self._error = self._error, None
        if error is not None:
            raise error
        raise StopIteration

    def close(self) -> None:
        """Stop, and wait for the thread. Closing twice is fine."""
        with self._changed:
            self._stop = True
            self._ready.clear()
            self._changed.notify_all()
        self._thread.join()
