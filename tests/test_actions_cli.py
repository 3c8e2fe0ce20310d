"""``kinetrace actions``: from labelled tables to a model, to answers, to counts."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from some_actions import ACTIONS, doing

import kinetrace
from kinetrace.cli.actions import app

pytest.importorskip("sklearn")


def run(*arguments: object) -> None:
    app([str(a) for a in arguments], exit_on_error=False, result_action="return_value")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("labelled")
    for action in ACTIONS:
        (folder / action).mkdir()
        for person in range(3):
            path = folder / action / f"{person}.keypoints.csv"
            kinetrace.write(doing(action, person=person), path)
    return folder


@pytest.fixture(scope="module")
def model(labelled) -> Path:
    path = labelled.with_name("mine.onnx")
    run("train", labelled, "-o", path, "--copies", 2)
    return path


def test_training_says_how_good_it_is_and_draws_it(labelled, tmp_path, capsys):
    run("train", labelled, "-o", tmp_path / "a.onnx", "--copies", 1, "--plot", tmp_path / "a.png")
    out, err = capsys.readouterr()
    assert "label (rows) taken for (columns)" in out
    assert f"9 examples of 3 actions -> {tmp_path / 'a.onnx'}" in out
    assert "Persons are not named" in err
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_answers_for_several_tables_are_written(model, labelled, tmp_path, capsys):
    files = [labelled / action / "0.keypoints.csv" for action in ACTIONS]
    run("predict", *files, "--model", model, "--whole", "-o", tmp_path / "a.csv")
    table = pd.read_csv(tmp_path / "a.csv")
    assert table["file"].tolist() == list(map(str, files))
    assert table["action"].tolist() == list(ACTIONS)
    assert capsys.readouterr().out == f"{tmp_path / 'a.csv'}: 3 rows\n"


def test_a_model_is_evaluated(model, labelled, tmp_path, capsys):
    run("evaluate", labelled, "--model", model, "-o", tmp_path / "a.csv")
    assert pd.read_csv(tmp_path / "a.csv")["label"].value_counts().tolist() == [3, 3, 3]
    told = capsys.readouterr().out.splitlines()
    assert told[0].split() == ["label", "examples", "right", "recall", "precision"]
    assert told[4].split() == ["all", "9", "9", "1.0"]


def test_nobody_in_the_table_is_an_answer(model, tmp_path, capsys):
    path = tmp_path / "empty.keypoints.csv"
    poses = doing("bow")
    kinetrace.write(poses.rows(poses.frame < 0), path)
    run("predict", path, "--model", model)
    out, err = capsys.readouterr()
    assert out == "nothing found\n"
    assert "Nobody is seen." in err


def test_quality_is_learnt_and_told(tmp_path, capsys):
    lines = ["file,correct,person"]
    for person in range(4):
        for correct, bend in ((1, 1.0), (0, 0.5)):
            name = f"{person}{correct}.keypoints.csv"
            kinetrace.write(doing("squat", person=person, duration_s=1, bend=bend), tmp_path / name)
            lines.append(f"{name},{correct},{person}")
    (tmp_path / "list.csv").write_text("\n".join(lines) + "\n")
    run("train-quality", tmp_path / "list.csv", "-o", tmp_path / "squat.json")
    (tmp_path / "when.csv").write_text("track_id,start_s,end_s\n0,0,1\n")
    table = tmp_path / "30.csv"
    for correct in (1, 0):
        run(
            *("quality", tmp_path / f"3{correct}.keypoints.csv"),
            *("--standard", tmp_path / "squat.json"),
            *("--repetitions", tmp_path / "when.csv"),
            *("--worst", 2, "-o", table),
        )
        told = pd.read_csv(table)
        assert len(told) == 2
        assert (told["score"] > 0.5).all() == bool(correct)
    assert "8 repetitions ->" in capsys.readouterr().out
