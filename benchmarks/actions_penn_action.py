"""Penn Action: how often the action of a clip is told from 13 joints, and the model that ships.

    python benchmarks/actions_penn_action.py [--data penn_action_train.npz] [--test other.npz]
    python benchmarks/actions_penn_action.py --write model.onnx

Clips are numbered by their action and then as they were cut from their films, so that neighbours
resemble each other. ``random`` leaves out a fifth of each action's clips drawn at random,
``blocks`` a fifth of neighbours. The rate of the frames is not known, and taken for 30 a second.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from pathlib import Path

import numpy as np

from kinetrace import actions
from kinetrace.actions.dataset import Example
from kinetrace.poses import Poses
from kinetrace.skeletons import COCO17

ROOT = Path(__file__).parents[1]
FPS = 30.0
NAMES = {"l": "left", "r": "right"}
FOLDS = 5


def read(path: Path) -> list[Example]:
    """Return the clips; a joint that is marked as not visible is missing."""
    with np.load(path, allow_pickle=False) as data:
        arrays = {name: data[name] for name in data.files}
    columns = [COCO17.index(_keypoint(str(joint))) for joint in arrays["joints"]]
    examples = []
    for i, clip in enumerate(arrays["clip"]):
        part = slice(arrays["start"][i], arrays["stop"][i])
        count = part.stop - part.start
        xy, score = np.full((count, 17, 2), np.nan), np.zeros((count, 17))
        visible = arrays["visible"][part].astype(bool)
        xy[:, columns] = np.where(visible[..., None], arrays["xy"][part], np.nan)
        score[:, columns] = visible
        poses = Poses(
            skeleton=COCO17,
            frame_time_s=np.arange(count) / FPS,
            frame=np.arange(count),
            xy=xy,
            score=score,
        )
        examples.append(actions.example_of(poses, str(arrays["action"][i]), clip=str(clip)))
    return examples


def _keypoint(joint: str) -> str:
    side, _, name = joint.partition("_")
    return f"{NAMES[side]}_{name}" if name else "nose"


def in_folds(examples: list[Example], split: str, seed: int = 0) -> np.ndarray:
    """Return the fold of each example, so that every action is spread over all of them."""
    random = np.random.default_rng(seed)
    labels = np.array([example.label for example in examples])
    folds = np.empty(len(labels), dtype=int)
    for label in np.unique(labels):
        at = np.flatnonzero(labels == label)
        even = np.arange(len(at)) * FOLDS // len(at)
        folds[at] = random.permutation(even) if split == "random" else even
    return folds


def lose(example: Example, share: float, seed: int, *, throughout: bool) -> Example:
    """Return the example without some of its joints: in single frames, or throughout."""
    shape = (1 if throughout else len(example.xy), example.xy.shape[1], 1)
    lost = np.random.default_rng(seed).random(shape) < share
    return dataclasses.replace(example, xy=np.where(lost, np.nan, example.xy))


def variants(examples: list[Example]) -> dict[str, list[Example]]:
    """Return what is tested on."""
    return {
        "as it is": examples,
        "20 % of joints lost in each frame": [
            lose(e, 0.2, i, throughout=False) for i, e in enumerate(examples)
        ],
        "20 % of joints lost throughout": [
            lose(e, 0.2, i, throughout=True) for i, e in enumerate(examples)
        ],
        "at 60 a second": [dataclasses.replace(e, time_s=e.time_s / 2) for e in examples],
        "its middle 60 %": [_middle(e, 0.6) for e in examples],
    }


def _middle(example: Example, share: float) -> Example:
    count = len(example.time_s)
    part = slice(round(count * (1 - share) / 2), round(count * (1 + share) / 2))
    return dataclasses.replace(example, xy=example.xy[part], time_s=example.time_s[part])


def answers_of_folds(examples: list[Example], split: str) -> dict[str, list]:
    """Return the answers for each variant of each clip, by models that have not seen its fold."""
    folds = in_folds(examples, split)
    answers: dict[str, list] = {}
    for fold in range(FOLDS):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            actions.train([e for e, f in zip(examples, folds, strict=True) if f != fold], path)
            model = actions.load_model(path)
        left_out = [e for e, f in zip(examples, folds, strict=True) if f == fold]
        for name, varied in variants(left_out).items():
            answers.setdefault(name, []).extend(actions.predict(model, varied))
    return answers


def show(answers: dict[str, list], title: str) -> None:
    """Print accuracies, and the confusion of clips as they are."""
    print(f"\n{title}\n\n| clips | accuracy | answered at 0.6 | right of those |")
    print("| --- | ---: | ---: | ---: |")
    for name, rows in answers.items():
        table = actions.tabulate(rows)
        right, sure = table["label"] == table["action"], table["confidence"] >= 0.6
        print(f"| {name} | {right.mean():.1%} | {sure.mean():.1%} | {right[sure].mean():.1%} |")
    table = actions.tabulate(answers["as it is"])
    print("\n" + actions.count_right(table).to_string(float_format="{:.3f}".format))
    print("\n" + actions.confusion(table).to_string())


def show_strangers(examples: list[Example]) -> None:
    """Print how many clips of an action that was not trained on are called unknown."""
    print("\n| action left out | confidence below 0.5 |\n| --- | ---: |")
    shares = []
    for label in sorted({e.label for e in examples}):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            actions.train([e for e in examples if e.label != label], path, copies=2)
            model = actions.load_model(path)
        table = actions.tabulate(actions.predict(model, [e for e in examples if e.label == label]))
        shares.append(float((~(table["confidence"] >= 0.5)).mean()))
        print(f"| {label} | {shares[-1]:.0%} |", flush=True)
    print(f"| mean | {np.mean(shares):.0%} |")


def main() -> None:
    """Print the tables, or write the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    data = ROOT.parent / "shared" / "data" / "penn_action_train.npz"
    parser.add_argument("--data", type=Path, default=data)
    parser.add_argument("--test", type=Path, help="an archive that the shipped model is tested on")
    parser.add_argument("--split", choices=("random", "blocks"), help="only this one")
    parser.add_argument("--strangers", action="store_true", help="leave out each action in turn")
    parser.add_argument("--write", type=Path, help="train on all and write the model")
    options = parser.parse_args()
    if options.test:
        model = actions.load_model("penn-action")
        tested = variants(read(options.test))
        show({n: actions.predict(model, e) for n, e in tested.items()}, str(options.test))
        return
    examples = read(options.data)
    if options.write:
        trained = actions.train(examples, options.write, description=DESCRIPTION)
        right = (trained.held_out["label"] == trained.held_out["action"]).mean()
        print(f"{options.write}: {options.write.stat().st_size} bytes, held out {right:.2%}")
    elif options.strangers:
        show_strangers(examples)
    else:
        for split in [options.split] if options.split else ["random", "blocks"]:
            show(answers_of_folds(examples, split), f"Left out: {split}")


DESCRIPTION = (
    "The 15 actions of Penn Action (Zhang, Zhu and Derpanis, From Actemes to Action, ICCV 2013): "
    "2D joints of its training split, 1,258 clips, frames taken for 30 a second."
)


if __name__ == "__main__":
    main()
