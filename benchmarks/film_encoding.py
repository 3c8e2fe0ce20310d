"""What a drawn film costs: colours, drawing, and x264 at the settings that were chosen and others.

    python benchmarks/film_encoding.py VIDEO [--frames 110]

Processor time a frame, on one thread. Two people are drawn, each as high as half the picture. PSNR
is that of the luma, against the frames of the video.
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

from kinetrace.drawing import draw
from kinetrace.frames.film_frame import FilmFrame
from kinetrace.frames.sources import open_frames
from kinetrace.frames.yuv420 import to_yuv420
from kinetrace.overlay import draw_frame
from kinetrace.poses import Poses
from kinetrace.skeletons import COCO17

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


def two_people(size_wh: tuple[int, int]) -> Poses:
    """Return skeletons whose limbs go anywhere within a person's box."""
    height = size_wh[1] / 2
    xy = np.random.default_rng(0).uniform(0, (0.45 * height, height), (2, len(COCO17), 2))
    xy += np.array([(0.2, 0.1), (0.6, 0.4)])[:, None] * size_wh
    return Poses(
        skeleton=COCO17,
        frame_time_s=np.zeros(1),
        frame=np.zeros(2, int),
        xy=xy,
        score=np.full((2, len(COCO17)), 0.9),
        bbox_xyxy=np.concatenate([xy.min(axis=1), xy.max(axis=1)], axis=1),
        track_id=np.arange(2),
    )


def time_drawing(video: str, count: int) -> None:
    """Print what it costs to draw on a film as it is stored, and in RGB there and back."""
    with open_frames(video) as film:
        frames: list[Any] = list(itertools.islice(film.as_stored(), count))
    poses = two_people(frames[0].size_wh)
    look = frames[0]._look

    def as_stored() -> None:
        for frame in frames:
            drawn = draw_frame(frame, poses)
            assert isinstance(drawn, FilmFrame), "this film is not stored in YUV 4:2:0"

    def in_rgb() -> None:
        for frame in frames:
            to_yuv420(draw(look.rgb(frame._picture), poses))

    print("| two people drawn | ms a frame |\n| --- | ---: |")
    for name, work in (("in RGB, there and back", in_rgb), ("as stored", as_stored)):
        work()
        print(f"| {name} | {cost_ms(work, len(frames)):.2f} |")
    print()


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
    time_drawing(asked.video, 10)
    print("| x264 | ms a frame | MB | PSNR dB |\n| --- | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        for name, settings in SETTINGS.items():
            took_ms = cost_ms(lambda s=settings: encode(frames, path, s), len(frames))
            size_mb = path.stat().st_size / 1e6
            print(f"| {name} | {took_ms:.2f} | {size_mb:.2f} | {psnr_db(frames, path):.2f} |")


if __name__ == "__main__":
    main()
