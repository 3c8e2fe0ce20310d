from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from some_poses import FACE, assert_same, assert_same_people, make_poses

from kinetrace.errors import FormatError, OutputError
from kinetrace.formats import jsonl
from kinetrace.poses import Poses, concat


def no_constant(name: str) -> Any:
    raise AssertionError(f"{name} is no JSON")


def test_each_line_is_strict_json(tmp_path: Path) -> None:
    poses = make_poses((1, 0, 2), skeleton=FACE, xyz=True, names=True)
    poses = Poses(**{**vars(poses), "frame_time_s": np.array([0.1, np.nan, 0.3])})
    poses = poses.logged("x", {"path": Path("a"), "nan": float("nan"), "n": np.float32(0.5)})
    path = tmp_path / "a.jsonl"
    jsonl.write(poses, path)
    header, *frames = (
        json.loads(line, parse_constant=no_constant)
        for line in path.read_text(encoding="utf-8").splitlines()
    )
    assert header["format"] == "kinetrace-poses"
    assert header["skeleton"]["keypoints"] == list(FACE.keypoints)
    assert header["log"][-1]["parameters"] == {"path": "a", "nan": None, "n": 0.5}
    assert [frame["frame"] for frame in frames] == [3, 5, 7]
    assert [frame["time_s"] for frame in frames] == [0.1, None, 0.3]
    assert [len(frame["people"]) for frame in frames] == [1, 0, 2]
    assert set(frames[0]["people"][0]) == {
        *("track_id", "bbox_xyxy", "bbox_score", "keypoints", "xyz_m")
    }
    points = np.array(frames[2]["people"][1]["keypoints"], dtype=np.float32)
    np.testing.assert_array_equal(points[:, :2], poses.xy[2])


def test_every_float32_comes_back(tmp_path: Path) -> None:
    bits = np.random.default_rng(0).integers(0, 2**32, 60_000, dtype=np.uint64)
    values = bits.astype(np.uint32).view(np.float32)
    values = values[np.isfinite(values)][: 9600 * 6].reshape(-1, 3, 2)
    poses = Poses(
        skeleton=FACE,
        frame_time_s=np.zeros(1),
        frame=np.zeros(len(values), dtype=int),
        xy=values,
        score=np.ones((len(values), 3)),
    )
    jsonl.write(poses, tmp_path / "a.jsonl")
    assert_same(jsonl.read(tmp_path / "a.jsonl"), poses)


@pytest.mark.parametrize("frames", [1, 2, 3, 100])
def test_reading_in_stretches_is_reading_at_once(tmp_path: Path, frames: int) -> None:
    poses = make_poses((1, 0, 2, 3, 0, 1), skeleton=FACE, xyz=True, names=True)
    jsonl.write(poses, tmp_path / "a.jsonl")
    parts = list(jsonl.read_chunks(tmp_path / "a.jsonl", frames=frames))
    assert max(len(part.frame_time_s) for part in parts) == min(frames, 6)
    assert_same(concat(parts), poses)


def test_writing_piece_by_piece_is_writing_at_once(tmp_path: Path) -> None:
    poses = make_poses((1, 0, 2, 3, 0), skeleton=FACE)
    jsonl.write(poses, tmp_path / "a.jsonl")
    writer = jsonl.Writer(tmp_path / "b.jsonl", poses.frames(0, 1))
    for i in range(5):
        writer.append(poses.frames(i, i + 1))
        assert_same(jsonl.read(tmp_path / "b.jsonl"), poses.frames(0, i + 1))
    writer.close()
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


def test_pictures_of_two_sizes_have_no_size(tmp_path: Path) -> None:
    first = make_poses((1, 1), skeleton=FACE)
    second = Poses(**{**vars(first), "frame_index": np.array([10, 11]), "size_wh": (640, 480)})
    writer = jsonl.Writer(tmp_path / "a.jsonl", first)
    writer.append(first)
    writer.append(second)
    writer.close()
    assert_same(jsonl.read(tmp_path / "a.jsonl"), concat([first, second]))
    assert_same(list(jsonl.read_chunks(tmp_path / "a.jsonl", frames=2))[1], second)


def test_a_cut_line_is_left_out_and_a_whole_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    jsonl.write(make_poses((1, 2, 1), skeleton=FACE), path)
    whole = jsonl.read(path)
    path.write_bytes(path.read_bytes()[:-1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(jsonl.read(path), whole)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(UserWarning, match=r"a\.jsonl was cut short: its last line \(4\) is left"):
        assert_same(jsonl.read(path), whole.frames(0, 2))


def test_what_other_programs_add_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    poses = make_poses((1, 2), skeleton=FACE)
    jsonl.write(poses, path)
    text = path.read_text().replace('"time_s"', '"mood": NaN, "time_s"').replace("\n", "\r\n\n")
    path.write_text(text)
    assert_same_people(jsonl.read(path), poses)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('"format":"kinetrace-poses"', '"format":"x"', "line 1: there is no header"),
        ('"version":1', '"version":9', "version 9.*upgrade"),
        ('"sigmas"', '"sigmata"', "no 'sigmas'"),
        ('"frame":5', '"frame":5.5', "line 3: 'frame' must be a whole number, got 5.5"),
        ('"frame":5', '"number":5', "line 3: 'frame' must be a whole number, got None"),
        ('"frame":5', '"frame":5,,', "line 3: that is no JSON"),
        ('"people":[{', '"people":[{},{', "line 2: there is no 'keypoints'"),
        ('"track_id":', '"track_id":0.5,"x":', "line 2: 'track_id' must be a whole"),
        ('"keypoints":[[', '"keypoints":[[1,2,0.5],[', r"line 2: keypoints must have shape \(1, 3"),
        ('"keypoints":[[', '"keypoints":[["a",2,0.5],[', "line 2: keypoints must be numbers"),
        ('"bbox_xyxy":[', '"bbox_xyxy":[1e99,', "line 2: bbox_xyxy and bbox_score must have"),
        ('"bbox_xyxy":[', '"bbox_xyxy":[1e99,2,3,4],"x":[', "line 2: 1e.99 is too large"),
        (",0.9", ",1.9", "line 2: a keypoint's score is not within 0..1"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, text: str) -> None:
    path = tmp_path / "a.jsonl"
    poses = make_poses((1, 2), skeleton=FACE)
    jsonl.write(Poses(**{**vars(poses), "score": np.full((3, 3), 0.9)}), path)
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(FormatError, match=text) as caught:
        jsonl.read(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_writer_takes_what_fits_its_header(tmp_path: Path) -> None:
    poses = make_poses((1, 1), skeleton=FACE)
    writer = jsonl.Writer(tmp_path / "a.jsonl", poses)
    writer.append(poses)
    with pytest.raises(OutputError, match="frame 3 comes after frame 5"):
        writer.append(poses)
    with pytest.raises(ValueError, match="xyz_m"):
        writer.append(make_poses((1, 1), skeleton=FACE, xyz=True))
    writer.close()
    writer.close()
    assert_same(jsonl.read(tmp_path / "a.jsonl"), poses)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
def test_a_full_device(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").symlink_to("/dev/full")
    with pytest.raises(OutputError, match=r"a\.jsonl: no space left on the device"):
        jsonl.Writer(tmp_path / "a.jsonl", make_poses())
