"""``kinetrace convert``: from one file format to another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

EXAMPLES = (
    "kinetrace convert clip.keypoints.csv clip.parquet",
    "kinetrace convert clip.keypoints.csv clip.long.csv --layout long",
)


def convert(
    source: Path,
    output: Path,
    *,
    layout: Literal["wide", "long"] | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Convert a table of keypoints to another format; the endings say which.

    Parameters
    ----------
    source
        A CSV, Parquet, JSON Lines or COCO JSON file.
    output
        The file to write.
    layout
        Of CSV and Parquet: wide has a row a person, long has a row a keypoint.
    overwrite
        Replace the output where it is there already.
    """
    from kinetrace.errors import OutputError
    from kinetrace.formats import read, write

    if output.exists() and not overwrite:
        raise OutputError(f"{output} is there already (--overwrite replaces it)")
    poses = read(source)
    write(poses, output, layout=layout)
    frames = len(poses.frame_time_s)
    print(f"{source} -> {output}: {len(poses)} people in {frames} frames")
