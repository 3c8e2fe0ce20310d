"""``kinetrace demo``: the whole main job, with nothing of the user's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from kinetrace.cli._show import (
    command,
    frame_bars,
    quiet_native_libraries,
    summary,
    use_cache,
)

EXAMPLES = ("kinetrace demo",)


def demo(
    folder: Path = Path("kinetrace-demo"),
    *,
    model: str | None = None,
    cache_dir: Path | None = None,
    quiet: Annotated[bool, Parameter(name=("--quiet", "-q"), negative=())] = False,
) -> None:
    """Make a short film, find the person in it, and write and draw what was found.

    The film is a portrait of an astronaut (NASA, public domain) over which the camera moves in a
    known way; so the demonstration also says how far the keypoints stray from the truth.

    Parameters
    ----------
    folder
        Where the film and the results go; it is made.
    model
        One of MediaPipe's models: mediapipe-full, mediapipe-lite or mediapipe-heavy.
    cache_dir
        Folder for model files, instead of KINETRACE_CACHE or the usual one.
    quiet
        Print errors only.
    """
    from kinetrace.demo import error_px, write_film
    from kinetrace.errors import OutputError
    from kinetrace.estimators import Options
    from kinetrace.formats import read
    from kinetrace.frames.selection import Selection
    from kinetrace.jobs import Wanted, plan
    from kinetrace.pipeline import DEFAULT_BACKEND, load_estimator
    from kinetrace.run import run

    use_cache(cache_dir)
    quiet_native_libraries()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}") from error
    film = folder / "demo.mp4"
    write_film(film)
    (job,) = plan([str(film)], None, Wanted(overlay=True, sheet=True))
    estimator = load_estimator(DEFAULT_BACKEND, Options(model=model, quiet=quiet))
    try:
        with frame_bars("demo.mp4", "drawing demo.mp4", quiet=quiet) as (on_frame, on_drawn):
            outcome = run(
                job,
                lambda: estimator,
                selection=Selection(),
                on_frame=on_frame,
                on_drawn=on_drawn,
            )
    finally:
        estimator.close()
    if quiet:
        return
    print("\n".join(summary(job, outcome)))
    stray_px = error_px(read(job.table))
    print(f"  nose and shoulders stray {stray_px:.1f} px from where the camera moved them")
    print(f"Now yours: kinetrace estimate YOUR_VIDEO.mp4 --overlay   (first look at {job.overlay})")


app = command(demo, *EXAMPLES)
