from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kinetrace.skeletons import BLAZEPOSE33
from kinetrace.testing import crowd, paint_crowd, walker


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


QUIET = {"miss_rate": 0, "phantoms_per_s": 0, "noise_m": 0, "outlier_rate": 0}


def test_a_crowd_is_repeatable_and_chance_is_the_seed_s():
    one, again, other = (crowd(duration_s=2, seed=s) for s in (1, 1, 2))
    for a, b in zip(one, again, strict=True):
        assert np.array_equal(a.xy, b.xy, equal_nan=True)
        assert np.array_equal(a.track_id, b.track_id)
    assert not np.array_equal(one[1].xy, other[1].xy)


def test_the_detector_does_not_know_the_ids():
    found, truth = crowd(duration_s=3, seed=1)
    assert set(found.track_id.tolist()) == {-1}
    assert set(truth.track_id.tolist()) <= set(range(8))
    first = [found.xy[found.frame == f][0, 5, 0] for f in range(60)]
    assert np.nanmax(np.abs(np.diff(first))) > 200  # the first row is now this one, now that one


def test_without_faults_the_detector_sees_the_truth():
    found, truth = crowd(people=1, duration_s=4, seed=3, **QUIET)
    full = (truth.score > 0).all(axis=1)
    at = np.searchsorted(found.frame, truth.frame[full])
    assert full.sum() > 30
    assert np.allclose(found.xy[at], truth.xy[full], atol=1e-3)


def test_the_nearer_one_hides_the_farther_one():
    _, truth = crowd(people=12, duration_s=10, comes_back=1, seed=1, **QUIET)
    feet = np.nanmax(truth.xy[..., 1], axis=1)
    inside = ((truth.xy >= 0) & (truth.xy <= (1279, 719))).all(axis=(1, 2))
    hidden = inside & (truth.score == 0).any(axis=1)
    assert hidden.sum() > 100
    middle = np.abs(np.nanmean(truth.xy[..., 0], axis=1) - 640) < 400
    for frame in np.unique(truth.frame):
        here = np.flatnonzero(truth.frame == frame)
        nearest = here[feet[here].argmax()]
        clearly = np.sum(feet[here] > feet[nearest] - 30) == 1  # a lifted foot lifts the box
        assert not (clearly and middle[nearest] and hidden[nearest])


def test_people_leave_and_come_back_as_themselves():
    returns = 0
    for seed in range(5):
        alone = {"people": 1, "duration_s": 30, "fps": 10, "seed": seed}
        _, truth = crowd(**alone, comes_back=1)
        assert set(truth.track_id.tolist()) == {0}
        gone = np.flatnonzero(np.diff(truth.frame) > 5)
        returns += len(gone)
        far_px = np.abs(truth.bbox_xyxy[:, [0, 2]] - 640).max(axis=1)
        assert np.all(far_px[gone] > 500)
        _, once = crowd(**alone, comes_back=0)
        assert np.all(np.diff(once.frame) <= 5)
    assert returns >= 4


def test_faults_come_as_often_as_told():
    found, truth = crowd(people=1, duration_s=60, fps=10, comes_back=1, seed=5, phantoms_per_s=0)
    full = (truth.score > 0).all(axis=1)
    missed = ~np.isin(truth.frame[full], found.frame)
    assert 0.01 < missed.mean() < 0.06
    nobody, _ = crowd(people=0, duration_s=60, fps=10, phantoms_per_s=5, seed=5)
    assert 200 < len(nobody) < 900
    assert nobody.score.max() < 0.7


def test_a_crowd_takes_its_times_and_its_skeleton():
    times = np.array([3.0, 3.1, 3.5, 3.51])
    found, truth = crowd(time_s=times, skeleton=BLAZEPOSE33)
    assert np.array_equal(found.frame_time_s, times)
    assert found.skeleton is truth.skeleton is BLAZEPOSE33
    for nobody in crowd(people=0, duration_s=1, phantoms_per_s=0):
        assert (len(nobody), len(nobody.frame_time_s)) == (0, 30)


def test_painted_people_wear_their_own_colours():
    _, truth = crowd(people=3, duration_s=1, seed=1, **QUIET)
    frame = truth.frames(0, 1)
    image = paint_crowd(frame)
    assert image.shape == (720, 1280, 3)
    mean = []
    for i in range(len(frame)):
        x, y = frame.keypoint("left_shoulder")[i].round().astype(int)
        mean.append(tuple(image[y + 3, x].tolist()))
    assert len(set(mean)) == len(frame) > 1
    later = truth.frames(20, 21)
    for i, person in enumerate(later.track_id):
        x, y = later.keypoint("left_shoulder")[i].round().astype(int)
        before = np.flatnonzero(frame.track_id == person)
        assert tuple(paint_crowd(later)[y + 3, x].tolist()) == mean[before[0]]
    with pytest.raises(ValueError, match="size_wh"):
        paint_crowd(dataclasses.replace(frame, size_wh=None))
