"""What a drawn film costs: the colours, and x264 at the settings that were chosen and others.

    python benchmarks/film_encoding.py VIDEO [--frames 110]

Processor time a frame, on one thread. PSNR is that of the luma, against the frames of the video.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from kinetrace.frames.yuv420 import to_yuv420

SETTINGS: dict[str, dict[str, str]] = {
    "veryfast, crf 22": {"preset": "veryfast", "crf": "22"},
    "superfast, crf 22": {"preset": "superfast", "crf": "22"},
    "ultrafast, crf 22": {"preset": "ultrafast", "crf": "22"},
    "ultrafast with B-frames and deblocking, crf 23": {
        "preset": "ultrafast",
        "bf": "3",
        "x264-params": "no-deblock=0",
        "crf": "23",
    },
}


def cost_ms(work: Callable[[], Any], frames: int) -> float:
    """Return the processor time a frame in milliseconds."""
    began_s = time.process_time()
    work()
    return 1e3 * (time.process_time() - began_s) / frames


def encode(frames: list[Any], path: Path, settings: dict[str, str]) -> None:
    """Write a film."""
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("libx264", rate=30)
        stream.width, stream.height = frames[0].width, frames[0].height
        stream.codec_context.thread_count = 1
        stream.codec_context.options = {**settings, "g": "60"}
        for number, frame in enumerate(frames):
            frame.pict_type, frame.pts, frame.time_base = 0, number, Fraction(1, 30)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def luma(frame: Any) -> np.ndarray:
    """Return the luma of a picture."""
    return frame.to_ndarray()[: frame.height].astype(float)


def psnr_db(frames: list[Any], path: Path) -> float:
    """Return the mean over every tenth picture."""
    with av.open(str(path)) as film:
        pairs = itertools.islice(zip(frames, film.decode(video=0), strict=True), 0, None, 10)
        error = [np.square(luma(a) - luma(b)).mean() for a, b in pairs]
    return float(10 * np.log10(255**2 / np.mean(error)))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("video")
    parser.add_argument("--frames", type=int, default=110)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    with av.open(asked.video) as film:
        frames = [
            frame.reformat(format="yuv420p")
            for frame in itertools.islice(film.decode(video=0), asked.frames)
        ]
    rgb = frames[0].to_ndarray(format="rgb24")
    reformatter, target = VideoReformatter(), {"dst_colorspace": "ITU709", "format": "yuv420p"}

    def by_ffmpeg() -> None:
        picture = av.VideoFrame.from_numpy_buffer(rgb, format="rgb24")
        for _ in range(100):
            reformatter.reformat(picture, dst_color_range="MPEG", threads=1, **target)

    def by_opencv() -> None:
        for _ in range(100):
            to_yuv420(rgb)

    print("| RGB to YUV 4:2:0 | ms a frame |\n| --- | ---: |")
    print(f"| FFmpeg | {cost_ms(by_ffmpeg, 100):.2f} |")
    print(f"| `to_yuv420` | {cost_ms(by_opencv, 100):.2f} |\n")
    print("| x264 | ms a frame | MB | PSNR dB |\n| --- | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        for name, settings in SETTINGS.items():
            took_ms = cost_ms(lambda s=settings: encode(frames, path, s), len(frames))
            size_mb = path.stat().st_size / 1e6
            print(f"| {name} | {took_ms:.2f} | {size_mb:.2f} | {psnr_db(frames, path):.2f} |")


if __name__ == "__main__":
    main()
