from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from format_cases import sample, write_quietly
from some_poses import FACE, make_poses

from kinetrace import formats
from kinetrace.errors import FormatError, OutputError
from kinetrace.skeletons import BLAZEPOSE33, BODY25, COCO17, COCO18


def file_of(*people: dict[str, Any]) -> str:
    return json.dumps({"version": 1.3, "people": list(people)})


def body(values: list[float], **rest: Any) -> dict[str, Any]:
    return {"person_id": [-1], "pose_keypoints_2d": values, "face_keypoints_2d": [], **rest}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "clip.openpose"
    path.mkdir()
    return path


def test_a_folder_of_openpose(folder: Path) -> None:
    """As its documentation shows one: a file a frame, also of those with nobody."""
    values = [0.0] * 75
    values[0:3], values[3 * 24 : 3 * 25] = [582.349, 507.866, 0.845918], [0.5, 0, 0.25]
    (folder / "clip_000000000007_keypoints.json").write_text(file_of(body(values)))
    (folder / "clip_000000000008_keypoints.json").write_text(file_of())
    (folder / "clip_000000000009_keypoints.json").write_text(file_of(body(values), body(values)))
    (folder / "notes.txt").write_text("mine")
    poses = formats.read(folder)
    assert poses.skeleton == BODY25
    assert poses.frame_name is None
    np.testing.assert_array_equal(poses.frame_index, [7, 8, 9])
    np.testing.assert_array_equal(poses.frame, [0, 2, 2])
    np.testing.assert_array_equal(poses.track_id, [-1, -1, -1])
    assert np.isnan(poses.frame_time_s).all()
    np.testing.assert_allclose(poses.keypoint("nose")[0], [582.349, 507.866])
    np.testing.assert_array_equal(poses.keypoint("right_heel")[0], [0.5, 0])
    # 0, 0, 0 is what it writes for a keypoint that it has not found.
    assert np.isfinite(poses.xy).all(axis=2).sum(axis=1).tolist() == [2, 2, 2]
    assert poses.score[0, 1] == 0
    np.testing.assert_allclose(poses.bbox_xyxy[0], [0.5, 0, 582.349, 507.866])


def test_hands_where_there_are_any(folder: Path) -> None:
    hand = [float(i) for i in range(1, 64)]
    hand[2::3] = [0.5] * 21
    people = [body([1.0] * 54, hand_left_keypoints_2d=hand), body([1.0] * 54)]
    (folder / "clip_000000000000_keypoints.json").write_text(file_of(*people))
    poses = formats.read(folder)
    assert len(poses.skeleton) == 18 + 21 + 21
    np.testing.assert_array_equal(poses.keypoint("left_hand_root")[0], [1, 2])
    np.testing.assert_array_equal(poses.keypoint("left_pinky_finger4")[0], [61, 62])
    assert np.isnan(poses.keypoint("right_hand_root")).all()
    assert np.isnan(poses.keypoint("left_hand_root")[1]).all()


def test_a_folder_of_images(folder: Path) -> None:
    for name in ("b", "a_12", "c"):
        (folder / f"{name}_keypoints.json").write_text(file_of(body([1.0] * 75)))
    poses = formats.read(folder)
    assert poses.frame_name == ("a_12", "b", "c")
    np.testing.assert_array_equal(poses.frame_index, [0, 1, 2])


def test_what_is_written_is_as_openpose_writes_it(tmp_path: Path) -> None:
    poses = make_poses((2, 0), skeleton=BODY25)
    path = tmp_path / "clip.openpose"
    write_quietly(poses, path)
    names = sorted(file.name for file in path.iterdir())
    assert names == [f"clip_{i:012d}_keypoints.json" for i in poses.frame_index]
    values = json.loads((path / names[0]).read_text())
    assert json.loads((path / names[1]).read_text())["people"] == []
    assert len(values["people"]) == 2
    person = values["people"][0]
    assert person["person_id"] == [poses.track_id[0]]
    assert len(person["pose_keypoints_2d"]) == 75
    assert person["hand_left_keypoints_2d"] == person["face_keypoints_2d"] == []
    missing = np.isnan(poses.xy[0]).any(axis=1)
    got = np.array(person["pose_keypoints_2d"]).reshape(25, 3)
    assert missing.any()
    assert (got[missing] == 0).all()
    np.testing.assert_array_equal(got[~missing, :2].astype(np.float32), poses.xy[0][~missing])


