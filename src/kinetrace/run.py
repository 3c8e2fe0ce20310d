"""Doing a job: one source to its table, and to the same pixels with the skeletons drawn."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace.choices import Layout
from kinetrace.contact_sheet import contact_sheet
from kinetrace.drawing import draw
from kinetrace.errors import KinetraceError, OutputError, SourceError, TruncatedError
from kinetrace.estimators import Estimator
from kinetrace.formats import open_writer
from kinetrace.formats._recording import Recording
from kinetrace.frames import Frame
from kinetrace.frames.image_writer import write_image
from kinetrace.frames.selection import Selection
from kinetrace.frames.sources import Frames, open_frames
from kinetrace.frames.video_writer import VideoWriter
from kinetrace.jobs import Job, is_image_name
from kinetrace.pipeline import estimate_frames
from kinetrace.poses import Poses

Drawn = Iterator[tuple[Frame, Poses]]


@dataclass
class Outcome:
    """What came of a job, counted while it runs.

    `problem` is what was wrong with a source of which only a part could be read, else "".
    """

    frames: int = 0
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

    def add(self, frame: Frame, poses: Poses) -> None:
        """Count one frame."""
        if not self.frames:
            self.size_wh, self.start_s, self.log = frame.size_wh, frame.time_s, poses.log
        self.frames += 1
        self.end_s = frame.time_s
        self.frames_with_people += len(poses) > 0
        self.most_people = max(self.most_people, len(poses))
        found = ~np.isnan(poses.xy[..., 0])
        self.score_sum += float(poses.score[found].sum())
        self.keypoints_found += int(found.sum())

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
    on_frame: Callable[[int, int | None], None] = lambda _done, _expected: None,
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
    on_frame
        Called with the frames done and about how many there are (None: not known).

    Raises
    ------
    KinetraceError
        If it cannot be done. What was done until then is in a partial file that the text names.
    KeyboardInterrupt
        With such a text, if it is interrupted.
    """
    started_s = time.perf_counter()
    outcome = Outcome()
    with open_frames(job.source, **dataclasses.asdict(selection), fps=fps) as frames:
        _check(job, frames)
        outputs = _Outputs(job, start_s=selection.start_s, fps=fps, layout=layout)
        estimated = _counted(estimate_frames(frames, load()), outcome, frames, on_frame)
        try:
            _write(job, outputs, estimated)
        except KeyboardInterrupt as error:
            raise type(error)(f"interrupted{outputs.what_is_left()}") from error
        except KinetraceError as error:
            if outputs.what_is_left():
                raise type(error)(f"{error}{outputs.what_is_left()}") from error
            raise
    if not outcome.frames:
        raise SourceError(outcome.problem or f"no frame of {job.name} is selected")
    outcome.took_s = time.perf_counter() - started_s
    return outcome


def _check(job: Job, frames: Frames) -> None:
    if job.overlay and not frames.continuous and not is_image_name(job.source):
        raise OutputError(
            "unrelated photos cannot be drawn as a film: give their fps, or name a folder as "
            "output, and each gets an overlay of its own"
        )


def _counted(
    estimated: Drawn,
    outcome: Outcome,
    frames: Frames,
    on_frame: Callable[[int, int | None], None],
) -> Drawn:
    """Pass the frames on and tell of them; a source that is cut short just ends."""
    try:
        for frame, poses in estimated:
            outcome.add(frame, poses)
            yield frame, poses
            on_frame(outcome.frames, frames.expected_frames)
    except TruncatedError as error:  # what there was is a result all the same
        outcome.problem = str(error)


def _write(job: Job, outputs: _Outputs, estimated: Drawn) -> None:
    sheet: npt.NDArray[np.uint8] | None = None
    with outputs:
        written = outputs.passing(estimated)
        first = next(written, None)
        if first is not None and job.sheet is not None:
            sheet = contact_sheet(_chain(first, written))
        for _ in written:
            pass
    if sheet is not None and job.sheet is not None:
        write_image(sheet, job.sheet)


def _chain(first: tuple[Frame, Poses], rest: Drawn) -> Drawn:
    yield first
    yield from rest


class _Outputs:
    """The files of a job, opened with the first frame, which tells what they will hold."""

    def __init__(
        self, job: Job, *, start_s: float | None, fps: float | None, layout: Layout | None
    ) -> None:
        self._job, self._start_s, self._fps, self._layout = job, start_s, fps, layout
        self._files = ExitStack()
        self._table: Recording | None = None
        self._video: VideoWriter | None = None

    def __enter__(self) -> _Outputs:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._files.__exit__(kind, error, traceback)

    def passing(self, estimated: Drawn) -> Drawn:
        """Write each frame and pass it on."""
        for frame, poses in estimated:
            if self._table is None:
                table = open_writer(self._job.table, poses, layout=self._layout)
                self._table = self._files.enter_context(table)
            self._table.append(poses)
            self._draw(frame, poses)
            yield frame, poses

    def _draw(self, frame: Frame, poses: Poses) -> None:
        path = self._job.overlay
        if path is None:
            return
        drawn = draw(frame.image, poses)
        if is_image_name(self._job.source):
            write_image(drawn, path)
            return
        if self._video is None:
            self._video = self._files.enter_context(self._open_video(path))
        self._video.write(dataclasses.replace(frame, image=drawn))

    def _open_video(self, path: Path) -> VideoWriter:
        source = self._job.source
        if not isinstance(source, Path):
            return VideoWriter(path, fps=self._fps, start_s=None)  # live: begins at 0
        # A film's times are kept; those of a stretch begin at 0 with it.
        return VideoWriter(path, source=source, fps=self._fps, start_s=self._start_s or 0.0)

    def what_is_left(self) -> str:
        """Say where the part is that was written before the end, if there is one."""
        if self._table is None or not self._table.frames or self._table.path.exists():
            return ""
        return f"; the first {self._table.frames} frames are in {self._table.partial}"
