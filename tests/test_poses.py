from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from some_poses import FACE, any_poses, assert_same, make_poses

import kinetrace
from kinetrace.poses import Poses, Skeleton, bounds, concat
from kinetrace.skeletons import COCO17


def one(**changes: Any) -> Poses:
    """One person of three keypoints in two frames."""
    given: dict[str, Any] = {
        "skeleton": FACE,
        "frame_time_s": [0.0, 0.5],
        "frame": [1],
        "xy": [[[1, 2], [3, 4], [np.nan, np.nan]]],
        "score": [[0.5, 1, 0]],
    }
    return Poses(**{**given, **changes})


def test_what_is_not_given_has_its_default() -> None:
    poses = one()
    assert poses.track_id.tolist() == [-1]
    assert poses.bbox_xyxy.tolist() == [[1, 2, 3, 4]]
    assert np.isnan(poses.bbox_score).tolist() == [True]
    assert poses.frame_index.tolist() == [0, 1]
    assert poses.xyz_m is None
    assert poses.frame_name is None
    assert poses.size_wh is None
    assert (poses.source, poses.log) == ("", ())
    assert len(poses) == 1
    assert len(poses.frame_time_s) == 2


def test_arrays_have_their_types_and_are_read_only() -> None:
    poses = one(xyz_m=np.zeros((1, 3, 3)))
    types = {f.name: getattr(poses, f.name) for f in dataclasses.fields(poses)}
    arrays = {name: a for name, a in types.items() if isinstance(a, np.ndarray)}
    assert {name: a.dtype.name for name, a in arrays.items()} == {
        **dict.fromkeys(("frame", "track_id", "frame_index"), "int64"),
        **dict.fromkeys(("xy", "score", "bbox_xyxy", "bbox_score", "xyz_m"), "float32"),
        "frame_time_s": "float64",
    }
    for array in arrays.values():
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        poses.source = "x"  # type: ignore[misc]


def test_making_poses_leaves_the_caller_its_arrays() -> None:
    xy = np.zeros((1, 3, 2), dtype=np.float32)
    one(xy=xy)
    xy[:] = 1


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"frame_time_s": 0.0}, r"frame_time_s must have shape \(None,\), got \(\)"),
        ({"frame": [[1]]}, r"frame must have shape \(None,\), got \(1, 1\)"),
        ({"xy": np.zeros((1, 2, 2))}, r"xy must have shape \(1, 3, 2\), got \(1, 2, 2\)"),
        ({"xy": np.zeros((2, 3, 2))}, r"xy must have shape \(1, 3, 2\), got \(2, 3, 2\)"),
        ({"xy": np.zeros((1, 3, 3))}, r"xy must have shape \(1, 3, 2\), got \(1, 3, 3\)"),
        ({"score": np.zeros((1, 3, 1))}, r"score must have shape \(1, 3\), got \(1, 3, 1\)"),
        ({"track_id": [1, 2]}, r"track_id must have shape \(1,\), got \(2,\)"),
        ({"bbox_xyxy": [1, 2, 3, 4]}, r"bbox_xyxy must have shape \(1, 4\), got \(4,\)"),
        ({"bbox_score": [[1]]}, r"bbox_score must have shape \(1,\), got \(1, 1\)"),
        ({"frame_index": [1]}, r"frame_index must have shape \(2,\), got \(1,\)"),
        ({"xyz_m": np.zeros((1, 3, 2))}, r"xyz_m must have shape \(1, 3, 3\), got \(1, 3, 2\)"),
        ({"frame_name": ("a",)}, "frame_name has 1 names for 2 frames"),
        ({"frame": [2]}, r"frame must ascend within 0\.\.1, got 2\.\.2"),
        ({"frame": [-1]}, r"frame must ascend within 0\.\.1, got -1\.\.-1"),
        ({"score": [[0.5, 1.01, 0]]}, r"every score must be within 0\.\.1"),
        ({"score": [[0.5, -0.01, 0]]}, r"every score must be within 0\.\.1"),
        ({"score": [[0.5, np.nan, 0]]}, r"every score must be within 0\.\.1"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        one(**changes)


def test_rows_must_ascend_by_frame() -> None:
    poses = make_poses((1, 1))
    with pytest.raises(ValueError, match="frame must ascend"):
        dataclasses.replace(poses, frame=poses.frame[::-1])


def test_a_keypoint_is_found_by_name() -> None:
    assert one().keypoint("left_eye").tolist() == [[3, 4]]
    with pytest.raises(KeyError, match="no keypoint 'toe'; it has: nose, left_eye, right_eye"):
        one().keypoint("toe")


def test_poses_tell_what_they_are() -> None:
    assert repr(make_poses((1, 0, 2))) == "Poses(coco17: 3 people in 3 frames of clip.mp4)"


@settings(max_examples=80, deadline=None)
@given(poses=any_poses(), data=st.data())
def test_the_parts_of_a_split_make_the_whole(poses: Poses, data: Any) -> None:
    t = len(poses.frame_time_s)
    cuts = sorted(data.draw(st.lists(st.integers(0, t), max_size=4)))
    edges = [0, *cuts, t]
    parts = [poses.frames(a, b) for a, b in itertools.pairwise(edges)]
    assert [len(part.frame_time_s) for part in parts] == np.diff(edges).tolist()
    assert_same(concat(parts), poses)


@settings(max_examples=80, deadline=None)
@given(poses=any_poses(), data=st.data())
def test_rows_keeps_the_frames_and_the_rows_asked_for(poses: Poses, data: Any) -> None:
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=len(poses), max_size=len(poses))))
    keep = keep.astype(bool)
    some, others = poses.rows(keep), poses.rows(~keep)
    assert len(some) + len(others) == len(poses)
    np.testing.assert_array_equal(some.frame_time_s, poses.frame_time_s)
    np.testing.assert_array_equal(some.xy, poses.xy[keep])
    np.testing.assert_array_equal(some.frame, poses.frame[keep])
    assert_same(poses.rows(np.flatnonzero(keep)), some)
    assert_same(poses.rows(np.ones(len(poses), dtype=bool)), poses)


