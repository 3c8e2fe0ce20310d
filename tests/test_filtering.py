"""What holds for every smoother, and for smoothing a film as a whole."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from some_poses import any_poses, assert_same, assert_same_people, make_poses
from trajectories import PX_PER_M, both, film, jump_m, punch_m, skeleton_of_size

from kinetrace import filtering, read, write
from kinetrace.poses import Poses
from kinetrace.testing import walker

ZERO_LAG = {
    "adaptive": filtering.adaptive,
    "butterworth": filtering.butterworth,
    "kalman": filtering.kalman,
    "savitzky_golay": filtering.savitzky_golay,
}
SMOOTHERS = {**ZERO_LAG, "one_euro": filtering.one_euro}
METHODS = ("auto", "butterworth", "kalman", "savitzky-golay", "one-euro")

zero_lag = pytest.mark.parametrize("smoother", ZERO_LAG.values(), ids=ZERO_LAG)
every_smoother = pytest.mark.parametrize("smoother", SMOOTHERS.values(), ids=SMOOTHERS)


def noisy_walk(seed: int = 0, **options: float) -> Poses:
    return walker(duration_s=2, noise_px=2, seed=seed, **options)[0]


def uneven_s(seed: int, n: int = 90) -> np.ndarray:
    """Times of a phone that films at 20 to 40 frames a second."""
    return np.cumsum(np.random.default_rng(seed).uniform(1 / 40, 1 / 20, n))


@every_smoother
def test_what_stands_still_at_0_stays_there(smoother):
    poses = film(np.arange(60) / 30, np.zeros((60, 2)))
    np.testing.assert_array_equal(smoother(poses).xy, 0)


@zero_lag
@pytest.mark.parametrize("even", [True, False])
def test_a_straight_line_stays_one_up_to_its_ends(smoother, even):
    time_s = np.arange(90) / 29.97 if even else uneven_s(1)
    xy = np.stack([300 * time_s - 200, 50 - 10 * time_s], axis=1)
    np.testing.assert_allclose(smoother(film(time_s, xy)).xy[:, 0], xy, atol=1e-4)


@every_smoother
@settings(max_examples=8, deadline=None)
@given(
    move=st.tuples(st.integers(-500, 500), st.integers(-500, 500)),
    scale=st.sampled_from([0.25, 0.5, 2.0, 4.0]),
    seed=st.integers(0, 99),
)
def test_a_moved_and_scaled_picture_gives_moved_and_scaled_points(smoother, move, scale, seed):
    walk = noisy_walk(seed)
    other = dataclasses.replace(
        walk, xy=walk.xy * scale + np.array(move), bbox_xyxy=walk.bbox_xyxy * scale
    )
    want = smoother(walk).xy.astype(np.float64) * scale + np.array(move)
    np.testing.assert_allclose(smoother(other).xy, want, atol=2e-3 * scale + 1e-3)


@zero_lag
@pytest.mark.parametrize("even", [True, False])
def test_a_film_run_backwards_gives_the_same_backwards(smoother, even):
    time_s = np.arange(90) / 30 if even else uneven_s(2)
    xy = np.cumsum(np.random.default_rng(0).normal(0, 3, (90, 3, 2)), axis=0)
    score = np.random.default_rng(1).uniform(0.2, 1, (90, 3))
    forwards = smoother(film(time_s, xy, score=score))
    backwards = smoother(film(time_s[-1] - time_s[::-1], xy[::-1], score=score[::-1]))
    np.testing.assert_allclose(forwards.xy, backwards.xy[::-1], atol=1e-3)


@zero_lag
def test_no_lag(smoother):
    """The point on which a slow movement's correlation with its truth is greatest is no lag."""
    time_s = np.arange(300) / 100
    wave = 100 * np.sin(2 * np.pi * 2 * time_s)
    noise = np.random.default_rng(0).normal(0, 1, (300, 2))
    smoothed = smoother(film(time_s, both(wave) + noise)).xy[100:200, 0, 0]
    error = [np.sum((smoothed - wave[100 + lag : 200 + lag]) ** 2) for lag in range(-5, 6)]
    assert int(np.argmin(error)) == 5


