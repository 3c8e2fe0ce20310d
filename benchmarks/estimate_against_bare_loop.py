"""``kinetrace estimate`` (a CSV written) against a bare loop (nothing written); and its memory.

    python benchmarks/estimate_against_bare_loop.py [VIDEO ...] [--model lite] [--runs 5]

Whole processes, in turn, so that a machine that slows down slows both. Without a video, the
demonstration's film is used, ten times as long.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kinetrace import demo
from kinetrace.frames import Frame
from kinetrace.frames.video_writer import VideoWriter

HERE = Path(__file__).parent


def run(command: list[str]) -> tuple[float, float]:
    """Return the wall time in seconds and the peak memory in MB of a process."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    took_s = time.perf_counter() - started
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return took_s, usage.ru_maxrss / 1024


def write_film(path: Path, frames: int) -> None:
    """Repeat the demonstration's film up to a number of frames."""
    import cv2
    import numpy as np

    picture = demo.portrait()
    with VideoWriter(path, fps=demo.FPS) as video:
        for number in range(frames):
            transform = demo.camera(number % demo.FRAMES)
            image = cv2.warpAffine(picture, transform, demo.SIZE_WH)
            video.write(Frame(np.asarray(image), number, number / demo.FPS))


def compare(video: Path, model: str, runs: int, folder: Path) -> None:
    """Print a row: both medians and the ratio, run by run."""
    ours = [sys.executable, "-m", "kinetrace", "estimate", str(video), "--model", model]
    ours += ["--overwrite", "--output", str(folder / "out")]
    bare = [sys.executable, str(HERE / "bare_loop.py"), str(video), f"mediapipe-{model}"]
    run(ours), run(bare)  # warm up
    pairs = [(run(ours)[0], run(bare)[0]) for _ in range(runs)]
    ratios = [bare_s / ours_s for ours_s, bare_s in pairs]
    print(
        f"| {video.name} | {model} | {statistics.median(o for o, _ in pairs):.2f} | "
        f"{statistics.median(b for _, b in pairs):.2f} | {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f}) |",
        flush=True,
    )


def main() -> None:
    """Run the comparison and then the memory check."""
    parser = argparse.ArgumentParser()
    parser.add_argument("videos", nargs="*", type=Path)
    parser.add_argument("--model", default="full")
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        films = {frames: folder / f"film{frames}.mp4" for frames in (300, 900, 3000)}
        for frames, path in films.items():
            write_film(path, frames)
        print("| video | model | kinetrace s | bare loop s | times as fast |")
        print("| --- | --- | --- | --- | --- |")
        for video in asked.videos or [films[900]]:
            compare(video, asked.model, asked.runs, folder)
        command = [sys.executable, "-m", "kinetrace", "estimate", "--model", asked.model]
        for frames in (300, 3000):
            _, peak_mb = run([*command, str(films[frames])])
            print(f"peak memory at {frames} frames: {peak_mb:.0f} MB", flush=True)


if __name__ == "__main__":
    main()
