"""Who is who from one frame to the next."""

from __future__ import annotations

import numpy as np

from kinetrace.boxes import iou
from kinetrace.similarity import oks, squared_distances
from kinetrace.tracking.bodies import Bodies, Bools, Floats, Ints
from kinetrace.tracking.tracks import Prediction

# Limbs move beside the body: so many sizes in a second.
_LIMBS = 0.5
# The fewer keypoints two poses share, the less their distance says; from here on, all.
_ENOUGH_KEYPOINTS = 5
# Somebody who crouches is half as large as before, and one who walks away slowly smaller.
_SIZE_FACTOR = 2.0


def similarity(expected: Prediction, size_px: Floats, body: Bodies, sigmas: Floats) -> Floats:
    """Return how alike M tracks and N people of a frame are.

    The mean of Object Keypoint Similarity and of the boxes' intersection over union. What is
    not sure about a prediction, which is little from one frame to the next and much after a second
    unseen, adds to the deviations of OKS, so that the same threshold serves at every rate.

    Parameters
    ----------
    expected
        Where the tracks should be.
    size_px : (M,)
        Their size.
    body
        The people.
    sigmas : (K,)
        As `sigmas_of` returns them.

    Returns
    -------
    (M, N) float64
        0..1; 0 for people of quite another size.
    """
    if not len(size_px) or not len(body):
        return np.zeros((len(size_px), len(body)))
    apart = squared_distances(expected.xy, body.xy)
    spread = expected.motion.variance[:, :1] + np.square(_LIMBS * expected.age_s)[:, None]
    wide = np.sqrt(np.square(2 * sigmas) + spread) / 2
    poses = oks(apart, np.square(size_px)[:, None], wide[:, None])
    trust = np.minimum(np.isfinite(apart).sum(axis=2) / _ENOUGH_KEYPOINTS, 1)
    boxes = np.nan_to_num(iou(expected.box_xyxy, body.box_xyxy))
    alike = (trust * poses + boxes) / (trust + 1)
    return np.where(are_of_one_size(size_px, body.size_px), alike, 0)


def are_of_one_size(size_px: Floats, other_px: Floats) -> Bools:
    """Tell whose sizes fit, (M, N)."""
    return np.asarray(np.abs(np.log(size_px[:, None] / other_px)) <= np.log(_SIZE_FACTOR))


def assign(value: Floats, least: float) -> tuple[Ints, Ints]:
    """Pair rows with columns so that the sum of the values is largest.

    Parameters
    ----------
    value : (M, N)
        How good a pair is.
    least
        Pairs with a smaller value are none.

    Returns
    -------
    (P,), (P,) int64
        Rows, ascending, and their columns.
    """
    possible = (value >= least) & (value > 0)
    if (possible.sum(axis=0) <= 1).all() and (possible.sum(axis=1) <= 1).all():
        row, column = np.nonzero(possible)  # nobody has a rival, as in most frames
        return row.astype(np.int64), column.astype(np.int64)

    from scipy.optimize import linear_sum_assignment

    # A forbidden pair is worth nothing: one that is must not be given up for it.
    row, column = linear_sum_assignment(np.where(value >= least, value, 0), maximize=True)
    good = value[row, column] >= least
    return row[good].astype(np.int64), column[good].astype(np.int64)
