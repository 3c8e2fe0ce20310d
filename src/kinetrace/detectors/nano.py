"""People by person-nano, a detector of Kinetrace's own that is part of the package.

It shares the trunk of hrnet-nano and was trained here; ``docs/person-nano.md`` says on what, and
how good it is. Pictures are scaled so that their longer side is 320 px; `Options.detector_size_px`
640 finds smaller people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace import networks, weights
from kinetrace.boxes import to_detections
from kinetrace.detectors._letterbox import fit, letterbox, trimmed_wh
from kinetrace.detectors._network import find_weights
from kinetrace.errors import WeightsError
from kinetrace.estimators import Detections, Options
from kinetrace.frames import Frame
from kinetrace.networks.person import OUTPUTS, PERSON_NANO, decode
from kinetrace.onnx_session import open_session
from kinetrace.topdown.crops import MEAN_RGB, STD_RGB

_DEFAULT = "person-nano"
_SIZE_PX = 320
# One phantom in twenty of the pictures that were held out from its training, half of them empty.
_MIN_SCORE = 0.7


def load(options: Options) -> NanoDetector:
    """Make the detector; `Options.model` is a name or the path of weights of the same network.

    Raises
    ------
    WeightsError
        If the model cannot be had, or is another network.
    MissingExtraError
        If ONNX Runtime or onnx is not installed.
    """
    return NanoDetector(options)


class NanoDetector:
    """A `Detector` on person-nano; see `load`."""

    def __init__(self, options: Options) -> None:
        self._weights = find_weights("nano", options.model or _DEFAULT, quiet=options.quiet)
        wanted = options.min_detection_score
        self._min_score = _MIN_SCORE if wanted is None else wanted
        side = options.detector_size_px or _SIZE_PX
        self._size_wh = (side, side)
        path = find_graph(self._weights)
        self._session = open_session(path, device=options.device, threads=options.threads)
        shapes = self._session.output_shapes
        if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][1] != OUTPUTS:
            raise WeightsError(
                f"{path} gives {shapes}, which is not person-nano's (N, {OUTPUTS}, H / 4, W / 4): "
                "name the detector that it is for"
            )

    @property
    def description(self) -> Mapping[str, Any]:
        """What ran, for the log."""
        return {
            "detector": "nano",
            **self._weights.describe(),
            "size_wh": self._size_wh,
            "min_detection_score": self._min_score,
            **self._session.description,
        }

    def __call__(self, frames: Sequence[Frame]) -> list[Detections]:
        """Find the people of each frame.

        Raises
        ------
        RuntimeError
            If the detector is closed.
        """
        return [
            people
            for _, same in groupby(frames, key=lambda frame: frame.size_wh)
            for people in self._detect(list(same))
        ]

    def _detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Find the people of frames of one size."""
        fitted = fit(frames[0].size_wh, self._size_wh)
        input_wh = trimmed_wh(fitted.scaled_wh)
        images = [letterbox(frame.image, fitted.scaled_wh, input_wh) for frame in frames]
        (outputs,) = self._session.run(normalise(np.stack(images)))
        return [
            to_detections(fitted.unscale(xyxy), score, fitted.size_wh, min_score=self._min_score)
            for xyxy, score in decode(outputs, min_score=self._min_score)
        ]

    def close(self) -> None:
        """Free the network. Closing twice is fine."""
        self._session.close()


def normalise(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return pictures (N, H, W, 3) as the network takes them, (N, 3, H, W)."""
    batch = images.transpose(0, 3, 1, 2).astype(np.float32)
    batch -= np.array(MEAN_RGB, np.float32)[:, None, None] * 255
    batch /= np.array(STD_RGB, np.float32)[:, None, None] * 255
    return batch


def find_graph(found: weights.Weights) -> Path:
    """Return the ONNX file: the model's own, or that of weights, made once and kept."""
    if found.path.suffix.lower() == ".onnx":
        return found.path
    return networks.convert(
        found.path, PERSON_NANO, cache_dir=weights.cache_folder(), sha256=found.sha256
    )
