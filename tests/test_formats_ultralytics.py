from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from format_cases import sample, write_quietly
from PIL import Image
from some_poses import FACE, make_poses

from kinetrace import formats
from kinetrace.errors import FormatError, OutputError, SourceError
from kinetrace.poses import Poses
from kinetrace.skeletons import COCO17

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clip.ultralytics"


def folder_of(path: Path, labels: dict[str, str], about: str = "kpt_shape: [2, 3]\n") -> None:
    """Make a data set of others, with a picture of 200 x 100 pixels for each text."""
    for kind in ("labels", "images"):
        (path / kind / "train").mkdir(parents=True)
    (path / "data.yaml").write_text(about)
    for name, text in labels.items():
        (path / "labels" / "train" / f"{name}.txt").write_text(text)
        Image.new("RGB", (200, 100)).save(path / "images" / "train" / f"{name}.png")


def test_what_is_written_is_what_ultralytics_asks_for(path: Path) -> None:
    poses = sample("ultralytics", skeleton=COCO17)
    write_quietly(poses, path)
    about = yaml.safe_load((path / "data.yaml").read_text())
    assert about["kpt_shape"] == [17, 3]
    assert about["names"] == {0: "person"}
    assert about["flip_idx"][:5] == [0, 2, 1, 4, 3]
    assert about["kpt_names"] == {0: list(COCO17.keypoints)}
    files = sorted((path / "labels").iterdir())
    assert [file.name for file in files[:2]] == ["frame_000000.txt", "frame_000001.txt"]
    for i, file in enumerate(files):
        rows = np.loadtxt(file, ndmin=2) if file.stat().st_size else np.zeros((0, 56))
        people = np.flatnonzero(poses.frame == i)
        # Each line has 5 + 3 K numbers, none of them below 0 or above 1 but the visibilities.
        assert rows.shape == (len(people), 5 + 3 * 17)
        points = rows[:, 5:].reshape(-1, 17, 3)
        assert np.all((rows[:, 1:5] >= 0) & (rows[:, 1:5] <= 1))
        assert np.all((points[..., :2] >= 0) & (points[..., :2] <= 1))
        there = np.isfinite(poses.xy[people]).all(axis=2)
        np.testing.assert_array_equal(points[..., 2], there * 2)
        np.testing.assert_allclose(points[there][:, :2] * [1920, 1080], poses.xy[people][there])


def test_sleap_reads_it(path: Path) -> None:
    ultralytics = pytest.importorskip("sleap_io.io.ultralytics", reason="sleap-io is not installed")
    poses = sample("ultralytics", 4, skeleton=FACE)
    write_quietly(poses, path)
    for i in range(4):
        Image.new("RGB", (1920, 1080)).save(path / "images" / f"frame_{i:06d}.jpg")
    # It asks for labels beside pictures as .../train/images, we have them as images.
    (path / "train").mkdir()
    for kind in ("images", "labels"):
        (path / kind).rename(path / "train" / kind)
    about = yaml.safe_load((path / "data.yaml").read_text())
    del about["train"], about["val"]
    (path / "data.yaml").write_text(yaml.safe_dump(about))
    labels = ultralytics.read_labels(str(path))
    assert labels.skeleton.node_names == list(FACE.keypoints)
    assert [(e.source.name, e.destination.name) for e in labels.skeleton.edges] == list(FACE.edges)
    instances = [one for frame in labels.labeled_frames for one in frame.instances]
    for one, xy in zip(instances, poses.xy, strict=True):
        np.testing.assert_allclose(one.numpy(), xy, rtol=1e-5)


def test_a_data_set_of_others(path: Path) -> None:
    text = "0 0.5 0.5 0.5 0.5 0.25 0.5 2 0 0 0\n0 .5 .5 1 1 .1 .1 1 1 1 2\n"
    folder_of(path, {"b": "", "a": text})
    poses = formats.read(path)
    assert poses.skeleton.keypoints == ("0", "1")
    assert poses.frame_name == ("a", "b")
    assert poses.size_wh == (200, 100)
    np.testing.assert_array_equal(poses.frame, [0, 0])
    np.testing.assert_allclose(poses.xy, [[[50, 50], [np.nan] * 2], [[20, 10], [200, 100]]])
    np.testing.assert_array_equal(poses.score, [[1, 0], [1, 1]])
    np.testing.assert_array_equal(poses.bbox_xyxy, [[50, 25, 150, 75], [0, 0, 200, 100]])


