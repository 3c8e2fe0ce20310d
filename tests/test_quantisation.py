"""int8: the same points as float32, a graph kept and used again, and a clear no where it fails."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from kinetrace import estimate, quantisation, weights
from kinetrace.backends import hrnet
from kinetrace.errors import MissingExtraError, SourceError, WeightsError
from kinetrace.estimators import Detections, Options
from kinetrace.frames.image_writer import write_image
from kinetrace.onnx_session import open_session

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

SIZE_WH = (96, 128)


def write_network(path, *, gain=1.0, offset=0.0, shift_px=0, keypoints=17):
    """Write three convolutions whose heatmaps are a crop's brightness, 0..1 in all.

    What reaches the last of them is ``offset + brightness``; it takes the offset off, multiplies
    by `gain` and moves the picture by `shift_px` heatmap pixels to the right.
    """
    halve = np.full((8, 8, 2, 2), 1 / 32, np.float32)
    last = np.zeros((keypoints, 8, 1, 3), np.float32)
    last[:, :, 0, 1 - shift_px] = gain / 8
    arrays = {
        "w1": np.full((8, 3, 2, 2), 0.226 / 12, np.float32),
        "b1": np.full(8, 0.449, np.float32),
        "w2": halve,
        "b2": np.full(8, offset, np.float32),
        "w3": last,
        "b3": np.full(keypoints, -gain * offset, np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["image", "w1", "b1"], ["c1"], strides=[2, 2]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], strides=[2, 2]),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("Conv", ["r2", "w3", "b3"], ["heatmaps"], pads=[0, 1, 0, 1]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, "h", "w"])
    heatmaps = helper.make_tensor_value_info("heatmaps", TensorProto.FLOAT, None)
    graph = helper.make_graph(
        nodes,
        "brightness",
        [image],
        [heatmaps],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(path))
    return path


def film(frames=24, size_wh=(192, 256), seed=0):
    """Draw a white spot that wanders over black."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(size_wh[0]), np.arange(size_wh[1]))
    centres = rng.uniform(40, np.array(size_wh) - 40, (frames, 2))
    spots = [np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * 16**2)) for a, b in centres]
    return np.repeat(np.round(255 * np.stack(spots)).astype(np.uint8)[..., None], 3, axis=3)


def see_whole(frames):
    """Detect one person in each frame, as large as the frame."""
    return [
        Detections(np.array([[0, 0, *f.size_wh]], np.float32), np.ones(1, np.float32))
        for f in frames
    ]


def sample_of(images):
    return quantisation.cut_sample(images, see_whole, input_size_wh=SIZE_WH, decode="dark")


def run_int8(source, network, **options):
    return estimate(
        source,
        backend="hrnet",
        model=str(network),
        detector=options.pop("detector", "whole"),
        precision="int8",
        **options,
    )


@pytest.fixture
def network(tmp_path):
    return write_network(tmp_path / "brightness.onnx")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KINETRACE_CACHE", str(tmp_path / "cache"))
    return weights.cache_folder()


def test_int8_finds_the_points_that_float32_finds(network, cache, capsys):
    images = film()
    float32 = estimate(images, backend="hrnet", model=str(network), detector="whole")
    int8 = run_int8(images, network)
    apart_px = np.linalg.norm(int8.xy - float32.xy, axis=2)
    # A crop pixel is 1.25 px of the image, and a heatmap pixel 4 of those.
    assert np.mean(apart_px) < 1
    assert np.allclose(int8.score, float32.score, atol=0.02)
    told = int8.log[0]["parameters"]
    assert told["precision"] == "int8"
    assert told["calibration"]["crops"] == 12
    assert told["calibration"]["shift"]["points"] == 12 * 17
    assert told["calibration"]["shift"]["moved_share"] <= quantisation.MOST_MOVED_SHARE
    assert float32.log[0]["parameters"]["precision"] == "float32"
    printed = capsys.readouterr()
    assert "204 points are off by" in printed.err
    assert printed.out == ""
    assert [path.suffix for path in cache.iterdir()] == [".onnx"]


def test_the_graph_is_made_once_for_each_size_and_named_by_the_weights(network, cache):
    sha256 = weights.fetch(network).sha256
    run_int8(film(), network)
    (path,) = cache.iterdir()
    made = path.stat().st_mtime_ns
    assert sha256[:16] in path.name
    run_int8(film(frames=1, seed=1), network)  # of too few people to calibrate on
    assert path.stat().st_mtime_ns == made
    hrnet.load(Options(model=str(network), precision="int8", detector="whole")).close()
    size = Options(
        model=str(network),
        precision="int8",
        detector="whole",
        input_size_wh=SIZE_WH,
        first_source=film(),
        quiet=True,
    )
    hrnet.load(size).close()
    assert len(list(cache.iterdir())) == 2


