"""``kinetrace estimate --backend hrnet`` (a CSV written) against rtmlib (nothing written).

    python -m venv /tmp/rtmlib && /tmp/rtmlib/bin/pip install rtmlib onnxruntime
    python benchmarks/hrnet_against_rtmlib.py VIDEO RTMDET.onnx POSE.onnx \
        --rtmlib-python /tmp/rtmlib/bin/python [--runs 5] [--det-frequency 10] [--overlay]

The same two ONNX files on the same clip, in whole processes, in turn. rtmlib's ``RTMDet`` runs at
320 x 320 px, its ``ViTPose`` is the class that it has for heatmaps: one crop at a time, decoded
as UDP, without a mirrored second look. So ``--quality fast --decode udp`` is the like-for-like
row; ``best`` looks at each crop twice. Its ``PoseTracker`` detects in every frame unless
``--det-frequency`` says otherwise. Install the same version of ONNX Runtime on both sides.
With ``--overlay`` both draw the people and write a film: ours H.264, theirs MPEG-4 part 2, which is
what OpenCV from PyPI can encode.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent


def run(command: list[str]) -> tuple[float, str]:
    """Return the wall time in seconds of a process, and what it printed."""
    started_s = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    took_s = time.perf_counter() - started_s
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {done.stderr}")
    return took_s, done.stdout.strip().splitlines()[-1] if done.stdout else ""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("video", type=Path)
    parser.add_argument("detector_model", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--rtmlib-python", required=True)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--det-frequency", default="1")
    parser.add_argument("--overlay", action="store_true")
    asked = parser.parse_args()
    files = [str(asked.video), str(asked.detector_model), str(asked.model)]
    theirs = [asked.rtmlib_python, str(HERE / "hrnet_rtmlib_loop.py"), *files, asked.det_frequency]
    with tempfile.TemporaryDirectory() as name:
        table = Path(name) / "keypoints.csv"
        ours = [sys.executable, "-m", "kinetrace", "estimate", files[0], "--backend", "hrnet"]
        ours += ["--detector-model", files[1], "--model", files[2], "--device", "cpu"]
        ours += ["--decode", "udp", "--quiet", "--overwrite", "--output", str(table)]
        if asked.overlay:
            ours.append("--overlay")
            theirs.append(str(Path(name) / "rtmlib.mp4"))
        print("| quality | kinetrace s | rtmlib s | times as fast (from, to) |")
        print("| --- | --- | --- | --- |")
        for quality in ("fast", "best"):
            command = [*ours, "--quality", quality]
            run(command), run(theirs)  # warm up
            pairs = [(run(command)[0], run(theirs)[0]) for _ in range(asked.runs)]
            ratios = [their_s / our_s for our_s, their_s in pairs]
            print(
                f"| {quality} | {statistics.median(o for o, _ in pairs):.2f} | "
                f"{statistics.median(t for _, t in pairs):.2f} | "
                f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |",
                flush=True,
            )
        with table.open(newline="", encoding="utf-8") as file:
            rows = sum(1 for _ in csv.reader(file)) - 1
        print(f"rtmlib: {run(theirs)[1]}; rows of the CSV: {rows}")


if __name__ == "__main__":
    main()
