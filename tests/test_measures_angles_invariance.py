"""What angles do not depend on: place, size, side, roll and rate."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from some_bodies import WALK, in_space, rotated, swapped

from kinetrace.measures import angles
from kinetrace.testing import walker

SAGITTAL = [
    f"{side}_{name}_deg"
    for side in ("left", "right")
    for name in ("hip", "knee", "ankle", "shoulder", "elbow")
]


def numbers(table: pd.DataFrame) -> pd.DataFrame:
    return table[[name for name in table.columns if name.endswith("_deg")]]


@settings(max_examples=25, deadline=None)
@given(st.floats(-5000, 5000), st.floats(0.2, 5), st.sampled_from(["2d", "3d"]), st.integers(0, 99))
def test_where_and_how_large_somebody_is_does_not_matter(shift, size, space, seed) -> None:
    poses, _ = walker(noise_px=3, duration_s=1, seed=seed)
    poses = in_space(poses, 30)
    moved = dataclasses.replace(
        poses, xy=poses.xy.astype(float) * size + shift, xyz_m=poses.xyz_m * size
    )
    got, want = (numbers(angles.measure(p, space=space)) for p in (moved, poses))
    np.testing.assert_allclose(got, want, atol=0.2)  # float32 of large numbers


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([1, -1]), st.sampled_from(["2d", "3d"]), st.integers(0, 99))
def test_in_the_mirror_the_sides_change_and_the_angles_stay(direction, space, seed) -> None:
    poses, _ = walker(noise_px=3, duration_s=1, direction=direction, seed=seed)
    poses = in_space(poses, 20)
    one, other = (angles.measure(p, space=space) for p in (poses, swapped(poses)))
    renamed_columns = {
        name: name.replace("left", "*").replace("right", "left").replace("*", "right")
        for name in one.columns
    }
    other = numbers(other.rename(columns=renamed_columns))
    tilted = ["pelvis_deg", "shoulders_deg", "trunk_lateral_deg"]  # what is higher is lower
    other[tilted] *= -1
    np.testing.assert_allclose(other[numbers(one).columns], numbers(one), atol=0.05)


@settings(max_examples=25, deadline=None)
@given(st.floats(-180, 180), st.integers(0, 99))
def test_joint_angles_do_not_turn_with_the_picture(degrees, seed) -> None:
    poses, _ = walker(noise_px=2, duration_s=1, seed=seed)
    got = angles.measure(rotated(poses, degrees))[SAGITTAL]
    np.testing.assert_allclose(got, angles.measure(poses)[SAGITTAL], atol=0.05)


@settings(max_examples=10, deadline=None)
@given(st.floats(-60, 60))
def test_a_tilted_camera_is_put_right(degrees) -> None:
    tilted = rotated(WALK, degrees)
    got = numbers(angles.measure(tilted, tilt_deg=degrees))
    np.testing.assert_allclose(got, numbers(angles.measure(WALK)), atol=0.05)
    space = in_space(WALK, 0)
    turned = dataclasses.replace(space, xyz_m=_rolled(space.xyz_m, degrees))
    got = numbers(angles.measure(turned, space="3d", tilt_deg=degrees))
    np.testing.assert_allclose(got, numbers(angles.measure(space, space="3d")), atol=0.05)


def _rolled(xyz: np.ndarray, degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    x, y = xyz[..., 0], xyz[..., 1]
    return np.stack([x * c + y * s, -x * s + y * c, xyz[..., 2]], axis=-1)


@given(st.sampled_from([2, 3, 5]))
@settings(max_examples=3, deadline=None)
def test_fewer_frames_have_the_same_angles(step) -> None:
    poses, _ = walker(fps=60, duration_s=3)
    every = angles.measure(poses)
    some, _ = walker(time_s=poses.frame_time_s[::step])
    np.testing.assert_allclose(numbers(angles.measure(some)), numbers(every)[::step], atol=0.05)
