from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from format_cases import path_of
from some_poses import FACE, assert_same, make_poses

from kinetrace import formats
from kinetrace.errors import FormatError, OutputError
from kinetrace.poses import Poses

PRECISION = {"csv": {"px": 5e-4, "score": 5e-5, "m": 5e-6, "time_s": 5e-7}}
each_format = pytest.mark.parametrize("name", ["coco", "csv", "jsonl", "parquet"])


@pytest.fixture
def poses() -> Poses:
    return make_poses((1, 0, 2, 3, 0), skeleton=FACE, xyz=True, names=True)


@each_format
def test_a_whole_recording_is_the_file_written_at_once(
    tmp_path: Path, name: str, poses: Poses
) -> None:
    path = path_of(tmp_path, name)
    formats.write(poses, path)
    at_once = {p: p.read_bytes() for p in tmp_path.iterdir()}
    want = path.read_bytes()
    with formats.open_writer(path, poses.frames(0, 1)) as file:
        for i in range(5):
            file.append(poses.frames(i, i + 1))
            assert path.read_bytes() == want
            got = formats.read(file.partial)
            assert_same(got, poses.frames(0, i + 1), **PRECISION.get(file.partial.suffix[1:], {}))
        assert file.frames == 5
    file.close()
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == at_once
    assert_same(formats.read(path), poses, **PRECISION.get(name, {}))
    with pytest.raises(ValueError, match="has ended"):
        file.append(poses)


@each_format
def test_a_recording_can_end_as_other_poses(tmp_path: Path, name: str, poses: Poses) -> None:
    """What is only known at the end takes the place of what was appended, and nothing is left."""
    path = path_of(tmp_path, name)
    settled = poses.rows(np.arange(1, len(poses)))
    formats.write(settled, path)
    at_once = {p: p.read_bytes() for p in tmp_path.iterdir()}
    for file in at_once:
        file.unlink()
    with formats.open_writer(path, poses.frames(0, 1)) as file:
        for i in range(5):
            file.append(poses.frames(i, i + 1))
        assert not path.exists()
        file.close_as(settled)
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == at_once
    with pytest.raises(ValueError, match="has ended"):
        file.append(poses)


@each_format
def test_an_interrupted_recording_leaves_what_it_had(
    tmp_path: Path, name: str, poses: Poses
) -> None:
    path = path_of(tmp_path, name)
    with pytest.raises(KeyboardInterrupt), formats.open_writer(path, poses) as file:
        file.append(poses.frames(0, 3))
        raise KeyboardInterrupt
    assert not path.exists()
    assert ".partial." in file.partial.name
    got = formats.read(file.partial)
    assert_same(got, poses.frames(0, 3), **PRECISION.get(file.partial.suffix[1:], {}))


@each_format
def test_a_recording_interrupted_before_its_first_frame_leaves_nothing(
    tmp_path: Path, name: str, poses: Poses
) -> None:
    with pytest.raises(ZeroDivisionError), formats.open_writer(path_of(tmp_path, name), poses):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


@each_format
def test_a_recording_of_no_frame_is_a_file_without_frames(
    tmp_path: Path, name: str, poses: Poses
) -> None:
    with formats.open_writer(path_of(tmp_path, name), poses):
        pass
    assert_same(formats.read(path_of(tmp_path, name)), poses.frames(0, 0))


@pytest.mark.parametrize("name", ["csv", "parquet"])
def test_the_layout_is_that_asked_for(tmp_path: Path, name: str, poses: Poses) -> None:
    path = path_of(tmp_path, name)
    formats.write(poses, path, layout="long")
    want = path.read_bytes()
    with formats.open_writer(path, poses, layout="long") as file:
        file.append(poses)
    assert path.read_bytes() == want
    with pytest.raises(FormatError, match="no layout"):
        formats.open_writer(tmp_path / "a.jsonl", poses, layout="wide")


def test_where_it_cannot_be(tmp_path: Path, poses: Poses) -> None:
    with pytest.raises(OutputError, match="folder does not exist"):
        formats.open_writer(tmp_path / "no" / "a.csv", poses)
    with pytest.raises(FormatError, match="means a format"):
        formats.open_writer(tmp_path / "a.mp4", poses)


def run(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@each_format
def test_a_killed_process_leaves_every_frame_that_it_had_appended(
    tmp_path: Path, name: str
) -> None:
    code = """
import sys
from kinetrace import formats
from some_poses import FACE, make_poses
poses = make_poses((2,) * 2000, skeleton=FACE)
with formats.open_writer(sys.argv[1], poses) as file:
    for i in range(2000):
        file.append(poses.frames(i, i + 1))
        if i == 100:
            print(file.partial, flush=True)
            sys.stdin.read()
"""
    process = run(code, str(path_of(tmp_path, name)))
    assert process.stdout is not None
    partial = Path(process.stdout.readline().strip())
    process.kill()
    process.communicate()
    assert not path_of(tmp_path, name).exists()
    got = formats.read(partial)
    assert len(got.frame_time_s) == 101
    want = make_poses((2,) * 2000, skeleton=FACE).frames(0, 101)
    assert_same(got, want, **PRECISION.get(partial.suffix[1:], {}))


@each_format
def test_a_full_disk_leaves_what_could_be_written(tmp_path: Path, name: str) -> None:
    code = """
import resource, signal, sys
import pandas, pyarrow.parquet
from kinetrace import errors, formats
from some_poses import FACE, make_poses
poses = make_poses((2,) * 2000, skeleton=FACE)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
try:
    with formats.open_writer(sys.argv[1], poses) as file:
        for i in range(2000):
            file.append(poses.frames(i, i + 1))
except errors.OutputError as error:
    print(file.partial, file.frames, error, sep="|")
"""
    process = run(code, str(path_of(tmp_path, name)))
    told, _ = process.communicate()
    partial, frames, text = told.split("|")
    assert text.startswith(f"cannot write {partial}: ")
    assert int(frames) > 10
    # Nothing is cut: what did not fit was taken back, so reading does not warn.
    got = formats.read(partial)
    assert len(got.frame_time_s) == int(frames)
    np.testing.assert_allclose(
        got.xy, make_poses((2,) * 2000, skeleton=FACE).frames(0, int(frames)).xy, atol=6e-4
    )


def test_a_conversion_that_fails_says_where_the_frames_are(tmp_path: Path, poses: Poses) -> None:
    path = tmp_path / "clip.parquet"
    file = formats.open_writer(path, poses)
    file.append(poses)
    path.mkdir()
    with pytest.raises(
        OutputError, match=r"is a directory.*is in .*clip\.partial\.keypoints\.jsonl"
    ):
        file.close()
    assert_same(formats.read(file.partial), poses)
