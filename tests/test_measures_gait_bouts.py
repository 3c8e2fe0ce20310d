from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from gait_cases import assert_nothing, cadence, changed, events_of, there_and_back
from hypothesis import given, settings
from hypothesis import strategies as st

from kinetrace.measures import gait
from kinetrace.poses import Poses, concat
from kinetrace.testing import walker


@pytest.mark.parametrize("noise_px", [0, 2])
def test_a_turn_and_a_pause_part_two_bouts(noise_px: float) -> None:
    poses, going, coming = there_and_back(noise_px)
    table = gait.measure(poses)
    assert list(table.groupby("bout")["direction"].first()) == ["right", "left"]
    for _, step in table.iterrows():
        times = going if step["direction"] == "right" else coming
        assert np.abs(times - step["time_s"]).min() < 0.06
    # Nothing is measured across the pause.
    assert not ((table["time_s"] > 5.1) & (table["time_s"] < 7.9)).any()
    assert table.groupby("bout")["step_time_s"].apply(lambda s: s.isna().iloc[0]).all()
    assert table["step_time_s"].max() < 0.7
    assert table["stance_s"].max() < 0.9
    assert gait.summarise(table)["bouts"].iloc[0] == 2


def test_a_long_gap_is_not_bridged() -> None:
    poses, _ = walker(duration_s=9)
    time_s = poses.frame_time_s[poses.frame]
    table = gait.measure(poses.rows((time_s < 3.5) | (time_s > 4.6)))
    assert len(table) >= 10
    assert not ((table["time_s"] > 3.5) & (table["time_s"] < 4.6)).any()
    np.testing.assert_allclose(table["step_time_s"].dropna(), 60 / 108, atol=0.02)
    np.testing.assert_allclose(table["stride_time_s"].dropna(), 120 / 108, atol=0.02)
    after = table[table["time_s"] > 4.6].iloc[0]
    assert np.isnan(after["step_time_s"])


@pytest.mark.parametrize("parts", [("knee", "ankle", "heel", "foot_index")])
def test_one_leg_that_is_never_seen_leaves_strides(parts: tuple[str, ...]) -> None:
    poses, _ = walker(duration_s=8)
    xy = poses.xy.copy()
    xy[:, [poses.skeleton.index(f"right_{part}") for part in parts]] = np.nan
    table = gait.measure(changed(poses, xy))
    assert set(table["side"]) == {"left"}
    assert table[["step_time_s", "double_support_s", "step_length_px"]].isna().all(axis=None)
    np.testing.assert_allclose(table["stride_time_s"].dropna(), 120 / 108, atol=0.003)
    assert any("right foot is never seen" in note for note in table.attrs["notes"])
    summary = gait.summarise(table).iloc[0]
    assert summary["cadence_steps_per_min"] == pytest.approx(108, rel=0.002)
    assert np.isnan(summary["step_time_symmetry_index_percent"])


def test_each_person_is_measured_by_their_own_steps() -> None:
    one, _ = walker(cadence_steps_per_min=96, duration_s=8)
    two, _ = walker(cadence_steps_per_min=120, duration_s=8, direction=-1)
    frames = [
        (one.frames(i, i + 1), dataclasses.replace(two.frames(i, i + 1), track_id=[7]))
        for i in range(len(one))
    ]
    both = concat([_beside(*pair) for pair in frames])
    summary = gait.summarise(gait.measure(both)).set_index("track_id")
    assert summary.loc[0, "cadence_steps_per_min"] == pytest.approx(96, rel=0.001)
    assert summary.loc[7, "cadence_steps_per_min"] == pytest.approx(120, rel=0.001)
    untracked = dataclasses.replace(both, track_id=np.full(len(both), -1))
    assert_nothing(untracked, "nobody was tracked")


def _beside(one: Poses, two: Poses) -> Poses:
    return dataclasses.replace(
        one,
        frame=[0, 0],
        xy=np.concatenate([one.xy, two.xy]),
        score=np.concatenate([one.score, two.score]),
        track_id=np.concatenate([one.track_id, two.track_id]),
        bbox_xyxy=None,
        bbox_score=None,
    )


def test_a_front_view_is_refused() -> None:
    poses, _ = walker(duration_s=6)
    xy = poses.xy.copy()
    centre = xy[:, poses.skeleton.index("left_hip"), 0]
    xy[..., 0] = 400 + 0.1 * (xy[..., 0] - centre[:, None])
    for name, half_width in (("shoulder", 38), ("hip", 25), ("ankle", 20), ("heel", 20)):
        xy[:, poses.skeleton.index(f"left_{name}"), 0] += half_width
        xy[:, poses.skeleton.index(f"right_{name}"), 0] -= half_width
    assert_nothing(changed(poses, xy), "from the front")


def test_a_slow_film_is_refused() -> None:
    assert_nothing(walker(fps=10, duration_s=8)[0], "10 frames a second")


@pytest.mark.parametrize("fps", [15, 20])
def test_the_slowest_films_that_are_measured(fps: float) -> None:
    assert cadence(walker(fps=fps, duration_s=8)[0]) == pytest.approx(108, rel=0.005)


def test_nothing_and_next_to_nothing_have_a_reason() -> None:
    poses, _ = walker(duration_s=2)
    assert_nothing(poses.rows(np.zeros(len(poses), bool)), "Nobody")
    assert_nothing(poses.frames(0, 0), "Nobody")
    assert_nothing(poses.frames(0, 1), "no clock")
    assert_nothing(poses.frames(0, 2), "no two steps")
    assert_nothing(poses.rows(np.array([5])), "never seen together")
    assert_nothing(changed(poses, np.full_like(poses.xy, np.nan)), "never seen together")
    without_clock = np.full(len(poses.frame_time_s), np.nan)
    assert_nothing(dataclasses.replace(poses, frame_time_s=without_clock), "no clock")


def test_frames_without_a_time_or_back_in_time_are_passed_over() -> None:
    poses, _ = walker(duration_s=8)
    time_s = poses.frame_time_s.copy()
    time_s[50] = np.nan
    time_s[101] = time_s[100]
    time_s[130] = time_s[120]
    assert cadence(dataclasses.replace(poses, frame_time_s=time_s)) == pytest.approx(108, rel=0.01)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), share=st.floats(0, 1))
def test_missing_keypoints_never_fail_and_never_make_up_a_step(seed: int, share: float) -> None:
    poses, truth = walker(duration_s=4, noise_px=1)
    is_missing = np.random.default_rng(seed).random(poses.xy.shape[:2]) < share
    holed = changed(poses, np.where(is_missing[..., None], np.nan, poses.xy))
    table = gait.find_events(holed)
    assert len(table) or table.attrs["notes"]
    for kind, of in (("heel_strike", truth.heel_strike_s), ("toe_off", truth.toe_off_s)):
        for side in ("left", "right"):
            for time_s in events_of(table, kind, side):
                assert np.abs(of[side] - time_s).min() < 0.1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"method": "magic"}, "zeni"),
        ({"cutoff_hz": 0}, "cutoff_hz"),
        ({"min_score": 2}, "min_score"),
        ({"px_per_m": -1}, "px_per_m"),
        ({"person_height_m": 0}, "person_height_m"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        gait.measure(walker(duration_s=2)[0], **options)
