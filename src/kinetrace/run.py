"""Doing a job: one source to its table, and to the same pixels with the skeletons drawn.

A film is estimated first, into a partial table that a killed run leaves behind. Then, with the
whole of it known, ids are settled and keypoints smoothed, the table gets its name, and the film
is gone through again to be drawn on, so that table and picture agree. What has no end (a camera)
cannot wait for it, and photos have no need: these are written as they come.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TypeAlias

import numpy as np

from kinetrace.choices import Layout, Smooth
from kinetrace.errors import KinetraceError, OutputError, SourceError, TruncatedError
from kinetrace.estimators import Estimator
from kinetrace.formats import open_writer
from kinetrace.formats._recording import Recording
from kinetrace.frames import Frame
from kinetrace.frames.selection import Selection
from kinetrace.frames.sources import Frames, open_frames
from kinetrace.jobs import Job, is_image_name
from kinetrace.pictures import write_pictures
from kinetrace.pipeline import estimate_frames
from kinetrace.poses import Poses
from kinetrace.settling import Film
from kinetrace.timing import span

Pairs: TypeAlias = Iterator[tuple[Frame, Poses]]
OnFrame: TypeAlias = Callable[[int, "int | None"], None]


@dataclass
class Outcome:
    """What came of a job.

    `people` is their number summed over the frames, as the length of a `Poses` is.
    `problem` is what was wrong with a source of which only a part could be read, else "".
    """

    frames: int = 0
    people: int = 0
    frames_with_people: int = 0
    most_people: int = 0
    size_wh: tuple[int, int] | None = None
    start_s: float = math.nan
    end_s: float = math.nan
    took_s: float = 0.0
    log: tuple[Any, ...] = ()
    problem: str = ""
    score_sum: float = 0.0
    keypoints_found: int = 0
    track_ids: set[int] = field(default_factory=set)

    def add(self, poses: Poses) -> None:
        """Count the next frames."""
        if not self.frames:
            self.size_wh, self.start_s = poses.size_wh, float(poses.frame_time_s[0])
            self.log = poses.log
        self.frames += len(poses.frame_time_s)
        self.people += len(poses)
        self.end_s = float(poses.frame_time_s[-1])
        people = np.bincount(poses.frame, minlength=1)
        self.frames_with_people += int((people > 0).sum())
        self.most_people = max(self.most_people, int(people.max()))
        found = ~np.isnan(poses.xy[..., 0])
        self.score_sum += float(poses.score[found].sum())
        self.keypoints_found += int(found.sum())
        self.track_ids.update(np.unique(poses.track_id[poses.track_id >= 0]).tolist())

    @property
    def mean_score(self) -> float:
        """Mean score of the keypoints that were found; NaN where there was none."""
        return self.score_sum / self.keypoints_found if self.keypoints_found else math.nan


def run(
    job: Job,
    load: Callable[[], Estimator],
    *,
    selection: Selection,
    fps: float | None = None,
    layout: Layout | None = None,
    track: bool = True,
    smooth: Smooth = "auto",
    on_frame: OnFrame = lambda _done, _expected: None,
    on_drawn: OnFrame = lambda _done, _expected: None,
) -> Outcome:
    """Do one job.

    Parameters
    ----------
    job
        The source, and the files to make.
    load
        Returns the estimator; called once the source is open, so that a missing file is noticed
        before a model is downloaded.
    selection, fps
        What of the source is looked at; see `open_frames`.
    layout
        Of the table, where its format has several.
    track, smooth
        See `kinetrace.estimate`.
    on_frame
        Called with the frames estimated and about how many there are (None: not known).
    on_drawn
        The same, for the frames that are drawn when all have been estimated.

    Raises
    ------
    KinetraceError
        If it cannot be done. What was done until then is in a partial file that the text names.
    KeyboardInterrupt
        With such a text, if it is interrupted.
    """
    started_s = time.perf_counter()
    outcome = Outcome()

    def opened() -> Frames:
        return open_frames(job.source, **dataclasses.asdict(selection), fps=fps)

    with ExitStack() as sources:
        frames = sources.enter_context(opened())
        frames.source = job.origin or frames.source
        _check(job, frames)
        is_whole = track and frames.continuous and frames.expected_frames is not None
        film = Film(smooth=smooth) if is_whole else None
        poses: Poses | None = None
        again: Frames | None = None
        if is_whole:
            iter(frames)  # begins to decode, while the model is loaded
        estimator = load()
        with (
            closing(estimate_frames(frames, estimator, track=track)) as estimated,
            _Table(job, layout) as table,
        ):
            read = table.passing(_until_cut(estimated, frames, outcome, on_frame))
            if film is not None:
                for _, each in read:
                    film.append(each)
                if job.overlay or job.sheet:
                    again = sources.enter_context(opened())
                    again.as_stored()  # begins to decode, while the film is settled
                poses = _write_whole(table, outcome, film)
            else:
                counted = _counted(read, outcome)
                write_pictures(job, counted, start_s=selection.start_s, fps=fps)
        if not outcome.frames:
            raise SourceError(outcome.problem or f"no frame of {job.name} is selected")
        if poses is not None and again is not None:
            pairs = paired(again, poses, on_drawn)
            write_pictures(job, pairs, start_s=selection.start_s, fps=fps)
    outcome.took_s = time.perf_counter() - started_s
    return outcome


def _check(job: Job, frames: Frames) -> None:
    if job.overlay and not frames.continuous and not is_image_name(job.source):
        raise OutputError(
            "unrelated photos cannot be drawn as a film: give their fps, or name a folder as "
            "output, and each gets an overlay of its own"
        )


def _until_cut(estimated: Pairs, frames: Frames, outcome: Outcome, on_frame: OnFrame) -> Pairs:
    """Pass the frames on and tell of them; a source that is cut short just ends."""
    done = 0
    try:
        for pair in estimated:
            yield pair
            done += 1
            on_frame(done, frames.expected_frames)
    except TruncatedError as error:  # what there was is a result all the same
        outcome.problem = str(error)


def _counted(pairs: Pairs, outcome: Outcome) -> Pairs:
    for frame, poses in pairs:
        outcome.add(poses)
        yield frame, poses


def _write_whole(table: _Table, outcome: Outcome, film: Film) -> Poses | None:
    """Write a film's table, now that all of it is known."""
    whole = film.finished()
    if whole is None:
        return None
    table.close_as(whole)
    outcome.add(whole)
    return whole


