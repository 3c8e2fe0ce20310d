"""What holds for poses that are written stretch by stretch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kinetrace.errors import OutputError
from kinetrace.poses import Poses


class Stretches:
    """The stretches of frames that have gone into one file: each must fit those before it.

    Attributes
    ----------
    size_wh
        Width and height in pixels while all pictures have had the same, else None.
    """

    def __init__(self, header: Poses) -> None:
        self._header = header
        self._last: int | None = None
        self.size_wh = header.size_wh

    def add(self, poses: Poses) -> None:
        """Check the next stretch.

        Raises
        ------
        OutputError
            If its frames' numbers do not ascend from those before.
        ValueError
            If it has another skeleton than the header, or only one of them has `xyz_m` or names.
        """
        header = self._header
        if poses.skeleton != header.skeleton:
            raise ValueError(f"a {poses.skeleton.name!r} in a file of {header.skeleton.name!r}")
        for field in ("xyz_m", "frame_name"):
            if (getattr(poses, field) is None) != (getattr(header, field) is None):
                raise ValueError(f"only one of the header and the poses appended has {field}")
        index = poses.frame_index
        if not len(index):
            return
        before = index if self._last is None else np.array([self._last, *index])
        if np.any(np.diff(before) <= 0):
            at = int(np.argmax(np.diff(before) <= 0))
            raise OutputError(
                f"frame {before[at + 1]} comes after frame {before[at]}: a file holds the frames "
                "of one source, in order; write one file for each source"
            )
        self._last = int(index[-1])
        if poses.size_wh != self.size_wh:
            self.size_wh = None


def split(poses: Poses, *, frames: int = 1000) -> Iterator[Poses]:
    """Yield at least one stretch of frames, so that the text of only one is in memory."""
    for start in range(0, max(1, len(poses.frame_time_s)), frames):
        yield poses.frames(start, start + frames)