@pytest.mark.parametrize(
    ("tail", "bbox_score", "track_id"),
    [("", np.nan, -1), (" 0.75", 0.75, -1), (" 4", np.nan, 4), (" 0.75 4", 0.75, 4)],
)
def test_what_a_prediction_adds(path: Path, tail: str, bbox_score: float, track_id: int) -> None:
    folder_of(path, {"a": f"0 0.5 0.5 0.5 0.5 0.25 0.5 0.9 0.1 0.1 0{tail}\n"})
    poses = formats.read(path)
    np.testing.assert_allclose(poses.score, [[0.9, 0]])
    np.testing.assert_array_equal(poses.bbox_score, np.float32([bbox_score]))
    np.testing.assert_array_equal(poses.track_id, [track_id])


def test_two_numbers_a_keypoint(path: Path) -> None:
    folder_of(path, {"a": "0 0.5 0.5 0.5 0.5 0.25 0.5 0 0\n"}, "kpt_shape: [2, 2]")
    poses = formats.read(path)
    np.testing.assert_array_equal(poses.xy, [[[50, 50], [np.nan, np.nan]]])


def test_photos_keep_names_numbers_and_order(path: Path) -> None:
    names = ("z.jpg", "sub/a.png", "frame_000001.jpg")
    poses = dataclasses.replace(make_poses((1, 0, 2), skeleton=FACE), frame_name=names)
    write_quietly(poses, path)
    got = formats.read(path)
    assert got.frame_name == names
    np.testing.assert_array_equal(got.frame_index, poses.frame_index)
    np.testing.assert_array_equal(got.frame, poses.frame)


def test_what_is_outside_is_left_out_and_told(path: Path) -> None:
    poses = Poses(
        skeleton=FACE,
        frame_time_s=np.array([np.nan]),
        frame=np.array([0]),
        xy=np.array([[[-1, 5], [1920, 1080], [7, 1081]]]),
        score=np.ones((1, 3)),
        size_wh=(1920, 1080),
    )
    with pytest.warns(UserWarning, match="2 keypoints are left out") as caught:
        formats.write(poses, path)
    assert Path(caught[0].filename) == Path(__file__)
    np.testing.assert_array_equal(formats.read(path).xy[0, :, 0], [np.nan, 1920, np.nan])


def test_what_cannot_be_written(path: Path) -> None:
    poses = make_poses((1, 0))
    with pytest.raises(OutputError, match="its size is not known"):
        formats.write(dataclasses.replace(poses, size_wh=None), path)
    twice = dataclasses.replace(poses, frame_name=("a/x.jpg", "b/x.png"))
    with pytest.raises(OutputError, match="two pictures have the name 'x'"):
        formats.write(twice, path)
    assert not path.exists()


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("0 0.5 0.5 0.5", "a.txt: line 2 has 4 numbers instead of 11"),
        ("0 0.5 0.5 0.5 0.5 x 0 0 0 0 0", "line 2: 'x' is not a number"),
        ("0 0.5 0.5 0.5 0.5 0 0 3 0 0 0", "line 2: a visibility must be"),
        ("0 0.5 0.5 0.5 0.5 0 0 0 0 0 0 0.5 1.5", "line 2 ends with"),
        ("0 0.5 0.5 0.5 0.5 1e300 0 1 0 0 0", "too large"),
    ],
)
def test_what_is_wrong_is_named(path: Path, line: str, complaint: str) -> None:
    folder_of(path, {"a": f"\n{line}\n"})
    with pytest.raises(FormatError) as caught:
        formats.read(path)
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    "about",
    ["[", "a", "{}", "kpt_shape: 3", "kpt_shape: [2, 4]", "kpt_shape: [3, 3]\nkpt_names: [a]"],
)
def test_a_description_that_is_none(path: Path, about: str) -> None:
    folder_of(path, {}, about)
    with pytest.raises(FormatError, match=r"data\.yaml: "):
        formats.read(path)


def test_without_its_picture_nobody_knows_the_size(path: Path) -> None:
    folder_of(path, {"a": "0 0.5 0.5 0.5 0.5 0.25 0.5 2 0 0 0\n"})
    (path / "images" / "train" / "a.png").unlink()
    with pytest.raises(SourceError, match="there is no picture a in"):
        formats.read(path)
