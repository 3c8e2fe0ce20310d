from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from some_poses import FACE, assert_same, make_poses

from kinetrace.errors import FormatError, OutputError
from kinetrace.formats import coco
from kinetrace.poses import Poses, concat
from kinetrace.skeletons import COCO17


def save(values: Any, path: Path) -> Path:
    path.write_text(json.dumps(values))
    return path


def dataset(**changes: Any) -> dict[str, Any]:
    annotation = {
        "id": 11,
        "image_id": 8,
        "category_id": 1,
        "iscrowd": 0,
        "num_keypoints": 2,
        "bbox": [10, 20, 30, 40],
        "area": 700.5,
        "keypoints": [10, 20, 2, 0, 0, 0, 40, 60, 1],
    }
    return {
        "images": [
            {"id": 9, "width": 640, "height": 480, "file_name": "b.jpg"},
            {"id": 8, "width": 320, "height": 240, "file_name": "a.jpg"},
        ],
        "annotations": [annotation | changes],
        "categories": [
            {"id": 2, "name": "car"},
            {"id": 1, "name": "p", "keypoints": ["a", "b", "c"], "skeleton": [[1, 2], [3, 1]]},
        ],
    }


def test_a_dataset_as_coco_means_it(tmp_path: Path) -> None:
    poses = make_poses((2, 0), skeleton=FACE, names=True)
    coco.write(poses, tmp_path / "a.json")
    values = json.loads((tmp_path / "a.json").read_text())
    assert [image["id"] for image in values["images"]] == [3, 5]
    assert values["images"][0]["width"] == 1920
    assert values["images"][0]["file_name"] == 'a, "b" 0.jpg'
    assert values["categories"][0]["keypoints"] == list(FACE.keypoints)
    assert values["categories"][0]["skeleton"] == [[1, 2], [1, 3]]
    for i, annotation in enumerate(values["annotations"]):
        points = np.array(annotation["keypoints"]).reshape(-1, 3)
        there = np.isfinite(poses.xy[i, :, 0])
        assert (points[~there] == 0).all()
        assert (points[there, 2] == 2).all()
        np.testing.assert_allclose(points[there, :2], poses.xy[i][there], rtol=1e-6)
        assert annotation["num_keypoints"] == there.sum()
        x, y, w, h = annotation["bbox"]
        np.testing.assert_allclose([x, y, x + w, y + h], poses.bbox_xyxy[i], atol=1e-9)
        assert annotation["area"] == pytest.approx(w * h)
        assert 0 <= annotation["score"] <= 1
    assert [a["id"] for a in values["annotations"]] == [1, 2]


def test_a_dataset_of_others(tmp_path: Path) -> None:
    poses = coco.read(save(dataset(), tmp_path / "a.json"))
    assert poses.skeleton.edges == (("a", "b"), ("c", "a"))
    assert poses.frame_index.tolist() == [8, 9]
    assert poses.frame_name == ("a.jpg", "b.jpg")
    assert poses.frame.tolist() == [0]
    assert poses.size_wh is None
    assert np.isnan(poses.frame_time_s).all()
    np.testing.assert_array_equal(poses.xy[0], [[10, 20], [np.nan, np.nan], [40, 60]])
    assert poses.score.tolist() == [[1, 0, 1]]
    assert poses.bbox_xyxy.tolist() == [[10, 20, 40, 60]]
    assert poses.track_id.tolist() == [-1]
    assert np.isnan(poses.bbox_score).all()
    assert poses.xyz_m is None


def test_crowds_and_cars_are_no_person(tmp_path: Path) -> None:
    for change in ({"iscrowd": 1}, {"category_id": 2}):
        poses = coco.read(save(dataset(**change), tmp_path / "a.json"))
        assert len(poses) == 0
        assert len(poses.frame_time_s) == 2


