"""The outside of a worker process: start it, give it jobs, hear from it, notice its death.

It is started by `subprocess` and not by `multiprocessing`: how many threads NumPy's and other
libraries take is settled by the environment at the time when they are loaded, and a user's script
needs no ``if __name__ == "__main__"``.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from typing import Literal, TypeAlias

from kinetrace.batch._messages import Hello, Order, Told, heard, send
from kinetrace.batch.settings import Settings
from kinetrace.errors import KinetraceError
from kinetrace.jobs import Job
from kinetrace.machine import SHARE_VARIABLE

# How libraries are told their number of threads, and Python 3.13 what to say if it is asked.
_THREADS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
    "PYTHON_CPU_COUNT",
    SHARE_VARIABLE,
)

# The path is passed on first: a module in the working folder must not pass for one of the library.
_START = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); \
from kinetrace.batch._process import main; main()"

# begun: it has been told so; a job that is given and not begun is no cause of a death.
Standing: TypeAlias = Literal["idle", "given", "begun", "loading", "working"]


class Worker:
    """A worker process.

    Parameters
    ----------
    settings
        Of the run, with `Options.threads` set.
    threads
        How many threads other libraries may use.
    inbox
        Where what it tells is put, with the worker; None when it is dead.

    Attributes
    ----------
    job
        What it is at.
    standing
        How far it is with that.

    Raises
    ------
    KinetraceError
        If the process cannot be started.
    """

    def __init__(
        self,
        settings: Settings,
        threads: int,
        inbox: queue.Queue[tuple[Worker, Told | None]],
    ) -> None:
        self.job: Job | None = None
        self.standing: Standing = "idle"
        environment = {**{name: str(threads) for name in _THREADS}, **os.environ}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START, json.dumps(sys.path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
            )
        except OSError as error:
            raise KinetraceError(
                f"a worker process cannot be started: {error.strerror}; use fewer --workers"
            ) from error
        assert self._process.stdin is not None
        self._orders = self._process.stdin
        self._inbox = inbox
        threading.Thread(target=self._listen, name="kinetrace-worker", daemon=True).start()
        self._send(Hello(settings, threads))

    def _listen(self) -> None:
        pipe = self._process.stdout
        assert pipe is not None
        try:
            for told in heard(pipe):
                self._inbox.put((self, told))
        except Exception:  # noqa: BLE001 - what cannot be understood is as good as dead
            self._process.kill()
        self._process.wait()
        self._inbox.put((self, None))

    def give(self, job: Job, *, overwrite: bool) -> None:
        """Have it do a job."""
        self.job, self.standing = job, "given"
        self._send(Order(job, overwrite))

    def _send(self, message: object) -> None:
        # If it is dead, `inbox` says so.
        with contextlib.suppress(OSError):
            send(self._orders, message)

    def stop(self) -> None:
        """Have it end, at the next frame of what it is at."""
        with contextlib.suppress(OSError):
            self._orders.close()

    def kill(self) -> None:
        """End it at once, if it has not ended yet."""
        self.stop()
        self._process.kill()
        self._process.wait()

    @property
    def cause_of_death(self) -> str:
        """What the operating system says: ``SIGKILL``, or an exit code."""
        code = self._process.returncode
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                return signal.Signals(-code).name
        return f"exit code {code}"
