"""Videos an hour of ``--workers N`` against ``--workers 1``, and against a run without workers.

    python benchmarks/workers.py VIDEO ... [--workers 2] [--backend hrnet --model POSE.onnx
        --detector-model RTMDET.onnx] [--threads 1] [--runs 5]

All the videos, in turn with each number of workers, so that a machine that slows down slows all;
the start of the processes and the loading of the models are in the time. `--threads` is the number
of threads of a worker in every row, so that what is compared is the number of workers: without
it, one worker has all cores to itself. The row without workers has all cores too.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from kinetrace.batch import Settings, run_all
from kinetrace.estimators import Options
from kinetrace.jobs import Wanted, plan
from kinetrace.machine import count_cores


def hours(videos: list[str], settings: Settings, workers: int | None) -> float:
    """Return how long a run over all the videos takes, in hours."""
    with tempfile.TemporaryDirectory() as name:
        jobs = plan(videos, Path(name) / "out", Wanted())
        started_s = time.perf_counter()
        results = run_all(jobs, settings, workers=workers)
        took_s = time.perf_counter() - started_s
    wrong = [result.error for result in results if result.state != "done"]
    if wrong:
        raise SystemExit("\n".join(wrong))
    return took_s / 3600


def settings_of(asked: argparse.Namespace, threads: int | None) -> Settings:
    """Return the settings that were asked for."""
    options = Options(
        model=asked.model,
        detector=asked.detector,
        detector_model=asked.detector_model,
        device="cpu",
        threads=threads,
        quiet=True,
    )
    return Settings(backend=asked.backend, options=options)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("videos", nargs="+")
    parser.add_argument("--workers", type=int, default=count_cores())
    parser.add_argument("--backend", default="mediapipe")
    parser.add_argument("--model")
    parser.add_argument("--detector")
    parser.add_argument("--detector-model")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    alike, all_cores = settings_of(asked, asked.threads), settings_of(asked, None)
    ways = {
        f"--workers {asked.workers}": (alike, asked.workers),
        "--workers 1": (alike, 1),
        "without": (all_cores, None),
    }
    hours(asked.videos[:1], alike, 1)  # warm up
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(asked.runs):
        for name, (settings, workers) in ways.items():
            took[name].append(hours(asked.videos, settings, workers))
    best = took[f"--workers {asked.workers}"]
    print("| | videos an hour | times as many with the workers (from, to) |")
    print("| --- | ---: | ---: |")
    for name, times in took.items():
        ratios = [other / own for other, own in zip(times, best, strict=True)]
        print(
            f"| {name} | {len(asked.videos) / statistics.median(times):.0f} | "
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |"
        )


if __name__ == "__main__":
    main()
