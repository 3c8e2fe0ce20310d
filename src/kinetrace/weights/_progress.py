"""What a person sees on stderr while a file is on its way."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

ReportBytes = Callable[[int, "int | None"], None]


@contextmanager
def byte_bar(title: str, *, quiet: bool) -> Iterator[ReportBytes]:
    """Show a bar; call what it yields with the bytes that are there and the bytes in all.

    It shows nothing where `quiet`, or where stderr is no terminal.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def spinner(title: str, *, quiet: bool) -> Iterator[None]:
    """Show that something of unknown length is under way; nothing as `byte_bar` shows nothing."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(title):
        yield
