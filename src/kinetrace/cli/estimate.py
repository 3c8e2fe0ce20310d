"""``kinetrace estimate``: the main job, for one file or for thousands."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from kinetrace.choices import Decode, Device, Precision, Quality
from kinetrace.cli._show import frame_bar, quiet_native_libraries, summary, use_cache
from kinetrace.errors import KinetraceError, MissingExtraError, PluginError, WeightsError

if TYPE_CHECKING:
    from kinetrace.estimators import Estimator, Options
    from kinetrace.frames.sources import Source
    from kinetrace.jobs import Job
    from kinetrace.run import Outcome

_WHAT = Group("What is looked at", sort_key=1)
_HOW = Group("How", sort_key=2)
_RESULT = Group("What is written", sort_key=3)


EXAMPLES = (
    "kinetrace estimate walk.mp4 --overlay",
    "kinetrace estimate 'patients/*.mp4' --output tables/ --model heavy",
    "kinetrace estimate photos/ --output photos.csv --backend hrnet",
    "kinetrace estimate lecture.mp4 --start 60 --end 90 --every 0.5s --format parquet",
)


def estimate(
    *inputs: str,
    start: Annotated[float | None, Parameter(group=_WHAT, name=("--start", "--start-s"))] = None,
    end: Annotated[float | None, Parameter(group=_WHAT, name=("--end", "--end-s"))] = None,
    every: Annotated[str, Parameter(group=_WHAT)] = "1",
    fps: Annotated[float | None, Parameter(group=_WHAT)] = None,
    backend: Annotated[str, Parameter(group=_HOW)] = "mediapipe",
    model: Annotated[str | None, Parameter(group=_HOW)] = None,
    max_people: Annotated[int | Literal["all"] | None, Parameter(group=_HOW)] = None,
    detector: Annotated[str | None, Parameter(group=_HOW)] = None,
    detector_model: Annotated[str | None, Parameter(group=_HOW)] = None,
    detector_size_px: Annotated[int | None, Parameter(group=_HOW)] = None,
    min_detection_score: Annotated[float | None, Parameter(group=_HOW)] = None,
    boxes: Annotated[Path | None, Parameter(group=_HOW)] = None,
    quality: Annotated[Quality, Parameter(group=_HOW)] = "best",
    input_size: Annotated[str | None, Parameter(group=_HOW)] = None,
    decode: Annotated[Decode | None, Parameter(group=_HOW)] = None,
    device: Annotated[Device, Parameter(group=_HOW)] = "auto",
    threads: Annotated[int | None, Parameter(group=_HOW)] = None,
    precision: Annotated[Precision, Parameter(group=_HOW)] = "float32",
    calibration: Annotated[str | None, Parameter(group=_HOW)] = None,
    output: Annotated[Path | None, Parameter(group=_RESULT, name=("--output", "-o"))] = None,
    format: Annotated[str, Parameter(group=_RESULT)] = "csv",  # noqa: A002 - the flag's name
    layout: Annotated[Literal["wide", "long"] | None, Parameter(group=_RESULT)] = None,
    overlay: Annotated[bool, Parameter(group=_RESULT, negative=())] = False,
    sheet: Annotated[bool, Parameter(group=_RESULT, negative=())] = False,
    overwrite: Annotated[bool, Parameter(group=_RESULT, negative=())] = False,
    cache_dir: Path | None = None,
    quiet: Annotated[bool, Parameter(name=("--quiet", "-q"), negative=())] = False,
) -> int:
    """Find people's keypoints and write them as a table.

    For each image or video, `clip.keypoints.csv` appears beside it. A folder or a glob is worked
    through file by file; what has its table already is skipped, and one bad file does not stop
    the rest.

    Parameters
    ----------
    inputs
        Images, videos, folders, globs (in quotes), camera numbers, or RTSP and HTTP addresses.
    start
        Time in seconds from which on frames are looked at.
    end
        Time in seconds before which they are.
    every
        Every so many frames (5) or seconds (0.5s).
    fps
        Frames a second of images that make up a film. A video knows its own.
    backend
        What estimates: the first column of `kinetrace info`.
    model
        One of the backend's models, or the path of a model file.
    max_people
        The most people to report in a frame, or `all`. Without it HRNet reports all, and MediaPipe
        one, whom it follows from frame to frame; several it looks for afresh in each.
    detector
        What finds people: rtmdet, yolox, mediapipe, boxes (your own) or whole (the picture is one
        person). Each backend has its default.
    detector_model
        One of the detector's models, or the path of an ONNX file.
    detector_size_px
        Longer side of the picture that the detector sees; 640 finds smaller people than 320.
    min_detection_score
        The least score of a person who is reported, 0 to 1.
    boxes
        The boxes of people, a CSV or a COCO JSON file.
    quality
        HRNet: best looks at each crop twice, as published accuracies want it, fast once.
    input_size
        HRNet: height and width of a crop, 256x192 say, for a model file of your own.
    decode
        HRNet: how heatmaps become points, for a model file of your own.
    device
        Where ONNX models run.
    threads
        How many threads they run on; without it, one for each core.
    precision
        HRNet: int8 is about three times as fast on a recent processor. It is calibrated once, on
        the first input, and checked; it is refused where it would move the points too much.
    calibration
        A clip or a folder of images of people to calibrate int8 on, instead of the first input.
    output
        A folder for the results; or the file for the only table, in the format of its ending.
    format
        Format of the tables: csv, parquet, jsonl, coco, or a plug-in's.
    layout
        Of CSV and Parquet: wide has a row a person, long has a row a keypoint.
    overlay
        Also draw the skeletons: `clip.overlay.mp4`, with the sound, or `photo.overlay.png`.
    sheet
        Also make a contact sheet: `clip.sheet.png`.
    overwrite
        Redo what is there.
    cache_dir
        Folder for model files, instead of KINETRACE_CACHE or the usual one.
    quiet
        Print errors only.
    """
    if not inputs:
        raise ValueError("name at least one image, video, folder or glob")
    from kinetrace import plugins
    from kinetrace.estimators import Options
    from kinetrace.frames.selection import Selection
    from kinetrace.jobs import Wanted, plan
    from kinetrace.run import run

    use_cache(cache_dir)
    quiet_native_libraries()
    suffix = plugins.load("formats", format).SUFFIXES[0]
    jobs = plan(inputs, output, Wanted(suffix=suffix, overlay=overlay, sheet=sheet))
    options = Options(
        model=model,
        max_people=max_people,
        detector=detector or ("boxes" if boxes else None),
        detector_model=detector_model,
        detector_size_px=detector_size_px,
        min_detection_score=min_detection_score,
        boxes=boxes,
        quality=quality,
        input_size_wh=_parse_size(input_size),
        decode=decode,
        device=device,
        threads=threads,
        precision=precision,
        calibration=calibration,
        quiet=quiet,
    )
    selection = Selection(start_s=start, end_s=end, every=every)
    with _loaded_once(backend, options) as load:

        def do(job: Job) -> Outcome:
            with frame_bar(job.name, quiet=quiet) as on_frame:
                return run(
                    job,
                    lambda: load(job.source),
                    selection=selection,
                    fps=fps,
                    layout=layout,
                    on_frame=on_frame,
                )

        return _through(jobs, do, overwrite=overwrite, quiet=quiet)


def _parse_size(text: str | None) -> tuple[int, int] | None:
    """Return width and height of a size that is written as the models' names have it."""
    if text is None:
        return None
    height, _, width = text.partition("x")
    if not (height.isdigit() and width.isdigit()):
        raise ValueError(f"input-size must be HEIGHTxWIDTH like 256x192, got {text!r}")
    return int(width), int(height)


