from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from gait_cases import cadence, changed, errors_s
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kinetrace.measures import gait
from kinetrace.skeletons import BLAZEPOSE33
from kinetrace.testing import walker

invariance = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.differing_executors]
)
TIMES = ["time_s", "toe_off_s", "step_time_s", "stance_s", "double_support_s", "stance_percent"]


@invariance
@given(
    x=st.floats(-3000, 3000),
    y=st.floats(-3000, 3000),
    scale=st.floats(0.4, 5),
    later_s=st.floats(0, 1000),
)
def test_place_size_and_clock_do_not_matter(
    x: float, y: float, scale: float, later_s: float
) -> None:
    poses, _ = walker(duration_s=5, noise_px=1)
    moved = dataclasses.replace(
        changed(poses, poses.xy * scale + (x, y)), frame_time_s=poses.frame_time_s + later_s
    )
    want, got = gait.measure(poses), gait.measure(moved)
    assert list(got["side"]) == list(want["side"])
    shift = [later_s, later_s, 0, 0, 0, 0]
    np.testing.assert_allclose(got[TIMES], want[TIMES] + shift, atol=2e-3)
    lengths = want["step_length_px"] * scale
    np.testing.assert_allclose(got["step_length_px"], lengths, rtol=0.01)


@invariance
@given(seed=st.integers(0, 99), noise_px=st.sampled_from([0.0, 1.0, 2.0]))
def test_in_a_mirror_sides_and_direction_change(seed: int, noise_px: float) -> None:
    poses, _ = walker(duration_s=5, noise_px=noise_px, seed=seed)
    mirrored = poses.xy[:, list(BLAZEPOSE33.mirror)] * (-1, 1) + (2000, 0)
    want, got = gait.measure(poses), gait.measure(changed(poses, mirrored))
    assert list(got["side"]) == [{"left": "right", "right": "left"}[s] for s in want["side"]]
    assert set(got["direction"]) == {"left"}
    np.testing.assert_allclose(got[TIMES], want[TIMES], atol=2e-3)


@invariance
@given(fps=st.floats(20, 120), cadence_steps_per_min=st.floats(70, 140))
def test_the_frame_rate_does_not_matter(fps: float, cadence_steps_per_min: float) -> None:
    poses, truth = walker(
        fps=fps, duration_s=6, cadence_steps_per_min=cadence_steps_per_min, speed_m_per_s=1.0
    )
    assert cadence(poses) == pytest.approx(cadence_steps_per_min, rel=0.005)
    assert errors_s(poses, truth).max() < 0.005
