from __future__ import annotations

import dataclasses
import datetime
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from format_cases import sample, write_quietly
from some_poses import FACE, make_poses

from kinetrace import formats
from kinetrace.errors import FormatError, OutputError
from kinetrace.poses import Skeleton

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    ndx_pose: Any = pytest.importorskip("ndx_pose", reason="ndx-pose is not installed")
    import pynwb

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clip.nwb"


def save_one(path: Path, *, unit: str = "pixels", size: int = 2, frames: int = 3) -> None:
    """Write a file of another's: one animal, a rate in place of times, no skeleton's lines."""
    file = pynwb.NWBFile(
        session_description="d",
        identifier="i",
        session_start_time=datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc),
    )
    series = [
        ndx_pose.PoseEstimationSeries(
            name=name,
            data=np.arange(float(n * size)).reshape(n, size),
            confidence=np.full(n, 0.5),
            rate=25.0,
            starting_time=2.0,
            conversion=2.0,
            unit=unit,
            reference_frame="top left",
        )
        for name, n in (("tail", 3), ("snout", frames))
    ]
    skeleton = ndx_pose.Skeleton(name="rat", nodes=["snout", "tail"])
    estimation = ndx_pose.PoseEstimation(
        name="rat1", pose_estimation_series=series, skeleton=skeleton
    )
    module = file.create_processing_module(name="behavior", description="b")
    module.add(ndx_pose.Skeletons(skeletons=[skeleton]))
    module.add(estimation)
    with pynwb.NWBHDF5IO(str(path), "w") as opened:
        opened.write(file)


def test_its_own_package_reads_what_is_written(path: Path) -> None:
    poses = dataclasses.replace(sample("nwb", skeleton=FACE), source="walk.mp4")
    write_quietly(poses, path)
    with pynwb.NWBHDF5IO(str(path), "r") as opened:
        file = opened.read()
        module = file.processing["behavior"]
        assert sorted(module.data_interfaces) == ["Skeletons", "person_0", "person_1"]
        for track_id in (0, 1):
            one = module[f"person_{track_id}"]
            assert list(one.skeleton.nodes[:]) == list(FACE.keypoints)
            assert [tuple(edge) for edge in one.skeleton.edges[:]] == list(FACE.edge_indices)
            assert list(one.source_video.external_file[:]) == ["walk.mp4"]
            assert list(one.source_video.dimension[:]) == [1920, 1080]
            rows = np.flatnonzero(poses.track_id == track_id)
            for name in FACE.keypoints:
                series = one.pose_estimation_series[name]
                assert series.unit == "pixels"
                np.testing.assert_array_equal(series.timestamps[:], poses.frame_time_s)
                want = np.full((12, 2), np.nan)
                want[poses.frame[rows]] = poses.keypoint(name)[rows]
                np.testing.assert_array_equal(series.data[:], want)


def test_a_file_of_others(path: Path) -> None:
    save_one(path, size=3)
    poses = formats.read(path)
    assert poses.skeleton.keypoints == ("snout", "tail")
    np.testing.assert_array_equal(poses.track_id, [0, 0, 0])
    np.testing.assert_allclose(poses.frame_time_s, [2, 2.04, 2.08])
    np.testing.assert_array_equal(poses.xy[1], [[6, 8], [6, 8]])
    np.testing.assert_array_equal(poses.score, np.full((3, 2), 0.5))


def test_metres_are_not_taken_for_pixels(path: Path) -> None:
    save_one(path, unit="meters")
    with pytest.raises(FormatError, match="is in 'meters'; only positions in pixels"):
        formats.read(path)


def test_series_of_different_lengths_are_refused(path: Path) -> None:
    save_one(path, frames=2)
    with pytest.raises(FormatError, match=r"has data of \(\d, 2\) for \d frames"):
        formats.read(path)


def test_a_file_without_poses(path: Path) -> None:
    file = pynwb.NWBFile(
        session_description="d",
        identifier="i",
        session_start_time=datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc),
    )
    with pynwb.NWBHDF5IO(str(path), "w") as opened:
        opened.write(file)
    with pytest.raises(FormatError, match="no PoseEstimation"):
        formats.read(path)


def test_a_name_that_is_a_path(path: Path) -> None:
    with pytest.raises(OutputError, match="named 'a/b' has no place"):
        formats.write(make_poses(skeleton=Skeleton("s", ("a/b",))), path)
