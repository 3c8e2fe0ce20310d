from __future__ import annotations

import csv
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from some_poses import FACE, assert_same, assert_same_people, make_poses

from kinetrace import formats
from kinetrace.errors import FormatError, OutputError
from kinetrace.formats import csv as csv_format
from kinetrace.poses import Poses, Skeleton, concat

CLOSE = {"px": 5e-4, "score": 5e-5, "m": 5e-6, "time_s": 5e-7}


@pytest.fixture
def poses() -> Poses:
    return make_poses((1, 0, 2), skeleton=FACE, xyz=True, names=True)


@pytest.fixture
def path(tmp_path: Path, poses: Poses) -> Path:
    csv_format.write(poses, tmp_path / "clip.keypoints.csv")
    return tmp_path / "clip.keypoints.csv"


def sidecar_of(path: Path) -> Path:
    return path.with_name(path.name + "-metadata.json")


def test_each_row_has_the_cells_of_the_header(path: Path) -> None:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert rows[2] == ["5", "0.033367", 'a, "b" 1.jpg', *[""] * (len(rows[0]) - 3)]
    assert b"\r" not in path.read_bytes()
    assert path.read_bytes().endswith(b"\n")


def test_pandas_reads_the_same_table(path: Path, poses: Poses) -> None:
    df = pd.read_csv(path)
    want = poses.table()
    assert list(df.columns) == list(want.columns)
    np.testing.assert_allclose(df["nose_x_px"], want["nose_x_px"], atol=5.1e-4)
    assert df["file"].tolist() == want["file"].tolist()


def test_without_its_sidecar(path: Path, poses: Poses) -> None:
    sidecar_of(path).unlink()
    got = csv_format.read(path)
    assert_same_people(got, poses, **CLOSE)
    assert got.skeleton.edges == ()
    assert got.size_wh is None
    assert got.log == ()


def test_a_sidecar_of_another_table_tells_no_skeleton(path: Path, tmp_path: Path) -> None:
    other = make_poses((1,), skeleton=Skeleton(name="arm", keypoints=("elbow", "wrist")))
    csv_format.write(other, tmp_path / "other.csv")
    sidecar_of(path).write_bytes(sidecar_of(tmp_path / "other.csv").read_bytes())
    assert csv_format.read(path).skeleton.keypoints == FACE.keypoints


def test_columns_removed_by_hand_keep_the_skeleton(path: Path) -> None:
    df = pd.read_csv(path)
    df.drop(columns=[name for name in df if "left_eye" in name]).to_csv(path, index=False)
    got = csv_format.read(path)
    assert got.skeleton == FACE
    assert np.isnan(got.keypoint("left_eye")).all()


def test_a_sidecar_of_another_program_is_passed_over(path: Path) -> None:
    sidecar_of(path).write_text('{"@context": "http://www.w3.org/ns/csvw", "url": "x.csv"}')
    assert csv_format.read(path).log == ()


@pytest.mark.parametrize("data", [b"", b'{"kinetrace:poses": {"version": 1}}', b"\xff\0"])
def test_a_damaged_sidecar_is_named(path: Path, data: bytes) -> None:
    sidecar_of(path).write_bytes(data)
    with pytest.raises(
        FormatError, match=r"sidecar clip\.keypoints\.csv-metadata\.json is dam.*Rem"
    ):
        csv_format.read(path)


def test_a_sidecar_of_a_later_version(path: Path) -> None:
    text = sidecar_of(path).read_text(encoding="utf-8")
    sidecar_of(path).write_text(text.replace('"version": 1', '"version": 2'), encoding="utf-8")
    with pytest.raises(FormatError, match="upgrade"):
        csv_format.read(path)


def test_the_sidecar_is_valid_csv_on_the_web(tmp_path: Path) -> None:
    csvw = pytest.importorskip("csvw", reason="the CSVW validator is not installed")
    skeleton = Skeleton(name="s", keypoints=("nose", "linkes Knie", "右_手-1"))
    for layout in ("wide", "long"):
        path = tmp_path / f"{layout}.csv"
        poses = make_poses((1, 0, 2), skeleton=skeleton, xyz=True, names=True)
        csv_format.write(poses, path, layout=layout)
        table = csvw.CSVW(str(sidecar_of(path)), validate=True)
        assert table.is_valid, table.warnings
        # The units, and the meaning of every column.
        found = json.loads(sidecar_of(path).read_text(encoding="utf-8"))["tableSchema"]["columns"]
        by_name = {column["titles"]: column for column in found}
        assert by_name["time_s"]["schema:unitText"] == "s"
        assert all(column["dc:description"] for column in found)
        assert [column["titles"] for column in found] == list(poses.table(layout).columns)


