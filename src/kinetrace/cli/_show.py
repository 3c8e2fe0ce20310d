"""What the commands share: progress on stderr, sizes, summaries, and quiet native libraries."""

from __future__ import annotations

import functools
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from cyclopts import App

if TYPE_CHECKING:
    from kinetrace.jobs import Job
    from kinetrace.run import Outcome


def command(function: Callable[..., Any], *lines: str) -> App:
    """Return the command that a function is, with examples of its use in the help."""
    app = App(name=function.__name__, help_epilogue=examples(*lines) if lines else "")
    app.default(function)
    return app


def examples(*lines: str) -> str:
    """Return the end of a command's help, in the help's own markup."""
    return "\n".join(("Examples:", "", *(f"    {line}" for line in lines)))


def use_cache(cache_dir: Path | None) -> None:
    """Make the flag's folder the cache folder of this process and of those that it starts."""
    if cache_dir is not None:
        os.environ["KINETRACE_CACHE"] = str(cache_dir)


def quiet_native_libraries() -> None:
    """Keep what C++ libraries write to stderr from running into our own lines.

    MediaPipe greets with a dozen lines of TensorFlow Lite's, and no setting turns them off. Our
    own stderr goes on as before. With KINETRACE_DEBUG set, all is shown.
    """
    if os.environ.get("KINETRACE_DEBUG") or not _is_real_stderr():
        return
    ours = os.dup(2)
    with open(os.devnull, "wb") as nothing:  # noqa: PTH123 - not a path of ours
        os.dup2(nothing.fileno(), 2)
    sys.stderr = os.fdopen(ours, "w", buffering=1, encoding="utf-8", errors="backslashreplace")


def _is_real_stderr() -> bool:
    try:
        return sys.stderr.fileno() == 2
    except (AttributeError, OSError, ValueError):  # a test's, or a notebook's
        return False


OnFrame: TypeAlias = Callable[[int, "int | None"], None]


@contextmanager
def frame_bars(*titles: str, quiet: bool) -> Iterator[tuple[OnFrame, ...]]:
    """Show a bar for each title, from when it is first heard of.

    What is yielded is, for each, a function to call with the frames done and the frames expected.
    Nothing is shown where `quiet`, or where stderr is no terminal.
    """
    if quiet or not sys.stderr.isatty():
        yield tuple(lambda _done, _expected: None for _ in titles)
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TextColumn("{task.completed} frames, {task.fields[rate]}"),
        progress.TimeRemainingColumn(),
    )

    def on_frame(task: progress.TaskID, done: int, expected: int | None) -> None:
        speed = bar.tasks[task].speed
        # A source may have more frames than its container promised.
        total = None if expected is None else max(expected, done)
        rate = f"{speed:.0f} a second" if speed else ""
        bar.update(task, completed=done, total=total, rate=rate, visible=True)

    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks = [bar.add_task(title, total=None, rate="", visible=False) for title in titles]
        yield tuple(functools.partial(on_frame, task) for task in tasks)


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Return width and height of a size that is written as the models' names have it."""
    if text is None:
        return None
    height, _, width = text.partition("x")
    if not (height.isdigit() and width.isdigit()):
        raise ValueError(f"input-size must be HEIGHTxWIDTH like 256x192, got {text!r}")
    return int(width), int(height)


def summary(job: Job, outcome: Outcome) -> list[str]:
    """Return the three lines that tell what was found, who, and where it is."""
    return [_what(job, outcome), _who(outcome), _where(job, outcome)]


def _what(job: Job, outcome: Outcome) -> str:
    size = "" if outcome.size_wh is None else f", {outcome.size_wh[0]} x {outcome.size_wh[1]} px"
    plural = "s" if outcome.frames != 1 else ""
    span = ""
    if outcome.frames > 1 and math.isfinite(outcome.end_s):
        rate_hz = (outcome.frames - 1) / (outcome.end_s - outcome.start_s)
        span = f", {outcome.start_s:.2f} to {outcome.end_s:.2f} s at {rate_hz:.4g} a second"
    took = f"in {outcome.took_s:.1f} s ({outcome.frames / outcome.took_s:.1f} frames/s)"
    return f"{job.name}: {outcome.frames} frame{plural}{size}{span}; {took}"


def _who(outcome: Outcome) -> str:
    if not outcome.frames_with_people:
        return "  nobody found"
    people = len(outcome.track_ids)
    who = "people" if not people else "1 person" if people == 1 else f"{people} people"
    return (
        f"  {who} in {outcome.frames_with_people} of {outcome.frames} frames, "
        f"at most {outcome.most_people} at once; mean score {outcome.mean_score:.2f}"
    )


def _where(job: Job, outcome: Outcome) -> str:
    parameters = outcome.log[0]["parameters"] if outcome.log else {}
    model = parameters.get("model", "estimated")
    files = ", ".join(str(p) for p in (job.table, job.overlay, job.sheet) if p is not None)
    return f"  {model}{_hint(model)} -> {files}"


def _hint(name: str) -> str:
    """Tell how to get larger weights where the small ones have run."""
    from kinetrace.weights import catalog

    larger = next((model.larger for model in catalog.MODELS if model.name == name), None)
    return f" (small; more accurate: --model {larger})" if larger else ""
