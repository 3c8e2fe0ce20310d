"""The architecture: counts against the paper, names and shapes against the PyTorch reference."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kinetrace.networks import W18_SMALL, W32, W48, HRNet, Stage
from kinetrace.networks.layers import Addition, Convolution, Upsampling


def test_w32_has_the_published_number_of_parameters():
    assert round(W32.count_parameters() / 1e6, 1) == 28.5


def test_w48_has_the_published_number_of_parameters():
    assert round(W48.count_parameters() / 1e6, 1) == 63.6


# Table 1 of the paper. Its "GFLOPs" are multiply-accumulates over 2**30.
@pytest.mark.parametrize(
    ("net", "input_wh", "published"),
    [
        (W32, (192, 256), 7.1),
        (W32, (288, 384), 16.0),
        (W48, (192, 256), 14.6),
        (W48, (288, 384), 32.9),
    ],
)
def test_macs_are_the_published_ones(net, input_wh, published):
    assert round(net.count_macs(input_wh) / 2**30, 1) == published


def test_macs_grow_with_the_area():
    assert W32.count_macs((384, 512)) == 4 * W32.count_macs((192, 256))


@pytest.mark.parametrize("net", [W32, W48, W18_SMALL, replace(W32, keypoints=133)])
def test_parameters_are_those_of_the_pytorch_reference(net):
    torch = pytest.importorskip("torch")
    from reference_hrnet import build_reference

    with torch.device("meta"):  # shapes without values
        state = build_reference(net).state_dict()
    expected = {k: tuple(v.shape) for k, v in state.items() if "num_batches_tracked" not in k}
    assert net.parameter_shapes == expected


def test_every_tensor_is_made_once_and_before_it_is_read():
    made = {"image"}
    for layer in W32.layers:
        read = layer.inputs if isinstance(layer, Addition) else (layer.input,)
        assert {x.name for x in read} <= made
        assert layer.output.name not in made
        made.add(layer.output.name)
    assert layer.output.name == "heatmaps"


def test_shapes_agree_where_tensors_meet():
    for layer in W48.layers:
        if isinstance(layer, Addition):
            assert {(x.channels, x.stride) for x in layer.inputs} == {
                (layer.output.channels, layer.output.stride)
            }
        elif isinstance(layer, Upsampling):
            assert layer.output.stride * 2 == layer.input.stride
        else:
            assert isinstance(layer, Convolution)
            assert layer.step in (1, 2)


def test_heatmaps_are_a_quarter_of_the_input():
    assert W32.heatmap_wh((192, 256)) == (48, 64)
    assert W48.heatmap_wh((288, 384)) == (72, 96)


@pytest.mark.parametrize("input_wh", [(190, 256), (192, 250), (0, 256), (-32, 32), (16, 16)])
def test_an_input_that_does_not_divide_is_refused_with_the_rule(input_wh):
    with pytest.raises(ValueError, match="multiples of 32"):
        W32.heatmap_wh(input_wh)
    with pytest.raises(ValueError, match="multiples of 32"):
        W32.count_macs(input_wh)


def test_a_network_of_three_branches_can_be_described():
    net = HRNet("three", (16, 32, 64), stages=(Stage(1, 2, 2), Stage(1, 3, 2)))
    assert net.size_multiple == 16
    assert "stage4.0.branches.0.0.conv1.weight" not in net.parameter_shapes
    assert "stage3.0.fuse_layers.1.0.0.0.weight" not in net.parameter_shapes


@pytest.mark.parametrize(
    "changes",
    [
        {"widths": (32, 64, 128)},
        {"widths": (32, 64, 128, 0)},
        {"keypoints": 0},
        {"bottlenecks": 0},
        {"stages": (Stage(1, 2, 4), Stage(1, 4, 4), Stage(1, 3, 4))},
        {"stages": (Stage(1, 2, 4), Stage(0, 3, 4), Stage(1, 4, 4))},
        {"stages": ()},
    ],
)
def test_a_description_that_makes_no_network_is_refused(changes):
    with pytest.raises(ValueError, match="hrnet-w32"):
        replace(W32, **changes)
