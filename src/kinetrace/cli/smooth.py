"""``kinetrace smooth``: steady points for the people of a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from kinetrace.choices import Smooth
from kinetrace.cli._output import place
from kinetrace.cli._show import command

if TYPE_CHECKING:
    from kinetrace.poses import Poses

EXAMPLES = (
    "kinetrace smooth clip.keypoints.csv",
    "kinetrace smooth clip.keypoints.csv --output clip.6hz.csv --method butterworth --cutoff 6",
)


def smooth(
    table: Path,
    *,
    output: Annotated[Path | None, Parameter(name=("--output", "-o"))] = None,
    method: Smooth = "auto",
    cutoff: Annotated[float | None, Parameter(name=("--cutoff", "--cutoff-hz"))] = None,
    window: Annotated[float | None, Parameter(name=("--window", "--window-s"))] = None,
    max_gap: Annotated[float, Parameter(name=("--max-gap", "--max-gap-s"))] = 0.12,
    min_score: float = 0.0,
    again: Annotated[bool, Parameter(negative=())] = False,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    quiet: Annotated[bool, Parameter(name=("--quiet", "-q"), negative=())] = False,
) -> None:
    """Smooth the keypoints of a film: drop outliers, fill short gaps, take out the tremble.

    Everybody who has an id is smoothed alone; see kinetrace track. A keypoint that was filled in
    scores half of what is measured beside it, and the new table's log tells all that was done.

    Parameters
    ----------
    table
        A CSV, Parquet, JSON Lines or COCO JSON file with the people of a video.
    output
        The file to write; without it, `clip.smooth.csv` beside `clip.keypoints.csv`.
    method
        auto smooths hard what stands still and hardly what moves, at any frame rate.
    cutoff
        Of butterworth and kalman: a movement of this frequency in Hz keeps 71 % of its amplitude.
        [default: 6]
    window
        Of savitzky-golay: the seconds that a fit sees. [default: 0.3]
    max_gap
        The longest gap in seconds that is filled; 0 fills none.
    min_score
        Keypoints that score less are dropped first.
    again
        Smooth a table that has been smoothed before.
    overwrite
        Replace the output where it is there already.
    quiet
        Print errors only.
    """
    from kinetrace import filtering
    from kinetrace.formats import read, write

    output = place(output, table=table, ending=f"smooth{table.suffix}", overwrite=overwrite)
    poses = read(table)
    _check(table, poses, again=again)
    before = len(poses.log)
    if min_score:
        poses = filtering.drop_low_scores(poses, min_score)
    poses = filtering.smooth(poses, method, cutoff_hz=cutoff, window_s=window, max_gap_s=max_gap)
    write(poses, output)
    if not quiet:
        print(f"{table} -> {output}: {', '.join(map(_told, poses.log[before:])) or 'unchanged'}")


def _check(table: Path, poses: Poses, *, again: bool) -> None:
    """Raise FormatError unless there is somebody to smooth who is not smooth already."""
    import numpy as np

    from kinetrace.errors import FormatError
    from kinetrace.filtering import STEPS

    done = [entry["operation"] for entry in poses.log if entry.get("operation") in STEPS]
    if done and not again:
        raise FormatError(
            f"{table} has been smoothed already ({', '.join(done)}): estimate it with "
            "--smooth none, or smooth it once more with --again"
        )
    if np.isfinite(poses.frame_time_s).sum() < 2:
        raise FormatError(f"{table} has no two frames with a time: only a film can be smoothed")
    if not np.any(poses.track_id >= 0):
        raise FormatError(f"nobody in {table} has an id: run kinetrace track {table} first")


def _told(entry: Mapping[str, Any]) -> str:
    """Return a step of the log in words."""
    name = entry["operation"].replace("_", " ")
    found = entry["parameters"].get("found", {}).get("points")
    return name if found is None else f"{name} ({found} points)"


app = command(smooth, *EXAMPLES)
