"""How well an exercise is done: against movements whose error is known."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from some_actions import doing
from some_bodies import swapped

import kinetrace
from kinetrace.actions.exercise import Interval, read_repetitions, repetitions_of, score_all
from kinetrace.actions.quality import (
    Repetition,
    describe_repetition,
    learn_standard,
    read_standard,
    score_repetition,
    write_standard,
)
from kinetrace.errors import FormatError, SourceError

pytest.importorskip("sklearn")

CHANNELS = ("left_knee_deg", "right_knee_deg", "trunk_deg")


def squat(depth_deg=90.0, *, lean_deg=20.0, seed=0, duration_s=2.0, frames=61, late=0.0):
    """A squat as three angles; people differ a little."""
    random = np.random.default_rng(seed)
    time_s = np.linspace(0, duration_s, frames)
    phase = np.clip((time_s / duration_s - late) / (1 - late), 0, 1)
    down = (1 - np.cos(2 * np.pi * phase)) / 2
    both = [random.normal(5, 1) + (depth_deg + random.normal(0, 4)) * down for _ in range(2)]
    trunk = random.normal(3, 1) + (lean_deg + random.normal(0, 2)) * down
    return Repetition(CHANNELS, time_s, np.column_stack([*both, trunk]))


def labelled(right, wrong):
    return [dataclasses.replace(r, is_correct=i < len(right)) for i, r in enumerate(right + wrong)]


RIGHT = [squat(seed=i) for i in range(20)]
SHALLOW = [squat(55, seed=50 + i) for i in range(20)]
STANDARD = learn_standard(labelled(RIGHT, SHALLOW), "squat")


def test_right_ones_score_high_and_wrong_ones_low():
    right = [score_repetition(squat(seed=100 + i), STANDARD).value for i in range(20)]
    wrong = [score_repetition(squat(55, seed=200 + i), STANDARD).value for i in range(20)]
    assert min(right) > 0.5 > max(wrong)


def test_the_worst_angle_is_told_with_its_time_and_by_how_many_degrees():
    bent = squat(lean_deg=60, seed=7)
    score = score_repetition(bent, STANDARD)
    worst = score.deviations.iloc[0]
    assert worst["channel"] == "trunk_deg"
    assert worst["time_s"] == pytest.approx(1.0, abs=0.1)  # at the bottom
    assert worst["off"] == pytest.approx(40, abs=6)
    assert worst["deviations"] > 5
    shallow = score_repetition(squat(60, seed=8), STANDARD).deviations
    assert set(shallow["channel"][:2]) == {"left_knee_deg", "right_knee_deg"}
    assert shallow["off"][:2].tolist() == pytest.approx([-30, -30], abs=9)


@settings(max_examples=25, deadline=None)
@given(st.integers(20, 300), st.integers(0, 99))
def test_the_frame_rate_does_not_matter(frames, seed):
    one, other = (squat(seed=seed, frames=n) for n in (frames, 121))
    scores = [score_repetition(each, STANDARD).value for each in (one, other)]
    assert scores[0] == pytest.approx(scores[1], abs=0.02)


@settings(max_examples=25, deadline=None)
@given(st.floats(-1000, 1000), st.integers(0, 99))
def test_the_clock_may_start_anywhere(shift_s, seed):
    one = squat(seed=seed)
    other = dataclasses.replace(one, time_s=one.time_s + shift_s)
    a, b = (score_repetition(each, STANDARD) for each in (one, other))
    assert a.value == pytest.approx(b.value, abs=1e-6)
    np.testing.assert_allclose(a.deviations["off"], b.deviations["off"], atol=1e-6)


def test_the_features_by_hand():
    line = Repetition(("a_deg",), np.array([0.0, 1.0, 2.0]), np.array([[0.0], [10.0], [0.0]]))
    got = describe_repetition(line, np.array([5.0]))
    want = [0, 2, np.log(2 + 0.05), np.log(4 + 0.05), np.log(2)]
    np.testing.assert_allclose(got, want)


def test_a_gap_is_bridged_and_a_channel_that_is_never_seen_is_left_out():
    whole = squat(seed=3)
    signals = whole.signals.copy()
    signals[20:23] = np.nan
    gap = score_repetition(dataclasses.replace(whole, signals=signals), STANDARD)
    assert gap.value == pytest.approx(score_repetition(whole, STANDARD).value, abs=0.02)
    signals[:, 2] = np.nan
    without = score_repetition(dataclasses.replace(whole, signals=signals), STANDARD)
    assert set(without.deviations["channel"]) == set(CHANNELS[:2])
    assert np.isfinite(without.value)


@pytest.mark.parametrize("frames", [0, 1, 61])
def test_nothing_to_see_is_no_score(frames):
    nothing = Repetition(CHANNELS, np.arange(float(frames)), np.full((frames, 3), np.nan))
    score = score_repetition(nothing, STANDARD)
    assert np.isnan(score.value)
    assert score.reason == "only 0 of 3 channels are seen"
    assert score.deviations.empty


def test_what_cannot_be_learnt_from():
    with pytest.raises(ValueError, match="got 20 and 0"):
        learn_standard(labelled(RIGHT, []), "squat")
    other = Repetition(("a_deg",), np.arange(3.0), np.zeros((3, 1)), is_correct=False)
    with pytest.raises(ValueError, match="all repetitions must have the channels"):
        learn_standard([*labelled(RIGHT, []), other], "squat")
    with pytest.raises(ValueError, match="was learnt from"):
        score_repetition(other, STANDARD)


def test_a_standard_is_kept_as_it_is(tmp_path):
    holes = dataclasses.replace(STANDARD, mean=np.where(STANDARD.mean > 50, np.nan, STANDARD.mean))
    path = tmp_path / "squat.json"
    write_standard(holes, path)
    got = read_standard(path)
    for name, value in vars(holes).items():
        np.testing.assert_array_equal(getattr(got, name), value)


def test_files_that_are_no_standards_are_refused(tmp_path):
    path = tmp_path / "a.json"
    with pytest.raises(SourceError):
        read_standard(path)
    for text, match in (
        ("not", "not JSON"),
        ("[]", "not a standard"),
        ('{"kind": "other"}', "not a standard"),
        (json.dumps({"kind": "kinetrace exercise quality 1"}), "not a whole standard"),
    ):
        path.write_text(text)
        with pytest.raises(FormatError, match=match):
            read_standard(path)


def test_poses_become_angles_and_a_mirror_changes_no_score():
    films = [doing("squat", person=i, duration_s=1.0) for i in range(8)]
    shallow = [doing("squat", person=i, duration_s=1.0, bend=0.5) for i in range(8)]
    found = [repetitions_of(film, [Interval()])[0] for film in films + shallow]
    standard = learn_standard(labelled(found[:8], found[8:]), "squat")
    for bend, is_right in ((1.0, True), (0.5, False)):
        film = doing("squat", person=30, duration_s=1.0, bend=bend)
        table, other = (score_all(f, [Interval()], standard) for f in (film, swapped(film)))
        assert (table["score"] > 0.5).all() == is_right
        assert other["score"].tolist() == pytest.approx(table["score"].tolist(), abs=0.02)
    assert table["angle"].str.contains("knee|hip|thigh|shank|trunk").all()
    assert (table["off_deg"].abs() > 10).all()


def test_repetitions_without_an_answer_say_why():
    film = doing("squat", duration_s=1.0)
    found = repetitions_of(film, [Interval()])
    standard = learn_standard(labelled(found * 2, found), "squat")
    table = score_all(film, [Interval(50, 60), Interval(track_id=9)], standard)
    assert table.empty
    assert [note[:12] for note in table.attrs["notes"]] == ["Repetition 1", "Repetition 2"]
    assert score_all(film, [], standard).attrs["notes"] == ["There are no repetitions."]


def test_repetitions_are_read_from_a_list(tmp_path):
    kinetrace.write(doing("squat", duration_s=2.0), tmp_path / "a.keypoints.csv")
    listed = tmp_path / "list.csv"
    listed.write_text(
        "file,correct,start_s,end_s,person,track_id\n"
        "a.keypoints.csv,1,0,1,ann,0\na.keypoints.csv,no,1,,ann,\na.keypoints.csv,,,,,\n"
    )
    first, second, third = read_repetitions(listed)
    assert [r.is_correct for r in (first, second, third)] == [True, False, None]
    assert [len(r.time_s) for r in (first, second, third)] == [30, 30, 60]
    assert first.person == "ann"
    for text, match in (
        ("file\na\n", "no column correct"),
        ("file,correct\na.keypoints.csv,perhaps\n", "perhaps"),
        ("file,correct,start_s\na.keypoints.csv,1,soon\n", "soon"),
    ):
        listed.write_text(text)
        with pytest.raises(FormatError, match=match):
            read_repetitions(listed)
