from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from some_poses import make_poses

from kinetrace import formats
from kinetrace.detectors import boxes
from kinetrace.errors import FormatError, SourceError
from kinetrace.estimators import Options
from kinetrace.frames import Frame


def frame(index: int = 0, name: str = "", size_wh: tuple[int, int] = (640, 480)) -> Frame:
    return Frame(np.zeros((size_wh[1], size_wh[0], 3), np.uint8), index, index / 25, name)


def look_up(path: Path, *frames: Frame, **options: Any) -> list[tuple[Any, Any]]:
    found = boxes.load(Options(boxes=path, **options))(frames)
    return [(each.bbox_xyxy.tolist(), each.score.astype(float).round(3).tolist()) for each in found]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_boxes_of_a_csv_by_frame_number(tmp_path: Path) -> None:
    path = write(
        tmp_path / "boxes.csv",
        "frame,x1,y1,x2,y2\n3,1,2,30.5,40\n0,5,6,7,8\n3,100,110,120,130\n",
    )
    assert look_up(path, frame(0), frame(1), frame(3)) == [
        ([[5, 6, 7, 8]], [1]),
        ([], []),
        ([[1, 2, 30.5, 40], [100, 110, 120, 130]], [1, 1]),
    ]


def test_boxes_of_a_csv_by_file_name_best_first(tmp_path: Path) -> None:
    path = write(
        tmp_path / "boxes.csv",
        "file,x1,y1,x2,y2,score\n"
        "photos/a.jpg,1,1,9,9,0.25\n"
        "photos\\b.jpg,2,2,9,9,\n"
        "photos/a.jpg,3,3,9,9,0.75\n"
        "0012.jpg,4,4,9,9,1\n",
    )
    found = look_up(path, frame(0, "a.jpg"), frame(1, "b.jpg"), frame(2, "c.jpg"))
    assert found == [([[3, 3, 9, 9], [1, 1, 9, 9]], [0.75, 0.25]), ([[2, 2, 9, 9]], [1]), ([], [])]
    assert look_up(path, frame(9, "0012.jpg")) == [([[4, 4, 9, 9]], [1])]


def test_a_file_named_like_a_number_stays_a_name(tmp_path: Path) -> None:
    path = write(tmp_path / "boxes.csv", "file,x1,y1,x2,y2\n007,1,1,9,9\n")
    assert look_up(path, frame(0, "007")) == [([[1, 1, 9, 9]], [1])]


def test_boxes_are_clipped_to_the_picture_or_gone(tmp_path: Path) -> None:
    path = write(
        tmp_path / "boxes.csv",
        "frame,x1,y1,x2,y2\n0,-5,-5,20,20\n0,600,400,900,900\n0,700,0,800,100\n0,5,5,5,9\n",
    )
    assert look_up(path, frame(0)) == [([[0, 0, 20, 20], [600, 400, 640, 480]], [1, 1])]


@pytest.mark.parametrize("layout", ["wide", "long"])
@pytest.mark.parametrize("names", [False, True])
def test_a_table_of_our_own_gives_its_boxes(
    tmp_path: Path, layout: Literal["wide", "long"], names: bool
) -> None:
    poses = make_poses((1, 0, 2, 3), names=names, seed=4)
    path = tmp_path / "clip.keypoints.csv"
    formats.write(poses, path, layout=layout)
    frames = [
        frame(int(number), poses.frame_name[i] if poses.frame_name else "", (2100, 2100))
        for i, number in enumerate(poses.frame_index)
    ]
    for i, found in enumerate(boxes.load(Options(boxes=path))(frames)):
        rows = poses.frame == i
        score = np.nan_to_num(poses.bbox_score[rows], nan=1.0)
        order = np.argsort(-score, kind="stable")
        want = np.clip(poses.bbox_xyxy[rows][order], 0, 2100)
        np.testing.assert_allclose(found.score, score[order], atol=1e-4)
        np.testing.assert_allclose(found.bbox_xyxy, want, atol=1e-3)


COCO: dict[str, Any] = {
    "images": [
        {"id": 40, "file_name": "train/a.jpg"},
        {"id": 7, "file_name": "train/b.jpg"},
        {"id": 8, "file_name": "empty.jpg"},
    ],
    "annotations": [
        {"image_id": 7, "category_id": 1, "bbox": [10, 20, 30, 40.5]},
        {"image_id": 40, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5},
        {"image_id": 40, "category_id": 1, "bbox": [0, 0, 640, 480], "iscrowd": 1},
        {"image_id": 40, "category_id": 1, "bbox": [5, 6, 7, 8], "score": 0.75},
        {"image_id": 40, "category_id": 3, "bbox": [100, 100, 7, 8]},
        {"image_id": 40, "category_id": 1},
    ],
    "categories": [{"id": 1, "name": "person"}, {"id": 3, "name": "car"}],
}


