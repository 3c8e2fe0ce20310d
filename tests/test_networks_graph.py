"""The ONNX graph against PyTorch: the same heatmaps, to 1e-4 of their range."""

from __future__ import annotations

import shutil
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

from reference_hrnet import SMALL, make_reference, random_image, run_reference  # noqa: E402

from kinetrace.errors import MissingExtraError, WeightsError  # noqa: E402
from kinetrace.networks import (  # noqa: E402
    W32,
    W48,
    build_graph,
    convert,
    match_state,
    read_checkpoint,
)

TOLERANCE = 1e-4  # of the range of the heatmaps


def open_session(model):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def numpy_state(reference):
    return {key: tensor.numpy() for key, tensor in reference.state_dict().items()}


def build(reference, net):
    return build_graph(*match_state(numpy_state(reference), net))


def assert_close(heatmaps, expected):
    assert heatmaps.shape == expected.shape
    assert heatmaps.dtype == np.float32
    value_range = np.ptp(expected)
    assert value_range > 0.1  # else the network is dead, and anything equals anything
    assert np.abs(heatmaps - expected).max() <= TOLERANCE * value_range


@pytest.fixture(scope="module")
def w32():
    return make_reference(W32, seed=32)


@pytest.fixture(scope="module")
def w48():
    return make_reference(W48, seed=48)


@pytest.fixture(scope="module")
def small():
    return make_reference(SMALL, seed=8)


@pytest.fixture(scope="module")
def small_session(small):
    return open_session(build(small, SMALL).SerializeToString())


LAYOUTS = {
    "authors": lambda key: key,
    "authors, parallel": lambda key: f"module.{key}",
    "mmpose 0.x": lambda key: ("keypoint_head." if "final" in key else "backbone.") + key,
    "mmpose 1.x": lambda key: ("head." if "final" in key else "backbone.") + key,
}


def save_checkpoint(reference, path, layout, *, zipped):
    state = {LAYOUTS[layout](key): tensor for key, tensor in reference.state_dict().items()}
    content = {"meta": {"epoch": 210}, "state_dict": state} if "mmpose" in layout else state
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def assert_read_exactly(reference, path, net):
    """The arrays of a file are those of the network, so its graph is the same, bit for bit."""
    found, state = match_state(read_checkpoint(path))
    assert found == net
    expected = numpy_state(reference)
    assert state.keys() == {key for key in expected if "num_batches_tracked" not in key}
    for key, array in state.items():
        np.testing.assert_array_equal(array, expected[key], strict=True)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_w32_is_read_exactly_from_each_format_and_layout(w32, tmp_path, layout, zipped):
    path = save_checkpoint(w32, tmp_path / "x.pth", layout, zipped=zipped)
    assert_read_exactly(w32, path, W32)
    path.unlink()  # 114 MB


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("layout", ["authors", "mmpose 0.x", "mmpose 1.x"])
def test_w48_is_read_exactly_from_each_format_and_layout(w48, tmp_path, layout, zipped):
    path = save_checkpoint(w48, tmp_path / "x.pth", layout, zipped=zipped)
    assert_read_exactly(w48, path, W48)
    path.unlink()  # 255 MB


@pytest.fixture(scope="module")
def w32_session(w32, tmp_path_factory):
    """From a file as the authors saved theirs, through the cache."""
    folder = tmp_path_factory.mktemp("w32")
    path = save_checkpoint(w32, folder / "x.pth", "authors", zipped=False)
    yield open_session(convert(path))
    shutil.rmtree(folder)  # 228 MB


@pytest.fixture(scope="module")
def w48_session(w48, tmp_path_factory):
    """From a file as MMPose 1.x saved its own, through the cache."""
    folder = tmp_path_factory.mktemp("w48")
    path = save_checkpoint(w48, folder / "x.pth", "mmpose 1.x", zipped=True)
    yield open_session(convert(path))
    shutil.rmtree(folder)  # 510 MB


