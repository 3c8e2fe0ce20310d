"""Labels and a teacher's keypoints -> what to train on, by how far each is to be trusted."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kinetrace.poses import Skeleton
from kinetrace.training.samples import Labels

# Relative to the longer side of the box: about a quarter of a torso.
_AGREE = 0.08
# A teacher that is less sure than the first says nothing, one surer than the second is believed.
_UNSURE, _SURE = 0.1, 0.5
# The score to learn for a keypoint that was labelled, though the teacher does not see it.
_LABELLED_HEIGHT = 0.6


def rename(xy: npt.NDArray[Any], source: Skeleton, target: Skeleton) -> npt.NDArray[np.float32]:
    """Return keypoints in the order of another skeleton, (N, K, 2); NaN for those not in it."""
    columns = [
        source.keypoints.index(name) if name in source.keypoints else -1
        for name in target.keypoints
    ]
    known = np.array(columns) >= 0
    return np.where(known[:, None], xy[:, columns], np.nan).astype(np.float32)


def trust_labels(xy: npt.NDArray[Any]) -> Labels:
    """Return labels as they are: all that is labelled counts, and should be found surely.

    Parameters
    ----------
    xy : (N, K, 2)
        Pixels; NaN where a keypoint is not labelled: nothing is learnt about it.
    """
    labelled = np.isfinite(xy).all(axis=2)
    return Labels(
        np.asarray(xy, np.float32),
        labelled.astype(np.float32),
        np.where(labelled, 1, np.nan).astype(np.float32),
    )


def blend(
    label_xy: npt.NDArray[Any],
    teacher_xy: npt.NDArray[Any],
    teacher_score: npt.NDArray[Any],
    size_px: npt.NDArray[Any],
    trust: npt.NDArray[Any],
) -> Labels:
    """Put what annotators and a teacher say together.

    Where both agree, their mean counts fully. Where they do not, the one that is more likely
    right counts, the less the closer the decision is. What only one of them has is taken from it.

    Parameters
    ----------
    label_xy, teacher_xy : (N, K, 2)
        Pixels; NaN where a keypoint is missing.
    teacher_score : (N, K)
        0..1.
    size_px : (N,)
        The longer side of each person's box.
    trust : (N,)
        How likely a label is right that a teacher who is half sure contradicts, 0..1.
    """
    labelled = np.isfinite(label_xy).all(axis=2)
    seen = np.isfinite(teacher_xy).all(axis=2) & (teacher_score >= _UNSURE)
    apart = np.linalg.norm(label_xy - teacher_xy, axis=2)
    agree = labelled & seen & (apart <= _AGREE * size_px[:, None])
    for_label = trust[:, None] * (1 - teacher_score)
    for_teacher = (1 - trust[:, None]) * teacher_score
    label_wins = labelled & (~seen | (for_label >= for_teacher)) & ~agree
    teacher_wins = seen & ~agree & ~label_wins
    xy = np.select(
        [agree[..., None], label_wins[..., None], teacher_wins[..., None]],
        [(label_xy + teacher_xy) / 2, label_xy, teacher_xy],
        np.nan,
    )
    decided = np.maximum(for_label, for_teacher) / np.maximum(for_label + for_teacher, 1e-6)
    contradicted = labelled & seen & ~agree
    sure = np.clip((teacher_score - _UNSURE) / (_SURE - _UNSURE), 0, 1)
    weight = np.select(
        [agree, contradicted, label_wins, teacher_wins],
        [1.0, (decided - 0.5) * 1.4, np.broadcast_to(trust[:, None], sure.shape), sure],
        0.0,
    )
    height = np.where(
        agree | label_wins, np.maximum(teacher_score, _LABELLED_HEIGHT), teacher_score
    )
    height = np.where(agree, np.minimum(1, np.maximum(height, 0.8)), height)
    return Labels(xy.astype(np.float32), weight.astype(np.float32), height.astype(np.float32))
