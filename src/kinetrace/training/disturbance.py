"""What stands between a camera and a person, and what a camera makes of it: pixels change alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from kinetrace.training.augmentation import Augmentation

Image = npt.NDArray[np.uint8]

# By how much somebody small is enlarged for the network.
_COARSE = (1.5, 4.0)


def disturb(
    image: Image, how: Augmentation, rng: np.random.Generator, *, stranger: Image | None = None
) -> Image:
    """Return a view with something in front of the person, blurred, and of other colours.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB; it may be written on.
    how
        How far.
    rng
        What is drawn from.
    stranger : (h, w, 3) uint8
        A picture of somebody else, of whom a part may come into view.
    """
    if stranger is not None and rng.random() < how.company:
        _place(stranger, image, rng)
    if how.occlude and rng.random() < how.occlude:
        _occlude(image, rng)
    if how.coarse and rng.random() < how.coarse:
        image = _coarsen(image, rng.uniform(*_COARSE))
    if how.blur and rng.random() < how.blur:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.5)), np.uint8)
    return _recolour(image, how.colour, rng) if how.colour else image


def _place(stranger: Image, image: Image, rng: np.random.Generator) -> None:
    """Put a part of somebody else into a view, most often at its side, as in a crowd."""
    height, width = image.shape[:2]
    factor = height / stranger.shape[0] * rng.uniform(0.5, 1.3)
    wh = [max(2, round(side * factor)) for side in stranger.shape[1::-1]]
    other = cv2.resize(stranger, wh, interpolation=cv2.INTER_LINEAR)
    w = min(wh[0], int(width * rng.uniform(0.15, 0.45)))
    h = min(wh[1], int(height * rng.uniform(0.4, 1)))
    x, y = int(rng.integers(wh[0] - w + 1)), int(rng.integers(wh[1] - h + 1))
    left, top = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
    if rng.random() < 0.7:
        left = 0 if rng.random() < 0.5 else width - w
    image[top : top + h, left : left + w] = other[y : y + h, x : x + w]


def _occlude(image: Image, rng: np.random.Generator) -> None:
    """Put a patch in front of the person (Zhong et al., "Random erasing", AAAI 2020)."""
    height, width = image.shape[:2]
    w, h = (int(side * rng.uniform(0.1, 0.4)) for side in (width, height))
    left, top = int(rng.integers(0, width - w)), int(rng.integers(0, height - h))
    patch = image[top : top + h, left : left + w]
    if rng.random() < 0.5:
        patch[:] = rng.integers(0, 256, 3)
    else:  # another part of the same picture
        x, y = int(rng.integers(0, width - w)), int(rng.integers(0, height - h))
        patch[:] = image[y : y + h, x : x + w].copy()


def _coarsen(image: Image, factor: float) -> Image:
    """Return a view as it is of somebody small, enlarged by a factor."""
    wh = image.shape[1::-1]
    small_wh = [max(1, round(side / factor)) for side in wh]
    small = cv2.resize(image, small_wh, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, wh, interpolation=cv2.INTER_LINEAR), np.uint8)


def _recolour(image: Image, most: float, rng: np.random.Generator) -> Image:
    gain = 1 + rng.uniform(-most, most) + rng.uniform(-0.4, 0.4, 3) * most
    bias = 255 * 0.5 * rng.uniform(-most, most)
    table = np.clip(np.arange(256)[:, None] * gain + bias, 0, 255).astype(np.uint8)
    if rng.random() < 0.1:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        image = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), np.uint8)
    return np.asarray(cv2.LUT(image, table[None]), np.uint8)
