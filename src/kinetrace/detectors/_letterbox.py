"""Pictures of any shape into the input of a network, and its boxes back.

As MMDetection does: the picture is scaled to fit, put at the top left, and the rest is grey.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

# What the networks were trained with.
_GREY = 114

# The coarsest stride of the networks: the sides of their input are multiples of it.
STRIDE_PX = 32

Boxes = npt.NDArray[np.float32]


class Fit(NamedTuple):
    """How a picture lies in a network's input, both (width, height) in px."""

    size_wh: tuple[int, int]
    scaled_wh: tuple[int, int]

    def unscale(self, boxes_xyxy: Boxes) -> Boxes:
        """Return (N, 4) boxes in px of the input as boxes in px of the picture."""
        # The sides were rounded to whole pixels, each by another factor.
        factor_xy = np.array(self.size_wh, np.float32) / np.array(self.scaled_wh, np.float32)
        return boxes_xyxy * np.tile(factor_xy, 2)


def fit(size_wh: tuple[int, int], into_wh: tuple[int, int]) -> Fit:
    """Scale a picture, up or down, so that it fills an input in one direction."""
    scale = min(into_wh[0] / size_wh[0], into_wh[1] / size_wh[1])
    width, height = (max(1, int(side * scale + 0.5)) for side in size_wh)
    return Fit(size_wh, (min(width, into_wh[0]), min(height, into_wh[1])))


def trimmed_wh(scaled_wh: tuple[int, int]) -> tuple[int, int]:
    """Return the least input that a scaled picture lies in, for networks of free input size."""
    width, height = (-(-side // STRIDE_PX) * STRIDE_PX for side in scaled_wh)
    return width, height


def letterbox(
    image: npt.NDArray[np.uint8], scaled_wh: tuple[int, int], input_wh: tuple[int, int]
) -> npt.NDArray[np.uint8]:
    """Draw a picture at the top left of a grey input.

    Parameters
    ----------
    image : (H, W, 3) uint8
        The picture.
    scaled_wh, input_wh
        Width and height in px of the picture in the input, and of the input.

    Returns
    -------
    (height, width, 3) uint8
        In the channel order of `image`.
    """
    import cv2

    canvas = np.full((input_wh[1], input_wh[0], 3), _GREY, np.uint8)
    scaled = cv2.resize(image, scaled_wh, interpolation=cv2.INTER_LINEAR)
    canvas[: scaled_wh[1], : scaled_wh[0]] = scaled
    return canvas
