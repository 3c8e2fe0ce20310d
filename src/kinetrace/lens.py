"""Lens distortion, undone where the camera's calibration is known."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace.errors import FormatError
from kinetrace.files import reading
from kinetrace.poses import FloatArray, Poses

_ASPECT_TOLERANCE = 0.01


@dataclass(frozen=True)
class Intrinsics:
    """What a camera's calibration tells of its lens.

    Attributes
    ----------
    matrix : (3, 3) float64
        Focal lengths and principal point in pixels of a picture of `size_wh`.
    distortion : (D,) float64
        OpenCV's: k1, k2, p1, p2 and what follows (Brown 1966), or k1 to k4 of a fisheye lens.
    size_wh
        Of the pictures that it was calibrated with, in pixels.
    is_fisheye
        Which of both models it is.
    """

    matrix: npt.NDArray[np.float64]
    distortion: npt.NDArray[np.float64]
    size_wh: tuple[int, int]
    is_fisheye: bool = False


def read_calibration(path: str | os.PathLike[str], *, camera: str | None = None) -> Intrinsics:
    """Read a camera's calibration from a TOML file, as Pose2Sim and Anipose write it.

    Parameters
    ----------
    path
        The file: a table for each camera, with ``size``, ``matrix``, ``distortions`` and, if it is
        one, ``fisheye``.
    camera
        Which one: the name of its table, or its ``name``. None if there is one.

    Raises
    ------
    SourceError
        If it cannot be read.
    FormatError
        If it is no such file, or it is not clear which camera is meant.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    path = Path(path)
    with reading(path):
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:  # also of text that is not UTF-8
            raise FormatError(f"not a TOML file: {error}") from error
        cameras = {
            name: table
            for name, table in content.items()
            if isinstance(table, dict) and "matrix" in table
        }
        return _intrinsics(_choose(cameras, camera))


def undistort(poses: Poses, intrinsics: Intrinsics) -> Poses:
    """Return poses as a lens without distortion would have shown them.

    Parameters
    ----------
    poses
        Keypoints and boxes in pixels; `size_wh` tells the size of the picture, which may differ
        from that of the calibration, if its shape is the same.
    intrinsics
        Of the camera.

    Raises
    ------
    ValueError
        If the picture's shape is not that of the calibration.
    """
    matrix = _for_size(intrinsics, poses.size_wh)
    xy = _straight(poses.xy, intrinsics, matrix)
    x1, y1, x2, y2 = poses.bbox_xyxy.T
    corners = _straight(
        np.stack([x1, y1, x2, y1, x1, y2, x2, y2], 1).reshape(-1, 4, 2), intrinsics, matrix
    )
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    moved = dataclasses.replace(poses, xy=xy, bbox_xyxy=boxes)
    return moved.logged(
        "undistort",
        {
            "matrix": matrix.tolist(),
            "distortion": intrinsics.distortion.tolist(),
            "fisheye": intrinsics.is_fisheye,
        },
    )


def _choose(cameras: Mapping[str, Mapping[str, Any]], camera: str | None) -> Mapping[str, Any]:
    names = ", ".join(cameras) or "none"
    if camera is None:
        if len(cameras) != 1:
            raise FormatError(f"say which camera; there are: {names}")
        return next(iter(cameras.values()))
    for name, table in cameras.items():
        if camera in (name, table.get("name")):
            return table
    raise FormatError(f"there is no camera {camera!r}; there are: {names}")


def _intrinsics(table: Mapping[str, Any]) -> Intrinsics:
    try:
        matrix = np.array(table["matrix"], dtype=np.float64)
        distortion = np.array(table["distortions"], dtype=np.float64)
        width, height = (int(number) for number in table["size"])
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(
            f"a camera needs size, matrix and distortions as numbers: {error!r}"
        ) from error
    is_fisheye = bool(table.get("fisheye", False))
    if matrix.shape != (3, 3) or not np.isfinite(matrix).all() or matrix[0, 0] <= 0:
        raise FormatError(
            f"matrix must be 3 x 3, with a focal length above 0, got {matrix.tolist()}"
        )
    sizes = (4,) if is_fisheye else (4, 5, 8, 12, 14)
    if distortion.shape not in [(size,) for size in sizes]:
        raise FormatError(f"there must be {sizes} distortions, got {distortion.tolist()}")
    return Intrinsics(matrix, distortion, (width, height), is_fisheye)


def _for_size(intrinsics: Intrinsics, size_wh: tuple[int, int] | None) -> npt.NDArray[np.float64]:
    """Return the matrix for a picture of another size; the centre of the first pixel is (0, 0)."""
    if size_wh is None or size_wh == intrinsics.size_wh:
        return intrinsics.matrix
    ratio = np.divide(size_wh, intrinsics.size_wh)
    if abs(ratio[0] / ratio[1] - 1) > _ASPECT_TOLERANCE:
        raise ValueError(
            f"the calibration is of pictures of {intrinsics.size_wh} px, these are of {size_wh}: "
            "another shape; use the calibration of this camera"
        )
    matrix = intrinsics.matrix.copy()
    matrix[:2, :2] *= ratio[:, None]
    matrix[:2, 2] = (matrix[:2, 2] + 0.5) * ratio - 0.5
    return matrix


def _straight(
    xy: FloatArray, intrinsics: Intrinsics, matrix: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return points (N, K, 2) without distortion, in the same camera."""
    import cv2

    result = np.full(xy.shape, np.nan)
    known = np.isfinite(xy).all(axis=-1)
    if not known.any():
        return result
    points = xy[known].astype(np.float64)[:, None]
    remove = cv2.fisheye.undistortPoints if intrinsics.is_fisheye else cv2.undistortPoints
    result[known] = remove(points, matrix, intrinsics.distortion, P=matrix)[:, 0]
    return result
