"""Films made for tests: the number of each frame is written into its picture as black and white."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

_BITS = 12


def picture(number: int, size_wh: tuple[int, int] = (96, 64)) -> np.ndarray:
    """Draw `number` in binary as columns, lowest bit first; the top third is red."""
    width, height = size_wh
    image = np.zeros((height, width, 3), np.uint8)
    for bit, columns in enumerate(np.array_split(np.arange(width), _BITS)):
        image[height // 3 :, columns] = 235 if number >> bit & 1 else 20
    image[: height // 3] = (200, 30, 30)
    return image


def number_of(image: np.ndarray) -> int:
    """Read back the number that `picture` drew."""
    height, width = image.shape[:2]
    rows = image[2 * height // 3 : height - height // 8, :, 1]
    columns = np.array_split(np.arange(width), _BITS)
    return sum(int(rows[:, c[len(c) // 2]].mean() > 128) << bit for bit, c in enumerate(columns))


def write_film(
    path: Path,
    pts: list[int],
    time_base: Fraction = Fraction(1, 1000),
    *,
    size_wh: tuple[int, int] = (96, 64),
    codec: str = "libx264",
    container_options: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
    sample_aspect: Fraction | None = None,
    pixel_format: str = "yuv420p",
) -> Path:
    """Encode ``picture(i)`` at ``pts[i] * time_base`` seconds."""
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=30, options=options or {})
        stream.width, stream.height = size_wh
        stream.pix_fmt = pixel_format
        stream.time_base = stream.codec_context.time_base = time_base
        if sample_aspect is not None:
            stream.codec_context.sample_aspect_ratio = sample_aspect
        for number, stamp in enumerate(pts):
            frame = av.VideoFrame.from_ndarray(picture(number, size_wh), format="rgb24")
            frame.pts, frame.time_base = stamp, time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_cut_film(path: Path, frames: int) -> Path:
    """Write a film, and cut the file off at seven tenths; its index, at the front, is whole."""
    write_film(
        path,
        [i * 40 for i in range(frames)],
        container_options={"movflags": "faststart"},
        options={"g": "10", "qp": "10"},
        size_wh=(192, 128),
    )
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 7 // 10])
    return path


def rotate_display(path: Path, quarter_turns_clockwise: int) -> None:
    """Set the display matrix of an MP4's only track, as a phone does that is held upright."""
    one = 1 << 16
    matrix = {
        1: (0, one, 0, -one, 0, 0),
        2: (-one, 0, 0, 0, -one, 0),
        3: (0, -one, 0, one, 0, 0),
    }[quarter_turns_clockwise]
    data = bytearray(path.read_bytes())
    box = data.index(b"tkhd")
    start = box + 4 + 40  # version and flags, times, ids, layer, volume
    values = np.array((*matrix, 0, 0, 1 << 30), dtype=">i4")
    data[start : start + 36] = values.tobytes()
    path.write_bytes(bytes(data))
