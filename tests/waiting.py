"""Programs beside a test, and waiting for what a thread, a process or a page does."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

# A machine may be busy with something else for minutes. Whoever waits in vain has found a fault.
PATIENCE_S = 300.0


def wait_for(
    condition: Callable[[], Any], what: str, *, excused: tuple[type[Exception], ...] = ()
) -> Any:
    """Return what `condition` returns as soon as it is true.

    Parameters
    ----------
    condition
        What is asked again and again.
    what
        What is waited for, for people to read.
    excused
        Errors of the condition that mean: not yet.
    """
    end_s = time.monotonic() + PATIENCE_S
    last: object = None
    while time.monotonic() < end_s:
        try:
            if last := condition():
                return last
        except excused as error:
            last = error
        time.sleep(0.02)
    raise AssertionError(f"waited {PATIENCE_S:g} s for {what}; last: {last}")


@contextmanager
def started(command: Sequence[str], **popen: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a program beside the test; it is killed at the end, also where the test has failed."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **popen
    ) as process:
        try:
            yield process
        finally:
            process.kill()
