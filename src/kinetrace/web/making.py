"""Files that are made of a finished job when somebody asks for them, in the worker process."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable

from kinetrace import formats
from kinetrace.files import replacing
from kinetrace.overlay import draw_file
from kinetrace.report import write_report
from kinetrace.web.orders import TABLE, At, Make


def make(order: Make, tell: Callable[[At], None]) -> None:
    """Make a file; it has its name once it is whole.

    Raises
    ------
    KinetraceError
        If it cannot be made.
    """
    table = order.folder / TABLE
    poses = formats.read(table)
    media = order.folder / order.media
    if order.what in ("parquet", "coco"):
        with warnings.catch_warnings():
            # What COCO has no place for is in the CSV, which is offered beside it.
            warnings.simplefilter("ignore")
            formats.write(poses, order.path, format_name=order.what)
        return
    # A film of an odd width is shown a pixel wider, and so it has another size than the poses.
    shown = dataclasses.replace(poses, size_wh=None) if "media" in order.media else poses
    with replacing(order.path) as temporary:
        named = temporary.with_suffix(order.path.suffix)
        if order.what == "overlay":
            draw_file(media, shown, named, on_frame=lambda n, all_: tell(At("Drawing", n, all_)))
        else:
            tell(At("Writing the report"))
            write_report(
                shown, named, video=media, measures=order.measures or None, keypoints=table
            )
        named.replace(temporary)
