"""``kinetrace live``, run as a user runs it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numbered_backend import FPS, installed, pictures, squats
from waiting import PATIENCE_S, wait_for

from kinetrace import read
from kinetrace.frames import Frame, open_frames
from kinetrace.frames.video_writer import VideoWriter

TESTS = Path(__file__).parent


def write_squats(path: Path, *, last_s: float | None = None) -> Path:
    """Write the film; its last frame may come much later than the one before it."""
    count = len(squats().frame_time_s)
    with VideoWriter(path) as video:
        for number, image in enumerate(pictures(count)):
            is_late = last_s is not None and number == count - 1
            video.write(Frame(image, number, last_s if is_late else number / FPS))
    return path


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_squats(tmp_path_factory.mktemp("film") / "squats.mp4")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """One in which the backend `numbered` is installed, and no screen."""
    with installed(tmp_path / "site"):
        pass
    paths = [str(tmp_path / "site"), str(TESTS), os.environ.get("PYTHONPATH", "")]
    rest = {name: value for name, value in os.environ.items() if "DISPLAY" not in name}
    return rest | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def run(*arguments: object, environment: dict[str, str], cwd: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "kinetrace", "live", *map(str, arguments)],
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def test_a_film_is_counted_and_written(film, environment, tmp_path) -> None:
    done = run(
        *(film, "--backend", "numbered", "--exercise", "squat", "--no-show"),
        *("--output", "set.keypoints.csv", "--overlay", "set.mp4"),
        environment=environment,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    said = [re.sub(r"^ *[\d.]+ s +", "", line) for line in done.stderr.splitlines()]
    assert said[0] == "1."
    assert said[1].startswith("That was half a repetition. Go deeper")
    assert "1 repetition, 1 half" in done.stdout
    assert "-> set.keypoints.csv, set.mp4" in done.stdout
    poses = read(tmp_path / "set.keypoints.csv")
    dropped = int(re.search(r"(\d+) dropped", done.stdout)[1])
    truth = squats()
    assert len(poses.frame_time_s) + dropped == len(truth.frame_time_s)
    assert [entry["operation"] for entry in poses.log] == ["estimate", "track", "one_euro"]
    # Each row is of the frame that it says it is of; smoothing lags a little.
    apart_px = np.linalg.norm(poses.xy - truth.xy[poses.frame_index[poses.frame]], axis=2)
    assert np.median(apart_px) < 3
    with open_frames(tmp_path / "set.mp4") as frames:
        drawn = list(frames)
    assert len(drawn) == len(poses.frame_time_s)
    last = drawn[-1].image[:300]
    assert (last != last[0, 300]).any(axis=2).mean() > 0.02  # a figure, and numbers


def test_ctrl_c_ends_it_with_a_whole_table(environment, tmp_path) -> None:
    long = write_squats(tmp_path / "long.mp4", last_s=600)
    arguments = (long, "--backend", "numbered", "--no-show", "-o", "set.csv", "--exercise", "squat")
    command = [sys.executable, "-m", "kinetrace", "live", *map(str, arguments)]
    process = subprocess.Popen(
        command, env=environment, cwd=tmp_path, text=True, stdout=-1, stderr=-1
    )
    table = tmp_path / "set.partial.csv"
    wait_for(lambda: table.exists() and table.read_bytes().count(b"\n") > 20, "twenty rows")
    process.send_signal(signal.SIGINT)
    told, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, said
    assert "-> set.csv" in told
    assert not table.exists()
    assert 15 < len(read(tmp_path / "set.csv").frame_time_s) <= len(squats().frame_time_s)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--exercise", "swim"], "exercise must be one of auto, squat"),
        (["--person-height-m", "180"], "person_height_m must be a height in metres"),
        (["--seconds", "0"], "seconds must be above 0"),
        (["--show"], "cannot open a window"),
        (["--model", "lost"], "there is no such file"),
    ],
)
def test_what_cannot_be_done_is_one_line(film, environment, tmp_path, arguments, text) -> None:
    done = run(
        *(film, "--backend", "numbered", "-o", "set.csv", *arguments),
        environment=environment,
        cwd=tmp_path,
    )
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("kinetrace: error: ")
    assert text in line
    assert not list(tmp_path.glob("set*"))


def test_sources_that_are_not_live(film, environment, tmp_path) -> None:
    from PIL import Image

    Image.new("RGB", (64, 48)).save(tmp_path / "a.png")
    Image.new("RGB", (64, 48)).save(tmp_path / "b.png")
    where = {"environment": environment, "cwd": tmp_path}
    done = run(".", "--backend", "numbered", "--no-show", **where)
    assert "no clock" in done.stderr
    done = run("77", "--backend", "numbered", "--no-show", **where)
    assert "there is no camera 77" in done.stderr
    (tmp_path / "mine.csv").write_text("mine")
    done = run(film, "--backend", "numbered", "--no-show", "-o", "mine.csv", **where)
    assert "mine.csv is there already" in done.stderr
    assert (tmp_path / "mine.csv").read_text() == "mine"


def test_it_stops_after_some_seconds_without_a_window(film, environment, tmp_path) -> None:
    done = run(
        *(film, "--backend", "numbered", "--seconds", "1"), environment=environment, cwd=tmp_path
    )
    assert done.returncode == 0
    assert "kinetrace serve" in done.stderr  # which has a window
    seconds = float(re.search(r"frames in ([\d.]+) s", done.stdout)[1])
    assert 0 <= seconds < 1.01


def test_a_window_shows_it_where_there_is_a_screen(film, environment, tmp_path) -> None:
    pytest.importorskip("tkinter", reason="this Python came without Tk")
    if shutil.which("xvfb-run") is None:
        pytest.skip("needs a screen that nobody sees: apt-get install xvfb xauth")
    arguments = (film, "--backend", "numbered", "--show", "--seconds", "1.5")
    command = [sys.executable, "-m", "kinetrace", "live", *map(str, arguments)]
    done = subprocess.run(
        ["xvfb-run", "-a", *command],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    assert "frames in" in done.stdout
    assert "window" not in done.stderr
