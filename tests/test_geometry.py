from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinetrace import geometry as g

angles = st.floats(-1e4, 1e4)


@given(angles, st.sampled_from([-180.0, -90.0]))
def test_a_wrapped_angle_is_the_same_direction_in_the_half_open_range(angle, lowest):
    wrapped = float(g.wrap_deg(angle, lowest))
    assert lowest < wrapped <= lowest + 360
    assert abs(((wrapped - angle) + 180) % 360 - 180) < 1e-9


def test_half_a_turn_is_plus_180():
    assert g.wrap_deg([180, -180, 540, 0]).tolist() == [180, 180, 180, 0]
    assert g.wrap_deg(-180 - 1e-14) == 180  # rounds to the excluded end
    assert np.isnan(g.wrap_deg(np.nan))


@pytest.mark.parametrize("speed", [7.0, -7.0, 59.0])
def test_a_turning_angle_is_followed_through_whole_turns(speed):
    truth = speed * np.arange(200)
    followed = g.unwrap_deg(truth)
    np.testing.assert_allclose(np.diff(followed), speed, atol=1e-9)
    assert -180 < np.median(followed) <= 180


def test_a_wrong_frame_moves_nothing_but_itself():
    truth = np.full(40, 100.0)
    wrong = truth.copy()
    wrong[[10, 20, 21]] = (-85, -85, 270)
    followed = g.unwrap_deg(wrong)
    np.testing.assert_array_equal(np.delete(followed, [10, 20, 21]), 100)


def test_missing_angles_stay_missing_and_are_passed_over():
    followed = g.unwrap_deg([170, np.nan, -170, np.nan])
    np.testing.assert_array_equal(followed, [170, np.nan, 190, np.nan])
    assert np.isnan(g.unwrap_deg([np.nan])).all()
    assert g.unwrap_deg([]).shape == (0,)


def test_directions():
    got = g.direction_deg([[1, 0], [0, 1], [-1, 0], [-1, -0.0], [0, -1], [0, 0], [np.nan, 1]])
    np.testing.assert_array_equal(got, [0, 90, 180, 180, -90, np.nan, np.nan])


@given(st.integers(0, 10**6), st.sampled_from([2, 3]))
def test_included_angles_are_those_of_the_arc_cosine(seed, dimensions):
    a, b = np.random.default_rng(seed).normal(size=(2, dimensions))
    cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    assert g.included_deg(a, b) == pytest.approx(np.degrees(np.arccos(cosine)), abs=1e-5)


def test_tiny_included_angles_are_exact_where_the_arc_cosine_is_not():
    for angle in (1e-9, 1e-7, 180 - 1e-7):
        b = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        assert g.included_deg([5.0, 0.0], b) == pytest.approx(angle, abs=1e-13)
    assert np.isnan(g.included_deg([0.0, 0.0], [1.0, 0.0]))


@given(st.integers(0, 10**6), st.floats(0.01, 3))
def test_the_windowed_mean_is_the_mean_of_the_window(seed, window):
    random = np.random.default_rng(seed)
    time = np.cumsum(random.uniform(0.01, 0.2, 30))
    values = np.where(random.random(30) < 0.3, np.nan, random.normal(1e4, 1, 30))
    for t, mean in zip(time, g.windowed_mean(time, values, window), strict=True):
        inside = values[np.abs(time - t) <= window / 2 * (1 + 1e-9)]
        inside = inside[np.isfinite(inside)]
        np.testing.assert_allclose(mean, inside.mean() if len(inside) else np.nan, rtol=1e-12)


def test_without_a_clock_values_stand_for_themselves():
    got = g.windowed_mean([np.nan, np.nan], [1.0, 5.0], 10)
    np.testing.assert_array_equal(got, [1, 5])


def test_the_cross_product_is_positive_from_x_to_y():
    assert g.cross([1, 0], [0, 1]) == 1
    np.testing.assert_array_equal(g.midpoint([[0, 0]], [[np.nan, 4]]), [[np.nan, 2]])
    assert g.distance([0, 0, 0], [2, 3, 6]) == 7
