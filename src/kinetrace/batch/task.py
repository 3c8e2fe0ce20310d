"""One job from its beginning to what came of it, whatever goes wrong: what a worker does."""

from __future__ import annotations

import dataclasses
import platform
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Literal, TypeAlias

from kinetrace import __version__
from kinetrace.batch._claims import claimed
from kinetrace.batch.settings import Settings
from kinetrace.errors import (
    FormatError,
    KinetraceError,
    MissingExtraError,
    OutputError,
    PluginError,
    SourceError,
)
from kinetrace.estimators import Estimator, Options
from kinetrace.frames.sources import Source
from kinetrace.jobs import Job
from kinetrace.pipeline import load_estimator
from kinetrace.run import OnFrame, Outcome, run

# done       all is there
# problem    all is there that the source, which is damaged, let be made
# there      it was there before
# failed     it could not be done
# set-aside  it has failed twice, and is left alone
# busy       another run is at it
# stopped    the run was ended
State: TypeAlias = Literal["done", "problem", "there", "failed", "set-aside", "busy", "stopped"]

Phase: TypeAlias = Literal["loading", "working"]

# Modules whose versions bear upon a result, where they took part in it.
_TOOLS = ("numpy", "av", "cv2", "onnxruntime", "mediapipe")


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of a job; can be pickled.

    Attributes
    ----------
    state
        See `State`.
    outcome
        Counts and log, if it is done.
    error, error_kind
        What went wrong, for the user, and the name of the error's class.
    details
        The traceback of an error that is a bug.
    is_fault_of_source
        Whether it may have gone wrong because of the source: not of the model or the disk.
    is_fault_of_all
        Whether each other job would fail alike: a package or a model is missing.
    attempt
        How many times the job has been tried in a row, this time included.
    started_utc, ended_utc
        ISO 8601, "" where nothing was begun.
    versions
        Of what ran, by name.
    """

    state: State
    outcome: Outcome | None = None
    error: str = ""
    error_kind: str = ""
    details: str = ""
    is_fault_of_source: bool = False
    is_fault_of_all: bool = False
    attempt: int = 1
    started_utc: str = ""
    ended_utc: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)


def do(
    job: Job,
    settings: Settings,
    on_frame: OnFrame = lambda _done, _expected: None,
    *,
    on_drawn: OnFrame = lambda _done, _expected: None,
    on_phase: Callable[[Phase], None] = lambda _phase: None,
    overwrite: bool = False,
    claim: bool = True,
) -> Result:
    """Do a job, if no other process is at it, with the estimator that the process keeps.

    Parameters
    ----------
    job, settings, on_frame, on_drawn
        See `kinetrace.run.run`.
    on_phase
        Told before and after an estimator is loaded.
    overwrite
        Do it although its files are there.
    claim
        Make sure that no other process is at it, by a lock file that is left beside the results.

    Returns
    -------
    Result
        Errors are in it.

    Raises
    ------
    KeyboardInterrupt
        If it is interrupted; what is left of the result is told in the text.
    """
    started_utc = now_utc()
    try:
        with claimed(job) if claim else nullcontext(True) as is_ours:
            if not is_ours:
                return Result(state="busy")
            if job.is_done and not overwrite:
                return Result(state="there")
            result = _attempt(job, settings, on_frame, on_drawn, on_phase)
    except (OutputError, FormatError) as error:
        result = failed(error)
    return dataclasses.replace(
        result, started_utc=started_utc, ended_utc=now_utc(), versions=versions()
    )


def _attempt(
    job: Job,
    settings: Settings,
    on_frame: OnFrame,
    on_drawn: OnFrame,
    on_phase: Callable[[Phase], None],
) -> Result:
    load_failed = False

    def load() -> Estimator:
        nonlocal load_failed
        on_phase("loading")
        load_failed = True
        estimator = estimator_for(settings, job.source)
        load_failed = False
        on_phase("working")
        return estimator

    try:
        outcome = run(
            job,
            load,
            selection=settings.selection,
            fps=settings.fps,
            layout=settings.layout,
            track=settings.track,
            smooth=settings.smooth,
            on_frame=on_frame,
            on_drawn=on_drawn,
        )
    except Exception as error:  # noqa: BLE001 - one bad file must not stop the others
        if not isinstance(error, SourceError):
            release()  # it may be in no state to go on
        return failed(error, while_loading=load_failed)
    state: State = "problem" if outcome.problem else "done"
    return Result(state=state, outcome=outcome, error=outcome.problem)


def failed(error: Exception, *, while_loading: bool = False) -> Result:
    """Return the result of a job that an error has ended."""
    known = isinstance(error, KinetraceError)
    not_source = while_loading or isinstance(error, (OutputError, MissingExtraError, PluginError))
    return Result(
        state="failed",
        error=str(error) if known else f"{type(error).__name__}: {error}",
        error_kind=type(error).__name__,
        details="" if known else "".join(traceback.format_exception(error)),
        is_fault_of_source=not not_source,
        is_fault_of_all=not_source and not isinstance(error, (OutputError, SourceError)),
    )


# What the process has loaded. Here, and not in an object of the caller's, because a task of Ray's
# has no other place in which something stays from one task to the next.
_loaded: list[tuple[str, Options, Estimator]] = []


def estimator_for(settings: Settings, source: Source) -> Estimator:
    """Return the estimator of these settings; the process keeps one at a time."""
    for backend, options, estimator in _loaded:
        if (backend, options) == (settings.backend, settings.options):
            return estimator
    release()
    first = settings.options.first_source
    options = dataclasses.replace(settings.options, first_source=source if first is None else first)
    estimator = load_estimator(settings.backend, options)
    _loaded.append((settings.backend, settings.options, estimator))
    return estimator


def release() -> None:
    """Free the estimator that this process keeps, if it does."""
    while _loaded:
        _loaded.pop()[2].close()


def now_utc() -> str:
    """Return the time in ISO 8601, to the millisecond."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def versions() -> dict[str, str]:
    """Return the versions of what has taken part in this process so far."""
    loaded = {name: sys.modules[name] for name in _TOOLS if name in sys.modules}
    return {
        "kinetrace": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{name: str(getattr(module, "__version__", "")) for name, module in loaded.items()},
    }