@pytest.mark.parametrize(
    ("skeleton", "written"), [(COCO17, COCO18), (FACE, COCO18), (BLAZEPOSE33, BODY25)]
)
def test_other_skeletons_are_written_by_name(tmp_path: Path, skeleton: Any, written: Any) -> None:
    poses = make_poses((1, 2), skeleton=skeleton)
    path = tmp_path / "clip.openpose"
    write_quietly(poses, path)
    got = formats.read(path)
    assert got.skeleton == written
    for name in set(skeleton.keypoints) & set(written.keypoints):
        np.testing.assert_array_equal(got.keypoint(name), poses.keypoint(name))
    for name in set(written.keypoints) - set(skeleton.keypoints) - {"neck", "mid_hip"}:
        assert np.isnan(got.keypoint(name)).all()


def test_the_neck_is_the_middle_of_the_shoulders(tmp_path: Path) -> None:
    poses = make_poses((4, 4, 4), skeleton=BLAZEPOSE33)
    with pytest.warns(UserWarning, match="has no place for the keypoints left_eye_inner"):
        formats.find(Path("a.openpose")).write(poses, tmp_path / "clip.openpose")
    got = formats.read(tmp_path / "clip.openpose")
    for middle, end in (("neck", "shoulder"), ("mid_hip", "hip")):
        ends = [poses.keypoint(f"{side}_{end}") for side in ("left", "right")]
        np.testing.assert_allclose(got.keypoint(middle), np.mean(ends, axis=0), rtol=1e-6)
        scores = [poses.score[:, BLAZEPOSE33.index(f"{side}_{end}")] for side in ("left", "right")]
        np.testing.assert_allclose(
            got.score[:, BODY25.index(middle)], np.minimum(*scores), rtol=1e-6
        )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "that is no JSON, or it is cut short"),
        ("[]", "there is no list of 'people'"),
        ('{"people": [1]}', "there is no list of 'people'"),
        (file_of(body([1.0] * 45)), "bodies of 15"),
        (file_of(body([1.0] * 75), body([1.0] * 54)), "bodies of 18, 25"),
        (file_of({"person_id": [-1]}), "bodies of 0"),
        (file_of(body([0.5] * 74 + [1.5])), "score is not within 0..1"),
        (file_of({**body([1.0] * 75), "person_id": ["x"]}), "must be a whole number"),
        (file_of(body(["x"] * 75)), "must be numbers"),  # type: ignore[list-item]
        (file_of(body([1.0] * 75, hand_left_keypoints_2d=[1.0])), "must have shape"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, text: str, complaint: str) -> None:
    (folder / "a_keypoints.json").write_text(file_of())
    (folder / "b_keypoints.json").write_text(text)
    with pytest.raises(FormatError) as caught:
        formats.read(folder)
    assert complaint in str(caught.value)
    assert str(folder) in str(caught.value)


def test_a_folder_of_any_name(tmp_path: Path) -> None:
    path = tmp_path / "output_json"
    with pytest.warns(UserWarning, match="has no place"):
        formats.write(sample("openpose"), path, format_name="openpose")
    got = formats.read(path, format_name="openpose", fps=25)
    np.testing.assert_allclose(got.frame_time_s, np.arange(12) / 25)
    with pytest.raises(OutputError, match="not empty"):
        formats.write(sample("openpose"), path, format_name="openpose")
