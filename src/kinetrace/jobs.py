"""What is to be done: from the inputs that a user names to one job a source."""

from __future__ import annotations

import dataclasses
import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kinetrace.choices import Layout
from kinetrace.errors import OutputError, SourceError
from kinetrace.frames.images import SUFFIXES as IMAGE_SUFFIXES
from kinetrace.frames.images import natural_order

VIDEO_SUFFIXES = (
    *(".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".wmv", ".flv", ".mpg", ".mpeg", ".m2v"),
    *(".ts", ".mts", ".m2ts", ".3gp", ".ogv", ".mjpeg", ".mjpg", ".gif", ".mxf", ".dv", ".vob"),
)

# Endings of our own results, which a folder or a glob must not take for inputs.
RESULT_ENDINGS = (".overlay", ".sheet", ".partial")


@dataclass(frozen=True, kw_only=True)
class Job:
    """One source and the files that are made of it; `overlay` and `sheet` if wanted.

    `origin` is where a source came from that is not at its own place: a copy of a remote film.
    """

    source: str | Path | list[Path]
    table: Path
    overlay: Path | None = None
    sheet: Path | None = None
    origin: str = ""

    @property
    def name(self) -> str:
        """What the source is called in messages."""
        return str(self.source) if not isinstance(self.source, list) else self.table.name

    @property
    def is_done(self) -> bool:
        """Whether all that is wanted is there; files appear under these names once whole."""
        wanted = (self.table, self.overlay, self.sheet)
        return all(path.exists() for path in wanted if path is not None)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to make: the ending of the tables, their layout, and whether to draw."""

    suffix: str = ".keypoints.csv"
    layout: Layout | None = None
    overlay: bool = False
    sheet: bool = False


def plan(inputs: Sequence[str], output: Path | None, wanted: Wanted) -> list[Job]:
    """List the jobs for what a user named.

    Parameters
    ----------
    inputs
        Files, folders (their images and videos), globs, addresses and camera numbers.
    output
        A folder for all results, which is made; where inputs from several folders are called the
        same, their folders are made again in it. Or the file of the only table, which then holds
        all inputs if these are images. None puts the results beside each input.

    Raises
    ------
    SourceError
        If an input names nothing.
    OutputError
        If one table is wanted for several inputs that are not images.
    """
    sources = [source for text in inputs for source in expand(text)]
    sources = list(dict.fromkeys(sources))
    if output is not None and output.suffix and not output.is_dir():
        return [_single(sources, output, wanted)]
    if output is not None:
        _make(output)
    folders = _folders(sources, output)
    places = [(folder, _stem(source)) for source, folder in zip(sources, folders, strict=True)]
    return [
        # Two inputs called alike (walk.mp4, walk.mov) keep their endings to stay apart.
        make_job(source, place[0], _stem(source, whole=places.count(place) > 1), wanted)
        for source, place in zip(sources, places, strict=True)
    ]


def expand(text: str) -> Sequence[str | Path]:
    """Return the sources that one input names: a file, those of a folder or a glob, an address.

    Raises
    ------
    SourceError
        If it names nothing.
    """
    path = Path(text)
    if path.is_dir():
        try:
            found = [p for p in path.iterdir() if _is_input(p)]
        except OSError as error:
            raise SourceError(f"cannot read the folder {path}: {error.strerror}") from error
        if not found:
            raise SourceError(f"there is no image and no video in the folder {path}")
        return sorted(found, key=natural_order)
    if glob.has_magic(text) and not path.exists() and "://" not in text:
        found = [p for p in map(Path, glob.glob(text, recursive=True)) if _is_input(p)]  # noqa: PTH207
        if not found:
            raise SourceError(f"no image and no video fits {text}")
        return sorted(found, key=natural_order)
    is_file = path.exists() or ("://" not in text and not text.isdigit())
    return [path if is_file else text]


def _is_input(path: Path) -> bool:
    return (
        path.suffix.lower() in (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES)
        and not path.stem.endswith(RESULT_ENDINGS)
        and path.is_file()
    )


def _stem(source: str | Path, *, whole: bool = False) -> str:
    if isinstance(source, Path):
        return source.name if whole else source.stem
    if source.isdigit():
        return f"camera{source}"
    return Path(source.split("?")[0].rstrip("/")).stem or "stream"


def _folders(sources: Sequence[str | Path], output: Path | None) -> list[Path]:
    """Return where the results of each source go.

    Raises
    ------
    OutputError
        If a folder cannot be made.
    """
    if output is None:
        return [source.parent if isinstance(source, Path) else Path() for source in sources]
    files = [source.absolute() for source in sources if isinstance(source, Path)]
    names = [file.name for file in files]
    if len(set(names)) == len(names):
        return [output] * len(sources)
    # patient1/walk.mp4 and patient2/walk.mp4 would be one table: the folders are made again.
    above = Path(os.path.commonpath([file.parent for file in files]))
    found = [
        output / source.absolute().parent.relative_to(above) if isinstance(source, Path) else output
        for source in sources
    ]
    for folder in dict.fromkeys(found):
        _make(folder)
    return found


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}") from error


def is_image_name(source: str | Path | list[Path]) -> bool:
    """Tell whether a source is one still image, by its name."""
    return isinstance(source, Path) and source.suffix.lower() in IMAGE_SUFFIXES


def make_job(source: str | Path, folder: Path, stem: str, wanted: Wanted) -> Job:
    """Return the job of a source whose results are to be called `stem`."""
    drawn = f"{stem}.overlay{'.png' if is_image_name(source) else '.mp4'}"
    return Job(
        source=source,
        table=folder / (stem + wanted.suffix),
        overlay=folder / drawn if wanted.overlay else None,
        sheet=folder / f"{stem}.sheet.png" if wanted.sheet else None,
    )


def _single(sources: list[str | Path], table: Path, wanted: Wanted) -> Job:
    stem = table.name.split(".")[0]
    if len(sources) == 1:
        return dataclasses.replace(make_job(sources[0], table.parent, stem, wanted), table=table)
    images = [source for source in sources if isinstance(source, Path) and is_image_name(source)]
    if len(images) < len(sources):
        raise OutputError(
            f"{table} would have to hold {len(sources)} videos: name a folder as output, and each "
            "gets a table of its own"
        )
    job = make_job(table, table.parent, stem, wanted)
    return dataclasses.replace(job, source=images, table=table)
