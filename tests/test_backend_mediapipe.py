"""The landmarks are MediaPipe's own; its traps are dealt with; nobody is invented."""

from __future__ import annotations

import gc
import math

import cv2
import numpy as np
import pytest

from kinetrace import demo, weights
from kinetrace.backends import mediapipe as backend
from kinetrace.backends._landmarker import Landmarker
from kinetrace.errors import PluginError, WeightsError
from kinetrace.estimators import Options
from kinetrace.frames import Frame, open_frames
from kinetrace.pipeline import estimate, estimate_frames

mediapipe = pytest.importorskip("mediapipe")
pytestmark = pytest.mark.models

MODELS = ["mediapipe-full", "mediapipe-lite", "mediapipe-heavy"]


@pytest.fixture(scope="module")
def bundle():
    return weights.task_bundle("mediapipe-full")


@pytest.fixture
def estimator():
    made = backend.load(Options())
    yield made
    made.close()


def bare_loop(frames, bundle, *, film, **options):
    """Run a Pose Landmarker as MediaPipe's guide shows it: (T,) of None or (33, 4)."""
    from mediapipe.tasks.python import BaseOptions, vision

    mode = vision.RunningMode.VIDEO if film else vision.RunningMode.IMAGE
    asked = vision.PoseLandmarkerOptions(
        base_options=BaseOptions(model_asset_buffer=bundle), running_mode=mode, **options
    )
    found = []
    with vision.PoseLandmarker.create_from_options(asked) as landmarker:
        for frame in frames:
            height, width = frame.image.shape[:2]
            image = mediapipe.Image(
                image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(frame.image)
            )
            if film:
                result = landmarker.detect_for_video(image, int(frame.time_s * 1000 + 1e-6))
            else:
                result = landmarker.detect(image)
            if not result.pose_landmarks:
                found.append(None)
                continue
            points, world = result.pose_landmarks[0], result.pose_world_landmarks[0]
            found.append(
                np.array(
                    [
                        (p.x * width, p.y * height, p.visibility, w.x, w.y, w.z)
                        for p, w in zip(points, world, strict=True)
                    ]
                )
            )
    return found


def assert_equal_where_reported(poses, bare, size_whs):
    for row, position in enumerate(poses.frame):
        expected = bare[position]
        assert expected is not None
        width, height = size_whs[position]
        inside = np.all((expected[:, :2] >= 0) & (expected[:, :2] <= (width, height)), axis=1)
        assert np.array_equal(~np.isnan(poses.xy[row, :, 0]), inside)
        assert np.abs(poses.xy[row] - expected[:, :2])[inside].max() < 1e-3
        assert np.abs(poses.score[row] - expected[:, 2])[inside].max() < 1e-5
        assert np.abs(poses.xyz_m[row] - expected[:, 3:])[inside].max() < 1e-5
        assert np.all(poses.score[row][~inside] == 0)
        assert np.isnan(poses.xyz_m[row][~inside]).all()


@pytest.mark.shared
def test_a_films_landmarks_are_those_of_a_bare_loop(shared, bundle, estimator):
    path = shared / "data/videos/walk_and_jump.mp4"
    with open_frames(path) as frames:
        pixels = list(frames)
    with open_frames(path) as frames:
        parts = [p for _, p in estimate_frames(frames, estimator)]
    bare = bare_loop(pixels, bundle, film=True)
    from kinetrace import concat

    poses = concat(parts)
    assert_equal_where_reported(poses, bare, [f.size_wh for f in pixels])
    seen = sum(found is not None for found in bare)
    assert len(poses) > 0.9 * seen  # a second look may hold back a few, not most


@pytest.mark.shared
def test_photos_landmarks_are_those_of_a_bare_loop(shared, bundle, estimator):
    paths = sorted((shared / "data/coco_ccby/images").iterdir())
    with open_frames(paths) as frames:
        pixels = list(frames)
    poses = estimate(paths)
    bare = bare_loop(pixels, bundle, film=False)
    assert_equal_where_reported(poses, bare, [f.size_wh for f in pixels])
    assert poses.frame_name == tuple(p.name for p in paths)
    assert len(poses) > 0.7 * sum(found is not None for found in bare)


@pytest.mark.shared
def test_nobody_is_reported_in_an_empty_scene(shared):
    """Stretches of frames in which the room is empty, as seen by eye; a table stands in it."""
    empty = [(0, 55), (210, 228), (455, 505), (705, 745), (880, 925), (1205, 1238), (1365, 1394)]
    poses = estimate(shared / "data/videos/one_by_one.mp4")
    index = poses.frame_index[poses.frame]
    phantoms = sum(int(((index >= a) & (index < b)).sum()) for a, b in empty)
    frames = sum(b - a for a, b in empty)
    assert phantoms == 0, f"{phantoms} phantoms in {frames} empty frames"
    assert len(poses) > 900  # and the people who come by are seen


