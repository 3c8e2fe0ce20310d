"""``kinetrace report``: one page about the movement in a table of keypoints."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from kinetrace.cli._output import place
from kinetrace.cli._show import command

if TYPE_CHECKING:
    from kinetrace.poses import Poses

EXAMPLES = (
    "kinetrace report clip.keypoints.csv",
    "kinetrace report clip.keypoints.csv --measure gait --person-height-m 1.75 --person 0",
)


def report(
    keypoints: Path,
    *,
    video: Path | None = None,
    measure: list[str] | None = None,
    person: list[int] | None = None,
    output: Annotated[Path | None, Parameter(name=("--output", "-o"))] = None,
    person_height_m: float | None = None,
    px_per_m: float | None = None,
    tilt_deg: float | None = None,
    min_score: float | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    quiet: Annotated[bool, Parameter(name=("--quiet", "-q"), negative=())] = False,
) -> None:
    """Write a report about the movement in a table of keypoints: one HTML file.

    It can be read on any screen without a network, sent, and printed (that makes a PDF). It holds
    pictures of the film, charts, tables, and what limits them.

    Parameters
    ----------
    keypoints
        A table of keypoints, as kinetrace estimate writes it.
    video
        The film or photo; without it, the one of that name beside the table, if it is there.
    measure
        A measure that it holds, and another one if given again; without it, every one that has
        something to say.
    person
        The id of somebody whom it is about, and of another one if given again; without it, the
        four who are seen longest.
    output
        The file to write; without it, clip.report.html beside clip.keypoints.csv.
    person_height_m
        How tall the people are, for lengths in metres.
    px_per_m
        Scale of the picture where they are, for lengths in metres.
    tilt_deg
        How far the floor rises to the right of the picture, where the camera was not level.
    min_score
        Keypoints below it count as missing. [default: 0.3]
    overwrite
        Replace the output where it is there already.
    quiet
        Print errors only.
    """
    from kinetrace.errors import SourceError
    from kinetrace.formats import read
    from kinetrace.report import write_report

    output = place(output, table=keypoints, ending="report.html", overwrite=overwrite)
    options = {
        "person_height_m": person_height_m,
        "px_per_m": px_per_m,
        "tilt_deg": tilt_deg,
        "min_score": min_score,
    }
    poses = read(keypoints)

    def write(film: Path | None) -> None:
        write_report(
            poses,
            output,
            video=film,
            measures=measure,
            people=person,
            options=options,
            keypoints=keypoints,
            command=_command(keypoints, film, measure, person, options),
        )
        if not quiet:
            print(f"{keypoints}{f' with {film}' if film else ''} -> {output}")

    found = None if video else _film_beside(keypoints, poses)
    try:
        write(video or found)
    except SourceError as error:
        if found is None:
            raise
        print(f"kinetrace: {error}; the report is without its pictures", file=sys.stderr)
        write(None)


def _film_beside(keypoints: Path, poses: Poses) -> Path | None:
    """Return the film of the poses if it lies where the table does."""
    if not poses.source:
        return None
    video = keypoints.with_name(Path(poses.source).name)
    return video if video.is_file() else None


def _command(
    keypoints: Path,
    video: Path | None,
    measures: list[str] | None,
    people: list[int] | None,
    options: dict[str, float | None],
) -> str:
    """Return the command without the folders, which are nobody's business."""
    import shlex

    words = ["kinetrace", "report", keypoints.name]
    words += ["--video", video.name] if video else []
    words += [word for name in measures or () for word in ("--measure", name)]
    words += [word for track_id in people or () for word in ("--person", str(track_id))]
    for name, value in options.items():
        words += [] if value is None else [f"--{name.replace('_', '-')}", f"{value:g}"]
    return shlex.join(words)


app = command(report, *EXAMPLES)