@every_smoother
def test_each_person_is_smoothed_alone(smoother):
    one, two = noisy_walk(1), noisy_walk(2)
    n = len(one)
    order = np.argsort(np.r_[np.arange(n), np.arange(n)], kind="stable")
    together = Poses(
        skeleton=one.skeleton,
        frame_time_s=one.frame_time_s,
        frame=np.repeat(np.arange(n), 2),
        xy=np.concatenate([one.xy, two.xy])[order],
        score=np.concatenate([one.score, two.score])[order],
        bbox_xyxy=np.concatenate([one.bbox_xyxy, two.bbox_xyxy])[order],
        track_id=np.tile([7, 3], n),
    )
    smoothed = smoother(together)
    for track_id, alone in ((7, one), (3, two)):
        xy = smoothed.xy[smoothed.track_id == track_id]
        np.testing.assert_array_equal(xy, smoother(alone).xy)


def messy_film(seed: int) -> Poses:
    """A crowd that comes and goes, with missing points, and a clock that jumps about."""
    random = np.random.default_rng(seed)
    people = random.integers(0, 4, 60)
    n = int(people.sum())
    steps = random.choice([1 / 30, 0.02, 0.0, -0.2, 3.0], 60, p=[0.8, 0.1, 0.06, 0.02, 0.02])
    missing = random.random((n, 3)) < 0.1
    xy = np.where(missing[..., None], np.nan, np.cumsum(random.normal(0, 9, (n, 3, 2)), axis=0))
    return Poses(
        skeleton=skeleton_of_size(3),
        frame_time_s=np.where(random.random(60) < 0.03, np.nan, np.cumsum(steps)),
        frame=np.repeat(np.arange(60), people),
        xy=xy,
        score=np.where(missing, 0, random.random((n, 3))),
        track_id=random.choice([-1, 0, 0, 0, 1, 1], n),
        xyz_m=np.where(random.random((n, 3, 1)) < 0.1, np.nan, random.normal(0, 1, (n, 3, 3))),
    )


@every_smoother
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_all_but_the_positions_of_who_is_tracked_stays(smoother, seed):
    poses = messy_film(seed)
    smoothed = smoother(poses)
    assert smoothed.xy.dtype == np.float32
    assert smoothed.xyz_m is not None
    np.testing.assert_array_equal(np.isnan(smoothed.xy), np.isnan(poses.xy))
    np.testing.assert_array_equal(np.isnan(smoothed.xyz_m), np.isnan(poses.xyz_m))
    kept = dataclasses.replace(smoothed, xy=poses.xy, xyz_m=poses.xyz_m)
    assert_same_people(kept, poses)
    still = (poses.track_id < 0) | np.isnan(poses.frame_time_s[poses.frame])
    np.testing.assert_array_equal(smoothed.xy[still], poses.xy[still])


@settings(max_examples=25, deadline=None)
@given(poses=any_poses(), method=st.sampled_from(["auto", "one-euro"]))
def test_anything_can_be_smoothed(poses, method):
    """Also nobody, one frame, all missing, equal times, a frame a year."""
    smoothed = filtering.smooth(poses, method)
    assert len(smoothed) >= len(poses)
    filled = np.isfinite(smoothed.xy).sum() - np.isfinite(poses.xy).sum()
    assert filled == 0 or smoothed.log != poses.log


@every_smoother
def test_space_is_smoothed_as_pixels_are(smoother):
    walk = noisy_walk()
    px_per_m = float((walk.bbox_xyxy[:, 2:] - walk.bbox_xyxy[:, :2]).max(axis=1)[0] / 1.7)
    boxes = np.tile(walk.bbox_xyxy[:1], (len(walk), 1))
    xyz_m = np.concatenate([walk.xy, walk.xy[:, :, :1]], axis=2) / px_per_m
    smoothed = smoother(dataclasses.replace(walk, xyz_m=xyz_m, bbox_xyxy=boxes))
    assert smoothed.xyz_m is not None
    assert smoothed.xyz_m.dtype == np.float32
    if smoother is filtering.adaptive:  # which decides on all coordinates of a keypoint together
        assert np.abs(smoothed.xyz_m - xyz_m).max() > 0.001
    else:
        np.testing.assert_allclose(smoothed.xyz_m[:, :, :2] * px_per_m, smoothed.xy, atol=1e-2)


