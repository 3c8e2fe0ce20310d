from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from some_poses import FACE, any_poses, assert_same, assert_same_people, make_poses

from kinetrace.errors import FormatError, OutputError
from kinetrace.poses import Poses, Skeleton, bounds, concat
from kinetrace.skeletons import COCO17
from kinetrace.tables import columns, from_table, to_table, unit

each_layout = pytest.mark.parametrize("layout", ["wide", "long"])
BOX = ["bbox_x1_px", "bbox_y1_px", "bbox_x2_px", "bbox_y2_px"]


def back(df: pd.DataFrame, like: Poses) -> Poses:
    return from_table(df, skeleton=FACE, size_wh=like.size_wh, source=like.source, log=like.log)


def test_columns_of_the_wide_layout() -> None:
    names = [f"{k}_{end}" for k in FACE.keypoints for end in ("x_px", "y_px", "score")]
    first = ["frame", "time_s", "track_id", *BOX, "bbox_score"]
    assert columns(make_poses(skeleton=FACE)) == [*first, *names]
    full = columns(make_poses(skeleton=FACE, xyz=True, names=True))
    assert full[:3] == ["frame", "time_s", "file"]
    assert full[-9:] == [f"{k}_{end}" for k in FACE.keypoints for end in ("x_m", "y_m", "z_m")]


def test_columns_of_the_long_layout() -> None:
    assert columns(make_poses(xyz=True, names=True), "long") == [
        *("frame", "time_s", "file", "person", "track_id", *BOX, "bbox_score"),
        *("keypoint", "x_px", "y_px", "score", "x_m", "y_m", "z_m"),
    ]


def test_columns_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="'tall'"):
        columns(make_poses(), "tall")  # type: ignore[arg-type]
    bad = make_poses(skeleton=Skeleton(name="s", keypoints=("bbox", "nose")))
    with pytest.raises(OutputError, match="'bbox'"):
        columns(bad)


@each_layout
@pytest.mark.parametrize("people", [(), (0, 0), (1, 0, 2)])
def test_table_has_its_columns_and_types(layout: Any, people: tuple[int, ...]) -> None:
    poses = make_poses(people, xyz=True, names=True)
    df = to_table(poses, layout)
    assert list(df.columns) == columns(poses, layout)
    assert df["frame"].dtype == np.int64
    assert df["time_s"].dtype == np.float64
    assert df["track_id"].dtype == "Int64"
    floats = [name for name in df if unit(str(name)) in ("px", "m") or "score" in str(name)]
    assert set(df[floats].dtypes) == {np.dtype(np.float32)}


@each_layout
def test_a_frame_with_nobody_in_it_has_one_row(layout: Any) -> None:
    poses = make_poses((1, 0, 2), names=True)
    df = poses.table(layout)
    rows = df[df["frame"] == poses.frame_index[1]]
    assert len(rows) == 1
    assert rows["time_s"].item() == poses.frame_time_s[1]
    assert rows["file"].item() == 'a, "b" 1.jpg'
    assert rows.drop(columns=["frame", "time_s", "file"]).isna().all(axis=None)
    assert len(df) == (4 if layout == "wide" else 1 + 3 * 17)


def test_the_cells_are_the_arrays() -> None:
    poses = make_poses((1, 0, 2), xyz=True)
    wide = poses.table().dropna(subset="track_id")
    np.testing.assert_array_equal(wide["left_knee_y_px"], poses.keypoint("left_knee")[:, 1])
    np.testing.assert_array_equal(wide["nose_z_m"], poses.xyz_m[:, 0, 2])  # type: ignore[index]
    long = poses.table("long")
    knee = long[long["keypoint"] == "left_knee"]
    np.testing.assert_array_equal(knee["y_px"], poses.keypoint("left_knee")[:, 1])
    assert list(knee["person"]) == [0, 0, 1]


@each_layout
@settings(max_examples=100, deadline=None)
@given(poses=any_poses(), random=st.randoms(use_true_random=False))
def test_order_and_company_of_rows_and_columns_do_not_matter(
    layout: Any, poses: Poses, random: Any
) -> None:
    df = to_table(poses, layout)
    names = [*df.columns, "remark"]
    df["remark"] = "checked"
    random.shuffle(names)
    # Rows of a frame keep their order, which is all that numbers people in the wide layout.
    frames = list(poses.frame_index)
    random.shuffle(frames)
    parts = [df[df["frame"] == frame] for frame in frames]
    mixed = pd.concat(parts) if parts else df
    if layout == "long":
        mixed = mixed.sample(frac=1, random_state=random.randrange(2**32))
    got = from_table(
        mixed[names],
        skeleton=poses.skeleton,
        size_wh=poses.size_wh,
        source=poses.source,
        log=poses.log,
    )
    assert_same(got, poses)


@each_layout
def test_the_skeleton_is_found_by_its_names(layout: Any) -> None:
    df = make_poses(skeleton=COCO17).table(layout)
    assert from_table(df[df.columns[::-1]]).skeleton is COCO17
    custom = from_table(make_poses(skeleton=FACE).table(layout)).skeleton
    assert (custom.name, custom.keypoints, custom.edges) == ("custom", FACE.keypoints, ())


