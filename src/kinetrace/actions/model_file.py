"""The file that a trained classifier is kept in: an ONNX graph, which holds numbers and no code.

Labels and settings are its metadata. The graph, on features x (N, F) with NaN for what is missing:

    z = (where(isnan(x), mean, x) - mean) / scale
    distance = min over classes of |z A - centre| / spread
    confidence = softmax(z W + b) / (1 + (distance / reach)^8)

A is the projection of linear discriminant analysis, centre and spread are those of what was trained
on, and the reach is what 98 in 100 examples that were left out are nearer than: what is farther
from every class is none of them, however sure the softmax is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace.actions import features
from kinetrace.errors import MissingExtraError, WeightsError
from kinetrace.files import replacing

if TYPE_CHECKING:
    from kinetrace.onnx_session import Session

Floats = npt.NDArray[np.floating[Any]]

PRETRAINED = {"penn-action": Path(__file__).parent / "pretrained" / "penn_action.onnx"}

_KIND = "kinetrace actions"
_STEEPNESS = 8.0


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """The numbers of a trained classifier; see the module's text for what is done with them.

    Attributes
    ----------
    mean, scale : (F,)
    weights, bias : (F, C), (C,)
    axes, centres, spread : (F, D), (C, D), (C,)
    reach
        The distance at which a confidence is halved.
    """

    mean: Floats
    scale: Floats
    weights: Floats
    bias: Floats
    axes: Floats
    centres: Floats
    spread: Floats
    reach: float


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a model file says of itself.

    Attributes
    ----------
    labels
        C names of actions, in the order of the outputs.
    window_s
        How long a window of a long film is: the median length of what was trained on.
    mirror
        Whether left and right mean the same.
    description
        What it was trained on, and how good it is on what it was not trained on.
    """

    labels: tuple[str, ...]
    window_s: float
    mirror: bool
    description: str = ""


@dataclass(frozen=True)
class ActionModel:
    """A loaded model. Made by `load_model`.

    Attributes
    ----------
    settings
        Labels, length of a window, and whether left and right mean the same.
    session
        The network.
    """

    settings: Settings
    session: Session

    def answer(self, xy: features.Floats, time_s: features.Floats) -> Answer | None:
        """Tell how likely each action is in one stretch of one person's movement.

        Parameters
        ----------
        xy : (T, 13, 2)
            `features.JOINTS` in pixels, NaN where missing.
        time_s : (T,)
            Ascending.

        Returns
        -------
        Answer or None
            None if too little is seen to tell.
        """
        views = [xy, features.mirrored(xy)] if self.settings.mirror else [xy]
        described = [features.describe(view, time_s) for view in views]
        known = [row for row in described if row is not None]
        if not known:
            return None
        confidence, distance = self.session.run(np.stack(known))
        return Answer(np.asarray(confidence.mean(axis=0), np.float64), float(distance.mean()))


class Answer(NamedTuple):
    """What a model says of one stretch.

    Attributes
    ----------
    confidence : (C,) float64
        0..1 each, in the order of the labels, and together at most 1: the rest is that it is none
        of them.
    distance
        From the nearest class, in spreads of what was trained on.
    """

    confidence: npt.NDArray[np.float64]
    distance: float


def write_model(classifier: Classifier, settings: Settings, path: Path) -> None:
    """Write a model file.

    Raises
    ------
    MissingExtraError
        If onnx is not installed.
    OutputError
        If it cannot be written; what was there stays.
    """
    onnx = _import_onnx()
    count = len(classifier.mean)
    tensor = onnx.helper.make_tensor_value_info
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(*node[:3], **node[3]) for node in _NODES],
        "actions",
        [tensor("features", kind, ["stretches", count])],
        [
            tensor("confidence", kind, ["stretches", len(settings.labels)]),
            tensor("distance", kind, ["stretches"]),
        ],
        [
            onnx.numpy_helper.from_array(value, name)
            for name, value in _initializers(classifier).items()
        ],
    )
    opset = onnx.helper.make_opsetid("", 18)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8)
    onnx.helper.set_model_props(model, _metadata(settings))
    onnx.checker.check_model(model)
    with replacing(path) as temporary:
        temporary.write_bytes(model.SerializeToString())


