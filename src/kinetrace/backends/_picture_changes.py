"""How a film's picture has changed, told from thumbnails: cuts, fades, and somebody who enters."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

# Of 22,791 pairs of unrelated photos none differs by less than 0.49; in films without a cut, few
# pictures do by more than 0.3 within half a second, and only when somebody fills the picture.
_CUT_FROM = 0.4

_SIZE_WH = (32, 18)
_SAMPLED_WH = (128, 72)

# Something stirs where a few cells of the thumbnail change by more grey levels than noise does.
# Where more than a share of them do, the camera moves, and nothing can be told.
_STIRRED_FROM = 10.0
_STIRRED_CELLS = 2
_MOST_STIRRED = 0.3

# Grey levels below which a picture counts as empty: the noise of a dark one is no structure.
_NOISE = 4.0


def thumbnail(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return the structure of a picture: (18, 32) float32 grey levels about their mean.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    """
    # To average a whole picture takes ten times as long as to sample it first.
    sampled = cv2.resize(image, _SAMPLED_WH, interpolation=cv2.INTER_LINEAR)
    small = cv2.resize(sampled, _SIZE_WH, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(grey - grey.mean(), np.float32)


def is_cut(before: npt.NDArray[np.float32], after: npt.NDArray[np.float32]) -> bool:
    """Tell whether two thumbnails show different scenes; one that has faded out is none, too."""
    return change(before, after) > _CUT_FROM


def change(before: npt.NDArray[np.float32], after: npt.NDArray[np.float32]) -> float:
    """Return how much two thumbnails differ, relative to what they show.

    0 is the same picture, brighter or darker; 1 is what two unrelated ones have on average, and
    what a picture has that has faded to black.
    """
    shown = np.square(before).mean() + np.square(after).mean() + _NOISE**2
    return float(np.sqrt(np.square(after - before).mean() / shown))


def stirs(
    before: npt.NDArray[np.float32],
    after: npt.NDArray[np.float32],
    known_xyxy: npt.NDArray[Any],
    size_wh: tuple[int, int],
) -> bool:
    """Tell whether something moves where nobody is known to be, as somebody does who enters.

    Parameters
    ----------
    before, after
        Thumbnails.
    known_xyxy : (N, 4)
        The boxes of people, before and after, in px.
    size_wh
        Of the picture, in px.
    """
    cells = np.asarray(known_xyxy) / np.array((*size_wh, *size_wh)) * (*_SIZE_WH, *_SIZE_WH)
    # A cell more on each side, since limbs reach out of boxes.
    low = np.maximum(np.floor(cells[:, :2]).astype(int) - 1, 0)
    high = np.ceil(cells[:, 2:]).astype(int) + 1
    unknown = np.ones(before.shape, bool)
    for (left, top), (right, bottom) in zip(low, high, strict=True):
        unknown[top:bottom, left:right] = False
    stirred = np.count_nonzero(np.abs(after - before)[unknown] > _STIRRED_FROM)
    return bool(_STIRRED_CELLS <= stirred <= _MOST_STIRRED * np.count_nonzero(unknown))
