"""A training from files of labels to files of weights, and the command that runs it."""

from __future__ import annotations

import csv
import dataclasses
import sys

import cv2
import numpy as np
import pytest
from training_samples import TINY

from kinetrace.errors import MissingExtraError, OutputError, WeightsError
from kinetrace.networks import match_state, read_checkpoint
from kinetrace.skeletons import COCO17
from kinetrace.training import Augmentation, Plan, Recipe, Source, read_source, train
from kinetrace.training.journal import Journal, read_journal
from kinetrace.training.samples import is_held_out, load_samples

TINY17 = dataclasses.replace(TINY, name="tiny17", keypoints=17)
JOINTS = (
    *("r_ankle", "r_knee", "r_hip", "l_hip", "l_knee", "l_ankle", "r_wrist"),
    *("r_elbow", "r_shoulder", "l_shoulder", "l_elbow", "l_wrist", "neck", "head_top"),
)
COUNT = 24


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Pictures with a white dot at every joint, and an archive of where they are."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    xy = rng.uniform(8, 88, (COUNT, 14, 2))
    names = [f"p{i}.png" for i in range(COUNT)]
    for name, points in zip(names, xy, strict=True):
        image = np.full((96, 96, 3), 30, np.uint8)
        for x, y in points:
            cv2.circle(image, (round(x), round(y)), 2, (255, 255, 255), -1)
        cv2.imwrite(str(folder / name), image)
    np.savez(
        folder / "joints.npz",
        image=names,
        xy=xy,
        labelled=np.ones((COUNT, 14), bool),
        joints=JOINTS,
    )
    return folder


def plan_for(photos, output, **changed):
    recipe = Recipe(
        samples=64,
        batch_size=8,
        sizes_wh=((16, 32), (32, 32)),
        warm_up=8,
        averaging=64,
        **changed.pop("recipe", {}),
    )
    return Plan(
        net=TINY17,
        sources=(read_source(photos / "joints.npz", photos),),
        recipe=recipe,
        output=output,
        measured_every=32,
        **changed,
    )


def quiet(_line):
    pass


def test_a_training_leaves_all_that_is_needed(photos, tmp_path, one_thread):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("matplotlib")
    lines = []
    trained = train(plan_for(photos, tmp_path, command="kinetrace train x"), report=lines.append)
    assert trained.samples == 64
    net, _ = match_state(read_checkpoint(trained.weights), TINY17)
    image = np.zeros((1, 3, 64, 32), np.float32)
    (heatmaps,) = onnxruntime.InferenceSession(trained.graph).run(None, {"image": image})
    assert heatmaps.shape == (1, net.keypoints, 16, 8)
    rows = read_journal(tmp_path / "log.csv")
    assert [row["samples"] for row in rows] == [32, 64]
    assert [row["height_px"] for row in rows] == [32, 32]
    assert 0 <= rows[-1]["pck joints"] <= 1
    # The same command once more finds nothing to do, and changes nothing.
    assert train(plan_for(photos, tmp_path, command="kinetrace train x"), report=quiet) == trained
    assert read_journal(tmp_path / "log.csv") == rows
    card = (tmp_path / "model_card.md").read_text(encoding="utf-8")
    assert "kinetrace train x" in card
    assert "not stated" in card
    assert f"{trained.figures['pck joints']:.4g}" in card
    assert (tmp_path / "log.png").stat().st_size > 1000
    assert any("held out" in line for line in lines)


def test_nobody_who_is_measured_was_trained_on(photos, tmp_path, one_thread):
    train(plan_for(photos, tmp_path), report=quiet)
    kept = set(load_samples(tmp_path / "samples", COCO17).photo)
    held_out = {f"p{i}.png" for i in range(COUNT) if is_held_out(f"p{i}.png")}
    assert held_out
    assert kept == {f"p{i}.png" for i in range(COUNT)} - held_out


