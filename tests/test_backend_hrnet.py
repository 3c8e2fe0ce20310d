"""The HRNet backend: from pictures and boxes to keypoints in the right places."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from kinetrace import estimate, weights
from kinetrace.backends import hrnet
from kinetrace.errors import MissingExtraError, WeightsError
from kinetrace.estimators import Options
from kinetrace.frames import Frame
from kinetrace.skeletons import COCO17

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from tiny_networks import write_brightness_network


def bright_spot(xy, size_wh=(320, 240), sigma_px=6.0):
    """Draw one smooth white spot on black."""
    x, y = np.meshgrid(np.arange(size_wh[0]), np.arange(size_wh[1]))
    value = 255 * np.exp(-((x - xy[0]) ** 2 + (y - xy[1]) ** 2) / (2 * sigma_px**2))
    return np.repeat(np.round(value).astype(np.uint8)[..., None], 3, axis=2)


def write_boxes(path, rows):
    lines = ["frame,x1,y1,x2,y2,score", *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def network(tmp_path):
    return str(write_brightness_network(tmp_path / "brightness.onnx"))


@pytest.mark.parametrize("quality", ["best", "fast"])
@pytest.mark.parametrize("decode", ["default", "dark", "udp"])
@pytest.mark.parametrize("spot", [(160.0, 120.0), (101.3, 77.8), (230.6, 190.2)])
def test_keypoints_are_where_the_heatmaps_peak(network, tmp_path, spot, decode, quality):
    """A network that answers with brightness finds the bright spot, by every decoding."""
    boxes = write_boxes(tmp_path / "boxes.csv", [(0, 60, 40, 260, 230, 0.9)])
    options = Options(model=network, detector="boxes", boxes=boxes, decode=decode, quality=quality)
    estimator = hrnet.load(options)
    poses = estimator([Frame(bright_spot(spot), 0, 0.0)])
    estimator.close()
    assert poses.skeleton == COCO17
    assert len(poses) == 1
    # A heatmap pixel is 5 px here: 200 px of box x 1.25 over 48 heatmap pixels, and its centre
    # lies between the four input pixels that it averages.
    error_px = np.abs(poses.xy[0] - spot).max()
    assert error_px < (4.0 if decode == "default" else 3.0)
    assert np.all(poses.score > 0.4)
    assert poses.bbox_score[0] == pytest.approx(0.9)


def test_people_of_many_frames_share_batches_and_keep_apart(network, tmp_path):
    """More crops than fit in a batch, several people a frame, and frames of two sizes."""
    rng = np.random.default_rng(0)
    frames, rows, spots = [], [], []
    for index in range(7):
        size_wh = (320, 240) if index % 2 else (200, 300)
        image = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
        for left in range(3 if index != 3 else 0):
            x, y = left * 60 + 40 + rng.uniform(-8, 8), rng.uniform(60, 150)
            image = np.maximum(image, bright_spot((x, y), size_wh, sigma_px=3))
            rows.append((index, x - 20, y - 26, x + 20, y + 26, 0.5))
            spots.append((index, x, y))
        frames.append(Frame(image, index, index / 10))
    boxes = write_boxes(tmp_path / "boxes.csv", rows)
    estimator = hrnet.load(Options(model=network, detector="boxes", boxes=boxes, decode="dark"))
    poses = estimator(frames)
    assert len(poses.frame_time_s) == 7
    assert len(poses) == len(spots) == 18
    for row in range(len(poses)):
        near = [s for s in spots if s[0] == poses.frame[row]]
        distance = min(np.hypot(*(poses.xy[row, 0] - s[1:])) for s in near)
        assert distance < 2.0
    one_by_one = [estimator([frame]) for frame in frames]
    assert np.allclose(np.concatenate([p.xy for p in one_by_one]), poses.xy, atol=1e-3)
    estimator.close()


def test_the_same_person_twice_is_one(network, tmp_path):
    rows = [(0, 60, 40, 260, 230, 0.9), (0, 62, 41, 261, 231, 0.8)]
    boxes = write_boxes(tmp_path / "boxes.csv", rows)
    estimator = hrnet.load(Options(model=network, detector="boxes", boxes=boxes))
    poses = estimator([Frame(bright_spot((160, 120)), 0, 0.0)])
    assert poses.bbox_score.tolist() == pytest.approx([0.9])
    estimator.close()


def test_nobody_detected_is_nobody(network, tmp_path):
    boxes = write_boxes(tmp_path / "boxes.csv", [(5, 60, 40, 260, 230, 0.9)])
    estimator = hrnet.load(Options(model=network, detector="boxes", boxes=boxes))
    poses = estimator([Frame(bright_spot((160, 120)), i, i / 10) for i in range(3)])
    assert len(poses) == 0
    assert len(poses.frame_time_s) == 3
    estimator.close()
    with pytest.raises(RuntimeError, match="closed"):
        estimator([Frame(bright_spot((160, 120)), 0, 0.0)])


def test_only_as_many_people_as_asked_for(network, tmp_path):
    rows = [(0, 10, 10, 60, 90, 0.6), (0, 150, 100, 230, 200, 0.9)]
    boxes = write_boxes(tmp_path / "boxes.csv", rows)
    image = np.maximum(bright_spot((35, 50)), bright_spot((190, 150)))
    for most, expected in ((1, [0.9]), ("all", [0.9, 0.6]), (None, [0.9, 0.6])):
        options = Options(model=network, detector="boxes", boxes=boxes, max_people=most)
        estimator = hrnet.load(options)
        poses = estimator([Frame(image, 0, 0.0)])
        assert sorted(poses.bbox_score.tolist(), reverse=True) == pytest.approx(expected)
        estimator.close()


def test_another_number_of_keypoints_is_taken_without_names(tmp_path):
    path = write_brightness_network(tmp_path / "hand.onnx", keypoints=21)
    poses = estimate(bright_spot((160, 120)), backend="hrnet", model=str(path), detector="whole")
    assert len(poses.skeleton) == 21
    assert poses.skeleton.keypoints[0] == "keypoint_0"


def test_the_log_tells_what_ran(network):
    poses = estimate(bright_spot((160, 120)), backend="hrnet", model=network, detector="whole")
    told = poses.log[0]["parameters"]
    assert told["backend"] == "hrnet"
    assert len(told["sha256"]["brightness.onnx"]) == 64
    assert told["flip"] is True
    assert told["input_size_wh"] == (192, 256)
    assert told["detector"]["detector"] == "whole"


def test_a_file_that_is_no_pose_network_is_refused(tmp_path):
    path = tmp_path / "text.onnx"
    path.write_text("not a network")
    with pytest.raises(WeightsError, match="text.onnx"):
        hrnet.load(Options(model=str(path), detector="whole"))
    with pytest.raises(WeightsError, match="mediapipe"):
        hrnet.load(Options(model="mediapipe-full", detector="whole"))


def test_an_input_size_that_does_not_fit_the_strides_is_refused(network):
    with pytest.raises(ValueError, match="multiples of 32"):
        Options(model=network, input_size_wh=(190, 256))


def test_a_missing_package_names_the_line_that_installs_it(network, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"kinetrace\[hrnet\]"):
        hrnet.load(Options(model=network, detector="whole"))


def test_a_checkpoint_of_pytorch_is_converted_once(tmp_path, monkeypatch):
    """A small HRNet, saved as the authors save theirs, gives what its own graph gives."""
    torch = pytest.importorskip("torch")
    from kinetrace.networks import W18_SMALL

    rng = np.random.default_rng(0)
    state = {
        name: torch.from_numpy(
            np.abs(rng.normal(0.5, 0.1, shape)).astype(np.float32)
            if name.endswith("running_var")
            else rng.normal(0, 0.05, shape).astype(np.float32)
        )
        for name, shape in W18_SMALL.parameter_shapes.items()
    }
    path = tmp_path / "small.pth"
    torch.save(state, path)
    monkeypatch.setenv("KINETRACE_CACHE", str(tmp_path / "cache"))
    image = bright_spot((160, 120))
    poses = estimate(image, backend="hrnet", model=str(path), detector="whole")
    assert poses.skeleton == COCO17
    graphs = list(weights.cache_folder().glob("small-*.onnx"))
    assert len(graphs) == 1
    made = graphs[0].stat().st_mtime_ns
    again = estimate(image, backend="hrnet", model=str(path), detector="whole")
    assert graphs[0].stat().st_mtime_ns == made
    assert np.array_equal(again.xy, poses.xy, equal_nan=True)
    assert not list(tmp_path.glob("*.onnx"))  # a user's folder is not written into


@pytest.mark.shared
def test_tinypose_finds_the_people_of_coco(shared):
    """Ground-truth boxes: most labelled keypoints lie within 0.2 of the person's size."""
    from kinetrace.formats import read

    truth = read(shared / "data/coco_ccby/person_keypoints.json")
    images = [shared / "data/coco_ccby/images" / name for name in truth.frame_name]
    poses = estimate(
        images,
        backend="hrnet",
        model=str(shared / "models/tinypose_256x192.onnx"),
        detector="boxes",
        boxes=shared / "data/coco_ccby/person_keypoints.json",
    )
    close = seen = 0
    for row in range(len(truth)):
        labelled = ~np.isnan(truth.xy[row, :, 0])
        if labelled.sum() < 8:
            continue
        same = np.flatnonzero(poses.frame == truth.frame[row])
        size_px = np.sqrt(np.prod(truth.bbox_xyxy[row, 2:] - truth.bbox_xyxy[row, :2]))
        apart = np.linalg.norm(poses.xy[same] - truth.xy[row], axis=2)[:, labelled]
        best = apart[np.nansum(apart, axis=1).argmin()]
        close += np.sum(best < 0.2 * size_px)
        seen += labelled.sum()
    assert close / seen > 0.9
