"""The people of one frame as the tracker sees them: where, how large, how sure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace.poses import Poses, Skeleton, bounds
from kinetrace.similarity import oks, squared_distances
from kinetrace.skeletons import COCO17

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# Below it, a keypoint says more about the network's imagination than about the person.
_SEEN_ABOVE = 0.2
# Of a keypoint of whose spread nothing is published: that of wrists and elbows, roughly.
_OTHER_SIGMA = 0.06
# The diagonal of the box around somebody who stands is 1.7 m, the square root of the area that a
# person fills about 0.9 m; unlike the box's area, the diagonal hardly changes over a stride.
_SIZE_OF_DIAGONAL = 0.55
# Two poses of one frame are one person if so many of the keypoints of the one lie on the other's.
_SAME_SHARE = 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Bodies:
    """N people of one frame.

    Attributes
    ----------
    xy : (N, K, 2)
        Pixels, NaN where a keypoint is missing or its score is not above 0.2.
    box_xyxy : (N, 4)
        Around these keypoints, in px; where there is none, around nothing (NaN).
    size_px : (N,)
        About the square root of the area that the person fills.
    confidence : (N,)
        0..1: the geometric mean of the box's score and the mean score of the keypoints that are
        there; of the latter alone where nothing scored the box.
    colour : (N, C)
        What `kinetrace.tracking.appearance` says of the picture, NaN without one.
    """

    xy: Floats
    box_xyxy: Floats
    size_px: Floats
    confidence: Floats
    colour: Floats

    def __len__(self) -> int:
        return len(self.xy)

    def __getitem__(self, rows: Any) -> Bodies:
        return Bodies(**{name: array[rows] for name, array in vars(self).items()})


def bodies_of(poses: Poses, colour: Floats) -> Bodies:
    """Return the people of poses, row by row.

    Parameters
    ----------
    poses
        N rows.
    colour : (N, C)
        Their appearance.
    """
    seen = _seen(poses)
    xy = np.where(seen[..., None], poses.xy, np.nan).astype(np.float64)
    box_xyxy = bounds(xy).astype(np.float64)
    diagonal_px = np.hypot(*(box_xyxy[:, 2:] - box_xyxy[:, :2]).T)
    known = np.isfinite(poses.xy).all(axis=2)
    mean = np.where(known, poses.score, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    scored = np.isfinite(poses.bbox_score)
    confidence = np.where(scored, np.sqrt(np.maximum(poses.bbox_score, 0) * mean), mean)
    return Bodies(
        xy=xy,
        box_xyxy=box_xyxy,
        size_px=np.maximum(_SIZE_OF_DIAGONAL * diagonal_px, 1.0),
        confidence=confidence.astype(np.float64),
        colour=colour,
    )


def _seen(poses: Poses) -> Bools:
    return np.asarray((poses.score > _SEEN_ABOVE) & np.isfinite(poses.xy).all(axis=2))


def has_keypoint(poses: Poses) -> Bools:
    """Tell of each of N rows whether there is a keypoint to know somebody by, (N,)."""
    return np.asarray(_seen(poses).any(axis=1))


def sigmas_of(skeleton: Skeleton) -> Floats:
    """Return a deviation for each keypoint: the skeleton's, or COCO's by name, or 0.06."""
    if skeleton.sigmas:
        return np.array(skeleton.sigmas, np.float64)
    known = dict(zip(COCO17.keypoints, COCO17.sigmas, strict=True))
    return np.array([known.get(name, _OTHER_SIGMA) for name in skeleton.keypoints])


def middle_of(box_xyxy: Floats) -> Floats:
    """Return the (N, 2) middles of (N, 4) boxes."""
    return (box_xyxy[:, :2] + box_xyxy[:, 2:]) / 2


def lies_on(a: Bodies, b: Bodies, sigmas: Floats, mirror: tuple[int, ...]) -> Bools:
    """Tell whose keypoints lie on somebody else's: a person who was found twice.

    The second time is often part of the person only, or with left and right exchanged.

    Parameters
    ----------
    a, b
        N and M people of one frame.
    sigmas : (K,)
        As `sigmas_of` returns them.
    mirror
        `Skeleton.mirror`.

    Returns
    -------
    (N, M) bool
        Half of the first one's keypoints are where the second one has the same.
    """
    known: Bools = np.asarray(np.isfinite(a.xy).all(axis=2))
    there = np.broadcast_to(known[:, None], (len(a), len(b), len(sigmas)))
    alike = [
        oks(squared_distances(a.xy, xy), np.square(b.size_px), sigmas, there)
        for xy in (b.xy, b.xy[:, list(mirror)])
    ]
    return np.asarray(np.maximum(*alike) >= _SAME_SHARE)
