"""File formats, one module each. A module here is a format; its file name is its name.

A format module holds:

``SUFFIXES : tuple[str, ...]``
    File-name endings that mean this format, with the dot, the longest and preferred one first.
``read(path: Path) -> Poses``
    Raises `FormatError` for what is not of this format, naming the place, and `SourceError` for
    what cannot be read at all.
``write(poses: Poses, path: Path) -> None``
    Writes to exactly that path; what is there is replaced when the new file is whole. Raises
    `OutputError`.

A format that only one of read and write makes sense for leaves the other out. It may also hold:

``LOSES : tuple[str, ...]``
    If what is read is not all that was written: the fields of `Poses` that it has no place for.
    `write` warns when there is something in them. Names of keypoints stay, even so; edges and
    sigmas need not.
``IS_FOLDER = True``
    If it is a folder of files. `write` then makes a folder, in which there is nothing else.

``Writer(path: Path, header: Poses)``
    If a file can be written piece by piece and read when it was cut short. `header` tells
    skeleton, size, source and log, and whether there are names and `xyz_m`; its frames are not
    written. ``append(poses)`` writes the next stretch of frames and flushes, ``close()`` ends the
    file.
``write_chunks(chunks: Iterable[Poses], path: Path) -> None``
    If it cannot be read when cut short, but written in memory that does not grow. There is at
    least one chunk.
``rename(old: Path, new: Path) -> None``, ``beside(path: Path) -> Path``
    If a file is more than one file: moves all of it, and says where the other one is.
``LAYOUTS : tuple[str, ...]``
    If it is a table: ``wide`` and ``long``. Then `write`, `Writer` and `write_chunks` take a
    keyword-only ``layout``.

Importing a format module is cheap: the packages that it needs are imported where they are used.
"""

from __future__ import annotations

import dataclasses
import math
import os
import warnings
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from kinetrace import files, plugins
from kinetrace.choices import Layout
from kinetrace.errors import FormatError, PluginError, SourceError
from kinetrace.formats._losses import losses
from kinetrace.poses import Poses

if TYPE_CHECKING:
    from kinetrace.formats._recording import Recording


def read(
    path: str | os.PathLike[str], *, format_name: str | None = None, fps: float | None = None
) -> Poses:
    """Read poses from a file; its ending says which format it has.

    Parameters
    ----------
    path
        A CSV, Parquet, JSON Lines or COCO JSON file, one of another tool's (``docs/formats.md``),
        or one of an installed plug-in's format.
    format_name
        The format, where the ending does not tell it: ``openpose`` for a folder of OpenPose's.
    fps
        Frames a second, for a format that holds no times.

    Raises
    ------
    SourceError
        If there is no such file, or it cannot be read.
    FormatError
        If its ending means no format, it does not hold what its format promises, or it has times
        and `fps` is given.
    PluginError
        If there is no format of that name.
    """
    path = Path(path)
    module = _module(path, format_name)
    if path.is_dir() and not getattr(module, "IS_FOLDER", False):
        raise SourceError(f"cannot read {path}: that is a directory; name a file")
    if not hasattr(module, "read"):
        raise FormatError(f"cannot read {path}: files of that format can only be written")
    poses: Poses = module.read(path)
    return poses if fps is None else _at_rate(poses, fps, path)


def write(
    poses: Poses,
    path: str | os.PathLike[str],
    *,
    format_name: str | None = None,
    layout: Layout | None = None,
) -> None:
    """Write poses to a file; its ending says which format it gets.

    Warns of what these poses have and the format cannot hold.

    Parameters
    ----------
    poses
        What to write: the frames of one source.
    path
        What is there is replaced, when the new file is whole.
    format_name
        The format, where the ending does not tell it.
    layout
        ``wide`` or ``long`` for CSV and Parquet; None is the format's default.

    Raises
    ------
    OutputError
        If it cannot be written; what was there stays.
    FormatError
        If its ending means no format, or the format has no such layout.
    PluginError
        If there is no format of that name.
    """
    path = Path(path)
    module = _module(path, format_name)
    if not hasattr(module, "write"):
        raise FormatError(f"cannot write {path}: files of that format can only be read")
    _check_layout(module, layout)
    if layout is None:
        module.write(poses, path)
    else:
        module.write(poses, path, layout=layout)
    lost = losses(poses, getattr(module, "LOSES", ()))
    if lost:
        warnings.warn(
            f"{path} has no place for {', '.join(lost)}: keep a CSV or Parquet file as well",
            stacklevel=2,
        )


