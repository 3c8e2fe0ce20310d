"""``kinetrace measure``: flags are the measure's own options, in whatever module they are."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Literal

import numpy as np
import pandas as pd
import pytest

import kinetrace
from kinetrace import plugins
from kinetrace.cli import main
from kinetrace.cli.measure import make_app
from kinetrace.errors import PluginError
from kinetrace.measures import angles, make_table
from kinetrace.testing import walker

WALK, TRUTH = walker(duration_s=2)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.keypoints.csv"
    kinetrace.write(WALK, path)
    return path


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["measure", *map(str, arguments)])
    return int(ended.value.code or 0)


def test_a_table_of_angles_is_written_beside_the_keypoints(clip, capsys):
    assert run("angles", clip) == 0
    table = pd.read_csv(clip.with_name("clip.angles.csv"))
    np.testing.assert_allclose(table["left_knee_deg"], TRUTH.knee_flexion_deg["left"], atol=0.1)
    out, err = capsys.readouterr()
    assert out == f"{clip} -> {clip.with_name('clip.angles.csv')}: 60 rows\n"
    assert err == ""


def test_a_summary_of_nothing_is_no_table(clip, capsys):
    assert run("events", clip, "--summary") == 0
    out, err = capsys.readouterr()
    assert out == f"{clip} -> {clip.with_name('clip.events.csv')}: 0 rows\n"
    assert "No event" in err


def test_what_limits_a_table_is_one_line_without_our_code(clip, capsys):
    clip.write_bytes(clip.read_bytes()[:20000])
    assert run("angles", clip) == 0
    err = capsys.readouterr().err
    assert all(line.startswith("kinetrace: ") for line in err.splitlines())
    assert "module.read" not in err
    assert str(clip) in err


def test_its_options_are_flags(clip, tmp_path):
    paths = [tmp_path / f"{i}.csv" for i in range(2)]
    assert run("angles", clip, "-o", paths[0]) == 0
    assert run("angles", clip, "-o", paths[1], "--facing", "left", "--tilt-deg", "3") == 0
    right, left = (pd.read_csv(path) for path in paths)
    np.testing.assert_allclose(left["left_knee_deg"], -right["left_knee_deg"], atol=0.011)
    np.testing.assert_allclose(np.abs(left["trunk_deg"]), 3, atol=0.1)


@pytest.mark.parametrize(
    "flags",
    [["--facing", "up"], ["--min-score", "much"], ["--nothing"], ["--set", "a=1"]],
)
def test_a_flag_that_makes_no_sense_ends_with_2(clip, flags, capsys):
    assert run("angles", clip, *flags) == 2
    assert not clip.with_name("clip.angles.csv").exists()
    assert flags[0] in "".join(capsys.readouterr())


def test_an_option_out_of_range_is_one_line(clip, capsys):
    assert run("angles", clip, "--min-score", "7") == 1
    assert capsys.readouterr().err == ("kinetrace: error: min_score must be within 0..1, got 7.0\n")
    assert run("angles", clip, "--space", "3d") == 1
    assert "no positions in space" in capsys.readouterr().err


def test_it_is_drawn_and_summed_up(clip, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    picture = tmp_path / "a.png"
    assert run("angles", clip, "--plot", picture, "--summary") == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    out = capsys.readouterr().out
    knee = next(line.split() for line in out.splitlines() if line.split()[1:3] == ["knee", "left"])
    assert float(knee[4]) == pytest.approx(TRUTH.knee_flexion_deg["left"].max(), abs=0.1)


def test_what_is_there_is_kept_unless_it_should_not_be(clip, capsys):
    old = clip.with_name("clip.angles.csv")
    old.write_text("mine")
    assert run("angles", clip) == 1
    assert "--overwrite replaces it" in capsys.readouterr().err
    assert old.read_text() == "mine"
    assert run("angles", clip, "--overwrite") == 0
    assert old.read_text().startswith("track_id,")


def test_the_notes_are_told(clip, capsys):
    assert run("angles", clip, "--min-score", "1") == 0
    kinetrace.write(WALK.rows(np.zeros(len(WALK), bool)), clip)
    assert run("angles", clip, "--overwrite") == 0
    assert "kinetrace: There is nobody in these frames.\n" in capsys.readouterr().err


def test_the_lens_is_straightened_first(clip, tmp_path):
    width, height = WALK.size_wh
    calibration = tmp_path / "lens.toml"
    calibration.write_text(
        f"[a]\nsize = [{width}, {height}]\ndistortions = [-0.3, 0.0, 0.0, 0.0]\n"
        f"matrix = [[{width}.0, 0.0, {width / 2}], [0.0, {width}.0, {height / 2}], [0, 0, 1]]\n"
    )
    assert run("angles", clip, "--calibration", calibration) == 0
    table = pd.read_csv(clip.with_name("clip.angles.csv"))
    plain = angles.measure(WALK)
    assert np.abs(table["left_knee_deg"] - plain["left_knee_deg"]).max() > 0.1


def test_a_folder_that_is_not_there_and_a_file_that_is_no_table(clip, tmp_path, capsys):
    assert run("angles", clip, "-o", tmp_path / "no" / "a.csv") == 1
    assert run("angles", tmp_path / "none.csv") == 1
    clip.write_text("a,b\n1,2\n")
    assert run("angles", clip) == 1
    err = capsys.readouterr().err
    assert err.count("kinetrace: error: ") == err.count("\n") == 3


@pytest.mark.parametrize("name", plugins.names("measures"))
def test_every_measure_has_a_command_and_a_help(name, capsys):
    assert run(name, "--help") == 0
    text = capsys.readouterr().out
    assert "--summary" in text
    assert "keypoints, as kinetrace estimate" in " ".join(text.split())


def test_an_installed_measure_is_a_command(monkeypatch, clip, capsys):
    module = ModuleType("a_measure")

    def measure(poses, *, every: int = 1, how: Literal["a", "b"] = "a"):
        """Count rows.

        Parameters
        ----------
        poses
            Whoever.
        every
            How many to count as one.
        how
            Of no meaning.

        Returns
        -------
        pandas.DataFrame
            One row.
        """
        count = {"track_id": [0], "start_s": [0.0], "end_s": [1.0], "rows": [len(poses) // every]}
        return make_table({**count, "how": [how]}, ["That was easy."])

    module.measure = measure
    load, names = plugins.load, plugins.names
    found = {"easy": module}

    def names_ours(kind):
        return ["broken", "easy"] if kind == "measures" else names(kind)

    def load_ours(kind, name):
        if name == "broken":
            raise PluginError("measures 'broken' cannot be imported")
        return found.get(name) or load(kind, name)

    monkeypatch.setattr(plugins, "names", names_ours)

    monkeypatch.setattr(plugins, "load", load_ours)
    app = make_app()
    app(["easy", str(clip), "--every", "2", "--how", "b"], result_action="return_value")
    assert "That was easy." in capsys.readouterr().err
    assert clip.with_name("clip.easy.csv").read_text().splitlines()[1].endswith(",30,b")
    app(["easy", "--help"], result_action="return_value")
    assert "How many to count as one." in capsys.readouterr().out
    with pytest.raises(PluginError, match="has no summary"):
        app(["easy", str(clip), "--overwrite", "--summary"], result_action="return_value")
    with pytest.raises(PluginError, match="cannot be imported"):
        app(["broken"], result_action="return_value")


def test_the_command_line_starts_without_pandas():
    import subprocess

    code = "import sys, kinetrace.cli; print({'pandas', 'matplotlib', 'cv2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
