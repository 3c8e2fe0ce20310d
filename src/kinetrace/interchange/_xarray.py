"""Poses to and from xarray, as `movement` has them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from kinetrace._table_parsing import as_float32
from kinetrace.errors import FormatError, MissingExtraError
from kinetrace.formats import _json
from kinetrace.formats._individuals import from_individuals
from kinetrace.interchange._numpy import to_numpy
from kinetrace.poses import FloatArray, IntArray, Poses
from kinetrace.skeletons import skeleton_of

if TYPE_CHECKING:
    import xarray

_DIMS = ("time", "space", "keypoints", "individuals")
_OWN = "kinetrace"


def to_xarray(poses: Poses) -> xarray.Dataset:
    """Return poses as a dataset such as `movement` has (neuroinformatics-unit, ``ds_type`` poses).

    Returns
    -------
    xarray.Dataset
        ``position`` (time, space, keypoints, individuals) in pixels and ``confidence`` (time,
        keypoints, individuals); ``position_m`` in metres where there are any, whose dimension
        ``space_m`` is x, y and z. ``time`` is in seconds, or, where there is no clock, the frames'
        numbers (``time_unit``); these are the coordinate ``frame`` too. Skeleton, picture size,
        source and log are JSON in ``attrs["kinetrace"]``. Boxes and file names have no place.

    Raises
    ------
    MissingExtraError
        If xarray is not installed.
    OutputError
        If a frame has two people of one track id.
    """
    try:
        import xarray
    except ImportError as error:
        raise MissingExtraError("xarray", "xarray") from error
    arrays = to_numpy(poses)
    has_clock = bool(np.isfinite(poses.frame_time_s).all()) and len(poses.frame_time_s) > 0
    variables = {
        "position": (_DIMS, arrays.xy.transpose(0, 3, 2, 1)),
        "confidence": ((_DIMS[0], *_DIMS[2:]), arrays.score.transpose(0, 2, 1)),
    }
    coordinates: dict[str, Any] = {
        "time": poses.frame_time_s if has_clock else poses.frame_index,
        "space": ["x", "y"],
        "keypoints": np.array(arrays.keypoints, dtype=object),
        "individuals": np.array(arrays.individuals, dtype=object),
        "frame": ("time", poses.frame_index),
    }
    if arrays.xyz_m is not None:
        dims = ("time", "space_m", *_DIMS[2:])
        variables["position_m"] = (dims, arrays.xyz_m.transpose(0, 3, 2, 1))
        coordinates["space_m"] = ["x", "y", "z"]
    attributes: dict[str, Any] = {
        "ds_type": "poses",
        "source_software": _OWN,
        "time_unit": "seconds" if has_clock else "frames",
        _OWN: _json.dump(_json.describe(poses, poses.size_wh)),
    }
    rate_hz = _even_rate_hz(poses.frame_time_s) if has_clock else None
    if rate_hz is not None:
        attributes["fps"] = rate_hz
    return xarray.Dataset(variables, coordinates, attributes)


def from_xarray(dataset: xarray.Dataset) -> Poses:
    """Return the poses of a dataset of `movement`'s, or of `to_xarray`.

    Raises
    ------
    FormatError
        If it is no such dataset, or is one in three dimensions, whose unit it does not tell.
    """
    _check(dataset)
    dense = (_DIMS[0], "individuals", "keypoints")
    confidence = dataset["confidence"].transpose(*dense).values.astype(np.float64)
    if np.any((confidence < 0) | (confidence > 1)):
        raise FormatError("a confidence is not within 0..1")
    frame_time_s, frame_index = _clock(dataset)
    keypoints = tuple(str(name) for name in dataset["keypoints"].values)
    space = None
    if "position_m" in dataset:
        space = dataset["position_m"].transpose(*dense, "space_m").values
    poses = from_individuals(
        [str(name) for name in dataset["individuals"].values],
        skeleton_of(keypoints),
        frame_time_s=frame_time_s,
        frame_index=frame_index,
        xy=as_float32(dataset["position"].transpose(*dense, "space").values.astype(np.float64)),
        score=confidence,
        xyz_m=space,
    )
    if _OWN not in dataset.attrs:
        return poses
    told = _json.parse_metadata(_json.load(str(dataset.attrs[_OWN])))
    # Not if somebody has renamed or left out some since.
    return (
        dataclasses.replace(poses, **told._asdict())
        if told.skeleton.keypoints == keypoints
        else poses
    )


def _check(dataset: xarray.Dataset) -> None:
    for name, dims in (("position", _DIMS), ("confidence", (_DIMS[0], *_DIMS[2:]))):
        if name not in dataset or set(dataset[name].dims) != set(dims):
            raise FormatError(f"it is no dataset of poses: there is no {name!r} over {dims}")
    for name in _DIMS:
        if name not in dataset.coords:
            raise FormatError(f"it is no dataset of poses: it does not name its {name}")
    for name in ("keypoints", "individuals"):
        if len(set(dataset[name].values.tolist())) < dataset.sizes[name]:
            raise FormatError(f"it has one of its {name} twice")
    if [str(axis) for axis in dataset["space"].values] != ["x", "y"]:
        raise FormatError(f"its space must be x and y in pixels, got {dataset['space'].values}")


def _clock(dataset: xarray.Dataset) -> tuple[FloatArray, IntArray]:
    """Return each frame's time in seconds and its number."""
    time = dataset["time"].values.astype(np.float64)
    in_seconds = dataset.attrs.get("time_unit", "frames") == "seconds"
    if "frame" in dataset.coords:
        number = dataset["frame"].values.astype(np.int64)
    elif in_seconds and "fps" in dataset.attrs:
        number = np.round(time * float(dataset.attrs["fps"])).astype(np.int64)
    else:
        number = np.arange(len(time)) if in_seconds else time.astype(np.int64)
    return (time if in_seconds else np.full(len(time), np.nan)), number


def _even_rate_hz(time_s: FloatArray) -> float | None:
    """Return the rate of frames in even steps, None if they are in others."""
    if len(time_s) < 2:
        return None
    step_s = (time_s[-1] - time_s[0]) / (len(time_s) - 1)
    even = step_s > 0 and np.allclose(np.diff(time_s), step_s, rtol=1e-3, atol=0)
    return float(1 / step_s) if even else None
