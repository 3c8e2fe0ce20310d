"""Boxes to crops and back: what a top-down network looks at.

Everything here is in the pixels of `Poses.xy`: the centre of the image's first pixel is (0, 0).
Boxes are in the same coordinates and used as they are given, neither clipped nor shifted by half
a pixel: COCO's x, y, width, height is the box x, y, x + width, y + height, as the published
weights were trained and tested.

The transform comes in two kinds that must not be mixed, so it is chosen by how the weights are
decoded (`Decode`). ``default`` and ``dark`` weights take a pixel as the unit of length: the box's
width goes to the crop's width, and heatmap pixel i lies at input pixel 4 i (Xiao et al., ECCV
2018; Sun et al., CVPR 2019). ``udp`` weights take the distance between the centres of the first
and the last pixel, size - 1 (Huang et al., CVPR 2020, section 3.2).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from kinetrace.choices import Decode

Floats = npt.NDArray[np.float64]

PADDING = 1.25

# ImageNet's, which all published HRNet weights were trained with.
MEAN_RGB = (0.485, 0.456, 0.406)
STD_RGB = (0.229, 0.224, 0.225)

# (3, 256): what each 8-bit value becomes in each channel.
_NORMALISED = (
    (np.arange(256) / 255 - np.array(MEAN_RGB)[:, None]) / np.array(STD_RGB)[:, None]
).astype(np.float32)


class Regions(NamedTuple):
    """The upright rectangles of an image that become crops: N people.

    Attributes
    ----------
    centre_xy : (N, 2) float64
        Pixels of the image.
    size_wh : (N, 2) float64
        Width and height in pixels of the image, in the ratio of the network's input.
    """

    centre_xy: Floats
    size_wh: Floats


def surround(
    bbox_xyxy: npt.ArrayLike, input_size_wh: tuple[int, int], *, padding: float = PADDING
) -> Regions:
    """Return the regions around boxes: the short side grown to the input's ratio, then padded.

    Parameters
    ----------
    bbox_xyxy : (N, 4)
        Left, top, right, bottom in pixels.
    input_size_wh
        Width and height of the network's input in pixels.
    padding
        Size of the region relative to the grown box; the published weights want 1.25.

    Raises
    ------
    ValueError
        Naming the first box that is not finite or has no area.
    """
    box = np.asarray(bbox_xyxy, np.float64).reshape(-1, 4)
    wh = box[:, 2:] - box[:, :2]
    bad = ~(np.isfinite(box).all(axis=1) & (wh > 0).all(axis=1))
    if bad.any():
        at = int(np.argmax(bad))
        raise ValueError(f"box {at} has no area: {box[at].tolist()} (left, top, right, bottom)")
    ratio = input_size_wh[0] / input_size_wh[1]
    grown = np.maximum(wh, np.stack([wh[:, 1] * ratio, wh[:, 0] / ratio], axis=1))
    return Regions(centre_xy=(box[:, :2] + box[:, 2:]) / 2, size_wh=grown * padding)


def _scale_and_offset(
    regions: Regions, size_wh: tuple[int, int], decode: Decode
) -> tuple[Floats, Floats]:
    """Return the (N, 2) factors and summands that take image pixels to a grid of that size."""
    extent = np.array(size_wh, np.float64) - (1 if decode == "udp" else 0)
    scale = extent / regions.size_wh
    return scale, extent / 2 - scale * regions.centre_xy


def to_grid(
    xy: npt.NDArray[Any], regions: Regions, size_wh: tuple[int, int], *, decode: Decode
) -> Floats:
    """Return where points of the image lie in the crops (or in the heatmaps) of their people.

    Parameters
    ----------
    xy : (N, K, 2)
        Pixels of the image.
    regions
        N of them.
    size_wh
        Width and height of the network's input, or of its heatmaps, in pixels.
    decode
        How the weights are decoded, which says what the transform is.

    Returns
    -------
    (N, K, 2) float64
        Pixels of the grid, the centre of its first pixel being (0, 0).
    """
    scale, offset = _scale_and_offset(regions, size_wh, decode)
    return np.asarray(np.asarray(xy, np.float64) * scale[:, None] + offset[:, None])


def to_image(
    xy: npt.NDArray[Any], regions: Regions, size_wh: tuple[int, int], *, decode: Decode
) -> Floats:
    """Return where points of the crops (or heatmaps) lie in the image: the inverse of `to_grid`."""
    scale, offset = _scale_and_offset(regions, size_wh, decode)
    return np.asarray((np.asarray(xy, np.float64) - offset[:, None]) / scale[:, None])


def write_crops(
    image: npt.NDArray[np.uint8],
    regions: Regions,
    batch: npt.NDArray[np.float32],
    *,
    decode: Decode,
) -> None:
    """Cut the regions out of an image, normalise them and write them into a batch.

    Bilinear, black beyond the image, RGB / 255 less the mean and over the deviation of ImageNet.

    Parameters
    ----------
    image : (H, W, 3) uint8
        RGB.
    regions
        N of them.
    batch : (N, 3, h, w) float32, contiguous
        What is written: the network's input, or a part of it.
    decode
        How the weights are decoded, which says what the transform is.

    Raises
    ------
    ValueError
        If `batch` has another shape, or is not contiguous.
    """
    n = len(regions.centre_xy)
    if batch.ndim != 4 or batch.shape[:2] != (n, 3) or not batch.flags.c_contiguous:
        raise ValueError(f"batch must be contiguous ({n}, 3, h, w), got {batch.shape}")
    size_wh = (batch.shape[3], batch.shape[2])
    for (sx, sy), (x, y), planes in zip(
        *_scale_and_offset(regions, size_wh, decode), batch, strict=True
    ):
        crop = cv2.warpAffine(
            image,
            np.array([[sx, 0, x], [0, sy, y]]),
            size_wh,
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=0,
        )
        for channel, table, plane in zip(cv2.split(crop), _NORMALISED, planes, strict=True):
            cv2.LUT(channel, table, dst=plane)
