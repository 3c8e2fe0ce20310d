"""Three movements by people who differ in size, speed and noise."""

from __future__ import annotations

import dataclasses

import numpy as np
from moving_body import lifts, side_view

from kinetrace.poses import Poses

ACTIONS = ("bow", "march", "squat")


def doing(
    action: str,
    *,
    person: int = 0,
    fps: float = 30,
    duration_s: float = 2.0,
    bend: float = 1.0,
    time_s: np.ndarray | None = None,
) -> Poses:
    """Somebody who does one thing; `bend` scales how far joints are bent."""
    random = np.random.default_rng([person, 7])
    time_s = np.arange(0, duration_s, 1 / fps) if time_s is None else time_s
    rate_hz = random.uniform(0.8, 1.2)
    down = bend * (1 - np.cos(2 * np.pi * rate_hz * time_s)) / 2
    amount = random.uniform(0.9, 1.1)
    hip, knee, lean = (0.0 * down, 0.0 * down), (0.0 * down, 0.0 * down), 0.0 * down
    if action == "squat":
        hip, knee, lean = (80 * amount * down,) * 2, (95 * amount * down,) * 2, 30 * down
    elif action == "march":
        legs = [bend * lifts(time_s, rate_hz=rate_hz, phase=phase) for phase in (0, 0.5)]
        hip = (70 * amount * legs[0], 70 * amount * legs[1])
        knee = (80 * amount * legs[0], 80 * amount * legs[1])
    else:
        lean = 85 * amount * down
    return side_view(
        time_s,
        hip_deg=hip,
        knee_deg=knee,
        lean_deg=lean,
        noise_px=0.5,
        px_per_m=random.uniform(80, 300),
    )


def renumbered(poses: Poses, track_id: int) -> Poses:
    return dataclasses.replace(poses, track_id=np.full(len(poses), track_id))
