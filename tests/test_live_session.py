"""Everything live at once, over people whose truth is known."""

from __future__ import annotations

import dataclasses
import gc
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from kinetrace import demo
from kinetrace.frames import Frame
from kinetrace.live.plain import seen_data, skeleton_data
from kinetrace.live.session import DOINGS, Seen, Session
from kinetrace.poses import Poses, Skeleton, bounds
from kinetrace.testing import exerciser, mover, walker

BLACK = np.zeros((48, 64, 3), np.uint8)


class Scripted:
    """Returns the poses of a film, one frame at a time; the pictures do not matter."""

    batch_size = 1

    def __init__(self, poses: Poses) -> None:
        self._poses = dataclasses.replace(poses, track_id=np.full(len(poses), -1))
        self.skeleton = poses.skeleton
        self.description: Mapping[str, Any] = {"backend": "scripted"}

    def reset(self, *, continuous: bool) -> None:
        assert continuous

    def __call__(self, frames: Sequence[Frame]) -> Poses:
        (frame,) = frames
        return self._poses.frames(frame.index, frame.index + 1)

    def close(self) -> None:
        pass


def watch(poses: Poses, **options: Any) -> list[Seen]:
    session = Session(Scripted(poses), **options)
    times = poses.frame_time_s.tolist()
    return [session.update(Frame(BLACK, i, time_s)) for i, time_s in enumerate(times)]


def value(seen: Seen, name: str) -> float:
    return next(number.value for number in seen.numbers if number.name == name)


def together(*people: Poses) -> Poses:
    """Films of one length, as one with several people in each frame."""
    order = np.argsort(np.concatenate([p.frame for p in people]), kind="stable")

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(p, name) for p in people])[order]

    names = ("frame", "xy", "score", "track_id", "bbox_xyxy", "bbox_score")
    return dataclasses.replace(people[0], **{name: joined(name) for name in names}, xyz_m=None)


def test_squats_are_counted_and_criticised_with_angles() -> None:
    poses, truth = exerciser("squat", depth=(1, 0.55, 1), noise_px=1)
    told = watch(poses, exercise="squat")
    said = [sentence for seen in told for sentence in seen.said if "Somebody" not in sentence]
    assert said[:2] == ["1.", "That was half a repetition."]
    assert "deeper" in said[2]
    last = told[-1]
    assert (last.repetitions.count, last.repetitions.half_count) == (2, 1)
    assert last.repetitions.last is not None
    assert last.repetitions.last.turn_s == pytest.approx(truth.turn_s[-1], abs=0.1)
    at_turn = told[int(truth.turn_s[0] * 30)]
    # Knee: 90 of the thigh and 30 of the shank at the bottom of a whole one, 0 when standing.
    assert value(at_turn, "left_knee_deg") == pytest.approx(120, abs=4)
    assert value(told[10], "right_knee_deg") == pytest.approx(0, abs=4)
    assert {number.unit for number in last.numbers} == {"°"}
    assert {seen.person for seen in told[10:]} == {0}


def test_a_walk_has_its_cadence_and_its_speed() -> None:
    poses, truth = walker(cadence_steps_per_min=112, speed_m_per_s=1.3, noise_px=1, duration_s=7)
    seen = watch(poses, exercise="walk", person_height_m=1.75)[-1]
    assert value(seen, "cadence_steps_per_min") == pytest.approx(112, rel=0.02)
    assert value(seen, "speed_m_per_s") == pytest.approx(truth.speed_m_per_s, rel=0.08)
    assert seen.repetitions.count == 0
    with pytest.raises(StopIteration):  # nobody has said how tall they are
        value(watch(poses.frames(0, 30), exercise="walk")[-1], "speed_m_per_s")


def test_poses_are_tracked_and_steadied_at_their_true_times() -> None:
    times_s = np.cumsum(np.random.default_rng(3).uniform(0.02, 0.09, 120))
    still, _ = exerciser("squat", depth=(), time_s=times_s)
    shaky, _ = exerciser("squat", depth=(), time_s=times_s, noise_px=2)
    told = watch(shaky, exercise="none")
    assert [float(seen.poses.frame_time_s[0]) for seen in told] == times_s.tolist()
    assert all(seen.poses.track_id.tolist() == [0] for seen in told[10:])
    smoothed = np.concatenate([seen.poses.xy for seen in told])
    stray_px = [np.std((xy - still.xy)[30:]) for xy in (smoothed, shaky.xy)]
    assert stray_px[0] < 0.6 * stray_px[1]
    log = told[-1].poses.log
    assert [entry["operation"] for entry in log] == ["estimate", "track", "one_euro"]


def test_a_fall_is_told() -> None:
    poses, _ = mover(["stand", "fall forward"], yaw_deg=20)
    told = watch(poses, exercise="none")
    said = [sentence for seen in told for sentence in seen.said]
    assert said.count("Somebody has fallen.") == 1
    assert said.count("Somebody lies.") == 1
    assert [e.event for seen in told for e in seen.events].count("fall") == 1


def test_the_numbers_stay_with_the_person_in_front() -> None:
    small, _ = exerciser("squat", depth=(1, 1), px_per_m=100)
    large, _ = exerciser("squat", depth=(), time_s=small.frame_time_s)
    aside = large.xy + np.array([500, 0], np.float32)
    large = dataclasses.replace(large, xy=aside, bbox_xyxy=bounds(aside))
    told = watch(together(small, large), exercise="squat")
    person = told[-1].person
    row = told[-1].poses.track_id.tolist().index(person)
    assert told[-1].poses.xy[row, 0, 0] > 900  # the large one, who stands
    assert max(value(seen, "left_knee_deg") for seen in told[10:]) < 10
    assert told[-1].repetitions.count == 2  # of everybody


