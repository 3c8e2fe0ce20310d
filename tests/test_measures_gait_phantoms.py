from __future__ import annotations

import numpy as np
import pytest
from gait_cases import assert_nothing, changed
from moving_body import lifts, side_view

from kinetrace.measures import gait
from kinetrace.measures._gait_bouts import Bout, is_running
from kinetrace.measures._gait_events import Event
from kinetrace.skeletons import BLAZEPOSE33, COCO17
from kinetrace.testing import walker

T = np.arange(0, 10, 1 / 30)


def wave(rate_hz: float, phase: float = 0.0) -> np.ndarray:
    return np.sin(2 * np.pi * (rate_hz * T + phase))


def dip(rate_hz: float) -> np.ndarray:
    return (1 - np.cos(2 * np.pi * rate_hz * T)) / 2


def lift(rate_hz: float, phase: float = 0.0) -> np.ndarray:
    return lifts(T, rate_hz=rate_hz, phase=phase)


STILL = {
    "standing": {"hip_deg": (2, 2), "knee_deg": (3, 3)},
    "swaying": {"hip_deg": (2 + 4 * wave(0.3),) * 2, "knee_deg": (3, 3)},
    "marching": {
        "hip_deg": (60 * lift(0.9), 60 * lift(0.9, 0.5)),
        "knee_deg": (80 * lift(0.9), 80 * lift(0.9, 0.5)),
        "pelvis_x_m": 0.0,
    },
    "marching with low knees": {
        "hip_deg": (30 * lift(0.9), 30 * lift(0.9, 0.5)),
        "knee_deg": (45 * lift(0.9), 45 * lift(0.9, 0.5)),
        "pelvis_x_m": 0.0,
    },
    "jogging on the spot": {
        "hip_deg": (10 * lift(1.4), 10 * lift(1.4, 0.5)),
        "knee_deg": (90 * lift(1.4), 90 * lift(1.4, 0.5)),
        "pelvis_x_m": 0.0,
    },
    "sitting": {"hip_deg": (90, 90), "knee_deg": (90, 90)},
    "sitting down and rising": {"hip_deg": (90 * dip(0.2),) * 2, "knee_deg": (90 * dip(0.2),) * 2},
    "dangling the legs": {
        "hip_deg": (90, 90),
        "knee_deg": (70 + 30 * wave(0.7), 70 + 30 * wave(0.7, 0.5)),
        "pelvis_x_m": 0.0,
        "pelvis_height_m": 0.8,
    },
    "squats": {"hip_deg": (100 * dip(0.4),) * 2, "knee_deg": (120 * dip(0.4),) * 2},
    "jumps": {
        "hip_deg": (50 * dip(0.7),) * 2,
        "knee_deg": (80 * dip(0.7),) * 2,
        "rise_m": 0.3 * np.clip(-wave(0.7), 0, None),
    },
    "lunges": {
        "hip_deg": (70 * lift(0.25), 70 * lift(0.25, 0.5)),
        "knee_deg": (
            80 * lift(0.25) + 70 * lift(0.25, 0.5),
            80 * lift(0.25, 0.5) + 70 * lift(0.25),
        ),
        "pelvis_x_m": 0.3 * (lift(0.25) + lift(0.25, 0.5)),
    },
    "kicks": {
        "hip_deg": (45 * lift(0.7), 45 * lift(0.7, 0.5)),
        "knee_deg": (5, 5),
        "pelvis_x_m": 0.0,
    },
}


@pytest.mark.parametrize("noise_px", [0, 2])
@pytest.mark.parametrize("skeleton", [BLAZEPOSE33, COCO17], ids=["blazepose", "coco"])
@pytest.mark.parametrize("name", STILL)
def test_no_phantom_steps(name: str, skeleton: object, noise_px: float) -> None:
    poses = side_view(T, skeleton=skeleton, noise_px=noise_px, **STILL[name])
    events = gait.find_events(poses)
    assert len(events) == 0
    assert events.attrs["notes"]


@pytest.mark.parametrize("noise_px", [0, 2])
def test_pedalling_is_no_walking(noise_px: float) -> None:
    hips, knees = zip(*(_on_pedal(phase) for phase in (0.0, 0.5)), strict=True)
    poses = side_view(
        T, hip_deg=hips, knee_deg=knees, pelvis_x_m=0.0, pelvis_height_m=0.9, noise_px=noise_px
    )
    assert len(gait.find_events(poses)) == 0


def _on_pedal(phase: float) -> tuple[np.ndarray, np.ndarray]:
    turn = 2 * np.pi * (T + phase)
    x, y = 0.25 + 0.17 * np.cos(turn), 0.62 + 0.17 * np.sin(turn)
    knee = np.pi - 2 * np.arcsin(np.hypot(x, y) / 0.86)
    return np.degrees(np.arctan2(x, y) + knee / 2), np.degrees(knee)


def test_walking_backwards_is_left_out() -> None:
    poses, _ = walker(duration_s=8)
    reversed_ = changed(poses, poses.xy[::-1])
    assert_nothing(reversed_, "no two steps")


def test_runners_are_told_by_the_duty_factor() -> None:
    def bout(stance_s: float) -> Bout:
        times = [(0.35 * i, side) for i, side in enumerate(("left", "right") * 4)]
        events = [Event("heel_strike", s, t, round(t * 120)) for t, s in times]
        events += [Event("toe_off", s, t + stance_s, round((t + stance_s) * 120)) for t, s in times]
        return Bout(tuple(sorted(events, key=lambda e: e.time_s)), 1)

    assert is_running(bout(0.25))
    assert not is_running(bout(0.42))
