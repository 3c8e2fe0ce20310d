"""Files that are made to do harm, or were harmed, are refused with what was wrong."""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kinetrace.errors import WeightsError
from kinetrace.networks import read_checkpoint

TORCH_FORMATS = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def save(content, path, *, zipped=True):
    torch = pytest.importorskip("torch")
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def refuse(path, match):
    with pytest.raises(WeightsError, match=match) as caught:
        read_checkpoint(path)
    assert str(path) in str(caught.value)


@TORCH_FORMATS
@pytest.mark.parametrize("place", ["top", "metadata", "weights"])
def test_a_call_of_os_system_is_refused_by_name_and_not_run(tmp_path, zipped, place):
    torch = pytest.importorskip("torch")
    sentinel = tmp_path / "ran"
    call = Call(os.system, f"touch {sentinel}")
    weights = {"x": torch.ones(2)}
    content = {
        "top": call,
        "metadata": {"state_dict": weights, "meta": {"hook": call}},
        "weights": {"state_dict": weights | {"y": call}},
    }[place]
    path = save(content, tmp_path / "x.pth", zipped=zipped)
    refuse(path, rf"'{os.name}\.system'")
    assert not sentinel.exists()
    # The file is a real threat: Python's own reader runs it.
    torch.load(path, weights_only=False)
    assert sentinel.exists()


def rebuild(offset, shape, strides, length=4):
    torch = pytest.importorskip("torch")
    storage = torch.zeros(length).storage()
    return Call(torch._utils._rebuild_tensor_v2, storage, offset, shape, strides, False, {})


@TORCH_FORMATS
@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (5,), (1,)),
        (4, (1,), (1,)),
        (1, (2, 2), (2, 1)),
        (0, (1 << 40,), (0,)),
        (0, (1 << 62, 1 << 62), (1, 1)),
        (0, (0, 1 << 62), (1, 1)),
        (-1, (2,), (1,)),
        (3, (2,), (-1,)),
        (0, (-2,), (1,)),
        (0, (2, 2), (1,)),
        (0, (True,), (1,)),
        (0, (1,) * 9, (1,) * 9),
        (0.0, (2,), (1,)),
        (0, "22", (1, 1)),
    ],
)
def test_a_tensor_outside_of_its_storage_is_refused(tmp_path, zipped, offset, shape, strides):
    content = {"x": rebuild(offset, shape, strides)}
    path = save(content, tmp_path / "x.pth", zipped=zipped)
    refuse(path, "shape|strides")


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
def test_a_stride_that_is_never_taken_may_be_anything(tmp_path):
    path = save({"x": rebuild(3, (1, 1), (1 << 300, 1 << 62))}, tmp_path / "x.pth")
    assert read_checkpoint(path)["x"].shape == (1, 1)


def test_many_tensors_on_one_storage_do_not_fill_the_memory(tmp_path):
    torch = pytest.importorskip("torch")
    base = torch.zeros(10_000)
    path = save({f"x{i}": base for i in range(1000)}, tmp_path / "x.pth")
    refuse(path, r"would take 40,000,000 bytes")


@TORCH_FORMATS
def test_a_storage_that_is_larger_than_the_file_is_refused(tmp_path, zipped):
    torch = pytest.importorskip("torch")
    path = save({"x": torch.zeros(1000)}, tmp_path / "x.pth", zipped=zipped)
    # 1000 is a BININT2 in the pickle: as the length of the storage, and in the shape
    larger = b"J" + struct.pack("<i", 1 << 30)
    if zipped:
        with zipfile.ZipFile(path) as archive:
            content = archive.read("x/data.pkl").replace(b"M\xe8\x03", larger)
        path.write_bytes(rewrite_zip(path, data_pkl=content))
    else:
        # ... and it is the 8 bytes in front of the elements
        data = path.read_bytes().replace(b"M\xe8\x03", larger)
        path.write_bytes(data.replace(struct.pack("<q", 1000), struct.pack("<q", 1 << 30)))
    refuse(path, r"1,073,741,824|4,294,967,296")


def rewrite_zip(path, *, data_pkl=None, compression=zipfile.ZIP_STORED, drop=""):
    target = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w", compression) as copy:
        for name in source.namelist():
            data = source.read(name)
            if name.endswith("data.pkl") and data_pkl is not None:
                data = data_pkl
            if not (drop and name.endswith(drop)):
                copy.writestr(name, data)
    return target.getvalue()


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    torch = pytest.importorskip("torch")
    path = save({"x": torch.zeros(1_000_000)}, tmp_path / "x.pth")
    path.write_bytes(rewrite_zip(path, compression=zipfile.ZIP_DEFLATED))
    assert path.stat().st_size < 10_000
    refuse(path, "compressed.*zip bomb")


def test_a_compressed_npz_is_refused_with_what_to_use(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", x=np.zeros(1_000_000))
    refuse(tmp_path / "x.npz", r"numpy\.savez")


def test_entries_that_overlap_are_refused(tmp_path):
    """A zip bomb without compression: many entries of the directory are one part of the file."""
    np.savez(tmp_path / "x.npz", x=np.zeros(1000))
    data = (tmp_path / "x.npz").read_bytes()
    start = data.rindex(b"PK\x01\x02")
    end = data.rindex(b"PK\x05\x06")
    entry = data[start:end]
    name_at = 46
    entries = b"".join(entry[:name_at] + bytes([97 + i]) + entry[name_at + 1 :] for i in range(9))
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 9, 9, len(entries), start, 0)
    (tmp_path / "x.npz").write_bytes(data[:start] + entries + tail)
    refuse(tmp_path / "x.npz", "overlap")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_entry_that_is_there_twice_is_refused(tmp_path):
    torch = pytest.importorskip("torch")
    path = save({"x": torch.zeros(4)}, tmp_path / "x.pth")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(next(n for n in archive.namelist() if n.endswith("data.pkl")), b"N.")
    refuse(path, "twice")


