"""Who works on what: locks on single bytes of a file, which the death of their holder releases.

One lock file serves any number of jobs: each has a byte of its own, far beyond the file's end,
which stays empty. Two runs in the same folder then share the work instead of writing over each
other. The locks are those of POSIX (``fcntl``), which network drives know too, or of Windows; a
drive that knows none lets everybody in.
"""

from __future__ import annotations

import errno
import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from kinetrace import formats
from kinetrace.files import remove_leftovers, writing
from kinetrace.jobs import Job

LOCK_NAME = ".kinetrace.lock"

if sys.platform == "win32":
    import msvcrt
    import time

    _PLACES = 2**31 - 1

    def _try_lock(file_number: int, place: int) -> bool:
        os.lseek(file_number, place, os.SEEK_SET)
        try:
            msvcrt.locking(file_number, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

    def lock(file_number: int, place: int) -> None:
        """Hold the byte at `place` until the file is closed, once nobody else does."""
        while not _try_lock(file_number, place):
            time.sleep(0.05)

else:
    import fcntl

    _PLACES = 2**62
    _HELD = {errno.EACCES, errno.EAGAIN}
    _NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS}

    def _try_lock(file_number: int, place: int) -> bool:
        try:
            fcntl.lockf(file_number, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except OSError as error:
            if error.errno in _HELD:
                return False
            if error.errno not in _NO_LOCKS:
                raise
        return True

    def lock(file_number: int, place: int) -> None:
        """Hold the byte at `place` until the file is closed, once nobody else does."""
        try:
            fcntl.lockf(file_number, fcntl.LOCK_EX, 1, place)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise


@contextmanager
def claimed(job: Job) -> Iterator[bool]:
    """Claim a job for the time of a ``with`` block; yields False if another process has it.

    What a process that was killed at the same job has left under temporary names is removed.

    A process holds one claim at a time: closing the lock file, as the end of the block does, ends
    all that the process holds in it.

    Raises
    ------
    OutputError
        If the lock file cannot be made beside the result.
    """
    digest = hashlib.sha256(os.fsencode(job.table.name)).digest()
    with writing(job.table):
        file_number = os.open(job.table.with_name(LOCK_NAME), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        is_ours = _try_lock(file_number, int.from_bytes(digest[:8], "big") % _PLACES)
        if is_ours:
            _remove_leftovers(job)
        yield is_ours
    finally:
        os.close(file_number)


def _remove_leftovers(job: Job) -> None:
    formats.remove_leftovers(job.table)
    for picture in filter(None, (job.overlay, job.sheet)):
        remove_leftovers(picture)
