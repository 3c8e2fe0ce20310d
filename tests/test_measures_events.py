from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from events_cases import COLUMNS, FPS, between, found, kinds, together, true, until
from gait_cases import uneven_times

from kinetrace.measures import events
from kinetrace.poses import Poses, Skeleton, concat
from kinetrace.skeletons import COCO17
from kinetrace.testing import mover, walker

TIPPING = ("fall forward", "fall backward", "fall sideways", "collapse")
VIEWS = {
    "side": {"yaw_deg": 0, "camera_height_m": 1.2},
    "front": {"yaw_deg": 90, "camera_height_m": 1.2},
    "oblique": {"yaw_deg": 215, "camera_height_m": 2.0},
    "from above": {"yaw_deg": 150, "camera_height_m": 3.0, "distance_m": 5.0},
    "far, and small": {"yaw_deg": 40, "distance_m": 9.0, "height_m": 1.3},
}
in_every_view = pytest.mark.parametrize("view", VIEWS)


@in_every_view
@pytest.mark.parametrize("action", TIPPING)
def test_a_fall_is_found_from_every_side(action: str, view: str) -> None:
    poses, truth = between(action, noise_px=3, miss_rate=0.05, seed=1, **VIEWS[view])
    ((start_s, end_s),) = found(poses, "fall")
    ((true_start_s, true_end_s),) = true(truth, "fall")
    assert true_start_s - 0.1 <= start_s < end_s  # who tips over is slow at first
    assert end_s == pytest.approx(true_end_s, abs=0.35)
    ((lies_from_s, lies_to_s),) = found(poses, "lying")
    assert lies_from_s == pytest.approx(true(truth, "lying")[0][0], abs=0.6)
    assert lies_to_s >= true(truth, "lying")[0][1]


@in_every_view
@pytest.mark.parametrize(
    "action",
    ["walk", "sit", "sit fast", "lie down", "lie on bed", "squat", "pick up", "push-up", "sit-up"],
)
def test_what_is_no_fall_is_none(action: str, view: str) -> None:
    for seed in (0, 1):
        poses, _ = between(action, noise_px=3, miss_rate=0.05, seed=seed, **VIEWS[view])
        assert found(poses, "fall") == []


@in_every_view
@pytest.mark.parametrize(
    ("action", "kind", "error_s"),
    [
        ("lie down", "lying", 1.8),
        ("lie on bed", "lying", 1.8),
        ("sit", "sitting", 1.0),
        ("sit fast", "sitting", 1.0),
        ("raise left hand", "raised_hand", 0.5),
        ("stand still", "stillness", 3.5),  # they stand before and after
    ],
)
def test_what_lasts_is_found_when_it_is(action: str, kind: str, error_s: float, view: str) -> None:
    poses, truth = between(action, noise_px=3, seed=2, **VIEWS[view])
    assert found(poses, kind) == [pytest.approx(true(truth, kind)[0], abs=error_s)]


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_hand_is_the_persons_own(side: str) -> None:
    poses, _ = between(f"raise {side} hand", yaw_deg=70)
    table = events.measure(poses)
    assert table[["event", "side"]].to_numpy().tolist() == [["raised_hand", side]]


def test_a_walk_and_standing_a_while_are_no_event() -> None:
    assert kinds(walker(noise_px=2)[0]) == []
    assert kinds(mover(["stand", "walk", "stand"], noise_px=3)[0]) == []


@pytest.mark.parametrize("fps", [*FPS, 0.0])
@pytest.mark.parametrize("action", [*TIPPING, "fall from chair"])
def test_the_speed_of_a_fall_is_that_of_the_trunk_at_any_frame_rate(
    action: str, fps: float
) -> None:
    fine, truth = between(action, fps=200, yaw_deg=20)
    trunk = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
    y = np.mean([fine.keypoint(name)[:, 1] for name in trunk], axis=0)
    ankle, shoulder = (fine.keypoint(f"left_{name}")[0, 1] for name in ("ankle", "shoulder"))
    tall_px = (ankle - shoulder) / 0.779
    is_fall = fine.frame_time_s[60:] < true(truth, "fall")[0][1] + 0.5
    fastest = ((y[60:] - y[:-60])[is_fall] / 0.3 / tall_px).max()
    times = {"time_s": uneven_times(fine.frame_time_s[-1])} if not fps else {"fps": fps}
    table = events.measure(between(action, yaw_deg=20, **times)[0])
    (measured,) = table[table["event"] == "fall"]["descent_heights_per_s"]
    # The 0.3 s begin and end at a frame, or between two: by half a frame they miss the fastest.
    assert measured == pytest.approx(fastest, rel=0.06 + 0.5 / (fps or 20) / 0.3)


