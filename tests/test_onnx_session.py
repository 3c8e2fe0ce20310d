from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kinetrace._onnx_devices import start
from kinetrace.errors import KinetraceError, MissingExtraError, WeightsError
from kinetrace.onnx_session import Session, open_session

onnx = pytest.importorskip("onnx", reason="onnx makes the networks of these tests")
pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper  # noqa: E402

FREE = ("batch", 2, "height", "width")


def write_doubler(
    path: Path,
    *,
    shape: tuple[int | str, ...] = FREE,
    dtype: int = TensorProto.FLOAT,
    input_name: str = "whatever",
    inputs: int = 1,
) -> Path:
    """A network whose outputs are its input twice, and the sum of it over the channels."""
    given = [
        helper.make_tensor_value_info(input_name + "?" * i, dtype, shape) for i in range(inputs)
    ]
    twice = helper.make_tensor_value_info("twice", dtype, shape)
    total = helper.make_tensor_value_info("total", dtype, (shape[0], 1, *shape[2:]))
    nodes = [
        helper.make_node("Add", [input_name, given[-1].name], ["twice"]),
        helper.make_node("ReduceSum", [input_name, "axes"], ["total"], keepdims=1),
    ]
    axes = onnx.numpy_helper.from_array(np.array([1], np.int64), "axes")
    graph = helper.make_graph(nodes, "doubler", given, [twice, total], [axes])
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def some(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def test_outputs_come_in_the_files_order_whatever_the_input_is_called(tmp_path: Path) -> None:
    session = open_session(write_doubler(tmp_path / "a.onnx", input_name="x/y:0"), device="cpu")
    batch = some(3, 2, 4, 5)
    twice, total = session.run(batch)
    np.testing.assert_array_equal(twice, 2 * batch)
    np.testing.assert_allclose(total, batch.sum(axis=1, keepdims=True), rtol=1e-6)


def test_shapes_are_told_with_none_where_they_are_free(tmp_path: Path) -> None:
    session = open_session(write_doubler(tmp_path / "a.onnx", shape=(1, 2, "height", 5)))
    assert session.input_shape == (1, 2, None, 5)
    assert session.output_shapes == ((1, 2, None, 5), (1, 1, None, 5))


def test_what_is_not_contiguous_or_of_another_precision_is_converted(tmp_path: Path) -> None:
    session = open_session(write_doubler(tmp_path / "a.onnx"))
    batch = some(2, 5, 4, 2).transpose(0, 3, 1, 2).astype(np.float64)
    np.testing.assert_allclose(session.run(batch)[0], 2 * batch, rtol=1e-6)


def test_a_network_of_half_precision_takes_and_gives_float32(tmp_path: Path) -> None:
    session = open_session(write_doubler(tmp_path / "a.onnx", dtype=TensorProto.FLOAT16))
    batch = some(1, 2, 3, 3)
    twice, _ = session.run(batch)
    assert twice.dtype == np.float32
    np.testing.assert_array_equal(twice, (2 * batch.astype(np.float16)).astype(np.float32))


@pytest.mark.parametrize("threads", [1, 2, 40])
def test_a_network_that_takes_one_picture_gets_several_one_by_one(
    tmp_path: Path, threads: int
) -> None:
    path = write_doubler(tmp_path / "a.onnx", shape=(1, 2, 3, 3))
    session = open_session(path, device="cpu", threads=threads)
    batch = some(3, 2, 3, 3)
    np.testing.assert_array_equal(session.run(batch)[0], 2 * batch)


@pytest.mark.parametrize("pictures", [0, 1, 2, 3, 8])
@pytest.mark.parametrize("threads", [1, 2, 3, 40, None])
def test_however_many_pictures_and_threads_the_result_is_the_same(
    tmp_path: Path, pictures: int, threads: int | None
) -> None:
    session = open_session(write_doubler(tmp_path / "a.onnx"), device="cpu", threads=threads)
    batch = some(pictures, 2, 4, 5)
    for _ in range(2):
        twice, total = session.run(batch)
        np.testing.assert_array_equal(twice, 2 * batch)
        np.testing.assert_allclose(total, batch.sum(axis=1, keepdims=True), rtol=1e-6)
    session.close()


def test_a_network_for_one_picture_takes_several(tmp_path: Path) -> None:
    session = open_session(
        write_doubler(tmp_path / "a.onnx", shape=(1, 2, 4, 5)), device="cpu", threads=2
    )
    np.testing.assert_array_equal(session.run(some(5, 2, 4, 5))[0], 2 * some(5, 2, 4, 5))


@pytest.mark.parametrize(
    ("cores", "quick_s", "usually", "opened"),
    [
        (2, 10.0, 1, []),  # the other core is left to the film
        (2, 0.0, 1, [2]),  # once it is known how long it takes
        (4, 10.0, 1, [4]),
        (2, 10.0, 2, []),  # opened for pictures that come alone: on both cores from the beginning
        (1, 0.0, 1, []),
    ],
)
def test_a_lone_picture_is_spread_over_the_cores_that_it_needs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cores: int,
    quick_s: float,
    usually: int,
    opened: list[int],
) -> None:
    monkeypatch.setattr("kinetrace.onnx_session._QUICK_S", quick_s)
    path = write_doubler(tmp_path / "a.onnx")
    started = start(path, "cpu", cores, usually, {})
    seen: list[int | None] = []

    def open_for(threads: int | None) -> Any:
        seen.append(threads)
        return started.open_for(threads)

    session = Session(path, started._replace(open_for=open_for), cores)
    for _ in range(3):
        np.testing.assert_array_equal(session.run(some(1, 2, 4, 5))[0], 2 * some(1, 2, 4, 5))
    assert seen == opened


