"""open_frames: pictures from any source, each with the time at which it was shown.

Images, folders, globs, videos, cameras, network streams and arrays all become the same thing: an
iterator of frames, decoded in a thread of its own, ahead of whoever consumes them.
"""

from __future__ import annotations

import glob
import math
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from kinetrace._ahead import Ahead
from kinetrace._closing import Closing
from kinetrace.errors import SourceError
from kinetrace.frames.frame import Frame
from kinetrace.frames.selection import Selection
from kinetrace.timing import spanned

Source: TypeAlias = "str | Path | int | npt.NDArray[np.uint8] | Iterable[Any]"


class Frames(Closing):
    """An open source: iterate over it once, and close it (or use it in a ``with``).

    Attributes
    ----------
    source
        What it was opened from, for people to read.
    continuous
        Whether the frames are consecutive ones of a film, not unrelated pictures.
    expected_frames
        About how many there will be; None where nothing tells.
    """

    def __init__(
        self,
        frames: Generator[Frame, None, None],
        *,
        source: str,
        continuous: bool,
        expected_frames: int | None = None,
    ) -> None:
        self.source = source
        self.continuous = continuous
        self.expected_frames = expected_frames
        self._frames = frames
        self._ahead: Ahead[Frame] | None = None

    def __iter__(self) -> Iterator[Frame]:
        return self._decoding(_converted(self._frames))

    def as_stored(self) -> Iterator[Frame]:
        """Iterate over the same frames; one of a film is converted when its image is asked for."""
        return self._decoding(self._frames)

    def _decoding(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        if self._ahead is None:  # so that nothing is decoded before somebody wants it
            self._ahead = Ahead(
                spanned("decode", frames), name="decode", nbytes=lambda frame: frame.nbytes
            )
        return self._ahead

    def close(self) -> None:
        """Stop decoding. Closing twice is fine."""
        if self._ahead is not None:
            self._ahead.close()


def _converted(frames: Generator[Frame, None, None]) -> Iterator[Frame]:
    """Make the images of films here, in the thread that decodes."""
    with closing(frames):
        for frame in frames:
            yield frame.converted()


def open_frames(
    source: Source,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    every: int | str = 1,
    fps: float | None = None,
) -> Frames:
    """Open anything that holds pictures.

    Parameters
    ----------
    source
        Path of an image or a video; a folder, a glob or a sequence of image paths; the number of
        a camera; an RTSP or HTTP address; an image (H, W, 3) or film (T, H, W, 3) as a uint8 RGB
        array; or an iterable of such images or of `Frame`.
    start_s, end_s
        Only frames shown within ``[start_s, end_s)``, by the container's own times.
    every
        Every so many frames (``5``) or seconds (``"0.5s"``).
    fps
        Frames a second of images and arrays, which have no times of their own. Given, they are
        taken for a film; without it, for unrelated pictures. A video's own times always win.

    Returns
    -------
    Frames

    Raises
    ------
    SourceError
        If it cannot be opened.
    ValueError
        If the selection is empty or `fps` is not positive.
    """
    if fps is not None and not fps > 0:
        raise ValueError(f"fps must be positive, got {fps}")
    selection = Selection(start_s=start_s, end_s=end_s, every=every)
    if isinstance(source, np.ndarray):
        images = source[None] if source.ndim == 3 else source
        return _of_pictures(list(images), selection, fps, f"{len(images)} arrays")
    if isinstance(source, (str, Path, int)):
        return _open_named(source, selection, fps)
    pictures = list(source) if isinstance(source, (list, tuple)) else source
    if isinstance(pictures, list) and pictures and isinstance(pictures[0], (str, Path)):
        return _of_pictures([Path(p) for p in pictures], selection, fps, f"{len(pictures)} images")
    return _of_pictures(pictures, selection, fps, "frames from Python")


def _open_named(source: str | Path | int, selection: Selection, fps: float | None) -> Frames:
    text = str(source)
    if isinstance(source, int) or (text.isdigit() and not Path(text).exists()):
        return _open_camera(int(text), selection)
    if "://" in text:
        return _open_video(text, selection)
    path = Path(text)
    if path.is_dir():
        return _of_pictures(images_in(path), selection, fps, text)
    if glob.has_magic(text) and not path.exists():
        found = _images_among(Path(p) for p in glob.glob(text, recursive=True))  # noqa: PTH207
        if not found:
            raise SourceError(f"no image fits {text}")
        return _of_pictures(found, selection, fps, text)
    return _open_file(path, selection, fps)


def _open_file(path: Path, selection: Selection, fps: float | None) -> Frames:
    from kinetrace.frames.images import is_image

    try:
        still = is_image(path)
    except OSError as error:
        raise SourceError(f"cannot open {path}: {error.strerror}") from error
    if still:
        return _of_pictures([path], selection, fps, str(path))
    return _open_video(str(path), selection)


def _open_video(location: str, selection: Selection) -> Frames:
    from kinetrace.frames.video import VideoReader

    reader = VideoReader(location, selection)
    return Frames(
        iter(reader), source=location, continuous=True, expected_frames=reader.expected_frames
    )


def _open_camera(number: int, selection: Selection) -> Frames:
    from kinetrace.frames.camera import read_camera

    frames = read_camera(number, selection)
    return Frames(frames, source=f"camera {number}", continuous=True)


def images_in(folder: Path) -> list[Path]:
    """List the images of a folder (not of those below it), ``frame9`` before ``frame10``.

    Raises
    ------
    SourceError
        If there is none, or the folder cannot be read.
    """
    try:
        found = _images_among(folder.iterdir())
    except OSError as error:
        raise SourceError(f"cannot read the folder {folder}: {error.strerror}") from error
    if not found:
        raise SourceError(f"there is no image in the folder {folder}")
    return found


def _images_among(paths: Iterable[Path]) -> list[Path]:
    from kinetrace.frames.images import SUFFIXES, natural_order

    return sorted((p for p in paths if p.suffix.lower() in SUFFIXES), key=natural_order)


def _of_pictures(
    pictures: Iterable[Any], selection: Selection, fps: float | None, source: str
) -> Frames:
    count = len(pictures) if isinstance(pictures, list) else None
    numbered = _numbered(pictures, fps, is_single=count == 1)
    own_times = count is None or (count > 0 and isinstance(pictures[0], Frame))  # type: ignore[index]
    return Frames(
        _selected(numbered, selection),
        source=source,
        continuous=fps is not None or own_times,
        expected_frames=count,
    )


def _numbered(pictures: Iterable[Any], fps: float | None, *, is_single: bool) -> Iterator[Frame]:
    from kinetrace.frames.images import read_image

    for index, picture in enumerate(pictures):
        if isinstance(picture, Frame):
            yield picture
            continue
        # A single picture is a film of one frame, which begins at 0.
        time_s = 0.0 if is_single else math.nan if fps is None else index / fps
        if isinstance(picture, (str, Path)):
            yield Frame(read_image(Path(picture)), index, time_s, name=Path(picture).name)
        else:
            yield Frame(np.ascontiguousarray(picture), index, time_s)


def _selected(frames: Iterable[Frame], selection: Selection) -> Generator[Frame, None, None]:
    picker = selection.picker()
    for frame in frames:
        if picker.is_past(frame.time_s):
            return
        if picker.wants(frame.time_s):
            yield frame
