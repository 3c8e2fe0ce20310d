"""A film in stretches, by several workers: what each does, and how one makes the table of it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass

from kinetrace import formats
from kinetrace.batch._claims import claimed
from kinetrace.batch.settings import Settings
from kinetrace.batch.stitching import stitch
from kinetrace.batch.task import Result, estimator_for, failed, now_utc, release, versions
from kinetrace.errors import SourceError
from kinetrace.frames.selection import Selection
from kinetrace.frames.sources import open_frames
from kinetrace.jobs import Job
from kinetrace.pictures import write_pictures
from kinetrace.pipeline import estimate_frames
from kinetrace.poses import Poses
from kinetrace.run import OnFrame, Outcome, paired
from kinetrace.settling import Film, finish


@dataclass(frozen=True, kw_only=True)
class Part:
    """What came of a stretch; can be pickled.

    Attributes
    ----------
    poses
        Before anything is done that takes the whole film; None if it has no frame.
    started_utc, took_s
        ISO 8601, and seconds of work.
    problem
        What was wrong with the film, or "".
    """

    poses: Poses | None
    started_utc: str
    took_s: float
    problem: str = ""


def estimate_part(
    job: Job,
    settings: Settings,
    selection: Selection,
    on_frame: OnFrame = lambda _done, _expected: None,
) -> Part | Result:
    """Estimate a stretch; return a failed `Result` where that cannot be done.

    Parameters
    ----------
    job, settings, on_frame
        See `kinetrace.batch.task.do`.
    selection
        The stretch, one of those that `kinetrace.batch.stitching.split` returned.
    """
    started_utc, started_s = now_utc(), time.perf_counter()
    # A stretch stays as it is until the whole film is known.
    stretch, problem, done = Film(track=False, smooth="none"), "", 0
    try:
        estimator = estimator_for(settings, job.source)
        with open_frames(job.source, **dataclasses.asdict(selection)) as frames:
            for _, poses in estimate_frames(frames, estimator, track=settings.track):
                stretch.append(poses)
                done += 1
                on_frame(done, frames.expected_frames)
    except SourceError as error:
        problem = str(error)
    except Exception as error:  # noqa: BLE001 - one bad file must not stop the others
        release()  # it may be in no state to go on
        return dataclasses.replace(failed(error), started_utc=started_utc, ended_utc=now_utc())
    took_s = time.perf_counter() - started_s
    return Part(poses=stretch.finished(), started_utc=started_utc, took_s=took_s, problem=problem)


def assemble(
    job: Job,
    settings: Settings,
    parts: Sequence[Part],
    on_drawn: OnFrame = lambda _done, _expected: None,
    *,
    overwrite: bool = False,
) -> Result | None:
    """Make the files of a job from the stretches of its film.

    Returns
    -------
    Result or None
        As of `kinetrace.batch.task.do`. None if the film turns out to be damaged, so that its
        frames cannot be counted from the middle: then it must be done undivided.
    """
    started_s = time.perf_counter()
    if any(part.problem for part in parts):
        return None
    try:
        whole = stitch([part.poses for part in parts if part.poses is not None])
    except SourceError:
        return None
    try:
        with claimed(job) as is_ours:
            if not is_ours:
                return Result(state="busy")
            if job.is_done and not overwrite:
                return Result(state="there")
            outcome = _finish(job, settings, whole, on_drawn)
    except Exception as error:  # noqa: BLE001 - one bad file must not stop the others
        return failed(error)
    outcome.took_s = sum(part.took_s for part in parts) + time.perf_counter() - started_s
    return Result(
        state="done",
        outcome=outcome,
        started_utc=min(part.started_utc for part in parts),
        ended_utc=now_utc(),
        versions=versions(),
    )


def _finish(job: Job, settings: Settings, poses: Poses, on_drawn: OnFrame) -> Outcome:
    poses = finish(poses, track=settings.track, smooth=settings.smooth)
    formats.write(poses, job.table, layout=settings.layout)
    outcome = Outcome()
    outcome.add(poses)
    if job.overlay or job.sheet:
        selection, fps = settings.selection, settings.fps
        with open_frames(job.source, **dataclasses.asdict(selection), fps=fps) as frames:
            pairs = paired(frames, poses, on_drawn)
            write_pictures(job, pairs, start_s=selection.start_s, fps=fps)
    return outcome
