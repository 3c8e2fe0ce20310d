from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from format_cases import sample, write_quietly
from some_poses import FACE

from kinetrace import formats
from kinetrace.errors import FormatError

sleap_io = pytest.importorskip("sleap_io", reason="sleap-io is not installed")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clip.slp"


def labels(*frames: tuple[int, list[Any]], videos: int = 1) -> Any:
    """Return labels of people (frame, instances), in as many videos."""
    films = [sleap_io.Video(f"{i}.mp4", open_backend=False) for i in range(videos)]
    return sleap_io.Labels(
        [
            sleap_io.LabeledFrame(video=films[i % videos], frame_idx=number, instances=people)
            for i, (number, people) in enumerate(frames)
        ],
        videos=films,
    )


def test_its_own_package_reads_what_is_written(path: Path) -> None:
    poses = dataclasses.replace(sample("sleap", skeleton=FACE), source="walk.mp4")
    write_quietly(poses, path)
    got = sleap_io.load_slp(str(path), open_videos=False)
    assert got.videos[0].filename == "walk.mp4"
    assert got.skeletons[0].node_names == list(FACE.keypoints)
    assert [tuple(edge) for edge in got.skeletons[0].edge_names] == list(FACE.edges)
    assert [track.name for track in got.tracks] == ["person_0", "person_1"]
    assert [frame.frame_idx for frame in got.labeled_frames] == list(range(12))
    counts = np.bincount(poses.frame, minlength=12)
    assert [len(frame.instances) for frame in got.labeled_frames] == counts.tolist()
    instances = [one for frame in got.labeled_frames for one in frame.instances]
    there = np.isfinite(poses.xy).all(axis=2)
    for one, xy, score, seen in zip(instances, poses.xy, poses.score, there, strict=True):
        np.testing.assert_array_equal(one.numpy(), np.where(seen[:, None], xy, np.nan))
        np.testing.assert_allclose(one.numpy(scores=True)[:, 2][seen], score[seen])


def test_what_somebody_corrected_takes_the_place_of_what_was_predicted(path: Path) -> None:
    skeleton = sleap_io.Skeleton(["a", "b"], edges=[("a", "b")], name="hub")
    tracks = [sleap_io.Track("anna"), sleap_io.Track("person_0")]
    points = np.array([[1.0, 2.0], [3.0, 4.0]])
    predicted = [
        sleap_io.PredictedInstance.from_numpy(
            points * (i + 1), skeleton, point_scores=np.array([0.5, 1.25]), track=track
        )
        for i, track in enumerate(tracks)
    ]
    moved = np.array([[9.0, 9.0], [np.nan, np.nan]])
    corrected = sleap_io.Instance.from_numpy(moved, skeleton, track=tracks[0])
    corrected.from_predicted = predicted[0]
    labels((8, []), (4, [*predicted, corrected])).save(str(path), verbose=False)
    poses = formats.read(path)
    assert (poses.skeleton.name, poses.skeleton.edges) == ("hub", (("a", "b"),))
    np.testing.assert_array_equal(poses.frame_index, [4, 8])
    np.testing.assert_array_equal(poses.track_id, [1, 0])
    np.testing.assert_array_equal(poses.xy, [moved, points * 2])
    np.testing.assert_array_equal(poses.score, [[1, 0], [0.5, 1]])
    assert np.isnan(poses.frame_time_s).all()


def test_several_videos_are_refused(path: Path) -> None:
    skeleton = sleap_io.Skeleton(["a"])
    one = sleap_io.PredictedInstance.from_numpy(np.ones((1, 2)), skeleton)
    labels((0, [one]), (0, [one]), videos=2).save(str(path), verbose=False)
    with pytest.raises(FormatError, match="it has 2 videos and 1 skeletons"):
        formats.read(path)
