"""The outside of a worker process: start it, hear from it, hold it to its limits, end it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kinetrace.batch._messages import heard, send
from kinetrace.web.orders import At, Begin, Broken, Ended, Order, Refused, Told

_log = logging.getLogger(__name__)

# The path is passed on first: a module in the working folder must not pass for one of the library.
_START = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); \
from kinetrace.web.worker import main; main()"
_LOOK_S = 0.5  # how often the limits are looked at
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class ProcessError(Exception):
    """An order could not be carried out; the text is for the user, but may name paths.

    Attributes
    ----------
    is_bug
        Whether nobody has thought of it.
    """

    is_bug = False


class BrokenError(ProcessError):
    """It went wrong in a way that nobody has thought of."""

    is_bug = True


class KilledError(ProcessError):
    """The process was ended on purpose, by `Process.kill`."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What a process may use: time, memory, and room in the folder that it writes to."""

    time_s: float
    memory_bytes: int
    folder: Path
    folder_bytes: int


class Process:
    """A worker process with one order.

    Parameters
    ----------
    order
        What to do.
    bounds
        What it may use for that.

    Raises
    ------
    ProcessError
        If it cannot be started.
    """

    def __init__(self, order: Order, bounds: Bounds) -> None:
        self._bounds = bounds
        self._inbox: queue.Queue[Told | None] = queue.Queue()
        self._was_killed = threading.Event()
        debug = bool(os.environ.get("KINETRACE_DEBUG"))
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START, json.dumps(sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # MediaPipe greets with a dozen lines of its own.
                stderr=None if debug else subprocess.DEVNULL,
            )
        except OSError as error:
            raise ProcessError(f"a process could not be started: {error.strerror}") from error
        assert self._process.stdin is not None
        threading.Thread(target=self._listen, name="kinetrace-task", daemon=True).start()
        with contextlib.suppress(OSError):  # if it is dead, the inbox says so
            send(self._process.stdin, Begin(order, bounds.folder_bytes))

    def _listen(self) -> None:
        pipe = self._process.stdout
        assert pipe is not None
        try:
            for told in heard(pipe):
                self._inbox.put(told)
        finally:
            self._inbox.put(None)

    def run(self, on_progress: Callable[[At], None] = lambda _at: None) -> Any:
        """Wait for what comes of the order.

        Raises
        ------
        KilledError
            If it was killed.
        ProcessError
            If it cannot be done, took too much, or died.
        """
        try:
            return self._wait(on_progress)
        finally:
            self._end()

    def _wait(self, on_progress: Callable[[At], None]) -> Any:
        until_s = time.monotonic() + self._bounds.time_s
        while True:
            self._check(until_s)
            try:
                told = self._inbox.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            if isinstance(told, At):
                on_progress(told)
            elif isinstance(told, Ended):
                return told.value
            elif isinstance(told, Refused):
                raise ProcessError(told.text)
            elif isinstance(told, Broken):
                _log.error("a worker process failed:\n%s", told.details)
                raise BrokenError(
                    "Something went wrong inside Kinetrace; where the server was started, it says "
                    "what. Try another backend or model, or another file."
                )
            else:
                raise self._death()

    def _check(self, until_s: float) -> None:
        if self._was_killed.is_set():
            raise KilledError("It was stopped.")
        if time.monotonic() > until_s:
            raise ProcessError(
                f"It took longer than {self._bounds.time_s / 60:.0f} minutes and was stopped: try "
                "a shorter film, or a faster model."
            )
        if resident_bytes(self._process.pid) > self._bounds.memory_bytes:
            raise ProcessError(
                f"It needed more than {self._bounds.memory_bytes / 1e9:.1f} GB of memory and was "
                "stopped: try a smaller picture, or a smaller model."
            )
        if folder_bytes(self._bounds.folder) > self._bounds.folder_bytes:
            raise ProcessError("There is no room left for the result: delete some jobs first.")

    def _death(self) -> ProcessError:
        if self._was_killed.is_set():
            return KilledError("It was stopped.")
        self._process.wait()
        return ProcessError(
            f"The process that worked on it has died (code {self._process.returncode}), as happens "
            "when memory runs out or a file is damaged: try a smaller or another file."
        )

    def kill(self) -> None:
        """End it at once, and wait until it has ended."""
        self._was_killed.set()
        self._end()

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()


def resident_bytes(process_id: int) -> int:
    """Return the memory that a process takes; 0 where the system does not tell."""
    try:
        pages = Path(f"/proc/{process_id}/statm").read_text().split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * _PAGE_BYTES


def folder_bytes(folder: Path) -> int:
    """Return how much the files of a folder take; 0 if there is no such folder."""
    total = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):  # it has just been removed
                total += entry.stat(follow_symlinks=False).st_size
    return total
