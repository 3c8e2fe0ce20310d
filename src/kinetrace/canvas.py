"""What is drawn on: an RGB picture, or the planes of a film's own.

A film that is drawn on as it is stored keeps the numbers of every pixel that no stroke touches,
and is not converted to RGB and back, which takes as long as drawing does.

Layers are premultiplied, three channels of colour and the opacity (Porter and Duff, "Compositing
digital images", 1984, section 3), so an anti-aliased edge has neither a dark nor a light fringe.
A premultiplied YUV is a matrix product of a premultiplied RGB, so it is the few colours that are
drawn with which are converted, never a layer.
"""

from __future__ import annotations

from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from kinetrace.labels import Image

Floats = npt.NDArray[Any]


class Canvas(Protocol):
    """Something to draw on, in place."""

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height in pixels."""
        ...

    def paint(self, rgba: Floats) -> Floats:
        """Convert (M, 4) premultiplied RGBA, 0..255, to what a layer of this canvas holds."""
        ...

    def lay_over(self, layer: Image, left: int, top: int) -> None:
        """Lay a (H, W, 4) layer over the picture; its corner is inside, the others may not be."""
        ...


class RgbCanvas:
    """An RGB picture, (H, W, 3) uint8."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self.size_wh = image.shape[1], image.shape[0]

    def paint(self, rgba: Floats) -> Floats:
        """Return the colours as they are."""
        return rgba

    def lay_over(self, layer: Image, left: int, top: int) -> None:
        """Compose the layer over the picture."""
        behind = self._image[top : top + layer.shape[0], left : left + layer.shape[1]]
        layer = layer[: behind.shape[0], : behind.shape[1]]
        colour = cv2.cvtColor(layer, cv2.COLOR_BGRA2BGR)  # drops the last channel
        _compose(behind, colour, cv2.merge([cv2.extractChannel(layer, 3)] * 3))


class YuvCanvas:
    """The planes of a picture in YUV 4:2:0, of even width and height.

    Parameters
    ----------
    planes
        Luma (H, W), blue and red difference (H / 2, W / 2), uint8.
    from_rgb : (3, 4)
        What takes (red, green, blue, 1) to their numbers.
    """

    def __init__(self, planes: tuple[Image, Image, Image], from_rgb: Floats) -> None:
        self._luma, *self._differences = planes
        # Black's summand counts by as much as a colour covers.
        self._paint = np.vstack([from_rgb * (1, 1, 1, 1 / 255), (0, 0, 0, 1)])
        self.size_wh = self._luma.shape[1], self._luma.shape[0]

    def paint(self, rgba: Floats) -> Floats:
        """Return the premultiplied luma, differences and opacity of colours."""
        return np.asarray(np.rint(rgba @ self._paint.T))

    def lay_over(self, layer: Image, left: int, top: int) -> None:
        """Compose the layer over the planes; over the differences at half its size."""
        layer, left, top = self._on_whole_cells(layer, left, top)
        height, width = layer.shape[:2]
        luma = self._luma[top : top + height, left : left + width]
        _compose(luma, cv2.extractChannel(layer, 0), cv2.extractChannel(layer, 3))
        half = cv2.resize(layer, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        opacity = cv2.extractChannel(half, 3)
        rows, columns = slice(top // 2, (top + height) // 2), slice(left // 2, (left + width) // 2)
        for channel, plane in enumerate(self._differences, start=1):
            _compose(plane[rows, columns], cv2.extractChannel(half, channel), opacity)

    def _on_whole_cells(self, layer: Any, left: int, top: int) -> tuple[Image, int, int]:
        """Return the layer as far as it is inside, grown to the 2 x 2 px that share a colour."""
        width, height = self.size_wh
        layer = layer[: height - top, : width - left]
        before = top % 2, left % 2
        after = ((n + edge) % 2 for n, edge in zip(layer.shape, before, strict=False))
        if any(before) or layer.shape[0] % 2 or layer.shape[1] % 2:
            (bottom, right), (above, aside) = after, before
            layer = cv2.copyMakeBorder(layer, above, bottom, aside, right, cv2.BORDER_CONSTANT)
        return layer, left - before[1], top - before[0]


def _compose(behind: Image, colour: Any, opacity: Any) -> None:
    """Lay premultiplied colours over what is behind, in place; all three of one shape."""
    through = cv2.bitwise_not(opacity)
    behind[:] = cv2.add(cv2.multiply(behind, through, scale=1 / 255), colour)
