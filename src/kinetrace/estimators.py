"""What a backend and a detector are: two protocols, and the options that make one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from kinetrace.frames import Frame
from kinetrace.poses import FloatArray, Poses, Skeleton


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a backend or a detector is made from; each takes what concerns it.

    Attributes
    ----------
    model
        Name of a model, or path of a model file; None is the plug-in's default.
    max_people
        The most people to report in a frame, best first; None is no limit.
    detector
        Name of the detector that finds people for a top-down backend; None is its default.
    quiet
        Show no progress while a model is downloaded.
    """

    model: str | None = None
    max_people: int | None = 1
    detector: str | None = None
    quiet: bool = False

    def __post_init__(self) -> None:
        if self.max_people is not None and self.max_people < 1:
            raise ValueError(f"max_people must be at least 1, got {self.max_people}")


class Estimator(Protocol):
    """Frames in, poses out. Made by ``load`` of a module in `kinetrace.backends`.

    Attributes
    ----------
    skeleton
        What its poses are made of.
    batch_size
        How many frames it likes to be given at once; fewer are always right.
    description
        What goes into `Poses.log`: backend, model, weights by sha256, versions, settings.
    """

    @property
    def skeleton(self) -> Skeleton: ...

    @property
    def batch_size(self) -> int: ...

    @property
    def description(self) -> Mapping[str, Any]: ...

    def reset(self, *, continuous: bool) -> None:
        """Begin a new source: forget the last one's people.

        `continuous` says whether the frames that follow are consecutive ones of a film (they may
        be tracked from one to the next) or unrelated pictures.
        """

    def __call__(self, frames: Sequence[Frame]) -> Poses:
        """Estimate the people of each frame; the result has one time per frame given."""

    def close(self) -> None:
        """Free what is held. Closing twice is fine; estimating afterwards raises RuntimeError."""


class Detections(NamedTuple):
    """The people found in one image.

    `bbox_xyxy` is (N, 4) float32 in pixels of the image (left, top, right, bottom), `score` (N,)
    float32 in 0..1, both in order of falling score.
    """

    bbox_xyxy: FloatArray
    score: FloatArray


class Detector(Protocol):
    """Frames in, boxes out. Made by ``load`` of a module in `kinetrace.detectors`."""

    @property
    def description(self) -> Mapping[str, Any]: ...

    def __call__(self, frames: Sequence[Frame]) -> list[Detections]:
        """Find the people of each frame. No person is an empty `Detections`, never the image."""

    def close(self) -> None:
        """Free what is held. Closing twice is fine."""
