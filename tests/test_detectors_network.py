from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinetrace.detectors import rtmdet, yolox
from kinetrace.detectors._letterbox import fit, letterbox
from kinetrace.detectors._outputs import recognise
from kinetrace.errors import WeightsError
from kinetrace.estimators import Options

pytest.importorskip("onnx", reason="onnx makes the networks of these tests")
pytest.importorskip("onnxruntime")
from detector_networks import Shape, detect, picture, save, write_boxes, write_grid
from onnx import TensorProto, helper

sides = st.integers(min_value=1, max_value=3000)


@settings(max_examples=40, deadline=None)
@given(
    width=sides,
    height=sides,
    size=st.sampled_from([320, 640]),
    corners=st.tuples(*[st.floats(0, 1)] * 4),
)
def test_a_box_in_the_input_comes_back_where_it_was_in_the_picture(
    tmp_path_factory: pytest.TempPathFactory,
    width: int,
    height: int,
    size: int,
    corners: tuple[float, float, float, float],
) -> None:
    x1, x2 = np.sort(corners[:2]) * width
    y1, y2 = np.sort(corners[2:]) * height
    # As MMDetection scales: the longer side to `size`, both rounded to whole pixels.
    scale = min(size / width, size / height)
    wide, tall = max(1, int(width * scale + 0.5)), max(1, int(height * scale + 0.5))
    box = np.array([x1 * wide / width, y1 * tall / height, x2 * wide / width, y2 * tall / height])
    path = write_boxes(tmp_path_factory.mktemp("net") / "a.onnx", [*box, 0.9])
    (found,) = detect(rtmdet.load, path, picture(width, height), detector_size_px=size)
    if x2 - x1 > 1e-3 and y2 - y1 > 1e-3:
        np.testing.assert_allclose(found.bbox_xyxy, [[x1, y1, x2, y2]], atol=0.5)
    assert len(found.score) <= 1


