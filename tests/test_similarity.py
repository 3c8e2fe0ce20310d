from __future__ import annotations

import numpy as np
import pytest
import reference_topdown as reference
from hypothesis import given
from hypothesis import strategies as st

from kinetrace.similarity import area, iou, keypoint_similarity, oks, overlap, squared_distances
from kinetrace.skeletons import COCO17


def test_oks_is_the_mean_over_shared_keypoints_of_the_published_term() -> None:
    random = np.random.default_rng(0)
    a, b = random.uniform(0, 100, (4, 17, 2)), random.uniform(0, 100, (5, 17, 2))
    a[random.random((4, 17)) < 0.3] = np.nan
    b[1] = np.nan
    areas = random.uniform(5e3, 5e4, (4, 1))
    got = oks(squared_distances(a, b), areas, COCO17.sigmas)
    for i, j in np.ndindex(4, 5):
        want = reference.oks_of_two(a[i], b[j], areas[i, 0], np.array(COCO17.sigmas))
        assert got[i, j] == pytest.approx(want, abs=1e-12)
    assert (got[:, 1] == 0).all()


def test_a_counted_keypoint_that_is_missing_adds_nothing() -> None:
    squared = np.array([0.0, np.nan, 0.0, 0.0])
    counted = np.array([True, True, False, False])
    assert oks(squared, 100.0, (0.1,) * 4, counted) == 0.5
    assert oks(squared, 100.0, (0.1,) * 4, np.zeros(4, bool)) == 0


def test_one_sigma_off_is_e_to_the_minus_an_eighth() -> None:
    """COCO's constant is twice the annotators' deviation, so one deviation off is exp(-1/8)."""
    sigma, area_px = 0.1, 400.0
    squared = np.array([(sigma * 20) ** 2])
    assert keypoint_similarity(squared, area_px, [sigma])[0] == pytest.approx(np.exp(-1 / 8))


edges = st.floats(-100, 100)
some_boxes = st.tuples(edges, edges, st.floats(0, 50), st.floats(0, 50)).map(
    lambda b: [b[0], b[1], b[0] + b[2], b[1] + b[3]]
)


@given(a=some_boxes, b=some_boxes)
def test_iou_is_symmetric_and_one_only_for_itself(a: list[float], b: list[float]) -> None:
    both = iou(np.array([a, b]), np.array([a, b]))
    assert both[0, 1] == pytest.approx(both[1, 0])
    assert np.all((both >= 0) & (both <= 1 + 1e-9))
    if area(np.array(a)) > 1e-6:
        assert both[0, 0] == pytest.approx(1)


def test_iou_by_hand() -> None:
    got = iou(np.array([[0, 0, 10, 10]]), np.array([[5, 0, 15, 10], [10, 0, 20, 10], [2, 2, 4, 4]]))
    np.testing.assert_allclose(got, [[50 / 150, 0, 4 / 100]])
    missing = np.array([[np.nan] * 4])
    assert iou(missing, missing) == 0
    assert overlap(missing, np.array([[0, 0, 9, 9]])) == 0