def write_coco(path: Path, **changes: Any) -> Path:
    return write(path, json.dumps(COCO | changes))


def test_people_of_a_coco_json_by_file_name(tmp_path: Path) -> None:
    path = write_coco(tmp_path / "boxes.json")
    names = ("a.jpg", "b.jpg", "empty.jpg", "other.jpg")
    assert look_up(path, *(frame(i, name) for i, name in enumerate(names))) == [
        ([[5, 6, 12, 14], [1, 2, 4, 6]], [0.75, 0.5]),
        ([[10, 20, 40, 60.5]], [1]),
        ([], []),
        ([], []),
    ]


def test_images_without_a_name_are_frames_of_that_number(tmp_path: Path) -> None:
    path = write_coco(
        tmp_path / "boxes.json", images=[{"id": 40}, {"id": 7}], categories=[{"id": 9}]
    )
    assert look_up(path, frame(7), frame(8)) == [([[10, 20, 40, 60.5]], [1]), ([], [])]


def test_a_coco_file_of_our_own_gives_its_boxes(tmp_path: Path) -> None:
    poses = make_poses((1, 0, 2), seed=2)
    formats.write(poses, tmp_path / "clip.coco.json")
    frames = [frame(int(number), "", (2100, 2100)) for number in poses.frame_index]
    found = boxes.load(Options(boxes=tmp_path / "clip.coco.json"))(frames)
    assert [len(each.score) for each in found] == [1, 0, 2]
    want = np.clip(poses.bbox_xyxy[0], 0, 2100)
    np.testing.assert_allclose(found[0].bbox_xyxy[0], want, atol=1e-3)


@pytest.mark.shared
def test_every_labelled_person_of_coco_is_there(shared: Path) -> None:
    path = shared / "data" / "coco_ccby" / "person_keypoints.json"
    dataset = json.loads(path.read_text())
    frames = [frame(0, i["file_name"], (i["width"], i["height"])) for i in dataset["images"]]
    found = boxes.load(Options(boxes=path))(frames)
    people = [a for a in dataset["annotations"] if not a["iscrowd"]]
    assert sum(len(each.score) for each in found) == len(people) == 132


def test_boxes_count_whatever_their_score_unless_one_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "boxes.csv", "frame,x1,y1,x2,y2,score\n0,1,1,9,9,0.01\n0,2,2,9,9,0.6\n")
    assert look_up(path, frame(0))[0][1] == [0.6, 0.01]
    assert look_up(path, frame(0), min_detection_score=0.3)[0][1] == [0.6]


def test_boxes_by_name_do_not_fit_a_video(tmp_path: Path) -> None:
    path = write(tmp_path / "boxes.csv", "file,x1,y1,x2,y2\na.jpg,1,1,9,9\n")
    with pytest.raises(SourceError, match=r"boxes.csv.*'frame'"):
        look_up(path, frame(0))


def test_boxes_by_number_fit_images_in_their_order(tmp_path: Path) -> None:
    path = write(tmp_path / "boxes.csv", "frame,x1,y1,x2,y2\n1,1,1,9,9\n")
    assert look_up(path, frame(0, "a.jpg"), frame(1, "b.jpg")) == [([], []), ([[1, 1, 9, 9]], [1])]


def test_a_file_that_fits_no_frame_is_told_at_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "boxes.csv", "file,x1,y1,x2,y2\na.jpg,1,1,9,9\n")
    detector = boxes.load(Options(boxes=path))
    detector([frame(0, "b.jpg"), frame(1, "c.jpg")])
    with caplog.at_level(logging.WARNING):
        detector.close()
        detector.close()
    assert [record.getMessage() for record in caplog.records] == [
        f"none of the 2 frames is in {path}"
    ]


