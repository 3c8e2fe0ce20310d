"""``kinetrace estimate``: the main job, for one file or for thousands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from kinetrace.choices import Decode, Device, Precision, Quality, Smooth
from kinetrace.cli._show import command, parse_size, quiet_native_libraries, use_cache

_WHAT = Group("What is looked at", sort_key=1)
_HOW = Group("How", sort_key=2)
_RESULT = Group("What is written", sort_key=3)
_MANY = Group("Many inputs", sort_key=4)


EXAMPLES = (
    "kinetrace estimate walk.mp4 --overlay",
    "kinetrace estimate 'patients/*.mp4' --output tables/ --model heavy",
    "kinetrace estimate photos/ --output photos.csv --backend hrnet",
    "kinetrace estimate 'clips/**/*.mp4' --output tables/ --workers auto",
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
    detect_every: Annotated[int | Literal["auto"], Parameter(group=_HOW)] = "auto",
    quality: Annotated[Quality, Parameter(group=_HOW)] = "best",
    input_size: Annotated[str | None, Parameter(group=_HOW)] = None,
    decode: Annotated[Decode | None, Parameter(group=_HOW)] = None,
    device: Annotated[Device, Parameter(group=_HOW)] = "auto",
    threads: Annotated[int | None, Parameter(group=_HOW)] = None,
    precision: Annotated[Precision, Parameter(group=_HOW)] = "float32",
    calibration: Annotated[str | None, Parameter(group=_HOW)] = None,
    track: Annotated[bool, Parameter(group=_HOW)] = True,
    smooth: Annotated[Smooth, Parameter(group=_HOW)] = "auto",
    output: Annotated[str | None, Parameter(group=_RESULT, name=("--output", "-o"))] = None,
    format: Annotated[str, Parameter(group=_RESULT)] = "csv",  # noqa: A002 - the flag's name
    layout: Annotated[Literal["wide", "long"] | None, Parameter(group=_RESULT)] = None,
    overlay: Annotated[bool, Parameter(group=_RESULT, negative=())] = False,
    sheet: Annotated[bool, Parameter(group=_RESULT, negative=())] = False,
    overwrite: Annotated[bool, Parameter(group=_RESULT, negative=())] = False,
    retry: Annotated[bool, Parameter(group=_RESULT, negative=())] = False,
    workers: Annotated[int | Literal["auto"] | None, Parameter(group=_MANY)] = None,
    cluster: Annotated[str | None, Parameter(group=_MANY)] = None,
    split: Annotated[float | None, Parameter(group=_MANY, name=("--split", "--split-s"))] = None,
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
    detect_every
        HRNet: the detector looks at every so many frames of a film; between, people are followed.
        auto is a few times a second, and whenever somebody is uncertain.
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
    track
        Give each person in a film an id, and drop people who were never there.
    smooth
        How the keypoints of a film are smoothed; none leaves them as they were estimated.
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
    retry
        Try again what has been set aside after two failures.
    workers
        How many processes share the inputs, each with its share of the cores; auto is as many as
        cores and memory allow. One that dies is replaced, and its input is tried once more.
    cluster
        Share the inputs over the machines of a Ray cluster: HOST:PORT, or auto for the one that
        this machine belongs to. Inputs and the output may then be addresses like s3://lab/clips/.
    split
        On a cluster, do films in stretches of about so many seconds, side by side.
    cache_dir
        Folder for model files, instead of KINETRACE_CACHE or the usual one.
    quiet
        Print errors only.
    """
    if not inputs:
        raise ValueError("name at least one image, video, folder or glob")
    if split is not None and cluster is None:
        raise ValueError("split is for a cluster: give --cluster as well")
    from kinetrace import plugins
    from kinetrace.batch import Settings
    from kinetrace.cli._many import conclude, work
    from kinetrace.estimators import Options
    from kinetrace.frames.selection import Selection
    from kinetrace.jobs import Wanted

    use_cache(cache_dir)
    quiet_native_libraries()
    suffix = plugins.load("formats", format).SUFFIXES[0]
    options = Options(
        model=model,
        max_people=max_people,
        detector=detector or ("boxes" if boxes else None),
        detector_model=detector_model,
        detector_size_px=detector_size_px,
        min_detection_score=min_detection_score,
        boxes=boxes,
        detect_every=detect_every,
        quality=quality,
        input_size_wh=parse_size(input_size),
        decode=decode,
        device=device,
        threads=threads,
        precision=precision,
        calibration=calibration,
        quiet=quiet,
    )
    selection = Selection(start_s=start, end_s=end, every=every)
    settings = Settings(
        backend=backend,
        options=options,
        selection=selection,
        fps=fps,
        layout=layout,
        track=track,
        smooth=smooth,
    )
    results = work(
        inputs,
        output,
        Wanted(suffix=suffix, overlay=overlay, sheet=sheet),
        settings,
        workers=workers,
        cluster=cluster,
        split_s=split,
        overwrite=overwrite,
        retry=retry,
        quiet=quiet,
    )
    return conclude(results, quiet=quiet)


app = command(estimate, *EXAMPLES)
