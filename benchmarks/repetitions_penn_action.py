"""Repetitions on Penn Action: the tables of docs/repetitions.md.

    python benchmarks/repetitions_penn_action.py [--data ../shared/data/penn_action_train.npz]
        [--clips all|even|odd] [--hidden]

Nearly every clip of squat, push-up, pull-up, sit-up and jumping jack holds one repetition, and the
ten other actions hold none, but that a clean and jerk begins with a squat. A joint that is marked
as not visible has the score 0; with ``--hidden`` the annotators' guess of it counts too.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kinetrace.measures import repetitions
from kinetrace.measures._repetitions_exercises import exercises
from kinetrace.poses import Poses, Skeleton

ROOT = Path(__file__).parents[1]
FPS = 30.0  # the data set does not tell; nothing here is sensitive to it
EXERCISES = {
    "squat": "squat",
    "pushup": "push-up",
    "pullup": "pull-up",
    "situp": "sit-up",
    "jumping_jacks": "jumping-jack",
}


def read_clips(path: Path, which: str, *, hidden: bool) -> Iterator[tuple[str, Poses]]:
    """Yield the action and the poses of each clip."""
    with np.load(path) as file:
        data = {name: file[name] for name in file.files}
    names = [str(n).replace("l_", "left_").replace("r_", "right_") for n in data["joints"]]
    skeleton = Skeleton("penn_action", tuple(names))
    rows = zip(data["clip"], data["action"], data["start"], data["stop"], strict=True)
    for clip, action, start, stop in rows:
        if which != "all" and int(clip) % 2 != (which == "odd"):
            continue
        xy = data["xy"][start:stop]
        is_known = np.any(xy > 1, axis=-1)  # (1, 1) where it was not labelled
        if not hidden:
            is_known &= data["visible"][start:stop] > 0
        count = len(xy)
        yield (
            str(action),
            Poses(
                skeleton=skeleton,
                frame_time_s=np.arange(count) / FPS,
                frame=np.arange(count),
                track_id=np.zeros(count, np.int64),
                xy=np.where(is_known[..., None], xy, np.nan),
                score=is_known,
            ),
        )


def count(poses: Poses, name: str) -> list[str]:
    """Return the exercise of each whole repetition that a counter finds."""
    table = repetitions.measure(poses, exercise=name)  # type: ignore[arg-type]
    return list(table["exercise"][table["complete"]])


def print_exact(clips: dict[str, list[Poses]]) -> None:
    """Print in how many clips of an exercise its own counter, and auto, find exactly one."""
    print("| clips of | clips | counted 1 | 0 | more | auto: 1 of that exercise, no other |")
    print("| --- | --- | --- | --- | --- | --- |")
    for action, name in EXERCISES.items():
        found = np.array([len(count(poses, name)) for poses in clips[action]])
        auto = [count(poses, "auto") == [name] for poses in clips[action]]
        shares = (np.mean(found == 1), np.mean(found == 0), np.mean(found > 1), np.mean(auto))
        print(f"| {action} | {len(found)} |", *(f"{share:.1%} |" for share in shares))


def print_false(clips: dict[str, list[Poses]]) -> None:
    """Print in how many clips of the other actions each counter finds something."""
    names = [*exercises(), "auto"]
    print("\n| clips of | clips |", " | ".join(names), "|")
    print("| --- " * (len(names) + 2) + "|")
    for action in sorted(set(clips) - set(EXERCISES)):
        shares = (np.mean([bool(count(p, name)) for p in clips[action]]) for name in names)
        print(f"| {action} | {len(clips[action])} |", *(f"{share:.1%} |" for share in shares))


def main() -> None:
    """Print the share of clips counted exactly, and of those with a false count."""
    parser = argparse.ArgumentParser(description=__doc__)
    data = ROOT.parent / "shared" / "data" / "penn_action_train.npz"
    parser.add_argument("--data", type=Path, default=data)
    parser.add_argument("--clips", choices=("all", "even", "odd"), default="all")
    parser.add_argument("--hidden", action="store_true")
    options = parser.parse_args()
    clips: dict[str, list[Poses]] = defaultdict(list)
    for action, poses in read_clips(options.data, options.clips, hidden=options.hidden):
        clips[action].append(poses)
    print_exact(clips)
    print_false(clips)


if __name__ == "__main__":
    main()
