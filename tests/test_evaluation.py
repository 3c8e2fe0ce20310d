from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from annotations import lsp_archive, moved, person, poses_of, save, simple_truth

from kinetrace.errors import FormatError, SourceError
from kinetrace.evaluation import (
    align,
    average_precision,
    boxes_used,
    count_detections,
    read_truth,
)
from kinetrace.poses import Skeleton
from kinetrace.skeletons import BLAZEPOSE33, COCO17


def test_images_are_found_by_their_names_whatever_the_order(tmp_path: Path) -> None:
    truth = read_truth(simple_truth(tmp_path))
    poses = poses_of([person(1), person(0)], [0, 1], ("photos/0001.jpg", "0000.jpg"))
    found = align(poses, truth)
    np.testing.assert_array_equal(found.image, [1, 0])
    assert found.looked_at.all()
    assert average_precision(found, truth).ap == pytest.approx(1)


def test_images_of_other_data_are_left_out_and_counted(tmp_path: Path) -> None:
    truth = read_truth(simple_truth(tmp_path))
    poses = poses_of([person(0), person(1)], [0, 1], ("0000.jpg", "holiday.jpg"))
    found = align(poses, truth)
    assert found.elsewhere == 1
    assert len(found.xy) == 1
    np.testing.assert_array_equal(found.looked_at, [True, False])
    assert average_precision(found, truth).ar == pytest.approx(0.5)
    seen = truth.only(found.looked_at)
    assert average_precision(align(poses, seen), seen).ar == pytest.approx(1)


def test_predictions_of_other_images_alone_are_an_error(tmp_path: Path) -> None:
    truth = read_truth(simple_truth(tmp_path))
    with pytest.raises(FormatError, match=r"by its name: there '0000.jpg', here 'b.jpg'"):
        align(poses_of([person()], [0], ("b.jpg",)), truth)
    with pytest.raises(FormatError, match="the same name"):
        align(poses_of([person()], [0], ("0000.jpg", "x/0000.jpg")), truth)


def test_keypoints_are_found_by_their_names(tmp_path: Path) -> None:
    truth = read_truth(simple_truth(tmp_path, people=1))
    xy = np.full((1, 33, 2), np.nan)
    for k, name in enumerate(COCO17.keypoints):
        xy[0, BLAZEPOSE33.index(name)] = person()[k]
    found = align(poses_of(xy, [0], ("0000.jpg",), skeleton=BLAZEPOSE33), truth)
    assert average_precision(found, truth).ap == pytest.approx(1)


def test_a_person_without_scores_of_boxes_is_ranked_by_keypoints(tmp_path: Path) -> None:
    truth = read_truth(simple_truth(tmp_path))
    estimated = ({"operation": "estimate", "version": "0", "parameters": {}},)
    people = np.stack([person(0), person(1)])
    score = np.array([[0.9] * 16 + [0.1], [0.5] * 17])
    for bbox_score, log, rank, want in (
        (None, (), None, [0.9, 0.5]),
        ([0.5, 1], (), None, [0.5, 1]),
        ([0.5, 1], estimated, None, [0.45, 0.5]),
        ([0.5, 1], (), "rescored", [0.45, 0.5]),
        ([0.5, 1], estimated, "bbox", [0.5, 1]),
    ):
        names = ("0000.jpg", "0001.jpg")
        poses = poses_of(people, [0, 1], names, score=score, bbox_score=bbox_score, log=log)
        np.testing.assert_allclose(align(poses, truth, rank=rank).rank, want, atol=1e-6)


@pytest.mark.parametrize(
    ("parameters", "want"),
    [
        (None, "not stated"),
        ({}, "none"),
        ({"detector": None}, "none"),
        ({"detector": "mediapipe"}, "detected (mediapipe)"),
        ({"detector": {"detector": "rtmdet", "model": "x"}}, "detected (rtmdet)"),
        ({"detector": {"detector": "boxes", "boxes": "{truth}"}}, "ground truth"),
        ({"detector": {"detector": "boxes", "boxes": "my/boxes.csv"}}, "given (boxes.csv)"),
    ],
)
def test_the_log_says_whose_boxes_were_used(
    tmp_path: Path, parameters: dict[str, Any] | None, want: str
) -> None:
    path = simple_truth(tmp_path)
    if parameters and isinstance(parameters.get("detector"), dict):
        boxes = parameters["detector"].get("boxes", "").replace("{truth}", str(path))
        detector = parameters["detector"] | ({"boxes": boxes} if boxes else {})
        parameters = {"detector": detector}
    log = () if parameters is None else ({"operation": "estimate", "parameters": parameters},)
    poses = poses_of([person()], [0], ("0000.jpg",), log=log)
    assert boxes_used(poses, read_truth(path)) == want


