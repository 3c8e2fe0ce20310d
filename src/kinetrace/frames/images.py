"""Still images to RGB arrays, upright and 8 bits deep, whatever they were stored as."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace.errors import SourceError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")

# Twice the largest camera sensors sold; beyond this a file is a mistake or an attack.
_MOST_PIXELS = 250_000_000

_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\x00", b"MM\x00*", b"BM")


def is_image(path: Path) -> bool:
    """Tell by its first bytes, not by its name, whether a file is a still image.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(16)
    if head.startswith(b"\xff\xd8\xff") and path.suffix.lower() in (".mjpg", ".mjpeg"):
        return False  # a film of JPEGs begins like a JPEG
    return head.startswith(_MAGIC) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def read_image(path: Path) -> npt.NDArray[np.uint8]:
    """Read a JPEG, PNG, WebP, TIFF or BMP file.

    EXIF orientation is applied. Greyscale and palettes become RGB, 16 bits become 8 by dividing
    by 257, and what is transparent is shown on white.

    Returns
    -------
    (H, W, 3) uint8
        RGB.

    Raises
    ------
    SourceError
        If the file is missing, unreadable, damaged, larger than 250 megapixels, or no image.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        # Pillow warns of damaged tags and from 89 megapixels on. What counts here is whether the
        # picture itself can be had, and that is a result or an error.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                width, height = image.size
                if width * height > _MOST_PIXELS:
                    raise SourceError(
                        f"{path} has {width} x {height} pixels, more than "
                        f"{_MOST_PIXELS // 10**6} megapixels: scale it down first"
                    )
                return _to_rgb8(ImageOps.exif_transpose(image), path)
    except UnidentifiedImageError:
        return _read_unusual(path)
    except Image.DecompressionBombError as error:
        raise SourceError(f"{path} is too large: {error}") from error
    except (OSError, SyntaxError, ValueError) as error:
        # Pillow raises SyntaxError and ValueError for some damaged files.
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(f"cannot read the image {path}: {reason}") from error


def _to_rgb8(image: Any, path: Path) -> npt.NDArray[np.uint8]:
    if image.mode == "F":
        raise SourceError(
            f"{path} holds floating-point pixels whose range is not known: save it as 8 or 16 bit"
        )
    if image.mode.startswith("I"):  # 16 bits, which Pillow may hold as 32
        return _grey16_to_rgb8(np.asarray(image))
    if image.has_transparency_data:
        return _on_white(np.asarray(image.convert("RGBA")))
    return np.array(image.convert("RGB"))


def _grey16_to_rgb8(grey: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    eight = np.round(np.clip(grey, 0, 65535) / 257).astype(np.uint8)
    return np.repeat(eight[..., None], 3, axis=2)


def _on_white(rgba: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    alpha = rgba[..., 3:].astype(np.uint16)
    blended = (rgba[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255
    return blended.astype(np.uint8)


def _read_unusual(path: Path) -> npt.NDArray[np.uint8]:
    """Read what Pillow does not know (TIFF with 16-bit colour, say) through OpenCV."""
    import cv2

    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise SourceError(f"cannot read the image {path}: {error.strerror}") from error
    bgr = cv2.imdecode(data, cv2.IMREAD_COLOR) if is_image(path) else None
    if bgr is None:
        raise SourceError(
            f"{path} is not an image that can be read; "
            "JPEG, PNG, WebP, TIFF and BMP are: convert it to one of them"
        )
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def natural_order(path: Path) -> tuple[list[int | str], str]:
    """Return a sort key that puts ``frame10`` behind ``frame9``."""
    parts = re.split(r"(\d+)", path.name.lower())
    # Text stands at even positions and numbers at odd ones, so that like compares with like.
    return [int(p) if i % 2 else p for i, p in enumerate(parts)], path.name
