from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinetrace.boxes import iou, suppress, to_detections
from kinetrace.detectors import yolox
from kinetrace.errors import WeightsError
from kinetrace.estimators import Detections

pytest.importorskip("onnx", reason="onnx makes the networks of these tests")
pytest.importorskip("onnxruntime")
from detector_networks import CELLS, GRID_WH, detect, encode, picture, write_grid


@settings(max_examples=30, deadline=None)
@given(
    cell=st.integers(0, len(CELLS) - 1),
    box=st.tuples(st.integers(0, 80), st.integers(0, 50), st.integers(2, 16), st.integers(2, 14)),
    scale=st.integers(1, 20),
)
def test_a_cell_of_any_stride_is_decoded(
    tmp_path_factory: pytest.TempPathFactory,
    cell: int,
    box: tuple[int, int, int, int],
    scale: int,
) -> None:
    x, y, width, height = box
    xyxy = (x, y, x + width, y + height)
    path = write_grid(tmp_path_factory.mktemp("net") / "a.onnx", encode({cell: xyxy}, classes=80))
    (found,) = detect(yolox.load, path, picture(96 * scale, 64 * scale))
    np.testing.assert_allclose(found.bbox_xyxy, [np.array(xyxy) * scale], atol=0.01 * scale)
    np.testing.assert_allclose(found.score, [1.0], atol=1e-5)


def test_the_score_is_objectness_times_the_first_class(tmp_path: Path) -> None:
    cells = encode({5: (0, 0, 20, 20), 30: (40, 30, 60, 60)}, classes=3)
    cells[5, 4:] = (0.8, 0.5, 0.0, 1.0)
    cells[30, 4:] = (0.9, 0.1, 1.0, 1.0)  # a thing, not a person
    path = write_grid(tmp_path / "a.onnx", cells)
    (found,) = detect(yolox.load, path, picture(*GRID_WH))
    np.testing.assert_allclose(found.score, [0.4], atol=1e-5)


def test_heaps_of_boxes_become_one(tmp_path: Path) -> None:
    cells = encode({5: (0, 0, 20, 20), 6: (1, 0, 20, 20), 30: (40, 30, 60, 60)})
    cells[5, 5] = 0.9
    path = write_grid(tmp_path / "a.onnx", cells)
    (found,) = detect(yolox.load, path, picture(*GRID_WH))
    np.testing.assert_allclose(found.score, [1.0, 1.0], atol=1e-5)
    assert sorted(found.bbox_xyxy[:, 0].round(3)) == [1, 40]


def test_pictures_of_one_size_go_through_a_grid_together_in_order(tmp_path: Path) -> None:
    cells = encode({5: (0, 0, 20, 20)})
    path = write_grid(tmp_path / "a.onnx", cells, input_shape=("N", 3, 64, 96))
    levels = [(255, GRID_WH), (204, GRID_WH), (0, GRID_WH), (153, (192, 128)), (255, GRID_WH)]
    frames = [picture(*size, rgb=(level,) * 3) for level, size in levels]
    found = detect(yolox.load, path, *frames)
    scores = [each.score.tolist() for each in found]
    assert [[round(s, 3) for s in each] for each in scores] == [[1.0], [0.8], [], [0.6], [1.0]]
    np.testing.assert_allclose(found[3].bbox_xyxy, [[0, 0, 40, 40]], atol=1e-3)


def test_a_grid_that_does_not_fit_its_input_is_refused(tmp_path: Path) -> None:
    path = write_grid(tmp_path / "a.onnx", np.zeros((120, 6)))
    with pytest.raises(WeightsError, match=r"a.onnx.*\(1, 120, 6\).*126"):
        detect(yolox.load, path, picture(*GRID_WH))


def test_a_size_beyond_all_numbers_is_no_person(tmp_path: Path) -> None:
    cells = encode({5: (0, 0, 20, 20), 30: (40, 30, 60, 60)})
    cells[30, 2] = 1000.0
    (found,) = detect(yolox.load, write_grid(tmp_path / "a.onnx", cells), picture(*GRID_WH))
    np.testing.assert_allclose(found.bbox_xyxy, [[0, 0, 20, 20]], atol=1e-3)


def naive_iou(a: Any, b: Any) -> float:
    wide = min(a[2], b[2]) - max(a[0], b[0])
    tall = min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or tall <= 0:
        return 0.0
    both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return wide * tall / (both - wide * tall)


def naive_suppress(boxes: Any, scores: Any, max_iou: float) -> list[int]:
    kept: list[int] = []
    for i in sorted(range(len(boxes)), key=lambda i: (-scores[i], i)):
        if all(naive_iou(boxes[i], boxes[j]) <= max_iou for j in kept):
            kept.append(i)
    return kept


some_boxes = st.lists(
    st.tuples(
        *[st.integers(0, 20)] * 2, *[st.integers(0, 12)] * 2, st.sampled_from([0.2, 0.5, 0.9])
    ),
    max_size=25,
)


@given(rows=some_boxes, max_iou=st.sampled_from([0.0, 0.3, 0.5, 0.65, 1.0]))
def test_suppression_is_that_of_two_plain_loops(rows: list[Any], max_iou: float) -> None:
    boxes = np.array([(x, y, x + w, y + h) for x, y, w, h, _ in rows], float).reshape(-1, 4)
    scores = np.array([score for *_, score in rows])
    assert suppress(boxes, scores, max_iou=max_iou).tolist() == naive_suppress(
        boxes, scores, max_iou
    )
    np.testing.assert_allclose(
        iou(boxes, boxes).reshape(-1), [naive_iou(a, b) for a in boxes for b in boxes]
    )


@given(rows=some_boxes, size=st.tuples(st.integers(1, 25), st.integers(1, 25)))
def test_detections_are_within_the_picture_and_sorted(
    rows: list[Any], size: tuple[int, int]
) -> None:
    boxes = np.array([(x - 5, y - 5, x + w, y + h) for x, y, w, h, _ in rows]).reshape(-1, 4)
    scores = np.array([score for *_, score in rows])
    found = to_detections(boxes, scores, size, min_score=0.5)
    assert isinstance(found, Detections)
    assert (np.diff(found.score) <= 0).all()
    assert (found.score >= 0.5).all()
    assert (found.bbox_xyxy[:, 2:] > found.bbox_xyxy[:, :2]).all()
    assert (found.bbox_xyxy >= 0).all()
    assert (found.bbox_xyxy <= (*size, *size)).all()