def test_a_small_source_may_count_several_times(photos, tmp_path, one_thread):
    pytest.importorskip("torch")
    once = plan_for(photos, tmp_path / "once")
    source = read_source(photos / "joints.npz", photos, times=3)
    more = dataclasses.replace(plan_for(photos, tmp_path / "more"), sources=(source,))
    for plan in (once, more):
        train(plan, report=quiet)
    few, many = (load_samples(p.samples_folder, COCO17).photo for p in (once, more))
    assert sorted(many) == sorted(3 * few)
    with pytest.raises(OutputError, match="another sources"):
        train(dataclasses.replace(more, sources=once.sources), report=quiet)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        read_source(photos / "joints.npz", photos, times=0)


def test_a_training_leaves_the_process_as_it_was(photos, tmp_path, one_thread):
    threads = cv2.getNumThreads()
    train(plan_for(photos, tmp_path), report=quiet)
    assert cv2.getNumThreads() == threads
    assert float(np.float64(2.0) ** -1040) * 2.0 > 0  # numbers next to 0 are not made 0


def weights_of(trained):
    return read_checkpoint(trained.weights)


def test_a_training_that_was_stopped_goes_on_to_the_same_weights(photos, tmp_path, one_thread):
    straight = train(plan_for(photos, tmp_path / "a"), report=quiet)
    stopped = train(plan_for(photos, tmp_path / "b", minutes=0), report=quiet)
    assert stopped.samples == 8  # a step, and the time was up
    resumed = train(plan_for(photos, tmp_path / "b"), report=quiet)
    assert resumed.samples == straight.samples
    a, b = weights_of(straight), weights_of(resumed)
    for key in a:
        np.testing.assert_array_equal(a[key], b[key])


def test_bfloat16_learns_the_same_within_its_precision(photos, tmp_path, one_thread):
    log = {}
    for arithmetic in ("float32", "bfloat16"):
        plan = plan_for(photos, tmp_path / arithmetic, recipe={"arithmetic": arithmetic})
        trained = train(plan, report=quiet)
        assert all(a.dtype in (np.float16, np.float32) for a in weights_of(trained).values())
        log[arithmetic] = read_journal(tmp_path / arithmetic / "log.csv")
    for full, half in zip(*log.values(), strict=True):
        assert half["place_loss"] != full["place_loss"]
        assert half["place_loss"] == pytest.approx(full["place_loss"], rel=0.05)


def test_a_longer_training_goes_on_from_before_the_rate_fell(photos, tmp_path, one_thread):
    train(plan_for(photos, tmp_path), report=quiet)
    plan = plan_for(photos, tmp_path)
    longer = dataclasses.replace(plan, recipe=dataclasses.replace(plan.recipe, samples=96))
    stopped = dataclasses.replace(longer, minutes=0)
    # Two stretches: the second goes on from the first, not from before the fall again.
    assert [train(stopped, report=quiet).samples for _ in range(2)] == [64, 72]
    assert train(longer, report=quiet).samples == 96
    rows = read_journal(tmp_path / "log.csv")
    assert rows[0]["samples"] == 32
    assert len({row["samples"] for row in rows}) == len(rows)
    assert rows[-1]["samples"] == 96


def test_sizes_may_change_between_one_stretch_and_the_next(photos, tmp_path, one_thread):
    plan = plan_for(photos, tmp_path, minutes=0)
    train(plan, report=quiet)
    recipe = dataclasses.replace(plan.recipe, sizes_wh=((64, 64),), samples=24)
    assert train(dataclasses.replace(plan, recipe=recipe, minutes=None), report=quiet).samples == 24
    assert read_journal(tmp_path / "log.csv")[-1]["height_px"] == 64


def test_a_folder_is_of_one_training(photos, tmp_path, one_thread):
    train(plan_for(photos, tmp_path), report=quiet)
    with pytest.raises(OutputError, match="another recipe"):
        train(plan_for(photos, tmp_path, recipe={"learning_rate": 0.1}), report=quiet)