def test_nobody_is_said_and_then_somebody_is_followed_anew() -> None:
    poses, _ = exerciser("squat", depth=(1,))
    frames = len(poses.frame_time_s)
    gone = (poses.frame < 30) | (poses.frame > frames - 10)
    told = watch(poses.rows(gone), exercise="squat")
    assert told[10].person == 0
    assert told[frames - 11].person == -1
    assert all(math.isnan(number.value) for number in told[frames - 11].numbers)
    assert told[frames - 11].notes == (
        "Nobody is seen: step into the picture, with the whole body.",
    )


def test_who_faces_the_camera_is_told_to_turn_or_measured_in_space() -> None:
    poses, _ = exerciser("curl", depth=(1,), view_deg=90)
    seen = watch(poses.frames(0, 20), exercise="curl")[-1]
    assert math.isnan(value(seen, "left_elbow_deg"))
    assert "turn your side to the camera" in seen.notes[0]
    xyz_m = np.zeros((len(poses), 33, 3), np.float32)
    xyz_m[..., :2] = (poses.xy - poses.keypoint("left_hip")[:, None]) / 200
    in_space = watch(dataclasses.replace(poses, xyz_m=xyz_m), exercise="curl", space="3d")
    assert max(value(s, "trunk_deg") for s in in_space[5:]) == pytest.approx(0, abs=5)
    assert in_space[-1].notes == ()


def test_memory_does_not_grow() -> None:
    poses, _ = exerciser("squat", depth=(1,) * 10, fps=15)
    session, alive = Session(Scripted(poses), exercise="squat"), []
    for i, time_s in enumerate(poses.frame_time_s.tolist()):
        session.update(Frame(BLACK, i, time_s))
        if i % 60 == 59:
            gc.collect()
            alive.append(sum(type(each) is Poses for each in gc.get_objects()))
    # 17 s of repetitions at 15 frames a second are in memory by then, and no more come.
    assert len(alive) >= 7
    assert alive[-1] <= alive[5] + 2


def test_what_is_known_is_plain_data() -> None:
    poses, _ = exerciser("squat", depth=(1, 0.55), noise_px=1)
    hidden = np.where(np.arange(33) % 7 == 0, np.nan, 1)[None, :, None]
    told = watch(dataclasses.replace(poses, xy=poses.xy * hidden), exercise="auto")
    texts = [json.dumps(seen_data(seen), allow_nan=False) for seen in told]
    last = json.loads(texts[-1])
    (person,) = last["people"]
    assert person["id"] == 0
    assert person["xy"][:2] == [None, None]
    assert person["xy"][2:4] == pytest.approx(told[-1].poses.xy[0, 1].tolist(), abs=0.06)
    assert len(person["score"]) == 33
    assert last["repetitions"]["count"] == 1
    assert any(json.loads(text)["said"] for text in texts)
    skeleton = json.loads(json.dumps(skeleton_data(poses.skeleton)))
    assert skeleton["keypoints"][skeleton["mirror"][11]] == "right_shoulder"
    assert all(len(edge) == 2 for edge in skeleton["edges"])


@pytest.mark.parametrize("exercise", DOINGS)
def test_a_skeleton_without_a_body_breaks_nothing(exercise: str) -> None:
    blob = Skeleton("blob", ("middle", "top"), (("middle", "top"),))
    poses = Poses(
        skeleton=blob,
        frame_time_s=np.arange(40) / 20,
        frame=np.arange(40),
        xy=np.full((40, 2, 2), 20.0),
        score=np.ones((40, 2)),
    )
    told = watch(poses, exercise=exercise, person_height_m=1.8)
    assert told[-1].repetitions.count == 0
    json.dumps(seen_data(told[-1]), allow_nan=False)


def test_what_makes_no_sense_is_refused() -> None:
    poses, _ = exerciser("squat", depth=())
    session = Session(Scripted(poses))
    session.update(Frame(BLACK, 3, 1.0))
    for time_s in (1.0, 0.5, math.nan):
        with pytest.raises(ValueError, match="after the last one's, 1 s"):
            session.update(Frame(BLACK, 4, time_s))
    for options in ({"exercise": "swim"}, {"space": "4d"}, {"person_height_m": 175}):
        with pytest.raises(ValueError, match=next(iter(options))):
            Session(Scripted(poses), **options)  # type: ignore[arg-type]


@pytest.mark.models
def test_a_real_picture_through_mediapipe(tmp_path: Any) -> None:
    """The demonstration's film moves a portrait in a known way."""
    pytest.importorskip("mediapipe")
    from kinetrace.estimators import Options
    from kinetrace.frames import open_frames
    from kinetrace.pipeline import load_estimator
    from kinetrace.poses import concat

    demo.write_film(tmp_path / "demo.mp4")
    estimator = load_estimator("mediapipe", Options(model="lite", quiet=True))
    try:
        session = Session(estimator, space="3d")
        with open_frames(tmp_path / "demo.mp4", end_s=1.5) as frames:
            told = [session.update(frame) for frame in frames]
    finally:
        estimator.close()
    poses = concat([seen.poses for seen in told])
    assert len(poses) == len(told) == 45
    assert demo.error_px(poses) < 9
    assert set(poses.track_id.tolist()) == {0}
