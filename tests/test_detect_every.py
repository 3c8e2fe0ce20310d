"""A film in which the detector looks now and then: figures of three coloured spots on a ground.

A real network finds the spots (each keypoint lies where the crop is reddest, greenest or bluest),
and a real detector, which can be made to err, finds the figures.
"""

from __future__ import annotations

import math
from pathlib import Path

import blob_detector
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinetrace.backends import hrnet
from kinetrace.backends._followed_boxes import merge, strangers, surrounding_boxes
from kinetrace.backends._picture_changes import is_cut, stirs, thumbnail
from kinetrace.boxes import iou
from kinetrace.estimators import Detections, Options
from kinetrace.frames import Frame
from kinetrace.poses import Poses, concat
from kinetrace.topdown.crops import MEAN_RGB, STD_RGB

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

WIDTH, HEIGHT = 320, 240
# Where the red, the green and the blue spot of a figure are, from its centre.
SPOTS = np.array([(0, -40), (22, 0), (-22, 40)], float)


def write_colour_network(path: Path) -> Path:
    """Write a network whose heatmap k is the crop's red, green or blue, by turns."""
    from onnx import TensorProto, helper, numpy_helper

    kernel = np.zeros((17, 3, 4, 4), np.float32)
    for k in range(17):
        kernel[k, k % 3] = STD_RGB[k % 3] / 16
    bias = np.array([MEAN_RGB[k % 3] for k in range(17)], np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "kernel", "bias"], ["heatmaps"], strides=[4, 4])],
        "colour",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, "height", "width"])],
        [helper.make_tensor_value_info("heatmaps", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(kernel, "kernel"), numpy_helper.from_array(bias, "bias")],
    )
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
    return path


def ground(seed: int = 0) -> np.ndarray:
    """Return a dark, structured picture; each seed is another scene."""
    coarse = np.random.default_rng(seed).uniform(0, 40, (6, 8))
    return np.kron(coarse, np.ones((40, 40)))[..., None].repeat(3, axis=2)


def picture(*centres_xy: tuple[float, float], seed: int = 0, light: float = 1.0) -> np.ndarray:
    """Draw figures on a ground; their spots are as bright as `light` says."""
    image = ground(seed)
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    for centre in centres_xy:
        for colour, spot in enumerate(SPOTS + centre):
            squared = (x - spot[0]) ** 2 + (y - spot[1]) ** 2
            drawn = 255 * light * np.exp(-squared / (2 * 5.0**2))
            image[..., colour] = np.maximum(image[..., colour], drawn)
    return np.round(image).astype(np.uint8)


def film(pictures: list[np.ndarray], fps: float = 30.0) -> list[Frame]:
    return [Frame(image, i, i / fps) for i, image in enumerate(pictures)]


def walk(count: int, px_per_frame: float = 2.0) -> list[tuple[float, float]]:
    return [(60 + i * px_per_frame, 120.0) for i in range(count)]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_colour_network(tmp_path_factory.mktemp("network") / "colour.onnx"))


@pytest.fixture
def make(network, tmp_path, monkeypatch):
    """Return a maker of estimators with the detector of blobs, and close what it has made."""
    info = tmp_path / "site" / "blobs-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: blobs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[kinetrace.detectors]\nblobs = blob_detector\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    made = []

    def make_one(detect_every=10, *, continuous=True, **options):
        options = {"detector": "blobs", "quality": "fast", "decode": "dark", **options}
        estimator = hrnet.load(Options(model=network, detect_every=detect_every, **options))
        estimator.reset(continuous=continuous)
        made.append(estimator)
        return estimator

    yield make_one
    for estimator in made:
        estimator.close()


def run(estimator, frames: list[Frame], batch: int = 1) -> Poses:
    return concat([estimator(frames[i : i + batch]) for i in range(0, len(frames), batch)])


def centres(poses: Poses, frame: int) -> list[tuple[float, float]]:
    """Return where the people of a frame are, from the left; each spot must be in its place."""
    found = []
    for xy in poses.xy[poses.frame == frame]:
        centre = xy[:3].mean(axis=0) - SPOTS.mean(axis=0)
        assert np.abs(xy[:3] - SPOTS - centre).max() < 3
        found.append((float(centre[0]), float(centre[1])))
    return sorted(found)


