"""The names that checkpoints give to an HRNet's tensors, and what is said when they do not fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kinetrace.errors import WeightsError
from kinetrace.networks import W18_SMALL, W32, W48, match_state

NET = W18_SMALL


def make_state(net=NET):
    """Zeros that take no memory, in the authors' layout."""
    zero = np.zeros((), np.float32)
    return {key: np.broadcast_to(zero, shape) for key, shape in net.parameter_shapes.items()}


def to_mmpose(state, head):
    return {
        (head if key.startswith("final_layer") else "backbone.") + key: array
        for key, array in state.items()
    }


LAYOUTS = {
    "authors": lambda state: state,
    "mmpose 0.x": lambda state: to_mmpose(state, "keypoint_head."),
    "mmpose 1.x": lambda state: to_mmpose(state, "head."),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("net", [W18_SMALL, W32, W48, replace(W48, keypoints=133)])
def test_each_layout_is_read_and_its_network_recognised(net, layout, parallel):
    state = LAYOUTS[layout](make_state(net))
    counted = {
        name.replace(".weight", ".num_batches_tracked"): np.array(7)
        for name in state
        if name.endswith(".weight") and "bn" in name
    }
    state = {("module." if parallel else "") + name: a for name, a in (state | counted).items()}
    found, matched = match_state(state)
    assert found == net
    assert {key: array.shape for key, array in matched.items()} == net.parameter_shapes


def test_each_tensor_goes_to_its_own_name():
    state = {
        key: np.full(shape, i, np.float32)
        for i, (key, shape) in enumerate(NET.parameter_shapes.items())
    }
    _, matched = match_state(to_mmpose(state, "head."), NET)
    assert all(matched[key] is state[key] for key in state)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_missing_tensor_is_named_with_its_shape(layout):
    state = make_state()
    del state["stage3.2.branches.1.0.bn2.running_var"]
    with pytest.raises(
        WeightsError, match=r"stage3\.2\.branches\.1\.0\.bn2\.running_var of shape \(36,\)"
    ):
        match_state(LAYOUTS[layout](state))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_surplus_tensor_is_named(layout):
    state = LAYOUTS[layout](make_state()) | {"backbone.extra.weight": np.ones(3)}
    with pytest.raises(WeightsError, match=r"backbone\.extra\.weight"):
        match_state(state)


def test_a_tensor_of_another_shape_is_named_with_both_shapes():
    state = make_state() | {"conv2.weight": np.ones((64, 64, 1, 1))}
    with pytest.raises(
        WeightsError, match=r"backbone\.conv2\.weight .*\(64, 64, 1, 1\).*\(64, 64, 3, 3\)"
    ):
        match_state(to_mmpose(state, "head."))


def test_another_number_of_keypoints_than_was_asked_for_is_refused():
    with pytest.raises(
        WeightsError, match=r"final_layer\.weight .*\(17, 18, 1, 1\).*\(14, 18, 1, 1\)"
    ):
        match_state(make_state(), replace(NET, keypoints=14))


def test_the_weights_of_another_width_are_refused():
    with pytest.raises(WeightsError, match=r"\(48, 256, 3, 3\).*hrnet-w32"):
        match_state(make_state(W48), W32)


def test_weights_that_are_no_floating_point_are_refused():
    state = make_state() | {"bn1.weight": np.ones(64, np.int8)}
    with pytest.raises(WeightsError, match=r"bn1\.weight is of type int8"):
        match_state(state)


def test_two_tensors_for_one_place_are_refused():
    state = make_state()
    with pytest.raises(WeightsError, match=r"head\.final_layer\.bias"):
        match_state(state | {"head.final_layer.bias": state["final_layer.bias"]})


def test_an_image_classifier_is_told_to_be_one():
    state = {key: a for key, a in make_state(W32).items() if not key.startswith("final_layer")}
    state["classifier.weight"] = np.ones((1000, 2048), np.float32)
    state["incre_modules.0.0.conv1.weight"] = np.ones((32, 32, 1, 1), np.float32)
    with pytest.raises(WeightsError, match="ImageNet"):
        match_state(state)


def test_a_backbone_without_a_head_is_told_to_be_one():
    state = {f"backbone.{key}": a for key, a in make_state(W32).items() if "final_layer" not in key}
    with pytest.raises(WeightsError, match="backbone alone"):
        match_state(state)


def test_a_width_that_is_not_known_is_refused_with_the_known_ones():
    state = make_state(replace(W32, widths=(40, 80, 160, 320)))
    with pytest.raises(WeightsError, match=r"hrnet-w32 has 32"):
        match_state(state)


@pytest.mark.parametrize(
    "state", [{}, {"fc.weight": np.ones((2, 2))}, {"final_layer.weight": np.ones(())}]
)
def test_what_is_no_hrnet_is_refused(state):
    with pytest.raises(WeightsError, match="no HRNet|not recognised"):
        match_state(state)
