"""``kinetrace report``."""

from __future__ import annotations

import dataclasses
import hashlib
import shlex
from pathlib import Path

import numpy as np
import pytest
from cyclopts import App
from film import write_film
from report_page import Page

import kinetrace
from kinetrace.cli.report import report
from kinetrace.errors import KinetraceError, OutputError, SourceError
from kinetrace.testing import walker

pytest.importorskip("matplotlib")

WALK, _ = walker(duration_s=3)


def run(*words: object) -> None:
    app = App()
    app.command(report)
    app(["report", *map(str, words)], exit_on_error=False, result_action="return_value")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A table, and its film beside it."""
    write_film(tmp_path / "clip.mp4", [round(1000 * t) for t in WALK.frame_time_s])
    poses = dataclasses.replace(
        WALK, source="/elsewhere/clip.mp4", size_wh=(96, 64), xy=WALK.xy / 20
    )
    path = tmp_path / "clip.keypoints.csv"
    kinetrace.write(poses, path)
    return path


def test_it_lies_beside_the_table_and_shows_the_film_beside_it(clip, capsys):
    run(clip, "--measure", "gait")
    path = clip.with_name("clip.report.html")
    page = Page(path)
    assert sum("jpeg" in str(a["src"]) for a in page.all("img")) == 6
    assert hashlib.sha256(clip.read_bytes()).hexdigest() in page.text
    assert capsys.readouterr().out == f"{clip} with {clip.with_name('clip.mp4')} -> {path}\n"


def test_without_the_film_there_are_stick_figures(clip):
    clip.with_name("clip.mp4").unlink()
    run(clip, "-q", "--measure", "angles", "--output", clip.with_name("a.html"))
    page = Page(clip.with_name("a.html"))
    assert not any("jpeg" in str(a["src"]) for a in page.all("img"))
    assert "What was seen" in page.within("h2")


def test_another_film_beside_it_is_not_shown(clip, capsys):
    write_film(clip.with_name("clip.mp4"), [33 * i for i in range(90)], size_wh=(128, 96))
    run(clip, "--measure", "gait")
    assert "come from another one; name that one; the report is without" in capsys.readouterr().err
    assert not any(
        "jpeg" in str(a["src"]) for a in Page(clip.with_name("clip.report.html")).all("img")
    )
    with pytest.raises(SourceError, match="come from another one"):
        run(clip, "--overwrite", "--video", clip.with_name("clip.mp4"))


def test_the_command_that_it_tells_makes_it_again(clip, monkeypatch):
    options = ["--measure", "gait", "--person", "0", "--person-height-m", "1.75"]
    run(clip, *options, "-q")
    first = clip.with_name("clip.report.html").read_bytes()
    (command,) = Page(clip.with_name("clip.report.html")).within("code")
    assert str(clip.parent) not in command
    clip.with_name("clip.report.html").unlink()
    monkeypatch.chdir(clip.parent)
    run(*shlex.split(command)[2:], "-q")
    assert clip.with_name("clip.report.html").read_bytes() == first


def test_what_is_there_is_kept_unless_it_should_not_be(clip):
    path = clip.with_name("clip.report.html")
    path.write_text("mine")
    with pytest.raises(OutputError, match="--overwrite replaces it"):
        run(clip)
    assert path.read_text() == "mine"
    run(clip, "--overwrite", "--measure", "gait")
    assert path.read_text() != "mine"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--measure", "dance"], "there is no 'dance'"),
        (["--person", "7"], "there is no person 7"),
        (["--min-score", "2"], "min_score"),
        (["--video", "nowhere.mp4"], "nowhere.mp4"),
    ],
)
def test_what_makes_no_sense_is_told(clip, words, text):
    with pytest.raises((KinetraceError, ValueError), match=text):
        run(clip, *words)
    assert not clip.with_name("clip.report.html").exists()


def test_a_photo_of_nobody(tmp_path):
    poses = WALK.frames(0, 1).rows(np.zeros(1, bool))
    kinetrace.write(poses, tmp_path / "photo.keypoints.csv")
    run(tmp_path / "photo.keypoints.csv", "-q")
    assert "Nobody was found in 1 picture" in Page(tmp_path / "photo.report.html").text