@every_smoother
def test_runs_between_missing_points_are_smoothed_by_themselves(smoother):
    time_s = np.arange(90) / 30
    xy = np.random.default_rng(0).normal(0, 3, (90, 2))
    xy[40:60] = np.nan
    smoothed = smoother(film(time_s, xy)).xy[:, 0]
    np.testing.assert_array_equal(np.isnan(smoothed[:, 0]), np.isnan(xy[:, 0]))
    if smoother is not filtering.one_euro:  # which fills no gap, but bridges short ones
        for part in (slice(0, 40), slice(60, 90)):
            alone = smoother(film(time_s[part], xy[part])).xy[:, 0]
            np.testing.assert_allclose(smoothed[part], alone, atol=1e-5)


@zero_lag
def test_a_run_that_is_too_short_stays(smoother):
    xy = np.random.default_rng(0).normal(0, 9, (60, 2)).astype(np.float32)
    xy[[20, 24]] = np.nan
    smoothed = smoother(film(np.arange(60) / 30, xy)).xy[:, 0]
    np.testing.assert_array_equal(smoothed[21:24], xy[21:24])
    assert np.abs(smoothed[:20] - xy[:20]).max() > 1


@zero_lag
def test_a_clock_that_stood_still_joins_nothing(smoother):
    """Somebody at one place before a pause and at another after it did not drift there."""
    time_s = np.arange(80) / 30
    time_s[40:] += 5
    xy = both(np.where(np.arange(80) < 40, 100, 500))
    np.testing.assert_allclose(smoother(film(time_s, xy)).xy[:, 0], xy, atol=1e-3)


@zero_lag
def test_uneven_times_are_taken_as_they_are(smoother):
    """A 1 Hz movement that is sampled unevenly stays within 1 %; taken for even, it would not."""
    time_s = uneven_s(5, 150)
    truth = both(100 * np.sin(2 * np.pi * time_s))

    def error_px(times):
        return np.abs(smoother(film(times, truth)).xy[:, 0] - truth)[15:-15].max()

    assert error_px(time_s) < 1.0
    # The adaptive one lets such a movement pass whatever its times are.
    if smoother is not filtering.adaptive:
        assert error_px(np.linspace(time_s[0], time_s[-1], 150)) > 2 * error_px(time_s)


@zero_lag
def test_frames_at_the_same_time_are_one_moment(smoother):
    time_s = np.repeat(np.arange(40) / 30, 2)[:70]
    line = both(60 * time_s) + 5
    np.testing.assert_allclose(smoother(film(time_s, line)).xy[:, 0], line, atol=1e-3)
    wobbly = line + np.tile([[-1], [1]], (35, 1))
    smoothed = smoother(film(time_s, wobbly)).xy[:, 0]
    np.testing.assert_allclose(smoothed, line, atol=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_photos_and_single_frames_stay(method):
    photos = dataclasses.replace(make_poses((1, 1, 1)), frame_time_s=np.full(3, np.nan))
    assert filtering.smooth(photos, method) is photos
    single = make_poses((2,))
    assert filtering.smooth(single, method) is single


def test_none_does_nothing():
    walk = noisy_walk()
    assert filtering.smooth(walk, "none") is walk


@pytest.mark.parametrize("method", METHODS)
def test_the_log_tells_each_step_and_can_be_replayed(method, tmp_path):
    raw = noisy_walk(fps=29.97)
    xy = raw.xy.copy()
    xy[10:12, 3] = np.nan
    xy[20, 5] += 150
    raw = dataclasses.replace(raw, xy=xy, score=np.where(np.isnan(xy[:, :, 0]), 0, 0.9))
    raw = raw.logged("estimate", {"model": "none"})
    want = filtering.smooth(raw, method)
    operations = [entry["operation"] for entry in want.log]
    assert operations[:3] == ["estimate", "drop_outliers", "fill_gaps"]
    assert len(operations) == 4
    assert_same(filtering.replay(raw, want.log), want)
    write(want, tmp_path / "smooth.csv")
    assert_same(filtering.replay(raw, read(tmp_path / "smooth.csv").log), want)


def test_replay_says_what_it_does_not_know():
    log = [{"operation": "butterworth", "version": "9", "parameters": {"ripple_db": 1}}]
    with pytest.raises(ValueError, match="ripple_db.*version 9"):
        filtering.replay(noisy_walk(), log)


def test_what_does_not_fit_the_method_is_refused():
    walk = noisy_walk()
    with pytest.raises(ValueError, match="'auto' has no cutoff_hz"):
        filtering.smooth(walk, cutoff_hz=6)
    with pytest.raises(ValueError, match="'kalman' has no window_s"):
        filtering.smooth(walk, "kalman", window_s=1)
    with pytest.raises(ValueError, match="one of auto, none"):
        filtering.smooth(walk, "median")  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["butterworth", "kalman"])
