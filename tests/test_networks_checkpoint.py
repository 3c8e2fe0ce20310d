"""Files that PyTorch, safetensors and NumPy write are read back exactly, without PyTorch."""

from __future__ import annotations

import argparse
import collections
import datetime
import io
import pathlib
import pickle
import subprocess
import sys
import types

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinetrace.errors import WeightsError
from kinetrace.networks import read_checkpoint
from kinetrace.networks.pickles import read_pickle
from kinetrace.networks.views import Storage, apply_view, make_view

KINDS = ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")
TORCH_FORMATS = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])


def assert_same(arrays, expected):
    assert list(arrays) == list(expected)
    for name, array in expected.items():
        assert arrays[name].dtype == array.dtype, name
        np.testing.assert_array_equal(arrays[name], array, strict=True)


def save(content, path, *, zipped=True):
    torch = pytest.importorskip("torch")
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


@TORCH_FORMATS
def test_every_type_of_element_is_read_exactly(tmp_path, zipped):
    torch = pytest.importorskip("torch")
    values = torch.tensor([[-1.5, 0.0, 3.25], [100.0, -7.0, 1.0]])
    state = {kind: values.abs().to(getattr(torch, kind)) for kind in KINDS}
    path = save(state, tmp_path / "x.pth", zipped=zipped)
    assert_same(read_checkpoint(path), {kind: tensor.numpy() for kind, tensor in state.items()})


@TORCH_FORMATS
def test_bfloat16_becomes_the_float32_of_the_same_value(tmp_path, zipped):
    torch = pytest.importorskip("torch")
    tensor = torch.randn(5, 7, dtype=torch.bfloat16)
    path = save({"x": tensor}, tmp_path / "x.pth", zipped=zipped)
    assert_same(read_checkpoint(path), {"x": tensor.float().numpy()})


@TORCH_FORMATS
def test_views_shared_storages_parameters_and_empty_tensors_are_read(tmp_path, zipped):
    torch = pytest.importorskip("torch")
    base = torch.arange(60.0).reshape(3, 4, 5)
    state = collections.OrderedDict(
        whole=base,
        tail=base[1:],
        transposed=base.permute(2, 0, 1),
        every_other=base[:, ::2, 1::2],
        scalar=base[2, 3, 4],
        parameter=torch.nn.Parameter(base[0]),
        empty=torch.zeros(0, 3),
    )
    path = save(state, tmp_path / "x.pth", zipped=zipped)
    assert_same(read_checkpoint(path), {k: v.detach().numpy() for k, v in state.items()})


@TORCH_FORMATS
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_binary_pickle_protocol_is_read(tmp_path, zipped, protocol):
    torch = pytest.importorskip("torch")
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    path = tmp_path / "x.pth"
    torch.save(
        {"state_dict": net.state_dict(), "epoch": 210},
        path,
        _use_new_zipfile_serialization=zipped,
        pickle_protocol=protocol,
    )
    assert_same(read_checkpoint(path), {k: v.numpy() for k, v in net.state_dict().items()})


def test_a_big_endian_archive_is_read(tmp_path):
    torch = pytest.importorskip("torch")
    import zipfile

    state = {"x": torch.randn(4, 3), "n": torch.arange(7), "b": torch.randn(6).bfloat16()}
    little = save(state, tmp_path / "little.pth")
    big = tmp_path / "big.pth"
    sizes = {12 * 4: 4, 7 * 8: 8, 6 * 2: 2}  # bytes of a storage -> bytes of its elements
    with zipfile.ZipFile(little) as source, zipfile.ZipFile(big, "w") as target:
        for entry in source.infolist():
            data = source.read(entry)
            if entry.filename.endswith("byteorder"):
                data = b"big"
            elif "/data/" in entry.filename:
                data = np.frombuffer(data, f"u{sizes[len(data)]}").byteswap().tobytes()
            target.writestr(entry.filename, data)
    assert_same(
        read_checkpoint(big),
        {k: v.float().numpy() if k == "b" else v.numpy() for k, v in state.items()},
    )


@TORCH_FORMATS
@pytest.mark.parametrize("wrapper", ["state_dict", "model_state_dict", "model"])
def test_a_wrapped_state_dict_is_unwrapped(tmp_path, zipped, wrapper):
    torch = pytest.importorskip("torch")
    content = {wrapper: {"x": torch.ones(2)}, "optimizer": {"state": {0: {"s": torch.ones(9)}}}}
    path = save(content, tmp_path / "x.pth", zipped=zipped)
    assert_same(read_checkpoint(path), {"x": np.ones(2, np.float32)})


def test_the_authors_training_checkpoint_is_read(tmp_path):
    torch = pytest.importorskip("torch")
    content = {"epoch": 210, "model": "pose_hrnet", "state_dict": {"x": torch.ones(2)}, "perf": 0.7}
    assert list(read_checkpoint(save(content, tmp_path / "x.pth"))) == ["x"]


