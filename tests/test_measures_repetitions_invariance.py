from __future__ import annotations

import dataclasses

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kinetrace.measures import repetitions
from kinetrace.measures._repetitions_exercises import exercises
from kinetrace.skeletons import BLAZEPOSE33
from kinetrace.testing._exercises import exerciser

invariance = settings(max_examples=15, deadline=None)
names = st.sampled_from(list(exercises()))
NUMBERS = ["depth_percent", "range_percent", "down_s", "pause_s", "up_s"]


def view_of(exercise: str) -> float:
    return 90.0 if exercise == "jumping-jack" else 0.0


@invariance
@given(
    exercise=names,
    x=st.floats(-3000, 3000),
    y=st.floats(-3000, 3000),
    scale=st.floats(0.4, 5),
    later_s=st.floats(0, 1000),
)
def test_place_size_and_clock_do_not_matter(
    exercise: str, x: float, y: float, scale: float, later_s: float
) -> None:
    poses, _ = exerciser(exercise, depth=(1, 1), view_deg=view_of(exercise), noise_px=1)
    moved = dataclasses.replace(
        poses,
        xy=poses.xy * scale + (x, y),
        bbox_xyxy=None,
        frame_time_s=poses.frame_time_s + later_s,
    )
    want, got = (repetitions.measure(p, exercise=exercise) for p in (poses, moved))
    assert list(got["complete"]) == list(want["complete"]) == [True, True]
    assert list(got["turn_frame"]) == list(want["turn_frame"])
    np.testing.assert_allclose(got["start_s"], want["start_s"] + later_s, atol=0.05)
    np.testing.assert_allclose(got[NUMBERS], want[NUMBERS], atol=0.1)


@invariance
@given(exercise=names, view_deg=st.sampled_from([0, 30, 90, 200, 270]))
def test_in_a_mirror_sides_change_and_nothing_else(exercise: str, view_deg: float) -> None:
    view_deg = 90 if exercise == "jumping-jack" else view_deg
    poses, _ = exerciser(exercise, depth=(1, 0.5, 1), view_deg=view_deg, noise_px=1)
    xy = poses.xy[:, list(BLAZEPOSE33.mirror)] * (-1, 1) + (2000, 0)
    mirrored = dataclasses.replace(poses, xy=xy, bbox_xyxy=None)
    want, got = (repetitions.measure(p, exercise=exercise) for p in (poses, mirrored))
    same = ["complete", "turn_frame", "feedback", "judged"]
    assert got[same].to_numpy().tolist() == want[same].to_numpy().tolist()
    swap = {"left": "right", "right": "left", "both": "both"}
    assert [swap[side] for side in got["side"]] == list(want["side"])
    np.testing.assert_allclose(got[NUMBERS], want[NUMBERS], atol=0.01)


@invariance
@given(exercise=names, fps=st.floats(12, 120))
def test_the_frame_rate_does_not_matter(exercise: str, fps: float) -> None:
    view_deg = view_of(exercise)
    poses, truth = exerciser(exercise, depth=(1, 0.15, 1), view_deg=view_deg, fps=fps)
    fine, _ = exerciser(exercise, depth=(1, 0.15, 1), view_deg=view_deg, fps=200)
    want, got = (repetitions.measure(p, exercise=exercise) for p in (fine, poses))
    whole, got_whole = (table[table["complete"]] for table in (want, got))
    assert len(whole) == len(got_whole) == 2
    np.testing.assert_allclose(got_whole["depth_percent"], whole["depth_percent"], atol=4)
    assert np.all(np.abs(got_whole["turn_s"] - truth.turn_s[[0, 2]]) < 0.15)
