"""A gait study: a folder of tables, the gait of each walk, one tidy table, and two groups compared.

    python examples/gait_study.py results/

Needs ``pip install 'kinetrace[plot]'``. The walks are made here; yours come from
``kinetrace estimate 'walks/*.mp4' --output tables/``: then leave the second cell out, and write the
list of people yourself.
"""

# %% Where everything goes: a folder of your choice, or else a temporary one
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

import kinetrace
from kinetrace import plots
from kinetrace.measures import gait
from kinetrace.testing import walker

GROUPS = ("younger", "older")
FOLDER = Path(sys.argv[1] if sys.argv[1:] else tempfile.mkdtemp(prefix="gait-study-"))
TABLES = FOLDER / "tables"
TABLES.mkdir(parents=True, exist_ok=True)

# %% Eight people of two groups walk past the camera three times each
CADENCE_STEPS_PER_MIN = {"younger": 112, "older": 102}
chance = np.random.default_rng(1)
people = []
for number in range(8):
    group = GROUPS[number // 4]
    height_m = chance.uniform(1.60, 1.90)
    own_cadence = chance.normal(CADENCE_STEPS_PER_MIN[group], 3)
    people.append({"person": f"P{number:02}", "group": group, "height_m": height_m})
    for walk in range(3):
        poses, _ = walker(
            cadence_steps_per_min=own_cadence + chance.normal(0, 1.5),
            height_m=height_m,
            duration_s=4.0,
            direction=(-1) ** walk,
            noise_px=1.5,
            seed=100 * number + walk,
        )
        kinetrace.write(poses, TABLES / f"P{number:02}_walk{walk}.keypoints.csv")
pd.DataFrame(people).to_csv(FOLDER / "people.csv", index=False)

# %% The gait of each walk: one row a walk. What could not be measured is NaN, and the notes say why
participants = pd.read_csv(FOLDER / "people.csv").set_index("person")
rows = []
for path in sorted(TABLES.glob("*.csv")):
    person, walk = path.name.removesuffix(".keypoints.csv").split("_")
    about = participants.loc[person]
    steps = gait.measure(kinetrace.read(path), person_height_m=about["height_m"])
    summary = gait.summarise(steps).drop(columns="track_id")
    summary.insert(0, "person", person)
    summary.insert(1, "group", about["group"])
    summary.insert(2, "walk", walk)
    rows.append(summary)
walks = pd.concat(rows, ignore_index=True)
walks.to_csv(FOLDER / "walks.csv", index=False)

# %% Compare people, not walks: three walks of one person are not three persons
MEASURES = ["cadence_steps_per_min", "step_length_m", "speed_m_per_s", "step_time_cv_percent"]
means = walks.groupby(["group", "person"])[MEASURES].mean()
younger, older = (means.loc[group] for group in GROUPS)
test = stats.ttest_ind(younger, older, equal_var=False)  # Welch's
low, high = test.confidence_interval(0.95)
comparison = pd.DataFrame(
    {
        "younger": younger.mean(),
        "older": older.mean(),
        "difference": younger.mean() - older.mean(),
        "ci95_low": low,
        "ci95_high": high,
    }
)
comparison.to_csv(FOLDER / "comparison.csv", index_label="measure")
print(f"{len(walks)} walks of {walks['person'].nunique()} people")
print(comparison.round(2).to_string())

# %% A picture: every person, and the mean of each group
figure = Figure(figsize=(4, 4), layout="constrained")
axes = figure.subplots()
for place, group in enumerate(GROUPS):
    cadence = means.xs(group)["cadence_steps_per_min"]
    axes.plot(np.full(len(cadence), place), cadence, "o", alpha=0.6)
    axes.hlines(cadence.mean(), place - 0.2, place + 0.2, color="black")
axes.set_xticks([0, 1], GROUPS)
axes.set_xlim(-0.5, 1.5)
axes.set_ylabel("cadence (steps/min)")
plots.save(figure, FOLDER / "cadence.png")
print(f"walks.csv, comparison.csv and cadence.png are in {FOLDER}")