def assert_at(poses: Poses, frame: int, *truth_xy: tuple[float, float]) -> None:
    found = centres(poses, frame)
    assert len(found) == len(truth_xy), f"frame {frame}: {found}"
    for one, other in zip(found, sorted(truth_xy), strict=True):
        assert math.dist(one, other) < 3, f"frame {frame}: {found}"


def test_the_detector_looks_once_in_so_many_frames_and_the_points_stay_right(make):
    """And at the second frame, to confirm whom it has found at the first."""
    path = walk(60)
    poses = run(make(10), film([picture(at) for at in path]))
    assert blob_detector.latest.looked_at == [0, 1, 10, 20, 30, 40, 50]
    for frame, at in enumerate(path):
        assert_at(poses, frame, at)


@pytest.mark.parametrize("fps", [10, 25, 60])
def test_auto_counts_seconds_not_frames(make, fps):
    run(make("auto"), film([picture(at) for at in walk(2 * fps, 80 / fps)], fps))
    looked_s = np.array(blob_detector.latest.looked_at[1:]) / fps
    assert np.allclose(np.diff(looked_s), 0.4, atol=0.5 / fps + 1e-9)
    assert len(looked_s) == 5


def test_auto_counts_frames_in_slow_motion_and_without_a_clock(make):
    still = [picture((100, 120))] * 70
    run(make("auto"), film(still, fps=240))
    assert blob_detector.latest.looked_at == [0, 1, 31, 61]
    run(make("auto"), [Frame(image, i, math.nan) for i, image in enumerate(still)])
    assert blob_detector.latest.looked_at == [0, 1, 13, 25, 37, 49, 61]


def test_frames_that_come_late_bring_the_turn_forward(make):
    times_s = [0, 0.03, 0.06, 0.5, 0.53, 0.56, 1.0]
    image = picture((100, 120))
    run(make("auto"), [Frame(image, i, s) for i, s in enumerate(times_s)])
    assert blob_detector.latest.looked_at == [0, 1, 3, 6]


@pytest.mark.parametrize("detect_every", [5, "auto"])
def test_batches_do_not_change_anything(make, detect_every):
    """Somebody enters, somebody leaves, and there is a cut; by ones, and by eights."""
    pictures = [picture(at) for at in walk(12)]
    pictures += [picture(at, (260, 110)) for at in walk(12)]
    pictures += [picture((100 + i, 100), seed=1) for i in range(9)]
    frames = film(pictures)
    one, eight = (run(make(detect_every), frames, batch) for batch in (1, 8))
    for name in ("frame", "xy", "score", "bbox_xyxy", "bbox_score", "frame_time_s"):
        assert np.array_equal(getattr(one, name), getattr(eight, name), equal_nan=True)


def test_each_frame_is_detected_where_that_is_asked_for(make):
    """As unrelated pictures are: the same people, in batches, whatever was in the frame before."""
    frames = film([picture(at, (260, 110)) for at in walk(20)])
    photos = make("auto", continuous=False)
    expected = run(photos, frames, 8)
    assert blob_detector.latest.looked_at == list(range(20))
    every = make(1)
    assert photos.batch_size == every.batch_size == 8
    assert photos.description["detect_every"] == every.description["detect_every"] == 1
    poses = run(every, frames, 8)
    assert blob_detector.latest.looked_at == list(range(20))
    for name in ("frame", "xy", "score", "bbox_xyxy", "bbox_score"):
        assert np.array_equal(getattr(poses, name), getattr(expected, name), equal_nan=True)


def test_given_boxes_are_read_for_every_frame(make, tmp_path):
    boxes = tmp_path / "boxes.csv"
    rows = [f"{i},{x - 35},{y - 60},{x + 35},{y + 60}" for i, (x, y) in enumerate(walk(20))]
    boxes.write_text("\n".join(["frame,x1,y1,x2,y2", *rows]))
    estimator = make("auto", detector="boxes", boxes=boxes)
    poses = run(estimator, film([picture(at) for at in walk(20)]))
    assert poses.bbox_xyxy[:, 0].tolist() == [25 + 2 * i for i in range(20)]
    assert estimator.description["detect_every"] == 1
    assert estimator.batch_size == 8