@pytest.mark.parametrize("name", MODELS)
def test_every_model_follows_the_demonstration(name, tmp_path):
    demo.write_film(tmp_path / "demo.mp4")
    poses = estimate(tmp_path / "demo.mp4", model=name)
    assert len(poses) >= 0.9 * demo.FRAMES
    assert demo.error_px(poses) < 12
    assert poses.log[0]["parameters"]["model"] == name
    # Hips in metres: the landmarks' own origin is between them.
    hips = poses.xyz_m[:, [poses.skeleton.index("left_hip"), poses.skeleton.index("right_hip")]]
    both = hips[~np.isnan(hips).any(axis=(1, 2))]
    assert np.abs(both.mean(axis=1)).max() < 0.05 if len(both) else True


def test_short_names_of_models_work(tmp_path):
    image = demo.portrait()
    full = estimate(image, model="full")
    assert np.array_equal(full.xy, estimate(image, model="mediapipe-full").xy, equal_nan=True)


def test_a_new_film_starts_afresh(estimator, tmp_path):
    """Times may go back, and the smoothing of the last film has no part in the next."""
    demo.write_film(tmp_path / "demo.mp4")
    runs = []
    for _ in range(2):
        with open_frames(tmp_path / "demo.mp4", end_s=0.5) as frames:
            runs.append([p for _, p in estimate_frames(frames, estimator)])
    for first, second in zip(*runs, strict=True):
        assert np.array_equal(first.xy, second.xy, equal_nan=True)


def test_times_that_stand_still_or_crowd_a_millisecond_are_taken(bundle):
    landmarker = Landmarker(bundle, most_people=1, film=True)
    image = demo.portrait()
    for time_s in (0.0, 0.0, 0.0002, 0.0004, 0.1, 0.05):
        assert len(landmarker(image, time_s).xy) == 1
    with pytest.raises(ValueError, match="time"):
        landmarker(image, math.nan)
    landmarker.close()


def test_use_after_close_is_an_error_and_not_an_empty_scene(bundle):
    landmarker = Landmarker(bundle, most_people=1, film=False)
    landmarker.close()
    landmarker.close()
    with pytest.raises(RuntimeError, match="closed"):
        landmarker(demo.portrait(), 0.0)
    estimator = backend.load(Options())
    estimator.close()
    estimator.close()
    with pytest.raises(RuntimeError, match="closed"):
        estimator([Frame(demo.portrait(), 0, 0.0)])


def test_a_landmarker_that_fails_is_let_go(bundle):
    """MediaPipe refuses the image; neither closing nor the garbage collector hangs on it."""
    landmarker = Landmarker(bundle, most_people=1, film=False)
    with pytest.raises((RuntimeError, ValueError, TypeError)):
        landmarker(np.zeros((8, 8), np.uint8), 0.0)
    landmarker.close()
    del landmarker
    gc.collect()


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 3000, 3), (3000, 2, 3), (17, 31, 3)])
def test_odd_shapes_have_nobody_in_them(estimator, shape):
    poses = estimator([Frame(np.full(shape, 90, np.uint8), 0, 0.0)])
    assert len(poses) == 0
    assert len(poses.frame_time_s) == 1


def test_what_lies_beyond_the_picture_is_missing():
    """The portrait ends at the waist: MediaPipe guesses legs below it, and they are not points."""
    poses = estimate(demo.portrait())
    knee = poses.skeleton.index("left_knee")
    assert np.isnan(poses.xy[0, knee]).all()
    assert poses.score[0, knee] == 0
    assert np.all(poses.xy[~np.isnan(poses.xy)] >= 0)


def side_by_side(count):
    portrait = cv2.resize(demo.portrait(), (384, 384))
    return np.hstack([portrait] * count)


def test_several_people_are_found_each_once():
    poses = estimate(side_by_side(2), max_people="all")
    assert len(poses) == 2
    left, right = np.sort(poses.keypoint("nose")[:, 0])
    assert right - left == pytest.approx(384, abs=10)
    assert len(estimate(side_by_side(2), max_people=1)) == 1
    assert not np.isnan(poses.bbox_score).any()


def test_a_crop_gives_the_same_place_as_the_picture():
    alone = estimate(demo.portrait())
    in_crop = estimate(demo.portrait(), max_people=3)
    apart_px = np.linalg.norm(alone.xy[0, :13] - in_crop.xy[0, :13], axis=1)
    assert np.median(apart_px) < 10  # of 512


def test_more_people_than_asked_for_are_left_out():
    assert len(estimate(side_by_side(3), max_people=2)) <= 2


def test_a_model_of_another_kind_is_refused(tmp_path):
    wrong = tmp_path / "wrong.task"
    wrong.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(WeightsError):
        estimate(demo.portrait(), model=str(wrong))
    with pytest.raises(WeightsError, match="there is no"):
        estimate(demo.portrait(), model="mediapipe-gigantic")
    with pytest.raises(PluginError, match="detectors"):
        estimate(demo.portrait(), max_people=2, detector="none-such")


def test_nobody_at_least_is_an_error():
    with pytest.raises(ValueError, match="max_people"):
        Options(max_people=0)
