"""An HRNet and its state dict -> an ONNX graph, ready for ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kinetrace.errors import MissingExtraError, WeightsError
from kinetrace.networks.hrnet import HRNet
from kinetrace.networks.layers import Addition, Convolution, Upsampling

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

# Opset 13 and IR 8 are what ONNX Runtime has run since 1.10, on every provider; nothing newer
# is needed. 13 is the first with per-channel quantisation.
OPSET = 13
IR_VERSION = 8
BATCH_NORM_EPSILON = 1e-5

_UPSAMPLING_SCALES = "upsampling_scales"


def build_graph(net: HRNet, state: Mapping[str, NDArray[np.generic]]) -> ModelProto:
    """Build the ONNX graph of a network, with batch norm folded into the convolutions.

    The input ``image`` is (N, 3, H, W) float32 and the output ``heatmaps`` is
    (N, keypoints, H / 4, W / 4) float32. N, H and W are free; H and W must be multiples of
    `HRNet.size_multiple`, which `HRNet.heatmap_wh` checks.

    Parameters
    ----------
    net
        The architecture.
    state
        Name -> array, in the authors' key layout and complete, as `match_state` returns it.

    Returns
    -------
    onnx.ModelProto
        The graph. The same arguments give the same bytes.

    Raises
    ------
    WeightsError
        When a folded weight is not finite.
    MissingExtraError
        When `onnx` is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError("onnx, which converts HRNet weights,", "hrnet") from error

    nodes: list[NodeProto] = []
    initializers = [
        onnx.numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), _UPSAMPLING_SCALES)
    ]
    for layer in net.layers:
        if isinstance(layer, Convolution):
            nodes += _convolution_nodes(layer)
            initializers += _convolution_initializers(layer, state)
        elif isinstance(layer, Upsampling):
            nodes.append(_upsampling_node(layer))
        else:
            nodes += _addition_nodes(layer)
    return _assemble(net, nodes, initializers)


def _assemble(net: HRNet, nodes: list[NodeProto], initializers: list[TensorProto]) -> ModelProto:
    from onnx import TensorProto, helper

    image = helper.make_tensor_value_info(
        "image", TensorProto.FLOAT, ["batch", 3, "height", "width"]
    )
    heatmaps = helper.make_tensor_value_info(
        "heatmaps",
        TensorProto.FLOAT,
        ["batch", net.keypoints, "heatmap_height", "heatmap_width"],
    )
    graph = helper.make_graph(nodes, net.name, [image], [heatmaps], initializers)
    return helper.make_model(
        graph,
        producer_name="kinetrace",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )


def _convolution_nodes(layer: Convolution) -> list[NodeProto]:
    from onnx import helper

    name = layer.output.name
    result = f"{name}/convolved" if layer.relu else name
    pad = layer.kernel // 2
    nodes = [
        helper.make_node(
            "Conv",
            [layer.input.name, f"{layer.key}.weight", f"{layer.key}.bias"],
            [result],
            name=f"{name}/Conv",
            kernel_shape=[layer.kernel, layer.kernel],
            strides=[layer.step, layer.step],
            pads=[pad, pad, pad, pad],
        )
    ]
    if layer.relu:
        nodes.append(helper.make_node("Relu", [result], [name], name=f"{name}/Relu"))
    return nodes


def _upsampling_node(layer: Upsampling) -> NodeProto:
    from onnx import helper

    # These two attributes are how ONNX spells PyTorch's "nearest", and the only ones for which
    # ONNX Runtime keeps its blocked memory layout.
    return helper.make_node(
        "Resize",
        [layer.input.name, "", _UPSAMPLING_SCALES],
        [layer.output.name],
        name=f"{layer.output.name}/Resize",
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )


def _addition_nodes(layer: Addition) -> list[NodeProto]:
    from onnx import helper

    # Add of two, not Sum of many: ONNX Runtime merges Conv, Add and Relu into one kernel.
    name = layer.output.name
    result = f"{name}/added" if layer.relu else name
    nodes = []
    total = layer.inputs[0].name
    for i, x in enumerate(layer.inputs[1:], start=1):
        partial = result if i == len(layer.inputs) - 1 else f"{name}/added.{i}"
        nodes.append(helper.make_node("Add", [total, x.name], [partial], name=f"{name}/Add.{i}"))
        total = partial
    if layer.relu:
        nodes.append(helper.make_node("Relu", [result], [name], name=f"{name}/Relu"))
    return nodes


def _convolution_initializers(
    layer: Convolution, state: Mapping[str, NDArray[np.generic]]
) -> list[TensorProto]:
    from onnx import numpy_helper

    weight, bias = _fold(layer, state)
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        msg = (
            f"The weights of {layer.key} are not finite once batch norm is folded in. "
            "The file is damaged, or its training diverged: use another one."
        )
        raise WeightsError(msg)
    return [
        numpy_helper.from_array(weight, f"{layer.key}.weight"),
        numpy_helper.from_array(bias, f"{layer.key}.bias"),
    ]


def _fold(
    layer: Convolution, state: Mapping[str, NDArray[np.generic]]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Give the weight and bias of one convolution that does what it and its batch norm do.

    Ioffe and Szegedy, "Batch Normalization", ICML 2015, algorithm 2. In float64, so that the
    only rounding is the last one.
    """
    weight = state[f"{layer.key}.weight"].astype(np.float64)
    if layer.norm_key is None:
        return weight.astype(np.float32), state[f"{layer.key}.bias"].astype(np.float32)
    gamma, beta, mean, variance = (
        state[f"{layer.norm_key}.{parameter}"].astype(np.float64)
        for parameter in ("weight", "bias", "running_mean", "running_var")
    )
    # A negative variance gives NaN here, which the caller reports with the layer's name.
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        scale = gamma / np.sqrt(variance + BATCH_NORM_EPSILON)
        folded = weight * scale[:, None, None, None]
        return folded.astype(np.float32), (beta - mean * scale).astype(np.float32)
