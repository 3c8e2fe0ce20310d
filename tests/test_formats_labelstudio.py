from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from format_cases import sample, write_quietly
from some_poses import FACE, make_poses

from kinetrace import formats
from kinetrace.errors import FormatError, OutputError
from kinetrace.poses import Poses
from kinetrace.skeletons import COCO17

CONFIG = """<View><Image name="image" value="$image"/>
<RectangleLabels name="person" toName="image"><Label value="person"/></RectangleLabels>
<KeyPointLabels name="keypoint" toName="image">{}</KeyPointLabels></View>"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clip.labelstudio.json"


def region(name: str, x: float, y: float, parent: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "id": f"{parent}-{name}",
        "type": "keypointlabels",
        "original_width": 200,
        "original_height": 100,
        "value": {"x": x, "y": y, "width": 0.5, "keypointlabels": [name]},
        **({"parentID": parent} if parent else {}),
        **more,
    }


def box(name: str, **more: Any) -> dict[str, Any]:
    value = {"x": 10, "y": 20, "width": 50, "height": 50, "rotationlabels": 0}
    size = {"original_width": 200, "original_height": 100}
    value["rectanglelabels"] = ["person"]
    return {"id": name, "type": "rectanglelabels", **size, "value": value, **more}


def task(*regions: dict[str, Any], **data: Any) -> dict[str, Any]:
    return {"data": data, "annotations": [{"result": list(regions), "was_cancelled": False}]}


def annotated(path: Path) -> list[dict[str, Any]]:
    """Return the tasks as somebody has them who has accepted all predictions."""
    tasks: list[dict[str, Any]] = json.loads(path.read_text())
    for i, each in enumerate(tasks):
        (prediction,) = each.pop("predictions")
        for one in prediction["result"]:
            one["origin"] = "prediction"
        each["id"] = i + 1
        each["annotations"] = [{"id": i + 1, "was_cancelled": False, **prediction}]
    return tasks


def people(frame: int, poses: Poses) -> Any:
    return poses.xy[poses.frame == frame]


def test_what_nobody_changed_comes_back_as_it_was(path: Path) -> None:
    poses = sample("labelstudio")
    write_quietly(poses, path)
    path.write_text(json.dumps(annotated(path)[::-1]))
    got = formats.read(path)
    np.testing.assert_array_equal(got.xy, poses.xy)
    np.testing.assert_array_equal(got.score, poses.score)
    np.testing.assert_array_equal(got.track_id, poses.track_id)
    np.testing.assert_array_equal(got.frame_time_s, poses.frame_time_s)


def test_what_somebody_changed(path: Path) -> None:
    poses = sample("labelstudio", 3, skeleton=FACE)
    write_quietly(poses, path)
    tasks = annotated(path)
    result = tasks[1]["annotations"][0]["result"]
    moved = next(one for one in result if one["type"] == "keypointlabels")
    moved["value"].update(x=50.0, y=25.0)
    moved["origin"] = "prediction-changed"
    tasks[1]["annotations"].append({"was_cancelled": True, "result": []})
    (name,) = moved["value"]["keypointlabels"]
    path.write_text(json.dumps(tasks))
    got = formats.read(path)
    row = int(np.flatnonzero(poses.frame == 1)[0])
    # Half of 1920 x a quarter of 1080, from the corner of the first pixel.
    np.testing.assert_array_equal(got.keypoint(name)[row], [959.5, 269.5])
    assert got.score[row, FACE.index(name)] == 1
    same = np.ones_like(poses.score, dtype=bool)
    same[row, FACE.index(name)] = False
    np.testing.assert_array_equal(got.xy[same], poses.xy[same])


def test_label_studios_own_converter_reads_it(path: Path, tmp_path: Path) -> None:
    converter = pytest.importorskip(
        "label_studio_sdk.converter", reason="label-studio-sdk is not installed"
    )
    poses = make_poses((1, 2), skeleton=COCO17)
    inside = np.clip(poses.xy, 0, [1919, 1079])
    poses = Poses(**{**vars(poses), "xy": inside, "bbox_xyxy": None, "track_id": None})
    write_quietly(poses, path)
    path.write_text(json.dumps(annotated(path)))
    labels = "".join(
        f'<Label value="{name}" model_index="{i}"/>' for i, name in enumerate(COCO17.keypoints)
    )
    one = converter.Converter(config=CONFIG.format(labels), project_dir=str(tmp_path))
    one.convert_to_yolo(str(path), str(tmp_path / "yolo"), is_dir=False)
    files = sorted((tmp_path / "yolo" / "labels").glob("*.txt"))
    rows = [np.array(line.split(), float) for f in files for line in f.read_text().splitlines()]
    assert len(rows) == 3
    for row, xy in zip(rows, poses.xy, strict=True):
        points = row[5:].reshape(17, 3)
        seen = points[:, 2] > 0
        np.testing.assert_array_equal(seen, np.isfinite(xy[:, 0]))
        np.testing.assert_allclose(points[seen, :2] * [1920, 1080] - 0.5, xy[seen], atol=1e-3)


def test_tasks_of_others(path: Path) -> None:
    path.write_text(
        json.dumps(
            [
                task(
                    box("b", meta={"text": ["person_4"]}),
                    region("tail", 10, 10, "b"),
                    box("c"),
                    region("snout", 50, 50, score=0.3),
                    region("tail", 0, 0, "c", id="t"),
                    image="/data/upload/3/a1b2-one.jpg",
                ),
                task(image="/data/local-files/?d=films/two.jpg"),
            ]
        )
    )
    poses = formats.read(path)
    assert poses.skeleton.keypoints == ("tail", "snout")
    assert poses.frame_name == ("a1b2-one.jpg", "two.jpg")
    np.testing.assert_array_equal(poses.track_id, [4, -1, -1])
    nan = [np.nan, np.nan]
    want = [[[19.5, 9.5], nan], [[-0.5, -0.5], nan], [nan, [99.5, 49.5]]]
    np.testing.assert_array_equal(poses.xy, want)
    np.testing.assert_array_equal(poses.bbox_xyxy[0], [19.5, 19.5, 119.5, 69.5])
    np.testing.assert_array_equal(poses.score, [[1, 0], [1, 0], [0, 1]])
    assert np.isnan(poses.frame_time_s).all()


def test_keypoints_belong_by_a_relation_too(path: Path) -> None:
    link = {"type": "relation", "from_id": "p", "to_id": "b", "direction": "right"}
    path.write_text(json.dumps([task(box("b"), region("a", 1, 1, id="p"), link)]))
    assert len(formats.read(path)) == 1


def test_its_order_of_known_keypoints_is_the_skeletons(path: Path) -> None:
    regions = [region(name, 1, 1, "b") for name in reversed(COCO17.keypoints)]
    path.write_text(json.dumps([task(box("b"), *regions)]))
    assert formats.read(path).skeleton == COCO17


@pytest.mark.parametrize(
    ("regions", "complaint"),
    [
        ([region("a", 1, 1), region("a", 2, 2, id="x")], "somebody has 'a' twice"),
        ([{**region("a", 1, 1), "value": {}}], "must have one label"),
        ([{**region("a", 1, 1), "original_width": "200"}], "must be a whole number, got '200'"),
        ([region("a", 1e300, 1)], "too large"),
        ([{"type": "relation"}], "there is no 'to_id'"),
        (["a"], "a region must be an object"),
    ],
)
def test_what_is_wrong_is_named(path: Path, regions: Any, complaint: str) -> None:
    path.write_text(json.dumps([task(*regions, frame=7)]))
    with pytest.raises(FormatError) as caught:
        formats.read(path)
    assert complaint in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")


def test_without_the_pictures_size_it_cannot_be_written(path: Path) -> None:
    poses = Poses(**{**vars(sample("labelstudio")), "size_wh": None})
    with pytest.raises(OutputError, match="size is not known"):
        formats.write(poses, path)


def test_two_tasks_of_one_frame(path: Path) -> None:
    path.write_text(json.dumps([task(frame=1), task(frame=1)]))
    with pytest.raises(FormatError, match="the same 'frame'"):
        formats.read(path)


def test_a_skeleton_with_a_name_twice(path: Path) -> None:
    path.write_text(json.dumps([task(keypoints=["a", "a"])]))
    with pytest.raises(FormatError, match="names a keypoint twice"):
        formats.read(path)