def test_it_begins_from_weights_where_there_are_some(photos, tmp_path, one_thread):
    first = train(plan_for(photos, tmp_path / "a"), report=quiet)
    recipe = {"learning_rate": 1e-12, "augmentation": Augmentation(flip=0)}
    plan = plan_for(photos, tmp_path / "b", start=first.weights, recipe=recipe)
    second = weights_of(train(plan, report=quiet))
    before = weights_of(first)
    for key in before:
        if before[key].ndim == 4:
            np.testing.assert_allclose(second[key], before[key], atol=1e-6)
    # How good they were before anything was learnt is the first line of the log.
    assert read_journal(tmp_path / "b" / "log.csv")[0]["samples"] == 0
    other = dataclasses.replace(plan, net=dataclasses.replace(TINY17, keypoints=3))
    with pytest.raises(WeightsError, match="tiny17"):
        train(dataclasses.replace(other, output=tmp_path / "c"), report=quiet)


def test_processes_that_share_the_work_come_to_the_same_place(photos, tmp_path, one_thread):
    plan = plan_for(photos, tmp_path, processes=2)
    plan = dataclasses.replace(plan, recipe=dataclasses.replace(plan.recipe, samples=16))
    one, again = (
        train(dataclasses.replace(plan, output=tmp_path / name), report=quiet) for name in "ab"
    )
    a, b = weights_of(one), weights_of(again)
    assert one.samples == 16
    for key in a:
        np.testing.assert_array_equal(a[key], b[key])


def test_without_pytorch_the_extra_is_named(photos, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"kinetrace\[train\]"):
        train(plan_for(photos, tmp_path / "out"), report=quiet)
    assert not (tmp_path / "out").exists()


def test_tests_are_measured_and_not_trained_on(photos, tmp_path, one_thread):
    source = read_source(photos / "joints.npz", photos)
    test = Source(
        truth=dataclasses.replace(source.truth, source="elsewhere/joints.npz"), media=photos
    )
    trained = train(plan_for(photos, tmp_path, tests=(test,)), report=quiet)
    assert set(trained.figures) == {"pck joints", "pck joints-2"}


def test_a_log_drops_what_is_learnt_again(tmp_path):
    path = tmp_path / "log.csv"
    journal = Journal(path, ("pck a",), 0)
    for samples in (10, 20, 30):
        journal.append({"samples": samples, "learning_rate": 0.1, "pck a": samples / 100})
    Journal(path, ("pck a", "ap b"), 20).append({"samples": 25, "ap b": 0.5})
    rows = read_journal(path)
    assert [row["samples"] for row in rows] == [10, 20, 25]
    assert rows[2] == {"samples": 25, "ap b": 0.5}
    with path.open(newline="") as file:
        assert next(csv.reader(file))[-1] == "ap b"


def test_the_command_trains(photos, tmp_path, one_thread, capsys):
    from kinetrace.cli import app

    arguments = ["train", str(photos / "joints.npz"), "--media", str(photos), "--from", "scratch"]
    arguments += ["-o", str(tmp_path / "out"), "--size", "32x32", "--samples", "16"]
    app([*arguments, "--batch", "8"], exit_on_error=False, result_action="return_value")
    assert "16 samples learnt" in capsys.readouterr().out
    assert (tmp_path / "out" / "hrnet-nano.npz").exists()


def test_the_command_wants_as_many_times_as_files(photos, tmp_path):
    from kinetrace.cli.train import train as command

    labels = [photos / "joints.npz"] * 2
    with pytest.raises(ValueError, match="--times has 1 numbers for 2 files"):
        command(labels, media=[photos] * 2, output=tmp_path, times=[3])


def test_the_command_wants_media_for_each_file(photos, tmp_path):
    from kinetrace.cli import app

    arguments = ["train", str(photos / "joints.npz"), str(photos / "joints.npz")]
    arguments += ["--media", str(photos), "--from", "scratch", "-o", str(tmp_path)]
    with pytest.raises(ValueError, match="give a --media for each"):
        app(arguments, exit_on_error=False, result_action="return_value")
