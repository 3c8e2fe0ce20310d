"""Choose and set up the encoder of a video, and write its file."""

from __future__ import annotations

import contextlib
import logging
from fractions import Fraction
from pathlib import Path

import av
import av.container
from av.video.stream import VideoStream

from kinetrace.errors import OutputError
from kinetrace.frames.soundtrack import Soundtrack
from kinetrace.frames.yuv420 import Colours
from kinetrace.machine import count_cores

_log = logging.getLogger(__name__)

_ENCODERS = ("libx264", "libopenh264", "mpeg4")  # the best first
# Of these ticks a second, every usual frame rate (also n * 1000/1001), a millisecond and MPEG's
# 1/90000 s are whole numbers.
_TICKS_PER_S = 720_000
_MOST_TICKS_PER_S = 1_000_000
_MPEG4_TICKS_PER_S = 60_000  # that codec cannot count beyond 65535
_BITS_A_PIXEL = 0.12  # for encoders that have no constant quality


class VideoEncoder:
    """An MP4 that is being written: encoded pictures, and sound beside them.

    Parameters
    ----------
    path
        The file; what is there is overwritten.
    size_wh
        Size of the pictures in pixels.
    colours
        What the numbers of the pictures stand for.
    rate
        Pictures a second, roughly: every picture has its own time, but the encoder plans by it.
    from_s
        Time of the first picture, in seconds of the source: the sound begins with it.
    zero_s
        Time of the source that is 0 in the file.
    sound
        Where the sound comes from, or None; its time base is taken over.

    Attributes
    ----------
    codec : str
        The encoder in use.
    time_base : Fraction
        The unit of the pictures' times in seconds.

    Raises
    ------
    OutputError
        If there is no encoder; `av.FFmpegError` or OSError if the file cannot be made.
    """

    def __init__(
        self,
        path: Path,
        *,
        size_wh: tuple[int, int],
        colours: Colours,
        rate: float | Fraction,
        from_s: float,
        zero_s: float,
        sound: Soundtrack | None,
    ) -> None:
        self.codec = _best_encoder()
        self.time_base = _time_base(self.codec, sound.time_base if sound else None)
        # The movie's own clock says when the first picture is shown: as fine as the pictures'.
        ticks = str(self.time_base.denominator)
        options = {"movflags": "+faststart", "movie_timescale": ticks}
        self._output = av.open(str(path), "w", format="mp4", options=options)
        self._path = path
        self._sound = sound
        try:
            self._stream = _add_stream(self._output, self.codec, size_wh, colours, rate)
            self._stream.codec_context.time_base = self._stream.time_base = self.time_base
            if sound is not None:
                sound.add_to(self._output, from_s=from_s, zero_s=zero_s)
        except BaseException:
            self.abandon()
            raise

    def encode(self, picture: av.VideoFrame, *, pts: int, time_s: float, step: int) -> None:
        """Add a picture, and the sound that begins before it.

        Parameters
        ----------
        picture
            Of a `Yuv420` in the colours of the video.
        pts
            Its time in the file, in units of `time_base`; above the last one's.
        time_s
            Its time in the source, in seconds.
        step
            How long it is shown, if it is the last, in units of `time_base`.
        """
        picture.pts, picture.time_base = pts, self.time_base
        picture.pict_type = 0  # what kind it was in another film would be forced upon this one
        self._mux(picture, step)
        self._mux_sound(time_s)

    def finish(self, *, until_s: float, step: int) -> None:
        """Write what the encoders hold, the sound that begins before a time, and the index."""
        self._mux(None, step)
        if self._sound is not None:
            self._mux_sound(until_s)
            for packet in self._sound.flush():
                self._output.mux(packet)
            self._sound.close()
        self._output.close()

    def abandon(self) -> None:
        """Close and remove the file after an error: without its index, which is last, it is none.

        That error is the one to tell: what fails here is its consequence.
        """
        if self._sound is not None:
            self._sound.close()
        with contextlib.suppress(av.FFmpegError, OSError):
            self._output.close()
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _mux(self, picture: av.VideoFrame | None, step: int) -> None:
        for packet in self._stream.encode(picture):
            # The last one's counts: the others last until the next.
            packet.duration = max(1, round(step * self.time_base / packet.time_base))
            self._output.mux(packet)

    def _mux_sound(self, until_s: float) -> None:
        if self._sound is not None:
            for packet in self._sound.packets(until_s):
                self._output.mux(packet)


def _best_encoder() -> str:
    for name in _ENCODERS:
        try:
            av.Codec(name, "w")
        except av.codec.codec.UnknownCodecError:
            continue
        if name != _ENCODERS[0]:
            _log.warning("this FFmpeg has no %s: the video is encoded with %s", _ENCODERS[0], name)
        return name
    raise OutputError(
        f"PyAV's FFmpeg has none of the encoders {', '.join(_ENCODERS)}: "
        "install PyAV from its wheels (pip install --force-reinstall av)"
    )


def _time_base(codec: str, source: Fraction | None) -> Fraction:
    """Choose the unit of time, in seconds: the source's if MP4 counts in it, else a fine one."""
    if codec == "mpeg4":
        return Fraction(1, _MPEG4_TICKS_PER_S)
    if source is not None and source.denominator <= _MOST_TICKS_PER_S:
        return Fraction(1, source.denominator)
    return Fraction(1, _TICKS_PER_S)


def _add_stream(
    output: av.container.OutputContainer,
    codec: str,
    size_wh: tuple[int, int],
    colours: Colours,
    rate: float | Fraction,
) -> VideoStream:
    stream = output.add_stream(codec, rate=Fraction(rate).limit_denominator(65535))
    if not isinstance(stream, VideoStream):
        raise TypeError(f"{codec} is no video encoder")
    context = stream.codec_context
    context.width, context.height = (n + n % 2 for n in size_wh)
    context.pix_fmt = "yuv420p"
    context.color_primaries, context.color_trc = colours.primaries, colours.transfer
    context.colorspace, context.color_range = colours.matrix, colours.range
    # Half of the cores: the other half is for whoever makes the next frame meanwhile.
    context.thread_count = min(8, count_cores())
    if codec == "libx264":
        # With B-frames and deblocking "ultrafast" takes two thirds of the time of "superfast" at
        # much the same quality and size (`docs/speed.md`: 0.5 dB at most, a fifth at most).
        faster = {"preset": "ultrafast", "bf": "3", "x264-params": "no-deblock=0"}
        context.options = {**faster, "crf": "23", "g": "60"}
    else:
        context.bit_rate = int(size_wh[0] * size_wh[1] * float(rate) * _BITS_A_PIXEL)
    return stream
