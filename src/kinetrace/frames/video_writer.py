"""Write a video: H.264 in MP4, every frame at its own time, with the sound of the source."""

from __future__ import annotations

import math
import os
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av

from kinetrace.errors import OutputError
from kinetrace.files import writing
from kinetrace.frames.film_frame import FilmFrame
from kinetrace.frames.frame import Frame
from kinetrace.frames.soundtrack import Soundtrack
from kinetrace.frames.video_encoder import VideoEncoder
from kinetrace.frames.yuv420 import BT709, to_yuv420

_USUAL_FPS = 30
# Beyond 2**28 FFmpeg cannot say in MP4 how long a picture is shown.
_MOST_TICKS = 250_000_000


class VideoWriter:
    """A video that is being written; a context manager.

    Until it is complete it is called ``<name>.partial.mp4`` and lies beside `path`, where it is
    moved on success. An exception in the ``with`` block finishes the partial file, which plays,
    and leaves it under that name; where it cannot be finished (a full disk) it is removed. Where
    no frame is written there is no file, and one that was at `path` before stays.

    Its colours are stored as those of the first frame are, if that is of a film and H.264 can hold
    it as it is, else by BT.709.

    Parameters
    ----------
    path
        The file to write; it must end in ``.mp4``.
    source
        A video that the frames come from: its sound is kept, that of the stretch between the
        first and the last frame written. Copied where MP4 holds it (AAC, MP3, AC-3, ALAC),
        else transcoded to AAC.
    fps
        Frames a second for frames that have no time of their own (NaN).
    start_s
        Time of the frames that is 0 in the file. A player shows nothing until the first frame,
        so for a stretch from the middle give the stretch's start. None is the first frame's time.
        A first frame before `start_s` is at 0 too: MP4 has no negative times.

    Attributes
    ----------
    path, partial_path : pathlib.Path
        Where the video is when it is complete, and until then.
    codec : str
        The encoder in use; "" before the first frame.

    Raises
    ------
    OutputError
        If there can be no such file.
    ValueError
        If `fps` is not above 0.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        source: str | os.PathLike[str] | None = None,
        fps: float | Fraction | None = None,
        start_s: float | None = 0.0,
    ) -> None:
        self.path = Path(path)
        self.partial_path = self.path.with_suffix(".partial.mp4")
        self.codec = ""
        _check_target(self.path, source)
        if fps is not None and not (math.isfinite(fps) and fps > 0):
            raise ValueError(f"fps must be above 0, got {fps}")
        self._source = source
        self._fps = fps
        self._zero_s = start_s
        self._size_wh = (0, 0)
        self._count = 0
        self._pts = 0  # of the last frame
        self._time_s = 0.0
        self._colours = BT709
        self._picture: av.VideoFrame | None = None
        self._step = 1  # how long it is shown
        self._sound: Soundtrack | None = None
        self._encoder: VideoEncoder | None = None
        self._is_closed = False

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._finish(is_complete=kind is None)

    def write(self, frame: Frame) -> None:
        """Append a frame.

        Parameters
        ----------
        frame
            Of the same size as the first. An odd width or height is made even by repeating the
            last column or row. One at the same time as the last frame is shown a moment later.

        Raises
        ------
        ValueError
            If the frame has another size, or has no time and no `fps` was given.
        OutputError
            If its time is before the last frame's, or the file cannot be written.
        SourceError
            If `source` cannot be opened.
        RuntimeError
            If the video is closed.
        """
        if self._is_closed:
            raise RuntimeError(f"{self.path} is closed: no frame can be added")
        time_s = self._time_of(frame)
        self._check(frame, time_s)
        try:
            encoder = self._encoder or self._open(frame, time_s)
            pts = round((time_s - (self._zero_s or 0)) / encoder.time_base)
            if self._count:
                pts = max(pts, self._pts + 1)
                self._bridge(encoder, pts)
                self._step = pts - self._pts
            self._pts, self._time_s, self._picture = pts, time_s, self._converted(frame)
            self._count += 1
            encoder.encode(self._picture, pts=pts, time_s=time_s, step=self._step)
        except (av.FFmpegError, OSError) as error:
            self._discard()
            raise _output_error(self.path, error) from error

    def _bridge(self, encoder: VideoEncoder, pts: int) -> None:
        """Show the last picture again where it stays for longer than MP4 can tell."""
        assert self._picture is not None
        while pts - self._pts > _MOST_TICKS:
            self._pts += _MOST_TICKS
            self._time_s += float(_MOST_TICKS * encoder.time_base)
            encoder.encode(self._picture, pts=self._pts, time_s=self._time_s, step=_MOST_TICKS)

    def _converted(self, frame: Frame) -> av.VideoFrame:
        """Return what is encoded: a film's own picture, if it is like the first one, or RGB's."""
        stored = frame.yuv420 if isinstance(frame, FilmFrame) else None
        if stored is None or stored.colours != self._colours:
            stored = to_yuv420(frame.image, self._colours)
        return stored.picture

    def close(self) -> None:
        """Complete the file and move it to `path`. Closing twice is fine.

        Raises
        ------
        OutputError
            If the file cannot be completed.
        """
        self._finish(is_complete=True)

    def _time_of(self, frame: Frame) -> float:
        if math.isfinite(frame.time_s):
            return frame.time_s
        if self._fps is None:
            raise ValueError(
                f"frame {frame.index} has no time ({frame.time_s}): "
                "give VideoWriter an fps to show such frames at"
            )
        return float(self._count / self._fps)

    def _check(self, frame: Frame, time_s: float) -> None:
        """Raise if the frame cannot follow the last one."""
        if not self._count:
            return
        if frame.size_wh != self._size_wh:
            raise ValueError(
                f"frame {frame.index} is {frame.size_wh[0]}x{frame.size_wh[1]}, the video is "
                f"{self._size_wh[0]}x{self._size_wh[1]}: its frames must all have one size"
            )
        if time_s < self._time_s:
            raise OutputError(
                f"{self.path}: frame {frame.index} at {time_s:.6f} s comes after one at "
                f"{self._time_s:.6f} s, and a video cannot go back in time"
            )

    def _open(self, frame: Frame, time_s: float) -> VideoEncoder:
        """Begin the file, now that the first frame tells size and time."""
        if self._source is not None:
            self._sound = Soundtrack(self._source)
        self._size_wh = frame.size_wh
        if isinstance(frame, FilmFrame) and frame.yuv420 is not None:
            self._colours = frame.yuv420.colours
        self._zero_s = time_s if self._zero_s is None else min(self._zero_s, time_s)
        rate = self._fps or (self._sound and self._sound.frame_rate) or _USUAL_FPS
        self._encoder = VideoEncoder(
            self.partial_path,
            size_wh=frame.size_wh,
            colours=self._colours,
            rate=rate,
            from_s=time_s,
            zero_s=self._zero_s,
            sound=self._sound,
        )
        self.codec = self._encoder.codec
        self._step = round(1 / (rate * self._encoder.time_base))
        return self._encoder

    def _finish(self, *, is_complete: bool) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        if self._encoder is None:  # no frame was written: there is no file
            self._discard()
            return
        try:
            self._encoder.finish(until_s=self._end_s(self._encoder.time_base), step=self._step)
        except (av.FFmpegError, OSError) as error:
            self._discard()
            raise _output_error(self.path, error) from error
        if is_complete:
            with writing(self.path):
                self.partial_path.replace(self.path)

    def _end_s(self, time_base: Fraction) -> float:
        """Return when the sound ends: with the last frame, or on its own if the film does too."""
        step_s = float(self._step * time_base)
        end_s = self._time_s + step_s
        return math.inf if self._sound and end_s + step_s > self._sound.end_s else end_s

    def _discard(self) -> None:
        self._is_closed = True
        if self._encoder is not None:
            self._encoder.abandon()
        elif self._sound is not None:
            self._sound.close()


def _check_target(path: Path, source: str | os.PathLike[str] | None) -> None:
    if path.suffix.lower() != ".mp4":
        raise OutputError(f"{path}: videos are written as MP4; name it {path.with_suffix('.mp4')}")
    if path.is_dir():
        raise OutputError(f"cannot write {path}: that is a folder; name a file in it")
    if not path.parent.is_dir():
        raise OutputError(f"cannot write {path}: there is no folder {path.parent}; make it first")
    if source is not None and path.exists() and Path(source).exists() and path.samefile(source):
        raise OutputError(f"{path} is the video that is read: write to another name")


def _output_error(path: Path, error: Exception) -> OutputError:
    """Return what to raise for an error of FFmpeg or of the system."""
    try:
        with writing(path):
            raise OSError(getattr(error, "errno", None), getattr(error, "strerror", str(error)))
    except OutputError as readable:
        return readable
