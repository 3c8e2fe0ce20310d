from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from format_cases import write_quietly
from some_poses import FACE, make_poses

from kinetrace import formats
from kinetrace.errors import FormatError
from kinetrace.skeletons import COCO17


def person(k: int = 17, **rest: Any) -> dict[str, Any]:
    points = [[float(i), 2.0 * i] for i in range(k)]
    return {"keypoints": points, "keypoint_scores": [0.5] * k, **rest}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clip.mmpose.json"


def test_what_the_inferencer_saves_for_a_film(path: Path) -> None:
    # Its box is in a further list.
    someone = person(bbox=[[1.0, 2.0, 3.0, 4.0]], bbox_score=0.75, track_id=3)
    frames = [
        {"frame_id": 0, "instances": [someone, person()]},
        {"frame_id": 1, "instances": []},
        {"frame_id": 4, "instances": [person(bbox=[5.0, 6.0, 7.0, 8.0])]},
    ]
    path.write_text(json.dumps(frames))
    poses = formats.read(path)
    assert poses.skeleton == COCO17
    np.testing.assert_array_equal(poses.frame_index, [0, 1, 4])
    np.testing.assert_array_equal(poses.frame, [0, 0, 2])
    np.testing.assert_array_equal(poses.track_id, [3, -1, -1])
    np.testing.assert_array_equal(poses.bbox_xyxy, [[1, 2, 3, 4], [0, 0, 16, 32], [5, 6, 7, 8]])
    np.testing.assert_array_equal(poses.bbox_score, [0.75, np.nan, np.nan])
    # (0, 0) is a position, for MMPose places every keypoint.
    np.testing.assert_array_equal(poses.xy[0, :2], [[0, 0], [1, 2]])


def test_what_the_inferencer_saves_for_a_picture(path: Path) -> None:
    path.write_text(json.dumps([person(), person()]))
    poses = formats.read(path)
    assert (len(poses), len(poses.frame_time_s)) == (2, 1)


def test_what_the_demonstrations_save(path: Path) -> None:
    """With names; their frames are counted from 1."""
    meta = {
        "dataset_name": "hub",
        "keypoint_id2name": {"0": "hub", "1": "rim"},
        "skeleton_links": [[0, 1]],
    }
    frames = [{"frame_id": 1, "instances": [person(2)]}, {"frame_id": 2, "instances": []}]
    path.write_text(json.dumps({"meta_info": meta, "instance_info": frames}))
    poses = formats.read(path)
    assert (poses.skeleton.name, poses.skeleton.keypoints) == ("hub", ("hub", "rim"))
    assert poses.skeleton.edges == (("hub", "rim"),)
    np.testing.assert_array_equal(poses.frame_index, [0, 1])


def test_scores_above_1_are_1_and_the_third_coordinate_is_passed_over(path: Path) -> None:
    someone = person()
    someone["keypoint_scores"] = [1.25, *[0.5] * 16]
    someone["keypoints"] = [[*point, 9.0] for point in someone["keypoints"]]
    path.write_text(json.dumps([someone]))
    poses = formats.read(path)
    assert poses.score[0, :2].tolist() == [1, 0.5]
    np.testing.assert_array_equal(poses.xy[0, 16], [16, 32])


def test_what_is_written_is_as_mmpose_writes_it(path: Path) -> None:
    poses = make_poses((1, 0, 2), skeleton=FACE)
    write_quietly(poses, path)
    values = json.loads(path.read_text())
    assert values["meta_info"]["keypoint_id2name"] == {
        "0": "nose",
        "1": "left_eye",
        "2": "right_eye",
    }
    frames = values["instance_info"]
    assert [frame["frame_id"] for frame in frames] == [4, 6, 8]
    assert [len(frame["instances"]) for frame in frames] == [1, 0, 2]
    first = frames[0]["instances"][0]
    assert len(first["bbox"]) == 1
    assert first["keypoint_scores"] == pytest.approx(poses.score[0].tolist())
    assert formats.read(path).skeleton == FACE or formats.read(path).skeleton.edges == FACE.edges


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ([person(26)], "there are 26 keypoints and no names of them"),
        ([{"frame_id": 1, "instances": []}, {"frame_id": 1, "instances": []}], "do not ascend"),
        ([{"frame_id": "1", "instances": []}], "'frame_id' must be a whole number"),
        ([{"frame_id": 1, "instances": 3}], "frame 1 has no list of 'instances'"),
        ([{"frame_id": 1, "instances": [{"keypoints": [[1, 2]] * 17}]}], "no 'keypoint_scores'"),
        ([{**person(), "keypoint_scores": [-1.0] * 17}], "score is below 0"),
        ([{**person(), "keypoint_scores": [1.0] * 3}], "keypoint_scores must have shape"),
        ([{**person(), "bbox": [[1, 2]]}], "bbox must have shape"),
        ([{**person(), "keypoints": [1] * 17}], "frame 0: "),
        ({"instance_info": 3}, "no list of frames or people"),
        (
            {
                "meta_info": {"keypoint_id2name": {"0": "a"}, "skeleton_links": [[0, 9]]},
                "instance_info": [],
            },
            "'meta_info' is damaged",
        ),
    ],
)
def test_what_is_wrong_is_named(path: Path, values: Any, complaint: str) -> None:
    path.write_text(json.dumps(values))
    with pytest.raises(FormatError) as caught:
        formats.read(path)
    assert complaint in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
