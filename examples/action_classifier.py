"""A classifier of your own actions: labelled tables, training, and what somebody does in a film.

    python examples/action_classifier.py results/

Needs ``pip install 'kinetrace[actions,plot]'``. The tables are made here; ``kinetrace actions
train`` does the same on the command line, from tables or from films.
"""

# %% Where everything goes: a folder of your choice, or else a temporary one
import dataclasses
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import kinetrace
from kinetrace import actions, plots
from kinetrace.testing import exerciser

FOLDER = Path(sys.argv[1] if sys.argv[1:] else tempfile.mkdtemp(prefix="actions-"))
FOLDER.mkdir(parents=True, exist_ok=True)

# %% Labelled tables: four people do three exercises each, at their own pace, from any side
EXERCISES = ("squat", "jumping-jack", "curl")


def film(exercise: str, person: int) -> kinetrace.Poses:
    """Return one film of an exercise."""
    chance = np.random.default_rng(person)
    poses, _ = exerciser(
        exercise,
        depth=chance.uniform(0.85, 1.0, 3).tolist(),
        out_s=chance.uniform(0.8, 1.2),
        view_deg=chance.uniform(0, 80),
        height_m=chance.uniform(1.6, 1.9),
        noise_px=3.0,
        seed=person,
    )
    return poses


rows = []
for exercise in EXERCISES:
    for person in range(4):
        name = f"{exercise}_{person}.keypoints.csv"
        kinetrace.write(film(exercise, person), FOLDER / name)
        rows.append({"file": name, "label": exercise, "person": f"P{person}"})
pd.DataFrame(rows).to_csv(FOLDER / "labels.csv", index=False)

# %% Train. Who does what is known, so each person is tested by a model that has never seen them
examples = actions.read_examples(FOLDER / "labels.csv")
trained = actions.train(
    examples, FOLDER / "exercises.onnx", copies=3, description="three exercises"
)
counts = actions.confusion(trained.held_out)
print(counts.to_string())
plots.save(plots.confusion_matrix(counts), FOLDER / "confusion.png")

# %% A film in which a fifth person does one thing after the other
first, second = film("squat", 4), film("jumping-jack", 4)
later_s = first.frame_time_s[-1] + 1 / 30 + second.frame_time_s
whole = kinetrace.concat([first, dataclasses.replace(second, frame_time_s=later_s)])
whole = dataclasses.replace(whole, frame_index=np.arange(len(whole.frame_time_s)))
found = actions.recognise(whole, actions.load_model(trained.path))
found.to_csv(FOLDER / "found.csv", index=False)
print(f"\nthe jumping jacks begin at {later_s[0]:.1f} s")
print(found.round(2).to_string(index=False))
print(f"exercises.onnx, confusion.png and found.csv are in {FOLDER}")
