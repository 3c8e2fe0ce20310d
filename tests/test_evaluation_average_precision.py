from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from annotations import dataset, person, poses_of, random_people, random_results, save, simple_truth
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kinetrace import formats
from kinetrace.evaluation import (
    AveragePrecision,
    align,
    average_precision,
    count_detections,
    read_truth,
)

Array = npt.NDArray[Any]
NAMES = (
    *("ap", "ap50", "ap75", "ap_medium", "ap_large"),
    *("ar", "ar50", "ar75", "ar_medium", "ar_large"),
)


def by_pycocotools(truth: Path, results: Path) -> Array:
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
    evaluation = pytest.importorskip("pycocotools.cocoeval")
    with contextlib.redirect_stdout(io.StringIO()):
        annotated = coco.COCO(str(truth))
        run = evaluation.COCOeval(annotated, annotated.loadRes(str(results)), "keypoints")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return np.where(run.stats == -1, np.nan, run.stats)


def measured(truth: Path, results: Path) -> AveragePrecision:
    annotated = read_truth(truth)
    return average_precision(align(formats.read(results), annotated), annotated)


def assert_as_pycocotools(truth: Path, results: Path) -> AveragePrecision:
    got = measured(truth, results)
    numbers = [getattr(got, name) for name in NAMES]
    np.testing.assert_allclose(numbers, by_pycocotools(truth, results), atol=1e-6)
    return got


@given(
    seed=st.integers(0, 2**32 - 1),
    images=st.integers(1, 12),
    jitter=st.sampled_from([0.0, 0.05, 0.2]),
    ties=st.booleans(),
)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_average_precision_is_that_of_pycocotools(
    tmp_path: Path, seed: int, images: int, jitter: float, ties: bool
) -> None:
    random = np.random.default_rng(seed)
    values = dataset(random_people(random, images), images)
    results = random_results(random, values, jitter=jitter, ties=ties)
    if results:  # pycocotools cannot load none
        assert_as_pycocotools(
            save(values, tmp_path / "truth.json"), save(results, tmp_path / "results.json")
        )


@pytest.mark.shared
@pytest.mark.parametrize("jitter", [0.01, 0.06, 0.2])
def test_on_coco_images_it_is_that_of_pycocotools(
    shared: Path, tmp_path: Path, jitter: float
) -> None:
    truth = shared / "data" / "coco_ccby" / "person_keypoints.json"
    values = json.loads(truth.read_text())
    results = random_results(np.random.default_rng(7), values, jitter=jitter, ties=False)
    found = assert_as_pycocotools(truth, save(results, tmp_path / "results.json"))
    assert 0 < found.ap < 1


def test_perfect_predictions_have_a_perfect_score(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    values = dataset(random_people(random, 8), 8)
    results = []
    for annotation in values["annotations"]:
        points = np.minimum(np.array(annotation["keypoints"]).reshape(17, 3), (1e9, 1e9, 1))
        result = {"image_id": annotation["image_id"], "category_id": 1, "score": 0.5}
        if annotation["num_keypoints"]:
            results.append(result | {"keypoints": points.ravel().tolist()})
    got = measured(save(values, tmp_path / "t.json"), save(results, tmp_path / "r.json"))
    assert all(getattr(got, name) == pytest.approx(1) for name in NAMES)


def test_nobody_reported_is_zero_and_nobody_there_is_nan(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    truth = save(dataset(random_people(random, 8), 8), tmp_path / "t.json")
    results = save([], tmp_path / "r.json")
    got = measured(truth, results)
    assert got.ap == got.ar == 0
    empty = save(dataset([], 2), tmp_path / "e.json")
    assert np.isnan(measured(empty, results).ap)
    annotated = read_truth(empty)
    counts = count_detections(align(formats.read(results), annotated), annotated)
    assert np.isnan(counts.recall)
    assert counts.phantoms_per_image == 0


def test_a_missing_keypoint_counts_as_wrong(tmp_path: Path) -> None:
    truth = read_truth(simple_truth(tmp_path, people=1))
    xy = person()[None].astype(float)
    xy[0, 5:10] = np.nan
    got = average_precision(align(poses_of(xy, [0], ("0000.jpg",)), truth), truth)
    # 12 of 17 keypoints are right: 0.706, enough at thresholds up to 0.70.
    assert got.ap == pytest.approx(0.5)
