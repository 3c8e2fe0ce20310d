"""From where people are seen and which way they face, of bodies of which it is known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from some_bodies import rotated, seen_from
from some_poses import FACE, make_poses

from kinetrace import view
from kinetrace.testing import walker


@pytest.mark.parametrize(
    ("yaw", "name", "facing"),
    [
        (0, "side", 1),
        (15, "side", 1),
        (180, "side", -1),
        (45, "oblique", 1),
        (135, "oblique", -1),
        (90, "front", 0),
        (270, "back", 0),
        (-20, "side", 1),
    ],
)
def test_the_view_is_told(yaw, name, facing):
    poses = seen_from(yaw)
    found = view.classify(poses)[0]
    assert (found.name, found.confidence, found.facing) == (name, 1.0, facing)
    assert set(view.facing(poses)) == {facing}
    truth = 90 - abs(abs((yaw + 180) % 360 - 180) - 90)
    assert found.yaw_deg == pytest.approx(truth, abs=15)


def test_a_turn_flips_the_facing_once_and_shows_the_front():
    poses = seen_from(0, steps=120, spin_deg_per_s=45)  # right, camera, left in 4 s
    ways = view.facing(poses)
    assert ways[0] == 1
    assert ways[-1] == -1
    assert np.count_nonzero(np.diff(ways)) == 1
    names = view.row_views(poses)
    kept = [name for i, name in enumerate(names) if not i or name != names[i - 1]]
    assert kept == ["side", "oblique", "front", "oblique", "side"]


def test_a_glitch_flips_nothing():
    poses, _ = walker(noise_px=4, duration_s=3)
    xy = poses.xy.copy()
    for i in (20, 21, 50):  # left and right, front and back: a mirror image
        xy[i, :, 0] = 2 * np.median(xy[i, :, 0]) - xy[i, :, 0]
    assert set(view.facing(dataclasses.replace(poses, xy=xy))) == {1}


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_the_side_that_is_seen_does_not_change_when_somebody_lies(degrees):
    poses = rotated(seen_from(0), degrees)
    assert set(view.facing(poses)) == {1}
    assert view.classify(poses)[0].name == "side"


@given(st.integers(0, 10**6))
def test_a_mirror_image_faces_the_other_way(seed):
    poses = make_poses((2, 1, 0, 3), seed=seed)
    xy = (poses.xy * (-1, 1))[:, list(poses.skeleton.mirror)]
    other = dataclasses.replace(poses, xy=xy, score=poses.score[:, list(poses.skeleton.mirror)])
    np.testing.assert_array_equal(view.facing(other), -view.facing(poses))
    np.testing.assert_array_equal(view.row_views(other), view.row_views(poses))


def test_nobody_and_no_body_have_no_view():
    assert view.classify(make_poses((0, 0))) == {}
    found = view.classify(make_poses((1,), skeleton=FACE))
    assert {(v.name, v.confidence, v.facing) for v in found.values()} == {("unknown", 0.0, 0)}
