"""Gait events against force plates, and against a synthetic walker: the tables of docs/gait.md.

    python benchmarks/gait_events.py [--data ../shared/data/opensim_gait2354_simbody] [--seeds 50]

The first is OpenSim's example `gait2354_simbody`: its markers at 60 Hz seen from the side, at 300
px a metre, with noise on every coordinate. An event that is not found is left out of the means and
counted.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from opensim_walk import HEEL_STRIKE_S, side_view, toe_offs_s  # noqa: E402

from kinetrace.measures import gait  # noqa: E402
from kinetrace.poses import Poses  # noqa: E402
from kinetrace.testing import walker  # noqa: E402

CASES = (
    ("zeni, heel and toe", "zeni", False),
    ("zeni, ankle alone", "zeni", True),
    ("oconnor, heel and toe", "oconnor", False),
)


def truth_s(folder: Path) -> dict[tuple[str, str, float], str]:
    """Return the true events (kind, side, time) with their short names, in order of time."""
    offs = toe_offs_s(folder)
    strikes = [("heel_strike", s, float(t)) for s, ts in HEEL_STRIKE_S.items() for t in ts]
    lifts = [("toe_off", s, float(t)) for s, ts in offs.items() for t in ts]
    events = sorted(strikes + lifts, key=lambda event: event[2])
    short = {"heel_strike": "HS", "toe_off": "TO"}
    return {e: f"{e[1][0].upper()} {short[e[0]]} {e[2]:.3f}" for e in events}


def errors_ms(poses: Poses, truth: dict[tuple[str, str, float], str], method: str) -> np.ndarray:
    """Return found minus true for each event; NaN where there is none within 0.15 s."""
    table = gait.find_events(poses, method=method)  # type: ignore[arg-type]
    errors = []
    for kind, side, time_s in truth:
        found = table[(table["event"] == kind) & (table["side"] == side)]["time_s"].to_numpy()
        near = found[np.abs(found - time_s) < 0.15]
        errors.append(1000 * (near[0] - time_s) if len(near) else np.nan)
    return np.array(errors)


def print_force_plates(folder: Path, seeds: int) -> None:
    """Print a row for each method, frame rate and noise."""
    truth = truth_s(folder)
    print("Error in ms (found minus force plate), mean over the seeds:\n")
    print(
        "| events by | fps | noise px |", " | ".join(truth.values()), "| MAE | HS | TO | missed |"
    )
    print("| --- " * (len(truth) + 7) + "|")
    is_strike = np.array([kind == "heel_strike" for kind, _, _ in truth])
    for name, method, by_ankle in CASES:
        for fps in (60, 30):
            for noise_px in (0.0, 3.0):
                errors = np.array(
                    [
                        errors_ms(
                            side_view(
                                folder, fps=fps, noise_px=noise_px, seed=seed, by_ankle=by_ankle
                            ),
                            truth,
                            method,
                        )
                        for seed in range(seeds if noise_px else 1)
                    ]
                )
                # An event at the very end may be in no row at all.
                known = np.isfinite(errors)
                means = np.where(known, errors, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
                cells = [
                    f"{mean:+.0f}" if any_ else "-"
                    for mean, any_ in zip(means, known.any(axis=0), strict=True)
                ]
                print(
                    f"| {name} | {fps} | {noise_px:g} |",
                    " | ".join(cells),
                    f"| {np.nanmean(np.abs(errors)):.1f} | {np.nanmean(errors[:, is_strike]):+.1f} "
                    f"| {np.nanmean(errors[:, ~is_strike]):+.1f} | {np.mean(~known):.1%} |",
                )


def uneven_times(duration_s: float, seed: int) -> np.ndarray:
    """Return times of a phone whose frames take 1/60 to 1/20 s."""
    steps = np.random.default_rng(seed).choice([1 / 60, 1 / 30, 1 / 24, 1 / 20], 2000)
    times = np.cumsum(steps)
    return times[times < duration_s]


def print_walker(seeds: int, duration_s: float = 10.0) -> None:
    """Print the error of cadence and events of a walker at 108 steps a minute, by frame rate."""
    print(f"\nA walker, 108 steps/min, {duration_s:g} s, 200 px a metre:\n")
    print("| fps | noise px | cadence: SD % | worst % | events: mean ms | mean absolute ms |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, fps in (
        ("24", 24.0),
        ("29.97", 30000 / 1001),
        ("30", 30.0),
        ("60", 60.0),
        ("variable", 0),
    ):
        for noise_px in (0.0, 2.0):
            cadence, events = [], []
            for seed in range(seeds if noise_px else 1):
                times = np.arange(0, duration_s, 1 / fps) if fps else uneven_times(duration_s, seed)
                poses, truth = walker(time_s=times, noise_px=noise_px, seed=seed)
                found = gait.summarise(gait.measure(poses))["cadence_steps_per_min"].iloc[0]
                cadence.append(100 * (found / truth.cadence_steps_per_min - 1))
                of = {"heel_strike": truth.heel_strike_s, "toe_off": truth.toe_off_s}
                for _, event in gait.find_events(poses).iterrows():
                    offsets = event["time_s"] - of[event["event"]][event["side"]]
                    events.append(1000 * offsets[np.abs(offsets).argmin()])
            print(
                f"| {name} | {noise_px:g} | {np.std(cadence):.3f} | {np.abs(cadence).max():.3f} "
                f"| {np.mean(events):+.1f} | {np.abs(events).mean():.1f} |"
            )


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    data = ROOT.parent / "shared" / "data" / "opensim_gait2354_simbody"
    parser.add_argument("--data", type=Path, default=data)
    parser.add_argument("--seeds", type=int, default=50)
    options = parser.parse_args()
    if options.data.is_dir():
        print_force_plates(options.data, options.seeds)
    else:
        print(f"no force plates: {options.data} is not there")
    print_walker(options.seeds)


if __name__ == "__main__":
    main()