def write_total(path: Path) -> Path:
    """A network that sums its input over the batch, so that it tells what came together."""
    given = helper.make_tensor_value_info("pictures", TensorProto.FLOAT, FREE)
    total = helper.make_tensor_value_info("total", TensorProto.FLOAT, (1, *FREE[1:]))
    nodes = [helper.make_node("ReduceSum", ["pictures", "axes"], ["total"], keepdims=1)]
    axes = onnx.numpy_helper.from_array(np.array([0], np.int64), "axes")
    graph = helper.make_graph(nodes, "total", [given], [total], [axes])
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


@pytest.mark.parametrize(("on_cpu", "together"), [(True, False), (False, True)])
def test_only_a_processor_takes_the_pictures_of_a_batch_apart(
    tmp_path: Path, on_cpu: bool, together: bool
) -> None:
    path = write_total(tmp_path / "a.onnx")
    started = start(path, "cpu", 2, 1, {})._replace(on_cpu=on_cpu)
    batch = some(3, 2, 4, 5)
    total = Session(path, started, 2).run(batch)[0]
    np.testing.assert_allclose(total, batch.sum(axis=0, keepdims=True) if together else batch)


def test_dimensions_that_are_told_become_fixed(tmp_path: Path) -> None:
    path = write_doubler(tmp_path / "a.onnx")
    session = open_session(path, dimensions={"height": 4, "width": 5, "not there": 7})
    assert session.input_shape == (None, 2, 4, 5)
    np.testing.assert_array_equal(session.run(some(3, 2, 4, 5))[0], 2 * some(3, 2, 4, 5))


def test_the_log_says_what_runs(tmp_path: Path) -> None:
    import onnxruntime

    path = write_doubler(tmp_path / "a.onnx")
    assert open_session(path, device="cpu", threads=2).description == {
        "onnxruntime": onnxruntime.__version__,
        "providers": ["CPUExecutionProvider"],
        "threads": 2,
    }
    description = open_session(path).description
    assert description["threads"] is None
    assert description["providers"][-1] == "CPUExecutionProvider"


@pytest.mark.parametrize("shape", [(1, 3, 4, 5), (2, 4, 5), (1, 2, 4, 5, 1)])
def test_an_input_of_another_shape_is_an_error_that_tells_it(
    tmp_path: Path, shape: tuple[int, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    session = open_session(write_doubler(tmp_path / "a.onnx"))
    with pytest.raises(WeightsError) as caught:
        session.run(some(*shape))
    assert str(shape) in str(caught.value)
    assert "a.onnx" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("content", [b"", b"no network at all" * 99, b"\x08\x08", None])
def test_what_is_no_network_is_an_error_that_names_it(
    tmp_path: Path, content: bytes | None, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "broken.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match="broken.onnx") as caught:
        open_session(path)
    assert "\n" not in str(caught.value)
    assert "ONNXRuntimeError" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_network_that_ends_early_is_an_error(tmp_path: Path) -> None:
    path = write_doubler(tmp_path / "a.onnx")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(WeightsError, match="a.onnx"):
        open_session(path)


def test_a_network_of_two_inputs_or_of_bytes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="one input of float32"):
        open_session(write_doubler(tmp_path / "two.onnx", inputs=2))
    with pytest.raises(WeightsError, match="tensor\\(int32\\)"):
        open_session(write_doubler(tmp_path / "ints.onnx", dtype=TensorProto.INT32))


def test_a_device_that_is_not_there_says_how_to_get_it(tmp_path: Path) -> None:
    import onnxruntime

    providers = {
        "cuda": ("CUDAExecutionProvider", "onnxruntime-gpu"),
        "coreml": ("CoreMLExecutionProvider", "macOS"),
        "directml": ("DmlExecutionProvider", "onnxruntime-directml"),
        "openvino": ("OpenVINOExecutionProvider", "onnxruntime-openvino"),
    }
    path = write_doubler(tmp_path / "a.onnx")
    absent = [
        device
        for device, (provider, _) in providers.items()
        if provider not in onnxruntime.get_available_providers()
    ]
    assert absent  # no build of ONNX Runtime has them all
    for device in absent:
        with pytest.raises(KinetraceError, match=providers[device][1]):
            open_session(path, device=device)  # type: ignore[arg-type]


def test_senseless_settings_are_errors(tmp_path: Path) -> None:
    path = write_doubler(tmp_path / "a.onnx")
    with pytest.raises(ValueError, match="'gpu'"):
        open_session(path, device="gpu")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="threads"):
        open_session(path, threads=0)


def test_closed_twice_and_used_after(tmp_path: Path) -> None:
    session = open_session(write_doubler(tmp_path / "a.onnx"))
    session.close()
    session.close()
    with pytest.raises(RuntimeError, match="closed"):
        session.run(some(1, 2, 3, 3))
    with pytest.raises(RuntimeError, match="closed"):
        session.description  # noqa: B018


def test_without_onnxruntime_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_doubler(tmp_path / "a.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"kinetrace\[hrnet\]"):
        open_session(path)


def test_importing_loads_no_onnxruntime() -> None:
    code = (
        "import sys, kinetrace.onnx_session, kinetrace.estimators\n"
        "from kinetrace.detectors import boxes, rtmdet, whole, yolox\n"
        "print({'onnxruntime', 'onnx', 'cv2', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
