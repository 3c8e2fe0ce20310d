"""A person detector in an ONNX file: letterbox -> run -> boxes in px of the picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace import weights
from kinetrace.boxes import to_detections
from kinetrace.detectors._letterbox import Fit, fit, letterbox, trimmed_wh
from kinetrace.detectors._outputs import Candidates, read_boxes, read_grid, recognise
from kinetrace.errors import WeightsError
from kinetrace.estimators import Detections, Options
from kinetrace.frames import Frame
from kinetrace.onnx_session import Session, open_session
from kinetrace.weights import catalog

_MIN_SCORE = 0.3


class Normalisation(NamedTuple):
    """What is taken off each channel, and what it is then divided by: blue, green, red."""

    mean_bgr: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std_bgr: tuple[float, float, float] = (1.0, 1.0, 1.0)


class NetworkDetector:
    """A `Detector` on an ONNX file.

    Parameters
    ----------
    name
        Of the plug-in.
    found
        The file.
    options
        Device, threads, least score and size.
    normalisation
        What the network wants pixels of 0..255 turned into.
    default_size_px
        Length of the longer side of its input where neither it nor the options say.

    Raises
    ------
    WeightsError
        If the network is no person detector of a kind that is known, or of another size.
    MissingExtraError
        If ONNX Runtime is not installed.
    """

    def __init__(
        self,
        name: str,
        found: weights.Weights,
        options: Options,
        *,
        normalisation: Normalisation,
        default_size_px: int,
    ) -> None:
        self._name, self._weights, self._normalisation = name, found, normalisation
        wanted = options.min_detection_score
        self._min_score = _MIN_SCORE if wanted is None else wanted
        self._session = open_session(found.path, device=options.device, threads=options.threads)
        try:
            self._kind = recognise(self._session.output_shapes)
        except WeightsError as error:
            raise WeightsError(f"{found.path} is no person detector: {error}") from error
        self._size_wh, self._is_trimmed = _input_size(
            self._session, options.detector_size_px, default_size_px
        )

    @property
    def kind(self) -> str:
        """What the network gives: ``boxes`` or ``grid``."""
        return self._kind

    @property
    def description(self) -> Mapping[str, Any]:
        """What ran, for the log."""
        return {
            "detector": self._name,
            **self._weights.describe(),
            "size_wh": self._size_wh,
            "min_detection_score": self._min_score,
            **self._session.description,
        }

    def __call__(self, frames: Sequence[Frame]) -> list[Detections]:
        """Find the people of each frame.

        Raises
        ------
        WeightsError
            If the network gives what its shapes did not promise.
        RuntimeError
            If the detector is closed.
        """
        return [people for batch in self._batches(frames) for people in self._detect(batch)]

    def _batches(self, frames: Sequence[Frame]) -> Iterator[list[Frame]]:
        # OpenMMLab's exports promise a free batch, which the suppression inside them cannot do.
        together = self._kind == "grid" and self._session.input_shape[0] is None
        for _, same in groupby(frames, key=lambda frame: frame.size_wh):
            if together:
                yield list(same)
            else:
                yield from ([frame] for frame in same)

    def _detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Find the people of frames of one size."""
        fitted = fit(frames[0].size_wh, self._size_wh)
        input_wh = trimmed_wh(fitted.scaled_wh) if self._is_trimmed else self._size_wh
        batch = _to_batch(frames, fitted, input_wh, self._normalisation)
        outputs = self._session.run(batch)
        try:
            found = self._read(outputs, input_wh)
            if len(found) != len(frames):
                raise WeightsError(f"it gave {len(found)} results for {len(frames)} pictures")
        except WeightsError as error:
            raise WeightsError(f"{self._session.path} is no person detector: {error}") from error
        return [
            to_detections(fitted.unscale(xyxy), score, fitted.size_wh, min_score=self._min_score)
            for xyxy, score in found
        ]

    def _read(
        self, outputs: Sequence[npt.NDArray[Any]], input_wh: tuple[int, int]
    ) -> list[Candidates]:
        if self._kind == "boxes":
            return read_boxes(outputs)
        return read_grid(outputs, input_wh, min_score=self._min_score)

    def close(self) -> None:
        """Free the network. Closing twice is fine."""
        self._session.close()


def find_weights(name: str, model: str | None, *, quiet: bool) -> weights.Weights:
    """Find the model of a detector, by name or path.

    Raises
    ------
    WeightsError
        If it cannot be had, or belongs to another plug-in.
    """
    if model is None:
        raise WeightsError(
            f"the detector {name!r} has no model of its own: give the path of an ONNX file"
        )
    # Before anything is downloaded, and again when a file was recognised by its hash.
    _check_backend(name, next((m for m in catalog.MODELS if m.name == model), None))
    found = weights.fetch(model, quiet=quiet)
    _check_backend(name, found.model)
    return found


def _check_backend(name: str, model: catalog.Model | None) -> None:
    if model is not None and model.backend != name:
        raise WeightsError(
            f"{model.name} is a model of {model.backend!r}, which the detector {name!r} cannot run"
        )


def _input_size(
    session: Session, wanted_px: int | None, default_px: int
) -> tuple[tuple[int, int], bool]:
    """Return the size of a network's input in px, and whether it may be less than that."""
    shape = session.input_shape
    if len(shape) != 4 or shape[0] not in (1, None) or shape[1] not in (3, None):
        raise WeightsError(
            f"{session.path} is no person detector: its input is {shape}, not (N, 3, H, W) or "
            "(1, 3, H, W)"
        )
    height, width = shape[2:]
    fixed = {side for side in (height, width) if side is not None}
    if wanted_px is not None and fixed and max(fixed) != wanted_px:
        raise WeightsError(
            f"{session.path} takes pictures of {width} x {height} px only, not of {wanted_px}: "
            "leave detector_size_px out"
        )
    free_px = wanted_px or default_px
    return (width or free_px, height or free_px), not fixed


def _to_batch(
    frames: Sequence[Frame], fitted: Fit, input_wh: tuple[int, int], normalisation: Normalisation
) -> npt.NDArray[np.float32]:
    """Return frames of one size as a network's input, (N, 3, H, W), blue first."""
    mean, std = (np.array(values, np.float32)[:, None, None] for values in normalisation)
    batch = np.empty((len(frames), 3, input_wh[1], input_wh[0]), np.float32)
    for slot, frame in zip(batch, frames, strict=True):
        slot[:] = letterbox(frame.image, fitted.scaled_wh, input_wh)[..., ::-1].transpose(2, 0, 1)
    batch -= mean
    batch /= std
    return batch
