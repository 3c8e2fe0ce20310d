"""A measure of your own in one file: how high the head is above the ankles.

    python examples/custom_measure.py

In Kinetrace itself it would be ``src/kinetrace/measures/head_height.py``, and that is all. In a
package of yours, its ``pyproject.toml`` tells where it is, and
``kinetrace measure head_height walk.csv --person-height-m 1.75`` works as soon as that package is
installed, with the options below as its flags:

    [project.entry-points."kinetrace.measures"]
    head_height = "my_package.custom_measure"

The text of `kinetrace.measures` says what a measure must hold.
"""

# %% What makes it a measure: `measure`, from poses to a tidy table
from typing import TYPE_CHECKING

import numpy as np

from kinetrace.measures import make_table, people
from kinetrace.points import find, seen
from kinetrace.poses import Poses

if TYPE_CHECKING:  # pandas and Matplotlib are slow to import: not before they are needed
    import pandas as pd
    from matplotlib.figure import Figure

NEEDS = ("nose", "left_ankle", "right_ankle")


def measure(poses: Poses, *, min_score: float = 0.3) -> "pd.DataFrame":
    """Measure how high the nose is above the middle of the ankles.

    Parameters
    ----------
    poses
        Of any skeleton with nose and ankles.
    min_score
        Keypoints below it count as missing.

    Returns
    -------
    pandas.DataFrame
        A row for each person in a frame: ``track_id``, ``frame``, ``time_s``, ``head_height_px``.

    Raises
    ------
    ValueError
        If the score is not within 0..1.
    """
    order = np.array([row for _, rows in people(poses) for row in rows], np.int64)
    height_px = _height_px(poses, min_score)[order]
    missing = [name for name in NEEDS if name not in poses.skeleton.keypoints]
    notes = []
    if missing:
        notes.append(f"There is no head height: {poses.skeleton.name} has no {missing[0]}.")
    elif not np.isfinite(height_px).any():
        notes.append("There is no head height: nose and both ankles are never seen together.")
    columns = {
        "track_id": poses.track_id[order],
        "frame": poses.frame_index[poses.frame[order]],
        "time_s": poses.frame_time_s[poses.frame[order]],
        "head_height_px": height_px,
    }
    return make_table(columns, notes)


def _height_px(poses: Poses, min_score: float) -> np.ndarray:
    """Return the height of each row, (N,); NaN where it cannot be measured."""
    xy = seen(poses.xy, poses, min_score)
    nose, ankles = (find(xy, poses.skeleton, name) for name in ("nose", "mid_ankle"))
    return ankles[:, 1] - nose[:, 1]  # y points down


# %% What it may hold as well: a row for each person, and a figure
def summarise(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return the highest and the lowest head of each person."""
    heights = table.groupby("track_id")["head_height_px"]
    columns = {
        "track_id": list(heights.groups),
        "highest_px": heights.max().to_numpy(),
        "lowest_px": heights.min().to_numpy(),
    }
    return make_table(columns, table.attrs["notes"])


def plot(table: "pd.DataFrame") -> "Figure":
    """Draw the height over time."""
    from kinetrace import plots

    return plots.time_series(table, {"Head height": ["head_height_px"]})


# %% Try it on somebody who squats three times
if __name__ == "__main__":
    from kinetrace.testing import exerciser

    poses, _ = exerciser("squat", height_m=1.75, px_per_m=200)
    table = measure(poses)
    print(table.iloc[::20].round(1).to_string(index=False))
    print(summarise(table).round(1).to_string(index=False))
