"""The One Euro filter against the paper's algorithm, and live."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from some_poses import assert_same
from trajectories import both, film

from kinetrace.filtering import OneEuro, one_euro
from kinetrace.poses import Poses, concat
from kinetrace.testing import walker

SIZE_PX = 340.0  # of `film`'s person


class Published:
    """Algorithm 1 of Casiez, Roussel and Vogel, CHI 2012, for one number."""

    def __init__(self, min_cutoff, beta, derivative_cutoff):
        self.min_cutoff, self.beta, self.derivative_cutoff = min_cutoff, beta, derivative_cutoff
        self.x = self.dx = self.t = None

    @staticmethod
    def alpha(cutoff, period):
        tau = 1.0 / (2 * math.pi * cutoff)
        return 1.0 / (1.0 + tau / period)

    def __call__(self, x, t):
        if self.x is None:
            self.x, self.dx, self.t = x, 0.0, t
            return x
        period = t - self.t
        a = self.alpha(self.derivative_cutoff, period)
        self.dx = a * (x - self.x) / period + (1 - a) * self.dx
        a = self.alpha(self.min_cutoff + self.beta * abs(self.dx), period)
        self.x = a * x + (1 - a) * self.x
        self.t = t
        return self.x


@pytest.mark.parametrize(("min_cutoff_hz", "beta", "derivative_hz"), [(1, 10, 1), (0.3, 0, 2)])
def test_it_is_the_published_filter_on_true_times(min_cutoff_hz, beta, derivative_hz):
    random = np.random.default_rng(0)
    time_s = np.cumsum(random.uniform(0.01, 0.06, 200))
    xy = np.cumsum(random.normal(0, 8, (200, 2)), axis=0)
    smoothed = one_euro(
        film(time_s, xy),
        min_cutoff_hz=min_cutoff_hz,
        beta=beta,
        derivative_cutoff_hz=derivative_hz,
    )
    for axis in range(2):
        want = Published(min_cutoff_hz, beta / SIZE_PX, derivative_hz)
        series = [want(x, t) for x, t in zip(xy[:, axis].tolist(), time_s.tolist(), strict=True)]
        np.testing.assert_allclose(smoothed.xy[:, 0, axis], series, atol=2e-3)


def noisy_walk() -> Poses:
    walk, _ = walker(duration_s=2, noise_px=2)
    xyz_m = np.concatenate([walk.xy, walk.xy[:, :, :1]], axis=2) / 200
    return dataclasses.replace(walk, xyz_m=xyz_m)


def test_frame_by_frame_is_the_film_at_once():
    walk = noisy_walk()
    live = OneEuro()
    parts = [live.update(walk.frames(i, i + 1)) for i in range(len(walk.frame_time_s))]
    assert_same(concat(parts), one_euro(walk))


def test_what_is_missing_stays_missing_and_is_taken_up_again():
    time_s = np.arange(60) / 30
    xy = both(np.where(np.arange(60) < 30, 100.0, 160.0))
    xy[25:30] = np.nan  # a sixth of a second: the first point after it is filtered
    smoothed = one_euro(film(time_s, xy)).xy[:, 0, 0]
    assert np.isnan(smoothed[25:30]).all()
    assert 100 < smoothed[30] < 160
    xy[10:30] = np.nan  # two thirds of a second: it begins anew
    assert one_euro(film(time_s, xy)).xy[30, 0, 0] == 160


def test_somebody_who_comes_back_after_long_begins_anew():
    time_s = np.arange(60) / 30
    xy = both(np.where(np.arange(60) < 30, 100.0, 160.0))
    poses = film(time_s, xy)
    for away, want in ((range(27, 30), None), (range(10, 30), 160)):
        seen = np.setdiff1d(np.arange(60), away)
        back = one_euro(poses.rows(seen)).xy[np.searchsorted(seen, 30), 0, 0]
        assert back == want if want else 100 < back < 160


def test_memory_does_not_grow_with_those_who_have_left():
    live = OneEuro()
    for i in range(500):
        live.update(film([i / 30], [[1.0, 2.0]], track_id=i))
    assert len(live._tracks) <= 0.5 * 30 + 1


def test_time_that_goes_back_begins_anew():
    live = OneEuro()
    live.update(film(np.arange(10) / 30, np.zeros((10, 2))))
    again = live.update(film(np.arange(10) / 30, np.full((10, 2), 50.0)))
    assert again.xy[0, 0, 0] == 50


def test_two_frames_at_one_time():
    live = OneEuro()
    first = live.update(film([0.0, 0.1], [[0.0, 0.0], [10.0, 10.0]])).xy[-1]
    second = live.update(film([0.1], [[99.0, 99.0]])).xy[-1]
    np.testing.assert_array_equal(first, second)


def test_the_untracked_and_the_timeless_stay():
    xy = np.random.default_rng(0).normal(0, 9, (20, 2))
    for poses in (film(np.arange(20) / 30, xy, track_id=-1), film(np.full(20, np.nan), xy)):
        np.testing.assert_array_equal(one_euro(poses).xy, poses.xy)


@pytest.mark.parametrize("name", ["min_cutoff_hz", "derivative_cutoff_hz", "forget_s"])
def test_what_must_be_above_0(name):
    with pytest.raises(ValueError, match=f"{name} must be above 0, got 0"):
        OneEuro(**{name: 0})


def test_it_halves_the_jitter_and_follows_a_fast_movement():
    time_s = np.arange(90) / 30
    truth = both(np.where(time_s < 1.5, 0, np.minimum((time_s - 1.5) * 1000, 500)))
    noise = np.random.default_rng(0).normal(0, 1, (90, 2))
    smoothed = one_euro(film(time_s, truth + noise)).xy[:, 0]
    assert smoothed[5:45].std() < 0.5 * noise[5:45].std()
    behind_s = (truth - smoothed)[50:60].mean() / 1000
    assert behind_s < 1 / 30
