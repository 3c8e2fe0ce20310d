"""``kinetrace draw``: a table's skeletons on the pixels that they were found in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from kinetrace.cli._output import check_free
from kinetrace.cli._show import command, frame_bars

EXAMPLES = (
    "kinetrace draw clip.mp4",
    "kinetrace draw clip.mp4 corrected.csv --output corrected.mp4 --min-score 0.5",
)


def draw(
    source: Path,
    table: Path | None = None,
    *,
    output: Annotated[Path | None, Parameter(name=("--output", "-o"))] = None,
    min_score: float = 0.0,
    boxes: bool = True,
    ids: bool = True,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    quiet: Annotated[bool, Parameter(name=("--quiet", "-q"), negative=())] = False,
) -> None:
    """Draw a table of keypoints on the image or video that it was estimated from.

    The video keeps its timing and its sound. It holds the frames that the table holds.

    Parameters
    ----------
    source
        The image or video.
    table
        The keypoints; without it, `clip.keypoints.csv` beside `clip.mp4`.
    output
        The file to write; without it, `clip.overlay.mp4` or `photo.overlay.png`.
    min_score
        Leave out keypoints with a lower score.
    boxes
        Draw people's boxes.
    ids
        Write people's ids, where they have any.
    overwrite
        Replace the output where it is there already.
    quiet
        Print errors only.
    """
    from kinetrace.formats import read
    from kinetrace.jobs import is_image_name
    from kinetrace.overlay import draw_file

    table = table or source.with_name(f"{source.stem}.keypoints.csv")
    ending = "png" if is_image_name(source) else "mp4"
    output = output or source.with_name(f"{source.stem}.overlay.{ending}")
    check_free(output, overwrite=overwrite)
    poses = read(table)
    with frame_bars(source.name, quiet=quiet) as (on_frame,):
        frames = draw_file(
            source, poses, output, min_score=min_score, boxes=boxes, ids=ids, on_frame=on_frame
        )
    if not quiet:
        print(f"{source} with {table} -> {output}: {frames} frames")


app = command(draw, *EXAMPLES)