def test_a_damaged_graph_is_made_again(network, cache):
    run_int8(film(), network)
    (path,) = cache.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    run_int8(film(), network)
    assert path.read_bytes() == whole  # and the same crops give the same bytes


def test_calibrating_on_something_else_is_done_when_asked_for(network, cache):
    run_int8(film(), network)
    (path,) = cache.iterdir()
    first = quantisation.read_calibration(path)
    run_int8(film(), network, calibration=film(seed=5))
    second = quantisation.read_calibration(path)
    assert second["crops_sha256"] != first["crops_sha256"]
    made = path.stat().st_mtime_ns
    run_int8(film(), network, calibration=film(seed=5))
    run_int8(film(), network)
    assert path.stat().st_mtime_ns == made


def test_a_network_that_8_bits_cannot_hold_is_refused_with_the_figures(tmp_path, cache):
    """A range of 0 to 1000 leaves nothing of brightness, 0 to 1, in 256 steps."""
    network = write_network(tmp_path / "wide.onnx", offset=1000.0)
    with pytest.raises(WeightsError, match=r"wide.onnx .* px .* at most 10%.*float32") as refused:
        run_int8(film(), network)
    assert "204 points" in str(refused.value)
    assert not cache.exists()


def test_a_network_that_sees_nothing_is_refused(tmp_path):
    network = write_network(tmp_path / "dim.onnx", gain=0.1)
    with pytest.raises(WeightsError, match="no keypoint with a score of 0.3"):
        run_int8(film(), network)


def test_what_is_no_network_is_told_as_such(tmp_path):
    network = tmp_path / "text.onnx"
    network.write_text("not a network")
    with pytest.raises(WeightsError, match="text.onnx"):
        run_int8(film(), network)


def test_a_clip_with_nobody_in_it_says_what_to_do(network, tmp_path):
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("frame,x1,y1,x2,y2,score\n999,0,0,50,50,1\n")
    with pytest.raises(SourceError, match=r"in 24 frames of it nobody was found.*calibration"):
        run_int8(film(), network, detector="boxes", boxes=boxes)
    with pytest.raises(SourceError, match=r"only 15 people were found, and 16"):
        run_int8(film(frames=15), network)


def test_without_anything_to_calibrate_on_it_says_what_to_do(network):
    with pytest.raises(WeightsError, match="as calibration, or use float32"):
        hrnet.load(Options(model=str(network), precision="int8", detector="whole"))


@pytest.mark.parametrize("source", [0, "0", "rtsp://camera/1", iter(film())])
def test_what_cannot_be_read_twice_is_not_calibrated_on(source):
    with pytest.raises(SourceError, match="cannot be read twice"):
        sample_of(source)


def test_what_int8_does_not_go_with_is_refused(network):
    for options, why in (
        ({"precision": "int4"}, "float32, int8"),
        ({"precision": "int8", "device": "cuda"}, "not on cuda"),
        ({"calibration": "clip.mp4"}, "for precision int8"),
        ({"precision": "int8", "calibration": "clip.mp4", "detector": "boxes"}, "detector"),
    ):
        with pytest.raises(ValueError, match=why):
            Options(**options)


def test_a_missing_package_names_the_line_that_installs_it(network, tmp_path, monkeypatch):
    sample = sample_of(film())
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"kinetrace\[hrnet\]"):
        quantisation.quantise(network, tmp_path / "int8.onnx", sample, decode="dark")


def test_a_folder_that_cannot_be_written_to_says_what_to_do(network, tmp_path):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "int8.onnx"
    with pytest.raises(WeightsError, match="KINETRACE_CACHE"):
        quantisation.quantise(network, path, sample_of(film()), decode="dark")


def test_weights_are_symmetric_by_channel_and_the_last_layer_is_float(network, tmp_path):
    path = tmp_path / "int8.onnx"
    quantisation.quantise(network, path, sample_of(film()), decode="dark")
    graph = onnx.load(str(path)).graph
    arrays = {array.name: numpy_helper.to_array(array) for array in graph.initializer}
    kernels = {name: array for name, array in arrays.items() if array.ndim == 4}
    assert sorted(array.dtype.name for array in kernels.values()) == ["float32", "int8", "int8"]
    for name, array in kernels.items():
        if array.dtype == np.int8:
            reader = next(n for n in graph.node if n.input and n.input[0] == name)
            assert arrays[reader.input[1]].shape == (len(array),)
            assert not arrays[reader.input[2]].any()
    assert [d.dim_value for d in graph.input[0].type.tensor_type.shape.dim][1:] == [3, 128, 96]