def test_the_log_tells_how_often(make):
    assert make("auto").description["detect_every"] == "auto"
    assert make(7).description["detect_every"] == 7
    assert make(7).batch_size == 1


@pytest.mark.parametrize("wrong", [0, -3, "often", 2.5])
def test_how_often_must_make_sense(wrong):
    with pytest.raises(ValueError, match="detect_every"):
        Options(detect_every=wrong)


def test_a_detection_takes_the_place_of_a_box_that_has_drifted(make):
    """The first boxes are askew, and what is made of them too; the next detection is not."""
    estimator = make(10)
    detector = blob_detector.latest
    detector.shifts_px = {0: 12, 1: 12}
    frames = film([picture((100, 120))] * 12)
    poses = run(estimator, frames)
    true = detector([frames[11]])[0].bbox_xyxy
    fit = iou(poses.bbox_xyxy, true)[:, 0]
    assert fit[9] < 0.9
    assert fit[10] == 1
    assert fit[11] > fit[9]
    for frame in range(12):
        assert_at(poses, frame, (100, 120))


def test_who_runs_is_not_lost_between_two_looks(make):
    """24 px a frame, a third of the crop's width: a box where they were would lose them."""
    path = [(50 + 24 * i, 120.0) for i in range(10)]
    poses = run(make(1000), film([picture(at) for at in path]))
    assert blob_detector.latest.looked_at == [0, 1]
    for frame, at in enumerate(path):
        assert_at(poses, frame, at)


def test_who_turns_round_is_not_lost_between_two_looks(make):
    path = [(60 + 12 * i, 120.0) for i in range(14)]
    path += [(x, 130.0) for x, _ in reversed(path)]
    poses = run(make(1000), film([picture(at) for at in path]))
    for frame, at in enumerate(path):
        assert_at(poses, frame, at)


def test_who_walks_out_is_gone_when_they_are_out(make):
    path = walk(40, 9.0)  # at 320 px, the right edge, in frame 29; wholly out of sight in frame 34
    poses = run(make(1000), film([picture(at) for at in path]))
    assert {0, 10, 20, 24} <= set(poses.frame.tolist())
    assert poses.frame.max() < 34


def test_who_vanishes_is_gone_at_that_very_frame(make):
    poses = run(make(1000), film([picture((100, 120))] * 15 + [picture()] * 15))
    assert sorted(set(poses.frame.tolist())) == list(range(15))
    assert blob_detector.latest.looked_at == [0, 1, *range(15, 30)]


@pytest.mark.parametrize("place", [(250, 100), (75, 120)])
def test_a_cut_is_looked_at_at_that_very_frame(make, place):
    """And nobody is taken over from the scene before, however near somebody else is."""
    pictures = [picture((60, 120))] * 15 + [picture(place, seed=1)] * 15
    poses = run(make(1000), film(pictures))
    assert blob_detector.latest.looked_at == [0, 1, 15, 16]
    for frame in range(30):
        assert_at(poses, frame, (60, 120) if frame < 15 else place)


def test_a_fade_into_another_scene_is_looked_at_while_it_lasts(make):
    """Through black, with the same figure standing on: only the picture's change can tell."""
    pictures = []
    for i in range(40):
        scene = ground(0 if i < 20 else 1) * abs(i - 20) / 20
        pictures.append(np.maximum(scene, picture((100, 120)) * (picture((100, 120)) > 60)))
    run(make(1000), film([p.astype(np.uint8) for p in pictures]))
    looked_at = np.array(blob_detector.latest.looked_at)
    assert np.any((looked_at > 5) & (looked_at < 20))
    assert np.any((looked_at > 20) & (looked_at < 40))
    assert len(looked_at) < 15


@pytest.mark.parametrize("detect_every", [10, 1000, "auto"])
def test_a_newcomer_is_noticed_at_once(make, detect_every):
    pictures = [picture((60, 120))] * 22 + [picture((60, 120), (250, 120))] * 8
    poses = run(make(detect_every), film(pictures))
    assert np.unique(poses.frame[poses.xy[:, 0, 0] > 160]).tolist() == list(range(22, 30))


