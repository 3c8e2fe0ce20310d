"""What a backend and a detector are: two protocols, and the options that make one."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, get_args

from kinetrace.choices import Decode, Device, Precision, Quality
from kinetrace.frames import Frame
from kinetrace.frames.sources import Source
from kinetrace.poses import FloatArray, Poses, Skeleton

# Elsewhere ONNX Runtime computes in float32 and only converts to and fro.
_INT8_DEVICES: tuple[Device, ...] = ("auto", "cpu", "openvino")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a backend or a detector is made from; each takes what concerns it.

    Attributes
    ----------
    model
        Name of a model, or path of a model file; None is the plug-in's default.
    max_people
        The most people to report in a frame, best first; None is the backend's default.
    detector
        Name of the detector that finds people for a top-down backend; None is its default.
    detector_model
        What `model` is, for that detector.
    detector_size_px
        Length of the longer side that a detector with an ONNX model scales pictures to, a multiple
        of 32; larger finds smaller people and takes longer. None is the detector's default.
    min_detection_score
        The least score, 0..1, of a person who is reported; None is the detector's default.
    boxes
        Path of the boxes that the detector ``boxes`` reads.
    detect_every
        How often the detector of a top-down backend looks at a film: once in so many frames, and
        whenever somebody is uncertain; between, people are followed. ``auto`` is a few times a
        second, and 1 is every frame. Boxes that are given are read for every frame.
    quality
        ``best`` looks at each crop twice, as published accuracies want it, ``fast`` once.
    input_size_wh, decode
        Width and height of a crop in pixels, and how its heatmaps become points; None is what the
        catalogue says of the model, or the usual.
    device
        Where ONNX models run; see `kinetrace.onnx_session.open_session`.
    threads
        How many threads they run on; None is one for each core.
    precision
        ``int8`` runs a heatmap network in 8 bits, about three times as fast on a processor that
        has instructions for it; see `kinetrace.quantisation`.
    calibration
        What ``int8`` is calibrated on: a clip, or images of people. None is what it was calibrated
        on before, or else `first_source`.
    first_source
        What will be looked at first, where that is known.
    quiet
        Show no progress while a model is downloaded or calibrated.

    Raises
    ------
    ValueError
        If a number is outside what is said here.
    """

    model: str | None = None
    max_people: int | Literal["all"] | None = None
    detector: str | None = None
    detector_model: str | None = None
    detector_size_px: int | None = None
    min_detection_score: float | None = None
    boxes: str | os.PathLike[str] | None = None
    detect_every: int | Literal["auto"] = "auto"
    quality: Quality = "best"
    input_size_wh: tuple[int, int] | None = None
    decode: Decode | None = None
    device: Device = "auto"
    threads: int | None = None
    precision: Precision = "float32"
    calibration: Source | None = None
    first_source: Source | None = None
    quiet: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.max_people, int) and self.max_people < 1:
            raise ValueError(f"max_people must be at least 1, got {self.max_people}")
        if self.input_size_wh is not None and any(n < 32 or n % 32 for n in self.input_size_wh):
            raise ValueError(
                f"input_size_wh must be multiples of 32, got {self.input_size_wh} (width, height)"
            )
        size = self.detector_size_px
        if size is not None and (size < 32 or size % 32):
            raise ValueError(f"detector_size_px must be a multiple of 32, got {size}")
        score = self.min_detection_score
        if score is not None and not 0 <= score <= 1:
            raise ValueError(f"min_detection_score must be within 0..1, got {score}")
        turn = self.detect_every
        if turn != "auto" and not (isinstance(turn, int) and turn >= 1):
            raise ValueError(f"detect_every must be 'auto' or at least 1, got {turn!r}")
        self._check_precision()

    def _check_precision(self) -> None:
        if self.precision not in get_args(Precision):
            raise ValueError(
                f"precision must be one of {', '.join(get_args(Precision))}, got {self.precision!r}"
            )
        if self.precision == "int8" and self.device not in _INT8_DEVICES:
            raise ValueError(
                f"precision int8 runs on {' or '.join(_INT8_DEVICES)}, not on {self.device}; a "
                "graphics card is faster with float32"
            )
        if self.calibration is not None and self.precision != "int8":
            raise ValueError(f"calibration is for precision int8, not {self.precision}")
        if self.calibration is not None and self.detector == "boxes":
            raise ValueError(
                "calibration needs a detector that looks at it: the boxes are of something else"
            )

    def most_people(self, *, default: int | None) -> int | None:
        """Return `max_people` as a number, None for no limit; `default` where it is not set."""
        if self.max_people is None:
            return default
        return None if self.max_people == "all" else self.max_people

    def for_detector(self) -> Options:
        """Return what the detector of a backend is made from: `detector_model` is its `model`."""
        return dataclasses.replace(self, model=self.detector_model, detector_model=None)


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

    `bbox_xyxy` is (N, 4) float32 in pixels of the image (left, top, right, bottom), within the
    image and not empty; `score` (N,) float32 in 0..1. Both are in order of falling score.
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