def test_an_archive_without_a_storage_is_refused(tmp_path):
    torch = pytest.importorskip("torch")
    path = save({"x": torch.zeros(4)}, tmp_path / "x.pth")
    path.write_bytes(rewrite_zip(path, drop="data/0"))
    refuse(path, "data/0")


def test_a_zip_archive_of_something_else_is_refused(tmp_path):
    path = tmp_path / "x.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "<x/>")
    refuse(path, "not one that torch.save wrote")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>Not found</html>", "DOCTYPE.*page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "Git LFS"),
        (b"hello, this is text\n", "hello"),
        (b"\x80\x02cposix\nsystem\nU\x02lstR.", "begins with"),
        (b"\x00" * 1000, "begins with"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_refused_with_its_beginning(tmp_path, content, match):
    path = tmp_path / "x.pth"
    path.write_bytes(content)
    refuse(path, match)


def test_a_path_that_cannot_be_read_is_reported(tmp_path):
    refuse(tmp_path / "missing.pth", "cannot be read")
    refuse(tmp_path, "cannot be read")


def test_an_onnx_file_is_told_to_be_one(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"\x08\x08\x12\x00")
    refuse(tmp_path / "x.onnx", "graph already")


def test_an_npz_of_objects_is_refused(tmp_path):
    objects = np.array([Call(os.system, "true")], dtype=object)
    np.savez(tmp_path / "x.npz", allow_pickle=True, x=objects)
    refuse(tmp_path / "x.npz", "object")


def test_an_npz_that_declares_more_than_it_has_is_refused(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.zeros(1000))
    with zipfile.ZipFile(tmp_path / "x.npz") as archive:
        data = archive.read("x.npy").replace(b"(1000,)", b"(1<<50)"[:7])
        larger = archive.read("x.npy").replace(b"(1000,), }  ", b"(9000000,),}")
    for array in (data, larger):
        with zipfile.ZipFile(tmp_path / "y.npz", "w") as archive:
            archive.writestr("x.npy", array)
        refuse(tmp_path / "y.npz", "damaged")


def write_safetensors(path, header, data=b"\x00" * 16):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def tensor_header(dtype="F32", shape=(4,), offsets=(0, 16)):
    return {"x": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


@pytest.mark.parametrize(
    ("header", "match"),
    [
        (tensor_header(offsets=(0, 12)), "said to be"),
        (tensor_header(offsets=(4, 20)), "said to be"),
        (tensor_header(shape=(5,), offsets=(0, 20)), "cut off"),
        (tensor_header(shape=(1 << 40,), offsets=(0, 1 << 42)), "cut off"),
        (tensor_header(shape=(2,), offsets=(0, 8)), "more bytes"),
        (tensor_header(shape=(0, 1 << 62), offsets=(0, 0)), "shape"),
        (tensor_header(shape=(-4,)), "shape"),
        (tensor_header(dtype="F8_E5M2"), "F8_E5M2"),
        (tensor_header(dtype=["F32"]), "type"),
        (tensor_header(offsets=(16, 0)), "said to be"),
        (tensor_header(offsets="ab"), "data_offsets"),
        ({"x": 3}, "data_offsets"),
        (tensor_header() | {"y": tensor_header()["x"]}, "should begin at 16"),
        (b"[1]", "begins with|object"),
        (b"{" * 100_000, "JSON"),
        (b'{"x": 1, "x": 2}', "twice"),
        (b'{"x"', "JSON"),
    ],
)
def test_a_safetensors_file_that_does_not_add_up_is_refused(tmp_path, header, match):
    refuse(write_safetensors(tmp_path / "x.safetensors", header), match)


def test_a_safetensors_header_larger_than_the_file_is_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", 1 << 60) + b"{}")
    refuse(path, "header would take")


@pytest.fixture(scope="module")
def good_files(tmp_path_factory):
    """One small file of each format, as bytes."""
    torch = pytest.importorskip("torch")
    safetensors = pytest.importorskip("safetensors.numpy")
    folder = tmp_path_factory.mktemp("good")
    net = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3))
    state = {"state_dict": net.state_dict(), "meta": {"epoch": np.int64(3)}}
    save(state, folder / "zip.pth")
    save(state, folder / "legacy.pth", zipped=False)
    arrays = {name: tensor.numpy() for name, tensor in net.state_dict().items()}
    np.savez(folder / "x.npz", **arrays)
    safetensors.save_file(arrays, folder / "x.safetensors")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


FUZZ = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
FILES = st.sampled_from(["zip.pth", "legacy.pth", "x.npz", "x.safetensors"])


@FUZZ
@given(FILES, st.floats(0, 1, exclude_max=True))
def test_a_file_that_is_cut_off_anywhere_is_refused(good_files, tmp_path, name, share):
    data = good_files[name]
    path = tmp_path / name
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(WeightsError):
        read_checkpoint(path)


@FUZZ
@pytest.mark.filterwarnings("ignore")
@given(
    FILES,
    st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4
    ),
)
def test_a_damaged_file_is_read_or_refused_and_nothing_else(good_files, tmp_path, name, changes):
    data = bytearray(good_files[name])
    for place, value in changes:
        data[int(place * len(data))] = value
    path = tmp_path / name
    path.write_bytes(data)
    try:
        arrays = read_checkpoint(path)
    except WeightsError:
        return
    assert all(isinstance(array, np.ndarray) for array in arrays.values())
