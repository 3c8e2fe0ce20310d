"""Crops of people, to calibrate an 8-bit network on and to check it with."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kinetrace.choices import Decode
from kinetrace.errors import SourceError, TruncatedError
from kinetrace.estimators import Detections
from kinetrace.frames import Frame
from kinetrace.frames.sources import Frames, Source, open_frames
from kinetrace.topdown import surround, write_crops

Floats = npt.NDArray[np.float32]
Detect = Callable[[Sequence[Frame]], list[Detections]]

_FRAMES = 64
_PEOPLE_A_FRAME = 4  # a crowd in one frame must not be all that is calibrated on
_FEWEST_CROPS = 8  # to calibrate on, and as many again to check with
_WITHIN_FRAMES = 10_000  # to decode all of a long film takes longer than its last part is worth


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Crops of people as the network sees them; of every other frame to calibrate and to check.

    Attributes
    ----------
    source
        Where they are from, for people to read.
    calibration, check : (N, 3, H, W), (M, 3, H, W) float32
        Normalised as `write_crops` does.
    """

    source: str
    calibration: Floats
    check: Floats

    @property
    def sha256(self) -> str:
        """Hash of all crops, in hexadecimal."""
        return hashlib.sha256(self.calibration.tobytes() + self.check.tobytes()).hexdigest()


def cut_sample(
    source: Source, detect: Detect, *, input_size_wh: tuple[int, int], decode: Decode
) -> Sample:
    """Cut the people out of a few dozen frames, spread over a source.

    Raises
    ------
    SourceError
        If the source cannot be read, or not twice (a camera, an iterator), or shows too few people.
    """
    parts: tuple[list[Floats], list[Floats]] = ([], [])
    frames_seen = with_people = 0
    with _open_spread(source) as frames:
        for frame in _whole_ones(frames):
            frames_seen += 1
            box_xyxy = detect([frame])[0].bbox_xyxy[:_PEOPLE_A_FRAME]
            if len(box_xyxy):
                crops = np.empty((len(box_xyxy), 3, *input_size_wh[::-1]), np.float32)
                regions = surround(box_xyxy, input_size_wh)
                write_crops(frame.image, regions, crops, decode=decode)
                parts[with_people % 2].append(crops)
                with_people += 1
        name = frames.source
    counts = [sum(map(len, part)) for part in parts]
    if min(counts) < _FEWEST_CROPS:
        raise SourceError(
            f"int8 cannot be calibrated on {name}: in {frames_seen} frames of it "
            f"{f'only {sum(counts)} people were' if sum(counts) else 'nobody was'} found, and "
            f"{2 * _FEWEST_CROPS} in different frames are needed. Name a clip or a folder of "
            "images of people as calibration, or use float32"
        )
    return Sample(source=name, calibration=np.concatenate(parts[0]), check=np.concatenate(parts[1]))


def _open_spread(source: Source) -> Frames:
    text = str(source) if isinstance(source, (str, Path)) else ""
    is_live = "://" in text or (text.isdigit() and not Path(text).exists())
    if is_live or not isinstance(source, (str, Path, list, tuple, np.ndarray)):
        raise SourceError(
            f"int8 cannot be calibrated on {source}, which cannot be read twice: name a clip or "
            "a folder of images of people as calibration, or use float32"
        )
    with open_frames(source) as frames:
        expected = frames.expected_frames or 1
    return open_frames(source, every=max(1, min(expected, _WITHIN_FRAMES) // _FRAMES))


def _whole_ones(frames: Frames) -> Iterator[Frame]:
    try:
        yield from islice(frames, _FRAMES)
    except TruncatedError:  # what came before is good, and a sample is all that is needed
        return