def test_keypoints_that_the_table_lacks_are_missing() -> None:
    df = make_poses((2,)).table()
    kept = df.drop(columns=[name for name in df if "eye" in name])
    poses = from_table(kept, skeleton=COCO17)
    assert np.isnan(poses.keypoint("left_eye")).all()
    assert (poses.score[:, COCO17.index("left_eye")] == 0).all()
    assert from_table(kept).skeleton.name == "custom"
    with pytest.raises(FormatError, match="none of its keypoints is one of 'face'"):
        from_table(
            df.rename(columns=lambda n: n.replace("nose", "n").replace("eye", "e")), skeleton=FACE
        )


@each_layout
def test_what_is_missing_is_assumed_as_little_as_can_be(layout: Any) -> None:
    poses = make_poses((1, 0, 2), skeleton=FACE)
    df = poses.table(layout)
    less = df.drop(columns=[n for n in df if "score" in n or "bbox" in n or n == "track_id"])
    got = back(less, poses)
    np.testing.assert_array_equal(got.xy, poses.xy)
    np.testing.assert_array_equal(got.score, ~np.isnan(poses.xy[..., 0]))
    np.testing.assert_array_equal(got.bbox_xyxy, bounds(poses.xy))
    assert (got.track_id == -1).all()
    assert np.isnan(got.bbox_score).all()
    assert len(got.frame_time_s) == 3
    without = back(df.drop(columns="time_s"), poses)
    assert np.isnan(without.frame_time_s).all()


def test_someone_is_there_who_has_no_keypoint() -> None:
    poses = Poses(
        skeleton=FACE,
        frame_time_s=np.zeros(2),
        frame=np.array([0]),
        xy=np.full((1, 3, 2), np.nan),
        score=np.zeros((1, 3)),
    )
    for layout in ("wide", "long"):
        got = back(to_table(poses, layout), poses)
        assert_same_people(got, poses)
        untracked = back(to_table(poses, layout).drop(columns="track_id"), poses)
        assert len(untracked) == 1


@pytest.mark.parametrize("column", [*BOX, "bbox_score", "nose_x_px", "nose_score", "nose_z_m"])
def test_someone_is_there_of_whom_one_cell_tells(column: str) -> None:
    df = make_poses((1,), skeleton=FACE, xyz=True).table().drop(columns="track_id").astype(object)
    df.loc[0, df.columns[2:]] = np.nan
    assert len(from_table(df)) == 0
    df.loc[0, column] = 0.5
    assert len(from_table(df)) == 1


def test_long_rows_without_a_person_go_by_track() -> None:
    poses = make_poses((2, 1), skeleton=FACE)
    poses = Poses(**{**vars(poses), "track_id": np.array([7, 9, 7])})
    got = back(poses.table("long").drop(columns="person"), poses)
    assert_same_people(got, poses)


def test_frames_of_two_sources_have_no_table() -> None:
    with pytest.raises(OutputError, match="frame 3 comes after frame 7.*one table for each"):
        concat([make_poses(), make_poses()]).table()


def wide() -> pd.DataFrame:
    return make_poses((1, 2, 1), skeleton=FACE, names=True, seed=3).table()


def long() -> pd.DataFrame:
    return make_poses((1, 2, 1), skeleton=FACE, seed=3).table("long")


def put(df: pd.DataFrame, column: str, row: int, value: object) -> pd.DataFrame:
    df = df.astype({column: object})
    df.loc[row, column] = value
    return df


@pytest.mark.parametrize(
    ("df", "text"),
    [
        (wide().drop(columns="frame"), "there is no column 'frame'; there are: time_s, file"),
        (wide().drop(columns="nose_y_px"), "column 'nose_x_px' but no 'nose_y_px'"),
        (wide().drop(columns="nose_x_px"), "column 'nose_y_px' but no 'nose_x_px'"),
        (wide().drop(columns="bbox_y2_px"), "there is no column 'bbox_y2_px'"),
        (wide()[["frame", "time_s"]], "no table of keypoints.*there are: frame, time_s"),
        (put(wide(), "nose_x_px", 2, "12,5"), "'nose_x_px', data row 3: '12,5' is not a number"),
        (put(wide(), "nose_x_px", 2, "inf"), "'nose_x_px', data row 3: 'inf' is not a number"),
        (put(wide(), "nose_x_px", 2, 1e300), "1e.300 is too large"),
        (put(wide(), "nose_score", 1, 1.2), "'nose_score', data row 2: a score of 1.2 is not"),
        (put(wide(), "bbox_score", 1, -1), "'bbox_score', data row 2: a score of -1.0 is not"),
        (put(wide(), "frame", 1, 5.5), "'frame', data row 2: 5.5 is not a whole number"),
        (put(wide(), "frame", 1, None), "'frame', data row 2: the cell is empty"),
        (put(wide(), "track_id", 0, 0.5), "'track_id', data row 1: 0.5 is not a whole number"),
        (put(wide(), "time_s", 2, 9), r"frame 5 is told to be two: .*row 2\) and 9.0 \(data row 3"),
        (put(wide(), "file", 2, "x"), r"frame 5 is told to be two: .*row 2\) and x \(data row 3"),
        (wide().set_axis(["frame", *wide().columns[:-1]], axis=1), "two columns 'frame'"),
        (put(long(), "keypoint", 1, "nose"), "'keypoint', data row 2: .* had this keypoint before"),
        (put(long(), "track_id", 1, 77), "'track_id', data row 2: that person has another"),
        (put(long(), "person", 1, None), "'person', data row 2: the cell is empty"),
        (put(long(), "score", 4, "high"), "'score', data row 5: 'high' is not a number"),
    ],
)
def test_what_is_wrong_is_named(df: pd.DataFrame, text: str) -> None:
    with pytest.raises(FormatError, match=text):
        from_table(df)
