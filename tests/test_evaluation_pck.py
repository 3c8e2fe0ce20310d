from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from annotations import lsp_archive, moved, person, poses_of, save, simple_truth

from kinetrace.evaluation import align, pck, read_truth
from kinetrace.skeletons import COCO17


def test_pck_by_hand(tmp_path: Path) -> None:
    """Points pushed away by known shares of the torso: those up to 0.2 count."""
    random = np.random.default_rng(0)
    xy = random.uniform(50, 450, (30, 14, 2)).astype(np.float32)
    labelled = random.random((30, 14)) < 0.9
    labelled[:, [2, 9]] = True  # right hip, left shoulder
    labelled[0, 2] = labelled[1, 9] = False
    truth = read_truth(lsp_archive(tmp_path, xy, labelled))
    torso_px = np.linalg.norm(xy[:, 2] - xy[:, 9], axis=1)
    share = random.choice([0, 0.15, 0.19, 0.21, 0.5], (30, 14))
    angle = random.uniform(0, 7, (30, 14))
    way = np.stack([np.cos(angle), np.sin(angle)], axis=2)
    there = xy + way * (share * torso_px[:, None])[..., None]
    columns = [
        truth.skeleton.keypoints.index(name) if name in truth.skeleton.keypoints else -1
        for name in COCO17.keypoints
    ]
    predicted = np.where(np.array(columns)[:, None] >= 0, there[:, columns], 0)
    names = tuple(f"im{i:04}.jpg" for i in range(29))  # the last one was not looked at
    poses = poses_of(predicted[:29], list(range(29)), names)
    got = pck(align(poses, truth), truth)
    shared_joints = [i for i, n in enumerate(truth.skeleton.keypoints) if n in COCO17.keypoints]
    right = labelled & (share <= 0.2) & (np.arange(30) < 29)[:, None]
    assert got.people == 28
    assert got.left_out == 2
    assert len(got.keypoints) == 12
    np.testing.assert_array_equal(got.labelled, labelled[2:][:, shared_joints].sum(axis=0))
    np.testing.assert_array_equal(got.correct, right[2:][:, shared_joints].sum(axis=0))
    assert got.share == pytest.approx(got.correct.sum() / got.labelled.sum())


def test_of_several_people_the_labelled_one_is_measured(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    xy = random.uniform(100, 300, (1, 14, 2)).astype(np.float32)
    truth = read_truth(lsp_archive(tmp_path, xy, np.ones((1, 14), bool)))
    columns = [
        truth.skeleton.keypoints.index(name) if name in truth.skeleton.keypoints else 0
        for name in COCO17.keypoints
    ]
    right = xy[0, columns]
    poses = poses_of(np.stack([right + 400, right + 1, right - 300]), [0, 0, 0], ("im0000.jpg",))
    assert pck(align(poses, truth), truth).share == 1


def test_pck_of_coco_people_goes_person_by_person(tmp_path: Path) -> None:
    values = json.loads(simple_truth(tmp_path, people=1).read_text())
    first = values["annotations"][0]
    second = moved(np.array(first["keypoints"]).reshape(17, 3), 150, 0, 0)
    values["annotations"].append(first | {"id": 2, "keypoints": second.ravel().tolist()})
    truth = read_truth(save(values, tmp_path / "t.json"))
    people = np.stack([moved(person(0), 150, 0), person(0)])
    assert pck(align(poses_of(people, [0, 0], ("0000.jpg",)), truth), truth).share == 1
    assert pck(align(poses_of(people[:1], [0], ("0000.jpg",)), truth), truth).share == 0.5
