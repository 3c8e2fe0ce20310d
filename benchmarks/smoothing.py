"""What each smoother does to movements whose truth is known, and to films: docs/smoothing.md.

python benchmarks/smoothing.py                            # the synthetic tables
python benchmarks/smoothing.py --plot docs/images/smoothing.png
python benchmarks/smoothing.py raw.csv ...                # films, estimated with --smooth none
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

import kinetrace
from kinetrace import filtering
from kinetrace.poses import Poses, Skeleton
from kinetrace.testing import walker

PX_PER_M = 200.0
KEYPOINTS = 12
SKELETON = Skeleton(name="points", keypoints=tuple(f"point_{i}" for i in range(KEYPOINTS)))
RATES_HZ = {
    "10": 10.0,
    "24": 24.0,
    "29.97": 30000 / 1001,
    "60": 60.0,
    "120": 120.0,
    "20 to 40": 0.0,
}
# Correlation of the noise with that of 1/30 s before.
NOISES = {"white": 0.0, "correlated": 0.4}
METHODS: dict[str, Callable[[Poses], Poses]] = {
    "auto": filtering.smooth,
    "butterworth, 6 Hz": lambda poses: filtering.smooth(poses, "butterworth"),
    "kalman, 6 Hz": lambda poses: filtering.smooth(poses, "kalman"),
    "savitzky-golay, 0.3 s": lambda poses: filtering.smooth(poses, "savitzky-golay"),
    "one-euro": lambda poses: filtering.smooth(poses, "one-euro"),
}
JUMPS_S = (1.31, 3.17, 5.05)
PUNCHES_S = (1.21, 2.52, 3.83, 5.44, 6.61)


def main() -> None:
    """Print the tables, or draw the plot."""
    parser = argparse.ArgumentParser()
    parser.add_argument("films", nargs="*", type=Path)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    if options.plot:
        draw(options.plot)
    elif options.films:
        for path in options.films:
            print_film(path)
    else:
        print_synthetic()


def times_s(fps: float, seed: int) -> np.ndarray:
    """Return the times of 8 s of film; 0 is a phone that films at 20 to 40 frames a second."""
    if fps:
        return np.arange(0, 8, 1 / fps)
    steps_s = np.random.default_rng(seed).uniform(1 / 40, 1 / 20, 400)
    times = np.cumsum(steps_s)
    return times[times < 8]


def noise_px(time_s: np.ndarray, shape: tuple[int, ...], correlation: float, seed: int):
    """Return noise of unit variance whose correlation falls off exponentially with time."""
    white = np.random.default_rng(seed).normal(0, 1, (len(time_s), *shape))
    noise = white.copy()
    if correlation:
        kept = correlation ** (np.diff(time_s) * 30)
        for i, part in enumerate(kept, 1):
            noise[i] = part * noise[i - 1] + np.sqrt(1 - part**2) * white[i]
    return noise


def jump_px(time_s: np.ndarray) -> np.ndarray:
    """Return the heights of three jumps of 0.5 s, 0.31 m each."""
    since_s = time_s[:, None] - np.array(JUMPS_S)
    return PX_PER_M * np.clip(9.81 / 2 * since_s * (0.5 - since_s), 0, None).sum(axis=1)


def punch_px(time_s: np.ndarray) -> np.ndarray:
    """Return the reaches of five punches: 0.75 m out and back in 0.28 s, at up to 8.4 m/s."""
    since_s = np.minimum(np.abs(time_s[:, None] - np.array(PUNCHES_S)), 0.14)
    return PX_PER_M * (0.375 * (1 + np.cos(np.pi * since_s / 0.14))).sum(axis=1)


def film(time_s: np.ndarray, xy: np.ndarray) -> Poses:
    """Return one person of 1.7 m in every frame."""
    n = len(time_s)
    return Poses(
        skeleton=SKELETON,
        frame_time_s=time_s,
        frame=np.arange(n),
        xy=xy,
        score=np.full((n, KEYPOINTS), 0.8),
        track_id=np.zeros(n, np.int64),
        bbox_xyxy=np.tile([0, 0, 100, 1.7 * PX_PER_M], (n, 1)),
    )


@dataclasses.dataclass(frozen=True)
class Measured:
    """Of one method: ratios to the noise, lost per cent of the top, milliseconds behind."""

    still: float
    jump_lost: float
    punch_lost: float
    punch: float
    walk: float
    lag_ms: float


def measure(smooth: Callable[[Poses], Poses], fps: float, correlation: float, sd_px: float):
    """Return what a smoother does to 12 keypoints under noise."""
    time_s = times_s(fps, 1)
    noise = sd_px * noise_px(time_s, (KEYPOINTS, 2), correlation, 2)
    still = np.full(noise.shape, 300.0)
    jump, punch = still.copy(), still.copy()
    jump[:, :, 1] -= jump_px(time_s)[:, None]
    punch[:, :, 0] += punch_px(time_s)[:, None]
    rms = [error(smooth(film(time_s, t + noise)), t) / sd_px for t in (still, punch)]
    jumped = smooth(film(time_s, jump + noise)).xy.mean(axis=1)[:, 1].astype(float)
    punched = smooth(film(time_s, punch + noise)).xy.mean(axis=1)[:, 0].astype(float)
    walk, _ = walker(time_s=time_s, px_per_m=PX_PER_M)
    stepping = sd_px * noise_px(time_s, walk.xy.shape[1:], correlation, 3)
    walked = error(smooth(dataclasses.replace(walk, xy=walk.xy + stepping)), walk.xy) / sd_px
    return Measured(
        still=rms[0],
        jump_lost=lost(time_s, 300 - jumped, jump_px(time_s), np.array(JUMPS_S) + 0.25),
        punch_lost=lost(time_s, punched - 300, punch_px(time_s), np.array(PUNCHES_S)),
        punch=rms[1],
        walk=walked,
        lag_ms=lag_ms(time_s, punched - 300),
    )


def error(poses: Poses, truth: np.ndarray) -> float:
    """Return the root mean square distance from the truth on an axis, in pixels."""
    return float(np.sqrt(np.nanmean((poses.xy - truth) ** 2)))


def lost(time_s: np.ndarray, got: np.ndarray, truth: np.ndarray, tops_s: np.ndarray) -> float:
    """Return the per cent of the tops' height that is gone, at the frames of the truth's tops."""
    at = [int(np.argmax(np.where(np.abs(time_s - top) < 0.15, truth, -1))) for top in tops_s]
    return float(100 * (1 - got[at].sum() / truth[at].sum()))


def lag_ms(time_s: np.ndarray, got: np.ndarray) -> float:
    """Return by how many milliseconds the punches come late, by least squares."""
    lags_ms = np.arange(-60, 61)
    known = np.isfinite(got)
    costs = [np.sum((got - punch_px(time_s - lag / 1000))[known] ** 2) for lag in lags_ms]
    return float(lags_ms[int(np.argmin(costs))])


def print_synthetic() -> None:
    """Print a table of every method, rate and noise."""
    print("| frames/s | noise | method | still | walk | punch | jump lost | punch lost | lag |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for rate, fps in RATES_HZ.items():
        for sd_px in (1.0, 3.0):
            for noise, correlation in NOISES.items():
                for name, smooth in METHODS.items():
                    try:
                        m = measure(smooth, fps, correlation, sd_px)
                    except ValueError:
                        continue  # the film is too slow for it
                    print(
                        f"| {rate} | {sd_px:.0f} px {noise} | {name} | {m.still:.2f} "
                        f"| {m.walk:.2f} | {m.punch:.2f} | {m.jump_lost:.1f} % "
                        f"| {m.punch_lost:.1f} % | {m.lag_ms:.0f} ms |"
                    )


def print_film(path: Path, *, stretch_s: float = 0.5, still: float = 0.01) -> None:
    """Print how much of the tremble is left in the still stretches of a film, and of its tops.

    A keypoint is still for half a second in which it moves by less than 1 % of the person.
    """
    raw = kinetrace.read(path)
    size_px = np.median((raw.bbox_xyxy[:, 2:] - raw.bbox_xyxy[:, :2]).max(axis=1))
    step_s = float(np.median(np.diff(raw.frame_time_s)))
    n = round(stretch_s / step_s)
    line = np.stack([np.ones(n), np.arange(n)], axis=1)
    residual = np.eye(n) - line @ np.linalg.pinv(line)
    for name, smooth in METHODS.items():
        try:
            smoothed = smooth(raw)
        except ValueError:
            continue
        pairs = [
            (np.sum((residual @ before) ** 2), np.sum((residual @ after) ** 2))
            for before, after in stretches(raw, smoothed, n)
            if np.ptp(before, axis=0).max() < still * size_px
        ]
        if not pairs:
            print(f"{path.stem}: nobody stands still; tops: {tops(raw, smoothed)} ({name})")
            continue
        before, after = np.sqrt(np.mean(pairs, axis=0) / n)
        print(
            f"| {path.stem} | {name} | {len(pairs)} | {before:.2f} px | {after:.2f} px "
            f"| {after / before:.2f} | {tops(raw, smoothed)} |"
        )


def stretches(raw: Poses, smoothed: Poses, n: int):
    """Yield each keypoint of each person for n frames, before and after, a third apart."""
    for track_id in np.unique(raw.track_id[raw.track_id >= 0]):
        before, after = (series(poses, track_id) for poses in (raw, smoothed))
        for start in range(0, len(before) - n, max(n // 3, 1)):
            part = slice(start, start + n)
            whole = np.isfinite(before[part]).all(axis=(0, 2)) & np.isfinite(after[part]).all(
                axis=(0, 2)
            )
            for k in np.flatnonzero(whole):
                yield before[part, k].astype(float), after[part, k].astype(float)


def series(poses: Poses, track_id: int) -> np.ndarray:
    """Return a person's (T, K, 2), NaN where they are not."""
    xy = np.full((len(poses.frame_time_s), len(poses.skeleton), 2), np.nan)
    mine = poses.track_id == track_id
    xy[poses.frame[mine]] = poses.xy[mine]
    return xy


