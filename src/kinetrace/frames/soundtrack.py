"""The sound of a source, packet by packet, for the video that is made from its pictures."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import av.audio
import av.container

from kinetrace.errors import SourceError

if TYPE_CHECKING:
    _Packet = av.Packet[av.audio.AudioStream]

_log = logging.getLogger(__name__)

# What MP4 holds and players expect in it; FLAC and Opus are in the standard, but few play them.
_COPIED_CODECS = frozenset({"aac", "ac3", "alac", "eac3", "mp3", "mp3float"})
_AAC_RATES_HZ = frozenset({8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000})
_AAC_BITS_PER_S_A_CHANNEL = 80_000
_GAP_S = 0.1  # a longer jump in the times of the sound is silence, a shorter one is rounding


class Soundtrack:
    """The first audio stream of a source, copied or transcoded to AAC.

    Parameters
    ----------
    source
        A video file, or the URL of one.

    Attributes
    ----------
    time_base : Fraction or None
        The unit of the times of the source's pictures, in seconds.
    frame_rate : Fraction or None
        Pictures a second, on average.
    start_s, end_s : float
        When the source's pictures begin and end; minus and plus infinity where it does not say.

    Raises
    ------
    SourceError
        If the source cannot be opened.
    """

    def __init__(self, source: str | os.PathLike[str]) -> None:
        self._name = os.fspath(source)
        try:
            self._input = av.open(self._name)
        except (av.FFmpegError, OSError) as error:
            raise SourceError(f"the sound of {self._name} cannot be read: {error}") from error
        self.time_base: Fraction | None = None
        self.frame_rate: Fraction | None = None
        self.start_s, self.end_s = float("-inf"), float("inf")
        self._describe_pictures()
        self._audio = next(iter(self._input.streams.audio), None)
        self._output: Any = None
        self._encoder: av.audio.AudioStream | None = None
        self._packets: Iterator[_Packet] = iter(())
        self._pending: _Packet | None = None
        self._from_s = float("-inf")
        self._shift_s = 0.0
        self._last_dts: int | None = None
        self._next_sample: int | None = None

    def _describe_pictures(self) -> None:
        pictures = next(iter(self._input.streams.video), None)
        if pictures is None or pictures.time_base is None:
            return
        self.time_base, self.frame_rate = pictures.time_base, pictures.average_rate
        if pictures.start_time is not None:
            self.start_s = float(pictures.start_time * pictures.time_base)
            if pictures.duration is not None:
                self.end_s = self.start_s + float(pictures.duration * pictures.time_base)

    def add_to(self, output: av.container.OutputContainer, *, from_s: float, zero_s: float) -> None:
        """Give `output` an audio stream, if the source has one.

        Parameters
        ----------
        output
            An MP4 that is not begun yet.
        from_s
            Sound before this time of the source is left out; all of it is kept where the source's
            pictures do not begin before it.
        zero_s
            Time of the source that is 0 in `output`.
        """
        audio = self._audio
        if audio is None or audio.codec_context is None:
            return
        if audio.codec_context.name in _COPIED_CODECS:
            # PyAV 14 has no template for a codec whose decoder has another name (mp3float).
            with contextlib.suppress(av.codec.codec.UnknownCodecError):
                self._output = output.add_stream_from_template(audio)
        if self._output is None:
            self._output = self._encoder = _add_aac(output, audio)
        self._shift_s = zero_s
        if from_s > self.start_s:
            self._from_s = from_s
            # What cannot seek is read from its beginning.
            with contextlib.suppress(av.FFmpegError):
                self._input.seek(max(0, int((from_s - 1) * 1e6)))
        self._packets = self._read(audio)
        self._pending = next(self._packets, None)

    def _read(self, audio: av.audio.AudioStream) -> Iterator[_Packet]:
        """Yield the packets from `from_s` on; a damaged source ends early, which is logged."""
        packets = self._input.demux(audio)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError as error:
                _log.warning("the sound of %s ends early: %s", self._name, error)
                return
            if packet is None:
                return
            if packet.pts is None:
                packet.pts = packet.dts
            if packet.pts is not None and _begin_s(packet) >= self._from_s:
                yield packet

    def packets(self, until_s: float) -> Iterator[_Packet]:
        """Yield what is to be muxed of the sound that begins before a time of the source."""
        while self._pending is not None and _begin_s(self._pending) < until_s:
            yield from self._convert(self._pending)
            self._pending = next(self._packets, None)

    def flush(self) -> Iterator[_Packet]:
        """Yield what decoder and encoder still hold."""
        if self._encoder is not None:
            yield from self._transcoded(None)
            yield from self._encoder.encode(None)
            self._encoder = None

    def _convert(self, packet: _Packet) -> Iterator[_Packet]:
        return self._copied(packet) if self._encoder is None else self._transcoded(packet)

    def _transcoded(self, packet: _Packet | None) -> Iterator[_Packet]:
        if self._audio is None or self._encoder is None:
            return
        try:
            frames = self._audio.codec_context.decode(packet)
        except av.FFmpegError as error:
            _log.warning("a packet of the sound of %s is damaged: %s", self._name, error)
            return
        for frame in frames:
            self._retime(frame)
            yield from self._encoder.encode(frame)

    def _retime(self, frame: av.AudioFrame) -> None:
        """Count the time in samples: containers round it, and AAC wants it without overlap."""
        if frame.pts is not None and frame.time_base is not None:
            begin = round((frame.pts * frame.time_base - self._shift_s) * frame.sample_rate)
            if self._next_sample is None or begin - self._next_sample > _GAP_S * frame.sample_rate:
                self._next_sample = begin
        frame.pts, frame.time_base = self._next_sample or 0, Fraction(1, frame.sample_rate)
        self._next_sample = frame.pts + frame.samples

    def _copied(self, packet: _Packet) -> Iterator[_Packet]:
        """Yield the packet for the output, unless its time does not ascend: MP4 refuses that."""
        begin = packet.dts if packet.dts is not None else packet.pts
        if begin is None or packet.pts is None:
            return
        if self._last_dts is not None and begin <= self._last_dts:
            return
        self._last_dts = begin
        shift = round(self._shift_s / packet.time_base)
        packet.pts, packet.dts = packet.pts - shift, begin - shift
        packet.stream = self._output
        yield packet

    def close(self) -> None:
        """Close the source. Closing twice is fine."""
        self._packets, self._pending = iter(()), None
        self._input.close()


def _begin_s(packet: _Packet) -> float:
    return float((packet.pts or 0) * packet.time_base)


def _add_aac(
    output: av.container.OutputContainer, audio: av.audio.AudioStream
) -> av.audio.AudioStream:
    """Add an AAC stream at the source's rate where AAC has it; mono stays mono, more is stereo."""
    source = audio.codec_context
    rate_hz = source.sample_rate if source.sample_rate in _AAC_RATES_HZ else 48000
    channels = min(source.channels, 2)
    encoder = output.add_stream("aac", rate=rate_hz)
    encoder.layout = "mono" if channels == 1 else "stereo"
    encoder.bit_rate = _AAC_BITS_PER_S_A_CHANNEL * channels
    return encoder