def test_a_list_of_results(tmp_path: Path) -> None:
    points = np.arange(51.0).reshape(17, 3)
    points[:, 2] /= 100
    points[4] = 0
    results = [
        {"image_id": 9, "category_id": 1, "keypoints": points.ravel().tolist(), "score": 0.5},
        {"image_id": 7, "category_id": 1, "keypoints": points.ravel().tolist(), "score": 0.25},
        {"image_id": 9, "category_id": 1, "keypoints": [0] * 51, "score": 0},
    ]
    poses = coco.read(save(results, tmp_path / "a.json"))
    assert poses.skeleton is COCO17
    assert poses.frame_index.tolist() == [7, 9]
    assert poses.frame.tolist() == [0, 1, 1]
    assert poses.bbox_score.tolist() == [0.25, 0.5, 0]
    assert np.isnan(poses.xy[0, 4]).all()
    np.testing.assert_allclose(poses.score[1], points[:, 2], rtol=1e-6)
    np.testing.assert_allclose(poses.xy[0, 5], points[5, :2])
    assert np.isnan(poses.xy[2]).all()
    np.testing.assert_allclose(poses.bbox_xyxy[0], [0, 1, 48, 49])
    assert len(coco.read(save([], tmp_path / "b.json"))) == 0


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"images": []}, "no COCO keypoints file"),
        (dataset() | {"categories": [{"id": 1}]}, "no category has keypoints"),
        (dataset() | {"annotations": 3}, "annotations must be a list, got int"),
        (dataset() | {"images": [{"id": 8}, {"id": 8}]}, "two images have the same id"),
        (dataset() | {"images": [{"id": "8"}]}, "image 8: 'id' must be a whole number, got '8'"),
        (dataset(image_id=3), "annotation 11: there is no image 3"),
        (dataset(keypoints=[1, 2, 2]), r"annotation 11: keypoints must have shape \(9,\)"),
        (dataset(keypoints=[1, 2, 0.7] * 3), "annotation 11: a keypoint's v must be 0, 1 or 2"),
        (dataset(bbox=[1, 2, 3]), "annotation 11: not enough values"),
        ([{"image_id": 1, "keypoints": [1, 2, 0.5]}], r"result number 0: .*shape \(51,\)"),
        ([{"image_id": 1, "keypoints": [1, 2, 1.5] * 17}], "number 0: a keypoint's score is not"),
        ([{"keypoints": [1, 2, 0.5] * 17}], "number 0: 'image_id' must be a whole number"),
        ([{"image_id": 1}], "result number 0 has no 'keypoints'"),
        ([7], "result number 0: "),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, values: Any, text: str) -> None:
    path = save(values, tmp_path / "a.json")
    with pytest.raises(FormatError, match=text) as caught:
        coco.read(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_written_in_chunks(tmp_path: Path) -> None:
    poses = make_poses((1, 0, 2, 3, 0), skeleton=FACE, xyz=True)
    chunks = [poses.frames(0, 0), poses.frames(0, 2), poses.frames(2, 5)]
    coco.write_chunks(iter(chunks), tmp_path / "a.json")
    coco.write(poses, tmp_path / "b.json")
    assert_same(coco.read(tmp_path / "a.json"), poses)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    with pytest.raises(OutputError, match="comes after"):
        coco.write_chunks([poses, poses], tmp_path / "c.json")
    assert not (tmp_path / "c.json").exists()


def test_pictures_of_two_sizes_have_no_size(tmp_path: Path) -> None:
    first = make_poses((1, 1), skeleton=FACE)
    second = Poses(**{**vars(first), "frame_index": np.array([10, 11]), "size_wh": (640, 480)})
    coco.write_chunks([first, second], tmp_path / "a.json")
    assert_same(coco.read(tmp_path / "a.json"), concat([first, second]))
    values = json.loads((tmp_path / "a.json").read_text())
    assert [image["width"] for image in values["images"]] == [1920, 1920, 640, 640]


@pytest.mark.shared
def test_the_ground_truth_of_coco(shared: Path, tmp_path: Path) -> None:
    path = shared / "data" / "coco_ccby" / "person_keypoints.json"
    values = json.loads(path.read_text())
    people = [a for a in values["annotations"] if not a["iscrowd"]]
    poses = coco.read(path)
    assert poses.skeleton is COCO17
    assert len(poses) == len(people)
    assert sorted(image["id"] for image in values["images"]) == poses.frame_index.tolist()
    assert np.isfinite(poses.xy[..., 0]).sum() == sum(a["num_keypoints"] for a in people)
    for image in values["images"]:
        position = poses.frame_index.tolist().index(image["id"])
        assert poses.frame_name is not None
        assert poses.frame_name[position] == image["file_name"]
        here = [a for a in people if a["image_id"] == image["id"]]
        rows = np.flatnonzero(poses.frame == position)
        for row, annotation in zip(rows, here, strict=True):
            points = np.array(annotation["keypoints"], dtype=float).reshape(17, 3)
            want = np.where(points[:, 2:] > 0, points[:, :2], np.nan)
            np.testing.assert_array_equal(poses.xy[row], want)
            x, y, w, h = annotation["bbox"]
            np.testing.assert_allclose(poses.bbox_xyxy[row], [x, y, x + w, y + h], rtol=1e-6)
    coco.write(poses, tmp_path / "a.coco.json")
    assert_same(coco.read(tmp_path / "a.coco.json"), poses)


@pytest.mark.parametrize("package", ["pycocotools", "faster_coco_eval"])
def test_the_coco_tools_find_a_prediction_equal_to_the_truth(tmp_path: Path, package: str) -> None:
    if package == "pycocotools":
        tools = pytest.importorskip("pycocotools.coco").COCO
        evaluator = pytest.importorskip("pycocotools.cocoeval").COCOeval
    else:
        module = pytest.importorskip("faster_coco_eval")
        tools, evaluator = module.COCO, module.COCOeval_faster
    poses = make_poses((1, 0, 2, 1), seed=2)
    path = tmp_path / "a.coco.json"
    coco.write(poses, path)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = tools(str(path))
        assert sorted(truth.getImgIds()) == poses.frame_index.tolist()
        assert len(truth.getAnnIds()) == 4
        annotations = json.loads(path.read_text())["annotations"]
        keys = ("image_id", "category_id", "keypoints", "score")
        results = [{key: annotation[key] for key in keys} for annotation in annotations]
        evaluation = evaluator(truth, truth.loadRes(results), "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1)