# --- detections


def test_found_people_and_phantoms_are_counted(tmp_path: Path) -> None:
    """Two people: one found twice; one missed by keypoints but not by the box; and a phantom."""
    truth = read_truth(simple_truth(tmp_path))
    misplaced = person(1)[::-1]
    people = np.stack([person(0), person(0) + 1, misplaced, person(3) + 300])
    found = align(poses_of(people, [0, 0, 1, 1], ("0000.jpg", "0001.jpg")), truth)
    by_oks = count_detections(found, truth)
    assert (by_oks.images, by_oks.people, by_oks.reported) == (2, 2, 4)
    assert by_oks.found == 1
    assert by_oks.phantoms == 1
    assert by_oks.recall == 0.5
    assert by_oks.phantoms_per_image == 0.5
    assert count_detections(found, truth, by="bbox").found == 2


def test_who_has_neither_keypoints_nor_a_box_is_a_phantom(tmp_path: Path) -> None:
    truth = read_truth(simple_truth(tmp_path))
    nobody = np.full((1, 17, 2), np.nan)
    for by in ("oks", "bbox"):
        found = align(poses_of(nobody, [0], ("0000.jpg",)), truth)
        got = count_detections(found, truth, by=by)  # type: ignore[arg-type]
        assert (got.found, got.phantoms) == (0, 1)


def test_whom_nobody_labelled_and_crowds_make_no_phantom(tmp_path: Path) -> None:
    values = json.loads(simple_truth(tmp_path, people=1).read_text())
    nobody = {"keypoints": [0] * 51, "num_keypoints": 0, "category_id": 1, "image_id": 3}
    values["annotations"] += [
        nobody | {"id": 8, "iscrowd": 0, "bbox": [300, 60, 100, 200], "area": 9000.0},
        nobody | {"id": 9, "iscrowd": 1, "bbox": [400, 0, 200, 480], "area": 50000.0},
    ]
    truth = read_truth(save(values, tmp_path / "t.json"))
    people = np.stack([person(0), moved(person(0), 250, 0), moved(person(1) * 0.5, 420, 100)])
    found = align(poses_of(people, [0, 0, 0], ("0000.jpg",)), truth)
    got = count_detections(found, truth)
    assert (got.people, got.found, got.phantoms) == (1, 1, 0)


# --- what cannot be read


def test_what_is_no_truth_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no such file"):
        read_truth(tmp_path / "nowhere.json")
    for values in ([], {"images": []}, {"images": [], "annotations": [], "categories": [{}]}):
        with pytest.raises(FormatError, match="COCO"):
            read_truth(save(values, tmp_path / "bad.json"))
    (tmp_path / "text.json").write_text("no json")
    with pytest.raises(FormatError, match="COCO"):
        read_truth(tmp_path / "text.json")
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(FormatError, match="archive"):
        read_truth(tmp_path / "text.npz")
    np.savez(
        tmp_path / "other.npz", image=["a"], xy=np.zeros((2, 3, 2)), labelled=[1], joints=["a"]
    )
    with pytest.raises(FormatError, match="xy must be"):
        read_truth(tmp_path / "other.npz")


def test_an_annotation_of_no_image_is_refused(tmp_path: Path) -> None:
    values = json.loads(simple_truth(tmp_path).read_text())
    values["annotations"][0]["image_id"] = 99
    with pytest.raises(FormatError, match="99"):
        read_truth(save(values, tmp_path / "bad.json"))


def test_oks_needs_areas_and_all_keypoints(tmp_path: Path) -> None:
    xy = np.random.default_rng(0).uniform(0, 99, (1, 14, 2)).astype(np.float32)
    lsp = read_truth(lsp_archive(tmp_path, xy, np.ones((1, 14), bool)))
    poses = poses_of([person()], [0], ("im0000.jpg",))
    with pytest.raises(FormatError, match="measure PCK"):
        average_precision(align(poses, lsp), lsp)
    truth = read_truth(simple_truth(tmp_path, people=1))
    few = Skeleton(name="few", keypoints=COCO17.keypoints[:-1])
    poses = poses_of([person()[:-1]], [0], ("0000.jpg",), skeleton=few)
    with pytest.raises(FormatError, match="have no right_ankle"):
        average_precision(align(poses, truth), truth)
    other = Skeleton(name="other", keypoints=("a",))
    with pytest.raises(FormatError, match="none of the keypoints of 'other'"):
        align(poses_of([person()[:1]], [0], ("0000.jpg",), skeleton=other), truth)
