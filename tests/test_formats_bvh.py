from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from some_poses import FACE, make_poses

from kinetrace import formats
from kinetrace.errors import FormatError, OutputError
from kinetrace.poses import Poses
from kinetrace.skeletons import BLAZEPOSE33

# Metres with y up, as somebody stands who looks at the camera with arms stretched out.
STANDING = {
    "hip": (0.1, 0, 0),
    "knee": (0.1, -0.4, 0),
    "ankle": (0.1, -0.8, 0),
    "foot_index": (0.1, -0.8, 0.15),
    "shoulder": (0.2, 0.5, 0),
    "elbow": (0.5, 0.5, 0),
    "wrist": (0.75, 0.5, 0),
    "index": (0.85, 0.5, 0),
    "ear": (0.07, 0.7, 0),
}
# What turns about which joint.
LIMBS = (("shoulder", "elbow", "wrist", "index"), ("elbow", "wrist", "index"), ("wrist", "index"))
LIMBS += (("hip", "knee", "ankle", "foot_index"), ("knee", "ankle", "foot_index"))
LIMBS += (("ankle", "foot_index"),)

FILE = """HIERARCHY
ROOT Hips
{
\tOFFSET 0 0 0
\tCHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
\tJOINT Knee
\t{
\t\tOFFSET 0 -40 0
\t\tCHANNELS 3 Xrotation Yrotation Zrotation
\t\tEnd Site
\t\t{
\t\t\tOFFSET 0 -40 5
\t\t}
\t}
}
MOTION
Frames: 2
Frame Time: 0.04
0 90 0 0 0 0 0 0 0
1 90 0 0 0 90 90 0 0
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clip.bvh"


def body(turns: int = 40) -> Poses:
    """Somebody whose bones keep their length, in any posture, turned anyhow."""
    xyz = np.full((turns, 33, 3), np.nan)
    for side, sign in (("left", 1), ("right", -1)):
        places = {n: np.tile(np.array(p) * (sign, 1, 1), (turns, 1)) for n, p in STANDING.items()}
        for i, (root, *moved) in enumerate(LIMBS):
            turn = Rotation.random(turns, random_state=i + 10 * sign + 20)
            for name in moved:
                places[name] = places[root] + turn.apply(places[name] - places[root])
        for name, place in places.items():
            xyz[:, BLAZEPOSE33.index(f"{side}_{name}")] = place
    whole = Rotation.random(turns, random_state=99)
    for t in range(turns):
        xyz[t] = whole[t].apply(np.nan_to_num(xyz[t], nan=1e9)) if t else xyz[t]
    xyz[np.abs(xyz).max(axis=2) > 1e6] = np.nan
    return poses_of(xyz * (1, -1, -1))


def poses_of(xyz_m: Any) -> Poses:
    t = len(xyz_m)
    return Poses(
        skeleton=BLAZEPOSE33,
        frame_time_s=np.arange(t) / 25,
        frame=np.arange(t),
        xy=np.full((t, 33, 2), np.nan),
        score=np.isfinite(xyz_m[..., 0]),
        xyz_m=xyz_m,
    )


def point(poses: Poses, name: str) -> Any:
    assert poses.xyz_m is not None
    return poses.xyz_m[:, poses.skeleton.index(name)]


def test_a_body_of_rigid_bones_comes_back(path: Path) -> None:
    poses = body()
    formats.write(poses, path)
    got = formats.read(path)
    np.testing.assert_allclose(got.frame_time_s, poses.frame_time_s, atol=1e-6)
    for side in ("left", "right"):
        for theirs, ours in {n: n for n in STANDING if n != "ear"}.items():
            name = {"foot_index": "toes", "index": "hand"}.get(ours, ours)
            np.testing.assert_allclose(
                point(got, f"{side}_{name}"), point(poses, f"{side}_{theirs}"), atol=2e-6
            )
    ears = (point(poses, "left_ear") + point(poses, "right_ear")) / 2
    np.testing.assert_allclose(point(got, "head"), ears, atol=2e-6)


def test_an_independent_reader_puts_the_joints_where_they_were(path: Path) -> None:
    bvhio = pytest.importorskip("bvhio", reason="bvhio is not installed")
    poses = body(12)
    formats.write(poses, path)
    root = bvhio.readAsHierarchy(str(path))
    for frame in range(12):
        root.loadPose(frame)
        for name in ("left_wrist", "right_ankle", "left_knee", "right_elbow"):
            (joint,) = root.filter(name, isEqual=True)
            got = np.array(joint.PositionWorld) / 100 * (1, -1, -1)
            np.testing.assert_allclose(got, point(poses, name)[frame], atol=1e-5)


def test_a_file_of_others(path: Path) -> None:
    path.write_text(FILE)
    poses = formats.read(path)
    assert poses.skeleton.keypoints == ("Hips", "Knee", "Knee_end")
    assert poses.skeleton.edges == (("Hips", "Knee"), ("Knee", "Knee_end"))
    np.testing.assert_allclose(poses.frame_time_s, [0, 0.04])
    # y down and z away from the camera; first hanging down, then the knee bent by a right angle.
    want = [[[0, -0.9, 0], [0, -0.5, 0], [0, -0.1, -0.05]]]
    want.append([[0.01, -0.9, 0], [0.01, -0.5, 0], [-0.39, -0.45, 0]])
    np.testing.assert_allclose(poses.xyz_m, want, atol=1e-7)
    np.testing.assert_array_equal(poses.score, np.ones((2, 3)))


def test_an_independent_reader_agrees_about_a_file_of_others(path: Path) -> None:
    bvhio = pytest.importorskip("bvhio", reason="bvhio is not installed")
    path.write_text(FILE)
    poses = formats.read(path)
    root = bvhio.readAsHierarchy(str(path))
    for frame in (0, 1):
        root.loadPose(frame)
        (joint,) = root.filter("Knee", isEqual=True)
        np.testing.assert_allclose(
            np.array(joint.PositionWorld) / 100 * (1, -1, -1),
            point(poses, "Knee")[frame],
            atol=1e-6,
        )


def test_what_is_missing_keeps_its_rotation_and_is_told(path: Path) -> None:
    poses = body(6)
    xyz = np.array(poses.xyz_m)
    xyz[2:4, BLAZEPOSE33.index("left_wrist")] = np.nan
    with pytest.warns(UserWarning, match="in 2 of 6 frames a joint keeps") as caught:
        formats.write(poses_of(xyz), path)
    assert Path(caught[0].filename) == Path(__file__)
    got = formats.read(path)
    np.testing.assert_allclose(point(got, "left_elbow"), point(poses, "left_elbow"), atol=2e-6)
    there = [0, 1, 4, 5]
    wrist = point(got, "left_wrist")
    np.testing.assert_allclose(wrist[there], point(poses, "left_wrist")[there], atol=2e-6)
    forearm = np.linalg.norm(wrist - point(got, "left_elbow"), axis=1)
    np.testing.assert_allclose(forearm, 0.25, atol=1e-6)


def test_an_arm_that_is_never_seen_is_no_part_of_the_body(path: Path) -> None:
    poses = body(4)
    xyz = np.array(poses.xyz_m)
    for name in ("elbow", "wrist", "index"):
        xyz[:, BLAZEPOSE33.index(f"left_{name}")] = np.nan
    formats.write(poses_of(xyz), path)
    names = formats.read(path).skeleton.keypoints
    assert "left_shoulder" in names
    assert "left_elbow" not in names
    assert "right_hand" in names


def test_what_cannot_be_written(path: Path) -> None:
    with pytest.raises(OutputError, match="there are none here"):
        formats.write(make_poses((1,)), path)
    face = dataclasses.replace(make_poses((1, 1), skeleton=FACE, xyz=True), track_id=np.zeros(2))
    with pytest.raises(OutputError, match="both hips and both shoulders"):
        formats.write(face, path)
    with pytest.raises(OutputError, match="at least two frames"):
        formats.write(body(1), path)
    assert not path.exists()


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("HIERARCHY", "HIER", "line 1: it is no BVH file"),
        ("CHANNELS 3 X", "CHANNELS 4 X", "line 9: "),
        ("Yrotation Zrotation", "Yrotation Wrotation", "line 9: "),
        ("OFFSET 0 -40 0", "OFFSET 0 -40", "line 8: "),
        ("JOINT Knee", "ROOT Knee", "line 6: there are two bodies"),
        ("JOINT Knee", "JOINT Hips", "two of its joints have the same name"),
        ("0 90 0 0 0 0 0 0 0", "0 90 0 0 0 0 0 0", "line 19 has 8 numbers, the joints have 9"),
        ("0 90 0 0 0 0 0 0 0", "0 90 0 0 0 0 0 0 x", "line 19: 'x' is not a number"),
        ("0 90 0 0 0 0 0 0 0", "0 90 0 0 0 0 0 0 nan", "is missing"),
        ("Frames: 2", "Frames: 3", "tells of 3 frames and has 2"),
        ("Frame Time: 0.04", "Frame Time: 0", "line 18: the time between frames"),
        ("Frame Time: 0.04", "Frame 0.04", "line 17: MOTION must begin with"),
        ("}\nMOTION", "MOTION", "is not whole"),
        ("MOTION", "", "is not understood"),
    ],
)
def test_what_is_wrong_is_named(path: Path, old: str, new: str, complaint: str) -> None:
    assert old in FILE
    path.write_text(FILE.replace(old, new, 1))
    with pytest.raises(FormatError) as caught:
        formats.read(path)
    assert complaint in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")


def test_cut_anywhere_it_is_refused(path: Path) -> None:
    formats.write(body(3), path)
    data = path.read_bytes()
    for size in range(0, len(data) - 1, 97):
        path.write_bytes(data[:size])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            with pytest.raises(FormatError):
                formats.read(path)
