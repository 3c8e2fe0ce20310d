"""Write a picture to a file, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from kinetrace.errors import OutputError
from kinetrace.files import replacing

_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_JPEG_QUALITY = 95


def write_image(image: npt.NDArray[np.uint8], path: str | os.PathLike[str]) -> None:
    """Write an RGB picture; what was at `path` stays until the new file is whole.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    path
        Its suffix says the format: PNG, JPEG (quality 95), WebP (lossless), TIFF or BMP.

    Raises
    ------
    OutputError
        If the suffix is none of these, the picture is too large for the format, or the file
        cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise OutputError(f"cannot write {path}: give it one of the suffixes {' '.join(_SUFFIXES)}")
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if suffix in (".jpg", ".jpeg") else []
    try:
        is_encoded, data = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    except cv2.error as error:
        raise OutputError(f"cannot write {path}: {error.err or error}") from error
    if not is_encoded:
        height, width = image.shape[:2]
        raise OutputError(f"cannot write {path}: no {suffix} can hold {width}x{height} pixels")
    with replacing(path) as temporary:
        temporary.write_bytes(data.tobytes())
