"""The pictures of a job: skeletons drawn on the pixels that they were found in, a contact sheet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import TypeAlias

from kinetrace._ahead import Ahead
from kinetrace.contact_sheet import contact_sheet
from kinetrace.frames import Frame
from kinetrace.frames.image_writer import write_image
from kinetrace.frames.video_writer import VideoWriter
from kinetrace.jobs import Job, is_image_name
from kinetrace.overlay import draw_frame
from kinetrace.poses import Poses
from kinetrace.timing import span

# The frame, its people, and the frame with them drawn in.
_Drawn: TypeAlias = tuple[Frame, Poses, "Frame | None"]


def write_pictures(
    job: Job,
    pairs: Iterator[tuple[Frame, Poses]],
    *,
    start_s: float | None = None,
    fps: float | None = None,
) -> None:
    """Write the pictures that a job wants; `pairs` is gone through even where it wants none.

    Parameters
    ----------
    pairs
        Each frame with its people, a `Poses` of one frame.
    start_s
        Where the stretch begins that the frames are of; None is the beginning of the source.
    fps
        Frames a second of frames that have no time of their own.

    Raises
    ------
    OutputError
        If one cannot be written.
    """
    with ExitStack() as files:
        drawn = iter(_drawn(pairs, wanted=job.overlay is not None))
        if job.overlay is not None:
            # Encoding, here, goes on while the next frames are drawn, in a thread.
            ahead = Ahead(drawn, name="draw", nbytes=_nbytes)
            drawn = files.enter_context(ahead)
        written = _written(job, drawn, files, start_s=start_s, fps=fps)
        first = next(written, None)
        if first is None:
            return
        if job.sheet is not None:
            write_image(contact_sheet(chain([first], written)), job.sheet)
        for _ in written:
            pass


def _drawn(pairs: Iterable[tuple[Frame, Poses]], *, wanted: bool) -> Iterator[_Drawn]:
    for frame, poses in pairs:
        if not wanted:
            yield frame, poses, None
            continue
        with span("draw"):
            drawn = draw_frame(frame, poses)
        yield frame, poses, drawn


def _nbytes(item: _Drawn) -> int:
    frame, _, drawn = item
    return frame.nbytes + (0 if drawn is None else drawn.nbytes)


def _written(
    job: Job,
    drawn: Iterator[_Drawn],
    files: ExitStack,
    *,
    start_s: float | None,
    fps: float | None,
) -> Iterator[tuple[Frame, Poses]]:
    video: VideoWriter | None = None
    for frame, poses, picture in drawn:
        if job.overlay is not None and picture is not None:
            if is_image_name(job.source):
                write_image(picture.image, job.overlay)
            else:
                if video is None:
                    video = files.enter_context(_open_video(job, start_s=start_s, fps=fps))
                with span("encode"):
                    video.write(picture)
        yield frame, poses


def _open_video(job: Job, *, start_s: float | None, fps: float | None) -> VideoWriter:
    assert job.overlay is not None
    if not isinstance(job.source, Path):
        return VideoWriter(job.overlay, fps=fps, start_s=None)  # live: begins at 0
    # A film's times are kept; those of a stretch begin at 0 with it.
    return VideoWriter(job.overlay, source=job.source, fps=fps, start_s=start_s or 0.0)
