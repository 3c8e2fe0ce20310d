"""Top-down pose estimation without the network: box -> crop, heatmap -> keypoint.

Pure functions on arrays; N people at once, of one image or of many:

>>> regions = surround(bbox_xyxy, (192, 256))  # doctest: +SKIP
>>> write_crops(image, regions, batch, decode="dark")  # doctest: +SKIP
>>> heatmaps = network(batch)  # doctest: +SKIP
>>> xy, score = locate(heatmaps, regions, (1920, 1080), decode="dark")  # doctest: +SKIP
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace.choices import Decode
from kinetrace.topdown.crops import Regions, surround, to_grid, to_image, write_crops
from kinetrace.topdown.heatmaps import (
    average_flipped,
    decode_heatmaps,
    encode_heatmaps,
    training_sigma_px,
)
from kinetrace.topdown.suppression import rescore, suppress

__all__ = [
    "Decode",
    "Regions",
    "average_flipped",
    "decode_heatmaps",
    "encode_heatmaps",
    "locate",
    "rescore",
    "suppress",
    "surround",
    "to_grid",
    "to_image",
    "training_sigma_px",
    "write_crops",
]


def locate(
    heatmaps: npt.NDArray[Any],
    regions: Regions,
    image_size_wh: npt.ArrayLike,
    *,
    decode: Decode,
    sigma_px: float | None = None,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Find people's keypoints in the image from the heatmaps of their crops.

    Parameters
    ----------
    heatmaps : (N, K, H, W)
        What the network gave.
    regions
        Where the N crops come from.
    image_size_wh : (2,) or (N, 2)
        Width and height in pixels of the image, or of each person's.
    decode, sigma_px
        As for `decode_heatmaps`.

    Returns
    -------
    xy : (N, K, 2) float32
        Pixels of the image; NaN where there is no position, or one outside the image. What lies
        outside by less than a heatmap pixel, nearer than the network can tell, is on the edge.
    score : (N, K) float32
        Height of the peak, 0..1; 0 where `xy` is NaN.
    """
    found, score = decode_heatmaps(heatmaps, decode=decode, sigma_px=sigma_px)
    size_wh = (heatmaps.shape[3], heatmaps.shape[2])
    xy = to_image(found, regions, size_wh, decode=decode)
    # An image reaches from the left edge of its first pixel to the right edge of its last.
    edge = np.asarray(image_size_wh, np.float64).reshape(-1, 1, 2) - 0.5
    cell_px = (regions.size_wh / size_wh)[:, None]
    inside = np.all((xy > -0.5 - cell_px) & (xy < edge + cell_px), axis=2)
    xy = np.where(inside[..., None], np.clip(xy, -0.5, edge), np.nan)
    return xy.astype(np.float32), np.where(inside, score, 0)
