"""Jobs whose films or results lie at addresses; see `kinetrace.batch.locations`.

A worker copies a film to its own disk, works there, and sends the results back, the table last: a
job whose table is there is done.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kinetrace import jobs
from kinetrace._closing import Closing
from kinetrace.batch.locations import Address, fetch, find_sources, is_remote, publish
from kinetrace.errors import OutputError
from kinetrace.jobs import Job, Wanted


@dataclass(frozen=True, kw_only=True)
class RemoteJob(Job):
    """A job whose source or results lie at an address."""

    # An Address can all that is used of a path before a job is on the machine that does it.
    source: Address | Path
    table: Address  # type: ignore[assignment]
    overlay: Address | None = None  # type: ignore[assignment]
    sheet: Address | None = None  # type: ignore[assignment]


def plan(inputs: Sequence[str], output: str | None, wanted: Wanted) -> list[RemoteJob]:
    """List the jobs for addresses, as `kinetrace.jobs.plan` does for files.

    Parameters
    ----------
    inputs
        Addresses of films and images, of folders of them, or globs (``s3://lab/clips/**/*.mp4``);
        files, folders and globs of this machine too.
    output
        A folder for the results; or the file of the only table. None puts the results beside each
        input.

    Raises
    ------
    SourceError
        If an input names nothing.
    OutputError
        If one table is wanted for several inputs.
    MissingExtraError, PluginError
        If fsspec, or what it needs for such an address, is not installed.
    """
    sources = list(dict.fromkeys(source for text in inputs for source in find_sources(text)))
    folder, table = _folder_and_table(output)
    if table and len(sources) > 1:
        raise OutputError(
            f"{output} cannot hold the tables of {len(sources)} inputs: name a folder as output"
        )
    stems = [PurePosixPath(source.name).stem for source in sources]
    found = []
    for source, stem in zip(sources, stems, strict=True):
        name = Path(source.name)
        named = jobs.make_job(name, Path(), name.name if stems.count(stem) > 1 else stem, wanted)
        if table:
            named = jobs.make_job(name, Path(), table.split(".")[0], wanted)
        where = source.parent if folder is None else folder
        found.append(
            RemoteJob(
                source=source if is_remote(source) else Path(source),
                table=where / (table or named.table.name),
                overlay=None if named.overlay is None else where / named.overlay.name,
                sheet=None if named.sheet is None else where / named.sheet.name,
            )
        )
    return found


def _folder_and_table(output: str | None) -> tuple[Address | None, str]:
    if output is None:
        return None, ""
    given = Address(output.rstrip("/"))
    if not PurePosixPath(given.name).suffix:
        return given, ""
    return given.parent, given.name


class LocalCopy(Closing):
    """The copy, on this machine, of the source that was asked for last.

    The stretches of a long film come one after the other, and it is fetched once for all of them.

    Parameters
    ----------
    folder
        Where the copy is kept, made when it is needed; None is a new one among the system's
        temporary files.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._source = ""
        self._path: Path | None = None

    def path_of(self, source: str | Path) -> Path:
        """Return where the source is on this machine; a path is there already.

        Raises
        ------
        SourceError, OutputError
            If it cannot be fetched.
        """
        if isinstance(source, Path) or not is_remote(source):
            return Path(source)
        if self._path is None or self._source != source:
            self._clear()
            self._path, self._source = fetch(source, self.new_folder()), source
        return self._path

    def new_folder(self) -> Path:
        """Return an empty folder beside the copy."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="kinetrace-"))
        self._folder.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=self._folder))

    def _clear(self) -> None:
        if self._path is not None:
            shutil.rmtree(self._path.parent, ignore_errors=True)
            self._path = None

    def close(self) -> None:
        """Remove the copy and all that is beside it. Closing twice is fine."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._path = None


@contextlib.contextmanager
def staged(job: RemoteJob, copy: LocalCopy) -> Iterator[Job]:
    """Yield the same job on this machine, for the time of the ``with`` block.

    Raises
    ------
    SourceError, OutputError
        If the source cannot be fetched.
    """
    source = copy.path_of(job.source)
    folder = copy.new_folder()
    try:
        yield Job(
            source=source,
            table=folder / job.table.name,
            overlay=None if job.overlay is None else folder / job.overlay.name,
            sheet=None if job.sheet is None else folder / job.sheet.name,
            origin=job.name,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def send_results(here: Job, job: RemoteJob) -> None:
    """Send what a staged job has made to where it belongs, the table last.

    All files in the folder of the table are sent, but hidden ones.

    Raises
    ------
    OutputError
        If one cannot be sent; then the table is not there.
    """
    results = (path for path in here.table.parent.iterdir() if not path.name.startswith("."))
    for path in sorted(results, key=lambda p: (p == here.table, p.name)):
        publish(path, job.table.parent / path.name)