def test_the_batch_stays_free(network, tmp_path):
    path, sample = tmp_path / "int8.onnx", sample_of(film())
    quantisation.quantise(network, path, sample, decode="dark")
    session = open_session(path, device="cpu")
    (together,) = session.run(sample.check)
    alone = [session.run(crop[None])[0] for crop in sample.check]
    assert np.array_equal(np.concatenate(alone), together)


@pytest.mark.parametrize("shift_px", [-1, 1])
def test_a_shift_is_measured_in_pixels_of_the_input(network, tmp_path, shift_px):
    """Heatmaps moved by one of their pixels are points moved by four of the input's."""
    other = write_network(tmp_path / "shifted.onnx", shift_px=shift_px)
    crops = sample_of(film()).check
    shift = quantisation.measure_shift(network, other, crops, decode="dark")
    assert shift.points == 12 * 17
    assert shift.mean_px == pytest.approx(4, abs=0.05)
    assert shift.moved_share == 1
    same = quantisation.measure_shift(network, network, crops, decode="dark")
    assert same == (12 * 17, 0.0, 0.0)


def test_a_point_that_is_lost_has_moved(network, tmp_path):
    blind = write_network(tmp_path / "blind.onnx", gain=-1.0)
    crops = sample_of(film()).check
    shift = quantisation.measure_shift(network, blind, crops + np.float32(1), decode="default")
    assert shift.moved_share == 1


def test_a_sample_is_spread_over_the_film_and_checks_on_other_frames():
    """Each frame is of one grey, so that a crop tells which it is from."""
    values = np.arange(256, dtype=np.uint8)
    images = np.broadcast_to(values[:, None, None, None], (256, 16, 12, 3)).copy()
    sample = sample_of(images)
    seen = [
        np.round((part[:, 0, 64, 48] * 0.229 + 0.485) * 255).astype(int).tolist()
        for part in (sample.calibration, sample.check)
    ]
    assert seen == [list(range(0, 256, 8)), list(range(4, 256, 8))]


def test_a_crowd_in_one_frame_is_not_the_whole_sample():
    def see_crowd(frames):
        box = np.tile(np.array([[0, 0, 50, 60]], np.float32), (40, 1))
        return [Detections(box, np.ones(40, np.float32)) for _ in frames]

    sample = quantisation.cut_sample(film(), see_crowd, input_size_wh=SIZE_WH, decode="dark")
    assert len(sample.calibration) == len(sample.check) == 12 * 4


def test_the_command_calibrates_once_and_tells_it(network, tmp_path):
    for name, images in (("few", film(frames=2)), ("many", film())):
        (tmp_path / name).mkdir()
        for i, image in enumerate(images):
            write_image(image, tmp_path / name / f"{i}.png")

    def kinetrace(source, *flags):
        command = ["estimate", source, "--output", "out.csv", "--overwrite", "--backend", "hrnet"]
        command += ["--model", str(network), "--detector", "whole", "--precision", "int8", *flags]
        return subprocess.run(
            [sys.executable, "-m", "kinetrace", *command],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    done = kinetrace("few")
    assert done.returncode == 1
    assert "only 2 people were found" in done.stderr
    done = kinetrace("few", "--calibration", "many")
    assert done.returncode == 0
    assert "calibrating int8 once, on 12 crops of many" in done.stderr
    assert "of them by more than 2 px" in done.stderr
    done = kinetrace("few")
    assert done.returncode == 0
    assert done.stderr == ""


@pytest.mark.shared
def test_tinypose_does_not_survive_and_is_refused(shared, tmp_path):
    """A network of depthwise convolutions that was not trained for 8 bits loses its points."""
    options = Options(
        model=str(shared / "models/tinypose_256x192.onnx"),
        detector="boxes",
        boxes=shared / "data/coco_ccby/person_keypoints.json",
        precision="int8",
        first_source=shared / "data/coco_ccby/images",
        quiet=True,
    )
    with pytest.raises(WeightsError, match=r"does not survive int8: \d+ points .* float32"):
        hrnet.load(options)
