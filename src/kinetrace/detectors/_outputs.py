"""What person detectors in ONNX files give, recognised by its shape and read as boxes.

Finished boxes, as MMDeploy exports RTMDet and YOLOX, with non-maximum suppression inside::

    dets    (N, M, 5)      left, top, right, bottom in px of the input, score
    labels  (N, M) int     class; a person is 0

A raw grid, as YOLOX exports itself: a row for each cell of three grids, one after the other::

    (N, A, 5 + classes)    centre xy and log size wh, in strides and from the cell's corner;
                           objectness; a probability for each class; a person is the first
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace.boxes import Array, suppress
from kinetrace.errors import WeightsError
from kinetrace.onnx_session import Shape

Kind = Literal["boxes", "grid"]

_PERSON = 0
_STRIDES_PX = (8, 16, 32)

# What YOLOX evaluates itself with (Exp.nmsthre).
_MAX_IOU = 0.65

# More people than a picture has; the overlaps of more candidates take long to compare.
_MOST_CANDIDATES = 1000

# A score may leave 0..1 by rounding; by more, it is no probability.
_ROUNDING = 1e-3


class Candidates(NamedTuple):
    """Boxes (M, 4) in px of the input, and scores (M,), of one picture."""

    xyxy: Array
    score: Array


def recognise(output_shapes: Sequence[Shape]) -> Kind:
    """Tell what a network gives by the shapes of its outputs.

    Raises
    ------
    WeightsError
        If it gives neither boxes nor a grid.
    """
    ranks = [len(shape) for shape in output_shapes]
    first = output_shapes[0] if output_shapes else ()
    if ranks == [3, 2] and first[2] in (5, None):
        return "boxes"
    # A grid has many more cells than numbers for each; in YOLOv8's outputs it is the reverse.
    if ranks == [3] and (first[2] is None or 6 <= first[2] < (first[1] or np.inf)):
        return "grid"
    raise WeightsError(
        f"it gives {' and '.join(_text(shape) for shape in output_shapes)}, which is neither "
        "boxes and labels (N, M, 5) and (N, M) nor YOLOX's grid (N, 8400, 85); "
        "export RTMDet with MMDeploy, or YOLOX with its tools/export_onnx.py"
    )


def _text(shape: Shape) -> str:
    return f"({', '.join('?' if length is None else str(length) for length in shape)})"


def read_boxes(outputs: Sequence[npt.NDArray[Any]]) -> list[Candidates]:
    """Read finished boxes; one `Candidates` for each picture of the batch.

    Raises
    ------
    WeightsError
        If the outputs are something else.
    """
    dets, labels = outputs
    if dets.ndim != 3 or dets.shape[2] != 5 or labels.shape != dets.shape[:2]:
        raise WeightsError(
            f"it gave {dets.shape} and {labels.shape} where (N, M, 5) and (N, M) were expected"
        )
    _check_scores(dets[..., 4])
    people = [found[classes == _PERSON] for found, classes in zip(dets, labels, strict=True)]
    return [Candidates(found[:, :4], found[:, 4].clip(0, 1)) for found in people]


def read_grid(
    outputs: Sequence[npt.NDArray[Any]], input_wh: tuple[int, int], *, min_score: float
) -> list[Candidates]:
    """Read a raw grid; one `Candidates` for each picture of the batch.

    Parameters
    ----------
    outputs
        One array (N, A, 5 + classes).
    input_wh
        Width and height of the network's input in px.
    min_score
        Cells that score less are passed over.

    Raises
    ------
    WeightsError
        If the output is something else.
    """
    (cells,) = outputs
    corner_xy, stride = _grid(input_wh)
    if cells.ndim != 3 or cells.shape[1] != len(stride) or cells.shape[2] < 6:
        raise WeightsError(
            f"it gave {cells.shape} where a grid of (N, {len(stride)}, 6 or more) was expected: "
            f"strides {_STRIDES_PX} of an input of {input_wh[0]} x {input_wh[1]} px"
        )
    _check_scores(cells[..., 4:])
    scores = (cells[..., 4] * cells[..., 5 + _PERSON]).clip(0, 1)
    return [
        _decode(picture, score, corner_xy, stride, min_score)
        for picture, score in zip(cells, scores, strict=True)
    ]


def _grid(input_wh: tuple[int, int]) -> tuple[Array, Array]:
    """Return each cell's corner, (A, 2) in strides, and its stride, (A, 1) in px."""
    corners, strides = [], []
    for stride in _STRIDES_PX:
        width, height = (side // stride for side in input_wh)
        y, x = np.mgrid[:height, :width]
        corners.append(np.stack([x, y], axis=2).reshape(-1, 2))
        strides.append(np.full((width * height, 1), stride))
    return np.concatenate(corners).astype(np.float32), np.concatenate(strides).astype(np.float32)


def _decode(
    cells: Array, score: Array, corner_xy: Array, stride: Array, min_score: float
) -> Candidates:
    rows = np.flatnonzero(score >= min_score)
    rows = rows[np.argsort(-score[rows], kind="stable")[:_MOST_CANDIDATES]]
    centre = (cells[rows, :2] + corner_xy[rows]) * stride[rows]
    with np.errstate(over="ignore"):  # a size beyond float32 is infinite, and dropped later
        half = np.exp(cells[rows, 2:4]) * stride[rows] / 2
    xyxy = np.concatenate([centre - half, centre + half], axis=1)
    keep = suppress(xyxy, score[rows], max_iou=_MAX_IOU)
    return Candidates(xyxy[keep], score[rows][keep])


def _check_scores(score: Array) -> None:
    if np.any((score < -_ROUNDING) | (score > 1 + _ROUNDING)):
        raise WeightsError(
            f"its scores leave 0..1 ({score.min():.3g} to {score.max():.3g}): "
            "export it with the sigmoid at its end"
        )
