"""Learning actions, telling them, and the file in between."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from some_actions import ACTIONS, doing, renumbered

import kinetrace
from kinetrace import actions
from kinetrace.actions import features
from kinetrace.actions.model_file import Classifier, Settings, write_model
from kinetrace.errors import FormatError, SourceError, WeightsError
from kinetrace.measures import actions as measure_actions
from kinetrace.poses import Poses, concat
from kinetrace.testing import walker

pytest.importorskip("sklearn")


def examples(people=range(6), **options) -> list[actions.Example]:
    return [
        actions.example_of(
            doing(action, person=person, **options),
            action,
            clip=f"{action}{person}",
            person=f"{person}",
        )
        for action in ACTIONS
        for person in people
    ]


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> actions.Trained:
    return actions.train(examples(), tmp_path_factory.mktemp("model") / "mine.onnx", copies=4)


@pytest.fixture(scope="module")
def model(trained) -> actions.ActionModel:
    return actions.load_model(trained.path)


def one_after_the_other(*parts: Poses) -> Poses:
    start_s, moved = 0.0, []
    for part in parts:
        moved.append(dataclasses.replace(part, frame_time_s=part.frame_time_s + start_s))
        start_s = moved[-1].frame_time_s[-1] + 1 / 30
    return concat(moved)


def test_people_who_were_left_out_are_told_right(trained):
    assert len(trained.held_out) == 18
    assert (trained.held_out["label"] == trained.held_out["action"]).mean() >= 17 / 18
    assert trained.notes == ()
    assert trained.settings.labels == ACTIONS


def test_strangers_are_told_right_at_another_size_side_and_rate(model):
    strangers = examples(range(20, 30), fps=50)
    mirrored = [dataclasses.replace(e, xy=features.mirrored(e.xy)) for e in strangers]
    answers = actions.tabulate(actions.predict(model, strangers + mirrored))
    assert (answers["label"] == answers["action"]).mean() >= 0.95


def test_a_mirror_changes_no_answer(model):
    for example in examples([40]):
        one = model.answer(example.xy, example.time_s)
        other = model.answer(features.mirrored(example.xy), example.time_s)
        np.testing.assert_allclose(one.confidence, other.confidence, atol=1e-5)


def test_what_was_never_learnt_is_unknown(model):
    walk, _ = walker(duration_s=4)
    upside_down = dataclasses.replace(doing("squat"), xy=-doing("squat").xy)
    for poses in (walk, upside_down):
        assert set(actions.recognise(poses, model)["action"]) == {actions.UNKNOWN}


def test_a_long_film_has_the_start_and_end_of_each_action(model):
    film = one_after_the_other(*(doing(a, person=50, duration_s=4) for a in ("squat", "march")))
    table = actions.recognise(film, model)
    known = table[table["action"] != actions.UNKNOWN]
    assert known["action"].tolist() == ["squat", "march"]
    np.testing.assert_allclose(known["start_s"], [0, 4], atol=0.6)
    np.testing.assert_allclose(known["end_s"], [4, 8], atol=0.6)
    assert (table["start_s"].to_numpy()[1:] == table["end_s"].to_numpy()[:-1]).all()
    assert known["confidence"].between(0.6, 1).all()


def test_each_person_is_told_for_themselves(model):
    one, other = (renumbered(doing(a, person=60), i) for i, a in enumerate(("squat", "bow")))
    both = dataclasses.replace(
        one.rows(np.repeat(np.arange(len(one)), 2)),
        xy=np.stack([one.xy, other.xy], axis=1).reshape(-1, 33, 2),
        score=np.stack([one.score, other.score], axis=1).reshape(-1, 33),
        track_id=np.tile([0, 1], len(one)),
    )
    table = actions.recognise(both, model, whole=True)
    assert dict(zip(table["track_id"], table["action"], strict=True)) == {0: "squat", 1: "bow"}


def test_a_gap_parts_what_is_told(model):
    film = one_after_the_other(doing("squat"), doing("squat"), doing("squat"))
    gone = film.rows((film.frame < 60) | (film.frame >= 120))
    table = actions.recognise(gone, model, whole=True)
    np.testing.assert_allclose(table["start_s"], [0, 4], atol=0.05)
    np.testing.assert_allclose(table["end_s"], [2, 6], atol=0.05)


@pytest.mark.parametrize("case", ["nobody", "one frame", "nothing seen", "no clock"])
def test_where_nothing_can_be_told_there_is_a_reason(model, case):
    poses = doing("squat")
    poses = {
        "nobody": poses.rows(np.zeros(len(poses), bool)),
        "one frame": poses.frames(0, 1),
        "nothing seen": dataclasses.replace(poses, xy=np.full_like(poses.xy, np.nan)),
        "no clock": dataclasses.replace(poses, frame_time_s=np.full(len(poses), np.nan)),
    }[case]
    table = actions.recognise(poses, model)
    assert len(table) == 0
    assert len(table.attrs["notes"]) == 1


@pytest.mark.parametrize("options", [{"window_s": 0}, {"window_s": -1}, {"min_confidence": 1.5}])
def test_options_that_make_no_sense(model, options):
    with pytest.raises(ValueError, match="must be"):
        actions.recognise(doing("bow"), model, **options)


def test_sides_matter_if_they_are_said_to(tmp_path):
    found = []
    for person in range(5):
        march = actions.example_of(doing("march", person=person), "left", clip=f"{person}")
        left = march.xy.copy()
        left[:, features.JOINTS.index("left_knee")] = left[:, features.JOINTS.index("left_hip")]
        raised = dataclasses.replace(march, xy=left)
        mirror = features.mirrored(left)
        found += [raised, dataclasses.replace(march, xy=mirror, label="right")]
    found = [dataclasses.replace(e, clip=f"{i}") for i, e in enumerate(found)]
    path = tmp_path / "sides.onnx"
    actions.train(found, path, mirror=False, copies=2)
    answers = actions.tabulate(actions.predict(actions.load_model(path), found))
    assert (answers["label"] == answers["action"]).all()


def test_training_twice_gives_the_same_file(tmp_path):
    few = examples(range(2))
    files = [actions.train(few, tmp_path / f"{i}.onnx", copies=1, seed=3).path for i in range(2)]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_training_says_what_limits_it(tmp_path):
    unnamed = [dataclasses.replace(e, person="") for e in examples(range(2))]
    nothing = dataclasses.replace(unnamed[0], xy=np.full_like(unnamed[0].xy, np.nan))
    empty = dataclasses.replace(nothing, xy=nothing.xy[:0], time_s=nothing.time_s[:0])
    got = actions.train([*unnamed, nothing, empty], tmp_path / "a.onnx", copies=1)
    assert len(got.notes) == 2
    assert "Persons are not named" in got.notes[0]
    assert got.notes[1] == "2 examples show too little to learn from."
    alone = actions.train(examples([0]), tmp_path / "b.onnx", copies=1)
    assert alone.held_out.empty
    assert "nothing was measured" in alone.notes[0]
    with pytest.raises(ValueError, match="at least two labels"):
        actions.train([nothing], tmp_path / "c.onnx")


def test_the_graph_does_what_it_is_said_to_do(tmp_path):
    random = np.random.default_rng(0)
    count, labels = features.feature_count(), 4
    numbers = Classifier(
        mean=random.normal(size=count),
        scale=random.uniform(0.5, 2, count),
        weights=random.normal(0, 0.1, (count, labels)),
        bias=random.normal(size=labels),
        axes=random.normal(0, 0.1, (count, 3)),
        centres=random.normal(size=(labels, 3)),
        spread=random.uniform(1, 2, labels),
        reach=2.5,
    )
    path = tmp_path / "a.onnx"
    write_model(numbers, Settings(labels=tuple("abcd"), window_s=1, mirror=True), path)
    rows = random.normal(size=(7, count)).astype(np.float32)
    rows[random.random(rows.shape) < 0.2] = np.nan
    confidence, distance = actions.load_model(path).session.run(rows)
    scaled = np.where(np.isnan(rows), 0, (rows - numbers.mean) / numbers.scale)
    logits = scaled @ numbers.weights + numbers.bias
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    apart = scaled[:, None] @ numbers.axes - numbers.centres
    nearest = (np.sqrt((apart.reshape(7, labels, 3) ** 2).sum(axis=2)) / numbers.spread).min(axis=1)
    np.testing.assert_allclose(distance, nearest, rtol=1e-4)
    want = shares / (1 + (nearest / 2.5) ** 8)[:, None]
    np.testing.assert_allclose(confidence, want, rtol=1e-3, atol=1e-6)


def test_files_that_are_no_models_are_refused(tmp_path, trained):
    with pytest.raises(WeightsError, match="penn-action"):
        actions.load_model(tmp_path / "nothing.onnx")
    text = tmp_path / "text.onnx"
    text.write_text("no graph")
    with pytest.raises(WeightsError):
        actions.load_model(text)
    for key, value, match in (
        ("kind", "other", "not a model of actions"),
        ("features", "99", "version 99"),
        ("labels", "nonsense", "cannot be read"),
        ("labels", '["a"]', "does not fit"),
    ):
        graph = onnx.load(str(trained.path))
        next(each for each in graph.metadata_props if each.key == key).value = value
        onnx.save(graph, str(tmp_path / "changed.onnx"))
        with pytest.raises(WeightsError, match=match):
            actions.load_model(tmp_path / "changed.onnx")


def test_counts_of_a_table_by_hand():
    rows = [
        ("c", "", label, action, 0.9, 1.0) for label, action in zip("aaab", "aab ", strict=True)
    ]
    answers = actions.tabulate(rows).replace({"action": {" ": ""}})
    counts = actions.confusion(answers)
    assert counts.to_numpy().tolist() == [[2, 1, 0], [0, 0, 1]]
    assert list(counts.columns) == ["a", "b", ""]
    right = actions.count_right(answers).set_index("label")
    assert right.loc["a", "recall"] == pytest.approx(2 / 3)
    assert right.loc["a", "precision"] == 1
    assert right.loc["b", ["recall", "precision"]].tolist() == [0, 0]
    assert right.loc["all", ["examples", "right", "recall"]].tolist() == [4, 2, 0.5]


def test_the_person_who_is_most_of_the_film_is_the_example():
    large = doing("squat", person=1)
    small = dataclasses.replace(large, xy=large.xy / 3)
    both = dataclasses.replace(
        large.rows(np.repeat(np.arange(len(large)), 2)),
        xy=np.stack([small.xy, large.xy], axis=1).reshape(-1, 33, 2),
        bbox_xyxy=np.stack([small.bbox_xyxy / 3, large.bbox_xyxy], axis=1).reshape(-1, 4),
        track_id=np.tile([0, 1], len(large)),
    )
    example = actions.example_of(both, "squat", start_s=0.5, end_s=1)
    want = features.joints_of(large, np.arange(15, 30))
    np.testing.assert_array_equal(example.xy, want)


def test_examples_are_read_from_folders_and_from_lists(tmp_path):
    for action in ("bow", "squat"):
        (tmp_path / "data" / action).mkdir(parents=True)
        for person in range(2):
            path = tmp_path / "data" / action / f"{person}.keypoints.csv"
            kinetrace.write(doing(action, person=person), path)
    (tmp_path / "data" / "squat" / "0.mp4").write_bytes(b"not looked at: its table is there")
    found = actions.read_examples(tmp_path / "data")
    assert [e.label for e in found] == ["bow", "bow", "squat", "squat"]
    listed = tmp_path / "list.csv"
    listed.write_text(
        "file,label,person,start_s,end_s\n"
        "data/bow/0.keypoints.csv,bow,ann,0.5,1\ndata/bow/0.keypoints.csv,still,,,\n"
    )
    first, second = actions.read_examples(listed)
    assert (first.label, first.person, len(first.time_s)) == ("bow", "ann", 15)
    assert (second.label, second.person, len(second.time_s)) == ("still", "", 60)
    assert first.clip == second.clip


def test_lists_that_make_no_sense_are_refused(tmp_path):
    listed = tmp_path / "list.csv"
    for text, match in (
        ("file,action\na,b\n", "columns file and label"),
        ("file,label,start_s\na.csv,b,soon\n", "line 2"),
        ("file,label\n", "no labelled files"),
    ):
        listed.write_text(text)
        with pytest.raises(FormatError, match=match):
            actions.read_examples(listed)
    with pytest.raises(SourceError):
        actions.read_examples(tmp_path / "nowhere.csv")


def test_the_model_that_comes_along_knows_15_actions_and_refuses_a_walk():
    model = actions.load_model("penn-action")
    assert len(model.settings.labels) == 15
    walk, _ = walker(duration_s=4)
    table = measure_actions.measure(walk)
    assert table["action"].tolist() == [actions.UNKNOWN]
    summary = measure_actions.summarise(table)
    assert summary["duration_s"].tolist() == pytest.approx([4.0])


@pytest.mark.shared
def test_penn_action_by_a_model_that_has_not_seen_it(shared: Path, tmp_path: Path):
    with np.load(shared / "data" / "penn_action_train.npz") as data:
        clips = {name: data[name] for name in data.files}
    chosen = np.isin(clips["action"], ["squat", "pushup", "jumping_jacks", "bowl"])
    found = []
    for i in np.flatnonzero(chosen)[::6]:
        part = slice(clips["start"][i], clips["stop"][i])
        seen = clips["visible"][part].astype(bool)[..., None]
        xy = np.where(seen, clips["xy"][part], np.nan).astype(float)
        time_s = np.arange(len(xy)) / 30
        found.append(actions.Example(clips["action"][i], clips["clip"][i], "", xy, time_s))
    held_out = actions.train(found, tmp_path / "a.onnx", copies=2).held_out
    assert pd.Series(held_out["label"] == held_out["action"]).mean() > 0.95
