from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from trajectories import PX_PER_M, both, film, jump_m, punch_m

from kinetrace import filtering

FILM_RATES = [24, 30000 / 1001, 60, 120]


def noisy(time_s, metres=0.0, *, noise_px=1.0, seed=0):
    still = np.random.default_rng(seed).normal(300, noise_px, (len(time_s), 6, 2))
    still[:, :, 1] -= (PX_PER_M * (metres + np.zeros(len(time_s))))[:, None]
    return still


@pytest.mark.parametrize("fps", [10, *FILM_RATES])
@pytest.mark.parametrize("frames", [1, 2, 3])
def test_points_that_leap_away_and_back_are_dropped_and_no_others(fps, frames):
    time_s = np.arange(90) / fps
    xy = noisy(time_s, noise_px=0.5)
    # Farther than anybody gets in the time: the more so, the longer it lasts.
    leap_px = PX_PER_M * 1.2 * 150 * ((frames + 1) / fps) ** 2 / 8 + 10
    xy[40 : 40 + frames, 2] += leap_px
    dropped = filtering.drop_outliers(film(time_s, xy))
    want = np.zeros((90, 6), bool)
    want[40 : 40 + frames, 2] = True
    np.testing.assert_array_equal(np.isnan(dropped.xy[:, :, 0]), want)
    np.testing.assert_array_equal(dropped.score == 0, want)
    assert dropped.log[-1]["parameters"]["found"] == {"points": frames}


@pytest.mark.parametrize("fps", FILM_RATES)
@pytest.mark.parametrize("phase_s", [0.0, 0.011, 0.023])
def test_the_top_of_a_fast_movement_is_none(fps, phase_s):
    """Nor is a corner: the take-off and the landing of a jump."""
    time_s = np.arange(0, 4, 1 / fps)
    for metres in (jump_m(time_s, 1 + phase_s), punch_m(time_s, 2 + phase_s)):
        dropped = filtering.drop_outliers(film(time_s, noisy(time_s, metres, noise_px=0.2)))
        assert dropped.log[-1]["parameters"]["found"] == {"points": 0}


@pytest.mark.parametrize("phase_s", [0.0, 0.031, 0.067])
def test_a_movement_of_one_frame_that_people_can_do_is_none(phase_s):
    """At 10 frames a second a punch is one frame far from all others."""
    time_s = np.arange(0, 4, 0.1)
    for metres in (jump_m(time_s, 1 + phase_s), punch_m(time_s, 2 + phase_s)):
        dropped = filtering.drop_outliers(film(time_s, noisy(time_s, metres)))
        assert not np.isnan(dropped.xy).any()


@pytest.mark.parametrize("fps", FILM_RATES)
def test_noise_is_hardly_ever_taken_for_outliers(fps):
    time_s = np.arange(0, 20, 1 / fps)
    dropped = filtering.drop_outliers(film(time_s, noisy(time_s, noise_px=3)))
    assert np.isnan(dropped.xy).mean() < 0.005


def test_what_leaps_away_and_stays_is_no_outlier():
    time_s = np.arange(60) / 30
    xy = both(np.where(time_s < 1, 100, 400))
    np.testing.assert_array_equal(filtering.drop_outliers(film(time_s, xy)).xy[:, 0], xy)


def test_it_depends_on_no_scale():
    time_s = np.arange(60) / 30
    xy = noisy(time_s)
    xy[20, 1] += 60
    small = film(time_s, xy / 8)
    small = dataclasses.replace(small, bbox_xyxy=small.bbox_xyxy / 8)
    for poses in (film(time_s, xy), small):
        dropped = filtering.drop_outliers(poses)
        assert np.argwhere(np.isnan(dropped.xy[:, :, 0])).tolist() == [[20, 1]]


def test_space_goes_with_the_pixels_and_not_the_other_way():
    time_s = np.arange(60) / 30
    xy = noisy(time_s)
    xyz_m = np.zeros((60, 6, 3))
    xy[20, 1] += 60
    xyz_m[30, 2] += 1
    dropped = filtering.drop_outliers(film(time_s, xy, xyz_m=xyz_m))
    assert np.argwhere(np.isnan(dropped.xy[:, :, 0])).tolist() == [[20, 1]]
    assert np.argwhere(np.isnan(dropped.xyz_m[:, :, 0])).tolist() == [[20, 1], [30, 2]]
    assert dropped.score[30, 2] > 0


def test_low_scores_are_dropped():
    score = np.array([[0.1, 0.5, 0.3, 0.299]])
    xyz_m = np.zeros((1, 4, 3))
    poses = film([0.0], np.zeros((1, 4, 2)), score=score, xyz_m=xyz_m)
    dropped = filtering.drop_low_scores(poses, 0.3)
    for values in (dropped.xy, dropped.xyz_m):
        assert np.isnan(values).any(axis=2).tolist() == [[True, False, False, True]]
    np.testing.assert_allclose(dropped.score, [[0, 0.5, 0.3, 0]], atol=1e-6)
    assert dropped.log[-1]["parameters"] == {"min_score": 0.3, "found": {"points": 2}}
    with pytest.raises(ValueError, match=r"within 0..1, got 30"):
        filtering.drop_low_scores(poses, 30)


@pytest.mark.parametrize("name", ["window_s", "n_sigmas", "max_acceleration_m_per_s2"])
def test_parameters_are_above_0(name):
    with pytest.raises(ValueError, match=f"{name} must be above 0, got -1"):
        filtering.drop_outliers(film([0.0], [[0.0, 0.0]]), **{name: -1})