@pytest.mark.parametrize(("detect_every", "found_at"), [(10, 30), ("auto", 34)])
def test_a_newcomer_who_was_overlooked_is_found_at_the_next_turn(make, detect_every, found_at):
    estimator = make(detect_every)
    blob_detector.latest.overlooks = {22: 160}
    pictures = [picture((60, 120))] * 22 + [picture((60, 120), (250, 120))] * 18
    poses = run(estimator, film(pictures))
    assert np.unique(poses.frame[poses.xy[:, 0, 0] > 160]).tolist() == list(range(found_at, 40))


def test_who_is_missed_but_clearly_there_stays(make):
    estimator = make(10)
    blob_detector.latest.misses = {10, 20, 30}
    poses = run(estimator, film([picture(at) for at in walk(40)]))
    for frame, at in enumerate(walk(40)):
        assert_at(poses, frame, at)
    assert poses.bbox_score[39] == poses.bbox_score[1]  # that of the last detection


def test_nobody_is_followed_where_the_network_finds_nothing(make):
    """The detector sees somebody in an empty corner once, as it might a table's foot."""
    estimator = make(10)
    blob_detector.latest.invents = {0: (200, 60, 280, 200), 10: (200, 60, 280, 200)}
    poses = run(estimator, film([picture((60, 120))] * 20))
    assert (poses.xy[:, 0, 0] < 160).all()


def test_who_is_faint_and_not_confirmed_is_gone_with_the_next_frame(make):
    """Seen once by the detector, and by the network with a score that a phantom may have."""
    estimator = make(10)
    detector = blob_detector.latest
    detector.invents = {0: (70, 60, 130, 180)}
    detector.misses = set(range(30))
    poses = run(estimator, film([picture((100, 120), light=0.35)] * 10))
    assert poses.frame.tolist() == [0]
    assert 0.2 < poses.score[0].mean() < 0.4


def test_who_is_faint_and_missed_again_and_again_is_gone_with_the_third_miss(make):
    estimator = make(10)
    detector = blob_detector.latest
    detector.misses = set(range(15))
    detector.invents = dict.fromkeys((0, 1), (70, 60, 130, 180))
    poses = run(estimator, film([picture((100, 120), light=0.4)] * 15))
    assert 0.3 < poses.score[0].mean() < 0.4
    assert detector.looked_at == [0, 1, 10, 11, 12, 13, 14]
    assert poses.frame.tolist() == list(range(12))


def test_who_becomes_faint_and_is_missed_is_gone_at_that_very_frame(make):
    estimator = make(10)
    blob_detector.latest.misses = set(range(15, 20))
    lights = [1.0] * 15 + [0.35] * 5
    poses = run(estimator, film([picture((100, 120), light=light) for light in lights]))
    assert poses.frame.tolist() == list(range(15))


def test_who_becomes_faint_is_looked_for(make):
    pictures = [picture((100, 120), light=1.0 if i < 15 else 0.7) for i in range(20)]
    poses = run(make(1000), film(pictures))
    assert blob_detector.latest.looked_at == [0, 1, 15]  # and from there on that is usual
    assert len(poses) == 20


def test_who_vanishes_beside_another_does_not_become_the_other(make):
    left, right = (100, 90), (180, 150)
    pictures = [picture(left, right)] * 15 + [picture(left)] * 10
    poses = run(make(1000), film(pictures))
    assert 15 in blob_detector.latest.looked_at
    for frame in range(25):
        assert_at(poses, frame, *((left, right) if frame < 15 else (left,)))


def test_of_two_boxes_around_one_the_established_one_stays(make):
    """A second box around the lower half, once; then the detector sees neither."""
    estimator = make(10)
    blob_detector.latest.misses = set(range(11, 20))
    blob_detector.latest.invents = {10: (70, 118, 130, 172)}
    poses = run(estimator, film([picture((100, 120))] * 20))
    assert np.bincount(poses.frame).tolist() == [1] * 10 + [2] + [1] * 9
    for frame in range(11, 20):
        assert_at(poses, frame, (100, 120))


def test_who_is_detected_twice_is_one(make):
    estimator = make(10)
    blob_detector.latest.invents = dict.fromkeys((0, 1, 10), (72, 50, 125, 190))
    poses = run(estimator, film([picture((100, 120))] * 20))
    assert np.bincount(poses.frame).tolist() == [1] * 20
    assert len(blob_detector.latest.looked_at) == 3


