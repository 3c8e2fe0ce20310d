"""Runs of many films for tests, with a backend that can be made to fail by the size of a film.

As a program it does a run in a process of its own:
``python batch_runs.py FILMS OUTPUT NETWORK [--workers N] [--overwrite] [--retry]``; it prints the
state of each job as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from film import write_film
from waiting import PATIENCE_S

from kinetrace.batch import Settings, run_all
from kinetrace.batch.manifest import NAME
from kinetrace.estimators import Options
from kinetrace.jobs import Job, Wanted, plan

HEALTHY_WH = (96, 64)
SLOW_WH = (160, 64)  # 25 ms a frame
DEADLY_WH = (128, 64)  # kills the process that looks at it
HELD_WH = (224, 64)  # as slow, and waits in the middle until `let_go` is called
FAULTY_WH = (192, 64)  # raises what is no error of Kinetrace's

# A backend in an installed package; its processes leave their numbers in a folder.
_BACKEND = """
import os
import signal
import time
from pathlib import Path

from kinetrace.backends import hrnet

MODELS = ()
PROCESSES = Path({processes!r})


def load(options):
    if (PROCESSES / "deadly").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    (PROCESSES / str(os.getpid())).touch()
    return Moody(options)


class Moody(hrnet.HRNetPose):
    def __call__(self, frames):
        width, _ = frames[0].size_wh
        if width == 128:
            os.kill(os.getpid(), signal.SIGKILL)
        if width in (160, 224):
            time.sleep(0.025 * len(frames))
        while width == 224 and frames[-1].index >= 10 and not (PROCESSES / "let-go").exists():
            time.sleep(0.02)
        if width == 192:
            raise ZeroDivisionError("it does not like this film")
        return super().__call__(frames)
"""


def install_backend(folder: Path) -> Path:
    """Make a package with the backend ``moody``; return what is to be put on the path."""
    site = folder / "site"
    processes = folder / "processes"
    processes.mkdir(parents=True)
    info = site / "moody-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: moody\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[kinetrace.backends]\nmoody = moody_of_a_test\n")
    (site / "moody_of_a_test.py").write_text(_BACKEND.format(processes=str(processes)))
    return site


def write_films(folder: Path, **frames_and_size: tuple[int, tuple[int, int]]) -> Path:
    """Write films: name, and how many frames of which size."""
    folder.mkdir(exist_ok=True)
    for name, (frames, size_wh) in frames_and_size.items():
        write_film(folder / f"{name}.mp4", [i * 40 for i in range(frames)], size_wh=size_wh)
    return folder


def settings_for(network: Path, **options: object) -> Settings:
    """Return settings for the tiny network on whole pictures."""
    made = Options(model=str(network), detector="whole", device="cpu", **options)
    return Settings(backend="moody", options=made)


def start(
    films: Path, output: Path, network: Path, *flags: str, **popen: object
) -> subprocess.Popen:
    """Start a run in a process of its own."""
    here = Path(__file__)
    sources = Path(sys.modules["kinetrace"].__file__).parents[1]
    site = network.parent / "site"
    path = os.pathsep.join(map(str, (here.parent, sources, site)))
    return subprocess.Popen(
        [sys.executable, str(here), str(films), str(output), str(network), *flags],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **popen,
    )


def states_of(process: subprocess.Popen) -> dict[str, str]:
    """Wait for a run; return the state of each film."""
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    return json.loads(out)["states"]


def hold(network: Path) -> None:
    """From now on, films of `HELD_WH` are not done beyond their first frames."""
    _let_go_of(network).unlink(missing_ok=True)


def let_go(network: Path) -> None:
    """Have the films that are held go on."""
    _let_go_of(network).touch()


def _let_go_of(network: Path) -> Path:
    return network.parent / "processes" / "let-go"


def jobs_for(films: Path, output: Path) -> list[Job]:
    return plan([str(films)], output, Wanted())


def contents(output: Path) -> dict[str, bytes]:
    """Return what a run has made, but for the manifest, which tells the time."""
    hidden = (NAME, ".kinetrace.lock")
    return {p.name: p.read_bytes() for p in output.iterdir() if p.name not in hidden}


def workers_of(network: Path) -> list[int]:
    """Return the numbers of the processes that have loaded the network, and still run."""
    return [int(path.name) for path in (network.parent / "processes").iterdir() if _runs(path.name)]


def _runs(number: str) -> bool:
    try:
        # What follows the name, which may hold anything, begins with the state.
        state = Path(f"/proc/{number}/stat").read_text().rpartition(") ")[2][0]
    except OSError:
        return False
    return state not in "ZX"


def main() -> None:
    """Do a run as the arguments say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("films", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("network", type=Path)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--overwrite", action="store_true")
    parser.add_argument("--retry", action="store_true")
    asked = parser.parse_args()
    jobs = jobs_for(asked.films, asked.output)
    try:
        results = run_all(
            jobs,
            settings_for(asked.network, threads=1),
            workers=asked.workers,
            overwrite=asked.overwrite,
            retry=asked.retry,
        )
    except KeyboardInterrupt as error:
        print(error, file=sys.stderr)
        sys.exit(130)
    loaded = sorted(name for name in ("onnxruntime", "mediapipe", "onnx") if name in sys.modules)
    states = {Path(job.name).stem: result.state for job, result in zip(jobs, results, strict=True)}
    print(json.dumps({"states": states, "loaded": loaded}))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main()
