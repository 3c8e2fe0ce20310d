from __future__ import annotations

import dataclasses
import io
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from format_cases import sample, write_quietly
from some_poses import FACE, make_poses

from kinetrace import formats
from kinetrace.errors import FormatError, OutputError
from kinetrace.poses import Poses, Skeleton
from kinetrace.skeletons import BLAZEPOSE33


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clip.pose"


@pytest.fixture
def pose_format() -> Any:
    return pytest.importorskip("pose_format", reason="pose-format is not installed")


@pytest.mark.parametrize("skeleton", [FACE, BLAZEPOSE33])
def test_its_own_package_reads_what_is_written(
    path: Path, pose_format: Any, skeleton: Skeleton
) -> None:
    poses = sample("pose", skeleton=skeleton)
    write_quietly(poses, path)
    got = pose_format.Pose.read(path.read_bytes())
    assert got.body.fps == 30
    assert (got.header.dimensions.width, got.header.dimensions.height) == (1920, 1080)
    (component,) = got.header.components
    assert component.format == "XYC"
    assert len(component.points) == len(skeleton)
    assert [tuple(pair) for pair in component.limbs] == list(skeleton.edge_indices)
    assert got.body.data.shape == (12, 2, len(skeleton), 2)
    for frame, track_id, xy, score in zip(
        poses.frame, poses.track_id, poses.xy, poses.score, strict=True
    ):
        data = got.body.data[frame, track_id]
        there = np.isfinite(xy[:, 0])
        np.testing.assert_array_equal(data.mask[:, 0], ~there)
        np.testing.assert_array_equal(data.data[there], xy[there])
        np.testing.assert_array_equal(got.body.confidence[frame, track_id], score)
    assert np.count_nonzero(got.body.confidence[0]) == 0


def test_mediapipes_body_has_the_names_by_which_it_is_known(path: Path, pose_format: Any) -> None:
    write_quietly(sample("pose", skeleton=BLAZEPOSE33), path)
    header = pose_format.Pose.read(path.read_bytes()).header
    shoulders = [("POSE_LANDMARKS", f"{side}_SHOULDER") for side in ("RIGHT", "LEFT")]
    info = header.normalization_info(*shoulders)
    assert (info.p1, info.p2) == (12, 11)
    assert header.get_point_index("POSE_LANDMARKS", "MOUTH_LEFT") == 9


@pytest.mark.parametrize("version", [0.1, 0.2])
def test_a_file_of_others(path: Path, pose_format: Any, version: float) -> None:
    from pose_format.numpy import NumPyPoseBody
    from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions

    def component(name: str, points: list[str], limbs: list[tuple[int, int]]) -> Any:
        return PoseHeaderComponent(name, points, limbs, [(0, 0, 0)] * len(limbs), "XYZC")

    parts = [
        component("POSE_LANDMARKS", ["NOSE", "MOUTH_LEFT"], [(0, 1)]),
        component("LEFT_HAND_LANDMARKS", ["WRIST", "THUMB_CMC"], [(0, 1)]),
        component("POSE_WORLD_LANDMARKS", ["NOSE", "MOUTH_LEFT"], []),
    ]
    data = np.arange(2 * 1 * 6 * 3, dtype=np.float32).reshape(2, 1, 6, 3)
    confidence = np.ones((2, 1, 6), dtype=np.float32)
    confidence[0, 0, 1] = 0
    header = PoseHeader(0.2, PoseHeaderDimensions(640, 480, 1000), parts)
    buffer = io.BytesIO()
    pose_format.Pose(header, NumPyPoseBody(25, data, confidence)).write(buffer)
    content = buffer.getvalue()
    if version == 0.1:
        body = struct.pack("<fIH", 25, 2, 1)
        assert content.count(body) == 1
        content = struct.pack("<f", 0.1) + content[4:].replace(body, struct.pack("<HHH", 25, 2, 1))
    path.write_bytes(content)
    poses = formats.read(path)
    assert poses.skeleton.keypoints == (
        *("nose", "left_mouth"),
        *("left_hand_wrist", "left_hand_thumb_cmc"),
    )
    assert poses.skeleton.edges == (
        ("nose", "left_mouth"),
        ("left_hand_wrist", "left_hand_thumb_cmc"),
    )
    want = data[:, 0, :4, :2].copy()
    want[0, 1] = np.nan
    np.testing.assert_array_equal(poses.xy, want)
    np.testing.assert_array_equal(poses.frame_time_s, [0, 0.04])
    assert poses.size_wh == (640, 480)


def test_times_that_are_more_than_a_rate_are_told(path: Path) -> None:
    poses = sample("pose")
    late = dataclasses.replace(poses, frame_time_s=poses.frame_time_s + 5)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        formats.write(late, path)
    assert "they change (up to 5.000 s)" in str(caught[0].message)
    assert Path(caught[0].filename) == Path(__file__)
    assert formats.read(path).frame_time_s[-1] == pytest.approx(11 / 30)


def test_no_times_stay_none(path: Path) -> None:
    write_quietly(dataclasses.replace(sample("pose"), frame_time_s=np.full(12, np.nan)), path)
    assert np.isnan(formats.read(path).frame_time_s).all()


def test_what_is_too_large(path: Path) -> None:
    poses: Poses = dataclasses.replace(make_poses(), size_wh=(70_000, 10))
    with pytest.raises(OutputError, match="larger than 65535"):
        formats.write(poses, path)


@pytest.mark.parametrize(
    ("at", "value", "complaint"),
    [
        (0, struct.pack("<f", 0.3), "version 0.1 or 0.2, but says 0.3"),
        (-4, struct.pack("<f", 1.5), "a confidence is not within 0..1"),
        (-4, struct.pack("<f", -1), "a confidence is not within 0..1"),
    ],
)
def test_what_is_wrong_is_named(path: Path, at: int, value: bytes, complaint: str) -> None:
    write_quietly(sample("pose", skeleton=FACE), path)
    data = bytearray(path.read_bytes())
    data[at : at + 4 or None] = value
    path.write_bytes(data)
    with pytest.raises(FormatError) as caught:
        formats.read(path)
    assert complaint in str(caught.value)


def test_whatever_bytes_it_has_it_is_read_or_refused(path: Path) -> None:
    random = np.random.default_rng(0)
    write_quietly(sample("pose", 3, skeleton=FACE), path)
    data = path.read_bytes()
    refused = []
    for _ in range(400):
        changed = bytearray(data)
        for at in random.integers(len(data), size=3):
            changed[at] = random.integers(256)
        path.write_bytes(changed)
        try:
            formats.read(path)
        except FormatError as error:
            refused.append(str(error))
    assert len(refused) > 50
    assert all(text.startswith(f"{path}: ") for text in refused)


def test_frames_that_cost_no_bytes_are_not_believed(path: Path) -> None:
    text = [struct.pack("<H", 1) + b"a", struct.pack("<H", 3) + b"XYC"]
    header = struct.pack("<fHHHH", 0.2, 0, 0, 0, 1) + b"".join(text) + struct.pack("<HHH", 0, 0, 0)
    path.write_bytes(header + struct.pack("<fIH", 30, 2**32 - 1, 0))
    with pytest.raises(FormatError, match="tells of 4294967295 frames"):
        formats.read(path)