def test_no_more_people_than_asked_for(make):
    frames = film([picture((60, 120), (165, 120), (270, 110))] * 25)
    for most in (1, 2):
        poses = run(make(10, max_people=most), frames)
        assert np.bincount(poses.frame).tolist() == [most] * 25
        assert poses.xy[:, 0, 0].max() < (100, 220)[most - 1]  # those surest: from the left


def test_a_new_film_begins_with_nobody(make):
    estimator = make(1000)
    run(estimator, film([picture((100, 120))] * 5))
    detector = blob_detector.latest
    detector.looked_at.clear()
    detector.misses = {0, 1}
    estimator.reset(continuous=True)
    poses = run(estimator, film([picture((100, 120))] * 5))
    assert detector.looked_at == [0, 1, 2, 3]
    assert poses.frame.tolist() == [2, 3, 4]


def test_brightness_and_noise_are_no_cut_another_scene_and_black_are():
    rng = np.random.default_rng(0)
    one, other = (rng.uniform(0, 200, (18, 32)).repeat(20, 0).repeat(20, 1) for _ in range(2))

    def seen(grey):
        noisy = np.clip(grey + rng.normal(0, 3, grey.shape), 0, 255).astype(np.uint8)
        return thumbnail(noisy[..., None].repeat(3, axis=2))

    black = np.zeros_like(one)
    assert not is_cut(seen(one), seen(one * 0.8 + 30))
    assert not is_cut(seen(black), seen(black))
    assert is_cut(seen(one), seen(other))
    assert is_cut(seen(one), seen(black))
    assert is_cut(seen(black), seen(one))


def test_what_moves_is_told_from_who_is_known_to_and_from_the_camera():
    size_wh = (WIDTH, HEIGHT)
    nobody = np.zeros((0, 4))
    before, after = thumbnail(picture((60, 120))), thumbnail(picture((80, 120)))
    assert stirs(before, after, nobody, size_wh)
    assert not stirs(before, after, np.array([(30, 70, 110, 170)]), size_wh)
    assert not stirs(before, before, nobody, size_wh)
    panned = thumbnail(np.roll(picture((60, 120)), 25, axis=1))
    assert not stirs(before, panned, nobody, size_wh)


box = st.tuples(*(st.floats(0, 200),) * 2, *(st.floats(1, 100),) * 2)


@given(st.lists(box, max_size=6), st.lists(box, max_size=6))
def test_each_detection_is_one_followed_person_or_a_new_one(followed, detected):
    """Nothing is lost or doubled: as many boxes as people, each of them given."""
    boxes = [
        np.array([(x, y, x + w, y + h) for x, y, w, h in rows], np.float32).reshape(-1, 4)
        for rows in (followed, detected)
    ]
    ones = np.ones(len(followed), np.float32)
    found = Detections(boxes[1], np.full(len(detected), 0.5, np.float32))
    merged, score, is_detected = merge(boxes[0], ones, found)
    assert is_detected.sum() == len(detected)
    assert np.array_equal(score == 0.5, is_detected)
    assert sorted(map(tuple, merged[is_detected])) == sorted(map(tuple, boxes[1]))
    kept = np.flatnonzero(~is_detected)
    assert (kept < len(followed)).all()
    assert np.array_equal(merged[kept], boxes[0][kept])
    # And nobody new covers somebody who is followed and was left without a detection.
    assert not (iou(boxes[0][kept], merged[len(followed) :]) >= 0.3).any()


@given(st.integers(0, 2**32 - 1), st.floats(0.5, 3))
def test_the_box_holds_the_confident_keypoints_and_moves_and_grows_with_them(seed, scale):
    rng = np.random.default_rng(seed)
    xy = rng.uniform(300, 400, (2, 17, 2))
    score = rng.uniform(0, 1, (2, 17))
    margin = strangers(2, 17).margin
    box = surrounding_boxes(xy, score, margin, (2000, 2000))
    for row in range(2):
        sure = xy[row, score[row] >= 0.2]
        assert (sure >= box[row, :2]).all()
        assert (sure <= box[row, 2:]).all()
    moved = surrounding_boxes(xy * scale + 50, score, margin, (2000, 2000))
    assert np.allclose(moved, box * scale + 50, atol=0.05)
    clipped = surrounding_boxes(xy, score, margin, (350, 350))
    assert clipped.min() >= 0
    assert clipped.max() <= 350