@pytest.fixture
def history_buffer(monkeypatch):
    """A stand-in for MMEngine's class, which notes whether anything of it is run."""
    ran = []

    class HistoryBuffer:
        def __init__(self, values):
            self.values = np.array(values)
            self.statistics = {"min": HistoryBuffer.min, "scalar": np.float64(0.5)}

        def min(self):
            return self.values.min()

        def __setstate__(self, state):
            ran.append("__setstate__")

    HistoryBuffer.__qualname__ = "HistoryBuffer"
    HistoryBuffer.__module__ = "mmengine.logging.history_buffer"
    HistoryBuffer.min.__qualname__ = "HistoryBuffer.min"
    HistoryBuffer.min.__module__ = HistoryBuffer.__module__
    module = types.ModuleType(HistoryBuffer.__module__)
    module.HistoryBuffer = HistoryBuffer
    for name in ("mmengine", "mmengine.logging"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return HistoryBuffer, ran


@TORCH_FORMATS
def test_metadata_of_training_tools_is_passed_over_and_not_run(tmp_path, zipped, history_buffer):
    torch = pytest.importorskip("torch")
    make_buffer, ran = history_buffer
    content = {
        "meta": {
            "time": datetime.datetime(2022, 9, 9, tzinfo=datetime.timezone.utc),
            "config": argparse.Namespace(lr=5e-4, path=pathlib.PurePosixPath("/data")),
            "classes": {"person"},
            "counts": collections.defaultdict(list, a=[1]),
            "seed": np.int64(2021),
            "size": torch.Size([3, 4]),
            "dtype": torch.float16,
        },
        "message_hub": {"log_scalars": {"loss": make_buffer([0.5, 0.25])}},
        "state_dict": {"x": torch.ones(2)},
    }
    path = save(content, tmp_path / "x.pth", zipped=zipped)
    assert_same(read_checkpoint(path), {"x": np.ones(2, np.float32)})
    assert ran == []


def test_a_placeholder_among_the_weights_is_refused_by_name(tmp_path):
    torch = pytest.importorskip("torch")
    content = {"state_dict": {"x": torch.ones(2), "y": np.ones(3)}}
    with pytest.raises(WeightsError, match=r"'y'.*multiarray\._reconstruct"):
        read_checkpoint(save(content, tmp_path / "x.pth"))


@pytest.mark.parametrize("content", [{"epoch": 3}, {}, {"state_dict": {}}, [1, 2], 7])
def test_a_checkpoint_without_a_state_dict_is_refused(tmp_path, content):
    with pytest.raises(WeightsError, match="no state dict"):
        read_checkpoint(save(content, tmp_path / "x.pth"))


def test_a_whole_pickled_model_is_refused_with_what_to_save(tmp_path):
    torch = pytest.importorskip("torch")
    with pytest.raises(WeightsError, match="state_dict"):
        read_checkpoint(save(torch.nn.Linear(2, 2), tmp_path / "x.pth"))


def test_safetensors_are_read_as_their_own_package_reads_them(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    rng = np.random.default_rng(0)
    state = {kind: (rng.normal(size=(3, 4)) * 9).astype(kind) for kind in KINDS}
    state |= {"scalar": np.array(2.5, np.float32), "empty": np.zeros((0, 2), np.float32)}
    path = tmp_path / "x.safetensors"
    safetensors.save_file(state, path, metadata={"format": "pt"})
    arrays = read_checkpoint(path)
    assert_same({name: arrays[name] for name in state}, state)


def test_bfloat16_safetensors_are_read(tmp_path):
    torch = pytest.importorskip("torch")
    safetensors = pytest.importorskip("safetensors.torch")
    tensor = torch.randn(4, 5).bfloat16()
    safetensors.save_file({"x": tensor}, tmp_path / "x.safetensors")
    assert_same(read_checkpoint(tmp_path / "x.safetensors"), {"x": tensor.float().numpy()})


def test_npz_is_read(tmp_path):
    rng = np.random.default_rng(0)
    state = {
        "a.weight": rng.normal(size=(3, 4, 2)).astype(np.float32),
        "fortran": np.asfortranarray(rng.normal(size=(3, 4))),
        "scalar": np.array(3),
        "empty": np.zeros((0, 4)),
    }
    np.savez(tmp_path / "x.npz", **state, swapped=state["fortran"].astype(">f8"))
    arrays = read_checkpoint(tmp_path / "x.npz")
    assert_same(arrays, state | {"swapped": state["fortran"]})


def test_the_name_of_the_file_does_not_matter(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.ones(3))
    path = (tmp_path / "x.npz").rename(tmp_path / "weights.pth")
    assert list(read_checkpoint(path)) == ["a"]


def test_pytorch_is_not_imported_by_reading(tmp_path):
    path = save({"x": pytest.importorskip("torch").ones(2)}, tmp_path / "x.pth")
    code = (
        "import sys; from pathlib import Path; from kinetrace.networks import read_checkpoint; "
        "read_checkpoint(Path(sys.argv[1])); "
        "assert not {'torch', 'onnx', 'onnxruntime', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(max_size=300),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner)
        | st.tuples(inner, inner, inner, inner)
        | st.dictionaries(st.text() | st.integers(), inner)
    ),
    max_leaves=30,
)


@given(PLAIN, st.sampled_from([3, 4, 5]))
def test_plain_values_are_read_as_python_reads_them(value, protocol):
    source = io.BytesIO(pickle.dumps(value, protocol) + b"rest")
    assert read_pickle(source).value == value
    assert source.read() == b"rest"


@st.composite
def storages_and_views(draw):
    length = draw(st.integers(0, 40))
    dimensions = draw(st.integers(0, 3))
    numbers = st.lists(st.integers(0, 6), min_size=dimensions, max_size=dimensions)
    return length, draw(st.integers(0, 45)), tuple(draw(numbers)), tuple(draw(numbers))


@settings(max_examples=500)
@given(storages_and_views())
def test_a_view_is_read_where_it_lies_in_its_storage_and_refused_elsewhere(case):
    length, offset, shape, strides = case
    # The truth, element by element.
    indices = [offset + int(np.dot(i, strides)) for i in np.ndindex(*shape)]
    storage = Storage("0", "float32", length)
    if any(index >= length for index in indices) or len(indices) > length:
        with pytest.raises(WeightsError, match="does not fit"):
            make_view(storage, offset, shape, strides)
        return
    elements = np.arange(length, dtype=np.float32)
    array = apply_view(elements, make_view(storage, offset, shape, strides))
    np.testing.assert_array_equal(array, elements[indices].reshape(shape), strict=True)
