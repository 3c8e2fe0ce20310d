from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from cyclopts import App
from some_poses import assert_same_people, make_poses

from kinetrace import filtering, read, write
from kinetrace.cli.smooth import smooth
from kinetrace.errors import FormatError, OutputError
from kinetrace.testing import walker

app = App()
app.default(smooth)


def run(*arguments):
    app([str(a) for a in arguments], exit_on_error=False, result_action="return_value")


@pytest.fixture
def table(tmp_path):
    poses, _ = walker(duration_s=2, noise_px=2)
    xy = poses.xy.copy()
    xy[20, 3] += 200
    score = np.full(poses.score.shape, 0.9)
    score[30, 4] = 0.1
    path = tmp_path / "clip.keypoints.csv"
    write(dataclasses.replace(poses, xy=xy, score=score), path)
    return path


def test_the_table_is_smoothed_as_in_python(table, capsys):
    run(table)
    output = table.with_name("clip.smooth.csv")
    want = filtering.smooth(read(table))
    got = read(output)
    assert got.log == want.log
    assert_same_people(got, want, px=1e-3, score=1e-4, time_s=1e-6)
    said = capsys.readouterr().out
    assert (
        said == f"{table} -> {output}: drop outliers (1 points), fill gaps (1 points), adaptive\n"
    )


def test_every_setting_reaches_its_step(table, tmp_path):
    output = tmp_path / "out.parquet"
    run(
        *(table, "-o", output, "--method", "butterworth", "--cutoff", 4.5),
        *("--max-gap", 0.05, "--min-score", 0.3, "--quiet"),
    )
    log = {entry["operation"]: entry["parameters"] for entry in read(output).log}
    assert list(log) == ["drop_low_scores", "drop_outliers", "fill_gaps", "butterworth"]
    assert log["drop_low_scores"] == {"min_score": 0.3, "found": {"points": 1}}
    assert log["fill_gaps"]["max_gap_s"] == 0.05
    assert log["butterworth"] == {"cutoff_hz": 4.5, "order": 2}
    run(table, "-o", output, "--method", "savitzky-golay", "--window", 0.5, "--overwrite")
    assert read(output).log[-1]["parameters"] == {"window_s": 0.5, "degree": 3}


def test_quiet_says_nothing(table, capsys):
    run(table, "--quiet")
    assert capsys.readouterr().out == ""


def test_what_is_there_is_kept(table):
    run(table)
    with pytest.raises(OutputError, match="overwrite"):
        run(table)


def test_what_is_smooth_is_smoothed_again_on_request_only(table):
    run(table)
    once = table.with_name("clip.smooth.csv")
    with pytest.raises(FormatError, match=r"already \(drop_outliers, fill_gaps, adaptive\).*again"):
        run(once)
    run(once, "--again")
    assert len(read(table.with_name("clip.smooth.smooth.csv")).log) == 6


def test_who_cannot_be_smoothed(tmp_path):
    untracked = dataclasses.replace(make_poses((1, 1, 1)), track_id=np.full(3, -1))
    photos = dataclasses.replace(make_poses((1, 1)), frame_time_s=np.full(2, np.nan))
    for poses, text in ((untracked, "has an id: run kinetrace track"), (photos, "only a film")):
        path = tmp_path / "clip.csv"
        write(poses, path)
        with pytest.raises(FormatError, match=text):
            run(path)
