from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from format_cases import sample, write_quietly
from some_poses import FACE, make_poses

from kinetrace import formats
from kinetrace.errors import FormatError

SINGLE = """scorer,DLC_resnet50,DLC_resnet50,DLC_resnet50,DLC_resnet50,DLC_resnet50,DLC_resnet50
bodyparts,snout,snout,snout,tail,tail,tail
coords,x,y,likelihood,x,y,likelihood
0,10.5,20.5,0.9,1,2,0.5
1,,,,3,4,1.0
"""
MULTI = """scorer,DLC,DLC,DLC,DLC,DLC,DLC,DLC,DLC,DLC
individuals,mouse1,mouse1,mouse1,mouse2,mouse2,mouse2,single,single,single
bodyparts,snout,snout,snout,snout,snout,snout,corner,corner,corner
coords,x,y,likelihood,x,y,likelihood,x,y,likelihood
0,1,2,0.5,,,,7,8,1
1,,,,,,,,,
2,3,4,0.5,5,6,0.25,,,
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clip.dlc.csv"


def test_a_file_of_one_animal(path: Path) -> None:
    path.write_text(SINGLE)
    poses = formats.read(path, fps=10)
    assert poses.skeleton.keypoints == ("snout", "tail")
    np.testing.assert_array_equal(poses.frame_time_s, [0, 0.1])
    np.testing.assert_array_equal(poses.track_id, [-1, -1])
    np.testing.assert_array_equal(poses.xy[0], [[10.5, 20.5], [1, 2]])
    assert np.isnan(poses.xy[1, 0]).all()
    np.testing.assert_allclose(poses.score, [[0.9, 0.5], [0, 1]])


def test_a_file_of_several_animals(path: Path) -> None:
    path.write_text(MULTI)
    poses = formats.read(path)
    assert poses.skeleton.keypoints == ("snout", "corner")
    np.testing.assert_array_equal(poses.frame, [0, 0, 2, 2])
    np.testing.assert_array_equal(poses.track_id, [0, 2, 0, 1])
    np.testing.assert_array_equal(poses.keypoint("snout")[:, 0], [1, np.nan, 3, 5])
    np.testing.assert_array_equal(poses.keypoint("corner")[:, 0], [np.nan, 7, np.nan, np.nan])
    assert len(poses.frame_time_s) == 3


@pytest.mark.parametrize("tracked", [True, False])
def test_pandas_reads_it_as_deeplabcut_does(path: Path, tracked: bool) -> None:
    poses = sample("deeplabcut")
    if not tracked:
        poses = dataclasses.replace(make_poses((1, 0, 1), skeleton=FACE), track_id=None)
    write_quietly(poses, path)
    levels = ["scorer", *(["individuals"] if tracked else []), "bodyparts", "coords"]
    table = pd.read_csv(path, header=list(range(len(levels))), index_col=0)
    assert list(table.columns.names) == levels
    assert table.index.tolist() == poses.frame_index.tolist()
    name = poses.skeleton.keypoints[1]
    person = table.xs("person_0", axis=1, level="individuals") if tracked else table
    got = person.xs(name, axis=1, level="bodyparts").to_numpy(dtype=np.float32)
    rows = np.flatnonzero(poses.track_id == (0 if tracked else -1))
    np.testing.assert_array_equal(got[poses.frame[rows], :2], poses.keypoint(name)[rows])
    nobody = np.setdiff1d(np.arange(len(poses.frame_time_s)), poses.frame[rows])
    assert np.isnan(got[nobody]).all()


def test_people_without_ids_beside_others(path: Path) -> None:
    poses = dataclasses.replace(
        make_poses((3, 2), skeleton=FACE), track_id=np.array([4, -1, -1, -1, 9])
    )
    write_quietly(poses, path)
    got = formats.read(path)
    assert path.read_text().splitlines()[1].split(",")[1::9] == [
        *("person_4", "person_9", "untracked_0", "untracked_1")
    ]
    order = np.lexsort((got.xy[:, 1, 0], got.frame))
    wanted = np.lexsort((poses.xy[:, 1, 0], poses.frame))
    np.testing.assert_array_equal(got.xy[order], poses.xy[wanted])
    np.testing.assert_array_equal(got.track_id[order], poses.track_id[wanted])


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("20.5", "x", "line 4: 'x' is not a number"),
        ("0,10.5", "0,10.5,3", "line 4 has 8 cells, the header has 7"),
        ("1,,,,3", "one,,,,3", "line 5 must begin with a frame's number: 'one'"),
        ("1,,,,3", "0,,,,3", "the frames' numbers do not ascend"),
        ("0.9", "1.9", "a likelihood is not within 0..1"),
        ("likelihood,x,y", "likelihood,x,x", "x, y and likelihood of each keypoint once"),
        ("likelihood,x,y", "likelihood,x,z", "x, y and likelihood of each keypoint once"),
        ("coords", "coord", "it is no file of DeepLabCut's"),
        ("bodyparts,snout", "bodyparts", "different numbers of cells"),
        ("20.5", "1e300", "too large"),
    ],
)
def test_what_is_wrong_is_named(path: Path, old: str, new: str, complaint: str) -> None:
    assert old in SINGLE
    path.write_text(SINGLE.replace(old, new, 1))
    with pytest.raises(FormatError) as caught:
        formats.read(path)
    assert complaint in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")
