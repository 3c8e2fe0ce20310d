from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cyclopts import App

from kinetrace import formats
from kinetrace.cli.evaluate import evaluate
from kinetrace.errors import FormatError, OutputError, SourceError
from kinetrace.poses import Poses
from kinetrace.skeletons import COCO17

app = App()
app.default(evaluate)


def run(*arguments: object) -> None:
    app([str(a) for a in arguments], exit_on_error=False, result_action="return_value")


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """Three images of one person each."""
    xy = np.round(np.random.default_rng(0).uniform(100, 300, (3, 17, 2)))
    annotations = [
        {
            "id": i + 1,
            "image_id": i,
            "category_id": 1,
            "iscrowd": 0,
            "num_keypoints": 17,
            "keypoints": np.column_stack([xy[i], np.full(17, 2)]).ravel().tolist(),
            "bbox": [100, 100, 200, 200],
            "area": 40000,
        }
        for i in range(3)
    ]
    values = {
        "images": [{"id": i, "file_name": f"{i}.jpg"} for i in range(3)],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO17.keypoints)}],
        "annotations": annotations,
    }
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(values))
    return path


def predictions(
    truth: Path, name: str, *, noise_px: float = 0, images: int = 3, detector: Any = "rtmdet"
) -> Path:
    values = json.loads(truth.read_text())
    points = np.array([a["keypoints"] for a in values["annotations"]]).reshape(3, 17, 3)
    xy = points[:images, :, :2] + np.random.default_rng(1).normal(0, noise_px, (images, 17, 2))
    poses = Poses(
        skeleton=COCO17,
        frame_time_s=np.full(images, np.nan),
        frame=np.arange(images),
        frame_name=tuple(f"{i}.jpg" for i in range(images)),
        xy=xy,
        score=np.full((images, 17), 0.8),
        bbox_score=np.full(images, 0.9),
        log=({"operation": "estimate", "version": "0", "parameters": {"detector": detector}},),
    )
    path = truth.parent / name
    path.parent.mkdir(exist_ok=True)
    formats.write(poses, path)
    return path


def test_models_side_by_side(
    truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exact = predictions(truth, "w48.keypoints.csv", detector={"detector": "boxes", "boxes": truth})
    noisy = predictions(truth, "w32.parquet", noise_px=10)
    run(exact, noisy, "--truth", truth, "--output", tmp_path / "table.csv")
    out, err = capsys.readouterr()
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in out.splitlines()]
    assert lines[0][:5] == ["model", "boxes", "images", "people", "AP"]
    assert lines[2][:5] == ["w48", "ground truth", "3", "3", "1.000"]
    assert lines[3][:2] == ["w32", "detected (rtmdet)"]
    assert err == ""
    table = pd.read_csv(tmp_path / "table.csv")
    assert table.columns.tolist() == lines[0]
    assert table["AP"][0] == pytest.approx(1)
    assert f"{table['AP'][1]:.3f}" == lines[3][4]
    assert 0 < table["AP"][1] < 1


def test_by_keypoint(truth: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(predictions(truth, "a.csv"), "--truth", truth, "--by", "keypoint")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 17
    assert lines[2].split("|")[2].strip() == "nose"


def test_images_that_were_not_seen_count_unless_left_out(
    truth: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two = predictions(truth, "a.csv", images=2)
    all_three = predictions(truth, "b.csv")
    run(two, all_three, "--truth", truth)
    out, err = capsys.readouterr()
    assert "a has not seen 1 of the truth's 3 images" in err
    recall = [float(line.split("|")[-3]) for line in out.splitlines()[2:]]
    assert recall == [0.667, 1]
    run(two, all_three, "--truth", truth, "--images", "seen")
    out, _ = capsys.readouterr()
    rows = [[cell.strip() for cell in line.split("|")] for line in out.splitlines()[2:]]
    assert [row[3] for row in rows] == ["2", "2"]
    assert [float(row[-3]) for row in rows] == [1, 1]


def test_results_of_others_say_nothing_of_boxes_until_told(
    truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = json.loads(truth.read_text())
    results = []
    for annotation in values["annotations"]:
        points = np.minimum(np.array(annotation["keypoints"]).reshape(17, 3), [999, 999, 1])
        results.append(
            {
                "image_id": annotation["image_id"],
                "category_id": 1,
                "keypoints": points.ravel().tolist(),
                "score": 0.7,
            }
        )
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results))
    run(path, "--truth", truth)
    assert "| not stated |" in capsys.readouterr().out
    run(path, "--truth", truth, "--boxes", "ground-truth")
    assert "| ground truth |" in capsys.readouterr().out


def test_files_of_the_same_name_keep_their_folders(
    truth: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = predictions(truth, "a/x.csv"), predictions(truth, "b/x.csv")
    run(one, other, "--truth", truth)
    out = capsys.readouterr().out
    assert str(one) in out
    assert str(other) in out
    with pytest.raises(ValueError, match="named twice"):
        run(one, one, "--truth", truth)


def test_what_cannot_be_done_is_said(truth: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one file"):
        run("--truth", truth)
    found = predictions(truth, "a.csv")
    with pytest.raises(SourceError, match="no such file"):
        run(found, "--truth", tmp_path / "none.json")
    with pytest.raises(SourceError, match="no such file"):
        run(tmp_path / "none.csv", "--truth", truth)
    with pytest.raises(OutputError, match="folder does not exist"):
        run(found, "--truth", truth, "--output", tmp_path / "nowhere" / "x.csv")
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(FormatError, match=r"bad\.json"):
        run(found, "--truth", tmp_path / "bad.json")
