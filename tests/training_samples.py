"""People who are four coloured dots, and tiny networks that can learn them in seconds."""

from __future__ import annotations

import cv2
import numpy as np

from kinetrace.networks.hrnet import HRNet, Stage
from kinetrace.poses import Skeleton
from kinetrace.training.labels import trust_labels
from kinetrace.training.samples import pack

DOTS = Skeleton(name="dots", keypoints=("nose", "left_wrist", "right_wrist", "left_hip"))
COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0))
TINY = HRNet(
    "tiny",
    (8, 8),
    keypoints=4,
    stem_widths=(8, 8),
    bottlenecks=1,
    bottleneck_width=4,
    stages=(Stage(1, 2, 1),),
)


def draw_dots(xy, size_wh=(80, 100), radius_px=3):
    """Return a picture with a filled circle at each point."""
    image = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    for (x, y), colour in zip(xy, COLOURS, strict=False):
        if np.isfinite((x, y)).all():
            centre = (round(float(x) * 16), round(float(y) * 16))
            cv2.circle(image, centre, radius_px * 16, colour, -1, cv2.LINE_AA, 4)
    return image


def find_dots(image):
    """Return the centres of mass of the coloured dots, (4, 2), NaN for those that are not there."""
    image = image.astype(float)
    out = np.full((4, 2), np.nan)
    for k, colour in enumerate(COLOURS):
        has = np.array(colour) > 0
        mass = np.where(has, image, 255 - image).min(axis=2) ** 2
        mass[mass < 150**2] = 0  # edges of dots of other colours
        if mass.sum() > 0:
            y, x = np.mgrid[: mass.shape[0], : mass.shape[1]]
            out[k] = (mass * x).sum() / mass.sum(), (mass * y).sum() / mass.sum()
    return out


def make_samples(count=12, seed=0):
    """Return samples of people of four dots each, at random places."""
    rng = np.random.default_rng(seed)
    # Far from each other, so that dots never touch: one in each quarter of the picture.
    quarter = np.array([(20, 25), (60, 25), (20, 75), (60, 75)], float)
    xy = np.array([rng.permutation(quarter) for _ in range(count)])
    xy += rng.uniform(-9, 9, xy.shape)
    people = [(f"photo{i}.png", draw_dots(xy[i]), np.array([0, 0, 80, 100])) for i in range(count)]
    return pack(DOTS, people, trust_labels(xy))
