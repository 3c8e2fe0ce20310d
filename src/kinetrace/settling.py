"""What takes a whole film: ids that are looked at again from both sides, and smoothing."""

from __future__ import annotations

from threading import Thread

import numpy as np

from kinetrace.choices import Smooth
from kinetrace.filtering import smooth as smoothed
from kinetrace.poses import Poses, concat
from kinetrace.timing import span
from kinetrace.tracking import join


def check_smoothing(*, track: bool, smooth: Smooth) -> None:
    """Refuse to smooth people who are not told apart.

    Raises
    ------
    ValueError
        If `smooth` names a method, and `track` is off.
    """
    if not track and smooth not in ("none", "auto"):
        raise ValueError(f"smooth={smooth!r} needs the ids of people: leave track on")


def finish(poses: Poses, *, track: bool = True, smooth: Smooth = "auto") -> Poses:
    """Do what takes a whole film: look at ids again from both sides, then smooth.

    Unrelated pictures, and a single one, stay as they are.

    Parameters
    ----------
    poses
        Of a whole film, with the ids that `kinetrace.pipeline.estimate_frames` gave.
    track
        Join the pieces of a person's track, and drop people who were never there. Without it
        nothing is smoothed either: who is who is not known.
    smooth
        See `kinetrace.filtering.smooth`.
    """
    is_film = len(poses.frame_time_s) > 1 and bool(np.isfinite(poses.frame_time_s).all())
    if not (track and is_film):
        return poses
    poses = join(poses)
    return poses if smooth == "none" else smoothed(poses, smooth)


def _import_ahead() -> None:
    """Import what smoothing always needs; what uneven times need comes with the trial."""
    import scipy.ndimage  # noqa: F401


class Film:
    """The poses of a film put together, at about the size of their arrays, and settled at the end.

    Parameters
    ----------
    track, smooth
        See `finish`.
    """

    _CHUNK = 256
    # An impossible smoothing is told after so many frames, not at the end of the night.
    _TRIAL = 16

    def __init__(self, *, track: bool = True, smooth: Smooth = "auto") -> None:
        self._track, self._smooth = track, smooth
        self._chunks: list[Poses] = []
        self._latest: list[Poses] = []
        if track and smooth != "none":
            # A third of a second, in which the model can be loaded that comes next. No daemon: an
            # import that the end of the process cuts off complains.
            Thread(target=_import_ahead, name="kinetrace-import").start()

    def append(self, poses: Poses) -> None:
        """Add the next frame.

        Raises
        ------
        ValueError
            If the film has too few frames a second for how it is to be smoothed.
        """
        self._latest.append(poses)
        if len(self._latest) == self._TRIAL and not self._chunks:
            self.finished()
        if len(self._latest) == self._CHUNK:
            self._chunks.append(concat(self._latest))
            self._latest = []

    def finished(self) -> Poses | None:
        """Return what came until now, settled and smoothed; None if nothing did."""
        parts = [*self._chunks, *self._latest]
        if not parts:
            return None
        with span("finish"):
            return finish(concat(parts), track=self._track, smooth=self._smooth)
