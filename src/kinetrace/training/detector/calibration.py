"""Scores that mean something: the chance that somebody is there.

A map of centres that was trained with a focal loss ranks people well, but its numbers mean nothing:
0.3 can be all but certain. A straight line between its logits and those of the observed chance
(Platt, "Probabilistic outputs for support vector machines", 1999) goes into the last layer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kinetrace.training.detector.measurement import Marks
from kinetrace.training.export import Arrays

_CENTRE = 0  # of the five maps


class Line(NamedTuple):
    """The logit of the chance, as ``slope * logit + offset``."""

    slope: float
    offset: float

    def score(self, score: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Return the chances for raw scores within 0..1."""
        logit = self.slope * _logit(score) + self.offset
        return np.asarray(1 / (1 + np.exp(-logit)), np.float32)


_AS_IT_IS = Line(1.0, 0.0)


def fit_line(marks: Marks) -> Line:
    """Fit the line to detections that are somebody or nobody.

    A detector that has hardly learnt anything, whose detections are all of one kind or no better
    than chance, keeps its scores.

    Parameters
    ----------
    marks
        On pictures that were not trained on.
    """
    from sklearn.linear_model import LogisticRegression

    clear = marks.is_hit | marks.is_phantom
    is_hit = marks.is_hit[clear]
    if is_hit.all() or not is_hit.any():
        return _AS_IT_IS
    # Platt's targets (section 2.2) are not quite 0 and 1: without them the line is infinitely steep
    # where the two kinds do not overlap. Each detection is of both kinds, more of one.
    hits = np.count_nonzero(is_hit)
    target = np.where(is_hit, (hits + 1) / (hits + 2), 1 / (len(is_hit) - hits + 2))
    logit = np.tile(_logit(marks.score[clear]), 2)[:, None]
    model = LogisticRegression(C=np.inf)
    model.fit(
        logit,
        np.repeat([True, False], len(is_hit)),
        sample_weight=np.concatenate([target, 1 - target]),
    )
    line = Line(float(model.coef_[0, 0]), float(model.intercept_[0]))
    return line if line.slope > 0 else _AS_IT_IS


def calibrate(arrays: Arrays, line: Line) -> Arrays:
    """Return the parameters of a detector whose scores are the chances."""
    weight, bias = arrays["final_layer.weight"].copy(), arrays["final_layer.bias"].copy()
    weight[_CENTRE] *= line.slope
    bias[_CENTRE] = line.slope * bias[_CENTRE] + line.offset
    return {**arrays, "final_layer.weight": weight, "final_layer.bias": bias}


def _logit(score: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    within = np.clip(score.astype(np.float64), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(within / (1 - within)))
