"""From a source to poses: `stream` frame by frame, `estimate` as a whole."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Literal

from kinetrace import plugins
from kinetrace.choices import Decode, Device, Precision, Quality
from kinetrace.errors import SourceError, TruncatedError
from kinetrace.estimators import Estimator, Options
from kinetrace.frames import Frame
from kinetrace.frames.sources import Frames, Source, open_frames
from kinetrace.poses import Poses, concat

DEFAULT_BACKEND = "mediapipe"


def load_estimator(backend: str, options: Options) -> Estimator:
    """Make an estimator by the name of its backend.

    Raises
    ------
    PluginError
        If there is no such backend.
    MissingExtraError, WeightsError
        If the package or the model that it needs cannot be had.
    """
    estimator: Estimator = plugins.load("backends", backend).load(options)
    return estimator


def estimate_frames(frames: Frames, estimator: Estimator) -> Iterator[tuple[Frame, Poses]]:
    """Run an estimator over an open source.

    Yields
    ------
    Frame, Poses
        Each frame with its people: a `Poses` of one frame.

    Raises
    ------
    SourceError
        As the source does, behind the frames that came before.
    """
    estimator.reset(continuous=frames.continuous)
    waiting = iter(frames)
    # What has no known end may be live, and must not wait for a batch to fill.
    most = estimator.batch_size if frames.expected_frames else 1
    log: tuple[Mapping[str, Any], ...] = ()
    while batch := list(islice(waiting, most)):
        poses = estimator(batch)
        log = log or poses.logged("estimate", estimator.description).log
        for position, frame in enumerate(batch):
            yield (
                frame,
                dataclasses.replace(
                    poses.frames(position, position + 1) if len(batch) > 1 else poses,
                    size_wh=frame.size_wh,
                    source=frames.source,
                    frame_name=(frame.name,) if frame.name else None,
                    log=log,
                ),
            )


def stream(
    source: Source,
    *,
    backend: str = DEFAULT_BACKEND,
    model: str | None = None,
    max_people: int | Literal["all"] | None = None,
    detector: str | None = None,
    detector_model: str | None = None,
    detector_size_px: int | None = None,
    min_detection_score: float | None = None,
    boxes: str | os.PathLike[str] | None = None,
    quality: Quality = "best",
    input_size_wh: tuple[int, int] | None = None,
    decode: Decode | None = None,
    device: Device = "auto",
    threads: int | None = None,
    precision: Precision = "float32",
    calibration: Source | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    every: int | str = 1,
    fps: float | None = None,
) -> Iterator[tuple[Frame, Poses]]:
    """Estimate poses frame by frame, in memory that does not grow.

    Parameters
    ----------
    source, start_s, end_s, every, fps
        What is looked at; see `open_frames`.
    backend
        Name of a backend: ``mediapipe`` or ``hrnet``.
    model
        Name of one of the backend's models, or path of a model file; None is its default.
    max_people
        The most people to report in a frame, or ``"all"``; None is the backend's default: 1 for
        MediaPipe, which can follow only one through a film, else all.
    detector
        Name of the detector that finds people; None is the backend's default. MediaPipe needs
        none for one person.
    detector_model
        What `model` is, for the detector.
    detector_size_px, min_detection_score
        Longer side of the picture that the detector sees, and the least score of who is reported.
    boxes
        File with the boxes of people, for the detector ``boxes``.
    quality
        ``best`` looks at each crop twice, as published accuracies want it, ``fast`` once.
    input_size_wh, decode
        HRNet: width and height of a crop in pixels, and how heatmaps become points, for a model
        file of your own.
    device
        Where ONNX models run: ``auto``, ``cpu``, ``cuda``, ``coreml``, ``directml``, ``openvino``.
    threads
        How many threads they run on; None is one for each core.
    precision
        ``int8`` runs HRNet in 8 bits, about three times as fast on a processor that has
        instructions for it. It is calibrated once, and checked; it is refused where it would move
        the points too much.
    calibration
        What ``int8`` is calibrated on: a clip, or images of people. None is what it was calibrated
        on before, or else `source`.

    Yields
    ------
    Frame, Poses
        Each frame that is looked at, with its people: a `Poses` of one frame.

    Raises
    ------
    SourceError
        If the source cannot be read. `TruncatedError` comes behind the last good frame.
    PluginError, MissingExtraError, WeightsError
        If the backend, its package or its model cannot be had.
    """
    options = Options(
        model=model,
        max_people=max_people,
        detector=detector,
        detector_model=detector_model,
        detector_size_px=detector_size_px,
        min_detection_score=min_detection_score,
        boxes=boxes,
        quality=quality,
        input_size_wh=input_size_wh,
        decode=decode,
        device=device,
        threads=threads,
        precision=precision,
        calibration=calibration,
        first_source=source,
    )
    with open_frames(source, start_s=start_s, end_s=end_s, every=every, fps=fps) as frames:
        estimator = load_estimator(backend, options)
        try:
            yield from estimate_frames(frames, estimator)
        finally:
            estimator.close()


def estimate(
    source: Source,
    *,
    backend: str = DEFAULT_BACKEND,
    model: str | None = None,
    max_people: int | Literal["all"] | None = None,
    detector: str | None = None,
    detector_model: str | None = None,
    detector_size_px: int | None = None,
    min_detection_score: float | None = None,
    boxes: str | os.PathLike[str] | None = None,
    quality: Quality = "best",
    input_size_wh: tuple[int, int] | None = None,
    decode: Decode | None = None,
    device: Device = "auto",
    threads: int | None = None,
    precision: Precision = "float32",
    calibration: Source | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    every: int | str = 1,
    fps: float | None = None,
) -> Poses:
    """Estimate the poses of a whole source.

    Parameters and errors are those of `stream`.

    Returns
    -------
    Poses
        Of all frames that were looked at.

    Raises
    ------
    TruncatedError
        If a video is damaged or ends early; its attribute ``poses`` holds what there was.
    """
    parts: list[Poses] = []
    try:
        for _, poses in stream(
            source,
            backend=backend,
            model=model,
            max_people=max_people,
            detector=detector,
            detector_model=detector_model,
            detector_size_px=detector_size_px,
            min_detection_score=min_detection_score,
            boxes=boxes,
            quality=quality,
            input_size_wh=input_size_wh,
            decode=decode,
            device=device,
            threads=threads,
            precision=precision,
            calibration=calibration,
            start_s=start_s,
            end_s=end_s,
            every=every,
            fps=fps,
        ):
            parts.append(poses)
    except TruncatedError as error:
        error.poses = concat(parts) if parts else None
        raise
    if not parts:
        raise SourceError(f"no frame of {source} is selected: check start, end and every")
    return concat(parts)
