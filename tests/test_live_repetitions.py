from __future__ import annotations

import numpy as np
import pytest

from kinetrace.live.repetitions import LiveRepetition, LiveRepetitions
from kinetrace.measures import repetitions
from kinetrace.measures._repetitions_exercises import exercises
from kinetrace.poses import Poses
from kinetrace.testing import walker
from kinetrace.testing._exercises import exerciser


def live(trainer: LiveRepetitions, poses: Poses) -> list[tuple[float, LiveRepetition]]:
    """Every repetition with the time at which it was told."""
    told = []
    for i, now_s in enumerate(poses.frame_time_s):
        told += [(now_s, one) for one in trainer.update(poses.frames(i, i + 1)).news]
    return told


@pytest.mark.parametrize("exercise", list(exercises()))
def test_live_repetitions_are_those_of_the_whole_film(exercise: str) -> None:
    view_deg = 90 if exercise == "jumping-jack" else 20
    half = 0.2 if exercise == "sit-up" else 0.6
    poses, _ = exerciser(exercise, depth=(1, half, 1, 1), view_deg=view_deg, noise_px=1)
    trainer = LiveRepetitions(exercise)  # type: ignore[arg-type]
    told = live(trainer, poses)
    whole = repetitions.measure(poses, exercise=exercise)  # type: ignore[arg-type]
    assert [one.complete for _, one in told] == list(whole["complete"])
    np.testing.assert_allclose([one.turn_s for _, one in told], whole["turn_s"], atol=0.1)
    delays_s = np.array([now_s - one.end_s for now_s, one in told])
    assert delays_s.min() >= 0.15 - 1e-9
    assert delays_s.max() < 0.6
    state = trainer.update(poses_at(poses, poses.frame_time_s[-1] + 1))
    assert state.count == int(whole["complete"].sum())
    assert state.half_count == len(whole) - state.count


def poses_at(poses: Poses, time_s: float) -> Poses:
    """The last frame again, later."""
    import dataclasses

    last = poses.frames(len(poses.frame_time_s) - 1, len(poses.frame_time_s))
    return dataclasses.replace(last, frame_time_s=np.array([time_s]))


def test_what_a_trainer_says() -> None:
    poses, _ = exerciser("squat", depth=(1, 0.55, 1))
    trainer, said = LiveRepetitions("squat"), []
    for i in range(len(poses.frame_time_s)):
        said += trainer.update(poses.frames(i, i + 1)).say
    assert said[0] == "1."
    assert said[1] == "That was half a repetition."
    assert "deeper" in said[2]
    assert said[-1] == "2."


def test_a_long_set_is_counted_with_constant_memory() -> None:
    poses, _ = exerciser("squat", depth=(1,) * 12, fps=15)
    trainer = LiveRepetitions("squat")
    kept, count = [], 0
    for i in range(len(poses.frame_time_s)):
        count = trainer.update(poses.frames(i, i + 1)).count
        kept.append(len(trainer._frames) + len(trainer._told))
    assert count == 12
    assert max(kept) <= 17 * 15 + 2 + 12


def test_any_movement_by_an_example_and_nothing_of_a_walk() -> None:
    example, _ = exerciser("squat", depth=(1,))
    poses, _ = exerciser("squat", depth=(1, 1), noise_px=1)
    assert len(live(LiveRepetitions(example=example), poses)) == 2
    assert live(LiveRepetitions(), walker(duration_s=4)[0]) == []


def test_one_frame_tells_nothing_and_the_notes_say_why() -> None:
    poses, _ = walker(duration_s=1)
    trainer = LiveRepetitions()
    assert trainer.update(poses.frames(0, 1)).news == ()
    assert trainer.notes == ("seen in fewer than three frames",)
