"""A second look at the people that MediaPipe reports, from closer by, so that none is invented.

MediaPipe looks for people in the whole picture scaled down to 224 pixels, where the foot of a
table can pass for one, and then fits a skeleton to it whatever it is. Seen again in a crop of its
own surroundings, a person is found in the same place; what is no person is not found, or
elsewhere. `docs/accuracy.md` has the shares of both.
"""

from __future__ import annotations

import math
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace.backends._landmarker import NOBODY, Landmarker, Landmarks
from kinetrace.poses import bounds

# Surroundings on each side of the person, relative to the longer side of their box. With less,
# more of the true people are missed: at 0.3 three times as many as at 0.8.
_MARGIN = 0.8

# Mean distance between the keypoints of both looks, relative to the person's size. For true
# people it is nearly always below 0.1, for what is none far above 0.5.
_SAME_PLACE = 0.3

# In a film: how long one confirmation holds, how soon a failure is looked into, and how long
# looks must fail to take a confirmation back, for one in twenty fails of a true person.
_HOLDS_S = 2.0
_RETRY_S = 0.1
_REVOKED_AFTER_S = 0.5


def size_px(xy: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the (N,) sizes of people in pixels: the square roots of the areas of their boxes."""
    box = bounds(xy)
    area = np.prod(np.maximum(box[:, 2:] - box[:, :2], 1), axis=1)
    return np.asarray(np.sqrt(area))


class SecondLook:
    """Confirms the one person of a picture, or of a film frame by frame.

    Parameters
    ----------
    bundle
        The bytes of a ``.task`` file.
    """

    def __init__(self, bundle: bytes) -> None:
        # Making one takes as long as looking at several frames, so it is made beside the first.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kinetrace-second-look")
        self._landmarker = self._thread.submit(Landmarker, bundle, most_people=1, film=False)
        self.reset(film=False)

    def reset(self, *, film: bool) -> None:
        """Forget the last film."""
        self._film = film
        self._lose()

    def _lose(self) -> None:
        self._confirmed = False
        self._is_new = True
        self._pending: tuple[float, Future[bool]] | None = None
        self._next_look_s = -math.inf
        self._failing_since_s = math.nan

    def confirms(self, image: npt.NDArray[np.uint8], time_s: float, person: Landmarks) -> bool:
        """Tell whether the first person of `person`, if any, is one.

        In a film this follows one person: where `person` is empty, it starts afresh. Whoever is
        new is looked at on the spot; later looks run beside the estimation of the next frame, and
        count from there on.
        """
        if not len(person.xy) or not self._film:
            self._lose()
        if not len(person.xy):
            return False
        if self._pending is not None:
            looked_s, found = self._pending
            self._learn(looked_s, is_there=found.result())
            self._pending = None
        if not time_s < self._next_look_s:  # photos have no time (NaN), and each is looked at
            look = self._thread.submit(self._finds, *_surroundings(image, person.xy[0]))
            if self._is_new:
                self._learn(time_s, is_there=look.result())
                self._is_new = False
            else:
                self._pending = time_s, look
        return self._confirmed

    def _learn(self, looked_s: float, *, is_there: bool) -> None:
        """Take in what a look at the frame of that time has found."""
        if is_there:
            self._confirmed = True
            self._next_look_s = looked_s + _HOLDS_S
            self._failing_since_s = math.nan
            return
        if math.isnan(self._failing_since_s):
            self._failing_since_s = looked_s
        self._next_look_s = looked_s + _RETRY_S
        if looked_s - self._failing_since_s >= _REVOKED_AFTER_S:
            self._confirmed = False

    def _finds(self, crop: npt.NDArray[np.uint8], xy: npt.NDArray[Any]) -> bool:
        """Tell whether the person is found again where `xy` has them in the crop."""
        again = self._landmarker.result()(crop, math.nan) if crop.size else NOBODY
        if not len(again.xy):
            return False
        known = ~np.isnan(xy[:, 0])
        apart_px = np.linalg.norm(again.xy[0] - xy, axis=1)[known].mean()
        return bool(apart_px < _SAME_PLACE * size_px(xy[None])[0])

    def close(self) -> None:
        """Free the landmarker."""
        self._thread.shutdown()
        self._landmarker.result().close()


def _surroundings(
    image: npt.NDArray[np.uint8], xy: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[Any]]:
    """Return a copy of a person's surroundings, and their keypoints in it.

    What lies beyond the picture is NaN: it is a guess, and another one with each look.
    """
    edge = np.array((image.shape[1], image.shape[0]))
    inside = np.all((xy >= 0) & (xy <= edge), axis=1)
    if not inside.any():
        return np.empty((0, 0, 3), np.uint8), xy
    low, high = xy[inside].min(axis=0), xy[inside].max(axis=0)
    margin_px = _MARGIN * (high - low).max()
    left, top = np.clip(np.floor(low - margin_px), 0, edge).astype(int)
    right, bottom = np.clip(np.ceil(high + margin_px), 0, edge).astype(int)
    # A copy, since whoever gets the frame may draw on it while this is looked at.
    crop = image[top:bottom, left:right].copy()
    return crop, np.where(inside[:, None], xy - (left, top), np.nan)
