"""``kinetrace live``: a camera, with skeleton, numbers and advice while it happens."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from kinetrace.choices import Device
from kinetrace.cli._live_output import Screen, Written
from kinetrace.cli._output import check_free
from kinetrace.cli._show import command, quiet_native_libraries, use_cache

if TYPE_CHECKING:
    from kinetrace.cli._live_window import Window
    from kinetrace.live.newest import NewestFrames
    from kinetrace.live.session import Session

_WHAT = Group("What is measured", sort_key=1)
_HOW = Group("How", sort_key=2)
_RESULT = Group("What is shown and written", sort_key=3)

EXAMPLES = (
    "kinetrace live",
    "kinetrace live --exercise squat --output squats.keypoints.csv",
    "kinetrace live rtsp://camera.local/stream --no-show --overlay room.mp4 --seconds 600",
    "kinetrace live walk.mp4 --exercise walk --person-height-m 1.75",
)


def live(
    source: str = "0",
    *,
    exercise: Annotated[str, Parameter(group=_WHAT)] = "auto",
    space: Annotated[Literal["2d", "3d"], Parameter(group=_WHAT)] = "2d",
    person_height_m: Annotated[float | None, Parameter(group=_WHAT)] = None,
    min_score: Annotated[float, Parameter(group=_WHAT)] = 0.3,
    backend: Annotated[str, Parameter(group=_HOW)] = "mediapipe",
    model: Annotated[str | None, Parameter(group=_HOW)] = None,
    max_people: Annotated[int | Literal["all"] | None, Parameter(group=_HOW)] = None,
    detector: Annotated[str | None, Parameter(group=_HOW)] = None,
    device: Annotated[Device, Parameter(group=_HOW)] = "auto",
    threads: Annotated[int | None, Parameter(group=_HOW)] = None,
    show: Annotated[bool | None, Parameter(group=_RESULT)] = None,
    output: Annotated[Path | None, Parameter(group=_RESULT, name=("--output", "-o"))] = None,
    overlay: Annotated[Path | None, Parameter(group=_RESULT)] = None,
    seconds: Annotated[float | None, Parameter(group=_RESULT)] = None,
    overwrite: Annotated[bool, Parameter(group=_RESULT, negative=())] = False,
    cache_dir: Path | None = None,
    quiet: Annotated[bool, Parameter(name=("--quiet", "-q"), negative=())] = False,
) -> None:
    """Follow people before a camera: skeleton, angles, cadence, repetitions and advice.

    The newest frame is always taken, and what came meanwhile is dropped, so that nothing lags
    behind. It ends with Ctrl-C, with q in the window, or with the source; what was written is whole
    then.

    Parameters
    ----------
    source
        The number of a camera, the address of a stream, or a film, which is played at its own
        pace.
    exercise
        What is done: squat, push-up, pull-up, sit-up, jumping-jack, lunge, curl, overhead-press,
        auto for any of them (but curl), walk for cadence, or none.
    space
        Joint angles in the picture (2d), for somebody seen from the side, or in space (3d), from
        any view, where the backend gives it.
    person_height_m
        How tall the person is, to tell the speed of a walk.
    min_score
        Keypoints below it count as missing.
    backend
        What estimates: the first column of `kinetrace info`.
    model
        One of the backend's models, or the path of a model file. MediaPipe's default here is lite.
    max_people
        The most people to follow, or `all`.
    detector
        What finds people, where the backend needs it.
    device
        Where ONNX models run.
    threads
        How many threads they run on; without it, one for each core.
    show
        Open a window. Without it: if there can be one.
    output
        The table to write, in the format of its ending: smoothed keypoints, with true times.
    overlay
        The film to write, with skeleton and numbers: an MP4.
    seconds
        Stop after so many seconds.
    overwrite
        Replace what is there.
    cache_dir
        Folder for model files, instead of KINETRACE_CACHE or the usual one.
    quiet
        Print errors only.
    """
    from kinetrace.estimators import Options
    from kinetrace.frames.sources import open_frames
    from kinetrace.live.newest import NewestFrames
    from kinetrace.live.session import Session
    from kinetrace.pipeline import load_estimator

    if seconds is not None and not seconds > 0:
        raise ValueError(f"seconds must be above 0, got {seconds:g}")
    check_free(*(path for path in (output, overlay) if path), overwrite=overwrite)
    use_cache(cache_dir)
    quiet_native_libraries()
    options = Options(
        model=model or ("lite" if backend == "mediapipe" else None),
        max_people=max_people,
        detector=detector,
        device=device,
        threads=threads,
        # A second look at each crop is worth less than another frame.
        quality="fast",
        quiet=quiet,
    )
    with ExitStack() as stack:
        frames = stack.enter_context(open_frames(source))
        estimator = load_estimator(backend, options)
        stack.callback(estimator.close)
        session = Session(
            estimator,
            exercise=exercise,  # type: ignore[arg-type]  # it says itself what there is
            space=space,
            person_height_m=person_height_m,
            min_score=min_score,
        )
        screen = Screen(_window(source, show, quiet=quiet), quiet=quiet)
        stack.callback(screen.close)
        newest = stack.enter_context(NewestFrames(frames))
        written = stack.enter_context(Written(output, overlay))
        _follow(newest, session, screen, written, until_s=seconds)
    if not quiet:
        print("\n".join(screen.summary(frames.source, newest.dropped, written.files)))


def _window(source: str, show: bool | None, *, quiet: bool) -> Window | None:
    """Open a window if it is wanted, or if nobody said anything and there can be one."""
    from kinetrace.cli._live_window import Window
    from kinetrace.errors import OutputError

    if show is False:
        return None
    try:
        return Window(f"Kinetrace - {source}")
    except OutputError as error:
        if show:
            raise
        if not quiet:
            print(f"kinetrace: {error}", file=sys.stderr)
        return None


def _follow(
    newest: NewestFrames,
    session: Session,
    screen: Screen,
    written: Written,
    *,
    until_s: float | None,
) -> None:
    """Go on until the source ends, the time is over, the window is closed, or Ctrl-C."""
    from kinetrace.live.picture import draw_seen

    first_s: float | None = None
    try:
        for frame in newest:
            first_s = frame.time_s if first_s is None else first_s
            if until_s is not None and frame.time_s - first_s >= until_s:
                return
            seen = session.update(frame)
            needed = screen.has_window or written.has_film
            drawn = draw_seen(frame.image, seen) if needed else frame.image
            written.add(frame, seen, drawn)
            screen.show(seen, drawn, delay_s=perf_counter() - newest.arrived_s)
            if not screen.is_open:
                return
    except KeyboardInterrupt as error:
        # Ctrl-C is how it is meant to end. A process that was told to end says so.
        if type(error) is not KeyboardInterrupt:
            written.end()
            raise


app = command(live, *EXAMPLES)
