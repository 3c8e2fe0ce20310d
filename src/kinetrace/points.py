"""Keypoints by name, of those that are well seen."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from kinetrace.geometry import midpoint
from kinetrace.poses import Poses, Skeleton

Floats: TypeAlias = npt.NDArray[np.float64]

# Other names for the same place: MediaPipe's foot index is OpenPose's big toe.
_ALSO_CALLED = {f"{side}_foot_index": f"{side}_big_toe" for side in ("left", "right")}


def seen(points: npt.ArrayLike, poses: Poses, min_score: float) -> Floats:
    """Return points (N, K, D) of some poses, NaN where their score is too low.

    Raises
    ------
    ValueError
        If the score is not within 0..1.
    """
    if not 0 <= min_score <= 1:
        raise ValueError(f"min_score must be within 0..1, got {min_score}")
    well = np.asarray(poses.score >= min_score)[..., None]
    return np.where(well, np.asarray(points, dtype=np.float64), np.nan)


def find(points: Floats, skeleton: Skeleton, name: str, *, hidden: bool = False) -> Floats:
    """Return one keypoint of (N, K, D) by name; NaN where the skeleton does not have it.

    Parameters
    ----------
    points
        Of that skeleton.
    skeleton
        Names the K keypoints.
    name
        ``mid_hip`` is the middle of ``left_hip`` and ``right_hip``, and so on.
    hidden
        From the side the far one of two is often hidden, and both are in nearly the same place:
        whether the one that is seen may stand for the middle.
    """
    if not name.startswith("mid_"):
        own = _own_name(skeleton, name)
        if own is None:
            return np.full((len(points), points.shape[-1]), np.nan)
        return np.asarray(points[:, skeleton.index(own)])
    left, right = (find(points, skeleton, f"{side}_{name[4:]}") for side in ("left", "right"))
    middle = midpoint(left, right)
    if not hidden:
        return middle
    return np.where(np.isnan(middle), np.where(np.isnan(left), right, left), middle)


def has(skeleton: Skeleton, name: str) -> bool:
    """Tell whether a skeleton has a keypoint, or both of which it is the middle."""
    if not name.startswith("mid_"):
        return _own_name(skeleton, name) is not None
    return all(has(skeleton, f"{side}_{name[4:]}") for side in ("left", "right"))


def _own_name(skeleton: Skeleton, name: str) -> str | None:
    """Return what a skeleton calls a keypoint; None if it does not have it."""
    names = (name, _ALSO_CALLED.get(name))
    return next((own for own in names if own in skeleton.keypoints), None)
