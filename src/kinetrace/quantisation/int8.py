"""A float graph and crops of people -> the graph in 8 bits, checked and kept."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kinetrace.choices import Decode
from kinetrace.errors import MissingExtraError, WeightsError
from kinetrace.networks.convert import BUILDER_VERSION, write_sealed
from kinetrace.onnx_session import open_session
from kinetrace.quantisation.sample import Sample
from kinetrace.quantisation.shift import SEEN_SCORE, Shift, measure_shift

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto

# Raise this when the same float graph and crops give another 8-bit graph: those in people's
# caches are then made again.
QUANTISER_VERSION = 1

# More points moved than this, and the graph is refused. It is what noise does that nobody sees:
# with a deviation of two grey levels, 8 % of PP-TinyPose's points in a sharp film move so far in
# float32, and 19 % in photographs; a crop that is off by one pixel moves 5 % and 18 %.
MOST_MOVED_SHARE = 0.1

_BATCH = 8
_METADATA_KEY = "kinetrace.calibration"


def graph_name(stem: str, sha256: str, input_size_wh: tuple[int, int]) -> str:
    """Return what the 8-bit graph of a model is called in the cache.

    Parameters
    ----------
    stem, sha256
        Of the file of weights.
    input_size_wh
        Width and height in px: an 8-bit graph is for one size.
    """
    width, height = input_size_wh
    versions = f"b{BUILDER_VERSION}-q{QUANTISER_VERSION}"
    return f"{stem}-{sha256[:16]}-int8-{height}x{width}-{versions}.onnx"


def quantise(graph: Path, path: Path, sample: Sample, *, decode: Decode) -> Shift:
    """Make the 8-bit graph of a float one, if it is good enough.

    Parameters
    ----------
    graph
        The float network: ``image (N, 3, H, W) -> heatmaps``.
    path
        What is written, in one step: the same with H and W fixed, and with what it was
        calibrated on, and how it did, in its metadata.
    sample
        What to calibrate and to check on.
    decode
        How heatmaps become points.

    Returns
    -------
    Shift
        Of the points in the crops to check with.

    Raises
    ------
    WeightsError
        If the network cannot be quantised, more than `MOST_MOVED_SHARE` of the points moved (or
        there are none), or the graph cannot be written.
    MissingExtraError
        If `onnx` is not installed.
    """
    model = quantise_graph(graph, sample.calibration)
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / "int8.onnx"
        trial.write_bytes(model.SerializeToString())
        shift = measure_shift(graph, trial, sample.check, decode=decode)
    _refuse_if_worse(graph, shift, sample)
    told = {
        "source": sample.source,
        "crops": len(sample.calibration),
        "crops_sha256": sample.sha256,
        "shift": shift._asdict(),
    }
    entry = model.metadata_props.add()
    entry.key, entry.value = _METADATA_KEY, json.dumps(told)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_sealed(path, model.SerializeToString())
    except OSError as error:
        raise WeightsError(
            f"the int8 graph cannot be written to {path.parent} ({error.strerror}): name another "
            "folder in the environment variable KINETRACE_CACHE"
        ) from error
    return shift


def read_calibration(path: Path) -> dict[str, Any]:
    """Return what an 8-bit graph was calibrated on, and how far its points moved.

    Raises
    ------
    WeightsError
        If the file is none of `quantise`'s.
    MissingExtraError
        If `onnx` is not installed.
    """
    for entry in _import_onnx().load(str(path)).metadata_props:
        if entry.key == _METADATA_KEY:
            told: dict[str, Any] = json.loads(entry.value)
            return told
    raise WeightsError(f"{path} does not say what it was calibrated on: delete it")


def _refuse_if_worse(graph: Path, shift: Shift, sample: Sample) -> None:
    if not shift.points:
        raise WeightsError(
            f"{graph.name} sees no keypoint with a score of {SEEN_SCORE} in the crops of "
            f"{sample.source}, so int8 cannot be checked on it: name a clip or a folder of images "
            "of people as calibration, or use float32"
        )
    if shift.moved_share > MOST_MOVED_SHARE:
        raise WeightsError(
            f"{graph.name} does not survive int8: {shift}; at most {MOST_MOVED_SHARE:.0%} may "
            "move so far. Use float32, or name more pictures of people as calibration"
        )


def quantise_graph(graph: Path, crops: npt.NDArray[np.float32]) -> ModelProto:
    """Quantise as ONNX Runtime recommends: shapes known, constants folded, then calibrated."""
    onnx = _import_onnx()
    from onnxruntime import quantization

    open_session(graph, device="cpu").run(crops[:1])  # a file that does not run is told as such
    model = onnx.load(str(graph))
    input_name = _fix_size(model.graph, crops.shape[2:])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        onnx.save(model, str(folder / "fixed.onnx"))
        quantization.quant_pre_process(
            str(folder / "fixed.onnx"), str(folder / "plain.onnx"), skip_symbolic_shape=True
        )
        model = onnx.load(str(folder / "plain.onnx"))
        _name_nodes(model.graph)
        onnx.save(model, str(folder / "plain.onnx"))
        quantization.quantize_static(
            str(folder / "plain.onnx"),
            str(folder / "int8.onnx"),
            _Batches(crops, input_name),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            # With signed ones, VNNI's instruction (unsigned times signed) is not used.
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            nodes_to_exclude=_last_convolutions(model.graph),
            calibration_providers=["CPUExecutionProvider"],
            # The mean of the batches' extremes: one outlier must not take the steps of all.
            extra_options={"CalibMovingAverage": True},
        )
        quantised: ModelProto = onnx.load(str(folder / "int8.onnx"))
    return quantised


class _Batches:
    """What ONNX Runtime's calibration reads: a `CalibrationDataReader`."""

    def __init__(self, crops: npt.NDArray[np.float32], input_name: str) -> None:
        self._batches = iter(range(0, len(crops), _BATCH))
        self._crops, self._input_name = crops, input_name

    def get_next(self) -> Mapping[str, npt.NDArray[np.float32]] | None:
        """Return the next batch by the input's name, None behind the last one."""
        start = next(self._batches, None)
        if start is None:
            return None
        return {self._input_name: self._crops[start : start + _BATCH]}


def _fix_size(graph: GraphProto, size_hw: tuple[int, ...]) -> str:
    """Fix height and width of the input, and leave the batch free; return the input's name."""
    weights = {weight.name for weight in graph.initializer}
    image = next(value for value in graph.input if value.name not in weights)
    for dimension, length in zip(image.type.tensor_type.shape.dim[2:], size_hw, strict=True):
        dimension.dim_value = length
    return str(image.name)


def _name_nodes(graph: GraphProto) -> None:
    """Give names to nodes that have none, by which they can be left out."""
    for i, node in enumerate(graph.node):
        node.name = node.name or f"{node.op_type}_{i}"


def _last_convolutions(graph: GraphProto) -> list[str]:
    """Return the names of the convolutions behind which there is none up to the heatmaps."""
    makers = {output: node for node in graph.node for output in node.output}
    waiting, last = [graph.output[0].name], []
    while waiting:
        node = makers.get(waiting.pop())
        if node is None:
            continue
        if node.op_type == "Conv":
            last.append(node.name)
        else:
            waiting += node.input
    return last


def _import_onnx() -> Any:
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError("onnx, which int8 needs,", "hrnet") from error
    return onnx
