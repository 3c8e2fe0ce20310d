"""How fast what runs on this machine, and where the time goes."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kinetrace.estimators import Options
from kinetrace.frames.selection import Selection
from kinetrace.jobs import Job
from kinetrace.pipeline import load_estimator
from kinetrace.run import OnFrame, Outcome, run
from kinetrace.timing import Timings, record

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# The work of a run in the order in which a frame meets it, and the spans that are counted to it.
STAGES: Mapping[str, tuple[str, ...]] = {
    "decode": ("decode",),
    "detect": ("estimate/detect",),
    "crop": ("estimate/crop",),
    "network": ("estimate/network", "estimate/detect/network", "network"),
    "heatmaps": ("estimate/heatmaps",),
    "estimate": ("estimate",),
    "track": ("track",),
    "finish": ("finish",),
    "write": ("write",),
    "draw": ("draw",),
    "encode": ("encode",),
}


@dataclass(frozen=True)
class Case:
    """One thing to time: a backend, and what it is made from."""

    backend: str
    options: Options
    label: str

    @property
    def name(self) -> str:
        """What it is called in tables and plots."""
        return f"{self.backend} {self.label} {self.options.precision}"


def benchmark(
    source: Path,
    cases: Iterable[Case],
    *,
    overlay: bool = False,
    selection: Selection | None = None,
    repeat: int = 1,
    on_case: Callable[[Case], None] = lambda _case: None,
    on_frame: OnFrame = lambda _done, _expected: None,
) -> pd.DataFrame:
    """Run each case on a film as `kinetrace estimate` would, and count where the time goes.

    Loading a model, and the first look of a network, are left out.

    Parameters
    ----------
    source
        The film.
    cases
        What is timed, one after the other.
    overlay
        Draw the film, too.
    selection
        The stretch of the film; None is all of it.
    repeat
        How often each case is run; the fastest run counts, since whatever else the machine does
        can only slow one down.

    Returns
    -------
    pandas.DataFrame
        A row for each case: ``backend``, ``model``, ``precision``, ``frames``,
        ``people_per_frame``, ``took_s``, ``frames_per_s``, ``network_share`` (of `took_s`) and for
        each of `STAGES` its milliseconds a frame, ``decode_ms`` and so on. Stages run beside one
        another, so together they may be more than the clock shows.

    Raises
    ------
    KinetraceError
        If a case cannot be run.
    """
    import pandas as pd

    rows = []
    for case in cases:
        on_case(case)
        estimator = load_estimator(case.backend, case.options)
        try:
            with tempfile.TemporaryDirectory(prefix="kinetrace-benchmark-") as folder:
                job = Job(
                    source=source,
                    table=Path(folder, "clip.keypoints.csv"),
                    overlay=Path(folder, "clip.overlay.mp4") if overlay else None,
                )
                _warm(job, estimator)
                runs = [
                    _timed(job, estimator, selection or Selection(), on_frame)
                    for _ in range(repeat)
                ]
        finally:
            estimator.close()
        rows.append(_row(case, *min(runs, key=lambda run: run[2])))
    return pd.DataFrame(rows)


def _warm(job: Job, estimator: Any) -> None:
    """Let the network see one frame: memory is laid out on the first."""
    from kinetrace.frames.sources import open_frames

    with open_frames(job.source) as frames:
        estimator.reset(continuous=False)
        estimator([next(iter(frames))])


def _timed(
    job: Job, estimator: Any, selection: Selection, on_frame: OnFrame
) -> tuple[Outcome, Timings, float]:
    with record() as timings:
        began_s = time.perf_counter()
        outcome = run(job, lambda: estimator, selection=selection, on_frame=on_frame)
        took_s = time.perf_counter() - began_s
    return outcome, timings, took_s


def _row(case: Case, outcome: Outcome, timings: Timings, took_s: float) -> dict[str, Any]:
    seconds = {
        stage: sum(timings.seconds.get(name, 0.0) for name in names)
        for stage, names in STAGES.items()
    }
    return {
        "backend": case.backend,
        "model": case.label,
        "precision": case.options.precision,
        "frames": outcome.frames,
        "people_per_frame": outcome.people / outcome.frames if outcome.frames else math.nan,
        "took_s": took_s,
        "frames_per_s": outcome.frames / took_s,
        "network_share": seconds["network"] / took_s,
        **{f"{stage}_ms": 1000 * s / outcome.frames for stage, s in seconds.items()},
    }


def plot(table: pd.DataFrame) -> Figure:
    """Draw where the time goes: a bar for each case, a piece of it for each stage.

    Parameters
    ----------
    table
        What `benchmark` returns.

    Raises
    ------
    MissingExtraError
        If Matplotlib is not installed.
    """
    from kinetrace.plots._figure import new_figure

    figure = new_figure(width_in=9, height_in=1.2 + 0.5 * len(table))
    axes = figure.subplots()
    names = [f"{r.backend} {r.model} {r.precision}" for r in table.itertuples()]
    left = [0.0] * len(table)
    colours = _colours(len(STAGES))
    for stage, colour in zip(STAGES, colours, strict=True):
        widths = table[f"{stage}_ms"].tolist()
        axes.barh(names, widths, left=left, label=stage, color=colour)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    for y, (end_ms, rate) in enumerate(zip(left, table["frames_per_s"], strict=True)):
        axes.text(end_ms, y, f" {rate:.1f} frames/s", va="center", fontsize=9)
    axes.set_xlim(0, 1.25 * max(left))
    axes.invert_yaxis()
    axes.set_xlabel("milliseconds a frame; stages run beside one another")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.25), ncols=6, frameon=False)
    return figure


def _colours(count: int) -> list[Any]:
    from matplotlib import colormaps

    return [colormaps["tab20"](i / 20) for i in range(count)]