def test_who_gets_up_at_once_has_not_fallen() -> None:
    poses, _ = between("fall forward")
    whole = found(poses, "fall")
    lies_s = found(poses, "lying")[0]
    assert len(whole) == 1
    assert found(poses, "fall", lying_s=lies_s[1] - lies_s[0] + 0.5) == []


@pytest.mark.parametrize("action", TIPPING)
def test_a_fall_that_is_lost_is_said_to_be_uncertain(action: str) -> None:
    poses, truth = between(action, yaw_deg=30)
    hits_s = true(truth, "fall")[0][1]
    certain = events.measure(poses).set_index("event").loc["fall", "confidence"]
    table = events.measure(until(poses, hits_s + 0.8))
    (row,) = table[table["event"] == "fall"].itertuples()
    assert row.confidence <= 0.5 * certain + 0.1
    assert "seen to lie for" in row.detail
    assert any("may have fallen" in note for note in table.attrs["notes"])


def test_who_is_lost_while_still_upright_did_nothing() -> None:
    for action in ("sit fast", "squat", "walk", "stand"):
        poses, _ = between(action)
        for end_s in np.arange(2, 5, 0.4):
            assert found(until(poses, end_s), "fall") == []


def test_who_leaves_the_picture_has_not_fallen() -> None:
    poses, truth = between("fall forward", yaw_deg=30)
    part = until(poses, true(truth, "fall")[0][1] + 0.8)
    assert len(found(part, "fall")) == 1
    width = int(part.xy[part.frame == len(part) - 1, :, 0].max()) + 2
    assert found(dataclasses.replace(part, size_wh=(width, 720)), "fall") == []


def test_a_gap_in_the_fall_is_bridged_and_a_long_one_is_not() -> None:
    poses, truth = between("fall backward")
    hits_s = true(truth, "fall")[0][1]
    time_s = poses.frame_time_s[poses.frame]
    short = poses.rows((time_s < hits_s - 0.4) | (time_s > hits_s + 0.3))
    assert kinds(short) == kinds(poses)
    long = poses.rows((time_s < hits_s - 0.9) | (time_s > hits_s + 1.5))
    assert "fall" not in kinds(long)
    assert "lying" in kinds(long)


def test_a_leaning_camera_is_put_right() -> None:
    poses, _ = between("fall forward")
    angle = np.radians(40)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    leaning = dataclasses.replace(poses, xy=poses.xy @ turn.T, bbox_xyxy=None, size_wh=None)
    assert kinds(leaning) != kinds(poses)
    assert kinds(leaning, tilt_deg=40) == kinds(poses)


def test_only_people_close_together_are_a_crowd() -> None:
    films = [mover(["stand", "stand"], seed=3)[0] for _ in range(4)]  # 331 px tall
    tall_px = 331
    table = events.measure(together(films, [0, 150, 300, 450]))
    assert table["event"].tolist() == ["crowding"]
    assert table["track_id"].tolist() == [-1]
    assert table["people"].tolist() == [4]
    step_px = 0.7 * tall_px
    assert kinds(together(films, [0, 0.9 * step_px, 1.8 * step_px, 2.7 * step_px])) == ["crowding"]
    assert kinds(together(films, [0, 150, 300, 450 + step_px])) == []
    assert kinds(together(films, [0, 150, 300, 450]), crowding_people=5) == []
    assert kinds(together(films, [0, 150, 300, 450]), crowding_s=30) == []


def test_people_who_are_nearer_to_the_camera_are_not_in_the_crowd() -> None:
    films = [mover(["stand", "stand"], seed=3)[0] for _ in range(3)]
    near, _ = mover(["stand", "stand"], seed=3, distance_m=3.5)
    assert kinds(together([*films, near], [0, 60, 120, 180])) == []
    assert kinds(together([*films, near], [0, 60, 120, 180]), crowding_people=3) == ["crowding"]


def test_without_legs_nothing_is_said_of_postures() -> None:
    poses, _ = between("fall forward")
    legs = [i for i, name in enumerate(COCO17.keypoints) if name.endswith(("knee", "ankle"))]
    score = poses.score.copy()
    score[:, legs] = 0
    table = events.measure(dataclasses.replace(poses, score=score))
    assert not {"fall", "lying", "sitting"} & set(table["event"])
    assert any("legs are not seen" in note for note in table.attrs["notes"])


