"""Pictures as films store them: YUV 4:2:0, 8 bits, colour differences at half the size.

OpenCV's vectorised matrix product makes them of RGB in two thirds of the time of FFmpeg's scaler.
"""

from __future__ import annotations

from typing import NamedTuple

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.plane import VideoPlane

Plane = npt.NDArray[np.uint8]

# Weights of red and blue in the luma, by ITU-T H.273's numbers of the matrices: BT.709, not told
# (which FFmpeg takes for BT.601), BT.601 twice, BT.2020 twice.
_RED_BLUE = {
    1: (0.2126, 0.0722),
    **dict.fromkeys((2, 5, 6), (0.299, 0.114)),
    **dict.fromkeys((9, 10), (0.2627, 0.0593)),
}
_FULL_RANGE = 2  # as FFmpeg counts it: 0 is not told, 1 limited
_ROTATIONS = (cv2.ROTATE_90_COUNTERCLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE)
# So many rows at a time (even) stay in a processor's cache.
_BAND = 128


class Colours(NamedTuple):
    """How the numbers of a film stand for colours.

    Attributes
    ----------
    matrix, primaries, transfer
        As ITU-T H.273 counts them; 2 is not told.
    range
        1: black is 16 and white 235; 2: 0 and 255; 0 is not told, which is taken for 1.
    """

    matrix: int
    range: int
    primaries: int
    transfer: int

    @property
    def is_known(self) -> bool:
        """Whether `from_rgb` can be had."""
        return self.matrix in _RED_BLUE

    @property
    def from_rgb(self) -> npt.NDArray[np.float32]:
        """The (3, 4) that take (red, green, blue, 1), 0..255, to luma, blue and red difference.

        ITU-R BT.709-6, sections 3 and 4: 8 bits hold black at 16, white at 235, and colour
        differences of 112 to either side of 128. In full range it is 0, 255 and 127.5.
        """
        red_share, blue_share = _RED_BLUE[self.matrix]
        luma = np.array([red_share, 1 - red_share - blue_share, blue_share])
        blue = (np.array([0, 0, 1]) - luma) / (2 * (1 - blue_share))
        red = (np.array([1, 0, 0]) - luma) / (2 * (1 - red_share))
        is_full = self.range == _FULL_RANGE
        luma_range, difference_range, black = (255, 255, 0) if is_full else (219, 224, 16)
        weights = np.stack([luma_range * luma, difference_range * blue, difference_range * red])
        return np.column_stack([weights / 255, [black, 128, 128]]).astype(np.float32)


# What is not a film's own is written as.
BT709 = Colours(matrix=1, range=1, primaries=1, transfer=1)


class Yuv420(NamedTuple):
    """One picture, upright, with square pixels; its width and height are even.

    Attributes
    ----------
    picture
        FFmpeg's ``yuv420p``.
    colours
        What its numbers stand for.
    """

    picture: av.VideoFrame
    colours: Colours

    @property
    def planes(self) -> tuple[Plane, Plane, Plane]:
        """Luma (H, W), blue and red difference (H / 2, W / 2), to be read or written to."""
        luma, blue, red = (_rows(plane) for plane in self.picture.planes)
        return luma, blue, red

    def turned(self, quarter_turns: int = 0) -> Yuv420:
        """Return a copy, turned counter-clockwise, as `np.rot90` does."""
        width, height = self.picture.width, self.picture.height
        size_wh = (height, width) if quarter_turns % 2 else (width, height)
        copy = _empty(size_wh, self.colours)
        for source, target in zip(self.planes, copy.planes, strict=True):
            target[:] = rotate(source, quarter_turns)
        return copy


def to_yuv420(image: npt.NDArray[np.uint8], colours: Colours = BT709) -> Yuv420:
    """Convert an RGB picture; a colour difference is that of the mean of its four pixels.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB. The last column and row of an odd width and height are repeated: 4:2:0 has none.
    colours
        What the numbers are to stand for.
    """
    image = _padded_to_even(image)
    height, width = image.shape[:2]
    converted = _empty((width, height), colours)
    luma, blue, red = converted.planes
    from_rgb = colours.from_rgb
    for top in range(0, height, _BAND):
        band, half = slice(top, top + _BAND), slice(top // 2, (top + _BAND) // 2)
        luma[band] = cv2.extractChannel(cv2.transform(image[band], from_rgb), 0)
        small_wh = (width // 2, len(blue[half]))
        small = cv2.resize(image[band], small_wh, interpolation=cv2.INTER_AREA)
        differences = cv2.transform(small, from_rgb)
        blue[half] = cv2.extractChannel(differences, 1)
        red[half] = cv2.extractChannel(differences, 2)
    return converted


def rotate(image: Plane, quarter_turns: int) -> Plane:
    """Return what `np.rot90` does, counter-clockwise, several times as fast; 0 is the image."""
    if not quarter_turns % 4:
        return image
    return np.asarray(cv2.rotate(image, _ROTATIONS[quarter_turns % 4 - 1]), np.uint8)


def _empty(size_wh: tuple[int, int], colours: Colours) -> Yuv420:
    picture = av.VideoFrame(*size_wh, "yuv420p")
    picture.colorspace, picture.color_range = colours.matrix, colours.range
    return Yuv420(picture, colours)


def _rows(plane: VideoPlane) -> Plane:
    """Return the (height, width) pixels of a plane to write to; its rows have space behind them.

    PyAV's own `from_ndarray` copies row by row, which takes as long as the conversion.
    """
    return np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)[:, : plane.width]


def _padded_to_even(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    height, width = image.shape[:2]
    if height % 2 or width % 2:
        image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(image)