def test_a_frame_that_is_known_to_be_empty_is_no_reason_to_warn(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "boxes.csv", "frame,x1,y1,x2,y2\n0,,,,\n")
    detector = boxes.load(Options(boxes=path))
    assert [len(each.score) for each in detector([frame(0), frame(1)])] == [0, 0]
    detector.close()
    assert not caplog.records


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no CSV table"),
        ("frame,x1,y1,x2\n0,1,2,3\n", "there are: frame, x1, y1, x2"),
        ("x1,y1,x2,y2\n1,2,3,4\n", "'frame' or 'file'"),
        ("frame,x1,y1,x2,y2\n0,1,1,9,9\n0,9,1,1,9\n", "data row 2: it ends before it begins"),
        ("frame,x1,y1,x2,y2\n0,1,1,9,\n", "data row 1: a part of it is missing"),
        ("frame,x1,y1,x2,y2\n0,1,1,9,9\n,1,1,9,9\n", "data row 2: the cell is empty"),
        ("file,x1,y1,x2,y2\n,1,1,9,9\n", "data row 1: the cell is empty"),
        ("frame,x1,y1,x2,y2\n0.5,1,1,9,9\n", "not a whole number"),
        ("frame,x1,y1,x2,y2\n0,1,1,9,right\n", "'right' is not a number"),
        ("frame,x1,y1,x2,y2\n0,1,1,9,inf\n", "is not a number"),
        ("frame,x1,y1,x2,y2\n0,1,1,9,1e40\n", "too large"),
        ("frame,x1,y1,x2,y2,score\n0,1,1,9,9,1.5\n", "a score of 1.5"),
        ("frame,x1,y1,x2,y2\n0,1,1,9,9,7\n", "no CSV table"),
        ("frame,x1,y1,x2,y2\n0,1,1,9,9\n0,1,1,9,9,7\n", "no CSV table"),
        ("file,x1,y1,x2,y2\na/1.jpg,1,1,9,9\nb/1.jpg,1,1,9,9\n", "a/1.jpg and b/1.jpg"),
    ],
)
def test_what_is_wrong_in_a_csv_is_told(tmp_path: Path, text: str, complaint: str) -> None:
    path = write(tmp_path / "boxes.csv", text)
    with pytest.raises(FormatError, match=complaint) as caught:
        boxes.load(Options(boxes=path))
    assert "boxes.csv" in str(caught.value)


def annotation(**changes: Any) -> dict[str, Any]:
    return {"image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4]} | changes


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"annotations": [annotation(image_id=99)]}, "no image 99"),
        ({"annotations": [annotation(bbox=[1, 2, 3])]}, "annotation number 0"),
        ({"annotations": [annotation(), annotation(bbox=[1, 2, -3, 4])]}, "annotation number 1"),
        ({"annotations": [annotation(bbox=["a", 2, 3, 4])]}, "annotation number 0"),
        ({"annotations": [annotation(bbox=[1, 2, 3, 1e40])]}, "too large"),
        ({"annotations": [annotation(bbox=[1, 2, float("nan"), 4])]}, "not x, y, width, height"),
        ({"annotations": [annotation(score=7)]}, "a score of 7"),
        ({"annotations": [annotation(score="high")]}, "annotation number 0"),
        ({"annotations": ["none"]}, "annotation number 0 has no 'image_id'"),
        ({"annotations": {}}, "must be a list"),
        ({"images": [{"file_name": "a.jpg"}]}, "image number 0 has no 'id'"),
        ({"images": [{"id": [1]}]}, "image number 0 has no 'id'"),
        ({"images": [{"id": 7}, {"id": 7}]}, "two images have the id 7"),
        ({"images": [{"id": 7, "file_name": "a"}, {"id": 8, "file_name": "a"}]}, "the name of"),
        ({"images": [{"id": 7, "file_name": "x/a"}, {"id": 8, "file_name": "a"}]}, "x/a and a"),
        ({"categories": [{"id": 1, "name": "car"}, {"id": 2, "name": "cat"}]}, "car, cat"),
    ],
)
def test_what_is_wrong_in_a_coco_json_is_told(
    tmp_path: Path, changes: dict[str, Any], complaint: str
) -> None:
    path = write_coco(
        tmp_path / "boxes.json", **({"images": [{"id": 7}], "annotations": []} | changes)
    )
    with pytest.raises(FormatError, match=complaint) as caught:
        boxes.load(Options(boxes=path))
    assert "boxes.json" in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"images": []}', "3", "[" * 10**5])
def test_what_is_no_coco_dataset_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(FormatError, match="boxes.json"):
        boxes.load(Options(boxes=write(tmp_path / "boxes.json", text)))


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        boxes.load(Options(boxes=tmp_path / "missing.csv"))
    with pytest.raises(SourceError, match="directory"):
        boxes.load(Options(boxes=tmp_path))
    with pytest.raises(SourceError, match="name a CSV or a COCO json"):
        boxes.load(Options())
