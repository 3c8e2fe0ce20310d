from __future__ import annotations

import numpy as np
import pytest

from kinetrace.testing import walker


def flexion_deg(poses, a, b, c):
    """180 degrees less the angle at b: an independent way to the knee's flexion."""
    u = poses.keypoint(a) - poses.keypoint(b)
    v = poses.keypoint(c) - poses.keypoint(b)
    cosine = np.sum(u * v, 1) / np.linalg.norm(u, axis=1) / np.linalg.norm(v, axis=1)
    return 180 - np.degrees(np.arccos(np.clip(cosine, -1, 1)))


@pytest.mark.parametrize("direction", [1, -1])
def test_the_knees_bend_as_told(direction):
    poses, truth = walker(direction=direction)
    for side in ("left", "right"):
        bent = flexion_deg(poses, f"{side}_hip", f"{side}_knee", f"{side}_ankle")
        assert np.abs(bent - np.abs(truth.knee_flexion_deg[side])).max() < 0.05
        assert truth.knee_flexion_deg[side].min() > 0  # no knee bends backwards


@pytest.mark.parametrize("cadence", [60.0, 108.0, 133.7])
def test_strikes_come_at_the_cadence_and_where_the_heel_is_foremost(cadence):
    poses, truth = walker(cadence_steps_per_min=cadence, fps=1000, duration_s=5, direction=-1)
    steps = np.sort(np.concatenate(list(truth.heel_strike_s.values())))
    assert np.allclose(np.diff(steps), 60 / cadence)
    ahead_px = poses.keypoint("left_hip")[:, 0] - poses.keypoint("left_heel")[:, 0]
    for time_s in truth.heel_strike_s["left"]:
        near = np.abs(poses.frame_time_s - time_s) < 0.1
        if near.sum() > 190:  # not at the edge of the film
            assert abs(poses.frame_time_s[near][ahead_px[near].argmax()] - time_s) < 2e-3


def test_the_pelvis_moves_at_the_speed_told():
    poses, truth = walker(speed_m_per_s=1.4, px_per_m=150)
    x_px = poses.keypoint("left_hip")[:, 0].astype(float)
    slope = np.polyfit(poses.frame_time_s, x_px, 1)[0]
    assert slope / 150 == pytest.approx(1.4, rel=1e-4)
    assert truth.speed_m_per_s == 1.4


def test_times_may_be_uneven_and_noise_is_repeatable():
    times = np.sort(np.random.default_rng(1).uniform(0, 4, 100))
    poses, truth = walker(time_s=times, noise_px=2, seed=3)
    again, _ = walker(time_s=times, noise_px=2, seed=3)
    clean, _ = walker(time_s=times)
    assert np.array_equal(poses.frame_time_s, times)
    assert np.array_equal(poses.xy, again.xy)
    assert (poses.xy - clean.xy).std() == pytest.approx(2, rel=0.05)
    assert all(len(angle) == 100 for angle in truth.knee_flexion_deg.values())
    assert np.all((clean.xy >= 0) & (clean.xy <= clean.size_wh))


def test_a_direction_is_left_or_right():
    with pytest.raises(ValueError, match="direction"):
        walker(direction=0)