@settings(max_examples=25, deadline=None)
@given(data=st.data(), width=st.integers(40, 2000), height=st.integers(40, 2000))
def test_what_shines_in_the_picture_is_found_where_it_shines(
    finder: Path, data: st.DataObject, width: int, height: int
) -> None:
    """Truth is the picture: the network looks for bright pixels in what it is given."""
    x1 = data.draw(st.integers(0, width * 3 // 4))
    y1 = data.draw(st.integers(0, height * 3 // 4))
    x2 = data.draw(st.integers(x1 + width // 5, width))
    y2 = data.draw(st.integers(y1 + height // 5, height))
    frame = picture(width, height, (0, 0, 0))
    frame.image[y1:y2, x1:x2] = 255
    (found,) = detect(rtmdet.load, finder, frame)
    # An edge is known to half a pixel of the input, which was rounded to half a pixel before.
    input_px = max(width, height) / 320
    atol = max(1.0, input_px + 0.5)
    if min(x2 - x1, y2 - y1) > 4 * input_px:
        np.testing.assert_allclose(found.bbox_xyxy, [[x1, y1, x2, y2]], atol=atol)
    assert (found.bbox_xyxy >= 0).all()
    assert (found.bbox_xyxy <= (width, height, width, height)).all()


@pytest.fixture(scope="module")
def finder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An RTMDet whose only person is the bounding box of all pixels that are brighter than 160."""
    nodes = [
        helper.make_node("Greater", ["image", "threshold"], ["bright"]),
        helper.make_node("Cast", ["bright"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["mask"], ["columns"], axes=[1, 2], keepdims=0),
        helper.make_node("ReduceMax", ["mask"], ["rows"], axes=[1, 3], keepdims=0),
    ]
    ends = []
    for side in ("columns", "rows"):
        for last in (0, 1):
            name = f"{side}{last}"
            nodes += [
                helper.make_node("ArgMax", [side], [name], axis=1, select_last_index=last),
                helper.make_node("Cast", [name], [f"{name}f"], to=TensorProto.FLOAT),
                helper.make_node("Add", [f"{name}f", "one" if last else "zero"], [f"{name}e"]),
            ]
            ends.append(f"{name}e")
    order = [ends[0], ends[2], ends[1], ends[3], "score"]
    nodes += [
        helper.make_node("Concat", order, ["row"], axis=1),
        helper.make_node("Reshape", ["row", "shape"], ["dets"]),
        helper.make_node("Identity", ["classes"], ["labels"]),
    ]
    mean, std = np.array([103.53, 116.28, 123.675]), np.array([57.375, 57.12, 58.395])
    return save(
        tmp_path_factory.mktemp("net") / "finder.onnx",
        nodes,
        [("dets", TensorProto.FLOAT, ("N", 1, 5)), ("labels", TensorProto.INT64, ("N", 1))],
        input_shape=("N", 3, "H", "W"),
        threshold=((160 - mean) / std).astype(np.float32).reshape(3, 1, 1),
        one=np.ones((1, 1), np.float32),
        zero=np.zeros((1, 1), np.float32),
        score=np.full((1, 1), 0.9, np.float32),
        shape=np.array([1, 1, 5]),
        classes=np.zeros((1, 1), np.int64),
    )


@pytest.mark.parametrize(
    ("load", "mean", "std"),
    [
        (rtmdet.load, (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)),
        (yolox.load, (0, 0, 0), (1, 1, 1)),
    ],
)
def test_channels_are_blue_first_and_normalised_as_each_was_trained(
    tmp_path: Path, load: Any, mean: Any, std: Any
) -> None:
    """The box that this network finds is what it sees in the first pixel's three channels."""
    nodes = [
        helper.make_node("Slice", ["image", "from", "to", "axes"], ["pixel"]),
        helper.make_node("Reshape", ["pixel", "three"], ["bgr"]),
        helper.make_node("Add", ["bgr", "offset"], ["shifted"]),
        helper.make_node("Concat", ["zero", "shifted", "score"], ["row"], axis=0),
        helper.make_node("Reshape", ["row", "shape"], ["dets"]),
        helper.make_node("Identity", ["classes"], ["labels"]),
    ]
    path = save(
        tmp_path / "a.onnx",
        nodes,
        [("dets", TensorProto.FLOAT, (1, 1, 5)), ("labels", TensorProto.INT64, (1, 1))],
        input_shape=("N", 3, "H", "W"),
        **{"from": np.array([0, 0]), "to": np.array([1, 1]), "axes": np.array([2, 3])},
        three=np.array([3]),
        offset=np.array([3, 20, 30], np.float32),
        zero=np.zeros(1, np.float32),
        score=np.full(1, 0.9, np.float32),
        shape=np.array([1, 1, 5]),
        classes=np.zeros((1, 1), np.int64),
    )
    bgr = (60.0, 90.0, 130.0)
    (found,) = detect(load, path, picture(320, 320, (130, 90, 60)), detector_size_px=320)
    seen = (np.array(bgr) - mean) / std + (3, 20, 30)
    np.testing.assert_allclose(found.bbox_xyxy[0], [0, *seen], atol=1e-4)


def test_the_picture_is_at_the_top_left_of_grey() -> None:
    frame = picture(40, 80, (9, 9, 9))
    fitted = fit(frame.size_wh, (64, 64))
    assert fitted.scaled_wh == (32, 64)
    boxed = letterbox(frame.image, fitted.scaled_wh, (64, 64))
    assert (boxed[:, :32] == 9).all()
    assert (boxed[:, 32:] == 114).all()


@given(
    size=st.tuples(st.integers(1, 20000), st.integers(1, 20000)),
    into=st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
def test_a_fitted_picture_fills_the_input_in_one_direction(
    size: tuple[int, int], into: tuple[int, int]
) -> None:
    into = (into[0] * 32, into[1] * 32)
    fitted = fit(size, into)
    wide, tall = fitted.scaled_wh
    assert (wide == into[0] and 1 <= tall <= into[1]) or (tall == into[1] and 1 <= wide <= into[0])
    # Neither side is off the true ratio by more than the rounding to a whole pixel.
    scale = min(into[0] / size[0], into[1] / size[1])
    assert abs(wide - size[0] * scale) <= 0.5 + 1e-6 or wide == 1
    assert abs(tall - size[1] * scale) <= 0.5 + 1e-6 or tall == 1


def test_only_people_above_the_threshold_count_best_first(tmp_path: Path) -> None:
    dets = [
        [0, 0, 10, 10, 0.31],
        [20, 0, 30, 10, 0.95],
        [40, 0, 50, 10, 0.99],  # another class
        [60, 0, 70, 10, 0.29],
        [80, 0, 90, 10, 0.5],
        [0, 0, 0, 0, 0.0],  # what fills up a batch
    ]
    path = write_boxes(tmp_path / "a.onnx", dets, [0, 0, 7, 0, 0, -1])
    (found,) = detect(rtmdet.load, path, picture(320, 320))
    np.testing.assert_allclose(found.score, [0.95, 0.5, 0.31], atol=1e-6)
    np.testing.assert_allclose(found.bbox_xyxy[:, 0], [20, 80, 0], atol=1e-4)
    (found,) = detect(rtmdet.load, path, picture(320, 320), min_detection_score=0.0)
    assert len(found.score) == 4  # the empty box never counts
    (found,) = detect(rtmdet.load, path, picture(320, 320), min_detection_score=0.6)
    assert len(found.score) == 1


def test_boxes_are_clipped_to_the_picture_and_dropped_outside_it(tmp_path: Path) -> None:
    dets = [[-50, 10, 100, 400, 0.9], [150, 200, 200, 300, 0.8], [np.nan, 0, 9, 9, 0.7]]
    path = write_boxes(tmp_path / "a.onnx", dets)
    (found,) = detect(rtmdet.load, path, picture(640, 320))  # of the input, 320 x 160 is picture
    np.testing.assert_allclose(found.bbox_xyxy, [[0, 20, 200, 320]])


@pytest.mark.parametrize("batch", [1, "N"])
def test_a_network_with_suppression_inside_sees_picture_after_picture(
    tmp_path: Path, batch: int | str
) -> None:
    """OpenMMLab's exports promise a free batch and fail on one; so does this."""
    dets = [[0, 0, 10, 10, 0.9]]
    path = write_boxes(tmp_path / "a.onnx", dets, input_shape=(batch, 3, 320, 320))
    small, large = picture(320, 320), picture(640, 320)
    found = detect(rtmdet.load, path, small, small, large, small)
    assert [each.bbox_xyxy.tolist() for each in found] == [
        [[0, 0, 10, 10]],
        [[0, 0, 10, 10]],
        [[0, 0, 20, 20]],
        [[0, 0, 10, 10]],
    ]


def test_a_network_that_answers_once_for_a_batch_is_refused(tmp_path: Path) -> None:
    # With more threads than pictures, pictures go through it together.
    nodes = [helper.make_node("Identity", ["cells"], ["output"])]
    outputs: list[tuple[str, int, Shape]] = [("output", TensorProto.FLOAT, ("N", 126, 6))]
    path = save(
        tmp_path / "a.onnx",
        nodes,
        outputs,
        input_shape=("N", 3, 64, 96),
        cells=np.zeros((1, 126, 6), np.float32),
    )
    with pytest.raises(WeightsError, match="1 results for 2 pictures"):
        detect(yolox.load, path, picture(96, 64), picture(96, 64), threads=5)


@pytest.mark.parametrize(
    ("shapes", "kind"),
    [
        ([(None, None, None), (None, None)], "boxes"),
        ([(1, 100, 5), (1, 100)], "boxes"),
        ([(1, 8400, 85)], "grid"),
        ([(None, 8400, 6)], "grid"),
        ([(None, None, 85)], "grid"),
    ],
)
def test_a_network_is_recognised_by_its_outputs(shapes: Any, kind: str) -> None:
    assert recognise(shapes) == kind


@pytest.mark.parametrize(
    "shapes",
    [
        [(1, 84, 8400)],  # YOLOv8
        [(None, 17, 64, 48)],  # heatmaps
        [(1, 100, 6), (1, 100)],
        [(1, 8400, 5)],
        [(1, 1000)],
        [(1, 100, 5), (1, 100), (1, 100, 28, 28)],  # Mask R-CNN
        [],
    ],
)
def test_a_network_of_another_kind_is_refused(shapes: Any) -> None:
    with pytest.raises(WeightsError, match="MMDeploy"):
        recognise(shapes)


def test_errors_name_the_file_and_the_way_out(tmp_path: Path) -> None:
    grid = write_grid(tmp_path / "grid.onnx", np.zeros((126, 6)))
    with pytest.raises(WeightsError, match=r"grid.onnx.*'yolox'"):
        rtmdet.load(Options(model=str(grid)))
    with pytest.raises(WeightsError, match="has no model of its own"):
        yolox.load(Options())
    with pytest.raises(WeightsError, match="tinypose-256x192 is a model of 'hrnet'"):
        rtmdet.load(Options(model="tinypose-256x192"))
    with pytest.raises(WeightsError, match="96 x 64 px only, not of 640"):
        yolox.load(Options(model=str(grid), detector_size_px=640))
    with pytest.raises(WeightsError, match="no model file"):
        rtmdet.load(Options(model=str(tmp_path / "missing.onnx")))
    batch_of_four = write_boxes(tmp_path / "four.onnx", [], input_shape=(4, 3, 320, 320))
    with pytest.raises(WeightsError, match="its input is"):
        rtmdet.load(Options(model=str(batch_of_four)))


@pytest.mark.shared
def test_a_pose_model_is_recognised_and_refused(shared: Path) -> None:
    model = shared / "models" / "tinypose_256x192.onnx"
    with pytest.raises(WeightsError, match="tinypose-256x192 is a model of 'hrnet'"):
        rtmdet.load(Options(model=str(model)))


def test_scores_beyond_1_are_refused(tmp_path: Path) -> None:
    boxes = write_boxes(tmp_path / "boxes.onnx", [0, 0, 9, 9, 3.5])
    with pytest.raises(WeightsError, match=r"boxes.onnx.*3.5.*sigmoid"):
        detect(rtmdet.load, boxes, picture(320, 320))
    grid = write_grid(tmp_path / "grid.onnx", np.full((126, 6), 2.0))
    with pytest.raises(WeightsError, match=r"grid.onnx.*sigmoid"):
        detect(yolox.load, grid, picture(96, 64))


def test_a_closed_detector_says_so(tmp_path: Path) -> None:
    detector = rtmdet.load(Options(model=str(write_boxes(tmp_path / "a.onnx", []))))
    assert detector.description["size_wh"] == (320, 320)
    detector.close()
    detector.close()
    with pytest.raises(RuntimeError, match="closed"):
        detector([picture(320, 320)])


@pytest.mark.parametrize("size_px", [0, 31, 100, -320])
def test_a_size_that_no_network_takes_is_an_error(size_px: int) -> None:
    with pytest.raises(ValueError, match="multiple of 32"):
        Options(detector_size_px=size_px)


@pytest.mark.parametrize("score", [-0.1, 1.5, float("nan")])
def test_a_least_score_that_is_none_is_an_error(score: float) -> None:
    with pytest.raises(ValueError, match="min_detection_score"):
        Options(min_detection_score=score)


def test_the_detectors_model_is_not_the_backends() -> None:
    options = Options(model="hrnet-w32-256x192", detector_model="mine.onnx", threads=3)
    assert options.for_detector() == Options(model="mine.onnx", threads=3)
    assert Options(model="hrnet-w32-256x192").for_detector().model is None