@pytest.mark.parametrize("input_wh", [(192, 256), (288, 384)])
@pytest.mark.parametrize("batch", [1, 7])
def test_w32_gives_the_heatmaps_of_pytorch(w32, w32_session, input_wh, batch):
    image = random_image(batch, input_wh)
    (heatmaps,) = w32_session.run(None, {"image": image})
    assert heatmaps.shape == (batch, 17, input_wh[1] // 4, input_wh[0] // 4)
    assert_close(heatmaps, run_reference(w32, image))


@pytest.mark.parametrize(("batch", "input_wh"), [(1, (192, 256)), (7, (288, 384))])
def test_w48_gives_the_heatmaps_of_pytorch(w48, w48_session, input_wh, batch):
    image = random_image(batch, input_wh)
    (heatmaps,) = w48_session.run(None, {"image": image})
    assert_close(heatmaps, run_reference(w48, image))


@pytest.mark.parametrize("seed", range(5))
def test_a_small_network_gives_the_heatmaps_of_pytorch(seed):
    reference = make_reference(SMALL, seed)
    image = random_image(2, (64, 96), seed)
    (heatmaps,) = open_session(build(reference, SMALL).SerializeToString()).run(
        None, {"image": image}
    )
    assert_close(heatmaps, run_reference(reference, image))


@pytest.mark.parametrize("input_wh", [(32, 32), (64, 32), (96, 160), (224, 224)])
@pytest.mark.parametrize("batch", [1, 3])
def test_batch_height_and_width_are_free(small, small_session, input_wh, batch):
    image = random_image(batch, input_wh)
    (heatmaps,) = small_session.run(["heatmaps"], {"image": image})
    assert_close(heatmaps, run_reference(small, image))


def test_the_batch_does_not_mix_people(small_session):
    image = random_image(4, (64, 96))
    (together,) = small_session.run(None, {"image": image})
    for i in range(4):
        (alone,) = small_session.run(None, {"image": image[i : i + 1]})
        np.testing.assert_allclose(together[i : i + 1], alone, rtol=1e-4, atol=1e-4 * np.ptp(alone))


@pytest.mark.parametrize("input_wh", [(64, 72), (72, 64), (96, 100)])
def test_a_size_that_does_not_divide_never_gives_heatmaps(small_session, input_wh):
    with pytest.raises(ValueError, match="multiples of 32"):
        SMALL.heatmap_wh(input_wh)
    with pytest.raises(Exception, match="Add"):
        small_session.run(None, {"image": random_image(1, input_wh)})


def test_the_graph_is_valid_and_has_the_contract(small):
    model = build(small, SMALL)
    onnx.checker.check_model(model, full_check=True)
    session = open_session(model.SerializeToString())
    (image,), (heatmaps,) = session.get_inputs(), session.get_outputs()
    assert (image.name, image.type) == ("image", "tensor(float)")
    assert image.shape == ["batch", 3, "height", "width"]
    assert (heatmaps.name, heatmaps.shape[:2]) == ("heatmaps", ["batch", SMALL.keypoints])


def test_the_graph_is_one_that_onnx_runtime_1_16_runs(small):
    model = build(small, SMALL)
    assert model.ir_version <= 9
    assert [(x.domain, x.version <= 19) for x in model.opset_import] == [("", True)]
    kinds = {node.op_type for node in model.graph.node}
    assert kinds == {"Conv", "Relu", "Add", "Resize"}  # batch norm is gone


def test_the_same_weights_give_the_same_bytes(small):
    assert build(small, SMALL).SerializeToString() == build(small, SMALL).SerializeToString()


@pytest.mark.parametrize("kind", ["float64", "float16"])
def test_weights_in_other_precisions_are_taken(small, kind):
    state = {key: array.astype(kind) for key, array in numpy_state(small).items()}
    session = open_session(build_graph(*match_state(state, SMALL)).SerializeToString())
    image = random_image(1, (64, 64))
    rounded = make_reference(SMALL, seed=8)
    rounded.load_state_dict({key: torch.from_numpy(array).float() for key, array in state.items()})
    assert_close(session.run(None, {"image": image})[0], run_reference(rounded, image))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("conv1.weight", np.nan),
        ("stage2.0.branches.1.0.bn2.running_var", -1.0),
        ("stage2.0.branches.1.0.bn2.weight", np.inf),
        ("final_layer.bias", -np.inf),
        ("bn1.weight", 1e200),
    ],
)
def test_weights_that_are_not_finite_are_refused_with_the_layer(small, key, value):
    state = {name: array.astype(np.float64) for name, array in numpy_state(small).items()}
    state[key].fill(value)
    layer = key.rsplit(".", 1)[0].replace("bn", "conv")
    with pytest.raises(WeightsError, match=layer.replace(".", r"\.")):
        build_graph(*match_state(state, SMALL))


def test_without_onnx_the_extra_is_named(small, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"kinetrace\[hrnet\]"):
        build(small, SMALL)
