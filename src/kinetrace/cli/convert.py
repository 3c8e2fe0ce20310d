"""``kinetrace convert``: from one file format to another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from kinetrace.cli._output import check_free
from kinetrace.cli._show import command

if TYPE_CHECKING:
    from kinetrace.poses import Poses

EXAMPLES = (
    "kinetrace convert clip.keypoints.csv clip.parquet",
    "kinetrace convert clip.keypoints.csv clip.long.csv --layout long",
    "kinetrace convert clip.keypoints.csv clip.trc --person all",
    "kinetrace convert output_json/ clip.keypoints.csv --from openpose --fps 29.97",
)


def convert(
    source: Path,
    output: Path,
    *,
    from_: Annotated[str | None, Parameter(name="--from")] = None,
    to: str | None = None,
    layout: Literal["wide", "long"] | None = None,
    fps: float | None = None,
    person: int | Literal["all"] | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Convert keypoints to another format; the endings say which.

    Parameters
    ----------
    source
        A CSV, Parquet, JSON Lines or COCO JSON file, or one of another tool's.
    output
        The file to write.
    from_
        Format of the source, where its ending does not tell it: openpose, mmpose, ...
    to
        Format of the output, where its ending does not tell it.
    layout
        Of CSV and Parquet: wide has a row a person, long has a row a keypoint.
    fps
        Frames a second, where the source holds no times.
    person
        Keep only the person of this track id; all writes a file for each, clip_person3.trc, for
        formats that hold one person.
    overwrite
        Replace the output where it is there already.
    """
    from kinetrace.formats import read, write

    poses = read(source, format_name=from_, fps=fps)
    parts = list(_parts(poses, output, person))
    check_free(*(path for _, path in parts), overwrite=overwrite)
    for part, path in parts:
        write(part, path, format_name=to, layout=layout)
        frames = len(part.frame_time_s)
        print(f"{source} -> {path}: {len(part)} people in {frames} frames")


def _parts(
    poses: Poses, output: Path, person: int | Literal["all"] | None
) -> Iterator[tuple[Poses, Path]]:
    """Yield what goes into which file."""
    ids = sorted(set(poses.track_id.tolist()))
    if person is None or (person == "all" and len(ids) < 2):
        yield poses, output
    elif person == "all":
        for one in ids:
            name = f"person{one}" if one >= 0 else "untracked"
            part = poses.rows(poses.track_id == one)
            yield part, output.with_stem(f"{output.stem}_{name}")
    elif person in ids:
        yield poses.rows(poses.track_id == person), output
    else:
        there = ", ".join(map(str, ids)) or "nobody"
        raise ValueError(f"there is nobody with track id {person}; there are: {there}")


app = command(convert, *EXAMPLES)
