"""What every detector must do, by name: a new one fails here until it has an example."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from kinetrace import plugins
from kinetrace.boxes import iou
from kinetrace.estimators import Detections, Detector, Options
from kinetrace.frames import Frame
from kinetrace.frames.images import read_image

ONE, MANY = "000000000785.jpg", "000000000790.jpg"


@dataclass(frozen=True)
class Example:
    """A detector that can be made here, and two pictures in which it finds people."""

    options: Options
    one: Frame
    many: Frame


def photo(shared: Path, name: str, index: int = 0) -> Frame:
    return Frame(read_image(shared / "data" / "coco_ccby" / "images" / name), index, 0.0, name)


def grey(index: int, level: int = 0) -> Frame:
    return Frame(np.full((240, 320, 3), level, np.uint8), index, index / 10, f"{index}.png")


def make_rtmdet(shared: Path, folder: Path) -> Example:
    model = shared / "models" / "rtmdet_nano_person_320.onnx"
    return Example(Options(model=str(model), device="cpu"), photo(shared, ONE), photo(shared, MANY))


def make_nano(shared: Path, folder: Path) -> Example:
    pytest.importorskip("onnx")
    street = "000000034246.jpg"
    return Example(Options(device="cpu"), photo(shared, ONE), photo(shared, street))


def make_mediapipe(shared: Path, folder: Path) -> Example:
    pytest.importorskip("mediapipe")
    return Example(Options(), photo(shared, ONE), photo(shared, MANY))


def make_boxes(shared: Path, folder: Path) -> Example:
    path = folder / "boxes.csv"
    path.write_text(
        "file,x1,y1,x2,y2,score\n"
        "1.png,10,10,50,90,0.7\n"
        "2.png,10,10,50,90,0.2\n"
        "2.png,300,-5,400,300,0.9\n"
    )
    return Example(Options(boxes=path), grey(1), grey(2))


def make_yolox(shared: Path, folder: Path) -> Example:
    """A network that finds one person in grey, two in white, nobody in black."""
    pytest.importorskip("onnx")
    from detector_networks import encode, write_grid

    cells = encode({5: (0, 0, 20, 20), 30: (40, 30, 60, 50)})
    cells[30, 5] = 0.8
    path = write_grid(folder / "grid.onnx", cells)
    # What is beside a narrow picture in the input is grey, and must not be a person either.
    options = Options(model=str(path), device="cpu", min_detection_score=0.46)
    return Example(options, grey(1, 140), grey(2, 255))


def make_whole(shared: Path, folder: Path) -> Example:
    return Example(Options(), grey(1), grey(2))


EXAMPLES: dict[str, tuple[Callable[[Path, Path], Example], list[pytest.MarkDecorator]]] = {
    "boxes": (make_boxes, []),
    "mediapipe": (make_mediapipe, [pytest.mark.shared, pytest.mark.models]),
    "nano": (make_nano, [pytest.mark.shared]),
    "rtmdet": (make_rtmdet, [pytest.mark.shared]),
    "whole": (make_whole, []),
    "yolox": (make_yolox, []),
}


def test_every_detector_has_an_example() -> None:
    assert set(EXAMPLES) == set(plugins.names("detectors"))


def load(name: str, options: Options) -> Detector:
    detector: Detector = plugins.load("detectors", name).load(options)
    return detector


@pytest.fixture(params=[pytest.param(name, marks=marks) for name, (_, marks) in EXAMPLES.items()])
def name(request: pytest.FixtureRequest) -> str:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def example(name: str, shared: Path, tmp_path: Path) -> Example:
    return EXAMPLES[name][0](shared, tmp_path)


def assert_valid(found: Detections, frame: Frame) -> None:
    n = len(found.score)
    assert found.bbox_xyxy.shape == (n, 4)
    assert found.score.shape == (n,)
    assert found.bbox_xyxy.dtype == found.score.dtype == np.float32
    assert ((found.score >= 0) & (found.score <= 1)).all()
    assert (np.diff(found.score) <= 0).all()
    assert (found.bbox_xyxy >= 0).all()
    assert (found.bbox_xyxy <= (*frame.size_wh, *frame.size_wh)).all()
    assert (found.bbox_xyxy[:, 2:] > found.bbox_xyxy[:, :2]).all()


def test_nobody_one_and_many_in_one_call(name: str, example: Example) -> None:
    detector = load(name, example.options)
    frames = [grey(0), example.one, example.many, grey(7)]
    found = detector(frames)
    detector.close()
    for detections, frame in zip(found, frames, strict=True):
        assert_valid(detections, frame)
    counts = [len(each.score) for each in found]
    if name == "whole":  # asked for it, told that there is somebody
        assert counts == [1, 1, 1, 1]
        return
    assert (counts[0], counts[3]) == (0, 0)
    assert counts[2] > 1
    # A person may be found more than once, but nobody else may be.
    assert iou(found[1].bbox_xyxy[:1], found[1].bbox_xyxy).min() > 0.5


def test_no_frame_gives_no_result(name: str, example: Example) -> None:
    detector = load(name, example.options)
    assert detector([]) == []
    detector.close()


def test_a_frame_alone_gives_what_it_gives_among_others(name: str, example: Example) -> None:
    detector = load(name, example.options)
    together = detector([example.one, grey(0), example.many])
    for frame, among in zip((example.one, grey(0), example.many), together, strict=True):
        (alone,) = detector([frame])
        np.testing.assert_allclose(alone.bbox_xyxy, among.bbox_xyxy, atol=1e-3)
        np.testing.assert_allclose(alone.score, among.score, atol=1e-5)
    detector.close()


@pytest.mark.parametrize("size_wh", [(1, 1), (3, 2), (300, 9), (9, 300), (3000, 4000)])
def test_a_blank_picture_of_any_shape_has_nobody_in_it(
    name: str, example: Example, size_wh: tuple[int, int]
) -> None:
    frame = Frame(np.zeros((size_wh[1], size_wh[0], 3), np.uint8), 0, 0.0, "blank.png")
    frame.image.flags.writeable = False
    detector = load(name, example.options)
    (found,) = detector([frame])
    assert_valid(found, frame)
    assert len(found.score) == (name == "whole")
    detector.close()


def test_closing_twice_is_fine(name: str, example: Example) -> None:
    detector = load(name, example.options)
    detector([example.one])
    detector.close()
    detector.close()


def test_the_description_names_the_detector_and_can_be_logged(name: str, example: Example) -> None:
    detector = load(name, example.options)
    description = detector.description
    assert description["detector"] == name
    assert json.loads(json.dumps(description)) is not None
    detector.close()


@pytest.mark.shared
@pytest.mark.parametrize("size_px", [320, 640])
def test_rtmdet_finds_a_labelled_person_where_the_label_is(shared: Path, size_px: int) -> None:
    dataset = json.loads((shared / "data" / "coco_ccby" / "person_keypoints.json").read_text())
    model = shared / "models" / "rtmdet_nano_person_320.onnx"
    detector = load("rtmdet", Options(model=str(model), detector_size_px=size_px, device="cpu"))
    image_id = next(i["id"] for i in dataset["images"] if i["file_name"] == ONE)
    (label,) = (a["bbox"] for a in dataset["annotations"] if a["image_id"] == image_id)
    x, y, width, height = label
    (found,) = detector([photo(shared, ONE)])
    truth = np.array([[x, y, x + width, y + height]])
    assert iou(found.bbox_xyxy[:1], truth)[0, 0] > 0.8
