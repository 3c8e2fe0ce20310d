from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from gait_cases import FPS, as_coco, cadence, changed, errors_s, events_of, uneven_times, with_gaps
from hypothesis import given
from hypothesis import strategies as st

from kinetrace.measures import gait
from kinetrace.measures._gait_extrema import between_samples, runs, turning_points
from kinetrace.measures._gait_swaps import unswap_legs
from kinetrace.skeletons import BLAZEPOSE33
from kinetrace.testing import walker


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("fps", [*FPS, None])
def test_cadence_and_events_of_a_walker(fps: float | None, direction: int) -> None:
    time_s = uneven_times() if fps is None else np.arange(0, 8, 1 / fps)
    poses, truth = walker(cadence_steps_per_min=108, time_s=time_s, direction=direction)
    assert cadence(poses) == pytest.approx(108, rel=0.0005)
    assert errors_s(poses, truth).max() < 0.003
    found = gait.find_events(poses)
    for side, times in truth.heel_strike_s.items():
        # All but those that the film cuts off are found.
        inside = times[(times > 0.2) & (times < time_s[-1] - 0.2)]
        assert len(events_of(found, "heel_strike", side)) >= len(inside)


@pytest.mark.parametrize("cadence_steps_per_min", [80, 108, 130])
@pytest.mark.parametrize("fps", [*FPS, None])
def test_noise_of_2_px_does_not_change_cadence(
    fps: float | None, cadence_steps_per_min: float
) -> None:
    time_s = uneven_times(15) if fps is None else np.arange(0, 15, 1 / fps)
    poses, truth = walker(
        cadence_steps_per_min=cadence_steps_per_min, time_s=time_s, noise_px=2, seed=1
    )
    assert cadence(poses) == pytest.approx(cadence_steps_per_min, rel=0.005)
    assert errors_s(poses, truth).mean() < 0.02


@pytest.mark.parametrize("gap_s", [0.034, 0.067, 0.1])
@pytest.mark.parametrize("fps", [30.0, 60.0])
def test_gaps_up_to_100_ms_are_bridged(fps: float, gap_s: float) -> None:
    whole, truth = walker(fps=fps, duration_s=8)
    poses = with_gaps(whole, gap_s)
    assert len(poses) < len(whole)
    assert cadence(poses) == pytest.approx(truth.cadence_steps_per_min, rel=0.005)
    assert errors_s(poses, truth).max() < 0.01
    assert len(gait.measure(poses)) == len(gait.measure(whole))


def test_phases_of_the_gait_cycle_are_those_of_the_walker() -> None:
    poses, truth = walker(duration_s=8)
    stride_s = 120 / truth.cadence_steps_per_min
    strike, off = truth.heel_strike_s["left"][0], truth.toe_off_s["left"]
    stance_s = (off[off > strike][0] - strike) % stride_s
    table = gait.measure(poses).dropna(subset=["stride_time_s"])
    assert len(table) >= 8
    np.testing.assert_allclose(table["stride_time_s"], stride_s, atol=0.002)
    np.testing.assert_allclose(table["step_time_s"].dropna(), stride_s / 2, atol=0.002)
    np.testing.assert_allclose(table["stance_s"], stance_s, atol=0.002)
    np.testing.assert_allclose(table["swing_s"], stride_s - stance_s, atol=0.002)
    # Left and right are half a stride apart, so single support is the other foot's swing.
    np.testing.assert_allclose(table["single_support_s"], stride_s - stance_s, atol=0.002)
    np.testing.assert_allclose(table["double_support_s"], 2 * stance_s - stride_s, atol=0.004)
    total = table["stance_percent"] + table["swing_percent"]
    np.testing.assert_allclose(total, 100)
    parts = table["single_support_percent"] + table["double_support_percent"]
    np.testing.assert_allclose(parts, table["stance_percent"])
    np.testing.assert_array_equal(table["frame"], np.round(table["time_s"] * 30))


def test_lengths_and_speed_need_a_scale() -> None:
    poses, truth = walker(duration_s=8, height_m=1.75)
    without = gait.measure(poses)
    assert without[["step_length_m", "speed_m_per_s"]].isna().all(axis=None)
    assert without["step_length_px"].notna().any()
    assert any("No lengths in metres" in note for note in without.attrs["notes"])
    known = gait.measure(poses, px_per_m=truth.px_per_m)
    np.testing.assert_allclose(known["speed_m_per_s"].dropna(), truth.speed_m_per_s, rtol=0.01)
    np.testing.assert_allclose(known["step_length_m"], known["step_length_px"] / truth.px_per_m)
    from_height = gait.measure(poses, person_height_m=1.75)
    speed = from_height["speed_m_per_s"].dropna()
    np.testing.assert_allclose(speed, truth.speed_m_per_s, rtol=0.05)
    assert any("5 %" in note for note in from_height.attrs["notes"])


def test_step_length_is_from_heel_to_heel() -> None:
    poses, truth = walker(duration_s=8)
    table = gait.measure(poses, px_per_m=truth.px_per_m)
    ahead = (poses.keypoint("left_heel") - poses.keypoint("right_heel"))[:, 0] / truth.px_per_m
    for _, step in table.iterrows():
        at_strike = np.interp(step["time_s"], poses.frame_time_s, ahead)
        sign = 1 if step["side"] == "left" else -1
        assert step["step_length_m"] == pytest.approx(sign * at_strike, abs=0.02)


