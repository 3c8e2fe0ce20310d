"""The pictures of a report: frames with the people drawn in, figures, all as data of the page."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from kinetrace.drawing import draw
from kinetrace.errors import SourceError
from kinetrace.frames import Frame
from kinetrace.frames.sources import open_frames
from kinetrace.poses import IntArray, Poses

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COUNT = 6
_WIDTH_PX, _JPEG_QUALITY = 760, 82
_BEFORE_S = 0.1  # a table's times are rounded; what counts is the frame's number
_DPI = 144


@dataclass(frozen=True)
class Picture:
    """An image within the page.

    Attributes
    ----------
    address
        A ``data:`` address.
    size_wh
        In pixels.
    caption, text
        What stands below it, and what it shows for those who cannot see it.
    """

    address: str
    size_wh: tuple[int, int]
    caption: str
    text: str


def key_frames(video: Path, poses: Poses, shown: Sequence[int]) -> list[Picture]:
    """Return frames from all over a film, with the people drawn in.

    Parameters
    ----------
    video
        The image or film that the poses are of.
    poses
        Everybody.
    shown
        The ids of the people whose frames are preferred.

    Raises
    ------
    SourceError
        If the film cannot be read, has none of these frames, or is of another size.
    """
    positions = _choose(poses, shown)
    wanted = {int(poses.frame_index[position]): int(position) for position in positions}
    pictures = []
    for frame in _read(video, poses, wanted):
        if poses.size_wh not in (None, frame.size_wh):
            raise SourceError(
                f"{video} is {frame.size_wh} px, but the poses are of {poses.size_wh} px: they "
                "come from another one; name that one"
            )
        at = wanted[frame.index]
        pictures.append(_picture(frame, poses.frames(at, at + 1)))
    if not pictures and len(positions):
        raise SourceError(f"{video} has none of the frames that the poses are of; name their film")
    return pictures


def of_figure(figure: Figure, caption: str, text: str) -> Picture:
    """Return a figure of Matplotlib's as a picture."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=_DPI)
    width, height = (round(_DPI * inches) for inches in figure.get_size_inches())
    return Picture(_address("png", file.getvalue()), (width, height), caption, text)


def _choose(poses: Poses, shown: Sequence[int]) -> IntArray:
    """Return positions of frames, evenly spread over those in which somebody is."""
    there = np.unique(poses.frame[np.isin(poses.track_id, shown)])
    if not len(there):
        there = np.arange(len(poses.frame_time_s))
    # In the middle of equal parts: the very first and last frame seldom show a whole person.
    count = min(_COUNT, len(there))
    return np.asarray(there[((np.arange(count) + 0.5) * len(there) / max(count, 1)).astype(int)])


def _read(video: Path, poses: Poses, wanted: dict[int, int]) -> Iterator[Frame]:
    with open_frames(video) as frames:
        if not frames.continuous or not np.isfinite(poses.frame_time_s).all():
            yield from (frame for frame in frames if frame.index in wanted)
            return
    for index, position in wanted.items():
        start_s = max(float(poses.frame_time_s[position]) - _BEFORE_S, 0.0)
        with open_frames(video, start_s=start_s) as frames:
            frame = next((frame for frame in frames if frame.index >= index), None)
        if frame is not None and frame.index == index:
            yield frame


def _picture(frame: Frame, poses: Poses) -> Picture:
    drawn = draw(frame.image, poses, boxes=len(poses) > 1)
    width, height = frame.size_wh
    scale = min(1.0, _WIDTH_PX / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(drawn, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(
        ".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    )
    is_film = math.isfinite(frame.time_s) and not frame.name
    caption = f"{frame.time_s:.2f} s" if is_film else frame.name or f"Picture {frame.index}"
    people = {0: "nobody", 1: "one person"}.get(len(poses), f"{len(poses)} people")
    text = f"The picture at {caption}, with {people} and the points found on them drawn in."
    return Picture(_address("jpeg", data.tobytes()), size, caption, text)


def _address(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