def test_as_a_spreadsheet_with_decimal_commas_saves_it(path: Path, poses: Poses) -> None:
    df = pd.read_csv(path)
    df.to_csv(path, sep=";", decimal=",", index=False, encoding="utf-8-sig", lineterminator="\r\n")
    assert_same_people(csv_format.read(path), poses, **CLOSE)
    df.to_csv(path, sep="\t", index=False)
    assert_same_people(csv_format.read(path), poses, **CLOSE)


def test_as_r_saves_it(path: Path, poses: Poses) -> None:
    df = pd.read_csv(path)
    df.to_csv(path, na_rep="NA", index=True, index_label="", quoting=csv.QUOTE_NONNUMERIC)
    text = path.read_text(encoding="utf-8").replace('"NA"', "NA")
    path.write_text(text, encoding="utf-8")
    assert_same_people(csv_format.read(path), poses, **CLOSE)


def test_file_names_that_look_like_nothing(tmp_path: Path) -> None:
    names = ("NA", "", "0012", "null", "1e3", " a ", "ü\n;\t'", "=1+1", "\udc80.jpg")
    poses = make_poses((1,) * len(names), skeleton=FACE)
    poses = Poses(**{**vars(poses), "frame_name": names})
    csv_format.write(poses, tmp_path / "a.csv")
    # A name that is no Unicode is shown, not lost: the file must stay UTF-8.
    assert csv_format.read(tmp_path / "a.csv").frame_name == (*names[:-1], "\\udc80.jpg")
    (tmp_path / "a.csv").read_bytes().decode("utf-8")


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        (lambda t: t.replace("frame,", "fram,", 1), "there is no column 'frame'"),
        (lambda t: t.replace(",track_id,", ",time_s,", 1), "two columns 'time_s'"),
        (lambda t: t + "9,0.3\n", "line 6 has 2 cells, the header has 27"),
        (lambda t: t + "9" + "," * 50 + "\n", "line 6 has 51 cells, the header has 27"),
        (lambda t: t + '9,0.3,"x\n', "in quotes does not end"),
        (lambda t: t.replace("0.033367", "soon", 1), "column 'time_s', data row 2: 'soon' is not"),
        (lambda t: "\n" + t, "first line is empty"),
    ],
)
def test_what_is_wrong_is_named(path: Path, edit: object, text: str) -> None:
    sidecar_of(path).unlink()
    path.write_text(edit(path.read_text(encoding="utf-8")), encoding="utf-8")  # type: ignore[operator]
    with pytest.raises(FormatError, match=text) as caught:
        csv_format.read(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_cut_number_is_not_read(path: Path) -> None:
    whole = csv_format.read(path)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.warns(UserWarning, match="last line is left out"):
        got = csv_format.read(path)
    assert len(got) == len(whole) - 1
    path.write_bytes(path.read_bytes()[: path.read_bytes().rindex(b"\n") + 1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(csv_format.read(path)) == len(whole) - 1


@pytest.mark.parametrize("layout", ["wide", "long"])
def test_writing_piece_by_piece_is_writing_at_once(tmp_path: Path, layout: str) -> None:
    poses = make_poses((1, 0, 2, 3, 0), skeleton=FACE, xyz=True, names=True)
    csv_format.write(poses, tmp_path / "a.csv", layout=layout)  # type: ignore[arg-type]
    writer = csv_format.Writer(tmp_path / "b.csv", poses.frames(0, 0), layout=layout)  # type: ignore[arg-type]
    for i in range(5):
        writer.append(poses.frames(i, i + 1))
        got = csv_format.read(tmp_path / "b.csv")
        assert_same(got, csv_format.read(tmp_path / "a.csv").frames(0, i + 1))
    writer.close()
    writer.close()
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_reading_and_writing_again_changes_nothing(path: Path, tmp_path: Path) -> None:
    csv_format.write(csv_format.read(path), tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == path.read_bytes()


def test_pictures_of_two_sizes_have_no_size(tmp_path: Path) -> None:
    first = make_poses((1, 1), skeleton=FACE)
    second = Poses(**{**vars(first), "frame_index": np.array([10, 11]), "size_wh": (640, 480)})
    writer = csv_format.Writer(tmp_path / "a.csv", first)
    writer.append(first)
    assert csv_format.read(tmp_path / "a.csv").size_wh == (1920, 1080)
    writer.append(second)
    writer.close()
    assert_same(csv_format.read(tmp_path / "a.csv"), concat([first, second]), **CLOSE)


def test_a_writer_takes_what_fits_its_header(tmp_path: Path) -> None:
    poses = make_poses((1, 1), skeleton=FACE)
    writer = csv_format.Writer(tmp_path / "a.csv", poses)
    writer.append(poses)
    with pytest.raises(OutputError, match="frame 3 comes after frame 5"):
        writer.append(poses)
    for other in (
        make_poses((1,)),
        make_poses((1,), skeleton=FACE, xyz=True),
        make_poses((1,), skeleton=FACE, names=True),
    ):
        with pytest.raises(ValueError):
            writer.append(other)
    writer.close()
    assert len(formats.read(tmp_path / "a.csv")) == 2
