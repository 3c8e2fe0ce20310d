from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.spatial.transform import Rotation

from kinetrace.geometry import distance
from kinetrace.skeletons import COCO17
from kinetrace.testing import _falls as figure
from kinetrace.testing import mover
from kinetrace.testing._falls_actions import ACTIONS, script_of, tipping

BONES = [edge for edge in COCO17.edges if not any("ear" in end or "eye" in end for end in edge)]


def in_space(action: str, seed: int = 0) -> np.ndarray:
    script = script_of([action], 1.75, np.random.default_rng(seed))
    time_s = np.arange(0, script.now_s, 0.02)
    return figure._body(*figure._course(script.segments, time_s))


@pytest.mark.parametrize("weight", [0.4, 1.0])
def test_a_rod_tips_over_as_energy_wants_it(weight: float) -> None:
    length_m, start = 1.75, np.radians(3)
    rate = 3 * weight * 9.81 / length_m
    # From the square root of the energy; the substitution takes the singular start away.
    integral, _ = quad(
        lambda u: 2 * u / np.sqrt(rate * (np.cos(start) - np.cos(start + u**2))),
        0,
        np.sqrt(np.pi / 2 - start),
    )
    assert tipping(length_m, weight)[0] == pytest.approx(integral, rel=0.005)


def test_knees_that_give_way_fall_no_faster_than_a_stone() -> None:
    for seed in range(20):
        script = script_of(["collapse"], 1.75, np.random.default_rng(seed))
        drop_s = script.segments[0].duration_s
        free_s = np.sqrt(2 * 0.31 * 1.75 / 9.81)
        assert free_s <= drop_s <= np.sqrt(2) * free_s


@pytest.mark.parametrize("action", ACTIONS)
def test_bones_keep_their_length_and_nobody_sinks_into_the_floor(action: str) -> None:
    xyz = in_space(action)
    for a, b in BONES:
        length = distance(xyz[:, COCO17.index(a)], xyz[:, COCO17.index(b)])
        assert np.ptp(length) < 1e-9
    assert xyz[..., 2].min() > 0


@pytest.mark.parametrize("action", [name for name in ACTIONS if "fall" in name])
def test_whoever_fell_is_on_the_floor(action: str) -> None:
    for seed in range(3):
        script = script_of([action], 1.75, np.random.default_rng(seed))
        (fall,) = (event for event in script.events if event.event == "fall")
        xyz = in_space(action, seed)
        at = int(fall.end_s / 0.02) + 2
        trunk = [COCO17.index(f"{s}_{j}") for s in ("left", "right") for j in ("shoulder", "hip")]
        assert xyz[at, trunk, 2].mean() < 0.2
        assert xyz[0, trunk, 2].mean() > 0.6


def test_the_camera_is_a_pinhole() -> None:
    """Against rotation matrices: the camera's axes are right, down and ahead."""
    xyz = in_space("pick up") * 1.75
    yaw, height_m, distance_m = 0.7, 2.5, 5.0
    pitch = np.arctan2(height_m - 0.9, distance_m)
    world = xyz @ Rotation.from_euler("z", -yaw).as_matrix().T + (0, distance_m, -height_m)
    right, ahead, up = np.moveaxis(world, 2, 0)
    seen = np.stack([right, -up, ahead], axis=2)
    seen = seen @ Rotation.from_euler("x", pitch).as_matrix().T
    want = 900 * seen[..., :2] / seen[..., 2:] + (640, 360)
    got = figure._picture(xyz, yaw, height_m, distance_m, pitch)
    np.testing.assert_allclose(got, want, atol=1e-6)


def test_chance_is_the_seed_s_and_noise_does_not_change_what_is_done() -> None:
    one, truth = mover(["stand", "sit"], seed=1)
    noisy, same = mover(["stand", "sit"], seed=1, noise_px=3, miss_rate=0.1)
    again, _ = mover(["stand", "sit"], seed=1, noise_px=3, miss_rate=0.1)
    other, _ = mover(["stand", "sit"], seed=2)
    assert truth == same
    assert np.array_equal(noisy.xy, again.xy, equal_nan=True)
    assert len(one) != len(other)
    assert (noisy.score == 0).mean() == pytest.approx(0.1, abs=0.02)
    assert np.nanstd(noisy.xy - one.xy) == pytest.approx(3, rel=0.05)


def test_what_is_outside_of_the_picture_is_missing() -> None:
    poses, _ = mover(["walk", "walk", "walk", "walk"], yaw_deg=0, distance_m=4)
    last = poses.xy[-1]
    assert np.isnan(last).all()
    assert not poses.score[-1].any()


def test_there_is_no_such_action() -> None:
    with pytest.raises(ValueError, match="no action 'fly'; there are: stand"):
        mover(["fly"])