def open_writer(
    path: str | os.PathLike[str], header: Poses, *, layout: Layout | None = None
) -> Recording:
    """Begin a file of any format that is written as the poses come, in memory that does not grow.

    >>> with open_writer("clip.keypoints.csv", first) as file:  # doctest: +SKIP
    ...     for _, poses in stream("clip.mp4"):
    ...         file.append(poses)

    Until it is whole, the file has another name, `Recording.partial`; if the body fails or the
    process is killed, that is what is left, and `read` reads it. So what is at `path` is whole.

    Parameters
    ----------
    path
        Where the file is when it is whole. What is there is replaced then.
    header
        Tells skeleton, size, source and log, and whether there are names and `xyz_m`: the first
        poses of the stream, for one. Its frames are not written.
    layout
        ``wide`` or ``long`` for CSV and Parquet; None is the format's default.

    Raises
    ------
    OutputError
        If it cannot be written.
    FormatError
        If the ending of `path` means no format, or the format has no such layout.
    """
    from kinetrace.formats._recording import Recording

    path = Path(path)
    module = find(path)
    _check_layout(module, layout)
    return Recording(path, header, module, layout=layout)


def remove_leftovers(path: Path) -> None:
    """Remove what processes that were killed while they wrote a table have left of it.

    Only for whoever can be sure that no other process is writing the table now. What can be read,
    the partial table, stays.

    Raises
    ------
    OutputError
        If something cannot be removed.
    FormatError
        If the ending of `path` means no format.
    """
    from kinetrace.formats._recording import name_partial

    module = find(path)
    for written in (path, name_partial(path, module)):
        files.remove_leftovers(written)
        if hasattr(module, "beside"):
            files.remove_leftovers(module.beside(written))


def find(path: Path) -> ModuleType:
    """Return the format module that the ending of a file's name means: the longest that fits.

    Raises
    ------
    FormatError
        If there is none; the text lists the endings that there are.
    """
    found: dict[str, ModuleType] = {}
    broken = []
    for name in plugins.names("formats"):
        try:
            module = plugins.load("formats", name)
        except PluginError as error:
            # One that cannot be imported must not keep the others from working.
            broken.append(str(error))
            continue
        found |= {suffix: module for suffix in module.SUFFIXES if suffix not in found}
    fitting = [suffix for suffix in found if path.name.lower().endswith(suffix)]
    if fitting:
        return found[max(fitting, key=len)]
    ending = f"the ending {path.suffix!r} of" if path.suffix else "no ending of"
    raise FormatError(
        f"{ending} {path} means a format; there are: {', '.join(sorted(found))}"
        + "".join(f"; {text}" for text in broken)
    )


def _module(path: Path, format_name: str | None) -> ModuleType:
    return find(path) if format_name is None else plugins.load("formats", format_name)


def _at_rate(poses: Poses, fps: float, path: Path) -> Poses:
    if not 0 < fps < math.inf:
        raise ValueError(f"fps must be above 0, got {fps}")
    if np.isfinite(poses.frame_time_s).any():
        raise FormatError(f"{path} tells its times itself; leave out fps")
    return dataclasses.replace(poses, frame_time_s=poses.frame_index / fps)


def _check_layout(module: ModuleType, layout: Layout | None) -> None:
    layouts = getattr(module, "LAYOUTS", ())
    if layout is not None and layout not in layouts:
        raise FormatError(
            f"there is no layout {layout!r} in {module.SUFFIXES[0]} files; "
            + (f"there are: {', '.join(layouts)}" if layouts else "leave it out, or write a CSV")
        )
