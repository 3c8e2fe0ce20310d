"""Frames of a film as its codec left them, converted to RGB when somebody looks at them."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter

from kinetrace.frames.frame import Frame
from kinetrace.frames.yuv420 import Colours, Yuv420, rotate


class Look:
    """How the pictures of a stream are to be seen: upright, with square pixels, in colour.

    Parameters
    ----------
    stream
        PyAV's video stream.
    """

    def __init__(self, stream: Any) -> None:
        self._context = stream.codec_context
        self._pixel_aspect = float(stream.sample_aspect_ratio or 1)
        self._reformatter = VideoReformatter()

    def rgb(self, picture: av.VideoFrame) -> npt.NDArray[np.uint8]:
        """Return (H, W, 3)."""
        # One thread: the other cores belong to the networks.
        image: Any = self._reformatter.reformat(
            picture, width=self._width(picture), format="rgb24", threads=1
        ).to_ndarray()
        return np.ascontiguousarray(rotate(image, _quarter_turns(picture)), dtype=np.uint8)

    def size_wh(self, picture: av.VideoFrame) -> tuple[int, int]:
        """Return width and height of what `rgb` returns."""
        size_wh = self._width(picture), picture.height
        return size_wh[::-1] if _quarter_turns(picture) % 2 else size_wh

    def yuv420(self, picture: av.VideoFrame) -> Yuv420 | None:
        """Return the same without going through RGB, where it is stored like that, or None."""
        is_full = picture.format.name == "yuvj420p"
        if not (is_full or picture.format.name == "yuv420p"):
            return None
        is_even = picture.width % 2 == 0 and picture.height % 2 == 0
        colours = Colours(
            matrix=int(picture.colorspace),
            range=2 if is_full else int(picture.color_range),
            primaries=int(self._context.color_primaries),
            transfer=int(self._context.color_trc),
        )
        if not (is_even and self._pixel_aspect == 1 and colours.is_known):
            return None
        stored, turns = Yuv420(picture, colours), _quarter_turns(picture)
        return stored.turned(turns) if turns else stored

    def _width(self, picture: av.VideoFrame) -> int:
        # An angle measured on oblong pixels would be wrong, so the width is stretched.
        return max(1, round(picture.width * self._pixel_aspect))


def _quarter_turns(picture: av.VideoFrame) -> int:
    """Return how often to turn it counter-clockwise, as of `np.rot90`."""
    return round(picture.rotation / 90) % 4


class FilmFrame(Frame):
    """A frame of which `image` is made of what the codec left, when it is first asked for.

    Parameters
    ----------
    picture
        What the codec left; it must not be changed any more.
    look
        Of the stream that it is from.
    index, time_s
        See `Frame`.
    """

    _picture: av.VideoFrame
    _look: Look

    def __init__(self, picture: av.VideoFrame, look: Look, index: int, time_s: float) -> None:
        self.__dict__.update(index=index, time_s=time_s, name="", _picture=picture, _look=look)

    @cached_property
    def image(self) -> npt.NDArray[np.uint8]:
        """(H, W, 3) uint8; RGB, upright, with square pixels."""
        return self._look.rgb(self._picture)

    @cached_property
    def yuv420(self) -> Yuv420 | None:
        """The picture as it is stored, upright; None where that is not 4:2:0, square and even.

        It must not be drawn in: the codec makes the next pictures of it.
        """
        return self._look.yuv420(self._picture)

    def converted(self) -> Frame:
        """Return a frame that holds its image, and no longer what the codec left."""
        return Frame(self.image, self.index, self.time_s)

    def redrawn(self, drawn: Yuv420) -> FilmFrame:
        """Return the same frame with a changed copy of `yuv420` in its place."""
        return FilmFrame(drawn.picture, self._look, self.index, self.time_s)

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self._look.size_wh(self._picture)

    @property
    def nbytes(self) -> int:
        """How much memory the picture takes."""
        made = self.__dict__.get("image")
        stored = sum(plane.buffer_size for plane in self._picture.planes)
        return stored + (0 if made is None else made.nbytes)
