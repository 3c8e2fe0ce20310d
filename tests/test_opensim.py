from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from format_cases import load_opensim
from moving_body import side_view

from kinetrace.errors import FormatError, OutputError, SourceError
from kinetrace.measures import angles
from kinetrace.opensim import read_motion, write_motion

TIME_S = np.arange(31) / 30
BEND_DEG = 60 * np.sin(np.pi * TIME_S) ** 2
MOTION = """a
version=1
nRows=2
nColumns=3
inDegrees=yes

endheader
time\tknee_angle_r\tpelvis_tx
0.0 -5.5 0.25
0.1\tnan\t1e-3
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clip.mot"


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """The angles of somebody who bends the right knee, who is lost sight of for a moment."""
    poses = side_view(TIME_S, hip_deg=(0, 0), knee_deg=(0, BEND_DEG))
    return angles.measure(poses.rows(np.delete(np.arange(31), [10])))


def test_the_angles_of_a_film_become_a_motion(table: pd.DataFrame, path: Path) -> None:
    write_motion(table, path)
    got = read_motion(path)
    assert got.attrs["in_degrees"] is True
    assert list(got) == ["time_s", *table.filter(regex="_deg$").dropna(axis=1, how="all")]
    np.testing.assert_allclose(got["time_s"], np.delete(TIME_S, 10), atol=5.1e-7)
    np.testing.assert_allclose(got["right_knee_deg"], np.delete(BEND_DEG, 10), atol=0.1)
    np.testing.assert_allclose(got["right_knee_deg"], table["right_knee_deg"], atol=5.1e-5)


def test_the_header_counts_what_there_is_and_time_with_it(table: pd.DataFrame, path: Path) -> None:
    write_motion(table, path)
    head, _, body = path.read_text().partition("endheader\n")
    values = dict(line.split("=") for line in head.splitlines() if "=" in line)
    rows = [line.split("\t") for line in body.splitlines()]
    assert values["version"] == "1"
    assert values["inDegrees"] == "yes"
    assert int(values["nRows"]) == len(rows) - 1 == 30
    assert {len(row) for row in rows} == {int(values["nColumns"])}
    assert rows[0][0] == "time"


def test_frames_that_lack_an_angle_are_left_out_and_told_of(path: Path) -> None:
    table = pd.DataFrame({"time_s": [0.0, 1, 2], "a_deg": [np.nan, 2, 3], "b_deg": [np.nan] * 3})
    with pytest.warns(UserWarning, match="1 of 3 frames lack an angle, most often a_deg"):
        write_motion(table, path)
    got = read_motion(path)
    assert list(got) == ["time_s", "a_deg"]
    np.testing.assert_array_equal(got.to_numpy(), [[1, 2], [2, 3]])
    table["c_deg"] = [1, np.nan, np.nan]
    with pytest.raises(OutputError, match="3 of 3 frames lack an angle, most often c_deg"):
        write_motion(table, path)


def test_opensim_reads_it(table: pd.DataFrame, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opensim = load_opensim(path.parent, monkeypatch)
    table = table.copy()
    table.loc[3, "left_knee_deg"] = np.nan
    with pytest.warns(UserWarning, match="1 of 30 frames"):
        write_motion(table, path)
    table = table.drop(index=3)
    theirs = opensim.TimeSeriesTable(str(path))
    assert theirs.getTableMetaDataString("inDegrees") == "yes"
    assert list(theirs.getColumnLabels()) == list(read_motion(path))[1:]
    np.testing.assert_allclose(theirs.getIndependentColumn(), table["time_s"], atol=5.1e-7)
    for name in ("right_knee_deg", "left_knee_deg"):
        got = theirs.getDependentColumn(name).to_numpy()
        np.testing.assert_allclose(got, table[name], atol=5.1e-5)
    # The older reader, which much of OpenSim still uses, stops at what is no number.
    storage = opensim.Storage(str(path))
    assert storage.getSize() == 29
    assert storage.isInDegrees()


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "rows", "columns", "in_degrees"),
    [
        ("walk1_ik", 73, 24, True),
        ("walk1_grf", 1501, 19, True),
        ("static_output", 1, 302, False),
    ],
)
def test_files_of_opensim(
    shared: Path, name: str, rows: int, columns: int, in_degrees: bool
) -> None:
    source = shared / "data" / "opensim_gait2354_simbody" / f"subject01_{name}.mot"
    got = read_motion(source)
    assert got.shape == (rows, columns)
    assert got.attrs["in_degrees"] is in_degrees
    lines = source.read_text().splitlines()
    want = np.array([[float(v) for v in line.split()] for line in lines[-rows:]])
    np.testing.assert_array_equal(got.to_numpy(), want)


def test_a_motion_that_others_write(path: Path) -> None:
    path.write_bytes(MOTION.replace("\n", "\t\t\r\n").encode())
    got = read_motion(path)
    assert list(got) == ["time_s", "knee_angle_r", "pelvis_tx"]
    np.testing.assert_array_equal(got.to_numpy(), [[0, -5.5, 0.25], [0.1, np.nan, 1e-3]])


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("endheader", "", "no line is 'endheader'"),
        ("-5.5", "five", "line 9: 'five' is not a number"),
        ("-5.5", "inf", "line 9: 'inf' is not a finite number"),
        (" 0.25", "", "line 9 has 2 numbers for 3 columns"),
        ("nRows=2", "nRows=3", "nRows=3, and there are 2"),
        ("nColumns=3", "nColumns=2", "nColumns=2, and there are 3"),
        ("time\t", "t\t", "line 8: the first column must be time, got 't'"),
        ("pelvis_tx", "knee_angle_r", "line 8: two columns have the same name"),
        ("0.1\tnan", "nan\tnan", "line 10: there is no time"),
    ],
)
def test_what_is_wrong_is_named(path: Path, old: str, new: str, complaint: str) -> None:
    assert old in MOTION
    path.write_text(MOTION.replace(old, new))
    with pytest.raises(FormatError) as caught:
        read_motion(path)
    assert complaint in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")


def test_what_cannot_be_read(path: Path) -> None:
    with pytest.raises(SourceError, match="there is no such file"):
        read_motion(path)
    path.write_text("endheader\n")
    with pytest.raises(FormatError, match="there is nothing"):
        read_motion(path)


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ({"time_s": [0.0], "speed_m": [1.0]}, "has no angles over time"),
        ({"a_deg": [1.0]}, "has no angles over time"),
        ({"time_s": [0.0], "a_deg": [np.nan]}, "has no angles over time"),
        (
            {"time_s": [0.0, 1.0], "a_deg": [1.0, 2.0], "track_id": [0, 4]},
            "there are track ids 0, 4",
        ),
        ({"time_s": [0.0, np.nan], "a_deg": [1.0, 2.0]}, "needs times that ascend"),
        ({"time_s": [0.0, 0.0], "a_deg": [1.0, 2.0]}, "needs times that ascend"),
    ],
)
def test_what_makes_no_motion(path: Path, columns: dict[str, list[float]], complaint: str) -> None:
    with pytest.raises(OutputError, match=complaint):
        write_motion(pd.DataFrame(columns), path)
    assert not path.exists()
