"""One person as they could have been photographed, too: the view and the colours at random.

The view is one affine transform from the cut-out to the network's input, so pixels are
interpolated once, and keypoints go through the same six numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from kinetrace.poses import Skeleton
from kinetrace.topdown import surround
from kinetrace.training.disturbance import disturb

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How far views and colours are changed; all shares are probabilities, 0..1.

    Attributes
    ----------
    flip
        Share of mirrored people.
    scale
        Smallest and largest size of the region around a person, relative to the usual one.
    shift
        Largest displacement, relative to the region.
    rotate
        Share of people who are turned at all.
    rotation_deg
        Standard deviation of the rotation; it ends at twice that.
    any_rotation
        Share of those turned who are turned by any angle.
    half_body
        Share of people of whom only the upper or the lower half is looked at.
    cut
        Share of people whose picture ends somewhere on their body, black beyond.
    occlude
        Share of people with a patch in front of them: of one colour, or of the same picture.
    company
        Share of people with a part of somebody else in front of them, or beside.
    coarse
        Share of pictures as coarse as those of people who are small in the picture.
    blur
        Share of blurred pictures.
    colour
        Largest change of brightness, contrast and of each channel, relative.
    """

    flip: float = 0.5
    scale: tuple[float, float] = (0.78, 1.3)
    shift: float = 0.08
    rotate: float = 0.5
    rotation_deg: float = 30.0
    any_rotation: float = 0.15
    half_body: float = 0.15
    cut: float = 0.25
    occlude: float = 0.15
    company: float = 0.2
    coarse: float = 0.25
    blur: float = 0.1
    colour: float = 0.2


NONE = Augmentation(
    flip=0,
    scale=(1, 1),
    shift=0,
    rotate=0,
    half_body=0,
    cut=0,
    occlude=0,
    company=0,
    coarse=0,
    blur=0,
    colour=0,
)


class View(NamedTuple):
    """What the network sees of one person.

    Attributes
    ----------
    image : (h, w, 3) uint8
        RGB, of the input's size.
    xy : (K, 2) float64
        Pixels of the input; NaN where a keypoint is not labelled.
    is_mirrored
        Whether left and right have changed places; `xy` is in the right order already.
    hidden : (K,) bool
        Keypoints that are there no more: beyond the cut of the picture.
    """

    image: npt.NDArray[np.uint8]
    xy: Floats
    is_mirrored: bool
    hidden: npt.NDArray[np.bool_]


def make_view(
    image: npt.NDArray[np.uint8],
    bbox_xyxy: npt.NDArray[Any],
    xy: npt.NDArray[Any],
    *,
    skeleton: Skeleton,
    input_size_wh: tuple[int, int],
    augmentation: Augmentation,
    rng: np.random.Generator,
    stranger: npt.NDArray[np.uint8] | None = None,
) -> View:
    """Draw one view of a person.

    Parameters
    ----------
    image : (H, W, 3) uint8
        The cut-out.
    bbox_xyxy : (4,)
        Around the person, in its pixels.
    xy : (K, 2)
        In its pixels; NaN where a keypoint is not labelled.
    skeleton
        What the keypoints are.
    input_size_wh
        Of the network.
    augmentation
        How far.
    rng
        What is drawn from; the same state gives the same view.
    stranger : (h, w, 3) uint8
        A picture of somebody else, of whom a part may come into view.
    """
    how = augmentation
    box = np.asarray(bbox_xyxy, np.float64)
    points = np.asarray(xy, np.float64)
    limits = None
    if rng.random() < how.half_body:
        box = _half_body(box, points, skeleton, rng)
    elif rng.random() < how.cut:
        limits = _cut(box, rng)
        box = np.concatenate([np.maximum(box[:2], limits[:2]), np.minimum(box[2:], limits[2:])])
    is_mirrored = bool(rng.random() < how.flip)
    affine = _affine(box, input_size_wh, how, is_mirrored=is_mirrored, rng=rng)
    hidden = np.zeros(len(points), bool)
    if limits is not None:
        with np.errstate(invalid="ignore"):
            hidden = np.any((points < limits[:2]) | (points > limits[2:]), axis=1)
        image, affine = _within(image, limits, affine)
        points = points - np.maximum(0, np.floor(limits[:2]))
    view = cv2.warpAffine(image, affine, input_size_wh, flags=cv2.INTER_LINEAR)
    there = points @ affine[:, :2].T + affine[:, 2]
    if is_mirrored:
        there, hidden = there[list(skeleton.mirror)], hidden[list(skeleton.mirror)]
    pixels = disturb(np.asarray(view, np.uint8), how, rng, stranger=stranger)
    return View(pixels, there, is_mirrored, hidden)


def _affine(
    box: Floats,
    size_wh: tuple[int, int],
    how: Augmentation,
    *,
    is_mirrored: bool,
    rng: np.random.Generator,
) -> Floats:
    """Return the (2, 3) transform: without augmentation that of `kinetrace.topdown`."""
    region = surround(box, size_wh)
    region_wh = region.size_wh[0] * math.exp(rng.uniform(*np.log(how.scale)))
    centre = region.centre_xy[0] + rng.uniform(-how.shift, how.shift, 2) * region_wh
    angle = 0.0
    if rng.random() < how.rotate:
        if rng.random() < how.any_rotation:
            angle = rng.uniform(-180, 180)
        else:
            angle = np.clip(rng.normal(), -2, 2) * how.rotation_deg
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    linear = np.array([[cos, -sin], [sin, cos]]) * (size_wh[0] / region_wh[0])
    if is_mirrored:
        linear[0] *= -1
    return np.column_stack([linear, np.array(size_wh) / 2 - linear @ centre])


def _half_body(box: Floats, xy: Floats, skeleton: Skeleton, rng: np.random.Generator) -> Floats:
    """Return the box of the upper or the lower half; the whole one if too little is labelled."""
    lower = np.array([name.endswith(_LOWER) for name in skeleton.keypoints])
    half = lower if rng.random() < 0.3 else ~lower
    points = xy[half & np.isfinite(xy).all(axis=1)]
    if len(points) < 4:
        return box
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.15 * (high - low).max() + 1
    return np.concatenate([low - margin, high + margin])


_LOWER = ("hip", "knee", "ankle", "heel", "toe", "foot_index")


def _cut(box: Floats, rng: np.random.Generator) -> Floats:
    """Return the limits of a picture that ends on the person: most often below, as pictures do."""
    limits = np.array([-np.inf, -np.inf, np.inf, np.inf])
    wh = box[2:] - box[:2]
    share = rng.uniform(0.15, 0.6)
    side = rng.choice(4, p=(0.2, 0.1, 0.2, 0.5))
    if side < 2:
        limits[side] = box[side] + share * wh[side]
    else:
        limits[side] = box[side] - share * wh[side - 2]
    return limits


def _within(
    image: npt.NDArray[np.uint8], limits: Floats, affine: Floats
) -> tuple[npt.NDArray[np.uint8], Floats]:
    """Return the part of a picture inside the limits, and the transform from it."""
    height, width = image.shape[:2]
    left, top = np.clip(np.floor(limits[:2]), 0, (width - 1, height - 1)).astype(int)
    right, bottom = np.clip(np.ceil(limits[2:]), (left + 1, top + 1), (width, height)).astype(int)
    moved = affine.copy()
    moved[:, 2] += affine[:, :2] @ (left, top)
    return image[top:bottom, left:right], moved
