"""UI-PRMD's Kinect data: correct against incorrect repetitions, people left out: docs/actions.md.

    python benchmarks/quality_uiprmd.py [--data ../shared/data/uiprmd_kinect.npz]

The archive holds positions only: of the waist in the room (cm, y up, z towards the camera), and of
each other joint from its parent, in the parent's own turning frame. So a limb's direction is not
in it, only the path of the waist and how lengths change as the sensor sees them. Channels are the
change of these from the start of the repetition, relative to the length of the legs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from kinetrace.actions.quality import Repetition, learn_standard, score_repetition

ROOT = Path(__file__).parents[1]
FPS = 30.0
LEG = (15, 16)  # positions of shank and foot in their parents: thigh and shank
EXERCISES = (
    "deep squat",
    "hurdle step",
    "inline lunge",
    "side lunge",
    "sit to stand",
    "straight leg raise",
    "shoulder abduction",
    "shoulder extension",
    "shoulder rotation",
    "shoulder scaption",
)


def read(path: Path) -> list[tuple[int, Repetition]]:
    """Return the repetitions with the number of their exercise."""
    with np.load(path, allow_pickle=False) as data:
        arrays = {name: data[name] for name in data.files}
    found = []
    for i, movement in enumerate(arrays["movement"]):
        part = arrays["positions"][arrays["start"][i] : arrays["stop"][i]].astype(float)
        joints = part.reshape(len(part), 22, 3)
        leg = np.median(np.linalg.norm(joints[:, LEG], axis=2).sum(axis=1))
        values = (joints - np.median(joints[:5], axis=0)).reshape(len(part), -1) / leg
        repetition = Repetition(
            tuple(f"{joint}_{axis}" for joint in range(22) for axis in "xyz"),
            np.arange(len(part)) / FPS,
            values,
            str(arrays["subject"][i]),
            bool(arrays["correct"][i]),
        )
        found.append((int(movement), repetition))
    return found


def auc(right: np.ndarray, score: np.ndarray) -> float:
    """Return the area under the receiver operating characteristic."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(right, score))


def areas(repetitions: list[Repetition], exercise: str) -> list[tuple[float, float, float]]:
    """Return for each person left out the AUC of the score, of the duration and of the depth."""
    found = []
    for person in sorted({r.person for r in repetitions}):
        standard = learn_standard([r for r in repetitions if r.person != person], exercise)
        own = [r for r in repetitions if r.person == person]
        right = np.array([r.is_correct for r in own])
        score = np.array([score_repetition(r, standard).value for r in own])
        duration = np.array([np.ptp(r.time_s) for r in own])
        depth = np.array([np.ptp(r.signals[:, 1]) for r in own])
        # A baseline may be of use either way.
        of_one = [max(auc(right, each), auc(right, -each)) for each in (duration, depth)]
        found.append((auc(right, score), *of_one))
    return found


def main() -> None:
    """Print a row for each exercise."""
    parser = argparse.ArgumentParser(description=__doc__)
    data = ROOT.parent / "shared" / "data" / "uiprmd_kinect.npz"
    parser.add_argument("--data", type=Path, default=data)
    options = parser.parse_args()
    everything = read(options.data)
    print("| exercise | AUC | lowest of a person | by duration | by range of the waist's height |")
    print("| --- | ---: | ---: | ---: | ---: |")
    rows = []
    for number, name in enumerate(EXERCISES, start=1):
        found = np.array(areas([r for m, r in everything if m == number], name))
        rows.append([found[:, 0].mean(), found[:, 0].min(), *found[:, 1:].mean(axis=0)])
        print(f"| {name} |", " | ".join(f"{value:.2f}" for value in rows[-1]), "|", flush=True)
    print("| mean |", " | ".join(f"{value:.2f}" for value in np.mean(rows, axis=0)), "|")


if __name__ == "__main__":
    main()