def paired(frames: Frames, poses: Poses, on_drawn: OnFrame) -> Pairs:
    """Go through the same frames again, each with its people."""
    total = len(poses.frame_time_s)
    for position, frame in zip(range(total), frames.as_stored(), strict=False):
        yield frame, poses.frames(position, position + 1)
        on_drawn(position + 1, total)


class _Table:
    """The table of a job, opened with the first frame, which tells what it will hold."""

    def __init__(self, job: Job, layout: Layout | None) -> None:
        self._job, self._layout = job, layout
        self._recording: Recording | None = None

    def passing(self, estimated: Pairs) -> Pairs:
        """Write each frame and pass it on."""
        for frame, poses in estimated:
            with span("write"):
                if self._recording is None:
                    self._recording = open_writer(self._job.table, poses, layout=self._layout)
                self._recording.append(poses)
            yield frame, poses

    def close_as(self, poses: Poses) -> None:
        """End the table as `poses`."""
        assert self._recording is not None
        with span("write"):
            self._recording.close_as(poses)

    def __enter__(self) -> _Table:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._recording is None:
            return
        self._recording.__exit__(kind, error, traceback)
        left = self._what_is_left(self._recording)
        if left and isinstance(error, (KeyboardInterrupt, KinetraceError)):
            text = f"{error if isinstance(error, KinetraceError) else 'interrupted'}{left}"
            # Not by its own constructor, which may take something else than the text.
            raise type(error).__new__(type(error), text) from error

    def _what_is_left(self, recording: Recording) -> str:
        """Say where the part is that was written before the end, if there is one."""
        if not recording.frames or recording.path.exists():
            return ""
        return f"; the first {recording.frames} frames are in {recording.partial}"
