from __future__ import annotations

import numpy as np
import pytest
import reference_topdown as reference

from kinetrace.similarity import keypoint_similarity, oks, squared_distances
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
