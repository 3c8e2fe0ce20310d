"""From a source to poses: `stream` frame by frame, `estimate` as a whole."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from typing import Any, Literal, get_args

from kinetrace import plugins
from kinetrace._ahead import Ahead
from kinetrace.choices import Decode, Device, Precision, Quality, Smooth
from kinetrace.errors import SourceError, TruncatedError
from kinetrace.estimators import Estimator, Options
from kinetrace.filtering import OneEuro
from kinetrace.frames import Frame
from kinetrace.frames.sources import Frames, Source, open_frames
from kinetrace.poses import Poses
from kinetrace.settling import Film, check_smoothing
from kinetrace.timing import span
from kinetrace.tracking import Tracker

DEFAULT_BACKEND = "mediapipe"

# What can be smoothed with while the film is still running.
_Live = Literal["none", "one-euro"]


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


def estimate_frames(
    frames: Frames, estimator: Estimator, *, track: bool = True
) -> Generator[tuple[Frame, Poses], None, None]:
    """Run an estimator over an open source, and give people ids.

    Frames are decoded and estimated in threads of their own while people are tracked, and the
    consumer works, in this one; each waits where it is too far ahead. Closing the iterator ends
    both.

    Parameters
    ----------
    track
        Give each person of a film an id. Unrelated pictures have none.

    Yields
    ------
    Frame, Poses
        Each frame with its people: a `Poses` of one frame.

    Raises
    ------
    SourceError
        As the source does, behind the frames that came before.
    """
    tracker = Tracker() if track and frames.continuous else None
    estimated = Ahead(
        _estimated(frames, estimator),
        name="estimate",
        nbytes=lambda item: item[0].image.nbytes,
        # What has no known end may be live: whoever looks at it wants the newest.
        most=2 * estimator.batch_size if frames.expected_frames else 1,
    )
    log: tuple[Mapping[str, Any], ...] = ()
    with estimated:
        for frame, poses in estimated:
            if tracker is None:
                yield frame, poses
                continue
            with span("track"):  # here, so that the network has its thread for itself
                log = log or poses.logged("track", tracker.parameters).log
                tracked = tracker.update(poses, frame.image)
            yield frame, dataclasses.replace(tracked, log=log)


def _estimated(frames: Frames, estimator: Estimator) -> Iterator[tuple[Frame, Poses]]:
    estimator.reset(continuous=frames.continuous)
    waiting = iter(frames)
    # What has no known end may be live, and must not wait for a batch to fill.
    most = estimator.batch_size if frames.expected_frames else 1
    log: tuple[Mapping[str, Any], ...] = ()
    while batch := list(islice(waiting, most)):
        with span("estimate"), _told_where(frames.source, batch):
            poses = estimator(batch)
        log = log or poses.logged("estimate", estimator.description).log
        for position, frame in enumerate(batch):
            one = dataclasses.replace(
                poses.frames(position, position + 1) if len(batch) > 1 else poses,
                size_wh=frame.size_wh,
                source=frames.source,
                frame_name=(frame.name,) if frame.name else None,
                log=log,
            )
            yield frame, one


@contextmanager
def _told_where(source: str, batch: Sequence[Frame]) -> Iterator[None]:
    """Add to an error which frames it came from."""
    try:
        yield
    except Exception as error:
        first, last = batch[0].index, batch[-1].index
        where = f"frame {first}" if first == last else f"frames {first} to {last}"
        note = f"at {where} of {source}"
        # What `add_note` does, which Python 3.10 does not have.
        error.__notes__ = [*getattr(error, "__notes__", []), note]
        raise


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
    detect_every: int | Literal["auto"] = "auto",
    quality: Quality = "best",
    input_size_wh: tuple[int, int] | None = None,
    decode: Decode | None = None,
    device: Device = "auto",
    threads: int | None = None,
    precision: Precision = "float32",
    calibration: Source | None = None,
    track: bool = True,
    smooth: _Live = "none",
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
    detect_every
        HRNet: how often the detector looks at a film, every so many frames; between, people are
        followed. ``auto`` is a few times a second, and whenever somebody is uncertain.
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
    track
        Give each person of a film an id, `Poses.track_id`.
    smooth
        ``one-euro`` smooths as the frames come, with a little delay. What needs the whole film, and
        has no delay, is `estimate`'s.

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
    ValueError
        If an option is outside what is said here.
    """
    if smooth not in get_args(_Live):
        raise ValueError(
            f"a stream can be smoothed by {' or '.join(get_args(_Live))}, not by {smooth!r}, which "
            "takes a whole film: see estimate()"
        )
    check_smoothing(track=track, smooth=smooth)
    options = Options(
        model=model,
        max_people=max_people,
        detector=detector,
        detector_model=detector_model,
        detector_size_px=detector_size_px,
        min_detection_score=min_detection_score,
        boxes=boxes,
        detect_every=detect_every,
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
        steady = OneEuro() if smooth == "one-euro" and frames.continuous else None
        try:
            with closing(estimate_frames(frames, estimator, track=track)) as estimated:
                for frame, poses in estimated:
                    yield frame, poses if steady is None else steady.update(poses)
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
    detect_every: int | Literal["auto"] = "auto",
    quality: Quality = "best",
    input_size_wh: tuple[int, int] | None = None,
    decode: Decode | None = None,
    device: Device = "auto",
    threads: int | None = None,
    precision: Precision = "float32",
    calibration: Source | None = None,
    track: bool = True,
    smooth: Smooth = "auto",
    start_s: float | None = None,
    end_s: float | None = None,
    every: int | str = 1,
    fps: float | None = None,
) -> Poses:
    """Estimate the poses of a whole source.

    Parameters and errors are those of `stream`, but for these:

    Parameters
    ----------
    track
        Give each person of a film an id, and, now that the whole of it is known, join the pieces
        of a person's track and drop people who were never there.
    smooth
        How a film's keypoints are smoothed; see `kinetrace.filtering.smooth`. ``none`` leaves
        them as they were estimated.

    Returns
    -------
    Poses
        Of all frames that were looked at.

    Raises
    ------
    TruncatedError
        If a video is damaged or ends early; its attribute ``poses`` holds what there was.
    """
    check_smoothing(track=track, smooth=smooth)
    film = Film(track=track, smooth=smooth)
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
            detect_every=detect_every,
            quality=quality,
            input_size_wh=input_size_wh,
            decode=decode,
            device=device,
            threads=threads,
            precision=precision,
            calibration=calibration,
            track=track,
            start_s=start_s,
            end_s=end_s,
            every=every,
            fps=fps,
        ):
            film.append(poses)
    except TruncatedError as error:
        error.poses = film.finished()
        raise
    whole = film.finished()
    if whole is None:
        raise SourceError(f"no frame of {source} is selected: check start, end and every")
    return whole
