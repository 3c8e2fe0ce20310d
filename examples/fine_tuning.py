"""Fine-tuning: weights that know other pictures learn yours from a few that are labelled.

    python examples/fine_tuning.py results/

Needs ``pip install 'kinetrace[train]'``. The network is tiny and the people are painted, so that it
takes seconds; docs/training.md has what a training of your own needs, and the command line for it,
``kinetrace train``.
"""

# %% Where everything goes: a folder of your choice, or else a temporary one
import dataclasses
import sys
import tempfile
from pathlib import Path

import cv2
import torch

import kinetrace
from kinetrace.networks import HRNet, Stage
from kinetrace.testing import crowd, paint_crowd
from kinetrace.training import Plan, Recipe, Source, read_source, train

FOLDER = Path(sys.argv[1] if sys.argv[1:] else tempfile.mkdtemp(prefix="fine-tuning-"))
torch.set_num_threads(1)  # so small a network is quicker with one


# %% Labelled pictures: a folder of them, and a table of keypoints that names each
def paint(name: str, *, seed: int, negative: bool) -> Source:
    """Paint people who walk to and fro, and read them as labelled pictures."""
    folder, table = FOLDER / name, FOLDER / f"{name}.csv"
    folder.mkdir(parents=True, exist_ok=True)
    _, truth = crowd(people=3, duration_s=10.0, fps=10.0, size_wh=(320, 240), seed=seed)
    files = tuple(f"{name}{i:03}.png" for i in range(len(truth.frame_time_s)))
    for i, file in enumerate(files):
        picture = paint_crowd(truth.frames(i, i + 1), seed=seed)
        cv2.imwrite(str(folder / file), 255 - picture if negative else picture)
    kinetrace.write(dataclasses.replace(truth, frame_name=files), table)
    return read_source(table, folder)


others = paint("others", seed=0, negative=False)
yours = paint("yours", seed=1, negative=True)  # another camera: its pictures are negatives


# %% A network that has learnt from the pictures of others, and is tried on yours
NET = HRNet(
    "tiny",
    (8, 16),
    stem_widths=(16, 16),
    bottlenecks=1,
    bottleneck_width=8,
    stages=(Stage(1, 2, 2),),
)


def recipe(samples: int) -> Recipe:
    """Return how to train: small pictures, and a short warm-up for a short training."""
    return Recipe(samples=samples, sizes_wh=((48, 64),), batch_size=32, warm_up=200, averaging=500)


before = train(
    Plan(
        net=NET,
        sources=(others,),
        tests=(yours,),
        recipe=recipe(1200),
        output=FOLDER / "before",
        measured_every=1200,
    )
)

# %% The same network goes on with yours, but for a tenth, on which it is tried
after = train(
    Plan(
        net=NET,
        start=before.weights,
        sources=(yours,),
        recipe=recipe(1000),
        output=FOLDER / "after",
        measured_every=1000,
    )
)
for when, trained in (("before", before), ("after", after)):
    share = trained.figures["pck yours"]
    print(f"{when}: {100 * share:.0f} % of the keypoints of your pictures found (PCK@0.2)")
print(f"the weights and their graph: {after.weights}, {after.graph}")
