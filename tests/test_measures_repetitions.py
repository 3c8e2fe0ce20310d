from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from moving_body import side_view

from kinetrace.formats import write
from kinetrace.measures import repetitions
from kinetrace.measures._repetitions_body import MEASURES
from kinetrace.measures._repetitions_cycles import find_turns
from kinetrace.measures._repetitions_exercises import exercises
from kinetrace.skeletons import BLAZEPOSE33, COCO17
from kinetrace.testing import walker
from kinetrace.testing._exercises import exerciser

NAMES = list(exercises())
FRONTAL = ("jumping-jack",)
every_exercise = pytest.mark.parametrize("exercise", NAMES)


def view_of(exercise: str) -> float:
    return 90.0 if exercise in FRONTAL else 0.0


def times_of(rate: str, duration_s: float) -> np.ndarray:
    if rate != "variable":
        return np.arange(0, duration_s, 1 / float(rate))
    steps = np.random.default_rng(5).choice([1 / 60, 1 / 30, 1 / 24, 1 / 15], 5000)
    times = np.cumsum(steps)
    return times[times < duration_s]


@every_exercise
@pytest.mark.parametrize("rate", ["24", "29.97002997", "60", "variable"])
def test_a_set_is_counted_exactly(exercise: str, rate: str) -> None:
    wanted = {"24": 1, "29.97002997": 20, "60": 3, "variable": 8}[rate]
    pauses = {"hold_s": 1.2, "rest_s": 1.5} if rate == "60" else {"hold_s": 0.1, "rest_s": 0.5}
    each_s = 1.9 + sum(pauses.values())
    poses, truth = exerciser(
        exercise,
        depth=(1.0,) * wanted,
        time_s=times_of(rate, wanted * each_s + pauses["rest_s"]),
        view_deg=view_of(exercise),
        noise_px=2,
        **pauses,
    )
    table = repetitions.measure(poses, exercise=exercise)
    assert list(table["complete"]) == [True] * wanted
    assert list(table["number"]) == list(range(1, wanted + 1))
    middle_s = (table["start_s"] + table["end_s"]) / 2
    np.testing.assert_allclose(middle_s, (truth.start_s + truth.end_s) / 2, atol=0.15)
    np.testing.assert_allclose(table["turn_s"], truth.turn_s, atol=0.12)
    summary = repetitions.summarise(table)
    assert summary["count"].tolist() == [wanted]
    assert summary["half_count"].tolist() == [0]


@every_exercise
def test_half_a_repetition_is_called_half(exercise: str) -> None:
    half = {"sit-up": 0.15, "lunge": 0.6}.get(exercise, 0.5)
    poses, truth = exerciser(exercise, depth=(1, half, 1), view_deg=view_of(exercise), noise_px=2)
    table = repetitions.measure(poses, exercise=exercise)
    assert list(table["complete"]) == [True, False, True]
    np.testing.assert_allclose(table["start_s"], truth.start_s, atol=0.35)
    np.testing.assert_allclose(table["end_s"], truth.end_s, atol=0.35)
    assert repetitions.summarise(table)[["count", "half_count"]].to_numpy().tolist() == [[2, 1]]


@every_exercise
@pytest.mark.parametrize("view_deg", [20, 45, 90, 135, 180, 270, 340])
def test_it_does_not_matter_from_where_it_is_seen(exercise: str, view_deg: float) -> None:
    if exercise in FRONTAL and view_deg in (20, 180, 340):
        pytest.skip("feet that jump apart are not seen from the side")
    poses, _ = exerciser(exercise, view_deg=view_deg, noise_px=1)
    assert repetitions.measure(poses, exercise=exercise)["complete"].tolist() == [True] * 3


@every_exercise
def test_auto_names_the_exercise(exercise: str) -> None:
    poses, _ = exerciser(exercise, view_deg=view_of(exercise), noise_px=1)
    table = repetitions.measure(poses)
    assert set(table["exercise"]) == ({exercise} if exercise != "curl" else set())


def test_another_skeleton_will_do() -> None:
    poses, _ = exerciser("squat")
    keep = [BLAZEPOSE33.index(name) for name in COCO17.keypoints]
    coco = dataclasses.replace(
        poses, skeleton=COCO17, xy=poses.xy[:, keep], score=poses.score[:, keep]
    )
    assert len(repetitions.measure(coco)) == 3


