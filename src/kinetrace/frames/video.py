"""Videos and network streams to frames, through PyAV: anything that FFmpeg reads."""

from __future__ import annotations

import contextlib
from bisect import bisect_left
from collections.abc import Generator, Iterator
from typing import Any

import av
import numpy as np

from kinetrace.errors import SourceError, TruncatedError
from kinetrace.frames.film_frame import FilmFrame, Look
from kinetrace.frames.frame import Frame
from kinetrace.frames.selection import Selection
from kinetrace.machine import count_cores

# Codecs that put exactly one shown frame into a packet, so that packets count frames.
ONE_FRAME_A_PACKET = frozenset({"h264", "hevc", "av1", "vp9", "mjpeg", "prores", "mpeg2video"})

# How long a stream may keep silent: to open it, and from one read to the next.
_TIMEOUT_S = (5.0, 15.0)


class VideoReader:
    """The selected frames of one video file or network stream, to be iterated over once.

    Parameters
    ----------
    location
        Path or URL.
    selection
        The frames that are yielded; those before and between them are only decoded.

    Attributes
    ----------
    expected_frames
        About how many frames will be yielded; None where nothing tells.

    Raises
    ------
    SourceError
        If it cannot be opened or holds no video.
    """

    def __init__(self, location: str, selection: Selection) -> None:
        self._location = location
        self._selection = selection
        self._is_stream = "://" in location
        self._container = open_container(location)
        if not self._container.streams.video:
            self._container.close()
            raise SourceError(f"{location} has no video in it, only sound or text")
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"
        # The other cores belong to the networks, which take far longer than decoding does.
        self._stream.codec_context.thread_count = max(1, count_cores() // 2)
        self._damaged = 0  # packets and frames that had to be passed over
        self._packets = 0
        self.expected_frames = _expected_frames(self._container, self._stream, selection)

    def __iter__(self) -> Generator[Frame, None, None]:
        """Yield the selected frames, which are converted to RGB when somebody looks at them.

        Raises
        ------
        SourceError
            If not a single frame can be decoded, or a network stream breaks off.
        TruncatedError
            After the last good frame, if the video is damaged or ends before it should.
        """
        picker = self._selection.picker()
        look = Look(self._stream)
        with contextlib.closing(self._container):
            index, from_s = self._seek()
            time_s = end_s = None
            for decoded in self._decode():
                time_s = _time_s(decoded, time_s, self._stream)
                if time_s < from_s:  # only leads up to the key frame that was sought
                    continue
                if picker.is_past(time_s):
                    return
                if picker.wants(time_s):
                    yield FilmFrame(decoded, look, index, time_s)
                index += 1
                end_s = time_s + float((decoded.duration or 0) * (decoded.time_base or 0))
            if time_s is None or end_s is None:
                raise SourceError(f"{self._location} holds no frame that can be decoded")
            self._check_complete(index, time_s, end_s)

    def _decode(self) -> Iterator[Any]:
        """Decode packet by packet, passing over what is damaged."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.FFmpegError as error:
                if self._is_stream:
                    raise SourceError(f"{self._location} broke off: {error.strerror}") from error
                self._damaged += 1
                return
            self._packets += bool(packet.size)
            if packet.size and packet.is_corrupt:
                self._damaged += 1
                continue
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                self._damaged += 1
                continue
            for frame in frames:
                # A grey or smeared picture in place of a lost one must not be searched for people.
                if frame.is_corrupt:
                    self._damaged += 1
                else:
                    yield frame

    def _seek(self) -> tuple[int, float]:
        """Go to the key frame before the start; return its number and its time.

        Where that cannot be done exactly, all is decoded from the beginning: (0, -inf).
        """
        start_s, stream = self._selection.start_s, self._stream
        key = None
        if start_s and not self._is_stream and stream.codec_context.name in ONE_FRAME_A_PACKET:
            key = _key_frame_before(self._location, start_s)
        if key is None:
            return 0, -np.inf
        index, pts = key
        self._container.seek(pts, stream=stream)
        first = next(self._container.demux(stream))
        landed = first.pts is not None and first.pts <= pts
        self._container.seek(pts if landed else 0, stream=stream)
        if not landed:
            return 0, -np.inf
        self._packets = index
        return index, float(pts * stream.time_base)

    def _check_complete(self, frames: int, last_s: float, end_s: float) -> None:
        promised, missing_s = _missing(self._container, self._stream, end_s)
        cut = missing_s > 0 and not (promised and self._packets >= promised)
        if self._damaged or cut:
            raise TruncatedError(
                f"{self._location} is damaged or cut short: {frames} "
                f"{f'of {promised} ' if promised else ''}frames could be read, up to {last_s:.3f} s"
                f"{f', and {missing_s:.1f} s are missing at the end' if cut else ''}"
            )


def open_container(location: str) -> Any:
    """Open a file or an address with PyAV.

    Raises
    ------
    SourceError
        If it cannot be opened.
    """
    is_stream = "://" in location
    try:
        return av.open(
            location,
            timeout=_TIMEOUT_S if is_stream else None,
            # UDP, which RTSP prefers, loses packets, and smeared pictures follow.
            options={"rtsp_transport": "tcp"} if location.startswith("rtsp") else {},
            metadata_errors="replace",
        )
    except av.error.FFmpegError as error:
        if isinstance(error, (av.error.InvalidDataError, av.error.EOFError)):
            reason = "it is empty, not a video, or cut off before its index"
        else:
            reason = str(error.strerror)
        raise SourceError(f"cannot open {location}: {reason}") from error


def _time_s(frame: Any, last_s: float | None, stream: Any) -> float:
    """Return the presentation time as FFmpeg tells it, else one frame after the last."""
    pts = frame.pts if frame.pts is not None else frame.dts
    if pts is not None and frame.time_base is not None:
        return float(pts * frame.time_base)
    if last_s is None:
        return 0.0
    return last_s + 1 / float(stream.average_rate or 25)


def _key_frame_before(location: str, start_s: float) -> tuple[int, int] | None:
    """Find the last key frame at or before a time: its number among all frames, and its pts.

    Reads packets and decodes none, so that a late start in a long film is reached quickly. None
    where packets carry no times.
    """
    before: list[int] = []
    key: int | None = None
    with contextlib.closing(open_container(location)) as container:
        stream = container.streams.video[0]
        start_pts = start_s / float(stream.time_base)
        for packet in container.demux(stream):
            if not packet.size or packet.is_corrupt or packet.is_discard:
                continue
            if packet.pts is None or packet.dts is None:
                return None
            if packet.dts > start_pts:  # and so is all that follows
                break
            if packet.pts <= start_pts:
                before.append(packet.pts)
                if packet.is_keyframe:
                    key = packet.pts
    return None if key is None else (bisect_left(sorted(before), key), key)


def _duration_s(container: Any, stream: Any) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    tag = stream.metadata.get("DURATION", "")  # Matroska's own, per stream: hh:mm:ss.fraction
    if tag.count(":") == 2:
        hours, minutes, seconds = tag.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    # The container's may be that of the sound, which often outlasts the picture.
    only = len(container.streams) == 1 and container.duration is not None
    return container.duration / av.time_base if only else None


def _missing(container: Any, stream: Any, end_s: float) -> tuple[int, float]:
    """Return the frames that the container promises (0: none), and the seconds not reached."""
    duration_s = _duration_s(container, stream)
    if duration_s is None:
        return stream.frames, 0.0
    start_s = float((stream.start_time or 0) * (stream.time_base or 0))
    missing_s = start_s + duration_s - end_s
    # Containers round durations; three frames of grace are less than any real cut.
    grace_s = 3 / float(stream.average_rate or 25)
    return stream.frames, missing_s if missing_s > grace_s else 0.0


def _expected_frames(container: Any, stream: Any, selection: Selection) -> int | None:
    duration_s = _duration_s(container, stream)
    if duration_s is None or not stream.average_rate:
        return None
    start_s = max(selection.start_s or 0.0, 0.0)
    end_s = duration_s if selection.end_s is None else min(selection.end_s, duration_s)
    every_frames, every_s = selection.step
    rate_hz = float(stream.average_rate)
    step_s = every_s or every_frames / rate_hz
    return max(1, round((end_s - start_s) / max(step_s, 1 / rate_hz)))
