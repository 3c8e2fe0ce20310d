"""PCK, the percentage of correct keypoints, relative to the torso."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kinetrace.errors import FormatError
from kinetrace.evaluation.predictions import Predictions
from kinetrace.evaluation.truth import Truth

_TORSO = ("right_hip", "left_shoulder")


@dataclass(frozen=True, kw_only=True, eq=False)
class Pck:
    """How many keypoints are where they should be.

    Attributes
    ----------
    keypoints
        The K names that the truth and the model share.
    correct, labelled : (K,) int64
        Keypoints within the threshold, and keypoints that there are.
    people
        Those who were measured: whose torso is labelled.
    left_out
        Those who were not.
    """

    keypoints: tuple[str, ...]
    correct: npt.NDArray[np.int64]
    labelled: npt.NDArray[np.int64]
    people: int
    left_out: int

    @property
    def share(self) -> float:
        """Correct keypoints of all that are labelled, 0..1; NaN without any."""
        total = int(self.labelled.sum())
        return float(self.correct.sum() / total) if total else float("nan")


def pck(predictions: Predictions, truth: Truth, *, threshold: float = 0.2) -> Pck:
    """Measure PCK.

    A keypoint is correct if it lies no farther from the labelled place than `threshold` times the
    labelled person's torso: the distance between right hip and left shoulder, as the tools for
    Leeds Sports Pose have it (PCK@0.2: Yang and Ramanan, PAMI 2013; the torso: Sapp and Taskar,
    CVPR 2013). Every labelled keypoint that the model knows counts, those that it does not report
    and those of people whom it misses as wrong. People whose hip or shoulder is not labelled have
    no torso and are left out. Who is meant by whom is decided from the nearest pair on; people who
    are reported beside the labelled ones are not held against the model, for LSP labels one person
    a photo.

    Raises
    ------
    FormatError
        If the truth has no hips or shoulders.
    """
    names = truth.skeleton.keypoints
    if not set(_TORSO) <= set(names):
        raise FormatError(f"{truth.source} has no {' and '.join(_TORSO)}: PCK needs a torso")
    hip, shoulder = (truth.xy[:, names.index(name)] for name in _TORSO)
    limit_px = threshold * np.linalg.norm(hip - shoulder, axis=1)
    measured = np.isfinite(limit_px) & ~truth.crowd
    counted = truth.labelled[:, predictions.has] & measured[:, None]
    nearest = _nearest(predictions, truth, limit_px, measured)
    # A row of NaN behind the last is what nobody, -1, finds.
    xy = np.pad(predictions.xy, ((0, 1), (0, 0), (0, 0)), constant_values=np.nan)[nearest]
    apart_px = np.linalg.norm(xy - truth.xy, axis=2)[:, predictions.has]
    return Pck(
        keypoints=tuple(n for n, has in zip(names, predictions.has, strict=True) if has),
        correct=(counted & (apart_px <= limit_px[:, None])).sum(axis=0),
        labelled=counted.sum(axis=0),
        people=int(measured.sum()),
        left_out=int((~measured & ~truth.ignored).sum()),
    )


def _nearest(
    predictions: Predictions,
    truth: Truth,
    limit_px: npt.NDArray[np.float64],
    measured: npt.NDArray[np.bool_],
) -> npt.NDArray[np.int64]:
    """Return for each of the M people the row of the prediction that is meant, -1 for none."""
    out = np.full(len(truth.xy), -1)
    m, n = _pairs(np.where(measured, truth.image, -1), predictions.image)
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.linalg.norm(predictions.xy[n] - truth.xy[m], axis=2) / limit_px[m, None]
    # Soft, so that some points far away do not decide; a point that is missing on either side is 0.
    near = np.nan_to_num(np.exp(-np.square(off) / 2), nan=0.0).sum(axis=1)
    taken = np.zeros(len(predictions.xy), bool)
    for pair in np.argsort(-near, kind="stable"):
        if near[pair] > 0 and out[m[pair]] < 0 and not taken[n[pair]]:
            out[m[pair]] = n[pair]
            taken[n[pair]] = True
    return out


def _pairs(
    truth_image: npt.NDArray[np.int64], image: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return all pairs of rows that are of the same image; -1 is none."""
    order = np.argsort(image, kind="stable")
    first, behind = (np.searchsorted(image[order], truth_image, side=s) for s in ("left", "right"))
    many = behind - first
    m = np.repeat(np.arange(len(truth_image)), many)
    within = np.arange(len(m)) - np.repeat(np.cumsum(many) - many, many)
    return m, order[np.repeat(first, many) + within]
