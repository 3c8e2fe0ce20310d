from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from cyclopts import App

from kinetrace import formats
from kinetrace.cli.track import track
from kinetrace.errors import OutputError
from kinetrace.testing import crowd
from kinetrace.tracking import track as follow

app = App()
app.default(track)


def run(*arguments: object) -> None:
    app([str(a) for a in arguments], exit_on_error=False, result_action="return_value")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "clip.keypoints.csv"
    formats.write(crowd(duration_s=3, seed=1)[0], path)
    return path


def test_a_table_gets_its_ids(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(table)
    found = formats.read(table.with_name("clip.tracked.csv"))
    expected = follow(formats.read(table))
    assert np.array_equal(found.track_id, expected.track_id)
    assert np.array_equal(found.frame_time_s, expected.frame_time_s)
    people = len(np.unique(found.track_id))
    assert f"{people} people in 90 frames" in capsys.readouterr().out


def test_an_output_is_not_replaced_unasked(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = table.with_name("people.parquet")
    run(table, "-o", output, "--quiet")
    assert capsys.readouterr().out == ""
    with pytest.raises(OutputError, match="--overwrite"):
        run(table, "-o", output)
    run(table, "-o", output, "--overwrite", "--max-gap", 0.1, "--min-track", 1)
    assert formats.read(output).log[-1]["parameters"]["max_gap_s"] == 0.1


def test_ids_that_are_there_are_kept_unless_told(table: Path) -> None:
    poses = formats.read(table)
    one_id = dataclasses.replace(poses, track_id=np.where(np.arange(len(poses)) == 0, 0, -1))
    formats.write(one_id, table)
    joined, anew = (table.with_name(name) for name in ("joined.csv", "anew.csv"))
    run(table, "-o", joined)
    run(table, "-o", anew, "--again")
    assert len(np.unique(formats.read(joined).track_id)) == 1
    assert np.array_equal(formats.read(anew).track_id, follow(poses).track_id)
