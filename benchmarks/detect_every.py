"""What is gained and lost when the detector does not look at every frame of a film.

    python benchmarks/detect_every.py POSE.onnx RTMDET.onnx VIDEO ... [--every 2,5,10,30,auto]
        [--quality best] [--detector-size 320] [--empty 0-55,210-228]

All settings see the same eight frames in turn, in one process, so that a machine that slows down
slows all of them. People are compared with those of ``detect_every=1``: a person of a frame is
found where a pose has an OKS above 0.5 with theirs. The sure are those whose keypoints score 0.4 or
more on average, and "more" are people whom that run does not have. Whoever appears and stays for
half a second has entered; the delay is the number of frames until they are found, on average and
at most. ``--empty`` names the frames of the last video in which nobody is, by eye.
"""

from __future__ import annotations

import argparse
import time
from itertools import islice
from pathlib import Path

import numpy as np

from kinetrace.backends import hrnet
from kinetrace.boxes import area, iou
from kinetrace.estimators import Options
from kinetrace.frames import open_frames
from kinetrace.poses import Poses, concat
from kinetrace.similarity import oks, squared_distances

FRAMES = 8
STAYS_S = 0.5
SURE = 0.4


class Run:
    """An estimator, what it has found, and what it took."""

    def __init__(self, options: Options) -> None:
        self.estimator = hrnet.load(options)
        self.network_s = 0.0
        self.took_s = 0.0
        self.detected = 0
        self.parts: list[Poses] = []
        self._detect = self.estimator._detector
        self.estimator._detector = self  # to count

    @property
    def description(self) -> object:
        """What the estimator asks of its detector."""
        return self._detect.description

    def __call__(self, frames):
        """Find the people of each frame."""
        self.detected += len(frames)
        return self._detect(frames)

    def close(self) -> None:
        """Free the detector."""
        self._detect.close()

    def look(self, frames: list) -> None:
        """Estimate some frames."""
        began_s = time.perf_counter()
        self.parts.append(self.estimator(frames))
        self.took_s += time.perf_counter() - began_s


def run(video: Path, options: dict[str, Options]) -> dict[str, Run]:
    """Run all settings over a film, eight frames at a time."""
    runs = {name: Run(each) for name, each in options.items()}
    with open_frames(video) as frames:
        waiting, turn = iter(frames), 0
        for each in runs.values():
            each.estimator.reset(continuous=True)
        while batch := list(islice(waiting, FRAMES)):
            names = list(runs)
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                runs[name].look(batch)
            turn += 1
    for each in runs.values():
        each.estimator.close()
    return runs


def is_found(truth: Poses, poses: Poses) -> np.ndarray:
    """Tell of each row of `truth` whether a person of the same frame is in the same pose."""
    found = np.zeros(len(truth), bool)
    for frame in np.unique(truth.frame):
        rows, others = np.flatnonzero(truth.frame == frame), np.flatnonzero(poses.frame == frame)
        if not len(others):
            continue
        squared_px = squared_distances(truth.xy[rows], poses.xy[others])
        area_px = area(truth.bbox_xyxy[rows])[:, None]
        found[rows] = (oks(squared_px, area_px, truth.skeleton.sigmas) > 0.5).any(axis=1)
    return found


def entrances(truth: Poses) -> list[list[int]]:
    """Return the rows of each person who appears after the first frame and stays."""
    open_tracks: list[list[int]] = []
    tracks: list[list[int]] = []
    for frame in range(len(truth.frame_time_s)):
        rows = np.flatnonzero(truth.frame == frame).tolist()
        # Whoever is missed for a second has left.
        now_s = truth.frame_time_s[frame]
        last_s = [truth.frame_time_s[truth.frame[t[-1]]] for t in open_tracks]
        open_tracks = [t for t, s in zip(open_tracks, last_s, strict=True) if now_s - s <= 1]
        for track in open_tracks:
            if rows:
                fit = iou(truth.bbox_xyxy[track[-1:]], truth.bbox_xyxy[rows])[0]
                if fit.max() > 0.2:
                    track.append(rows.pop(int(fit.argmax())))
        new = [[row] for row in rows]
        open_tracks += new
        tracks += new
    time_s = truth.frame_time_s[truth.frame]
    stays = [t for t in tracks if time_s[t[-1]] - time_s[t[0]] >= STAYS_S]
    return [t for t in stays if truth.frame[t[0]] > 0]


def delays(truth: Poses, found: np.ndarray) -> list[int]:
    """Return after how many frames each who enters is found."""
    late = []
    for track in entrances(truth):
        hits = np.flatnonzero(found[track])
        first = track[hits[0]] if len(hits) else track[-1]
        late.append(int(truth.frame[first] - truth.frame[track[0]]))
    return late


def report(video: Path, runs: dict[str, Run], empty: list[tuple[int, int]]) -> None:
    """Print the rows of a film."""
    every = concat(runs["1"].parts)
    for name, each in runs.items():
        poses = concat(each.parts)
        found = is_found(every, poses)
        sure = every.score.mean(axis=1) >= SURE
        late = delays(every, found)
        extra = int((~is_found(poses, every)).sum())
        frames = np.unique(poses.frame_index[poses.frame])
        phantoms = sum(int(((frames >= low) & (frames < high)).sum()) for low, high in empty)
        print(
            f"| {video.name} | {name} | {runs['1'].took_s / each.took_s:.2f} | "
            f"{100 * each.detected / len(every.frame_time_s):.0f} % | "
            f"{100 * found.mean():.2f} % of {len(every)} | "
            f"{100 * found[sure].mean():.2f} % of {sure.sum()} | {extra} | "
            f"{np.mean(late) if late else 0:.1f} / {max(late, default=0)} of {len(late)} | "
            f"{phantoms if empty else '-'} |",
            flush=True,
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("detector_model", type=Path)
    parser.add_argument("videos", nargs="+", type=Path)
    parser.add_argument("--every", default="2,5,10,30,auto")
    parser.add_argument("--quality", default="best")
    parser.add_argument("--detector-size", type=int)
    parser.add_argument("--empty", default="")
    asked = parser.parse_args()
    options = {
        name: Options(
            model=str(asked.model),
            detector_model=str(asked.detector_model),
            detector_size_px=asked.detector_size,
            detect_every="auto" if name == "auto" else int(name),
            decode="dark",
            quality=asked.quality,
            device="cpu",
            quiet=True,
        )
        for name in ["1", *asked.every.split(",")]
    }
    empty = [tuple(map(int, pair.split("-"))) for pair in asked.empty.split(",") if pair]
    heads = ("detector looks at", "recall", "of the sure", "more", "delay", "phantoms")
    print(f"| film | detect every | times as fast | {' | '.join(heads)} |")
    print(f"| --- | --- | {' | '.join(['---:'] * 7)} |")
    for video in asked.videos:
        report(video, run(video, options), empty if video == asked.videos[-1] else [])


if __name__ == "__main__":
    main()
