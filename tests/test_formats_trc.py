from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from format_cases import load_opensim, sample, write_quietly
from opensim_walk import read_trc
from some_poses import FACE

from kinetrace import formats
from kinetrace.errors import FormatError, OutputError

HEADER = (
    "PathFileType\t4\t(X/Y/Z)\ta.trc\n"
    "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames\n"
    "50\t50\t2\t2\tmm\t50\t1\t2\n"
    "Frame#\tTime\tA.B\t\t\tC\n"
    "\t\tX1\tY1\tZ1\tX2\tY2\tZ2\n"
    "\n"
)
ROWS = "1\t0.00\t10\t20\t-30\t1\t2\t3\n2\t0.02\t\t\t\t4\t5\t6\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clip.trc"


def test_metres_and_y_up_whatever_the_unit(path: Path) -> None:
    for unit, factor in (("mm", 0.001), ("cm", 0.01), ("m", 1), ("M", 1)):
        path.write_text(HEADER.replace("\tmm\t", f"\t{unit}\t") + ROWS)
        poses = formats.read(path)
        assert poses.skeleton.keypoints == ("A.B", "C")
        np.testing.assert_array_equal(poses.frame_time_s, [0, 0.02])
        np.testing.assert_array_equal(poses.frame_index, [0, 1])
        # x to the right stays; up in the file is against y, towards the camera is against z.
        np.testing.assert_allclose(poses.xyz_m[0, 0], np.array([10, -20, 30]) * factor, rtol=1e-6)
        assert np.isnan(poses.xyz_m[1, 0]).all()
        assert np.isnan(poses.xy).all()
        np.testing.assert_array_equal(poses.score, [[1, 1], [0, 1]])


def test_pixels_are_never_called_metres(path: Path) -> None:
    poses = dataclasses.replace(sample("trc", 2, skeleton=FACE), xyz_m=None)
    write_quietly(poses, path)
    lines = path.read_text().split("\n")
    assert lines[2].split("\t")[4] == "px"
    cells = lines[6].split("\t")
    assert cells[2:5] == [f"{v:.3f}" for v in poses.xy[0, 0]] + ["0.000"]
    write_quietly(dataclasses.replace(poses, xyz_m=np.ones((2, 3, 3))), path)
    assert path.read_text().split("\n")[2].split("\t")[4] == "m"
    # Positions in space of which none is known are no reason to call anything metres.
    write_quietly(dataclasses.replace(poses, xyz_m=np.full((2, 3, 3), np.nan)), path)
    assert path.read_text().split("\n")[2].split("\t")[4] == "px"


def test_the_counts_of_the_header_are_those_of_the_rows(path: Path) -> None:
    poses = sample("trc", 7)
    write_quietly(dataclasses.replace(poses, frame_time_s=np.arange(7) * 1001 / 30000), path)
    lines = path.read_text().split("\n")
    values = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=True))
    assert values["DataRate"] == values["CameraRate"] == "29.97"
    assert (values["NumFrames"], values["NumMarkers"]) == ("7", "17")
    rows = [line.split("\t") for line in lines[6:] if line]
    assert [len(row) for row in rows] == [2 + 3 * 17 + 1] * 7
    assert [row[0] for row in rows] == list("1234567")
    assert len(lines[4].split()) == 3 * 17
    assert lines[5] == ""


def test_the_rate_is_that_of_the_frames_not_of_the_gaps(path: Path) -> None:
    time_s = np.array([0, 0.017, 0.033, 0.05, 0.067, 1.067, 1.083, 1.1])
    poses = dataclasses.replace(sample("trc", 8), frame_time_s=time_s)
    write_quietly(poses, path)
    assert float(path.read_text().split("\n")[2].split("\t")[0]) == pytest.approx(60, rel=1e-3)
    np.testing.assert_allclose(formats.read(path).frame_time_s, time_s)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("\t20\t", "\ttwenty\t", "line 7: 'twenty' is not a number"),
        ("\t20\t", "\t1_0\t", "line 7: '1_0' is not a number"),
        ("\t20\t", "\tinf\t", "line 7: 'inf' is not a finite number"),
        ("\t20\t", "\t20\t20\t", "line 7 has 9 cells, the header has 8"),
        ("2\t0.02", "two\t0.02", "line 8: 'two' is not a number"),
        ("2\t0.02", "\t0.02", "line 8 must begin with the frame's number and its time"),
        ("2\t0.02", "2.5\t0.02", "line 8 must begin with the frame's number and its time"),
        ("2\t0.02", "2\t0.00", "the time 0.0 s comes after 0.0 s"),
        ("\tmm\t", "\tfurlong\t", "the unit 'furlong' is not known; there are: m, cm, mm and px"),
        ("50\t50\t2", "0\t50\t2", "its rate must be above 0 Hz, got 0.0"),
        ("\t2\tmm", "\t3\tmm", "line 4 names 2 markers, NumMarkers in line 3 is 3"),
        (
            "\t2\tmm",
            "\t-2\tmm",
            "line 3: NumMarkers must be a whole number of at most nine digits, got '-2'",
        ),
        ("\tUnits", "\tUnit", "line 3: there is no Units"),
        ("\tC\n", "\tA.B\n", "there are two markers 'A.B'"),
        ("Frame#", "Frames", "line 4 must begin with Frame# and Time"),
        ("PathFileType", "Path", "line 1: it is no TRC file"),
        ("\t20\t", "\t1e300\t", "too large"),
    ],
)
def test_what_is_wrong_is_named(path: Path, old: str, new: str, complaint: str) -> None:
    text = HEADER + ROWS
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(FormatError) as caught:
        formats.read(path)
    assert complaint in str(caught.value)


