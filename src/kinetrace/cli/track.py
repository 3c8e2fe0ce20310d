"""``kinetrace track``: ids for the people of a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from kinetrace.cli._output import place
from kinetrace.cli._show import command

EXAMPLES = (
    "kinetrace track clip.keypoints.csv",
    "kinetrace track clip.keypoints.csv --output people.csv --max-gap 1 --min-track 0.5",
)


def track(
    table: Path,
    *,
    output: Annotated[Path | None, Parameter(name=("--output", "-o"))] = None,
    max_gap: Annotated[float, Parameter(name=("--max-gap", "--max-gap-s"))] = 2.0,
    min_track: Annotated[float, Parameter(name=("--min-track", "--min-track-s"))] = 0.3,
    confident_score: float = 0.5,
    again: Annotated[bool, Parameter(negative=())] = False,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    quiet: Annotated[bool, Parameter(name=("--quiet", "-q"), negative=())] = False,
) -> None:
    """Find out who is who in a table of keypoints.

    People get the same id in every frame, from 0 in order of appearance; those whom the detector
    has made up are left out. Where the table has ids, they are joined over gaps and cleaned up.

    Parameters
    ----------
    table
        A CSV, Parquet or JSON Lines file with the people of a video.
    output
        The file to write; without it, `clip.tracked.csv` beside `clip.keypoints.csv`.
    max_gap
        The longest time in seconds for which somebody may be hidden and keep the id.
    min_track
        Whoever is seen for fewer seconds has to score high.
    confident_score
        0..1: people above it choose their id first.
    again
        Forget the ids that the table has.
    overwrite
        Replace the output where it is there already.
    quiet
        Print errors only.
    """
    import dataclasses

    import numpy as np

    from kinetrace.formats import read, write
    from kinetrace.tracking import track as follow

    output = place(output, table=table, ending=f"tracked{table.suffix}", overwrite=overwrite)
    poses = read(table)
    if again:
        poses = dataclasses.replace(poses, track_id=np.full(len(poses), -1))
    tracked = follow(
        poses, confident_score=confident_score, max_gap_s=max_gap, min_track_s=min_track
    )
    write(tracked, output)
    if not quiet:
        people = len(np.unique(tracked.track_id[tracked.track_id >= 0]))
        dropped = len(poses) - len(tracked)
        print(
            f"{table} -> {output}: {people} {'person' if people == 1 else 'people'} in "
            f"{len(tracked.frame_time_s)} frames; {dropped} rows of nobody left out"
        )


app = command(track, *EXAMPLES)
