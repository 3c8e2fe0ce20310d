"""What the features of a movement do not depend on, and what they need."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from some_actions import ACTIONS, doing
from some_bodies import swapped

from kinetrace.actions import describe, joints_of
from kinetrace.actions.features import JOINTS, body_size, feature_count, mirrored
from kinetrace.poses import Poses, Skeleton
from kinetrace.skeletons import BLAZEPOSE33, COCO17

some_action = st.sampled_from(ACTIONS)


def features(poses: Poses) -> np.ndarray:
    described = describe(joints_of(poses, np.arange(len(poses))), poses.frame_time_s)
    assert described is not None
    return described


@settings(max_examples=25, deadline=None)
@given(some_action, st.floats(-3000, 3000), st.floats(0.2, 5), st.integers(0, 99))
def test_where_and_how_large_somebody_is_does_not_matter(action, shift_px, size, person):
    poses = doing(action, person=person)
    moved = dataclasses.replace(poses, xy=poses.xy.astype(float) * size + shift_px)
    np.testing.assert_allclose(features(moved), features(poses), atol=0.02)  # float32 pixels


@settings(max_examples=25, deadline=None)
@given(some_action, st.integers(0, 99))
def test_mirrored_joints_are_those_of_the_mirrored_person(action, person):
    poses = doing(action, person=person)
    rows = np.arange(len(poses))
    want = features(swapped(poses))
    got = describe(mirrored(joints_of(poses, rows)), poses.frame_time_s)
    np.testing.assert_allclose(got, want, atol=0.02)
    np.testing.assert_array_equal(
        mirrored(mirrored(joints_of(poses, rows))), joints_of(poses, rows)
    )


@settings(max_examples=25, deadline=None)
@given(some_action, st.sampled_from([15, 24, 60, 120]), st.integers(0, 99))
def test_the_frame_rate_does_not_matter(action, fps, person):
    times = np.linspace(0, 2, 61)
    want = features(doing(action, person=person, time_s=times))
    got = features(doing(action, person=person, time_s=np.linspace(0, 2, 2 * fps + 1)))
    # Half a pixel of noise is a twentieth of a trunk at its ends, and more of one in its speed.
    assert np.nanmax(np.abs(got - want)) < 0.3
    assert np.nanmedian(np.abs(got - want)) < 0.02


@settings(max_examples=10, deadline=None)
@given(some_action, st.integers(0, 99))
def test_uneven_frames_are_placed_by_their_times(action, seed):
    steps = np.random.default_rng(seed).choice([1 / 60, 1 / 30, 1 / 20], 400)
    times = np.concatenate([[0], np.cumsum(steps)])
    times = np.append(times[times < 2], 2.0)
    want = features(doing(action, time_s=np.linspace(0, 2, 121)))
    assert np.nanmedian(np.abs(features(doing(action, time_s=times)) - want)) < 0.02


def test_a_joint_that_is_gone_for_some_frames_is_bridged():
    poses = doing("squat")
    xy = poses.xy.copy()
    xy[20:24, BLAZEPOSE33.index("left_knee")] = np.nan
    gone = dataclasses.replace(poses, xy=xy)
    off = np.abs(features(gone) - features(poses))
    assert np.nanmax(off) < 0.3
    assert np.nanmedian(off) < 1e-3


def test_a_joint_that_is_never_seen_leaves_its_numbers_open():
    poses = doing("squat")
    score = poses.score.copy()
    score[:, BLAZEPOSE33.index("left_ankle")] = 0.2
    with_it, without = features(poses), features(dataclasses.replace(poses, score=score))
    lost = np.isnan(without) & ~np.isnan(with_it)
    assert 0 < lost.mean() < 0.3
    kept = ~np.isnan(without)
    np.testing.assert_allclose(without[kept], with_it[kept], atol=0.05)


@pytest.mark.parametrize("case", ["no frame", "one frame", "all missing", "a face", "no time"])
def test_too_little_is_no_answer(case):
    poses = doing("squat")
    xy, time_s = joints_of(poses, np.arange(len(poses))), poses.frame_time_s
    if case == "no frame":
        xy, time_s = xy[:0], time_s[:0]
    elif case == "one frame":
        xy, time_s = xy[:1], time_s[:1]
    elif case == "all missing":
        xy = np.full_like(xy, np.nan)
    elif case == "a face":
        xy = np.where(np.arange(13)[:, None] > 2, np.nan, xy)
    else:
        time_s = np.zeros_like(time_s)
    assert describe(xy, time_s) is None


def test_the_number_of_features_is_what_it_is_said_to_be():
    assert len(features(doing("bow"))) == feature_count()


def test_the_size_is_the_length_of_the_trunk_even_if_it_points_at_the_camera():
    poses = doing("march")
    xy = joints_of(poses, np.arange(len(poses)))
    upright = body_size(xy)
    hips = np.nanmean(xy[:, 7:9], axis=1, keepdims=True)
    bent = xy.copy()
    bent[:, :7] = hips + 0.1 * (xy[:, :7] - hips)
    assert body_size(bent) == pytest.approx(upright, rel=0.15)  # by thighs and shanks


def test_joints_go_by_their_names():
    keypoints = [name for name in COCO17.keypoints if "eye" not in name]
    poses = doing("squat")
    columns = [BLAZEPOSE33.index(name) for name in keypoints[::-1]]
    other = dataclasses.replace(
        poses,
        skeleton=Skeleton(name="custom", keypoints=tuple(keypoints[::-1])),
        xy=poses.xy[:, columns],
        score=poses.score[:, columns],
    )
    np.testing.assert_array_equal(features(other), features(poses))
    assert len(JOINTS) == 13
