"""What frequencies the filters let through, measured with sines; and against other solutions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from trajectories import both, film

from kinetrace import filtering

RATES_HZ = [24.0, 25.0, 30000 / 1001, 30.0, 50.0, 60.0, 120.0, 240.0]


def gain_at(frequency_hz, fps, smoother, *, cycles=60, time_s=None):
    """Ratio of a sine's amplitude after to before, by least squares, away from the ends."""
    if time_s is None:
        time_s = np.arange(round(cycles / frequency_hz * fps)) / fps
    wave = 100 * np.sin(2 * np.pi * frequency_hz * time_s)
    smoothed = smoother(film(time_s, both(wave))).xy[:, 0, 0]
    middle = slice(len(time_s) // 4, -len(time_s) // 4)
    phase = 2 * np.pi * frequency_hz * time_s[middle]
    basis = np.stack([np.sin(phase), np.cos(phase)], axis=1)
    sine, cosine = np.linalg.lstsq(basis, smoothed[middle].astype(float), rcond=None)[0] / 100
    assert abs(cosine) < 0.01, "a filter without lag does not turn the phase"
    return sine


def cutoff_hz_of(fps, smoother, low_hz, high_hz):
    """Where the amplitude is the square root of a half, by bisection."""
    for _ in range(12):
        middle_hz = (low_hz + high_hz) / 2
        if gain_at(middle_hz, fps, smoother) > np.sqrt(0.5):
            low_hz = middle_hz
        else:
            high_hz = middle_hz
    return (low_hz + high_hz) / 2


@pytest.mark.parametrize("fps", RATES_HZ)
@pytest.mark.parametrize("order", [1, 2, 4])
def test_the_butterworth_is_at_3_db_at_its_cutoff_after_both_passes(fps, order):
    def smoother(poses):
        return filtering.butterworth(poses, cutoff_hz=6, order=order)

    assert cutoff_hz_of(fps, smoother, 4, 8) == pytest.approx(6, rel=0.01)


@pytest.mark.parametrize("cutoff_hz", [1.0, 5.5, 11.0])
def test_any_cutoff_is_its_own_also_a_broken_one(cutoff_hz):
    def smoother(poses):
        return filtering.butterworth(poses, cutoff_hz=cutoff_hz)

    found = cutoff_hz_of(30, smoother, 0.8 * cutoff_hz, 1.2 * cutoff_hz)
    assert found == pytest.approx(cutoff_hz, rel=0.01)


@pytest.mark.parametrize("fps", RATES_HZ)
def test_the_kalman_smoother_is_at_3_db_at_its_cutoff(fps):
    assert cutoff_hz_of(fps, filtering.kalman, 4, 8) == pytest.approx(6, rel=0.01)


@pytest.mark.parametrize("frequency_hz", [1, 3, 6, 9, 12])
def test_the_butterworths_whole_response_is_the_published_one(frequency_hz):
    """1 / (1 + (w / w0)^4) for two passes of order 2, far from half of the frame rate."""
    design_hz = 6 / 0.802
    want = 1 / (1 + (frequency_hz / design_hz) ** 4)
    got = gain_at(frequency_hz, 480, filtering.butterworth)
    assert got == pytest.approx(want, abs=0.01)


def test_uneven_frames_have_the_same_cutoff():
    random = np.random.default_rng(0)
    time_s = np.cumsum(random.uniform(0.8, 1.2, 1200)) / 60
    for smoother in (filtering.butterworth, filtering.kalman):
        gain = gain_at(6, 60, smoother, time_s=time_s)
        assert gain == pytest.approx(np.sqrt(0.5), rel=0.02)


@pytest.mark.parametrize("fps", [25, 60, 240])
def test_savitzky_golay_keeps_a_parabola_and_a_cubic(fps):
    time_s = np.arange(2 * fps) / fps
    xy = np.stack([100 * time_s**2, 50 * time_s**3 - 80 * time_s], axis=1)
    smoothed = filtering.savitzky_golay(film(time_s, xy)).xy[:, 0]
    np.testing.assert_allclose(smoothed, xy, atol=1e-3)


def test_savitzky_golay_is_a_polynomial_fit_around_each_frame():
    time_s = np.arange(40) / 30
    xy = np.random.default_rng(0).normal(0, 10, (40, 2))
    smoothed = filtering.savitzky_golay(film(time_s, xy), window_s=0.3, degree=2).xy[:, 0]
    for at in range(4, 36):
        part = slice(at - 4, at + 5)
        fit = np.polynomial.Polynomial.fit(time_s[part], xy[part, 0], 2)
        assert smoothed[at, 0] == pytest.approx(fit(time_s[at]), abs=1e-4)


def test_a_window_without_room_for_its_polynomial_is_refused():
    slow = film(np.arange(40) / 10, np.zeros((40, 2)))
    with pytest.raises(ValueError, match=r"0.3 s is 3 frames at 10 .* needs 5: .* 0.5 s or more"):
        filtering.savitzky_golay(slow)
    assert filtering.savitzky_golay(slow, window_s=0.5).log


def rts(time_s, values, variance, density):
    """A textbook Kalman filter of constant velocity, and Rauch, Tung and Striebel's way back."""
    see = np.array([[1.0, 0.0]])
    mean, cov = np.zeros(2), np.diag([1e10, 1e10])
    filtered, predicted, moves = [], [], []
    for i, value in enumerate(values):
        step = time_s[i] - time_s[i - 1] if i else 0.0
        move = np.array([[1.0, step], [0.0, 1.0]])
        push = density * np.array([[step**3 / 3, step**2 / 2], [step**2 / 2, step]])
        mean, cov = move @ mean, move @ cov @ move.T + push
        predicted.append((mean, cov))
        moves.append(move)
        gain = cov @ see.T / (see @ cov @ see.T + variance[i])
        mean = mean + gain[:, 0] * (value - mean[0])
        keep = np.eye(2) - gain @ see
        cov = keep @ cov @ keep.T + gain @ gain.T * variance[i]
        filtered.append((mean, cov))
    mean, cov = filtered[-1]
    result = [mean[0]]
    for i in range(len(values) - 2, -1, -1):
        back = filtered[i][1] @ moves[i + 1].T @ np.linalg.inv(predicted[i + 1][1])
        mean = filtered[i][0] + back @ (mean - predicted[i + 1][0])
        result.append(mean[0])
    return np.array(result[::-1])


def test_the_kalman_smoother_is_the_rts_smoother_with_scores_as_noise():
    random = np.random.default_rng(3)
    time_s = np.cumsum(random.uniform(0.02, 0.05, 40))
    y = np.cumsum(random.normal(0, 4, 40))
    score = random.uniform(0.2, 1.0, 40)
    smoothed = filtering.kalman(film(time_s, both(y), score=score[:, None]), cutoff_hz=4)
    # The ratio of noises for which 4 Hz are at -3 dB, found from the filter's own even response.
    step_s = np.diff(time_s)
    step_s = step_s[np.abs(step_s - np.sort(step_s)[19]) <= np.sort(step_s)[19] / 2].mean()
    w = 2 * np.pi * 4 * step_s
    spectrum = step_s**3 * (2 + np.cos(w)) / 3 / (2 - 2 * np.cos(w)) ** 2
    density = (1 + np.sqrt(2)) / spectrum
    variance = (np.median(score) / score) ** 2
    want = rts(time_s, y, variance, density)
    np.testing.assert_allclose(smoothed.xy[:, 0, 0], want, atol=1e-3)


def test_a_keypoint_of_low_score_is_trusted_less():
    time_s = np.arange(31) / 30
    xy = both(np.where(np.arange(31) == 15, 40.0, 0.0))
    sure = filtering.kalman(film(time_s, xy)).xy[15, 0, 0]
    score = np.where(np.arange(31) == 15, 0.2, 0.8)[:, None]
    unsure = filtering.kalman(film(time_s, xy, score=score)).xy[15, 0, 0]
    assert 0 < unsure < 0.2 * sure


def test_the_low_pass_of_auto_is_at_3_db_at_its_cutoff_and_keeps_a_parabola():
    from kinetrace.filtering._adaptive import low_pass

    time_s = np.arange(1200) / 60
    wave = np.sin(2 * np.pi * 3 * time_s)[:, None]
    passed = low_pass(wave, 3, 60)[300:900]
    assert np.ptp(passed) / 2 == pytest.approx(np.sqrt(0.5), rel=0.01)
    parabola = (time_s**2)[:, None]
    error = np.abs(low_pass(parabola, 3, 60) - parabola)[60:-60]
    assert error.max() < 1e-9


@pytest.mark.parametrize("n", [10, 64, 65, 200])
def test_short_runs_are_filtered_as_long_ones(n):
    """A run of 64 frames goes through a matrix and one of 65 through a convolution."""
    from kinetrace.filtering._adaptive import _low_passed, low_pass

    values = np.random.default_rng(0).normal(0, 1, (n, 2, 2))
    np.testing.assert_allclose(low_pass(values, 3, 30), _low_passed(values, 3, 30), atol=1e-12)


def test_a_spline_brings_uneven_frames_to_even_times_and_back():
    from kinetrace.filtering._runs import filter_evenly

    random = np.random.default_rng(0)
    time_s = np.cumsum(random.uniform(0.8, 1.2, 100)) / 30
    values = CubicSpline(np.arange(12) / 2, random.normal(0, 50, 12))(time_s)[:, None, None]
    seen = []
    same = filter_evenly(time_s, values, 1 / 30, lambda v, rate_hz: seen.append(rate_hz) or v)
    np.testing.assert_allclose(same, values, atol=0.1)
    assert seen == [pytest.approx(30, rel=0.02)]