def test_a_cutoff_that_the_film_is_too_slow_for_is_refused(method):
    slow = film(np.arange(50) / 10, np.zeros((50, 2)))
    with pytest.raises(ValueError, match=r"6 Hz needs more than 12 .* this film has 10: .* 5 Hz"):
        filtering.smooth(slow, method)


@pytest.mark.parametrize("fps", [10, 24, 30000 / 1001, 60, 120])
@pytest.mark.parametrize("noise_px", [1, 4])
def test_auto_halves_the_jitter_of_somebody_who_stands_still(fps, noise_px):
    time_s = np.arange(0, 8, 1 / fps)
    still = np.full((len(time_s), 12, 2), 300.0)
    noise = np.random.default_rng(0).normal(0, noise_px, still.shape)
    smoothed = filtering.smooth(film(time_s, still + noise))
    raw_px, smooth_px = np.sqrt(np.mean(noise**2)), np.sqrt(np.mean((smoothed.xy - 300) ** 2))
    assert smooth_px < 0.5 * raw_px


@pytest.mark.parametrize("fps", [10, 24, 30000 / 1001, 60, 120])
def test_auto_does_not_shorten_a_jump(fps):
    """Of somebody who stands still before and after it, with noise: within 1 % and 1 frame."""
    time_s = np.arange(0, 6, 1 / fps)
    truth = np.full((len(time_s), 12, 2), 300.0)
    truth[:, :, 1] -= PX_PER_M * jump_m(time_s, 2.73)[:, None]
    noise = np.random.default_rng(0).normal(0, 1, truth.shape)
    smoothed = filtering.smooth(film(time_s, truth + noise)).xy.mean(axis=1)
    top = int(np.argmin(truth[:, 0, 1]))
    assert smoothed[top, 1] - 300 == pytest.approx(truth[top, 0, 1] - 300, rel=0.015)
    assert abs(int(np.argmin(smoothed[:, 1])) - top) <= 1


@pytest.mark.parametrize("fps", [30, 60, 120])
def test_auto_follows_a_punch(fps):
    time_s = np.arange(0, 6, 1 / fps)
    truth = np.full((len(time_s), 12, 2), 300.0)
    truth[:, :, 0] += PX_PER_M * sum(punch_m(time_s, at) for at in (1.2, 2.5, 4.1))[:, None]
    noise = np.random.default_rng(0).normal(0, 1, truth.shape)
    smoothed = filtering.smooth(film(time_s, truth + noise))
    reach = (smoothed.xy[:, :, 0] - 300).mean(axis=1)[np.argmax(truth[:, 0, 0])]
    assert reach == pytest.approx(truth[:, 0, 0].max() - 300, rel=0.02)
    assert np.sqrt(np.mean((smoothed.xy - truth) ** 2)) < 0.9 * noise.std()
