"""A few numbers for each person, from the table of their steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

_SPREAD = ("step_time_s", "stride_time_s", "step_length_m")
_MEANS = (
    *("stance_percent", "swing_percent", "single_support_percent", "double_support_percent"),
    *("speed_m_per_s", "confidence"),
)
_SYMMETRY = ("step_time_s", "stance_s", "step_length_px")


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Summarise steps: one row a person.

    Parameters
    ----------
    table
        Of `kinetrace.measures.gait.measure`.

    Returns
    -------
    pandas.DataFrame
        ``steps``, ``left_steps``, ``right_steps`` (heel strikes), ``bouts``,
        ``cadence_steps_per_min``; mean, standard deviation (``_sd_``) and coefficient of variation
        in percent (``_cv_percent``) of times and lengths, by side too; the means of the phases; and
        symmetry indices (Robinson, Herzog and Nigg 1987): right minus left over the mean of both,
        in percent, 0 for a symmetrical gait.

        Cadence is 60 over the mean step time; where only one leg was seen, 120 over the mean
        stride time. NaN where nothing can be said.
    """
    from kinetrace.measures import make_table

    rows = [
        {"track_id": track_id, **_person(steps)}
        for track_id, steps in table.groupby("track_id", sort=True)
    ]
    names = rows[0] if rows else {"track_id": 0, **_person(table)}
    notes = table.attrs.get("notes", [])
    return make_table({name: [row[name] for row in rows] for name in names}, notes)


def _person(steps: pd.DataFrame) -> dict[str, float]:
    by_side = {side: steps[steps["side"] == side] for side in ("left", "right")}
    row: dict[str, float] = {
        "steps": len(steps),
        **{f"{side}_steps": len(part) for side, part in by_side.items()},
        "bouts": int(steps["bout"].nunique()),
        "cadence_steps_per_min": _cadence(steps),
    }
    for name in _SPREAD:
        stem, unit = name.rsplit("_", 1)
        mean, sd = _mean(steps[name]), _sd(steps[name])
        row |= {name: mean, f"{stem}_sd_{unit}": sd, f"{stem}_cv_percent": 100 * sd / mean}
        row |= {f"{side}_{name}": _mean(part[name]) for side, part in by_side.items()}
    row |= {name: _mean(steps[name]) for name in _MEANS}
    for name in _SYMMETRY:
        left, right = (_mean(by_side[side][name]) for side in ("left", "right"))
        stem = name.rsplit("_", 1)[0]
        row[f"{stem}_symmetry_index_percent"] = 100 * (right - left) / ((right + left) / 2)
    return row


def _cadence(steps: pd.DataFrame) -> float:
    step_s = _mean(steps["step_time_s"])
    return 60 / step_s if np.isfinite(step_s) else 120 / _mean(steps["stride_time_s"])


def _mean(values: pd.Series[float]) -> float:
    known = values.to_numpy(dtype=np.float64)
    known = known[np.isfinite(known)]
    return float(known.mean()) if len(known) else float("nan")


def _sd(values: pd.Series[float]) -> float:
    known = values.to_numpy(dtype=np.float64)
    known = known[np.isfinite(known)]
    return float(known.std(ddof=1)) if len(known) > 1 else float("nan")
