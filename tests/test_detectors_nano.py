"""person-nano, the detector that is part of the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kinetrace import weights
from kinetrace.boxes import area, iou
from kinetrace.detectors import nano
from kinetrace.errors import WeightsError
from kinetrace.estimators import Options
from kinetrace.evaluation import read_truth
from kinetrace.frames import Frame
from kinetrace.frames.images import read_image
from kinetrace.networks import match_state, read_checkpoint
from kinetrace.networks.person import PERSON_NANO

pytest.importorskip("onnx", reason="onnx makes the graph of the weights")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def detector():
    found = nano.load(Options(device="cpu", threads=1))
    yield found
    found.close()


def frame(image):
    return Frame(image, 0, 0.0, "a.png")


def test_it_needs_no_download(detector):
    found = weights.fetch("person-nano")
    assert found.path.is_relative_to(Path(weights.__file__).parent)
    assert found.path.stat().st_size < 5.5e6
    assert detector.description["model"] == "person-nano"


def test_the_graph_gives_what_the_torch_module_gives():
    torch = pytest.importorskip("torch")
    from kinetrace.onnx_session import open_session
    from kinetrace.training.torch_hrnet import from_arrays

    found = weights.fetch("person-nano")
    module = from_arrays(PERSON_NANO, match_state(read_checkpoint(found.path), PERSON_NANO)[1])
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3)).astype(np.uint8)
    batch = nano.normalise(images)
    session = open_session(nano.find_graph(found), device="cpu", threads=1)
    (outputs,) = session.run(batch)
    session.close()
    with torch.no_grad():
        expected = module.eval()(torch.from_numpy(batch)).numpy()
    np.testing.assert_allclose(outputs, expected, atol=1e-4)


def test_pictures_are_normalised_as_in_training():
    torch = pytest.importorskip("torch")
    from kinetrace.training.detector.progress import normalise

    images = np.random.default_rng(0).integers(0, 256, (2, 8, 12, 3)).astype(np.uint8)
    ours = normalise(images)
    assert isinstance(ours, torch.Tensor)
    np.testing.assert_allclose(nano.normalise(images), ours.numpy(), atol=1e-5)


@pytest.mark.parametrize("kind", ["black", "grey", "white", "noise", "gradient", "stripes"])
def test_nobody_is_in_a_picture_of_nothing(detector, kind):
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:240, :320]
    image = {
        "black": np.zeros((240, 320)),
        "grey": np.full((240, 320), 128),
        "white": np.full((240, 320), 255),
        "noise": rng.integers(0, 256, (240, 320)),
        "gradient": (x + y) * 255 / 560,
        "stripes": (x // 20 % 2) * 255,
    }[kind]
    (found,) = detector([frame(np.repeat(image.astype(np.uint8)[..., None], 3, axis=2))])
    assert len(found.score) == 0


@pytest.mark.shared
def test_it_finds_labelled_people_where_they_are(detector, shared):
    """COCO's photos: it was trained on none of them."""
    folder = shared / "data" / "coco_ccby"
    truth = read_truth(folder / "person_keypoints.json")
    found = wanted = phantoms = 0
    for number, name in enumerate(truth.image_name):
        (people,) = detector([frame(read_image(folder / "images" / name))])
        labelled = truth.bbox_xyxy[(truth.image == number) & ~truth.ignored]
        here = truth.image == number
        alone, crowds = truth.bbox_xyxy[here & ~truth.crowd], truth.bbox_xyxy[here & truth.crowd]
        wanted += len(labelled)
        found += int((iou(labelled, people.bbox_xyxy) >= 0.5).any(axis=1).sum())
        touched = (iou(people.bbox_xyxy, alone) >= 0.3).any(axis=1)
        touched |= (share_within(people.bbox_xyxy, crowds) >= 0.3).any(axis=1)
        phantoms += int((~touched).sum())
    assert wanted == 67
    assert found / wanted >= LEAST_FOUND
    assert phantoms / len(truth.image_name) <= MOST_PHANTOMS


# What docs/person-nano.md says, less two people, and two phantoms more.
LEAST_FOUND = 0.50
MOST_PHANTOMS = 0.24


def share_within(boxes, crowds):
    low = np.maximum(boxes[:, None, :2], crowds[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], crowds[None, :, 2:])
    return np.prod(np.maximum(high - low, 0), axis=2) / area(boxes)[:, None]


@pytest.mark.shared
def test_a_larger_input_finds_the_same_large_person(detector, shared):
    image = read_image(shared / "data" / "coco_ccby" / "images" / "000000000785.jpg")
    larger = nano.load(Options(device="cpu", threads=1, detector_size_px=416))
    (a,), (b,) = detector([frame(image)]), larger([frame(image)])
    assert larger.description["size_wh"] == (416, 416)
    larger.close()
    assert iou(a.bbox_xyxy[:1], b.bbox_xyxy).max() > 0.7


def test_the_weights_of_another_network_are_refused(tmp_path):
    np.savez(tmp_path / "other.npz", **{"conv1.weight": np.zeros((4, 3, 3, 3), np.float16)})
    with pytest.raises(WeightsError, match="person-nano"):
        nano.load(Options(model=str(tmp_path / "other.npz"), device="cpu"))
    from tiny_networks import write_brightness_network

    graph = write_brightness_network(tmp_path / "pose.onnx")
    with pytest.raises(WeightsError, match="not person-nano"):
        nano.load(Options(model=str(graph), device="cpu"))


def test_a_model_of_another_detector_is_refused():
    with pytest.raises(WeightsError, match="rtmdet"):
        nano.load(Options(model="rtmdet-nano-person"))
