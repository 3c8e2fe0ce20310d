"""Repetitions of which the film shows a part only, or shows them askew."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kinetrace.measures import repetitions
from kinetrace.measures._repetitions_exercises import exercises
from kinetrace.poses import Poses
from kinetrace.skeletons import BLAZEPOSE33
from kinetrace.testing import exerciser


@pytest.mark.parametrize("exercise", list(exercises()))
def test_one_side_is_enough(exercise: str) -> None:
    poses, _ = exerciser(exercise, noise_px=1, view_deg=90 if exercise == "jumping-jack" else 0)
    xy = poses.xy.copy()
    for i, name in enumerate(BLAZEPOSE33.keypoints):
        if name.startswith("left_"):
            xy[:, i] = np.nan
    table = repetitions.measure(dataclasses.replace(poses, xy=xy), exercise=exercise)
    if exercise in ("jumping-jack", "lunge"):  # both legs make them what they are
        assert len(table) == 0
        assert table.attrs["notes"]
    else:
        assert list(table["complete"]) == [True] * 3


def test_a_long_gap_breaks_a_repetition_and_a_short_one_does_not() -> None:
    poses, truth = exerciser("squat", depth=(1, 1, 1))
    time_s, middle_s = poses.frame_time_s, truth.turn_s[1]

    def without(gap_s: float) -> Poses:
        return poses.rows(np.abs(time_s - middle_s) > gap_s / 2)

    assert len(repetitions.measure(without(0.4), exercise="squat")) == 3
    broken = repetitions.measure(without(1.0), exercise="squat")
    assert len(broken) == 2
    assert any("gap" in note for note in broken.attrs["notes"])


@pytest.mark.parametrize(("start", "stop", "wanted"), [(0.35, 0.0, 1), (0.0, 0.35, 1)])
def test_a_film_that_is_cut_tightly_holds_its_repetition(
    start: float, stop: float, wanted: int
) -> None:
    poses, truth = exerciser("squat", depth=(1,))
    time_s = poses.frame_time_s
    first = np.searchsorted(time_s, truth.start_s[0] + start)
    last = np.searchsorted(time_s, truth.end_s[0] - stop)
    table = repetitions.measure(poses.frames(int(first), int(last)), exercise="squat")
    assert table["complete"].tolist() == [True] * wanted


@pytest.mark.parametrize("exercise", ["squat", "push-up", "pull-up", "sit-up"])
def test_a_side_that_stands_still_is_not_seen(exercise: str) -> None:
    poses, _ = exerciser(exercise, noise_px=1)
    want = repetitions.measure(poses, exercise=exercise)
    hidden = [i for i, n in enumerate(BLAZEPOSE33.keypoints) if n.startswith("left_")]
    xy = poses.xy.copy()
    xy[:, hidden] = xy[:1, hidden]
    got = repetitions.measure(dataclasses.replace(poses, xy=xy), exercise=exercise)
    assert got["complete"].tolist() == want["complete"].tolist() == [True] * 3
    np.testing.assert_allclose(got["depth_percent"], want["depth_percent"], atol=8)


@pytest.mark.parametrize("incline_deg", [-12, 12])
@pytest.mark.parametrize("view_deg", [0, 180])
def test_a_sit_up_on_an_inclined_board(incline_deg: float, view_deg: float) -> None:
    poses, _ = exerciser("sit-up", depth=(1, 0.15, 1), view_deg=view_deg, noise_px=1)
    turn = np.radians(incline_deg)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    inclined = dataclasses.replace(poses, xy=poses.xy @ rotation)
    table = repetitions.measure(inclined, exercise="sit-up")
    assert table["complete"].tolist() == [True, False, True]


def test_sit_ups_whose_hips_are_hidden() -> None:
    poses, truth = exerciser("sit-up", depth=(1, 0.15, 1), noise_px=1)
    xy = poses.xy.copy()
    xy[:, [BLAZEPOSE33.index(f"{side}_hip") for side in ("left", "right")]] = np.nan
    hidden = dataclasses.replace(poses, xy=xy)
    table = repetitions.measure(hidden, exercise="sit-up")
    assert table["complete"].tolist() == [True, False, True]
    assert table["signal"].str.startswith("shoulder above knee").all()
    np.testing.assert_allclose(table["turn_s"], truth.turn_s, atol=0.12)
    assert set(repetitions.measure(hidden)["exercise"]) == {"sit-up"}


def test_half_a_cycle_is_not_counted_and_it_is_said() -> None:
    poses, truth = exerciser("push-up", depth=(1,))
    from_bottom = poses.frames(int(truth.turn_s[0] * 30), len(poses.frame_time_s))
    table = repetitions.measure(from_bottom, exercise="push-up")
    assert len(table) == 0
    assert any("begins in mid-movement" in note for note in table.attrs["notes"])
