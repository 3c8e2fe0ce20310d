"""Range of motion, and symmetry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kinetrace.measures import make_table

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = (
    *("track_id", "angle", "side", "lowest_deg", "highest_deg", "range_deg", "mean_deg"),
    *("measured", "symmetry_percent"),
)


def ranges(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each person and angle; see `kinetrace.measures.angles.summarise`."""
    rows = []
    for track_id, of_person in table.groupby("track_id", sort=True):
        ranges_deg: dict[tuple[str, str], float] = {}
        for column in (name for name in table.columns if name.endswith("_deg")):
            side, angle = _split(column)
            numbers = _numbers(of_person[column].to_numpy(dtype=np.float64))
            ranges_deg[angle, side] = numbers["range_deg"]
            rows.append({"track_id": track_id, "angle": angle, "side": side, **numbers})
        for row in rows[-len(ranges_deg) :]:
            pair = [ranges_deg.get((row["angle"], side), np.nan) for side in ("left", "right")]
            row["symmetry_percent"] = _symmetry_percent(*pair)
    columns = {name: [row[name] for row in rows] for name in _COLUMNS}
    return make_table(columns, table.attrs.get("notes", ()))


def _split(column: str) -> tuple[str, str]:
    angle = column.removesuffix("_deg")
    for side in ("left", "right"):
        if angle.startswith(f"{side}_"):
            return side, angle.removeprefix(f"{side}_")
    return "", angle


def _numbers(angle_deg: npt.NDArray[np.float64]) -> dict[str, Any]:
    known = angle_deg[np.isfinite(angle_deg)]
    if not len(known):
        nothing = dict.fromkeys(("lowest_deg", "highest_deg", "range_deg", "mean_deg"), np.nan)
        return {**nothing, "measured": 0.0}
    return {
        "lowest_deg": known.min(),
        "highest_deg": known.max(),
        "range_deg": known.max() - known.min(),
        "mean_deg": known.mean(),
        "measured": len(known) / len(angle_deg),
    }


def _symmetry_percent(left: float, right: float) -> float:
    mean = (left + right) / 2
    return 100 * (right - left) / mean if mean > 0 else float("nan")
