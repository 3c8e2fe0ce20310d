"""People in a scene -> what the network is to give: a map of centres, and boxes near them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace.networks.person import STRIDE_PX
from kinetrace.training.detector.pictures import People

Floats32 = npt.NDArray[np.float32]

# Who is surer than this is a person; who is less sure counts neither way.
SURE = 0.45
# Liu et al. (AAAI 2020): the part of a box, from its centre, whose pixels learn of the box, and
# how many standard deviations that part is wide.
_REACH = 0.54
_DEVIATIONS = 6.0


class Target(NamedTuple):
    """What one scene should give; the map's sides are h and w.

    Attributes
    ----------
    centre : (h, w) float32
        1 at each person's centre, and a Gaussian around it.
    xyxy : (4, h, w) float32
        The box of the person that a pixel is near to, px of the input.
    box_weight : (h, w) float32
        How much the box counts; 0 where nobody is near.
    counts : (h, w) bool
        Where the centre's map is to be learnt.
    """

    centre: Floats32
    xyxy: Floats32
    box_weight: Floats32
    counts: npt.NDArray[np.bool_]


def encode(people: People, size_wh: tuple[int, int]) -> Target:
    """Make the target of a scene.

    Parameters
    ----------
    people
        In px of the input.
    size_wh
        Of the input.
    """
    width, height = (side // STRIDE_PX for side in size_wh)
    centre = np.zeros((height, width), np.float32)
    xyxy = np.zeros((4, height, width), np.float32)
    box_weight = np.zeros((height, width), np.float32)
    counts = np.ones((height, width), bool)
    is_sure = people.score >= SURE
    for box in people.bbox_xyxy[~is_sure] / STRIDE_PX:
        left, top = np.floor(box[:2]).astype(int).clip(0)
        right, bottom = np.ceil(box[2:]).astype(int)
        counts[top:bottom, left:right] = False
    boxes = people.bbox_xyxy[is_sure]
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    # Small people last: they win where people overlap.
    for box, area in sorted(zip(boxes, areas, strict=True), key=lambda each: -each[1]):
        x, y, bell = _bell(box / STRIDE_PX, (width, height))
        part = (slice(y, y + bell.shape[0]), slice(x, x + bell.shape[1]))
        centre[part] = np.maximum(centre[part], bell)
        xyxy[(slice(None), *part)] = box[:, None, None]
        box_weight[part] = bell / bell.sum() * np.log(max(area, 16.0))
        counts[part] |= bell == 1
    return Target(centre, xyxy, box_weight, counts)


def _bell(box: Floats32, size_wh: tuple[int, int]) -> tuple[int, int, Floats32]:
    """Return a Gaussian of height 1 at a box's centre, and where its first pixel lies."""
    first, bells = [], []
    for axis in range(2):
        low, high = box[axis], box[axis + 2]
        peak = min(max(int((low + high) / 2), 0), size_wh[axis] - 1)
        radius = int((high - low) / 2 * _REACH)
        at = np.arange(max(0, peak - radius), min(size_wh[axis], peak + radius + 1))
        deviation = (2 * radius + 1) / _DEVIATIONS
        bells.append(np.exp(-np.square(at - peak) / (2 * deviation**2)).astype(np.float32))
        first.append(int(at[0]))
    return first[0], first[1], np.outer(bells[1], bells[0])
