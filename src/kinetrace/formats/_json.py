"""JSON as the formats share it: strict, compact, exact to the last bit of a float32."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace._table_parsing import as_float32
from kinetrace.errors import FormatError
from kinetrace.poses import FloatArray, Poses, Skeleton

VERSION = 1


class Metadata(NamedTuple):
    """What a `Poses` tells besides its arrays."""

    skeleton: Skeleton
    size_wh: tuple[int, int] | None
    source: str
    log: tuple[Mapping[str, Any], ...]


def dump(value: Any, *, indent: int | None = None) -> str:
    """Return a value as strict JSON: what is not finite is null, what is unknown is its text."""
    separators = (",", ":") if indent is None else (",", ": ")
    return json.dumps(
        _plain(value), allow_nan=False, ensure_ascii=False, indent=indent, separators=separators
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if value is None or isinstance(value, (str, int)):
        return value
    return str(value) if isinstance(value, PurePath) else repr(value)


def load(data: str | bytes) -> Any:
    """Parse JSON; NaN and infinities, which only some programs write, are None.

    Raises
    ------
    FormatError
        If it is no JSON, or ends before it should.
    """
    try:
        return json.loads(data, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"that is no JSON, or it is cut short: {error}") from error


def texts(values: FloatArray) -> npt.NDArray[np.str_]:
    """Return each float32 as the shortest JSON number that reads back as it, NaN as ``null``."""
    values = np.asarray(values, dtype=np.float32)
    return np.where(np.isfinite(values), values.astype("U32"), "null")


def array(values: Any, shape: tuple[int, ...], what: str) -> FloatArray:
    """Return nested lists of numbers as float32, None as NaN.

    Raises
    ------
    FormatError
        If they are no numbers, or have another shape.
    """
    try:
        out = np.array(values, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise FormatError(f"{what} must be numbers of shape {shape}: {error}") from error
    if out.size == 0 == np.prod(shape):
        return np.zeros(shape, dtype=np.float32)
    if out.shape != shape:
        raise FormatError(f"{what} must have shape {shape}, got {out.shape}")
    return as_float32(out)


def integer(values: Any, key: str, *, default: int | None = None) -> int:
    """Return a whole number of a JSON object.

    Raises
    ------
    FormatError
        If it is anything else, or is not there and there is no default.
    """
    value = values.get(key, default) if isinstance(values, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int):
        raise FormatError(f"{key!r} must be a whole number, got {value!r}")
    return value


def describe(poses: Poses, size_wh: tuple[int, int] | None) -> dict[str, Any]:
    """Return what `Metadata` holds as JSON values, with `size_wh` for that of the poses."""
    skeleton = poses.skeleton
    return {
        "version": VERSION,
        "skeleton": {
            "name": skeleton.name,
            "keypoints": skeleton.keypoints,
            "edges": skeleton.edges,
            "sigmas": skeleton.sigmas,
        },
        "size_wh": size_wh,
        "source": poses.source,
        "log": poses.log,
    }


def parse_metadata(values: Any) -> Metadata:
    """Read what `describe` has made.

    Raises
    ------
    FormatError
        If it is anything else, or of a version that is not known yet.
    """
    version = integer(values, "version")
    if version > VERSION:
        raise FormatError(f"it is of version {version}, this reads {VERSION}: upgrade kinetrace")
    try:
        skeleton = values["skeleton"]
        return Metadata(
            skeleton=Skeleton(
                name=str(skeleton["name"]),
                keypoints=tuple(str(name) for name in skeleton["keypoints"]),
                edges=tuple((str(a), str(b)) for a, b in skeleton["edges"]),
                sigmas=tuple(float(sigma) for sigma in skeleton["sigmas"]),
            ),
            size_wh=parse_size(values["size_wh"]),
            source=str(values["source"]),
            log=tuple({**entry} for entry in values["log"]),
        )
    except KeyError as error:
        raise FormatError(f"its description has no {error}") from error
    except (TypeError, ValueError) as error:
        raise FormatError(f"its description is damaged: {error}") from error


def parse_size(value: Any) -> tuple[int, int] | None:
    """Return a picture's width and height in pixels, None where they are not told."""
    if value is None:
        return None
    width, height = value
    return int(width), int(height)
