"""A source -> samples: the teacher asked, labels weighed, boxes made, people cut out."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatch

import numpy as np
import numpy.typing as npt

from kinetrace.evaluation import Truth
from kinetrace.poses import Skeleton, bounds
from kinetrace.training.labels import blend, rename, trust_labels
from kinetrace.training.samples import Labels, Samples, pack
from kinetrace.training.sources import Image, Source
from kinetrace.training.teacher import Teacher, measure_tilt

Floats = npt.NDArray[np.float64]

# How likely a label is right that the teacher contradicts (`labels.blend`).
_TRUST, _TRUST_ROUGH = 0.9, 0.4
# A box reaches from the joints to the edge of the body by this, relative to its longer side.
_FLESH = 0.06
# A point that counts less than this does not say where the person ends.
_BOX_WEIGHT = 0.3
_LEAST_BOX_PX = 24.0
_LEAST_POINTS = 4


def prepare(
    source: Source,
    skeleton: Skeleton,
    *,
    teacher: Teacher | None = None,
    rough: str | None = None,
) -> Samples:
    """Make everybody who is labelled in a source a sample.

    Parameters
    ----------
    source
        Labels and pictures.
    skeleton
        What the network is to find; labels are mapped to it by name.
    teacher
        Finds what is not labelled, and is weighed against what is; None trusts the labels.
    rough
        Pattern of the names of photos whose labels are rough, such as ``lspe_*``: where the
        teacher contradicts these, it is most often right.

    Returns
    -------
    Samples
        Of people who are at least 24 px tall or wide and have four keypoints.
    """
    truth = source.truth
    labelled = rename(truth.xy, truth.skeleton, skeleton)
    if teacher is None:
        labels = trust_labels(labelled)
    else:
        is_rough = [rough is not None and fnmatch(n, rough) for n in truth.image_name]
        trust = np.where(np.array(is_rough)[truth.image], _TRUST_ROUGH, _TRUST)
        labels = blend(labelled, *teach(source, teacher), _longer_side(truth), trust)
    box = _boxes(truth, labels)
    tall = (box[:, 2:] - box[:, :2]).max(axis=1) >= _LEAST_BOX_PX
    points = np.isfinite(labels.xy).all(axis=2).sum(axis=1)
    rows = np.flatnonzero(~truth.crowd & tall & (points >= min(_LEAST_POINTS, len(skeleton))))
    rows = rows[np.argsort(truth.image[rows], kind="stable")]
    people = ((truth.image_name[n], image, box[i]) for n, image, i in _people(source, rows))
    return pack(skeleton, people, Labels(*(part[rows] for part in labels)))


def teach(
    source: Source, teacher: Teacher
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Ask the teacher for everybody.

    Returns
    -------
    xy : (N, K, 2) float32
        Pixels of the pictures; NaN where nothing was found.
    score : (N, K) float32
    """
    truth = source.truth
    shape = (len(truth.xy), len(teacher.skeleton))
    xy = np.full((*shape, 2), np.nan, np.float32)
    score = np.zeros(shape, np.float32)
    rows = np.flatnonzero(np.isfinite(truth.bbox_xyxy).all(axis=1))
    for _, image, i in _people(source, rows[np.argsort(truth.image[rows], kind="stable")]):
        joints = truth.xy[i][np.isfinite(truth.xy[i]).all(axis=1)]
        # Few joints tell less about where the person is than the box does.
        corners = truth.bbox_xyxy[i].reshape(2, 2)
        extent = joints if len(joints) >= _LEAST_POINTS else np.concatenate([joints, corners])
        xy[i], score[i], _ = teacher.label(image, extent, measure_tilt(truth.skeleton, truth.xy[i]))
    return xy, score


def _people(source: Source, rows: npt.NDArray[np.int64]) -> Iterator[tuple[int, Image, int]]:
    """Yield for each row, ascending by picture, the picture's number, the picture and the row."""
    number = source.truth.image[rows]
    for n, image in source.pictures():
        low, high = np.searchsorted(number, (n, n + 1))
        for i in rows[low:high]:
            yield n, image, int(i)


def _longer_side(truth: Truth) -> Floats:
    return np.asarray((truth.bbox_xyxy[:, 2:] - truth.bbox_xyxy[:, :2]).max(axis=1))


def _boxes(truth: Truth, labels: Labels) -> Floats:
    """Return boxes around what is labelled and what is sure, (N, 4), and the data set's own."""
    sure = np.where((labels.weight > _BOX_WEIGHT)[..., None], labels.xy, np.nan)
    box = bounds(sure).astype(np.float64)
    few = np.isfinite(sure[..., 0]).sum(axis=1) < _LEAST_POINTS
    grown = _FLESH * (box[:, 2:] - box[:, :2]).max(axis=1, keepdims=True)
    box = np.concatenate([box[:, :2] - grown, box[:, 2:] + grown], axis=1)
    own = truth.bbox_xyxy
    is_own = few | np.isfinite(truth.area_px)  # whoever measured areas drew boxes by hand
    return np.where(is_own[:, None], own, box)