@pytest.mark.parametrize("direction", [1, -1])
def test_a_treadmill_is_walking_too(direction: int) -> None:
    poses, truth = walker(duration_s=8, direction=direction)
    pelvis_x = poses.keypoint("left_hip")[:, :1]
    on_belt = changed(poses, poses.xy - np.stack([pelvis_x - 500, 0 * pelvis_x], axis=-1))
    assert cadence(on_belt) == pytest.approx(truth.cadence_steps_per_min, rel=0.0005)
    assert errors_s(on_belt, truth).max() < 0.003
    table = gait.measure(on_belt, px_per_m=truth.px_per_m)
    assert set(table["direction"]) == {"right" if direction == 1 else "left"}
    # There the speed is that of the belt: a step in a step's time.
    expected = table["step_length_m"] / table["step_time_s"]
    np.testing.assert_allclose(table["speed_m_per_s"], expected)


def test_coco_keypoints_give_cadence_by_the_ankle() -> None:
    poses, _ = walker(duration_s=8)
    table = gait.measure(as_coco(poses))
    assert gait.summarise(table)["cadence_steps_per_min"].iloc[0] == pytest.approx(108, rel=0.005)
    assert any("ankle" in note for note in table.attrs["notes"])


@pytest.mark.parametrize("noise_px", [0, 2])
def test_legs_that_were_mistaken_for_each_other_are_put_right(noise_px: float) -> None:
    poses, truth = walker(duration_s=8, noise_px=noise_px)
    wrong = np.random.default_rng(0).random(len(poses)) < 0.15
    wrong[60:72] = True
    xy = poses.xy.copy()
    xy[wrong] = xy[wrong][:, list(BLAZEPOSE33.mirror)]
    repaired, count = unswap_legs(changed(poses, xy))
    apart = np.abs(poses.keypoint("left_ankle") - poses.keypoint("right_ankle"))[:, 0]
    is_clear = apart > 40  # where the legs cross it does not matter
    knees = [poses.skeleton.index(f"{side}_knee") for side in ("left", "right")]
    assert count >= (wrong & is_clear).sum()
    np.testing.assert_array_equal(repaired.xy[is_clear][:, knees], poses.xy[is_clear][:, knees])
    table = gait.measure(changed(poses, xy))
    assert len(table) == len(gait.measure(poses))
    assert any("mistaken" in note for note in table.attrs["notes"])
    assert errors_s(changed(poses, xy), truth).mean() < 0.02


def test_summary_of_an_uneven_gait() -> None:
    table = pd.DataFrame(
        {
            **{name: [np.nan] * 4 for name in gait.measure(walker()[0]).columns},
            "track_id": [0] * 4,
            "bout": [0, 0, 1, 1],
            "side": ["left", "right"] * 2,
            "step_time_s": [0.5, 0.6, 0.5, 0.6],
        }
    )
    summary = gait.summarise(table).iloc[0]
    assert summary["cadence_steps_per_min"] == pytest.approx(60 / 0.55)
    assert summary["step_time_s"] == pytest.approx(0.55)
    assert summary["left_step_time_s"] == pytest.approx(0.5)
    sd = np.std([0.5, 0.6, 0.5, 0.6], ddof=1)
    assert summary["step_time_sd_s"] == pytest.approx(sd)
    assert summary["step_time_cv_percent"] == pytest.approx(100 * sd / 0.55)
    # Robinson: the difference over the mean of both sides.
    assert summary["step_time_symmetry_index_percent"] == pytest.approx(100 * 0.1 / 0.55)
    assert (summary["steps"], summary["left_steps"], summary["bouts"]) == (4, 2, 2)


def test_plot_shows_every_foot_on_the_ground() -> None:
    table = gait.measure(walker(duration_s=6)[0])
    figure = gait.plot(table)
    bars = [bar for artist in figure.axes[0].collections for bar in artist.get_paths()]
    contacts = [b.get_extents() for b in bars if b.get_extents().width > 0]
    stance = table.dropna(subset=["stance_s"])
    np.testing.assert_allclose(sorted(b.x0 for b in contacts), sorted(stance["time_s"]))
    np.testing.assert_allclose(sorted(b.x1 for b in contacts), sorted(stance["toe_off_s"]))
    dots = np.concatenate([line.get_ydata() for line in figure.axes[1].lines])
    assert len(dots) == table["step_time_s"].notna().sum()


def test_plot_of_nothing_says_why() -> None:
    figure = gait.plot(gait.measure(walker(fps=10, duration_s=2)[0]))
    assert "10 frames a second" in figure.axes[0].texts[0].get_text()


def test_an_extremum_lies_between_the_samples() -> None:
    x = np.arange(10.0)
    assert between_samples(-((x - 4.3) ** 2), 4) == pytest.approx(4.3)
    assert between_samples(x, 0) == 0
    assert between_samples(np.zeros(5), 2) == 2


@given(
    st.lists(st.floats(-100, 100), max_size=60),
    st.floats(0.1, 50),
)
def test_turning_points_alternate_and_are_far_apart(values: list[float], least: float) -> None:
    signal = np.array(values)
    if len(signal):
        maxima, minima = turning_points(signal, least=least, least_at_end=least)
        turns = sorted([*((i, 1) for i in maxima), *((i, -1) for i in minima)])
        assert all(a[1] != b[1] for a, b in pairwise(turns))
        for (i, kind), (j, _) in pairwise(turns):
            assert kind * (signal[i] - signal[j]) >= least
        assert all(0 < i < len(signal) - 1 for i, _ in turns)


@given(st.lists(st.booleans(), max_size=30))
def test_runs_are_where_it_is_true(values: list[bool]) -> None:
    found = np.zeros(len(values), bool)
    for start, stop in runs(np.array(values, bool)):
        assert stop > start
        found[start:stop] = True
    np.testing.assert_array_equal(found, values)
