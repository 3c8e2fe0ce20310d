"""Frame: one picture of a source, and when it was shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a source.

    Attributes
    ----------
    image : (H, W, 3) uint8
        RGB, upright, with square pixels.
    index
        Number of the frame in its source, counted from 0, whatever was skipped before it.
    time_s
        The container's own presentation time; NaN where the source has no clock.
    name
        File name where the source is a set of images, else "".

    Raises
    ------
    ValueError
        If `image` is anything else.
    """

    image: npt.NDArray[np.uint8]
    index: int
    time_s: float
    name: str = ""

    def __post_init__(self) -> None:
        image: Any = self.image
        if not isinstance(image, np.ndarray):
            raise ValueError(f"a frame's image must be an array, got {type(image).__name__}")
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
            raise ValueError(
                "a frame's image must be non-empty (H, W, 3) uint8 RGB, "
                f"got {image.shape} {image.dtype}"
            )

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.image.shape[1], self.image.shape[0]

    def converted(self) -> Frame:
        """Return a frame that holds its image, and nothing that it would be made of."""
        return self

    @property
    def nbytes(self) -> int:
        """How much memory the picture takes."""
        return self.image.nbytes
