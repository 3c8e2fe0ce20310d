"""A lock that one process holds at a time, and that its death releases."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
    import time

    def _try_lock(file_number: int) -> bool:
        try:
            msvcrt.locking(file_number, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

    def _lock(file_number: int) -> None:
        while not _try_lock(file_number):
            time.sleep(0.2)

else:
    import fcntl

    def _try_lock(file_number: int) -> bool:
        try:
            fcntl.flock(file_number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            # A network drive may know no locks: then there is none, as each file is moved into
            # place whole, and checked.
            return error.errno in {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS}
        return True

    def _lock(file_number: int) -> None:
        fcntl.flock(file_number, fcntl.LOCK_EX)


@contextmanager
def locked(path: Path, *, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock file `path` for the time of a ``with`` block.

    The file stays: who removes a lock file pulls it from under the process that waits for it.

    Parameters
    ----------
    path
        The lock file; it is made where it is missing.
    on_wait
        Called once where another process holds the lock, before waiting for it.

    Raises
    ------
    OSError
        If the file cannot be made.
    """
    with path.open("ab") as file:
        if not _try_lock(file.fileno()):
            on_wait()
            _lock(file.fileno())
        yield
