"""Person detectors as ONNX files, made for tests: what they find is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from kinetrace.estimators import Options
from kinetrace.frames import Frame

Shape = tuple[int | str, ...]


def save(
    path: Path,
    nodes: list[Any],
    outputs: list[tuple[str, int, Shape]],
    *,
    input_shape: Shape,
    **constants: Any,
) -> Path:
    """Write a network with the input `image`; `constants` are arrays that the nodes may use."""
    graph = helper.make_graph(
        nodes,
        "synthetic",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, input_shape)],
        [helper.make_tensor_value_info(*output) for output in outputs],
        [numpy_helper.from_array(np.asarray(a), name) for name, a in constants.items()],
    )
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def write_boxes(
    path: Path, dets: Any, labels: Any = None, *, input_shape: Shape = ("N", 3, "H", "W")
) -> Path:
    """An export with suppression inside that always finds `dets`, rows of x1, y1, x2, y2, score."""
    dets = np.asarray(dets, np.float32).reshape(1, -1, 5)
    labels = np.zeros(dets.shape[:2]) if labels is None else labels
    nodes = [
        helper.make_node("Identity", ["boxes"], ["dets"]),
        helper.make_node("Identity", ["classes"], ["labels"]),
    ]
    outputs: list[tuple[str, int, Shape]] = [
        ("dets", TensorProto.FLOAT, ("N", "M", "five")),
        ("labels", TensorProto.INT64, ("N", "M")),
    ]
    classes = np.asarray(labels, np.int64).reshape(1, -1)
    return save(path, nodes, outputs, input_shape=input_shape, boxes=dets, classes=classes)


def write_grid(path: Path, cells: Any, *, input_shape: Shape = (1, 3, 64, 96)) -> Path:
    """A YOLOX that always finds `cells`, with an objectness scaled by the picture's brightness."""
    cells = np.asarray(cells, np.float32)
    gain = np.zeros(cells.shape[1], np.float32)
    gain[4] = 1 / 255
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[1, 2, 3]),
        helper.make_node("Reshape", ["mean", "column"], ["brightness"]),
        helper.make_node("Mul", ["brightness", "gain"], ["scaled"]),
        helper.make_node("Add", ["scaled", "rest"], ["factors"]),
        helper.make_node("Mul", ["cells", "factors"], ["output"]),
    ]
    return save(
        path,
        nodes,
        [("output", TensorProto.FLOAT, (input_shape[0], *cells.shape))],
        input_shape=input_shape,
        cells=cells[None],
        gain=gain,
        rest=(gain == 0).astype(np.float32),
        column=np.array([-1, 1, 1]),
    )


def picture(width: int, height: int, rgb: tuple[int, int, int] = (255, 255, 255)) -> Frame:
    image = np.empty((height, width, 3), np.uint8)
    image[:] = rgb
    return Frame(image, 0, 0.0)


def detect(load: Callable[[Options], Any], path: Path, *frames: Frame, **options: Any) -> Any:
    return load(Options(model=str(path), device="cpu", **options))(frames)


# YOLOX's grid, for an input of 96 x 64 px: 12 x 8, 6 x 4 and 3 x 2 cells.
GRID_WH = (96, 64)
CELLS = [(s, x, y) for s in (8, 16, 32) for y in range(64 // s) for x in range(96 // s)]


def encode(people: dict[int, tuple[float, float, float, float]], classes: int = 1) -> np.ndarray:
    """Write boxes (x1, y1, x2, y2 px) into cells, one number at a time."""
    cells = np.zeros((len(CELLS), 5 + classes))
    for cell, (x1, y1, x2, y2) in people.items():
        stride, column, row = CELLS[cell]
        cells[cell, 0] = (x1 + x2) / 2 / stride - column
        cells[cell, 1] = (y1 + y2) / 2 / stride - row
        cells[cell, 2] = np.log((x2 - x1) / stride)
        cells[cell, 3] = np.log((y2 - y1) / stride)
        cells[cell, 4:6] = 1.0
    return cells
