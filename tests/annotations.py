"""COCO files, LSP archives and predictions to evaluate, made by hand and by chance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace.poses import Poses
from kinetrace.skeletons import COCO17

Array = npt.NDArray[Any]


def dataset(people: list[dict[str, Any]], images: int) -> dict[str, Any]:
    return {
        "images": [
            {"id": 10 * i + 3, "width": 640, "height": 480, "file_name": f"{i:04}.jpg"}
            for i in range(images)
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO17.keypoints)}],
        "annotations": people,
    }


def random_people(random: np.random.Generator, images: int) -> list[dict[str, Any]]:
    """People of all sizes, some without keypoints, some crowds, some images without anybody."""
    people = []
    for i in range(images):
        for _ in range(random.integers(0, 5)):
            wh = np.exp(random.uniform(np.log(15), np.log(300), 2))
            corner = random.uniform(0, (400, 200))
            xy = np.round(corner + random.random((17, 2)) * wh)
            v = random.choice([0, 1, 2], 17) * (random.random() < 0.8)
            crowd = random.random() < 0.1
            v = v * (not crowd)
            points = np.where(v[:, None] > 0, xy, 0)
            people.append(
                {
                    "id": len(people) + 1,
                    "image_id": 10 * i + 3,
                    "category_id": 1,
                    "iscrowd": int(crowd),
                    "num_keypoints": int((v > 0).sum()),
                    "keypoints": np.column_stack([points, v]).ravel().tolist(),
                    "bbox": [*corner.tolist(), *wh.tolist()],
                    "area": float(wh.prod() * random.uniform(0.3, 1)),
                }
            )
    return people


def random_results(
    random: np.random.Generator, truth: dict[str, Any], *, jitter: float, ties: bool
) -> list[dict[str, Any]]:
    """What a model might report: near the truth, twice, nobody's, or nothing."""
    results = []
    for image in truth["images"]:
        people = [p for p in truth["annotations"] if p["image_id"] == image["id"]]
        for person in people * int(random.integers(1, 3)):
            if random.random() < 0.2:
                continue
            left, top, width, height = person["bbox"]
            xy = np.array(person["keypoints"], float).reshape(17, 3)[:, :2]
            unlabelled = (xy == 0).all(axis=1)
            xy[unlabelled] = np.array([left, top]) + random.random((unlabelled.sum(), 2)) * (
                width,
                height,
            )
            xy += random.normal(0, jitter * np.sqrt(person["area"]), (17, 2)) * random.random()
            results.append((image["id"], xy))
        for _ in range(int(random.integers(0, 25) * (random.random() < 0.2))):
            results.append((image["id"], random.uniform(0, 600, 2) + random.random((17, 2)) * 150))
    scores = random.random(len(results))
    if ties:
        scores = np.round(scores, 1)
    return [
        {
            "image_id": image_id,
            "category_id": 1,
            "keypoints": np.column_stack([np.round(xy, 3), np.full(17, 0.5)]).ravel().tolist(),
            # What a float32 can hold, so that both sort the same numbers.
            "score": float(np.float32(score)),
        }
        for (image_id, xy), score in zip(results, scores, strict=True)
    ]


def save(values: Any, path: Path) -> Path:
    path.write_text(json.dumps(values))
    return path


def poses_of(
    xy: Array,
    frame: list[int],
    names: tuple[str, ...],
    *,
    skeleton: Any = COCO17,
    score: Any = 0.5,
    bbox_score: Any = None,
    log: tuple[dict[str, Any], ...] = (),
) -> Poses:
    xy = np.asarray(xy, np.float32)
    return Poses(
        skeleton=skeleton,
        frame_time_s=np.full(len(names), np.nan),
        frame=np.array(frame, np.int64),
        frame_name=names,
        xy=xy,
        score=np.where(np.isnan(xy[..., 0]), 0, score),
        bbox_score=bbox_score,
        log=log,
    )


def simple_truth(tmp_path: Path, people: int = 2) -> Path:
    """In each image one person, spread over a box of 100 x 200 px."""
    annotations = []
    for i in range(people):
        xy = person(i)
        annotations.append(
            {
                "id": i + 1,
                "image_id": 10 * i + 3,
                "category_id": 1,
                "iscrowd": 0,
                "num_keypoints": 17,
                "keypoints": np.column_stack([xy, np.full(17, 2)]).ravel().tolist(),
                "bbox": [50, 60, 100, 200],
                "area": 15000.0,
            }
        )
    return save(dataset(annotations, people), tmp_path / "truth.json")


def person(seed: int = 0) -> Array:
    return np.round(np.random.default_rng(seed).uniform((50, 60), (150, 260), (17, 2)))


def moved(xy: Array, *by: float) -> Array:
    return np.add(xy, by)


def lsp_archive(tmp_path: Path, xy: Array, labelled: Array) -> Path:
    joints = ["r_ankle", "r_knee", "r_hip", "l_hip", "l_knee", "l_ankle", "r_wrist", "r_elbow"]
    joints += ["r_shoulder", "l_shoulder", "l_elbow", "l_wrist", "neck", "head_top"]
    names = [f"im{i:04}.jpg" for i in range(len(xy))]
    path = tmp_path / "joints.npz"
    np.savez(path, image=names, xy=xy, labelled=labelled, joints=joints, occluded=~labelled)
    return path
