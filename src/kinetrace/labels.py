"""Short texts in a picture, readable on any background and at any size of the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Rgb = tuple[int, int, int]

_FONT = cv2.FONT_HERSHEY_SIMPLEX


def size_unit_px(size_wh: tuple[int, int]) -> float:
    """Return the length that strokes and text are measured in: a thousandth of the picture."""
    return math.sqrt(size_wh[0] * size_wh[1]) / 1000


def label_height_px(size_wh: tuple[int, int]) -> int:
    """Return the height of a label that looks the same in pictures of every size."""
    return max(15, round(22 * size_unit_px(size_wh)))


def draw_label(
    canvas: Image, text: str, *, left_px: float, top_px: float, rgb: Rgb, height_px: int
) -> None:
    """Write text on a filled plate, moved so that it lies inside the picture where it fits.

    Parameters
    ----------
    canvas : (H, W, 3) uint8
        RGB; changed in place.
    text
        What to write, in ASCII.
    left_px, top_px
        Where the plate's corner should be.
    rgb
        Colour of the plate; the text is black or white, whichever is read better on it.
    height_px
        Height of the plate.
    """
    label = render_label(text, plate=rgb, ink=ink_on(rgb), height_px=height_px)
    left, top = label_corner_px((left_px, top_px), label, (canvas.shape[1], canvas.shape[0]))
    place = canvas[top : top + label.shape[0], left : left + label.shape[1]]
    place[:] = label[: place.shape[0], : place.shape[1]]


def render_label(
    text: str, *, plate: Sequence[float], ink: Sequence[float], height_px: int
) -> Image:
    """Return text on a filled plate: (`height_px`, W, channels of `plate` and `ink`) uint8."""
    thickness = max(1, round(height_px / 12))
    (_, unit_px), _ = cv2.getTextSize("0", _FONT, 1.0, 1)
    scale = 0.52 * height_px / unit_px
    (text_width, text_height), _ = cv2.getTextSize(text, _FONT, scale, thickness)
    pad = round(height_px * 0.28)
    label = np.empty((height_px, text_width + 2 * pad, len(plate)), np.uint8)
    label[:] = plate
    start = (pad, (height_px + text_height) // 2)
    cv2.putText(label, text, start, _FONT, scale, ink, thickness, cv2.LINE_AA)
    return label


def label_corner_px(
    wanted_px: tuple[float, float], label: Image, size_wh: tuple[int, int]
) -> tuple[int, int]:
    """Return left and top of a label, moved into a picture of that size where it fits."""
    left, top = (
        max(0, min(round(wanted), whole - part))
        for wanted, whole, part in zip(wanted_px, size_wh, label.shape[1::-1], strict=True)
    )
    return left, top


def ink_on(rgb: Rgb) -> Rgb:
    """Return black or white, whichever is read better on a plate of that colour."""
    return (0, 0, 0) if _luminance(rgb) > 0.18 else (255, 255, 255)


def _luminance(rgb: Rgb) -> float:
    """Return the relative luminance, 0..1 (WCAG 2.1); above 0.18 black text has more contrast."""
    red, green, blue = (math.pow(v / 255, 2.2) for v in rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
