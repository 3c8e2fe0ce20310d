"""The small HRNet that is part of the package: it runs where nothing can be fetched."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest

from kinetrace import estimate, weights
from kinetrace.demo import portrait
from kinetrace.networks import HRNet, match_state, read_checkpoint
from kinetrace.networks.hrnet import NANO
from kinetrace.weights import catalog

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture
def air_gap(tmp_path, monkeypatch):
    """No network, and a cache with nothing in it."""

    def refuse(*_arguments):
        raise OSError("there is no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("KINETRACE_CACHE", str(tmp_path / "cache"))


def nano() -> tuple[HRNet, dict[str, np.ndarray]]:
    return match_state(read_checkpoint(weights.fetch("hrnet-nano").path), NANO)


def test_it_is_part_of_the_package_and_says_what_it_is(air_gap):
    model = catalog.find("hrnet-nano")
    assert weights.status(model).state == "verified"
    net, _ = nano()
    assert (net.widths, net.keypoints) == (NANO.widths, 17)
    assert model.accuracy
    assert weights.fetch("hrnet-nano").files[0].size_bytes < 6_000_000


def test_a_portrait_without_a_network_and_without_a_cache(air_gap, tmp_path):
    poses = estimate(portrait(), backend="hrnet")
    assert len(poses) == 1
    said = poses.log[0]["parameters"]
    assert said["model"] == "hrnet-nano"
    assert said["detector"]["model"] == "person-nano"
    nose, left, right = (poses.keypoint(n)[0] for n in ("nose", "left_eye", "right_eye"))
    # As seen by eye in the picture, whose face is some 90 px wide.
    assert np.linalg.norm(nose - (230, 122)) < 30
    assert left[0] > right[0]  # she looks at us: her left is on the picture's right
    # The graph that was made is in the cache, not in the package.
    assert list((tmp_path / "cache").rglob("hrnet-nano-*.onnx"))
    assert not list(Path(weights.__file__).parent.rglob("*.onnx"))


def test_the_graph_agrees_with_the_module_that_was_trained():
    torch = pytest.importorskip("torch")
    from kinetrace.networks import build_graph
    from kinetrace.training.torch_hrnet import from_arrays

    net, arrays = nano()
    image = np.random.default_rng(0).normal(size=(2, 3, 224, 160)).astype(np.float32)
    session = onnxruntime.InferenceSession(build_graph(net, arrays).SerializeToString())
    (ours,) = session.run(None, {session.get_inputs()[0].name: image})
    with torch.inference_mode():
        theirs = from_arrays(net, arrays).eval()(torch.from_numpy(image)).numpy()
    assert np.abs(ours - theirs).max() < 1e-4
