"""``kinetrace benchmark``: frames a second on this machine, and where the time goes."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from kinetrace.choices import Decode, Device, Precision, Quality
from kinetrace.cli._show import (
    command,
    frame_bars,
    parse_size,
    quiet_native_libraries,
    use_cache,
)

if TYPE_CHECKING:
    import pandas as pd

    from kinetrace.benchmarking import Case
    from kinetrace.estimators import Options

# A stage that never takes as long a frame is left out of the table.
_LEAST_MS = 0.05

EXAMPLES = (
    "kinetrace benchmark",
    "kinetrace benchmark walk.mp4 --overlay --json speed.json --plot speed.png",
    "kinetrace benchmark walk.mp4 --backend hrnet --model net.onnx --precision float32 int8",
)


def benchmark(
    source: Path | None = None,
    *,
    backend: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    model: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    precision: Annotated[list[Precision] | None, Parameter(consume_multiple=True)] = None,
    detector: str | None = None,
    detector_model: str | None = None,
    quality: Quality = "best",
    input_size: str | None = None,
    decode: Decode | None = None,
    device: Device = "auto",
    threads: int | None = None,
    overlay: Annotated[bool, Parameter(negative=())] = False,
    end: Annotated[float | None, Parameter(name=("--end", "--end-s"))] = None,
    repeat: int = 1,
    json_file: Annotated[Path | None, Parameter(name="--json")] = None,
    plot: Path | None = None,
    cache_dir: Path | None = None,
    quiet: Annotated[bool, Parameter(name=("--quiet", "-q"), negative=())] = False,
) -> None:
    """Time each backend, model and precision on this machine.

    Without `--model`, the models that are in the cache are timed, and nothing is downloaded.

    Parameters
    ----------
    source
        A film; without it, the demonstration's, of one person.
    backend
        The backends; without it, all.
    model
        Models of the one backend that is named, or paths of model files.
    precision
        HRNet: float32, int8 or both.
    detector, detector_model, quality, input_size, decode, device, threads
        See `kinetrace estimate --help`.
    overlay
        Time the drawing of the film, too.
    end
        Time in seconds at which the film is left.
    repeat
        How often each is run; the fastest counts.
    json_file
        A file for the figures.
    plot
        A PNG file for a plot of where the time goes.
    cache_dir
        Folder for model files, instead of KINETRACE_CACHE or the usual one.
    quiet
        Print the table only.
    """
    from kinetrace import benchmarking, demo
    from kinetrace.estimators import Options
    from kinetrace.frames.selection import Selection

    use_cache(cache_dir)
    quiet_native_libraries()
    options = Options(
        detector=detector,
        detector_model=detector_model,
        quality=quality,
        input_size_wh=parse_size(input_size),
        decode=decode,
        device=device,
        threads=threads,
        first_source=source,
        quiet=quiet,
    )
    cases = list(_cases(backend, model, precision, options))
    with TemporaryDirectory(prefix="kinetrace-benchmark-") as folder:
        film = source or Path(folder, "demo.mp4")
        if source is None:
            demo.write_film(film)
        with frame_bars("frames", quiet=quiet) as (on_frame,):
            table = benchmarking.benchmark(
                film,
                cases,
                overlay=overlay,
                selection=Selection(end_s=end),
                repeat=repeat,
                on_case=lambda case: None if quiet else print(case.name, file=sys.stderr),
                on_frame=on_frame,
            )
    print(_text(table))
    if json_file is not None:
        _write_json(table, json_file, film.name)
    if plot is not None:
        from kinetrace.plots import save

        save(benchmarking.plot(table), plot)


def _cases(
    backends: list[str] | None,
    models: list[str] | None,
    precisions: list[Precision] | None,
    options: Options,
) -> Iterator[Case]:
    """Yield what is to be timed.

    Raises
    ------
    ValueError
        If models are named, but not one backend; or if nothing is there to be timed.
    """
    from kinetrace import plugins, weights
    from kinetrace.benchmarking import Case

    if models and (backends is None or len(backends) != 1):
        raise ValueError("name the one backend of the models: --backend hrnet --model ...")
    here = {status.model.name for status in weights.cached() if status.state == "verified"}
    none = True
    for backend in backends or plugins.names("backends"):
        known = plugins.load("backends", backend).MODELS
        for model in models or [name for name in known if name in here]:
            for precision in precisions or ["float32"]:
                none = False
                yield Case(
                    backend,
                    dataclasses.replace(options, model=model, precision=precision),
                    Path(model).stem,
                )
    if none:
        raise ValueError(
            "no model of these backends is in the cache: name one with --backend and --model, "
            "and it is fetched"
        )


def _text(table: pd.DataFrame) -> str:
    """Lay the table out for a terminal, and for a README."""
    from kinetrace.benchmarking import STAGES

    stages = [stage for stage in STAGES if (table[f"{stage}_ms"] >= _LEAST_MS).any()]
    head = ["backend", "model", "precision", "people", "frames/s", "network", *stages]
    lines = [head]
    for row in table.to_dict("records"):
        share = f"{100 * row['network_share']:.0f} %"
        times = [f"{row[f'{stage}_ms']:.1f}" for stage in stages]
        people, rate = f"{row['people_per_frame']:.1f}", f"{row['frames_per_s']:.1f}"
        lines.append([row["backend"], row["model"], row["precision"], people, rate, share, *times])
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = [
        "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) for line in lines
    ]
    note = "network: share of the time inside the networks; the last columns: milliseconds a frame"
    return "\n".join((*(line.rstrip() for line in text), note))


def _write_json(table: pd.DataFrame, path: Path, source: str) -> None:
    from kinetrace import __version__
    from kinetrace.files import replacing

    values = {
        "kinetrace": __version__,
        "source": source,
        "machine": _machine(),
        "cases": table.to_dict("records"),
    }
    with replacing(path) as partial:
        partial.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def _machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "processor": platform.processor() or platform.machine(),
        "processors": os.cpu_count(),
    }


app = command(benchmark, *EXAMPLES)
