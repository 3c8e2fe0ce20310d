"""Counts and tempo for each person and exercise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

_TEMPO = ("down_s", "pause_s", "up_s")
_COLUMNS = (
    *("track_id", "exercise", "count", "half_count", "mean_duration_s"),
    *(f"mean_{name}" for name in _TEMPO),
    *("mean_depth_percent", "sd_depth_percent", "most_frequent_feedback"),
)


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Summarise repetitions: a row for each person and exercise.

    Parameters
    ----------
    table
        Of `kinetrace.measures.repetitions.measure`.

    Returns
    -------
    pandas.DataFrame
        ``count`` (whole repetitions) and ``half_count``; means of duration, tempo and depth, and
        the standard deviation of depth, of whole ones; and what there was most often to be said.
    """
    from kinetrace.measures import make_table

    rows = [
        {"track_id": track_id, "exercise": exercise, **_numbers(part)}
        for (track_id, exercise), part in table.groupby(["track_id", "exercise"], sort=True)
    ]
    columns = {name: [row[name] for row in rows] for name in _COLUMNS}
    return make_table(columns, table.attrs.get("notes", ()))


def _numbers(part: pd.DataFrame) -> dict[str, Any]:
    whole = part[part["complete"].astype(bool)]
    depth = whole["depth_percent"].to_numpy(np.float64)
    said = part["feedback"][part["feedback"] != ""].value_counts()
    return {
        "count": len(whole),
        "half_count": len(part) - len(whole),
        "mean_duration_s": float((whole["end_s"] - whole["start_s"]).mean()),
        **{f"mean_{name}": float(whole[name].mean()) for name in _TEMPO},
        "mean_depth_percent": float(depth.mean()) if len(depth) else np.nan,
        "sd_depth_percent": float(depth.std(ddof=1)) if len(depth) > 1 else np.nan,
        "most_frequent_feedback": str(said.index[0]) if len(said) else "",
    }
