from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kinetrace.evaluation import (
    Predictions,
    Truth,
    average_precision,
    compare,
    compare_keypoints,
    pck,
    to_markdown,
)
from kinetrace.skeletons import COCO17


def crowd_of(n: int, *, area_px: float = 10_000) -> Truth:
    """One person in each of n images, every second keypoint labelled."""
    xy = np.random.default_rng(0).uniform(100, 200, (n, 17, 2))
    xy[:, 1::2] = np.nan
    return Truth(
        skeleton=COCO17,
        image_name=tuple(f"{i}.jpg" for i in range(n)),
        image_id=np.arange(n),
        image=np.arange(n),
        xy=xy,
        bbox_xyxy=np.tile([100.0, 100, 200, 200], (n, 1)),
        area_px=np.full(n, area_px),
        ignored=np.zeros(n, bool),
        crowd=np.zeros(n, bool),
    )


def predicted(truth: Truth, xy: Any, *, boxes: str = "ground truth") -> Predictions:
    n = len(truth.image_name)
    return Predictions(
        image=np.arange(n),
        xy=xy,
        has=np.ones(17, bool),
        bbox_xyxy=truth.bbox_xyxy,
        rank=np.linspace(0.5, 1, n),
        looked_at=np.ones(n, bool),
        elsewhere=0,
        boxes=boxes,
    )


def test_models_stand_side_by_side_with_their_boxes() -> None:
    truth = crowd_of(6)
    exact = predicted(truth, np.nan_to_num(truth.xy, nan=150.0))
    noisy = predicted(truth, exact.xy + np.random.default_rng(1).normal(0, 8, exact.xy.shape))
    noisy = predicted(truth, noisy.xy, boxes="detected (rtmdet)")
    table = compare({"exact": exact, "noisy": noisy}, truth)
    assert table["model"].tolist() == ["exact", "noisy"]
    assert table["boxes"].tolist() == ["ground truth", "detected (rtmdet)"]
    assert table["images"].tolist() == [6, 6]
    assert table["people"].tolist() == [6, 6]
    assert table["AP"][0] == pytest.approx(1)
    got = average_precision(noisy, truth)
    want = [got.ap, got.ap50, got.ap75, got.ap_medium, got.ap_large]
    want += [got.ar, got.ar50, got.ar75, got.ar_medium, got.ar_large]
    columns = ["AP", "AP50", "AP75", "AP(M)", "AP(L)", "AR", "AR50", "AR75", "AR(M)", "AR(L)"]
    np.testing.assert_array_equal(table.loc[1, columns].to_numpy(float), want)
    assert table["recall"][0] == 1
    assert table["phantoms_per_image"].tolist() == [0, 0]


def test_each_keypoint_has_its_error() -> None:
    """Every keypoint k is k / 2 px off to the right; the nose is not reported by half of them."""
    truth = crowd_of(8, area_px=40_000)
    xy = np.nan_to_num(truth.xy, nan=150.0)
    xy[..., 0] += np.arange(17) / 2
    xy[::2, 0] = np.nan
    table = compare_keypoints({"m": predicted(truth, xy)}, truth).set_index("keypoint")
    for k, name in enumerate(COCO17.keypoints):
        row = table.loc[name]
        assert row["labelled"] == (0 if k % 2 else 8)
        if k % 2:
            assert row["found"] == 0
            assert math.isnan(row["error_px"])
            continue
        assert row["found"] == (4 if name == "nose" else 8)
        assert row["error_px"] == pytest.approx(k / 2)
        assert row["error_of_size"] == pytest.approx(k / 2 / 200)
        term = math.exp(-((k / 2) ** 2) / (2 * 40_000 * (2 * COCO17.sigmas[k]) ** 2))
        assert row["similarity"] == pytest.approx(term / 2 if name == "nose" else term)


def test_without_areas_pck_is_measured() -> None:
    truth = crowd_of(5)
    xy = np.random.default_rng(0).uniform(100, 200, (5, 17, 2))
    bare = Truth(**{**vars(truth), "area_px": np.full(5, np.nan), "xy": xy})
    found = predicted(bare, xy + np.random.default_rng(1).normal(0, 15, xy.shape))
    table = compare({"m": found}, bare)
    want = pck(found, bare)
    assert 0 < want.share < 1
    assert table["PCK@0.2"][0] == want.share
    assert table["people"][0] == 5
    keypoints = compare_keypoints({"m": found}, bare).set_index("keypoint")
    np.testing.assert_allclose(
        keypoints.loc[list(want.keypoints), "PCK@0.2"], want.correct / want.labelled
    )


def test_a_table_in_markdown() -> None:
    table = pd.DataFrame({"model": ["a|b", "long name"], "AP": [0.5, math.nan], "images": [3, 12]})
    assert to_markdown(table).splitlines() == [
        "| model     |    AP | images |",
        "| --------- | ----: | -----: |",
        "| a\\|b      | 0.500 |      3 |",
        "| long name |     - |     12 |",
    ]


def test_a_truth_of_some_images_keeps_their_people() -> None:
    truth = crowd_of(5)
    some = truth.only(np.array([True, False, True, False, True]))
    assert some.image_name == ("0.jpg", "2.jpg", "4.jpg")
    np.testing.assert_array_equal(some.image, [0, 1, 2])
    np.testing.assert_array_equal(some.xy, truth.xy[::2])
    assert Path(some.source) == Path(truth.source)