# Operator, inputs, outputs, attributes.
_NODES: tuple[tuple[str, list[str], list[str], Mapping[str, Any]], ...] = (
    ("IsNaN", ["features"], ["missing"], {}),
    ("Where", ["missing", "mean", "features"], ["filled"], {}),
    ("Sub", ["filled", "mean"], ["centred"], {}),
    ("Div", ["centred", "scale"], ["scaled"], {}),
    ("Gemm", ["scaled", "weights", "bias"], ["logits"], {}),
    ("Softmax", ["logits"], ["probability"], {"axis": 1}),
    ("MatMul", ["scaled", "axes"], ["projected"], {}),
    ("Unsqueeze", ["projected", "one"], ["each"], {}),
    ("Sub", ["each", "centres"], ["apart"], {}),
    ("ReduceL2", ["apart", "two"], ["lengths"], {"keepdims": 0}),
    ("Div", ["lengths", "spread"], ["distances"], {}),
    ("ReduceMin", ["distances", "one"], ["distance"], {"keepdims": 0}),
    ("Div", ["distance", "reach"], ["relative"], {}),
    ("Pow", ["relative", "steepness"], ["strange"], {}),
    ("Add", ["strange", "unit"], ["divisor"], {}),
    ("Unsqueeze", ["divisor", "one"], ["column"], {}),
    ("Div", ["probability", "column"], ["confidence"], {}),
)


def _initializers(classifier: Classifier) -> dict[str, npt.NDArray[Any]]:
    numbers = {name: np.asarray(value, np.float32) for name, value in vars(classifier).items()}
    constants = {"steepness": np.float32(_STEEPNESS), "unit": np.float32(1)}
    axes = {"one": np.array([1], np.int64), "two": np.array([2], np.int64)}
    return numbers | {name: np.asarray(value) for name, value in constants.items()} | axes


def _metadata(settings: Settings) -> dict[str, str]:
    return {
        "kind": _KIND,
        "features": str(features.VERSION),
        "labels": json.dumps(settings.labels),
        "window_s": repr(float(settings.window_s)),
        "mirror": json.dumps(settings.mirror),
        "description": settings.description,
    }


def load_model(name: str | os.PathLike[str]) -> ActionModel:
    """Load a model.

    Parameters
    ----------
    name
        A file that `train` wrote, or the name of one that comes with the package: penn-action.

    Raises
    ------
    MissingExtraError
        If ONNX Runtime or onnx is not installed.
    WeightsError
        If there is no such file, or it is not a model of actions, or one of other features.
    """
    from kinetrace.onnx_session import open_session

    path = PRETRAINED.get(str(name), Path(name))
    if not path.is_file():
        raise WeightsError(
            f"there is no model {str(path)!r}; name a file that kinetrace actions train wrote, "
            f"or one of: {', '.join(PRETRAINED)}"
        )
    session = open_session(path, device="cpu", threads=1)
    settings = _read_settings(path)
    wanted = (session.input_shape[-1:], session.output_shapes[0][-1:])
    if wanted != ((features.feature_count(),), (len(settings.labels),)):
        raise WeightsError(f"{path} does not fit its own labels and features; train it again")
    return ActionModel(settings, session)


def _read_settings(path: Path) -> Settings:
    told = _import_onnx().load(str(path), load_external_data=False).metadata_props
    metadata = {each.key: each.value for each in told}
    if metadata.get("kind") != _KIND:
        raise WeightsError(f"{path} is not a model of actions: kinetrace actions train writes one")
    if metadata.get("features") != str(features.VERSION):
        raise WeightsError(
            f"{path} was made for features of version {metadata.get('features')}, these are of "
            f"version {features.VERSION}; train it again"
        )
    try:
        return Settings(
            labels=tuple(str(label) for label in json.loads(metadata["labels"])),
            window_s=float(metadata["window_s"]),
            mirror=bool(json.loads(metadata["mirror"])),
            description=metadata.get("description", ""),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path} has metadata that cannot be read: {error}") from error


def _import_onnx() -> Any:
    try:
        import onnx
        import onnx.numpy_helper
    except ImportError as error:
        raise MissingExtraError("onnx", "actions") from error
    return onnx
