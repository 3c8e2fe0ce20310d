from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from some_poses import FACE, assert_same, assert_same_people, make_poses

from kinetrace.errors import OutputError
from kinetrace.formats import parquet
from kinetrace.poses import Poses, concat


def test_columns_have_their_types_and_units(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    parquet.write(make_poses((0, 1), skeleton=FACE, xyz=True, names=True), path)
    schema = pq.read_schema(path)
    assert schema.field("frame").type == pa.int64()
    assert schema.field("track_id").type == pa.int64()
    assert schema.field("time_s").type == pa.float64()
    assert schema.field("file").type == pa.string()
    assert schema.field("nose_x_px").type == pa.float32()
    assert schema.field("nose_x_px").metadata[b"unit"] == b"px"
    assert schema.field("nose_z_m").metadata[b"unit"] == b"m"
    described = json.loads(pq.read_metadata(path).metadata[b"kinetrace"])
    assert described["skeleton"]["name"] == "face"
    # Missing is null, which every reader knows, and not NaN, which most take for a number.
    table = pq.read_table(path)
    assert table["nose_x_px"].null_count >= 1
    assert not np.isnan(table["nose_x_px"].drop_null().to_numpy()).any()


@pytest.mark.parametrize("layout", ["wide", "long"])
def test_pandas_reads_the_table(tmp_path: Path, layout: str) -> None:
    poses = make_poses((1, 0, 2), names=True, xyz=True)
    parquet.write(poses, tmp_path / "a.parquet", layout=layout)  # type: ignore[arg-type]
    want = poses.table(layout)  # type: ignore[arg-type]
    got = pd.read_parquet(tmp_path / "a.parquet")
    assert got["track_id"].dtype == "Int64"
    pd.testing.assert_frame_equal(got, want, check_dtype=False)


def test_written_in_chunks(tmp_path: Path) -> None:
    poses = make_poses((1, 0, 2, 3, 0), skeleton=FACE, xyz=True)
    chunks = [poses.frames(0, 0), poses.frames(0, 2), poses.frames(2, 5)]
    parquet.write_chunks(iter(chunks), tmp_path / "a.parquet")
    assert_same(parquet.read(tmp_path / "a.parquet"), poses)
    assert pq.read_metadata(tmp_path / "a.parquet").num_row_groups >= 2


def test_a_long_clip_is_written_in_row_groups(tmp_path: Path) -> None:
    poses = make_poses((1,) * 25_000, skeleton=FACE)
    parquet.write(poses, tmp_path / "a.parquet")
    assert pq.read_metadata(tmp_path / "a.parquet").num_row_groups == 3
    assert_same(parquet.read(tmp_path / "a.parquet"), poses)


def test_pictures_of_two_sizes_have_no_size(tmp_path: Path) -> None:
    first = make_poses((1, 1), skeleton=FACE)
    second = Poses(**{**vars(first), "frame_index": np.array([10, 11]), "size_wh": (640, 480)})
    parquet.write_chunks([first, second], tmp_path / "a.parquet")
    assert_same(parquet.read(tmp_path / "a.parquet"), concat([first, second]))


def test_chunks_that_do_not_follow_leave_nothing(tmp_path: Path) -> None:
    poses = make_poses((1, 1), skeleton=FACE)
    with pytest.raises(OutputError, match="comes after"):
        parquet.write_chunks([poses, poses], tmp_path / "a.parquet")
    assert not list(tmp_path.iterdir())


def test_a_table_of_another_program(tmp_path: Path) -> None:
    poses = make_poses((1, 0, 2))
    poses.table().drop(columns="bbox_score").to_parquet(tmp_path / "a.parquet")
    got = parquet.read(tmp_path / "a.parquet")
    no_score = Poses(**{**vars(poses), "bbox_score": np.full(3, np.nan)})
    assert_same_people(got, no_score)
