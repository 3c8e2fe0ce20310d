"""Poses drawn on the image or film that they came from, as a file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from kinetrace.canvas import YuvCanvas
from kinetrace.drawing import draw, draw_on
from kinetrace.errors import SourceError
from kinetrace.frames import Frame
from kinetrace.frames.image_writer import write_image
from kinetrace.frames.sources import open_frames
from kinetrace.frames.video_writer import VideoWriter
from kinetrace.poses import Poses


def draw_frame(frame: Frame, poses: Poses, *, boxes: bool = True, ids: bool = True) -> Frame:
    """Draw the people of a frame, where it can be done in the colours that a film is stored in.

    Parameters and errors are those of `kinetrace.draw`.

    Returns
    -------
    Frame
        A new one.
    """
    from kinetrace.frames.film_frame import FilmFrame

    if isinstance(frame, FilmFrame) and frame.yuv420 is not None:
        drawn = frame.yuv420.turned()
        draw_on(YuvCanvas(drawn.planes, drawn.colours.from_rgb), poses, boxes=boxes, ids=ids)
        return frame.redrawn(drawn)
    image = draw(frame.image, poses, boxes=boxes, ids=ids)
    return Frame(image, frame.index, frame.time_s, frame.name)


def draw_file(
    source: Path,
    poses: Poses,
    output: Path,
    *,
    min_score: float = 0.0,
    boxes: bool = True,
    ids: bool = True,
    on_frame: Callable[[int, int | None], None] = lambda _done, _expected: None,
) -> int:
    """Draw poses on their own source.

    Parameters
    ----------
    source
        The image or video; its frames are matched by their number, `Poses.frame_index`.
    output
        An image file for an image, an MP4 for a video. It holds the frames that `poses` holds.
    min_score
        Keypoints with a lower score are left out.
    boxes, ids
        See `kinetrace.draw`.
    on_frame
        Called with the frames done and the frames to do.

    Returns
    -------
    int
        The number of frames written.

    Raises
    ------
    SourceError
        If the source cannot be read, or has none of the frames of `poses`, or is of another size.
    OutputError
        If the file cannot be written.
    """
    poses = dataclasses.replace(
        poses, xy=np.where(poses.score[..., None] >= min_score, poses.xy, np.nan)
    )
    position = {int(index): i for i, index in enumerate(poses.frame_index)}
    done = 0
    with open_frames(source) as frames:
        # A table of a stretch makes a film of that stretch, which begins at 0.
        start_s = 0.0 if position.get(0) is not None else None
        video = VideoWriter(output, source=source, start_s=start_s) if frames.continuous else None
        for frame in frames.as_stored():
            if frame.index not in position:
                continue
            if poses.size_wh not in (None, frame.size_wh):
                raise SourceError(
                    f"{source} is {frame.size_wh} px, but the poses are of {poses.size_wh} px: "
                    "they come from another film"
                )
            at = position[frame.index]
            drawn = draw_frame(frame, poses.frames(at, at + 1), boxes=boxes, ids=ids)
            if video is None:
                write_image(drawn.image, output)
            else:
                video.write(drawn)
            done += 1
            on_frame(done, len(position))
            if done == len(position):
                break
        if video is not None:
            video.close()
    if not done:
        raise SourceError(f"{source} has none of the frames that the poses are of")
    return done
