"""Doing a job, in the worker process: the table, what a browser plays, and the measures."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

from kinetrace.batch.task import do
from kinetrace.errors import KinetraceError, TruncatedError
from kinetrace.formats import read, write
from kinetrace.frames import Frame
from kinetrace.frames.image_writer import write_image
from kinetrace.frames.sources import open_frames
from kinetrace.frames.video_writer import VideoWriter
from kinetrace.jobs import Job, is_image_name
from kinetrace.poses import Poses
from kinetrace.web.faces import Faces
from kinetrace.web.measuring import answer_path, write_answer
from kinetrace.web.orders import TABLE, Analyse, Analysed, At, Measure
from kinetrace.web.results import write_json

_LOADING = "Loading the model"
_FINDING = "Finding people"
_PREPARING = "Preparing the film for the browser"
_BLURRING = "Blurring faces"
_MEASURING = "Measuring"


def analyse(order: Analyse, tell: Callable[[At], None]) -> Analysed:
    """Do a job.

    Raises
    ------
    KinetraceError
        If it cannot be done.
    """
    source = order.folder / order.source
    table = order.folder / TABLE
    tell(At(_LOADING))
    result = do(
        Job(source=source, table=table, origin=order.name),
        order.settings,
        lambda done, expected: tell(At(_FINDING, done, expected)),
        on_phase=lambda phase: tell(At(_LOADING if phase == "loading" else _FINDING)),
        overwrite=True,
        claim=False,
    )
    if result.outcome is None:
        if result.details:
            raise RuntimeError(result.details)
        raise KinetraceError(result.error)
    poses = read(table)
    if poses.frame_name is not None:  # a photo's is in its table, and ours is not the one it had
        poses = dataclasses.replace(poses, frame_name=(order.name,))
        write(poses, table)
    write_json(order.folder)
    media = _prepare(order, source, poses, tell)
    for name in order.measures:
        tell(At(_MEASURING))
        path = answer_path(order.folder, name, {})
        write_answer(Measure(folder=order.folder, name=name, options={}, path=path))
    mean_score = result.outcome.mean_score
    return Analysed(
        media=media,
        people=len(result.outcome.track_ids) or result.outcome.most_people,
        mean_score=None if math.isnan(mean_score) else mean_score,
        problem=result.outcome.problem,
    )


def _prepare(order: Analyse, source: Path, poses: Poses, tell: Callable[[At], None]) -> str:
    """Make the film or the picture that is shown, and return its name."""
    if order.is_played and not order.blur_faces:
        return order.source
    phase = _BLURRING if order.blur_faces else _PREPARING
    faces = Faces(poses) if order.blur_faces else None
    name = "media.png" if is_image_name(source) else "media.mp4"
    with open_frames(source) as frames:
        if is_image_name(source):
            image = next(iter(frames)).image
            write_image(faces.blurred(image, 0) if faces else image, order.folder / name)
            return name
        total = len(poses.frame_time_s)
        position = {int(index): i for i, index in enumerate(poses.frame_index)}
        with VideoWriter(order.folder / name, source=source) as video:
            try:
                for done, frame in enumerate(frames.as_stored()):
                    if frame.index not in position:  # nobody has looked for faces in it
                        continue
                    if faces:
                        image = faces.blurred(frame.image, position[frame.index])
                        frame = Frame(image, frame.index, frame.time_s)
                    video.write(frame)
                    tell(At(phase, done + 1, total))
            except TruncatedError:
                pass  # the job tells of it; what there was is shown
    return name
