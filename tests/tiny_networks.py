"""Small ONNX networks whose answers are known, for tests that need no trained one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def write_brightness_network(path: Path, *, keypoints: int = 17) -> Path:
    """Write a "pose" network whose every heatmap is the crop's brightness at a quarter of its size.

    So each keypoint is found where the crop is brightest. Takes (N, 3, H, W), gives
    (N, keypoints, H / 4, W / 4), within 0..1 for the normalised crop of a black-to-white picture.
    """
    kernel = np.full((keypoints, 3, 4, 4), 1 / 48, np.float32)
    # Undo ImageNet's normalisation, on average: (x - 0.449) / 0.226.
    scale, shift = np.float32(0.226), np.float32(0.449)
    nodes = [
        helper.make_node("Conv", ["image", "kernel"], ["mean"], strides=[4, 4]),
        helper.make_node("Mul", ["mean", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], ["heatmaps"]),
    ]
    free = ["batch", 3, "height", "width"]
    graph = helper.make_graph(
        nodes,
        "brightness",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, free)],
        [helper.make_tensor_value_info("heatmaps", TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(kernel, "kernel"),
            numpy_helper.from_array(scale, "scale"),
            numpy_helper.from_array(shift, "shift"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(path))
    return path
