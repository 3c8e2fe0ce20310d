"""The cache of converted graphs: made once, by any number of processes, and checked each time."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from kinetrace.errors import MissingExtraError, WeightsError  # noqa: E402
from kinetrace.networks import W32, HRNet, Stage, convert  # noqa: E402

NET = HRNet(
    "hrnet-tiny",
    (4, 8),
    keypoints=3,
    stem_widths=(4, 4),
    bottlenecks=1,
    bottleneck_width=2,
    stages=(Stage(1, 2, 1),),
)


@pytest.fixture
def weights(tmp_path):
    return write_weights(tmp_path / "tiny.npz", seed=0)


def write_weights(path, seed):
    rng = np.random.default_rng(seed)
    shapes = NET.parameter_shapes.items()
    np.savez(path, **{key: rng.uniform(0.5, 1, shape).astype(np.float32) for key, shape in shapes})
    return path


def list_names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_graph_lies_beside_the_weights_and_carries_their_hash(weights):
    path = convert(weights, NET)
    assert path.parent == weights.parent
    assert hashlib.sha256(weights.read_bytes()).hexdigest()[:16] in path.name
    onnx.checker.check_model(str(path), full_check=True)
    assert list_names(weights.parent) == sorted([weights.name, path.name])


def test_a_folder_can_be_chosen_and_is_made(weights, tmp_path):
    path = convert(str(weights), NET, cache_dir=tmp_path / "a" / "b")
    assert path.parent == tmp_path / "a" / "b"


def test_a_graph_in_the_cache_is_not_made_again(weights):
    path = convert(weights, NET)
    before = path.stat()
    assert convert(weights, NET) == path
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_a_graph_in_the_cache_needs_no_onnx(weights, monkeypatch):
    path = convert(weights, NET)
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert convert(weights, NET) == path
    path.unlink()
    with pytest.raises(MissingExtraError, match="hrnet"):
        convert(weights, NET)


def test_other_weights_of_the_same_name_get_another_graph(weights):
    first = convert(weights, NET)
    write_weights(weights, seed=1)
    second = convert(weights, NET)
    assert first != second
    assert first.read_bytes() != second.read_bytes()


def test_another_builder_makes_another_graph(weights, monkeypatch):
    first = convert(weights, NET)
    module = sys.modules["kinetrace.networks.convert"]
    monkeypatch.setattr(module, "BUILDER_VERSION", module.BUILDER_VERSION + 1)
    assert convert(weights, NET) != first


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "appended", "seal"])
def test_a_damaged_graph_is_made_again(weights, damage):
    path = convert(weights, NET)
    good = path.read_bytes()
    middle = len(good) // 2
    path.write_bytes(
        {
            "cut": good[:middle],
            "flipped": good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :],
            "empty": b"",
            "appended": good + b"\x00",
            "seal": good[:-1] + b"x",
        }[damage]
    )
    assert convert(weights, NET) == path
    assert path.read_bytes() == good


def test_the_seal_is_part_of_a_valid_model(weights):
    path = convert(weights, NET)
    (entry,) = onnx.load(path).metadata_props
    sealed = path.read_bytes()
    seal = onnx.ModelProto(metadata_props=[entry]).SerializeToString()
    assert sealed.endswith(seal)
    assert entry.value == hashlib.sha256(sealed[: -len(seal)]).hexdigest()


def test_a_hash_that_is_known_is_not_computed_again(weights):
    assert "-0123456789abcdef-" in convert(weights, NET, sha256="0123456789abcdef" * 4).name


def test_several_processes_at_once_leave_one_good_graph(weights):
    code = (
        "import sys; from kinetrace.networks import convert; "
        "from test_networks_convert import NET; sys.stdin.read(1); print(convert(sys.argv[1], NET))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(weights)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for _ in range(3)
    ]
    for process in processes:  # all are waiting for this, to begin together
        process.stdin.write("x")
        process.stdin.flush()
    paths = {process.communicate()[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert paths == {str(convert(weights, NET))}
    assert len(list_names(weights.parent)) == 2


def test_a_failed_write_leaves_nothing_behind(weights, monkeypatch):
    def fail(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(WeightsError, match="No space left.*cache_dir"):
        convert(weights, NET)
    assert list_names(weights.parent) == [weights.name]


def test_a_cache_that_is_a_file_is_refused_with_what_to_do(weights):
    with pytest.raises(WeightsError, match="cache_dir"):
        convert(weights, NET, cache_dir=weights)


def test_errors_name_the_file(weights, tmp_path):
    with pytest.raises(WeightsError, match=r"tiny\.npz: .*hrnet-w32"):
        convert(weights, W32)
    with pytest.raises(WeightsError, match=r"missing\.pth cannot be read"):
        convert(tmp_path / "missing.pth")
