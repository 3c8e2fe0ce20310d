"""How often events are found, and made up, in synthetic films: the tables of docs/events.md.

    python benchmarks/events_synthetic.py [--films 300] [--seed 1000] [--most-pitch-deg 30]

Each film shows one person doing five things in a random order, seen from a random side, height and
distance, at 10, 24, 30, 60 or a varying number of frames a second, with 3 px of noise on every
coordinate and a twentieth of the keypoints missing.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from kinetrace.measures import events
from kinetrace.poses import Poses
from kinetrace.testing import MoverTruth, mover
from kinetrace.testing._falls_actions import ACTIONS, TrueEvent

NAMES = ("fall", "lying", "sitting", "raised_hand", "stillness")
QUIET = [name for name in ACTIONS if not name.startswith(("fall", "collapse"))]
FALLS = [name for name in ACTIONS if name.startswith(("fall", "collapse"))]
RATES = (10.0, 24.0, 30.0, 60.0, 0.0)  # 0: varying
_NEAR_S = 0.75


class Film(NamedTuple):
    """A film, as it is measured and without noise, what is true of it, and how it was made."""

    poses: Poses
    clean: Poses
    truth: MoverTruth
    fall: str
    fps: float


def film(seed: int, most_pitch_deg: float) -> Film:
    """Make a film; chance starts at the seed."""
    random = np.random.default_rng(seed)
    fall = str(random.choice(FALLS))
    doings = [*random.choice(QUIET, 4, replace=False).tolist(), fall]
    random.shuffle(doings)
    actions = ["stand", *(word for doing in doings for word in (doing, "stand"))]
    distance_m = random.uniform(4, 8)
    highest_m = 0.9 + distance_m * np.tan(np.radians(most_pitch_deg))
    make = partial(
        mover,
        actions,
        yaw_deg=random.uniform(0, 360),
        camera_height_m=random.uniform(0.9, highest_m),
        distance_m=distance_m,
        height_m=random.uniform(1.5, 1.95),
        seed=seed,
    )
    rate = RATES[seed % len(RATES)]
    clean, _ = make(fps=rate or 30)
    time_s = clean.frame_time_s
    if not rate:
        times = np.cumsum(random.choice([1 / 60, 1 / 30, 1 / 24, 1 / 10], 20_000))
        time_s = times[times < time_s[-1]]
        clean, _ = make(time_s=time_s)
    poses, truth = make(time_s=time_s, noise_px=3.0, miss_rate=0.05)
    return Film(poses, clean, truth, fall, rate)


def is_match(found: Any, true: TrueEvent) -> bool:
    """Tell whether an event that was found is a true one: they overlap."""
    slack_s = _NEAR_S if true.event == "fall" else 0.0
    shared_s = min(found.end_s, true.end_s) - max(found.start_s, true.start_s) + slack_s
    return bool(found.event == true.event and found.side == true.side and shared_s > 0)


def is_right(found: Any, made: Film) -> bool:
    """Tell whether an event is in the truth; of stillness the film without noise tells it."""
    if found.event != "stillness":
        return any(is_match(found, true) for true in (*made.truth.events, *made.truth.unclear))
    time_s = made.clean.frame_time_s
    xy = made.clean.xy[(time_s > found.start_s + 1) & (time_s < found.end_s - 0.5), 5:]
    reach_px = np.hypot(*np.moveaxis(np.nanmax(xy, axis=0) - np.nanmin(xy, axis=0), -1, 0)).max()
    tall_px = np.nanmax(np.ptp(made.clean.xy[:30, :, 1], axis=1))  # they stand at first
    return bool(reach_px < 0.2 * tall_px)


def print_films(seeds: range, most_pitch_deg: float) -> None:
    """Print the shares that are found, and what is made up."""
    there: Counter[str] = Counter()
    found: Counter[str] = Counter()
    made_up: Counter[str] = Counter()
    errors_s: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    hours = 0.0
    for seed in seeds:
        made = film(seed, most_pitch_deg)
        hours += made.clean.frame_time_s[-1] / 3600
        rows = list(events.measure(made.poses).itertuples())
        for true in made.truth.events:
            hits = [row for row in rows if is_match(row, true)]
            rate = f"{made.fps:g} fps" if made.fps else "varying fps"
            kinds = [true.event, f"fall: {made.fall}", f"fall: {rate}"]
            for kind in kinds if true.event == "fall" else kinds[:1]:
                there[kind] += 1
                found[kind] += bool(hits)
            if hits:
                ends = hits[0].start_s - true.start_s, hits[-1].end_s - true.end_s
                errors_s[true.event].append(ends)
        made_up.update(row.event for row in rows if not is_right(row, made))
    print(
        f"{len(seeds)} films, {hours:.1f} hours, camera looking down 0 to {most_pitch_deg:g} deg\n"
    )
    print("| event | there | found % | made up | start s | end s |\n" + "| --- " * 6 + "|")
    for kind in (*NAMES, *sorted(kind for kind in there if ":" in kind)):
        ends = np.median(errors_s[kind], axis=0) if errors_s[kind] else (np.nan, np.nan)
        share = 100 * found[kind] / max(there[kind], 1)
        last = f"{made_up[kind]} | {ends[0]:+.1f} | {ends[1]:+.1f}" if kind in NAMES else "| | "
        print(f"| {kind} | {there[kind]} | {share:.0f} | {last} |")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--most-pitch-deg", type=float, default=30.0)
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.films)
    print_films(seeds, options.most_pitch_deg)


if __name__ == "__main__":
    main()