def test_frames_takes_positions_as_slices_do() -> None:
    poses = make_poses((1, 0, 2, 1))
    assert poses.frames(1, 3).frame.tolist() == [1, 1]
    assert poses.frames(1, 3).frame_index.tolist() == [5, 7]
    assert len(poses.frames(2, 99)) == 3
    assert len(poses.frames(3, 1).frame_time_s) == 0
    assert_same(poses.frames(-2, 4), poses.frames(2, 4))


def test_concat_keeps_what_all_parts_agree_on() -> None:
    first = make_poses((1,))
    second = dataclasses.replace(first, size_wh=(1, 1), source="b.mp4")
    both = concat([first, second])
    assert (both.size_wh, both.source, both.log) == (None, "", first.log)
    assert concat([first, first]).size_wh == first.size_wh


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([], "at least one"),
        ([make_poses(), make_poses(skeleton=FACE)], "'coco17' and 'face'"),
        ([make_poses(), make_poses(xyz=True)], "xyz_m"),
        ([make_poses(), make_poses(names=True)], "frame_name"),
    ],
)
def test_concat_refuses_what_does_not_join(parts: list[Poses], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        concat(parts)


def test_logged_adds_one_entry_and_leaves_the_rest() -> None:
    poses = make_poses()
    done = poses.logged("smooth", {"cutoff_hz": 6})
    assert done.log[:-1] == poses.log
    assert done.log[-1] == {
        "operation": "smooth",
        "version": kinetrace.__version__,
        "parameters": {"cutoff_hz": 6},
    }
    assert len(poses.log) == 1


@settings(max_examples=80, deadline=None)
@given(poses=any_poses())
def test_bounds_hold_every_keypoint_and_touch_one_on_each_side(poses: Poses) -> None:
    for xy, box in zip(poses.xy, bounds(poses.xy), strict=True):
        there = xy[~np.isnan(xy).any(axis=1)]
        if len(there) == 0:
            assert np.isnan(box).all()
        else:
            assert box.tolist() == [*there.min(axis=0), *there.max(axis=0)]


def test_bounds_of_no_keypoint() -> None:
    assert np.isnan(bounds(np.zeros((2, 0, 2)))).all()
    assert bounds(np.zeros((0, 17, 2))).shape == (0, 4)


def test_a_skeleton_is_checked() -> None:
    with pytest.raises(ValueError, match="names a keypoint twice"):
        Skeleton(name="s", keypoints=("a", "a"))
    with pytest.raises(ValueError, match=r"edges to unknown \['b'\]"):
        Skeleton(name="s", keypoints=("a",), edges=(("a", "b"),))
    with pytest.raises(ValueError, match="2 keypoints but 1 sigmas"):
        Skeleton(name="s", keypoints=("a", "b"), sigmas=(0.1,))


def test_a_skeleton_addresses_by_name() -> None:
    assert len(COCO17) == 17
    assert COCO17.index("left_knee") == 13
    assert FACE.edge_indices == ((0, 1), (0, 2))
    assert FACE.mirror == (0, 2, 1)


def test_importing_the_package_loads_nothing_heavy() -> None:
    import subprocess
    import sys

    code = "import sys, kinetrace; print(sorted({m.partition('.')[0] for m in sys.modules}))"
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "'kinetrace'" in told
    heavy = (
        "numpy",
        "pandas",
        "pyarrow",
        "av",
        "cv2",
        "PIL",
        "torch",
        "mediapipe",
        "matplotlib",
        "rich",
    )
    assert [name for name in heavy if f"'{name}'" in told] == []


def test_the_public_names_are_what_they_say_whatever_was_imported_before() -> None:
    """A submodule of the same name would take a function's place once somebody imports it."""
    import importlib
    import pkgutil
    from types import ModuleType

    import kinetrace

    submodules = {m.name for m in pkgutil.iter_modules(kinetrace.__path__)}
    assert not submodules & set(kinetrace.__all__)
    for name in ("drawing", "pipeline", "poses", "frames", "formats"):
        importlib.import_module(f"kinetrace.{name}")
    assert not any(isinstance(getattr(kinetrace, n), ModuleType) for n in kinetrace.__all__)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = kinetrace.nonsense
