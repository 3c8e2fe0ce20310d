"""What an uploaded file is, told by its content; and what of it a browser plays.

FFmpeg knows formats that are lists of other files and addresses (HLS, DASH, concat, SDP). Whoever
uploads such a list would have this machine read them. So a file must begin as one of the formats
below does, and what FFmpeg takes it for must be one of them too.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kinetrace.errors import SourceError

# What of a film a browser plays as it is: container, picture, sound.
_PLAYED = (
    (("mp4",), ("h264",), ("aac", "mp3")),
    (("webm",), ("vp8", "vp9", "av1"), ("opus", "vorbis")),
)
_PLAYED_PIXELS = ("yuv420p", "yuvj420p")
_TYPES = {
    "mp4": "video/mp4",
    "webm": "video/webm",
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
}

# How FFmpeg calls what may be read, and the ending that our copy gets.
_DEMUXERS = {
    "mov": "mp4",
    "matroska": "mkv",
    "avi": "avi",
    "ogg": "ogv",
    "asf": "wmv",
    "flv": "flv",
    "mpegts": "ts",
    "mpeg": "mpg",
    "mpegvideo": "m2v",
    "gif": "gif",
}
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_FILM_MAGIC = (
    *(b"\x1aE\xdf\xa3", b"OggS", b"FLV\x01", b"GIF87a", b"GIF89a"),
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # ASF
    *(b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3"),  # MPEG
)
_PLAYLISTS = (b"dash:profile", b"#extm3u", b"ffconcat", b"<compositionplaylist", b"[playlist]")
_PROBED_BYTES = 5_000_000  # as much as FFmpeg looks at, and more

_ACCEPTED = (
    "give a picture (JPEG, PNG, WebP, TIFF, BMP) or a film (MP4, MOV, WebM, MKV, AVI, MPEG, OGG, "
    "WMV, FLV, GIF)"
)


@dataclass(frozen=True, kw_only=True)
class Media:
    """What an uploaded file is.

    Attributes
    ----------
    kind
        A film or a still.
    suffix
        The ending that its content asks for.
    width_px, height_px
        As it is shown: upright, with square pixels.
    duration_s, frames
        None where nothing tells, or for a still.
    is_played
        Whether a browser plays it as it is.
    """

    kind: Literal["video", "image"]
    suffix: str
    width_px: int
    height_px: int
    duration_s: float | None
    frames: int | None
    is_played: bool


def content_type(name: str) -> str:
    """Return the media type of a file that we serve, by its ending."""
    return _TYPES[name.rpartition(".")[2]]


def probe(path: Path, *, most_pixels: int, most_s: float) -> Media:
    """Look what a file is, and decode its first picture.

    Meant for a process of its own: what is in the file is anybody's.

    Raises
    ------
    SourceError
        If it is no picture and no film, cannot be read, or is too large or too long. The text
        names no file.
    """
    head = _head(path)
    image = _image_suffix(head)
    if image:
        return _probe_image(path, image, most_pixels)
    if not _begins_as_film(head):
        raise SourceError(f"This is neither a picture nor a film that can be read: {_ACCEPTED}.")
    lower = head.lower()
    if any(mark in lower for mark in _PLAYLISTS):
        raise SourceError(f"This is a list of other files, not a film: {_ACCEPTED}.")
    return _probe_film(path, most_pixels, most_s)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_PROBED_BYTES)


def _image_suffix(head: bytes) -> str:
    if head.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head.startswith((b"II*\x00", b"MM\x00*")):
        return "tif"
    return "bmp" if head.startswith(b"BM") else ""


def _begins_as_film(head: bytes) -> bool:
    is_transport_stream = any(
        head[at : at + 1] == b"G" and head[at + step : at + step + 1] == b"G"
        for at, step in ((0, 188), (4, 192))
    )
    return (
        head[4:8] in _MP4_BOXES
        or head.startswith(_FILM_MAGIC)
        or (head[:4] == b"RIFF" and head[8:12] in (b"AVI ", b"AVIX"))
        or is_transport_stream
    )


def _probe_image(path: Path, suffix: str, most_pixels: int) -> Media:
    import warnings

    from PIL import Image

    from kinetrace.frames.images import read_image

    with warnings.catch_warnings(), contextlib.suppress(OSError, SyntaxError, ValueError):
        warnings.simplefilter("ignore")
        try:
            with Image.open(path) as opened:  # tells the size before anything is decoded
                _check_size(*opened.size, most_pixels)
        except Image.DecompressionBombError as error:
            raise SourceError("The picture is far too large: make it smaller first.") from error
    try:
        height, width = read_image(path).shape[:2]
    except SourceError as error:
        raise SourceError(f"This picture cannot be read, it is damaged: {_ACCEPTED}.") from error
    _check_size(width, height, most_pixels)
    return Media(
        kind="image",
        suffix=suffix,
        width_px=width,
        height_px=height,
        duration_s=None,
        frames=None,
        is_played=suffix in ("jpg", "png", "webp"),
    )


def _probe_film(path: Path, most_pixels: int, most_s: float) -> Media:
    from kinetrace.frames.sources import open_frames
    from kinetrace.frames.video import _duration_s, open_container

    try:
        with contextlib.closing(open_container(str(path))) as container:
            demuxer = _demuxer(container)
            if not container.streams.video:
                raise SourceError("There is no picture in this file, only sound or text.")
            stream = container.streams.video[0]
            _check_size(stream.codec_context.width, stream.codec_context.height, most_pixels)
            duration_s = _duration_s(container, stream)
            if duration_s is None and container.duration:
                duration_s = container.duration / 1e6
            _check_duration(duration_s, most_s)
            played = _is_played(container, path)
        with open_frames(path) as frames:
            first = next(iter(frames))
            expected = frames.expected_frames
    except SourceError as error:
        text = str(error)
        if str(path) not in text:
            raise
        reason = text.partition(": ")[2] or "it holds no picture that can be decoded"
        raise SourceError(f"This film cannot be read: {reason}.") from error
    except StopIteration:
        raise SourceError("This film holds no picture that can be decoded.") from None
    width, height = first.size_wh
    _check_size(width, height, most_pixels)
    return Media(
        kind="video",
        suffix="webm" if played == "webm" else _DEMUXERS[demuxer],
        width_px=width,
        height_px=height,
        duration_s=duration_s,
        frames=expected,
        is_played=bool(played),
    )


def _demuxer(container: Any) -> str:
    name = container.format.name.split(",")[0]
    if name not in _DEMUXERS:
        raise SourceError(f"Films of the kind {name!r} are not accepted: {_ACCEPTED}.")
    return str(name)


def _is_played(container: Any, path: Path) -> str:
    """Return the container's name if a browser plays the film as it is, else nothing."""
    video = container.streams.video[0].codec_context
    if video.pix_fmt not in _PLAYED_PIXELS:
        return ""
    names = container.format.name.split(",")
    if "webm" in names and not _is_webm(path):
        return ""
    if container.metadata.get("major_brand", "").strip() == "qt":
        return ""
    sounds = [stream.codec_context.name for stream in container.streams.audio]
    for (container_name, *_), pictures, allowed in _PLAYED:
        if (
            container_name in names
            and video.name in pictures
            and all(sound in allowed for sound in sounds)
        ):
            return container_name
    return ""


def _is_webm(path: Path) -> bool:
    """Tell WebM from other Matroska by the name that stands in its header."""
    return b"webm" in _head(path)[:64]


def _check_size(width: int, height: int, most_pixels: int) -> None:
    if width * height > most_pixels:
        raise SourceError(
            f"The picture is {width} x {height} pixels, and {most_pixels / 1e6:g} megapixels are "
            "allowed: make it smaller first."
        )


def _check_duration(duration_s: float | None, most_s: float) -> None:
    if duration_s is not None and duration_s > most_s:
        raise SourceError(
            f"The film is {duration_s:.0f} s long, and {most_s:.0f} s are allowed: cut out the "
            "part that matters."
        )