def tops(raw: Poses, smoothed: Poses) -> str:
    """Return the highest the hips of anybody get, above where they are most of the time."""
    heights = []
    for poses in (raw, smoothed):
        hips = (poses.skeleton.index("left_hip"), poses.skeleton.index("right_hip"))
        rises = []
        for track_id in np.unique(raw.track_id[raw.track_id >= 0]):
            y = series(poses, track_id)[:, hips, 1].mean(axis=1)
            if np.isfinite(y).sum() > 30:
                rises.append(np.nanmedian(y) - np.nanmin(y))
        heights.append(max(rises, default=float("nan")))
    return f"{heights[0]:.1f} to {heights[1]:.1f} px"


def draw(path: Path) -> None:
    """Draw a jump and a punch at 30 frames a second: raw, auto and the 6 Hz Butterworth."""
    from matplotlib.figure import Figure

    time_s = times_s(30, 0)
    noise = 2 * noise_px(time_s, (KEYPOINTS, 2), 0.4, 4)
    truth = np.zeros(noise.shape)
    truth[:, :, 0] += punch_px(time_s)[:, None]
    truth[:, :, 1] += jump_px(time_s)[:, None]
    raw = film(time_s, truth + noise)
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    panels = (
        ("standing still, 2 px of noise", 1, (7.0, 8.0)),
        ("a jump", 1, (1.0, 2.1)),
        ("a punch", 0, (3.5, 4.2)),
    )
    for axes, (title, axis, (start_s, end_s)) in zip(figure.subplots(1, 3), panels, strict=True):
        part = (time_s >= start_s) & (time_s <= end_s)
        axes.plot(time_s[part], raw.xy[part, 0, axis], ".", color="0.6", label="estimated")
        fine_s = np.linspace(start_s, end_s, 400)
        true = jump_px(fine_s) if axis else punch_px(fine_s)
        axes.plot(fine_s, true, "--", color="0.3", linewidth=1, label="truth")
        for name, colour in (("butterworth, 6 Hz", "tab:orange"), ("auto", "tab:blue")):
            axes.plot(time_s[part], METHODS[name](raw).xy[part, 0, axis], colour, label=name)
        axes.set(title=title, xlabel="s", ylabel="px")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100, pil_kwargs={"optimize": True})


if __name__ == "__main__":
    main()
