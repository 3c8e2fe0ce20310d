"""The inside of a worker process: jobs come in on stdin, what is to be told goes out on stdout.

The end of stdin is the word to stop, or the death of whoever started this: a job under way is then
left at its next frame, with its partial table, and the process ends. What is in the middle of
something long that shows no frames (a model's download, say) is given some seconds and cut off.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import queue
import threading
import time
from typing import IO, Literal

from kinetrace.batch._messages import (
    Frames,
    Hello,
    Order,
    Reached,
    Told,
    end,
    heard,
    receive,
    send,
    take_pipes,
)
from kinetrace.batch.events import Note
from kinetrace.batch.settings import Settings
from kinetrace.batch.task import Result, do, release

# How long a worker may take to end, and how often it tells of frames.
GRACE_S = 10.0
_TELL_S = 0.1


def main() -> None:
    """Work until there is no more."""
    orders, pipe = take_pipes()
    hello: Hello = receive(orders)
    limit_threads(hello.threads)
    worker = _Worker(hello.settings, orders, pipe)
    logging.getLogger("kinetrace").addHandler(_Forward(worker))
    worker.work()
    end()


class _Worker:
    """What does the jobs, in the main thread, while another one listens."""

    def __init__(self, settings: Settings, orders: IO[bytes], pipe: IO[bytes]) -> None:
        self._settings = settings
        self._pipe, self._pipe_lock = pipe, threading.Lock()
        self._orders: queue.Queue[Order | None] = queue.Queue()
        self._stop = threading.Event()
        threading.Thread(
            target=self._listen, args=(orders,), name="kinetrace-orders", daemon=True
        ).start()

    def _listen(self, orders: IO[bytes]) -> None:
        for order in heard(orders):
            self._orders.put(order)
        self._stop.set()
        self._orders.put(None)
        time.sleep(GRACE_S)
        os._exit(1)

    def work(self) -> None:
        """Do what is ordered, until there is no more to come."""
        while (order := self._orders.get()) is not None:
            self.tell(Reached("begun"))
            self.tell(self._done(order))
        release()

    def _done(self, order: Order) -> Result:
        last_told_s = 0.0

        def on_frame(stage: Literal["estimate", "draw"], done: int, expected: int | None) -> None:
            nonlocal last_told_s
            if self._stop.is_set():
                raise KeyboardInterrupt
            if time.monotonic() - last_told_s >= _TELL_S:
                last_told_s = time.monotonic()
                self.tell(Frames(stage, done, expected))

        try:
            return do(
                order.job,
                self._settings,
                functools.partial(on_frame, "estimate"),
                on_drawn=functools.partial(on_frame, "draw"),
                on_phase=lambda phase: self.tell(Reached(phase)),
                overwrite=order.overwrite,
            )
        except KeyboardInterrupt as error:
            return Result(state="stopped", error=str(error) or "interrupted")

    def tell(self, message: Told) -> None:
        """Send a message; where nobody listens any more, the end of stdin will say so too."""
        with contextlib.suppress(OSError), self._pipe_lock:
            send(self._pipe, message)


class _Forward(logging.Handler):
    """Passes on what would be printed: stderr may lead nowhere, or into a progress bar."""

    def __init__(self, worker: _Worker) -> None:
        super().__init__(logging.WARNING)
        self._worker = worker

    def emit(self, record: logging.LogRecord) -> None:
        self._worker.tell(Note(record.getMessage()))


def limit_threads(threads: int) -> None:
    """Hold OpenCV to its share; what reads the environment has been told by it."""
    import cv2

    cv2.setNumThreads(threads)