def test_bending_where_the_shanks_are_hidden_is_not_lying() -> None:
    poses, _ = mover(["stand", "pick up"], seed=5)
    ankles = [i for i, name in enumerate(COCO17.keypoints) if name.endswith("ankle")]
    score = poses.score.copy()
    score[:, ankles] = 0
    hidden = dataclasses.replace(poses, score=score)
    shoulders, hips = poses.keypoint("left_shoulder"), poses.keypoint("left_hip")
    lowest = int(np.argmax(shoulders[:, 1] - hips[:, 1]))
    assert shoulders[lowest, 1] > hips[lowest, 1]  # the trunk is level
    bent = concat([hidden.frames(0, 30), *[hidden.frames(lowest, lowest + 1)] * 120])
    assert kinds(dataclasses.replace(bent, frame_time_s=np.arange(150) / 30)) == []


def test_thirteen_joints_are_enough() -> None:
    poses, _ = mover(["stand", "fall sideways", "raise right hand"], yaw_deg=30)
    names = ("nose", *COCO17.keypoints[5:])
    columns = [COCO17.index(name) for name in names]
    few = dataclasses.replace(
        poses,
        skeleton=Skeleton(name="joints13", keypoints=("head", *COCO17.keypoints[5:])),
        xy=poses.xy[:, columns],
        score=poses.score[:, columns],
    )
    assert kinds(few) == kinds(poses)


def test_two_of_one_name_are_not_mixed_up() -> None:
    one, two = (between("fall forward", seed=seed, fps=10)[0].frames(0, 80) for seed in (1, 2))
    both = together([one, two], [0, 400])
    table = events.measure(dataclasses.replace(both, track_id=np.full(len(both), -1)))
    assert len(table) == 0
    assert any("same track_id" in note for note in table.attrs["notes"])
    assert set(events.measure(both)["track_id"]) == {0, 1}


@pytest.mark.parametrize(
    ("poses", "why"),
    [
        (walker()[0].rows(np.zeros(180, dtype=bool)), "Nobody"),
        (walker()[0].frames(0, 1), "no clock"),
        (mover([])[0], "Nobody"),
        (walker()[0], "No event"),
        (mover(["stand"], fps=3)[0], "3 frames a second"),
        (mover(["stand"], fps=0.8)[0], "1.25 s apart"),
    ],
)
def test_an_empty_answer_has_a_reason(poses: Poses, why: str) -> None:
    table = events.measure(poses)
    assert list(table.columns) == COLUMNS
    assert len(table) == 0
    assert any(why in note for note in table.attrs["notes"]), table.attrs["notes"]
    assert len(events.summarise(table)) == 0
    assert events.plot(table).axes


def test_frames_whose_time_does_not_go_on_are_passed_over() -> None:
    poses, _ = between("sit")
    time_s = poses.frame_time_s.copy()
    time_s[50::7] = np.nan
    time_s[51::7] = 0
    got = found(dataclasses.replace(poses, frame_time_s=time_s), "sitting")
    assert got == [pytest.approx(found(poses, "sitting")[0], abs=0.15)]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"lying_s": 0}, "lying_s must be above 0"),
        ({"lying_s": 31}, "30 at most"),
        ({"stillness_heights": float("nan")}, "stillness_heights"),
        ({"crowding_people": 1}, "2 or more"),
        ({"tilt_deg": 90}, "tilt_deg"),
        ({"min_score": 2}, "min_score"),
    ],
)
def test_options_make_sense(options: dict[str, float], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        events.measure(walker()[0], **options)


def test_the_summary_adds_up() -> None:
    poses, _ = mover(["stand", "sit", "stand", "sit fast", "stand", "raise left hand"])
    table = events.measure(poses)
    summary = events.summarise(table).set_index("event")
    assert summary.loc["sitting", "count"] == 2
    lengths_s = (table["end_s"] - table["start_s"])[table["event"] == "sitting"]
    assert summary.loc["sitting", "total_s"] == pytest.approx(lengths_s.sum())
    assert summary.loc["sitting", "longest_s"] == pytest.approx(lengths_s.max())
    assert summary.loc["raised_hand", "side"] == "left"


def test_the_timeline_has_a_lane_for_each_person_and_kind() -> None:
    poses, _ = mover(["stand", "fall forward", "sit", "raise left hand", "raise right hand"])
    table = events.measure(poses)
    axes = events.plot(table).axes[0]
    lanes = [label.get_text() for label in axes.get_yticklabels()]
    hands = ["raised left hand", "raised right hand"]
    assert lanes == [f"person 0: {name}" for name in ("fall", "lying", "sitting", *hands)]
    assert len(axes.patches) == len(table)


def test_confidence_falls_with_what_is_seen() -> None:
    poses, _ = between("sit")
    whole = events.measure(poses)["confidence"].iloc[0]
    half = dataclasses.replace(poses, score=0.5 * poses.score)
    assert events.measure(half)["confidence"].iloc[0] == pytest.approx(0.5 * whole, rel=1e-3)
