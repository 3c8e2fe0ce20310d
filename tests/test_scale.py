"""Scale, tilt and lens: against synthetic cameras of which all is known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opensim_walk import side_view
from some_bodies import WALK, renamed, rotated
from some_poses import FACE, make_poses

from kinetrace import lens, scale
from kinetrace.errors import FormatError, SourceError
from kinetrace.poses import concat
from kinetrace.testing import walker


@pytest.mark.parametrize("noise_px", [0, 3])
@pytest.mark.parametrize(("px_per_m", "height_m"), [(200, 1.75), (120, 1.1), (317, 1.95)])
def test_the_scale_follows_from_the_height(px_per_m, height_m, noise_px):
    poses, _ = walker(px_per_m=px_per_m, height_m=height_m, noise_px=noise_px, duration_s=2)
    found = scale.from_height(poses, height_m)
    assert found.px_per_m == pytest.approx(px_per_m, rel=0.001 if not noise_px else 0.02)
    assert found.to_m(px_per_m * 2.5) == pytest.approx(2.5, rel=0.02)


@pytest.mark.shared
def test_the_scale_of_a_laboratorys_walk(shared):
    walk = side_view(shared / "data/opensim_gait2354_simbody", by_ankle=True, px_per_m=300)
    assert scale.from_height(walk, 1.803).px_per_m == pytest.approx(300, rel=0.02)


def test_rows_in_which_somebody_is_not_upright_do_not_count():
    lying = rotated(WALK, 90)
    both = concat([WALK, lying, lying])
    assert scale.from_height(both, 1.75).px_per_m == pytest.approx(200, rel=0.001)
    with pytest.raises(ValueError, match="never seen upright"):
        scale.from_height(lying, 1.75)


def test_somebody_who_comes_nearer_has_no_scale():
    growing = WALK.xy * np.linspace(1, 2, len(WALK))[:, None, None]
    with pytest.raises(ValueError, match=r"varies by \d+ % either way"):
        scale.from_height(dataclasses.replace(WALK, xy=growing), 1.75)


@pytest.mark.parametrize("height_m", [175, 0, -1, np.nan])
def test_a_height_is_in_metres(height_m):
    with pytest.raises(ValueError, match="height in metres, got"):
        scale.from_height(WALK, height_m)


def test_it_must_be_clear_who_has_the_height():
    small, _ = walker(height_m=1.2, duration_s=2.0)
    two = concat([renamed(WALK, 3), renamed(small, 4)])
    with pytest.raises(ValueError, match=r"which person.*\[3, 4\]"):
        scale.from_height(two, 1.75)
    assert scale.from_height(two, 1.2, track_id=4).px_per_m == pytest.approx(200, rel=0.001)
    with pytest.raises(ValueError, match="no person 5"):
        scale.from_height(two, 1.2, track_id=5)
    with pytest.raises(ValueError, match="nobody"):
        scale.from_height(WALK.rows(np.zeros(len(WALK), bool)), 1.75)
    untracked = dataclasses.replace(WALK, frame=np.zeros(len(WALK), int))
    with pytest.raises(ValueError, match="not told apart"):
        scale.from_height(untracked, 1.75)
    with pytest.raises(ValueError, match="never seen upright"):
        scale.from_height(make_poses((1,), skeleton=FACE), 1.75)


def test_the_scale_follows_from_a_line():
    found = scale.from_line((10, 20), (310, 420), 2.5)
    assert found.px_per_m == 200
    for line in (((1, 1), (1, 1), 2.0), ((0, 0), (1, 1), 0.0), ((0, 0), (np.nan, 1), 1.0)):
        with pytest.raises(ValueError, match="both must be above 0"):
            scale.from_line(*line)


def test_metres_go_up_from_the_origin():
    found = scale.Scale(100, 0, "")
    got = scale.to_metres([[[150, 20]], [[50, 120]]], found, origin_xy_px=(50, 120))
    np.testing.assert_allclose(got, [[[1, 1]], [[0, 0]]])


@given(st.floats(-40, 40))
def test_a_tilted_floor_is_levelled(degrees):
    slope = np.radians(degrees)
    ends = (100.0, 500.0), (100 + 300 * np.cos(slope), 500 - 300 * np.sin(slope))
    tilt = scale.tilt_from_line(*ends)
    assert tilt == pytest.approx(degrees, abs=1e-9)
    assert scale.tilt_from_line(*ends[::-1]) == pytest.approx(tilt)
    flat = scale.to_metres(ends, scale.Scale(100, 0, ""), origin_xy_px=ends[0], tilt_deg=tilt)
    np.testing.assert_allclose(flat, [[0, 0], [3, 0]], atol=1e-9)


def test_a_vertical_line_is_no_floor():
    with pytest.raises(ValueError, match="above the other"):
        scale.tilt_from_line((5, 1), (5, 9))


@pytest.mark.parametrize("degrees", [-12, 0, 7])
def test_the_tilt_follows_from_people_who_walk_either_way(degrees):
    back, _ = walker(duration_s=2.0, direction=-1)
    both = concat([renamed(WALK, 0), renamed(back, 1)])
    assert scale.tilt_from_people(rotated(both, degrees)) == pytest.approx(degrees, abs=0.3)
    with pytest.raises(ValueError, match="nobody is seen upright"):
        scale.tilt_from_people(rotated(both, 90))


def brown(xy, fx, fy, cx, cy, k1, k2, p1, p2):
    """The distortion model as Brown wrote it down, forwards."""
    x, y = (xy[..., 0] - cx) / fx, (xy[..., 1] - cy) / fy
    r2 = x * x + y * y
    radial = 1 + k1 * r2 + k2 * r2 * r2
    u = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    v = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
    return np.stack([u * fx + cx, v * fy + cy], axis=-1)


CALIBRATION = """
[left]
name = "cam_01"
size = [1280, 720]
matrix = [[900.0, 0.0, 650.0], [0.0, 905.0, 350.0], [0.0, 0.0, 1.0]]
distortions = [-0.2, 0.05, 0.001, -0.002]
[metadata]
error = 0.1
"""


def test_what_a_lens_bends_is_straightened(tmp_path):
    path = tmp_path / "calibration.toml"
    path.write_text(CALIBRATION)
    straight = dataclasses.replace(WALK, size_wh=(1280, 720))
    bent = brown(straight.xy.astype(float), 900, 905, 650, 350, -0.2, 0.05, 0.001, -0.002)
    seen = dataclasses.replace(straight, xy=bent)
    assert np.nanmax(np.abs(seen.xy - straight.xy)) > 5
    calibration = lens.read_calibration(path, camera="cam_01")
    got = lens.undistort(seen, calibration)
    np.testing.assert_allclose(got.xy, straight.xy, atol=0.05)
    assert got.log[-1]["operation"] == "undistort"
    # The same film at half its size: pixel centres, not corners, are whole numbers.
    half = dataclasses.replace(seen, xy=(bent + 0.5) / 2 - 0.5, size_wh=(640, 360))
    np.testing.assert_allclose(
        lens.undistort(half, calibration).xy, (straight.xy + 0.5) / 2 - 0.5, atol=0.05
    )
    with pytest.raises(ValueError, match="another shape"):
        lens.undistort(dataclasses.replace(seen, size_wh=(720, 1280)), calibration)


def test_boxes_are_straightened_and_what_is_missing_stays_missing():
    poses = make_poses((2, 0, 1))
    matrix = np.array([[1500.0, 0, 960], [0, 1500, 540], [0, 0, 1]])
    calibration = lens.Intrinsics(matrix, np.array([-0.1, 0, 0, 0]), (1920, 1080))
    got = lens.undistort(poses, calibration)
    np.testing.assert_array_equal(np.isnan(got.xy), np.isnan(poses.xy))
    assert np.all(got.bbox_xyxy[:, 2:] > got.bbox_xyxy[:, :2])
    assert np.all(got.bbox_xyxy[:, 2] >= poses.bbox_xyxy[:, 2] - 1)
    none = lens.undistort(poses, dataclasses.replace(calibration, distortion=np.zeros(4)))
    np.testing.assert_allclose(none.xy, poses.xy, atol=1e-3)


def test_a_fisheye_lens_has_its_own_model():
    matrix = np.array([[600.0, 0, 640], [0, 600, 360], [0, 0, 1]])
    k = np.array([0.05, -0.01, 0.002, 0.0])
    calibration = lens.Intrinsics(matrix, k, (1280, 720), is_fisheye=True)
    straight = np.array([[[640.0, 360], [1000, 500], [200, 100]]])
    ray = (straight - (640, 360)) / 600
    r = np.linalg.norm(ray, axis=-1, keepdims=True)
    theta = np.arctan(r)
    bent = theta * (1 + k[0] * theta**2 + k[1] * theta**4 + k[2] * theta**6)
    xy = ray * bent / np.where(r > 0, r, 1) * 600 + (640, 360)
    poses = dataclasses.replace(make_poses((1,), skeleton=FACE), xy=xy, size_wh=None)
    np.testing.assert_allclose(lens.undistort(poses, calibration).xy, straight, atol=0.01)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("matrix = [", "not a TOML file"),
        ("[metadata]\nerror = 0", "say which camera; there are: none"),
        (
            CALIBRATION + CALIBRATION.split("[metadata]")[0].replace("[left]", "[other]"),
            "left, oth",
        ),
        ("[a]\nmatrix = [[1]]\ndistortions = [0,0,0,0]\nsize = [1, 1]", "matrix must be 3 x 3"),
        ("[a]\nmatrix = [[1]]\ndistortions = [0,0,0,0]", "needs size, matrix"),
        (CALIBRATION.replace("-0.2, ", ""), "distortions"),
        (CALIBRATION.replace("[left]", "[left]\nfisheye = true").replace("0.001,", "0,0,"), "dist"),
    ],
)
def test_what_is_no_calibration_is_refused(tmp_path, text, complaint):
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(FormatError, match=complaint):
        lens.read_calibration(path)


def test_a_calibration_that_is_not_there(tmp_path):
    with pytest.raises(SourceError, match="no such file"):
        lens.read_calibration(tmp_path / "c.toml")
    (tmp_path / "c.toml").write_text(CALIBRATION)
    with pytest.raises(FormatError, match="no camera 'x'; there are: left"):
        lens.read_calibration(tmp_path / "c.toml", camera="x")


@pytest.mark.shared
def test_a_real_calibration_is_read(shared):
    found = lens.read_calibration(shared / "data/videos/walk_and_jump_calibration.toml")
    assert found.size_wh == (1768, 994)
    assert found.matrix[0, 0] == pytest.approx(2520.09, abs=0.01)
