"""Average precision and recall of keypoints, as COCO defines them.

The rules are those of https://cocodataset.org/#keypoints-eval and of its reference code, to the
last tie: the 20 best people of an image, matched greedily from the best to the most similar person
who is free, at ten thresholds of Object Keypoint Similarity from 0.50 to 0.95; crowds and people
without labelled keypoints, and in a range of areas those outside it, neither help nor harm;
precision is made to fall and read off at 101 values of recall.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace.errors import FormatError
from kinetrace.evaluation.predictions import Predictions
from kinetrace.evaluation.truth import Truth
from kinetrace.similarity import oks, squared_distances

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

THRESHOLDS = np.linspace(0.5, 0.95, 10)
_MOST_PEOPLE = 20
_RECALLS = np.linspace(0, 1, 101)
# All, medium, large; COCO has no small people, whose keypoints are not labelled.
_AREAS_PX = np.array([(0, 1e10), (32**2, 96**2), (96**2, 1e10)])


@dataclass(frozen=True, kw_only=True)
class AveragePrecision:
    """COCO's ten numbers, 0..1; NaN where no person of the truth counts.

    Attributes
    ----------
    ap, ap50, ap75
        Average precision: over thresholds 0.50 to 0.95, at 0.50, at 0.75.
    ap_medium, ap_large
        Of people of 32^2 to 96^2 square pixels, and of larger ones.
    ar, ar50, ar75, ar_medium, ar_large
        Average recall, of the same.
    """

    ap: float
    ap50: float
    ap75: float
    ap_medium: float
    ap_large: float
    ar: float
    ar50: float
    ar75: float
    ar_medium: float
    ar_large: float


class ImageMatches(NamedTuple):
    """Who was matched to whom in one image: D people reported, best first, and G annotated.

    Attributes
    ----------
    predicted : (D,) int64
        Rows of the `Predictions`.
    similarity : (D, G) float64
        OKS.
    match : (A, T, D) int64
        Row of the `Truth` for each range of areas and threshold, -1 for nobody.
    ignored : (A, T, D) bool
        Neither right nor wrong.
    """

    predicted: npt.NDArray[np.int64]
    similarity: Floats
    match: npt.NDArray[np.int64]
    ignored: Bools


def average_precision(predictions: Predictions, truth: Truth) -> AveragePrecision:
    """Measure average precision and recall.

    Raises
    ------
    FormatError
        If the truth has no areas or its keypoints no published sigmas, or the predictions lack a
        keypoint.
    """
    images = list(match_images(predictions, truth, THRESHOLDS))
    order = np.concatenate([[], *(im.predicted for im in images)]).astype(np.int64)
    best_first = np.argsort(-predictions.rank[order], kind="stable")
    empty = np.zeros((len(_AREAS_PX), len(THRESHOLDS), 0))
    match = np.concatenate([empty, *(im.match for im in images)], axis=2)[..., best_first]
    ignored = np.concatenate([empty, *(im.ignored for im in images)], axis=2)[..., best_first]
    counted = ~ignored.astype(bool)
    precision, recall = _curves(
        hits=(match >= 0) & counted,
        misses=(match < 0) & counted,
        people=(~_ignored(truth)).sum(axis=1),
    )
    return AveragePrecision(
        ap=float(precision[0].mean()),
        ap50=float(precision[0, 0]),
        ap75=float(precision[0, 5]),
        ap_medium=float(precision[1].mean()),
        ap_large=float(precision[2].mean()),
        ar=float(recall[0].mean()),
        ar50=float(recall[0, 0]),
        ar75=float(recall[0, 5]),
        ar_medium=float(recall[1].mean()),
        ar_large=float(recall[2].mean()),
    )


def _curves(*, hits: Bools, misses: Bools, people: npt.NDArray[Any]) -> tuple[Floats, Floats]:
    """Return the (A, T) average precisions and the recalls; NaN where there are no people."""
    right, wrong = hits.cumsum(axis=2, dtype=float), misses.cumsum(axis=2, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = right / people[:, None, None]
    precision = right / (right + wrong + np.spacing(1))
    # The best precision at this recall or a higher one.
    precision = np.maximum.accumulate(precision[..., ::-1], axis=2)[..., ::-1]
    shape = hits.shape[:2]
    area, last = np.full(shape, np.nan), np.full(shape, np.nan)
    for at in np.ndindex(shape):
        if people[at[0]] == 0:
            continue
        where = np.searchsorted(recall[at], _RECALLS, side="left")
        area[at] = np.append(precision[at], 0)[where].mean()
        last[at] = recall[at][-1] if recall.shape[2] else 0
    return area, last


def _ignored(truth: Truth) -> Bools:
    """Return which people of the truth do not count in each range of areas, (A, M)."""
    low, high = _AREAS_PX[:, :1], _AREAS_PX[:, 1:]
    return np.asarray(truth.ignored | (truth.area_px < low) | (truth.area_px > high))


def match_images(
    predictions: Predictions, truth: Truth, thresholds: Floats
) -> Iterator[ImageMatches]:
    """Match the people of each image by COCO's rules.

    Parameters
    ----------
    thresholds : (T,)
        OKS at which two are the same person.

    Yields
    ------
    ImageMatches
        For each image, in the truth's order.

    Raises
    ------
    FormatError
        As for `average_precision`.
    """
    _check(predictions, truth)
    # A result of COCO has every keypoint; one that is missing stands at (0, 0) there.
    xy = np.nan_to_num(predictions.xy, nan=0.0)
    wh = xy.max(axis=1, initial=-np.inf) - xy.min(axis=1, initial=np.inf)
    area_px = wh.prod(axis=1)
    outside = np.asarray((area_px < _AREAS_PX[:, :1]) | (area_px > _AREAS_PX[:, 1:]))
    skip = _ignored(truth)
    of_truth, of_predictions = _rows(truth.image), _rows(predictions.image)
    nobody = np.zeros(0, np.int64)
    for image in range(len(truth.image_name)):
        g, d = of_truth.get(image, nobody), of_predictions.get(image, nobody)
        d = d[np.argsort(-predictions.rank[d], kind="stable")][:_MOST_PEOPLE]
        similarity = _similarity(xy[d], truth, g)
        # Rows of one long axis: every range of areas at every threshold.
        limits = np.tile(np.minimum(thresholds, 1 - 1e-10), len(skip))
        ignore = np.repeat(skip[:, g], len(thresholds), axis=0)
        match = _match(similarity, limits, ignore, truth.crowd[g])
        there = np.asarray(match >= 0)
        nobody_ignored = np.pad(ignore, ((0, 0), (0, 1)))  # which is what -1 finds
        dropped = np.where(
            there,
            np.take_along_axis(nobody_ignored, match, axis=1),
            np.repeat(outside[:, d], len(thresholds), axis=0),
        )
        shape = (len(skip), len(thresholds), len(d))
        rows = np.where(there, np.append(g, -1)[match], -1)
        yield ImageMatches(d, similarity, rows.reshape(shape), dropped.reshape(shape))


def _rows(image: npt.NDArray[np.int64]) -> dict[int, npt.NDArray[np.int64]]:
    """Return the rows of each image, in their order."""
    order = np.argsort(image, kind="stable")
    numbers, starts = np.unique(image[order], return_index=True)
    return dict(zip(numbers.tolist(), np.split(order, starts[1:]), strict=False))


def _check(predictions: Predictions, truth: Truth) -> None:
    if not truth.skeleton.sigmas:
        raise FormatError(
            f"the keypoints of {truth.source} have no published sigmas, so there is no OKS: "
            "measure PCK"
        )
    if np.isnan(truth.area_px).any():
        raise FormatError(f"{truth.source} has no areas of people, so there is no OKS: measure PCK")
    if not predictions.has.all():
        missing = np.array(truth.skeleton.keypoints)[~predictions.has]
        raise FormatError(f"the predictions have no {', '.join(missing)}: OKS needs all keypoints")


def _similarity(xy: Floats, truth: Truth, rows: npt.NDArray[np.int64]) -> Floats:
    """Return the (D, G) OKS of some people with some of the truth.

    For somebody without a labelled keypoint, a keypoint's distance is that to their box, made three
    times as wide and high, as in COCO's code.
    """
    labelled = np.asarray(np.isfinite(truth.xy[rows]).all(axis=2))
    squared = squared_distances(xy, truth.xy[rows])
    low, high = np.split(truth.bbox_xyxy[rows][:, None], 2, axis=2)
    beyond = np.maximum(0, low - (high - low) - xy[:, None])
    beyond = beyond + np.maximum(0, xy[:, None] - (high + (high - low)))
    bare = np.asarray(~labelled.any(axis=1))
    squared = np.where(bare[:, None], np.square(beyond).sum(axis=3), squared)
    counted = labelled | bare[:, None]
    return oks(squared, truth.area_px[rows], truth.skeleton.sigmas, counted)


def _match(
    similarity: Floats, limits: Floats, ignore: Bools, crowd: Bools
) -> npt.NDArray[np.int64]:
    """Match people greedily, in all R rows of limits at once.

    Parameters
    ----------
    similarity : (D, G)
    limits : (R,)
        Least similarity of a match.
    ignore : (R, G)
        Who is matched only if nobody else is left.
    crowd : (G,)
        Who can be matched by many.

    Returns
    -------
    (R, D) int64
        Index into the G, -1 for nobody.
    """
    out = np.full((len(limits), len(similarity)), -1)
    if similarity.shape[1] == 0:
        return out
    taken = np.zeros(ignore.shape, bool)
    last = similarity.shape[1] - 1
    rows = np.arange(len(limits))
    for d, alike in enumerate(similarity):
        free = (alike >= limits[:, None]) & (~taken | crowd)
        wanted = free & ~ignore
        free = np.where(wanted.any(axis=1)[:, None], wanted, free)
        # Of equals the last one wins, as in COCO's code.
        best = last - np.where(free, alike, -1)[:, ::-1].argmax(axis=1)
        found = free.any(axis=1)
        out[:, d] = np.where(found, best, -1)
        taken[rows[found], best[found]] = True
    return out