def test_a_file_that_was_cut_is_read_with_a_warning(path: Path) -> None:
    path.write_text(HEADER + ROWS[: ROWS.index("2\t0.02")])
    with pytest.warns(UserWarning, match="it has 1 of 2 frames"):
        assert len(formats.read(path).frame_time_s) == 1


def test_windows_line_ends_and_cells_that_are_left_out(path: Path) -> None:
    text = HEADER + "1\t0\t1\t2\t3\n2\t0.02\t1\t2\t3\t4\t5\t6\t\t\n"
    path.write_bytes(text.replace("\t\t\n", "\t\n").replace("\n", "\r\n").encode())
    poses = formats.read(path)
    assert np.isnan(poses.xyz_m[0, 1]).all()
    np.testing.assert_allclose(poses.xyz_m[1, 1], [0.004, -0.005, -0.006])


@pytest.mark.parametrize(
    ("time_s", "frames"), [([0.5], 1), ([np.nan, np.nan], 2), ([0, 0], 2), ([1, 0], 2)]
)
def test_no_frame_rate_is_made_up(path: Path, time_s: list[float], frames: int) -> None:
    poses = dataclasses.replace(sample("trc", frames), frame_time_s=np.array(time_s))
    with pytest.raises(OutputError, match="at least two frames at times that ascend"):
        formats.write(poses, path)
    assert not path.exists()


def test_names_that_a_tab_would_break(path: Path) -> None:
    skeleton = dataclasses.replace(FACE, keypoints=("nose", "a\tb", "c"), edges=())
    with pytest.raises(OutputError, match=r"named 'a\\tb'"):
        formats.write(sample("trc", 2, skeleton=skeleton), path)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["walk1", "static"])
def test_a_file_of_a_laboratory(shared: Path, path: Path, name: str) -> None:
    source = shared / "data" / "opensim_gait2354_simbody" / f"subject01_{name}.trc"
    poses = formats.read(source)
    time_s, markers = read_trc(source)
    assert poses.skeleton.keypoints == tuple(markers)
    # The file rounds its times to the millisecond.
    np.testing.assert_allclose(poses.frame_time_s, time_s, atol=5.1e-4)
    for marker, xyz_m in markers.items():
        got = poses.xyz_m[:, poses.skeleton.index(marker)]
        np.testing.assert_allclose(got, xyz_m * [1, -1, -1], atol=1e-6)
    formats.write(poses, path)
    np.testing.assert_allclose(formats.read(path).xyz_m, poses.xyz_m, atol=5.1e-6)


@pytest.mark.parametrize("unit", ["m", "px"])
def test_opensim_reads_it(path: Path, unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opensim = load_opensim(path.parent, monkeypatch)
    poses = sample("trc", 9)
    # The last marker of a row is what its reader takes for the end of the line.
    xyz = poses.xyz_m.copy()
    xyz[2, -1] = np.nan
    poses = dataclasses.replace(poses, xyz_m=xyz if unit == "m" else None)
    write_quietly(poses, path)
    table = opensim.TimeSeriesTableVec3(str(path))
    assert table.getTableMetaDataString("Units") == unit
    assert float(table.getTableMetaDataString("DataRate")) == pytest.approx(30)
    assert tuple(table.getColumnLabels()) == poses.skeleton.keypoints
    np.testing.assert_allclose(table.getIndependentColumn(), poses.frame_time_s, atol=5e-7)
    got = np.array(
        [
            [table.getRowAtIndex(i)[j].to_numpy() for j in range(17)]
            for i in range(table.getNumRows())
        ]
    )
    want = xyz * [1, -1, -1] if unit == "m" else np.pad(poses.xy, ((0, 0), (0, 0), (0, 1)))
    want = np.where(np.isnan(want).any(axis=2, keepdims=True), np.nan, want)
    np.testing.assert_allclose(got, want, atol=5.1e-6 if unit == "m" else 5.1e-4)


@pytest.mark.shared
def test_opensim_reads_the_same_from_our_copy(
    shared: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opensim = load_opensim(path.parent, monkeypatch)
    source = shared / "data" / "opensim_gait2354_simbody" / "subject01_walk1.trc"
    formats.write(formats.read(source), path)

    def first_marker(file: Path) -> np.ndarray:
        table = opensim.TimeSeriesTableVec3(str(file))
        scale = {"mm": 0.001, "m": 1}[table.getTableMetaDataString("Units")]
        rows = range(table.getNumRows())
        return np.array([table.getRowAtIndex(i)[0].to_numpy() for i in rows]) * scale

    np.testing.assert_allclose(first_marker(path), first_marker(source), atol=5.1e-6)


def test_frames_without_anybody_are_there(path: Path) -> None:
    poses = sample("trc", 3, skeleton=FACE)
    write_quietly(poses.rows(np.array([0, 2])), path)
    got = formats.read(path)
    assert len(got.frame_time_s) == 3
    np.testing.assert_array_equal(got.frame, [0, 2])
