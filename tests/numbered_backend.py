"""A backend that reads a number in the picture, and knows who was in the frame of that number.

So a film whose truth is known goes through cameras, JPEGs and sockets as pixels, and what comes out
can be held against that truth, frame by frame.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import film
import numpy as np
import pytest
from waiting import PATIENCE_S

from kinetrace.errors import WeightsError
from kinetrace.estimators import Options
from kinetrace.frames import Frame
from kinetrace.poses import Poses, bounds
from kinetrace.testing import exerciser

MODELS = ("squats", "nobody", "lost")
SIZE_WH = (640, 480)
FPS = 30
# Two squats, the second one half of one, in a film of some six seconds.
DEPTHS = (1.0, 0.6)
_FIGURE_HEIGHT_PX = 310  # above it there is no number


def squats(depths: Sequence[float] = DEPTHS, **options: Any) -> Poses:
    """Somebody who squats, in the upper part of the picture."""
    found, _ = exerciser("squat", depth=depths, fps=FPS, px_per_m=140, view_deg=25, **options)
    xy = found.xy + np.array([320, 296], np.float32) - np.array([600, 700], np.float32)
    return dataclasses.replace(found, xy=xy, bbox_xyxy=bounds(xy), size_wh=SIZE_WH)


def pictures(count: int) -> Iterator[np.ndarray]:
    """The frames of the film, with nothing but their numbers on them."""
    for number in range(count):
        image = film.picture(number, SIZE_WH)
        image[:_FIGURE_HEIGHT_PX] = (90, 96, 100)
        yield image


def load(options: Options) -> Numbered:
    if options.model == "lost":
        raise WeightsError("cannot read /root/secret/models/lost.onnx: there is no such file")
    return Numbered(squats(), is_there=options.model != "nobody")


class Numbered:
    """Returns the people of the frame whose number is in the picture."""

    batch_size = 1
    open_now = 0  # how many there are that nobody has closed
    may_look = threading.Event()  # somebody who looks waits for it
    may_look.set()

    def __init__(self, truth: Poses, *, is_there: bool = True) -> None:
        self._truth, self._is_there = truth, is_there
        self.skeleton = truth.skeleton
        self.description: Mapping[str, Any] = {"backend": "numbered"}
        self._is_closed = False
        Numbered.open_now += 1

    def reset(self, *, continuous: bool) -> None:
        assert continuous

    def __call__(self, frames: Sequence[Frame]) -> Poses:
        assert not self._is_closed
        assert self.may_look.wait(PATIENCE_S)
        (frame,) = frames
        number = film.number_of(frame.image)
        one = self._truth.frames(number, number + 1)
        one = one if self._is_there else one.rows(np.zeros(len(one), bool))
        return dataclasses.replace(
            one,
            frame_time_s=np.array([frame.time_s]),
            frame_index=np.array([frame.index]),
            track_id=np.full(len(one), -1),
            size_wh=frame.size_wh,
            log=(),
        )

    def close(self) -> None:
        Numbered.open_now -= not self._is_closed
        self._is_closed = True


@contextmanager
def installed(folder: Path) -> Iterator[None]:
    """Make this module the backend ``numbered`` of an installed package."""
    about = folder / "numbered-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: numbered\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[kinetrace.backends]\nnumbered = numbered_backend\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield
