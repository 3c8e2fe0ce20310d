"""What people look like: the colours of shirt and trousers."""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace.poses import Poses

Floats = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]

# A region is the quadrangle between four keypoints, looked at in so many rows and columns, a tenth
# within its edges.
_REGIONS = (
    ("left_shoulder", "right_shoulder", "left_hip", "right_hip"),
    ("left_hip", "right_hip", "left_knee", "right_knee"),
)
_GRID = (10, 6)
_LEAST_SCORE = 0.3
# Lightness is wide, and changes with the light; the two colour axes of Lab rarely leave +-48 on
# clothes.
_RANGES = ((0.0, 100.0, 6), (-48.0, 48.0, 8), (-48.0, 48.0, 8))
_BINS = sum(bins for _, _, bins in _RANGES)
SIZE = len(_REGIONS) * _BINS

# From linear sRGB to XYZ, each relative to D65's white (IEC 61966-2-1).
_TO_XYZ = (
    np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    / np.array([0.9505, 1.0, 1.089])[:, None]
)
_ROOTS_TO_LAB = np.array([[0, 500, 0], [116, -500, 200], [0, 0, -200]])


def colours(image: Image | None, poses: Poses) -> Floats:
    """Return the colour histograms of each person's trunk and thighs.

    Lightness and the two colour axes of CIE Lab, each a histogram of its own; the square roots of
    the shares, so that a product of two people's is Bhattacharyya's coefficient.

    Parameters
    ----------
    image : (H, W, 3) uint8 or None
        RGB.
    poses
        N people of this image, in its pixels.

    Returns
    -------
    (N, C) float64
        NaN for a region of which a corner is missing, outside the image or badly scored.
    """
    if image is None:
        return np.broadcast_to(np.nan, (len(poses), SIZE))  # no memory for a film's worth of it
    names = poses.skeleton.keypoints
    out = np.full((len(poses), len(_REGIONS), _BINS), np.nan)
    for r, region in enumerate(_REGIONS):
        if not set(region) <= set(names):
            continue
        corners = [names.index(name) for name in region]
        xy = poses.xy[:, corners].astype(np.float64)
        inside = (xy >= 0) & (xy <= np.array(image.shape[1::-1]) - 1)
        good = (inside.all(axis=2) & (poses.score[:, corners] >= _LEAST_SCORE)).all(axis=1)
        if good.any():
            out[good, r] = _histograms(_pixels(image, xy[good]))
    return out.reshape(len(poses), SIZE)


def _pixels(image: Image, corners_xy: Floats) -> Floats:
    """Return the (N, P, 3) Lab of points within (N, 4, 2) corners."""
    down, across = (np.linspace(0.1, 0.9, n) for n in _GRID)
    v, u = (a.ravel()[:, None] for a in np.meshgrid(down, across, indexing="ij"))
    weight = np.concatenate([(1 - v) * (1 - u), (1 - v) * u, v * (1 - u), v * u], axis=1)
    at = np.round(weight @ corners_xy).astype(np.intp)
    return _to_lab(image[at[..., 1], at[..., 0]])


def _to_lab(rgb: Image) -> Floats:
    """Convert sRGB (..., 3) to CIE Lab under D65 (ISO/CIE 11664-4), L 0..100.

    OpenCV first fills tables for whole pictures, which takes as long as the points of some
    thousand frames do, and would hold up the first one.
    """
    xyz = _linear_light()[rgb] @ _TO_XYZ.T
    root = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.asarray(root @ _ROOTS_TO_LAB - (16, 0, 0))


@lru_cache(maxsize=1)
def _linear_light() -> Floats:
    """Return the light that each of sRGB's 256 values stands for, 0..1 (IEC 61966-2-1)."""
    value = np.arange(256) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def _histograms(lab: Floats) -> Floats:
    """Return the (N, B) square roots of histograms of (N, P, 3), a value shared by two bins."""
    n, p, _ = lab.shape
    person = np.repeat(np.arange(n), p)
    parts = []
    for axis, (low, high, bins) in enumerate(_RANGES):
        place = np.clip((lab[..., axis].ravel() - low) / (high - low), 0, 1) * (bins - 1)
        left = np.minimum(place.astype(np.intp), bins - 2)
        share = place - left
        counts = np.zeros((n, bins))
        np.add.at(counts, (person, left), 1 - share)
        np.add.at(counts, (person, left + 1), share)
        parts.append(np.sqrt(counts / p))
    return np.concatenate(parts, axis=1)


def likeness(a: Floats, b: Floats) -> Floats:
    """Return how alike the colours of every two people are.

    Parameters
    ----------
    a : (M, C)
        As `colours` returns them.
    b : (N, C)
        The same.

    Returns
    -------
    (M, N) float64
        0..1; NaN where the two share no region.
    """
    parts = (len(_REGIONS), len(_RANGES))
    total, count = np.zeros((len(a), len(b))), np.zeros((len(a), len(b)))
    stops = np.cumsum([0] + [bins for _ in range(parts[0]) for _, _, bins in _RANGES])
    known = np.where(np.isfinite(a), a, 0), np.where(np.isfinite(b), b, 0)
    for start, stop in itertools.pairwise(stops):
        both = np.isfinite(a[:, start, None]) & np.isfinite(b[:, start])
        one, other = (part[:, start:stop] for part in known)
        total += np.where(both, one @ other.T, 0)
        count += both
    with np.errstate(invalid="ignore"):
        return np.asarray(total / np.where(count > 0, count, np.nan))


def blend(old: Floats, new: Floats, share: float) -> Floats:
    """Return the exponential mean of colours; where one is NaN, the other."""
    mixed = np.sqrt((1 - share) * np.square(old) + share * np.square(new))
    known: Any = np.where(np.isnan(old), new, mixed)
    return np.asarray(np.where(np.isnan(new), old, known))
