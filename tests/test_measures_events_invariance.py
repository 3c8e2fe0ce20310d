from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pandas as pd
import pytest
from events_cases import moved
from hypothesis import given, settings
from hypothesis import strategies as st

from kinetrace.measures import events
from kinetrace.poses import Poses
from kinetrace.skeletons import COCO17
from kinetrace.testing import mover

invariance = settings(max_examples=15, deadline=None)
DOINGS = ("stand", "fall sideways", "raise left hand", "sit", "lie down", "squat")
# A threshold is met a frame sooner or later where numbers are rounded otherwise.
FRAME_S = 1 / 15


@cache
def film(fps: float = 15.0) -> Poses:
    return mover(DOINGS, yaw_deg=35, distance_m=6, fps=fps, seed=4)[0]


def check_same(
    got: pd.DataFrame,
    want: pd.DataFrame,
    *,
    later_s: float = 0.0,
    within_s: float = 1.1 * FRAME_S,
    speed: float = 0.1,
) -> None:
    assert got["event"].tolist() == want["event"].tolist()
    for name in ("start_s", "end_s"):
        np.testing.assert_allclose(got[name] - later_s, want[name], atol=within_s)
    # Twice the least speed is sure, and once is half sure; no fall here is twice as fast.
    np.testing.assert_allclose(got["confidence"], want["confidence"], atol=0.8 * speed)
    speeds = [table["descent_heights_per_s"] for table in (got, want)]
    np.testing.assert_allclose(*speeds, rtol=speed)


def test_there_is_something_to_be_invariant() -> None:
    assert set(events.measure(film())["event"]) == {"fall", "lying", "raised_hand", "sitting"}


@invariance
@given(
    x=st.floats(-3000, 3000),
    y=st.floats(-3000, 3000),
    scale=st.floats(0.3, 5),
    later_s=st.floats(0, 1000),
)
def test_place_size_and_clock_do_not_matter(
    x: float, y: float, scale: float, later_s: float
) -> None:
    poses = moved(film(), film().xy * scale + (x, y))
    later = dataclasses.replace(poses, frame_time_s=poses.frame_time_s + later_s)
    check_same(events.measure(later), events.measure(film()), later_s=later_s)


@invariance
@given(seed=st.integers(0, 99), noise_px=st.sampled_from([0.0, 1.0, 3.0]))
def test_in_a_mirror_only_the_sides_change(seed: int, noise_px: float) -> None:
    poses, _ = mover(DOINGS[:3], yaw_deg=35, noise_px=noise_px, seed=seed, fps=15)
    poses = dataclasses.replace(poses, size_wh=None)
    mirrored = poses.xy[:, list(COCO17.mirror)] * (-1, 1) + (1280, 0)
    score = poses.score[:, list(COCO17.mirror)]
    want = events.measure(poses)
    got = events.measure(dataclasses.replace(moved(poses, mirrored), score=score))
    check_same(got, want)
    other = {"left": "right", "right": "left", "": ""}
    assert got["side"].tolist() == [other[side] for side in want["side"]]


@invariance
@given(fps=st.floats(10, 60))
def test_the_frame_rate_does_not_matter(fps: float) -> None:
    # The 0.3 s of a fall's speed miss its fastest by half a frame, which is 0.05 s at most.
    got, want = events.measure(film(fps)), events.measure(film(60.0))
    check_same(got, want, within_s=0.35, speed=0.05 / 0.3)


@pytest.mark.parametrize("height_m", [1.1, 1.5, 2.0])
def test_how_tall_people_are_does_not_matter(height_m: float) -> None:
    poses, _ = mover(DOINGS, yaw_deg=35, distance_m=6, height_m=height_m, seed=4)
    assert events.measure(poses)["event"].tolist() == events.measure(film())["event"].tolist()
