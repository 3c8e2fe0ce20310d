"""The torch module is the network that ONNX runs, and learns what it is to learn, and only that."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from training_samples import DOTS, TINY, make_samples

from kinetrace.networks import W18_SMALL, build_graph, match_state
from kinetrace.networks.hrnet import NANO

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.usefixtures("one_thread")

from kinetrace.errors import FormatError  # noqa: E402
from kinetrace.topdown import decode_heatmaps, encode_heatmaps  # noqa: E402
from kinetrace.training.augmentation import NONE  # noqa: E402
from kinetrace.training.batches import draw_batch  # noqa: E402
from kinetrace.training.export import write_weights  # noqa: E402
from kinetrace.training.loop import Progress, normalise, run  # noqa: E402
from kinetrace.training.losses import encode, measure_losses  # noqa: E402
from kinetrace.training.recipe import Recipe  # noqa: E402
from kinetrace.training.torch_hrnet import TorchHRNet, from_arrays, to_arrays  # noqa: E402

RECIPE = Recipe(
    samples=64, batch_size=4, sizes_wh=((48, 64),), warm_up=0, augmentation=NONE, averaging=8
)


def with_statistics(net, seed=0):
    """Return a network whose batch norm has seen something, so that folding it can go wrong."""
    torch.manual_seed(seed)
    module = TorchHRNet(net)
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point() and tensor.ndim == 1:
            tensor.uniform_(0.5, 1.5) if "var" in name else tensor.normal_(0.5, 0.2)
    return module.eval()


@pytest.mark.parametrize("net", [NANO, W18_SMALL, TINY], ids=lambda net: net.name)
def test_parameters_have_the_authors_names_and_shapes(net):
    state = TorchHRNet(net).state_dict()
    shapes = {k: tuple(v.shape) for k, v in state.items() if not k.endswith("num_batches_tracked")}
    assert shapes == net.parameter_shapes


@pytest.mark.parametrize("net", [NANO, TINY], ids=lambda net: net.name)
def test_the_onnx_graph_gives_the_modules_heatmaps(net, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    module = with_statistics(net)
    path = tmp_path / "net.onnx"
    path.write_bytes(build_graph(net, to_arrays(module)).SerializeToString())
    image = np.random.default_rng(0).normal(size=(2, 3, 64, 96)).astype(np.float32)
    (found,) = onnxruntime.InferenceSession(path).run(None, {"image": image})
    with torch.no_grad():
        expected = module(torch.from_numpy(image)).numpy()
    assert found.shape == (2, net.keypoints, 16, 24)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_weights_go_to_a_file_and_back(tmp_path):
    from kinetrace.networks import read_checkpoint

    module = with_statistics(NANO)
    write_weights(to_arrays(module), tmp_path / "w.npz")
    assert (tmp_path / "w.npz").stat().st_size < 2.2 * NANO.count_parameters()
    net, arrays = match_state(read_checkpoint(tmp_path / "w.npz"))
    assert net == NANO
    image = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 3, 64, 64))).float()
    with torch.no_grad():
        expected = module(image)
        found = from_arrays(net, arrays).eval()(image)
    assert (found - expected).abs().max() < 2e-3 * expected.abs().max()


def test_targets_are_those_of_the_products_decoding():
    xy = np.random.default_rng(0).uniform(6, 18, (2, 3, 2)).astype(np.float32)
    bells = encode(torch.from_numpy(xy), (24, 32), 1.0).numpy()
    expected = encode_heatmaps(xy, (24, 32), decode="dark", sigma_px=1.0)
    np.testing.assert_allclose(bells, expected, atol=1e-6)
    found, score = decode_heatmaps(bells, decode="dark", sigma_px=1.0)
    np.testing.assert_allclose(found, xy, atol=0.01)
    assert (score > 0.75).all()


def losses_of(heatmaps, **changed):
    zero = torch.zeros(heatmaps.shape[:2])
    given = {
        "xy": torch.full((*zero.shape, 2), 5.0),
        "weight": zero,
        "height": zero,
        "height_weight": zero,
        **changed,
    }
    return measure_losses(heatmaps, **given, sigma_px=1.0)


def test_what_is_not_labelled_has_no_gradient():
    heatmaps = torch.randn(2, 3, 12, 10, requires_grad=True)
    weight = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    losses_of(heatmaps, weight=weight, height=weight, height_weight=weight).total.backward()
    by_keypoint = heatmaps.grad.abs().sum(dim=(2, 3))
    assert (by_keypoint[weight == 0] == 0).all()
    assert (by_keypoint[weight > 0] > 0).all()


def test_a_batch_without_labels_changes_nothing():
    heatmaps = torch.randn(2, 3, 12, 10, requires_grad=True)
    losses = losses_of(heatmaps)
    losses.total.backward()
    assert losses.total == 0
    assert (heatmaps.grad == 0).all()


def test_the_loss_is_least_at_the_right_heatmap():
    xy = torch.tensor([[[4.3, 6.1]]])
    one = torch.ones(1, 1)
    bell = encode(xy, (10, 12), 1.0)
    right = losses_of(bell, xy=xy, weight=one, height=one, height_weight=one)
    blank = losses_of(torch.zeros_like(bell), xy=xy, weight=one, height=one, height_weight=one)
    wrong = losses_of(bell.flip(3), xy=xy, weight=one, height=one, height_weight=one)
    assert right.height == pytest.approx(0, abs=1e-6)
    assert blank.height == pytest.approx(1, abs=0.01)  # in units of a Gaussian's energy
    assert right.total < blank.total < wrong.total


def test_a_keypoint_that_is_not_there_is_to_have_a_low_score():
    peak = encode(torch.tensor([[[4.0, 4.0]]]), (10, 12), 1.0).requires_grad_()
    losses_of(peak, height_weight=torch.ones(1, 1)).total.backward()
    assert peak.grad[0, 0, 4, 4] > 0  # downhill is down


def state_after(recipe, steps, path=None):
    torch.manual_seed(recipe.seed)
    progress = Progress(TorchHRNet(TINY), recipe)
    if path is not None:
        progress.load(path)
    until = iter(range(steps - 1, -1, -1))
    for _ in run(progress, make_samples(), is_over=lambda: next(until) == 0):
        pass
    return progress


def test_going_on_is_bit_for_bit_as_if_there_had_been_no_stop(tmp_path):
    recipe = dataclasses.replace(RECIPE, augmentation=Recipe().augmentation)
    straight = state_after(recipe, 12)
    state_after(recipe, 5).save(tmp_path / "checkpoint.pt")
    resumed = state_after(recipe, 7, tmp_path / "checkpoint.pt")
    assert resumed.step == straight.step == 12
    for part in ("network", "average"):
        a, b = (getattr(p, part).state_dict() for p in (straight, resumed))
        assert all(torch.equal(a[key], b[key]) for key in a)


def test_the_seed_decides_everything():
    a, b, other = (
        state_after(dataclasses.replace(RECIPE, seed=seed), 3).network.state_dict()
        for seed in (1, 1, 2)
    )
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert not torch.equal(a["conv1.weight"], other["conv1.weight"])


def test_another_networks_checkpoint_is_refused(tmp_path):
    state_after(RECIPE, 1).save(tmp_path / "checkpoint.pt")
    with pytest.raises(FormatError, match="no checkpoint of this training"):
        Progress(TorchHRNet(W18_SMALL), RECIPE).load(tmp_path / "checkpoint.pt")


def test_it_learns_a_handful_of_people_by_heart():
    samples = make_samples(8)
    recipe = dataclasses.replace(
        RECIPE, samples=1600, batch_size=8, learning_rate=0.01, averaging=160
    )
    torch.manual_seed(0)
    progress = Progress(TorchHRNet(TINY), recipe)
    losses = [x.total.item() for x in run(progress, samples, is_over=lambda: False)]
    assert len(losses) == recipe.steps
    batch = draw_batch(samples, recipe, 0)
    with torch.no_grad():
        heatmaps = progress.average.eval()(normalise(batch)).numpy()
    found, score = decode_heatmaps(heatmaps, decode="dark")
    off_px = np.linalg.norm(found - batch.xy, axis=2)
    assert np.median(off_px) < 0.5
    assert (off_px < 1.5).mean() > 0.9
    assert np.median(score) > 0.5
    assert len(DOTS) == heatmaps.shape[1]
