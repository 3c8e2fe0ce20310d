"""Form: what is said of a repetition, and from where it can be judged."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kinetrace.measures import repetitions
from kinetrace.poses import Poses
from kinetrace.skeletons import BLAZEPOSE33
from kinetrace.testing._exercises import exerciser


def moved(poses: Poses, shift_px: dict[str, tuple[float, float]], part: np.ndarray) -> Poses:
    xy = poses.xy.copy()
    for name, shift in shift_px.items():
        xy[:, BLAZEPOSE33.index(name)] += part[:, None] * shift
    return dataclasses.replace(poses, xy=xy)


def said(poses: Poses, exercise: str) -> str:
    table = repetitions.measure(poses, exercise=exercise)
    assert len(table) == 3
    return " ".join(table["feedback"])


def gone(poses: Poses) -> np.ndarray:
    """0..1: how low the shoulders are."""
    height = poses.xy[:, BLAZEPOSE33.index("left_shoulder"), 1].astype(float)
    return (height - height.min()) / np.ptp(height)


@pytest.mark.parametrize(
    ("exercise", "view_deg"),
    [(n, v) for n in ("squat", "push-up", "pull-up", "sit-up", "curl") for v in (0, 90, 180)]
    + [("jumping-jack", 90), ("overhead-press", 0), ("overhead-press", 90)],
)
def test_good_form_gets_no_feedback(exercise: str, view_deg: float) -> None:
    poses, _ = exerciser(exercise, view_deg=view_deg, noise_px=1)
    assert said(poses, exercise) == "  "


def test_knees_that_fall_in_are_seen_from_the_front_alone() -> None:
    front, _ = exerciser("squat", view_deg=90)
    faulty = moved(front, {"left_knee": (-14, 0), "right_knee": (14, 0)}, gone(front))
    assert "knees out" in said(faulty, "squat")
    table = repetitions.measure(faulty, exercise="squat")
    assert set(table["judged"]) == {"knee valgus; asymmetry"}
    assert set(table["not_judged"]) == {"depth; back angle"}
    assert any("not judged" in note for note in table.attrs["notes"])
    side, _ = exerciser("squat", view_deg=0)
    assert set(repetitions.measure(side, exercise="squat")["judged"]) == {"depth; back angle"}


def test_hips_that_tilt_are_asymmetry() -> None:
    poses, _ = exerciser("squat", view_deg=90)
    tilted = moved(poses, {"left_hip": (0, -5), "right_hip": (0, 5)}, gone(poses))
    assert "hips level" in said(tilted, "squat")


@pytest.mark.parametrize("view_deg", [0, 180])
def test_a_back_that_leans_far(view_deg: float) -> None:
    poses, _ = exerciser("squat", view_deg=view_deg)
    way = 45 if view_deg == 0 else -45
    names = ("left_shoulder", "right_shoulder", "nose")
    leaning = moved(poses, dict.fromkeys(names, (way, 35)), gone(poses))
    assert "chest up" in said(leaning, "squat")


@pytest.mark.parametrize(("shift_px", "sentence"), [(35, "sag"), (-55, "one line")])
def test_hips_that_sag_or_pike_in_a_push_up(shift_px: float, sentence: str) -> None:
    poses, _ = exerciser("push-up")
    names = ("left_hip", "right_hip")
    faulty = moved(poses, dict.fromkeys(names, (0, shift_px)), np.ones(len(poses)))
    assert sentence in said(faulty, "push-up")


def test_arms_that_stay_bent_at_the_top() -> None:
    poses, _ = exerciser("push-up")
    bent = moved(poses, dict.fromkeys(("left_elbow", "right_elbow"), (-22, 0)), 1 - gone(poses))
    assert "Straighten the arms" in said(bent, "push-up")


def test_a_shallow_repetition_is_told_to_go_deeper() -> None:
    poses, _ = exerciser("squat", depth=(0.6, 0.6, 0.6))
    table = repetitions.measure(poses, exercise="squat")
    assert not table["complete"].any()
    assert all("deeper" in text for text in table["feedback"])