@contextmanager
def _loaded_once(backend: str, options: Options) -> Iterator[Callable[[Source], Estimator]]:
    """Yield what returns the estimator, made when it is first asked for, with what it is for."""
    from kinetrace.pipeline import load_estimator

    made: list[Estimator] = []

    def load(source: Source) -> Estimator:
        if not made:
            first = dataclasses.replace(options, first_source=source)
            made.append(load_estimator(backend, first))
        return made[0]

    try:
        yield load
    finally:
        for estimator in made:
            estimator.close()


def _through(
    jobs: Sequence[Job], do: Callable[[Job], Outcome], *, overwrite: bool, quiet: bool
) -> int:
    """Work through the jobs; return the exit code, 1 if any was not done as a whole."""
    skipped = failed = 0
    for job in jobs:
        if job.is_done and not overwrite:
            skipped += 1
            if not quiet and len(jobs) == 1:
                print(f"{job.name}: {job.table} is there already (--overwrite redoes it)")
            continue
        try:
            outcome = do(job)
        except (MissingExtraError, PluginError, WeightsError):
            raise  # it would be the same for each
        except KinetraceError as error:
            failed += 1
            print(f"kinetrace: error: {error}", file=sys.stderr)
            continue
        if not quiet:
            print("\n".join(summary(job, outcome)))
        if outcome.problem:
            failed += 1
            print(f"kinetrace: error: {outcome.problem}", file=sys.stderr)
    if not quiet and len(jobs) > 1:
        done = len(jobs) - skipped - failed
        print(f"{len(jobs)} inputs: {done} done, {skipped} done before, {failed} with errors")
    return 1 if failed else 0
