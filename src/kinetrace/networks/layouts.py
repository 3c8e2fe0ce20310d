"""Tensors as a checkpoint names them -> those of an `HRNet`, in the authors' key layout.

The layouts differ in what stands before the authors' names:

=============================  ===============  =======================
source                         the network      the last convolution
=============================  ===============  =======================
the authors' repository                         ``final_layer``
MMPose 0.x                     ``backbone.``    ``keypoint_head.final_layer``
MMPose 1.x                     ``backbone.``    ``head.final_layer``
=============================  ===============  =======================

Any of them may have ``module.`` in front, from ``torch.nn.DataParallel``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kinetrace.errors import WeightsError
from kinetrace.networks.hrnet import NANO, W18_SMALL, W32, W48, HRNet
from kinetrace.networks.views import show

KNOWN_NETWORKS = (W32, W48, W18_SMALL, NANO)

_PARALLEL_PREFIX = "module."
_PART_PREFIXES = ("backbone.", "keypoint_head.", "head.")
# Counted while training and read by nothing at inference.
_IGNORED_SUFFIX = ".num_batches_tracked"
_CLASSIFIER_PARTS = ("incre_modules.", "downsamp_modules.", "final_layer.0.", "classifier.")
# Where the first branch's width can be read, whatever the stem.
_WIDTH_KEY = "stage2.0.branches.0.0.conv1.weight"
_HEAD_KEY = "final_layer.weight"


def match_state(
    state: Mapping[str, NDArray[Any]], net: HRNet | None = None
) -> tuple[HRNet, dict[str, NDArray[Any]]]:
    """Find the tensors of an HRNet among those of a checkpoint.

    Parameters
    ----------
    state
        Name -> array, as `read_checkpoint` returns it.
    net
        The architecture; None recognises one of `KNOWN_NETWORKS` by the shapes, with any number
        of keypoints.

    Returns
    -------
    HRNet
        `net`, or the architecture that was recognised.
    dict of str to ndarray
        Its parameters by the authors' names, complete and with the right shapes.

    Raises
    ------
    WeightsError
        When no architecture is recognised, or a tensor is missing, surplus, of another shape or
        of a type that is no floating point; it is named as the checkpoint names it.
    """
    names = _map_names(state)
    _explain_classifier(names)
    if net is None:
        net = _recognise({key: state[name].shape for key, name in names.items()})
    expected = net.parameter_shapes
    _check_names(net, names)
    for key, shape in expected.items():
        array = state[names[key]]
        if array.shape != shape:
            msg = (
                f"The tensor {names[key]} has the shape {array.shape}, and {net.name} with "
                f"{net.keypoints} keypoints expects {shape}. These are the weights of another "
                "network."
            )
            raise WeightsError(msg)
        if not np.issubdtype(array.dtype, np.floating):
            msg = (
                f"The tensor {names[key]} is of type {array.dtype}; weights must be floating "
                "point. A quantised checkpoint must be saved again in float32."
            )
            raise WeightsError(msg)
    return net, {key: state[names[key]] for key in expected}


def _map_names(state: Mapping[str, NDArray[Any]]) -> dict[str, str]:
    """Map each of the authors' names to the name in the checkpoint."""
    names: dict[str, str] = {}
    is_parallel = all(name.startswith(_PARALLEL_PREFIX) for name in state)
    for name in state:
        if name.endswith(_IGNORED_SUFFIX):
            continue
        key = name.removeprefix(_PARALLEL_PREFIX) if is_parallel else name
        part = next((prefix for prefix in _PART_PREFIXES if key.startswith(prefix)), "")
        key = key.removeprefix(part)
        if key in names:
            msg = f"The tensors {names[key]} and {name} are both {key}: keep one of them."
            raise WeightsError(msg)
        names[key] = name
    return names


def _explain_classifier(names: Mapping[str, str]) -> None:
    leftovers = [name for key, name in names.items() if key.startswith(_CLASSIFIER_PARTS)]
    if leftovers:
        msg = (
            f"The checkpoint has {leftovers[0]} and {len(leftovers) - 1} more tensors of an image "
            "classifier: it is an HRNet trained on ImageNet, which finds no keypoints. It serves "
            "to begin a training; to estimate poses, use weights trained for that (COCO)."
        )
        raise WeightsError(msg)


def _recognise(shapes: Mapping[str, tuple[int, ...]]) -> HRNet:
    if _HEAD_KEY not in shapes or not shapes[_HEAD_KEY]:
        msg = (
            f"The checkpoint has no {_HEAD_KEY}, the last convolution, under any known name. It "
            f"begins with {show(list(shapes)[:5])}: it holds a backbone alone, or is no HRNet."
        )
        raise WeightsError(msg)
    width = shapes.get(_WIDTH_KEY, (None,))[:1]
    for net in KNOWN_NETWORKS:
        if width == net.widths[:1]:
            return replace(net, keypoints=shapes[_HEAD_KEY][0])
    known = ", ".join(f"{net.name} has {net.widths[0]}" for net in KNOWN_NETWORKS)
    msg = (
        f"The architecture is not recognised: the tensor {_WIDTH_KEY} has the shape "
        f"{shapes.get(_WIDTH_KEY, 'none, it is missing')}, and its first number tells the width "
        f"({known}). Pass the architecture if it is another one."
    )
    raise WeightsError(msg)


def _check_names(net: HRNet, names: Mapping[str, str]) -> None:
    expected = net.parameter_shapes
    missing = [key for key in expected if key not in names]
    surplus = [name for key, name in names.items() if key not in expected]
    if missing:
        also = f" It has {show(surplus[0])}, which is unknown." if surplus else ""
        msg = (
            f"The tensor {missing[0]} of shape {expected[missing[0]]} is missing, with "
            f"{len(missing) - 1} more of the {len(expected)} that {net.name} has.{also} The file "
            "is incomplete, or of another network."
        )
        raise WeightsError(msg)
    if surplus:
        msg = (
            f"The tensor {show(surplus[0])} is no part of {net.name}, nor are "
            f"{len(surplus) - 1} more. These are the weights of another network."
        )
        raise WeightsError(msg)
