"""Predictions beside the truth: the same images, the same keypoints, a rank for each person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from kinetrace.errors import FormatError
from kinetrace.evaluation.truth import Truth
from kinetrace.poses import Poses
from kinetrace.topdown import rescore

Rank = Literal["rescored", "bbox"]

NOT_STATED = "not stated"


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """The people that a model reports in the images of a `Truth`: N people, K keypoints.

    Attributes
    ----------
    image : (N,) int64
        Index into the truth's images.
    xy : (N, K, 2) float64
        Pixels, the truth's keypoints in its order; NaN where one is missing.
    has : (K,) bool
        Which keypoints of the truth the model knows at all.
    bbox_xyxy : (N, 4) float64
        Left, top, right, bottom in pixels.
    rank : (N,) float64
        What people are sorted by.
    looked_at : (I,) bool
        The images of the truth that the model has seen.
    elsewhere
        How many of its images the truth does not have; they are left out.
    boxes
        Whose boxes the model was given, see `boxes_used`.
    """

    image: npt.NDArray[np.int64]
    xy: npt.NDArray[np.float64]
    has: npt.NDArray[np.bool_]
    bbox_xyxy: npt.NDArray[np.float64]
    rank: npt.NDArray[np.float64]
    looked_at: npt.NDArray[np.bool_]
    elsewhere: int
    boxes: str


def align(poses: Poses, truth: Truth, *, rank: Rank | None = None) -> Predictions:
    """Put predictions beside the truth.

    Images are found by their file names where the poses have them (`Poses.frame_name`), else by
    their numbers (`Poses.frame_index`), and keypoints by their names.

    Parameters
    ----------
    poses
        What a model reports.
    truth
        What there is.
    rank
        What people are sorted by: ``rescored``, the box's score times the mean of the keypoints'
        scores above 0.2, or ``bbox``, the score as it stands in the file. None is ``rescored`` for
        what `kinetrace.estimate` has made, and ``bbox`` for anybody else's results.

    Raises
    ------
    FormatError
        If none of the images, or none of the keypoints, is one of the truth's.
    """
    image_of_frame = _images(poses, truth)
    row = np.flatnonzero(image_of_frame[poses.frame] >= 0)
    known = {name: i for i, name in enumerate(poses.skeleton.keypoints)}
    columns = [known.get(name, -1) for name in truth.skeleton.keypoints]
    has = np.array(columns) >= 0
    if not has.any():
        raise FormatError(
            f"none of the keypoints of {poses.skeleton.name!r} is one of those of {truth.source}: "
            + ", ".join(truth.skeleton.keypoints)
        )
    xy = poses.xy[row][:, columns].astype(np.float64)
    looked_at = np.zeros(len(truth.image_name), bool)
    looked_at[image_of_frame[image_of_frame >= 0]] = True
    return Predictions(
        image=image_of_frame[poses.frame[row]],
        xy=np.where(has[:, None], xy, np.nan),
        has=has,
        bbox_xyxy=poses.bbox_xyxy[row].astype(np.float64),
        rank=_ranks(poses, rank)[row],
        looked_at=looked_at,
        elsewhere=int((image_of_frame < 0).sum()),
        boxes=boxes_used(poses, truth),
    )


def _images(poses: Poses, truth: Truth) -> npt.NDArray[np.int64]:
    """Return the (T,) positions in the truth of the frames, -1 for those it does not have."""
    wanted: list[Any]
    if poses.frame_name is None:
        known: dict[Any, int] = {int(number): i for i, number in enumerate(truth.image_id)}
        wanted = [int(number) for number in poses.frame_index]
        how = "number"
    else:
        known = {PurePath(name).name: i for i, name in enumerate(truth.image_name)}
        wanted = [PurePath(name).name for name in poses.frame_name]
        how = "name"
    found = np.array([known.get(key, -1) for key in wanted], np.int64)
    if len(found) and (found < 0).all():
        raise FormatError(
            f"no image of the predictions is in {truth.source}, by its {how}: "
            f"there {next(iter(known), 'nothing')!r}, here {wanted[0]!r}"
        )
    if len(np.unique(found[found >= 0])) < (found >= 0).sum():
        raise FormatError(f"two frames of the predictions have the same {how} of an image")
    return found


def _ranks(poses: Poses, rank: Rank | None) -> npt.NDArray[np.float64]:
    """Return the (N,) ranks; a person without a box's score is always ranked by keypoints."""
    if rank is None:
        rank = "rescored" if _estimate_entry(poses) is not None else "bbox"
    if rank not in ("rescored", "bbox"):
        raise ValueError(f"rank must be 'rescored' or 'bbox', got {rank!r}")
    rescored = rescore(poses.bbox_score, poses.score).astype(np.float64)
    if rank == "rescored":
        return rescored
    return np.where(np.isfinite(poses.bbox_score), poses.bbox_score, rescored).astype(np.float64)


def _estimate_entry(poses: Poses) -> dict[str, Any] | None:
    entries = [e for e in poses.log if e.get("operation") == "estimate"]
    return dict(entries[-1].get("parameters") or {}) if entries else None


def boxes_used(poses: Poses, truth: Truth) -> str:
    """Return whose boxes a model was given, as its log states: accuracy means little without.

    Returns
    -------
    str
        ``ground truth``, if the boxes came out of the truth's own file; ``given (FILE)``, if out of
        another one; ``detected (DETECTOR)``; ``none``, for a backend without a detector; or ``not
        stated``, where there is no log.
    """
    made = _estimate_entry(poses)
    if made is None:
        return NOT_STATED
    detector = made.get("detector")
    if isinstance(detector, Mapping):
        path = detector.get("boxes")
        if path is not None:
            same = Path(str(path)).resolve() == Path(truth.source).resolve()
            return "ground truth" if same else f"given ({PurePath(str(path)).name})"
        detector = detector.get("detector")
    return f"detected ({detector})" if detector else "none"
