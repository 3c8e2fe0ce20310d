from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from format_cases import sample, write_quietly
from some_poses import make_poses

from kinetrace import formats
from kinetrace.cli import main
from kinetrace.opensim import read_motion
from kinetrace.skeletons import COCO17


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Two people in each of four frames."""
    poses = dataclasses.replace(make_poses((2,) * 4), track_id=np.array([3, 7] * 4))
    formats.write(poses, tmp_path / "clip.keypoints.csv")
    return tmp_path / "clip.keypoints.csv"


def kinetrace(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return int(caught.value.code or 0)


def test_a_file_for_each_person(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = formats.read(clip)
    assert kinetrace("convert", clip, clip.with_name("clip.trc"), "--person", "all") == 0
    for one in (3, 7):
        got = formats.read(clip.with_name(f"clip_person{one}.trc"))
        np.testing.assert_allclose(got.xy, whole.xy[whole.track_id == one], atol=1e-3)
    assert not clip.with_name("clip.trc").exists()
    told = capsys.readouterr()
    assert "clip_person7.trc: 4 people in 4 frames" in told.out
    lines = told.err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("kinetrace: ") and "has no place for" in line for line in lines)


def test_one_of_several(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = clip.with_name("one.csv")
    assert kinetrace("convert", clip, output, "--person", "7") == 0
    assert set(formats.read(output).track_id) == {7}
    assert kinetrace("convert", clip, clip.with_name("two.csv"), "--person", "4") == 1
    assert "nobody with track id 4; there are: 3, 7" in capsys.readouterr().err


def test_nobody_is_chosen_silently(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert kinetrace("convert", clip, clip.with_name("clip.trc")) == 1
    assert "holds one person, and there are 2 (person_3, person_7)" in capsys.readouterr().err


def test_what_is_there_stays(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = clip.with_name("clip_person7.trc")
    there.write_text("mine")
    arguments = ("convert", clip, clip.with_name("clip.trc"), "--person", "all")
    assert kinetrace(*arguments) == 1
    assert "clip_person7.trc is there already" in capsys.readouterr().err
    assert there.read_text() == "mine"
    assert not clip.with_name("clip_person3.trc").exists()
    assert kinetrace(*arguments, "--overwrite") == 0


def test_a_folder_of_openpose_with_its_rate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_quietly(sample("openpose"), tmp_path / "a.openpose")
    (tmp_path / "a.openpose").rename(tmp_path / "output_json")
    output = tmp_path / "clip.csv"
    source = tmp_path / "output_json"
    assert kinetrace("convert", source, output, "--from", "openpose", "--fps", "29.97") == 0
    np.testing.assert_allclose(formats.read(output).frame_time_s, np.arange(12) / 29.97, atol=5e-7)
    assert kinetrace("convert", source, tmp_path / "b.csv", "--from", "closedpose") == 1
    assert "there is no 'closedpose' in formats" in capsys.readouterr().err


def test_angles_as_a_motion_for_opensim(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = clip.with_name("one.csv")
    assert kinetrace("convert", clip, one, "--person", "7") == 0
    poses = formats.read(one)
    legs = dataclasses.replace(poses, score=np.ones_like(poses.score), xy=_standing(len(poses)))
    formats.write(legs, one)
    motion = clip.with_name("one.mot")
    facing = ("--facing", "right")
    assert kinetrace("measure", "angles", one, "--output", motion, *facing) == 0
    got = read_motion(motion)
    np.testing.assert_allclose(got["time_s"], poses.frame_time_s, atol=1e-6)
    np.testing.assert_allclose(got["left_knee_deg"], 0, atol=1e-3)
    hidden = legs.score.copy()
    hidden[1, COCO17.index("left_knee")] = 0
    formats.write(dataclasses.replace(legs, score=hidden), one)
    capsys.readouterr()
    again = ("--output", motion, *facing, "--overwrite")
    assert kinetrace("measure", "angles", one, *again) == 0
    assert "kinetrace: " in (told := capsys.readouterr().err)
    assert "1 of 4 frames lack an angle" in told
    assert len(read_motion(motion)) == 3


def _standing(frames: int) -> np.ndarray:
    """Somebody from the side whose joints are in a line."""
    y = np.array([*range(5), 10, 10, 20, 20, 30, 30, 40, 40, 60, 60, 80, 80], dtype=np.float32)
    return np.tile(np.stack([np.full(17, 100), 5 * y], axis=1), (frames, 1, 1))


def test_the_help_names_the_formats_flags() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kinetrace", "convert", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    for flag in ("--from", "--to", "--fps", "--person"):
        assert flag in done.stdout
