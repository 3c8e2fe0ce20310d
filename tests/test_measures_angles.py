"""Angles against a walker of known angles, and an independent formula."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from some_bodies import TRUTH, WALK, circling, in_space, renamed, seen_from

from kinetrace.measures import angles
from kinetrace.poses import Poses, concat
from kinetrace.skeletons import BLAZEPOSE33, BODY25, COCO17
from kinetrace.testing import walker

SAGITTAL = [
    f"{side}_{name}_deg"
    for side in ("left", "right")
    for name in ("hip", "knee", "ankle", "shoulder", "elbow")
]


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("fps", [24, 29.97, 60])
def test_a_walkers_angles_are_known(direction: int, fps: float) -> None:
    poses, truth = walker(direction=direction, fps=fps, duration_s=2)
    table = angles.measure(poses)
    for name, want in (
        ("knee", truth.knee_flexion_deg),
        ("hip", truth.hip_flexion_deg),
        ("ankle", truth.ankle_dorsiflexion_deg),
    ):
        for side in ("left", "right"):
            np.testing.assert_allclose(table[f"{side}_{name}_deg"], want[side], atol=0.01)
    assert set(table["facing"]) == {"right" if direction == 1 else "left"}
    assert set(table["view"]) == {"side"}
    assert table.attrs["notes"] == []
    np.testing.assert_array_equal(table["frame"], np.arange(len(poses)))


def by_dot_product(poses: Poses, side: str, one: str, at: str, other: str) -> np.ndarray:
    """The angle at a joint by the law of cosines, which knows no direction."""
    a, b, c = (poses.keypoint(f"{side}_{n}").astype(float) for n in (one, at, other))
    ab, cb, ac = (np.hypot(*(p - q).T) for p, q in ((a, b), (c, b), (a, c)))
    return np.degrees(np.arccos((ab**2 + cb**2 - ac**2) / (2 * ab * cb)))


def test_the_size_of_angles_is_that_of_the_law_of_cosines() -> None:
    poses, _ = walker(noise_px=5, duration_s=3, seed=4)
    table = angles.measure(poses)
    for side in ("left", "right"):
        knee = 180 - by_dot_product(poses, side, "hip", "knee", "ankle")
        np.testing.assert_allclose(table[f"{side}_knee_deg"].abs(), knee, atol=0.01)
        elbow = 180 - by_dot_product(poses, side, "shoulder", "elbow", "wrist")
        np.testing.assert_allclose(table[f"{side}_elbow_deg"].abs(), elbow, atol=0.01)


def test_segments_add_up_to_joints() -> None:
    poses, _ = walker(noise_px=5, duration_s=2)
    t = angles.measure(poses)
    for s in ("left", "right"):
        sums = {
            "hip": t[f"{s}_thigh_deg"] + t["trunk_deg"],
            "knee": t[f"{s}_thigh_deg"] - t[f"{s}_shank_deg"],
            "ankle": t[f"{s}_foot_deg"] - t[f"{s}_shank_deg"],
            "shoulder": t[f"{s}_arm_deg"] + t["trunk_deg"],
            "elbow": t[f"{s}_forearm_deg"] - t[f"{s}_arm_deg"],
        }
        for name, total in sums.items():
            np.testing.assert_allclose(t[f"{s}_{name}_deg"], total, atol=1e-6, err_msg=name)


def test_left_and_right_of_whoever_stands_are_the_same() -> None:
    knee = 2 * np.degrees(np.arctan(0.02 / 0.45))
    for yaw in (0, 180):
        table = angles.measure(seen_from(yaw)).iloc[5]
        for side in ("left", "right"):
            assert table[f"{side}_knee_deg"] == pytest.approx(knee, abs=0.01)
            assert table[f"{side}_hip_deg"] == pytest.approx(knee / 2, abs=0.01)
            assert table[f"{side}_foot_deg"] == pytest.approx(0, abs=0.01)
            assert table[f"{side}_ankle_deg"] == pytest.approx(knee / 2, abs=0.01)


@pytest.mark.parametrize("yaw", [0, 30, 60, 90, 135, 180, 270])
def test_in_space_the_view_does_not_matter(yaw: int) -> None:
    table = angles.measure(in_space(WALK, yaw), space="3d")
    for side in ("left", "right"):
        want = {
            "knee": TRUTH.knee_flexion_deg[side],
            "hip": TRUTH.hip_flexion_deg[side],
            "ankle": TRUTH.ankle_dorsiflexion_deg[side],
        }
        for name, truth in want.items():
            np.testing.assert_allclose(table[f"{side}_{name}_deg"], truth, atol=0.05)
        thigh = TRUTH.hip_flexion_deg[side]  # the trunk is upright
        np.testing.assert_allclose(table[f"{side}_thigh_deg"], thigh, atol=0.05)
    np.testing.assert_allclose(table[["pelvis_deg", "trunk_lateral_deg"]], 0, atol=0.01)


def test_in_space_lying_on_the_side_has_joint_angles_but_none_against_the_vertical() -> None:
    standing = in_space(WALK, 0)
    xyz = standing.xyz_m[..., [0, 2, 1]] * (1, 1, -1)  # rolled towards the camera
    lying = dataclasses.replace(standing, xyz_m=xyz)
    table = angles.measure(lying, space="3d")
    np.testing.assert_allclose(table["left_hip_deg"], TRUTH.hip_flexion_deg["left"], atol=0.05)
    assert table["left_thigh_deg"].isna().all()
    assert any("above one another" in note for note in table.attrs["notes"])


def test_in_space_needs_positions_in_space() -> None:
    with pytest.raises(ValueError, match=r"no positions in space.*mediapipe"):
        angles.measure(WALK, space="3d")


@pytest.mark.parametrize("option", [{"min_score": 1.1}, {"tilt_deg": 90}, {"tilt_deg": math.nan}])
def test_options_that_make_no_sense(option) -> None:
    with pytest.raises(ValueError, match=r"min_score must be|tilt_deg must be"):
        angles.measure(WALK, **option)


@pytest.mark.parametrize(("yaw", "way"), [(90, 1), (270, -1)])
def test_from_the_front_flexion_is_not_told_but_the_frontal_plane_is(yaw, way) -> None:
    poses = seen_from(yaw)
    xy = poses.xy.copy()
    lifted = BLAZEPOSE33.index("left_hip")
    xy[:, lifted, 1] -= 20
    table = angles.measure(dataclasses.replace(poses, xy=xy))
    assert table[[*SAGITTAL, "trunk_deg", "left_foot_deg"]].isna().all(axis=None)
    width = abs(xy[0, lifted, 0] - xy[0, BLAZEPOSE33.index("right_hip"), 0])
    np.testing.assert_allclose(table["pelvis_deg"], np.degrees(np.arctan(20 / width)), atol=0.01)
    assert any("front or the back in 100 %" in note for note in table.attrs["notes"])


def test_a_knee_that_falls_inwards_is_in_valgus() -> None:
    poses = seen_from(90)
    xy = poses.xy.copy()
    for side in ("left", "right"):
        knee = BLAZEPOSE33.index(f"{side}_knee")
        middle = xy[:, [BLAZEPOSE33.index("left_hip"), BLAZEPOSE33.index("right_hip")], 0].mean()
        xy[:, knee, 0] += 15 * np.sign(middle - xy[:, knee, 0])
    table = angles.measure(dataclasses.replace(poses, xy=xy))
    want = 2 * np.degrees(np.arctan(15 / (0.45 * 300)))
    for side in ("left", "right"):
        np.testing.assert_allclose(table[f"{side}_knee_valgus_deg"], want, atol=0.1)


def test_whoever_says_that_it_is_a_side_view_is_believed() -> None:
    poses = seen_from(90)
    table = angles.measure(poses, facing="right")
    assert table["left_knee_deg"].notna().all()
    assert set(table["view"]) == {"side"}
    right = angles.measure(WALK, facing="right")
    left = angles.measure(WALK, facing="left")
    np.testing.assert_allclose(left["left_knee_deg"], -right["left_knee_deg"], atol=1e-6)


@pytest.mark.parametrize("speed", [9.0, -9.0, 31.0])
def test_an_arm_that_goes_round_never_jumps(speed: float) -> None:
    table = angles.measure(circling(speed))
    for name in ("right_shoulder_deg", "right_arm_deg", "right_forearm_deg", "right_hand_deg"):
        np.testing.assert_allclose(np.diff(table[name]), speed, atol=0.05)
        assert -180 < table[name].median() <= 180
    np.testing.assert_allclose(table["right_elbow_deg"], 0, atol=0.01)


def test_a_bent_knee_never_turns_into_a_negative_one() -> None:
    poses = seen_from(0, steps=40)
    xy = poses.xy.copy()
    hip, knee, ankle = (BLAZEPOSE33.index(f"left_{n}") for n in ("hip", "knee", "ankle"))
    flexion = np.radians(np.linspace(0, 200, 40))  # as noise makes of a heel at the buttock
    shank = np.stack([-np.sin(flexion), np.cos(flexion)], axis=-1) * 130
    xy[:, ankle] = xy[:, knee] + shank
    thigh = xy[0, knee] - xy[0, hip]
    offset = np.degrees(np.arctan2(thigh[0], thigh[1]))
    table = angles.measure(dataclasses.replace(poses, xy=xy))
    np.testing.assert_allclose(table["left_knee_deg"], np.linspace(0, 200, 40) + offset, atol=0.05)


def test_a_turn_mirrors_the_angles_and_is_told() -> None:
    there, _ = walker(duration_s=2)
    back, _ = walker(duration_s=2, direction=-1)
    later = dataclasses.replace(back, frame_time_s=back.frame_time_s + 2)
    table = angles.measure(concat([there, later]))
    single = angles.measure(back)
    np.testing.assert_allclose(
        table["left_knee_deg"].to_numpy()[75:], single["left_knee_deg"].to_numpy()[15:], atol=0.05
    )
    assert any("turns round 1 time;" in note for note in table.attrs["notes"])


def test_what_a_skeleton_does_not_have_is_left_out_and_told() -> None:
    keep = [BLAZEPOSE33.index(name) for name in COCO17.keypoints]
    coco = dataclasses.replace(
        WALK, skeleton=COCO17, xy=WALK.xy[:, keep], score=WALK.score[:, keep]
    )
    table = angles.measure(coco)
    for side in ("left", "right"):
        truth = TRUTH.knee_flexion_deg[side]
        np.testing.assert_allclose(table[f"{side}_knee_deg"], truth, atol=0.01)
    assert not [name for name in table.columns if "ankle" in name or "foot" in name]
    assert "does not have the keypoints for: ankle, wrist, foot, hand" in table.attrs["notes"][0]


def test_openposes_big_toe_is_mediapipes_foot_index() -> None:
    names = [name.replace("foot_index", "big_toe") for name in BLAZEPOSE33.keypoints]
    shared = [name for name in BODY25.keypoints if name in names]
    xy = np.full((len(WALK), len(BODY25), 2), np.nan, np.float32)
    for name in shared:
        xy[:, BODY25.index(name)] = WALK.xy[:, names.index(name)]
    score = np.where(np.isfinite(xy[..., 0]), 1, 0)
    table = angles.measure(
        Poses(skeleton=BODY25, frame_time_s=WALK.frame_time_s, frame=WALK.frame, xy=xy, score=score)
    )
    for side in ("left", "right"):
        truth = TRUTH.ankle_dorsiflexion_deg[side]
        np.testing.assert_allclose(table[f"{side}_ankle_deg"], truth, atol=0.01)


def test_low_scores_are_missing_not_measured() -> None:
    score = WALK.score.copy()
    score[:20, BLAZEPOSE33.index("left_knee")] = 0.2
    table = angles.measure(dataclasses.replace(WALK, score=score))
    assert table["left_knee_deg"].isna().sum() == 20
    assert table["right_knee_deg"].notna().all()
    all_of_them = angles.measure(dataclasses.replace(WALK, score=score), min_score=0.1)
    assert all_of_them["left_knee_deg"].notna().all()


def test_a_hidden_far_side_leaves_the_near_hip_its_angle() -> None:
    score = WALK.score.copy()
    score[10:20, [BLAZEPOSE33.index("left_shoulder"), BLAZEPOSE33.index("left_hip")]] = 0
    table = angles.measure(dataclasses.replace(WALK, score=score))
    np.testing.assert_allclose(table["right_hip_deg"], TRUTH.hip_flexion_deg["right"], atol=0.01)


def test_people_are_measured_apart() -> None:
    back, truth = walker(duration_s=2.5, direction=-1, cadence_steps_per_min=90)
    order = np.argsort(np.concatenate([WALK.frame, back.frame]), kind="stable")
    both = Poses(
        skeleton=BLAZEPOSE33,
        frame_time_s=WALK.frame_time_s,
        frame=np.concatenate([WALK.frame, back.frame])[order],
        xy=np.concatenate([WALK.xy, back.xy])[order],
        score=np.concatenate([WALK.score, back.score])[order],
        track_id=np.concatenate([np.full(len(WALK), 4), np.full(len(back), 2)])[order],
    )
    table = angles.measure(both)
    for track_id, knee in ((4, TRUTH.knee_flexion_deg), (2, truth.knee_flexion_deg)):
        got = table[table["track_id"] == track_id]["left_knee_deg"]
        np.testing.assert_allclose(got, knee["left"], atol=0.01)
    crowd = angles.measure(dataclasses.replace(both, track_id=np.full(len(both), -1)))
    np.testing.assert_allclose(crowd["left_knee_deg"], table["left_knee_deg"], atol=0.01)
    assert "not told apart" in crowd.attrs["notes"][0]


def test_the_range_of_motion_is_that_of_the_truth() -> None:
    table = angles.summarise(angles.measure(renamed(WALK, 5))).set_index(["angle", "side"])
    knee = table.loc[("knee", "left")]
    truth = TRUTH.knee_flexion_deg["left"]
    assert knee["track_id"] == 5
    assert knee["lowest_deg"] == pytest.approx(truth.min(), abs=0.01)
    assert knee["highest_deg"] == pytest.approx(truth.max(), abs=0.01)
    assert knee["range_deg"] == pytest.approx(np.ptp(truth), abs=0.01)
    assert knee["mean_deg"] == pytest.approx(truth.mean(), abs=0.01)
    assert knee["measured"] == 1
    assert np.isnan(table.loc[("trunk", "")]["symmetry_percent"])


def test_symmetry_is_the_difference_over_the_mean() -> None:
    columns = {"left_knee_deg": [0.0, 40, np.nan], "right_knee_deg": [10.0, 70, 20]}
    table = pd.DataFrame({"track_id": 1, "frame": [0, 1, 2], "time_s": [0, 1, 2], **columns})
    got = angles.summarise(table)
    assert got["symmetry_percent"].tolist() == [40, 40]  # 60 against 40
    assert got["measured"].tolist() == [2 / 3, 1]