@every_exercise
def test_nobody_who_walks_or_stands_or_turns_exercises(exercise: str) -> None:
    for poses in (walker(noise_px=2)[0], walker(direction=-1, cadence_steps_per_min=80)[0]):
        assert len(repetitions.measure(poses, exercise=exercise)) == 0
    turning = [exerciser("squat", depth=(0,), view_deg=v, fps=2)[0].xy for v in range(0, 360, 15)]
    spun = np.concatenate([xy[:2] for xy in turning])
    time_s = np.arange(len(spun)) / 12
    poses = dataclasses.replace(
        walker(time_s=time_s)[0], xy=spun + np.random.default_rng(0).normal(0, 2, spun.shape)
    )
    assert len(repetitions.measure(poses, exercise=exercise)) == 0


def test_walking_in_and_out_adds_nothing() -> None:
    squats, _ = exerciser("squat", noise_px=1)
    walk, _ = walker(duration_s=3, noise_px=1)
    shift = walk.xy[-1, 23] - squats.xy[0, 23]
    xy = np.concatenate([walk.xy, squats.xy + shift, walk.xy[::-1]])
    poses = dataclasses.replace(
        walk,
        xy=xy,
        score=np.ones(xy.shape[:2]),
        frame=np.arange(len(xy)),
        frame_time_s=np.arange(len(xy)) / 30,
        frame_index=np.arange(len(xy)),
        track_id=np.zeros(len(xy), np.int64),
        bbox_xyxy=None,
        bbox_score=None,
    )
    assert repetitions.measure(poses)["exercise"].tolist() == ["squat"] * 3


def test_sitting_down_and_staying_there_is_no_squat() -> None:
    time_s = np.arange(0, 8, 1 / 30)
    gone = np.clip((time_s - 3) / 1.2, 0, 1)
    poses = side_view(time_s, hip_deg=(90 * gone, 90 * gone), knee_deg=(95 * gone, 95 * gone))
    table = repetitions.measure(poses, exercise="squat")
    assert len(table) == 0
    assert any("ends in mid-movement" in note for note in table.attrs["notes"])


def test_arms_that_go_up_while_the_feet_stay_apart_are_no_jumping_jack() -> None:
    poses, _ = exerciser("jumping-jack", view_deg=90)
    legs = [
        BLAZEPOSE33.index(f"{side}_{n}")
        for side in ("left", "right")
        for n in ("hip", "knee", "ankle")
    ]
    xy = poses.xy.copy()
    xy[:, legs] = xy[:1, legs]
    # They step apart in the middle of the film, and stay there.
    xy[len(xy) // 2 :, BLAZEPOSE33.index("left_ankle"), 0] += 40
    table = repetitions.measure(dataclasses.replace(poses, xy=xy), exercise="jumping-jack")
    assert len(table) == 0
    assert any("feet" in note for note in table.attrs["notes"])


def test_tempo_is_what_was_done() -> None:
    poses, _ = exerciser("squat", out_s=3.0, hold_s=2.0, back_s=1.0)
    slow = repetitions.measure(poses, exercise="squat")
    # A way is from a twentieth of the range to a twentieth before its end.
    part = np.linspace(0, 1, 10_001)
    height = np.cos(np.pi / 2 * (1 - np.cos(np.pi * part)) / 2)
    leaves, arrives = part[np.searchsorted(-height, (-0.95, -0.05))]
    np.testing.assert_allclose(slow["down_s"], 3 * (arrives - leaves), atol=0.15)
    np.testing.assert_allclose(slow["up_s"], 1 * (arrives - leaves), atol=0.15)
    np.testing.assert_allclose(slow["pause_s"], 2 + 4 * (1 - arrives), atol=0.2)
    np.testing.assert_allclose(
        slow["down_s"] + slow["pause_s"] + slow["up_s"], slow["end_s"] - slow["start_s"]
    )


def test_depth_is_the_height_of_the_hip_above_the_knee() -> None:
    poses, _ = exerciser("squat")
    table = repetitions.measure(poses, exercise="squat")
    # The thigh is level at the bottom, and the shank 30 degrees ahead.
    np.testing.assert_allclose(table["depth_percent"], 0, atol=3)
    np.testing.assert_allclose(table["joint_at_turn_deg"], 120, atol=2)


def test_both_arms_at_once_are_one_curl_and_by_turns_they_are_two() -> None:
    together, _ = exerciser("curl", depth=(1, 1), rest_s=2.5)
    table = repetitions.measure(together, exercise="curl")
    assert table["side"].tolist() == ["both", "both"]
    arms = [BLAZEPOSE33.index(n) for n in ("left_elbow", "left_wrist")]
    xy = together.xy.copy()
    xy[:, arms] = np.roll(together.xy[:, arms], 69, axis=0)
    alternate = repetitions.measure(dataclasses.replace(together, xy=xy), exercise="curl")
    assert alternate["side"].tolist() == ["right", "left", "right", "left"]


@every_exercise
def test_any_movement_is_counted_by_one_example(exercise: str, tmp_path: Path) -> None:
    example, _ = exerciser(exercise, depth=(1,), view_deg=view_of(exercise), noise_px=1)
    write(example, tmp_path / "one.csv")
    poses, _ = exerciser(
        exercise, depth=(1, 1, 0.45, 1), view_deg=view_of(exercise), noise_px=2, px_per_m=120
    )
    table = repetitions.measure(poses, example=str(tmp_path / "one.csv"))
    assert table["complete"].tolist() == [True, True, False, True]
    assert set(table["exercise"]) == {"example"}
    walk = repetitions.measure(walker()[0], example=str(tmp_path / "one.csv"))
    assert not walk["complete"].any()


def test_an_example_must_show_a_movement(tmp_path: Path) -> None:
    still, _ = exerciser("squat", depth=(0,))
    write(still, tmp_path / "still.csv")
    with pytest.raises(ValueError, match="nothing moves"):
        repetitions.measure(still, example=str(tmp_path / "still.csv"))
    write(still.frames(0, 2), tmp_path / "short.csv")
    with pytest.raises(ValueError, match="fewer than three frames"):
        repetitions.measure(still, example=str(tmp_path / "short.csv"))
    with pytest.raises(ValueError, match="not both"):
        repetitions.measure(still, exercise="squat", example=str(tmp_path / "still.csv"))


def test_an_exercise_that_there_is_not() -> None:
    with pytest.raises(ValueError, match="one of squat"):
        repetitions.measure(walker()[0], exercise="yoga")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("signal", "lows_and_highs"),
    [
        ([0, 10, 0, 10, 0], [(0, 1, 2), (2, 3, 4)]),
        ([0, 10, 8, 10, 0], [(0, 1, 4)]),  # it trembles at the top
        ([10, 0, 10], []),  # cut on both sides
        ([0, 2, 0], []),
        ([5], []),
    ],
)
def test_turns(signal: list[float], lows_and_highs: list[tuple[int, int, int]]) -> None:
    found = find_turns(np.array(signal, float), 5)
    assert [(c.low, c.high, c.next_low) for c in found.cycles] == lows_and_highs


def test_the_data_is_sound() -> None:
    assert len(NAMES) == 8
    for exercise in exercises().values():
        assert {gate.measure for gate in exercise.gates} <= set(MEASURES)
        assert len({rule.name for rule in exercise.rules}) == len(exercise.rules) > 0
        for signal in exercise.signals:
            levels = signal.levels
            assert abs(levels.full - levels.rest) <= levels.full_range + 40
            assert 0 < levels.half_range < levels.full_range
            assert (levels.sign == 1) == (exercise.turn == "top")
        for rule in exercise.rules:
            assert np.isfinite([rule.least, rule.most]).any()
            assert rule.say.endswith(".")
            assert rule.reference


@pytest.mark.shared
def test_people_at_exercise_are_counted(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    from repetitions_penn_action import EXERCISES, count, read_clips

    seen: dict[str, list[bool]] = {action: [] for action in (*EXERCISES, "bowl")}
    for action, poses in read_clips(
        shared / "data" / "penn_action_train.npz", "even", hidden=False
    ):
        if action in seen and len(seen[action]) < 15:
            found = count(poses, EXERCISES.get(action, "squat"))
            seen[action].append(len(found) == (action in EXERCISES))
    assert all(np.mean(right) > 0.85 for right in seen.values())
